//! The `handoff:` line protocol: how the guest says that control has passed on.
//!
//! One line a milestone, on the console, written by the guest and read by the host:
//!
//! ```text
//! handoff: 1 6f1c0d… root-mounted source=/dev/vda2 fstype=ext4
//! ```
//!
//! After the marker come the protocol's version, the token, the milestone, and `key=value` fields
//! whose values have bytes outside `!`..`~`, `%` and `=` written as `%XX`. The token is new for each
//! boot; it reaches the guest as the kernel argument `handoff=TOKEN[:poweroff|:shell]`. A line with another token (an
//! old log, a nested guest, a file that somebody printed) is not this boot's and proves nothing.
//! A guest that was given no token writes `-`, which no host accepts.
//!
//! | milestone | fields |
//! |---|---|
//! | `init-alive` | `kernel` (release), `machine` |
//! | `modules-loaded` | `count`; `warning` (`PATH:ERRNO` of the first that could not be loaded) |
//! | `root-found` | `source` (device node) |
//! | `root-mounted` | `source`, `fstype`, `mode` (`ro` or `rw`) |
//! | `switch-root` | `init` (what is executed next); `speaks` (`handoff` where that is an init of ours) |
//! | `userspace-ready` | `then` (`poweroff`, `shell`, or `program` with `program`, which was executed) |
//! | `failed` | `step` (see [`crate::step::Step`]), `errno` (name), `number`, and what it was about |

use core::fmt;

/// What every line starts with; anything may stand before it (a kernel timestamp, another message).
pub const MARKER: &str = "handoff: ";

/// The version of the protocol.
pub const VERSION: &str = "1";

/// What a program has in it that speaks the protocol: `/init` looks for it in the init that it hands over
/// to, and by looking for it has it itself.
pub const SPEAKER: &[u8] = b"bootwright-init speaks handoff 1";

/// The kernel argument that carries the token.
pub const ARGUMENT: &str = "handoff";

/// The token of a guest that was given none.
pub const NO_TOKEN: &str = "-";

/// The longest token, in bytes.
pub const TOKEN_MAX: usize = 64;

/// A point that control has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// `/init` of the initramfs runs.
    InitAlive,
    /// The kernel modules that the initramfs brought are loaded.
    ModulesLoaded,
    /// The root device is there.
    RootFound,
    /// The root filesystem is mounted.
    RootMounted,
    /// The root filesystem is `/`, and its init is about to be executed.
    SwitchRoot,
    /// Userspace on the root filesystem runs.
    UserspaceReady,
    /// A step failed; the fields `step` and `errno` say which and why.
    Failed,
}

impl Milestone {
    /// All of them, in the order in which a healthy boot passes them; `Failed` is last.
    pub const ALL: [Milestone; 7] = [
        Milestone::InitAlive,
        Milestone::ModulesLoaded,
        Milestone::RootFound,
        Milestone::RootMounted,
        Milestone::SwitchRoot,
        Milestone::UserspaceReady,
        Milestone::Failed,
    ];

    /// The word on the line.
    pub const fn word(self) -> &'static str {
        match self {
            Milestone::InitAlive => "init-alive",
            Milestone::ModulesLoaded => "modules-loaded",
            Milestone::RootFound => "root-found",
            Milestone::RootMounted => "root-mounted",
            Milestone::SwitchRoot => "switch-root",
            Milestone::UserspaceReady => "userspace-ready",
            Milestone::Failed => "failed",
        }
    }
}

/// What the guest does after it has said `userspace-ready`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// Nobody asked: a shell where there is one, else power off.
    Unasked,
    /// Power off.
    PowerOff,
    /// A shell on the serial console.
    Shell,
}

/// Splits the value of the kernel argument into the token and what to do when userspace is ready.
/// An empty or overlong token counts as none.
pub fn parse_argument(value: &str) -> (&str, Then) {
    let (token, then) = match value.split_once(':') {
        Some((token, "poweroff")) => (token, Then::PowerOff),
        Some((token, "shell")) => (token, Then::Shell),
        Some((token, _)) => (token, Then::Unasked),
        None => (value, Then::Unasked),
    };
    match is_token(token) {
        true => (token, then),
        false => (NO_TOKEN, then),
    }
}

/// Whether text can be a token: 1 to [`TOKEN_MAX`] ASCII letters and digits.
pub fn is_token(text: &str) -> bool {
    (1..=TOKEN_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// A line to be written: `write!(console, "{line}")` gives it without the line break.
#[derive(Debug, Clone, Copy)]
pub struct Line<'a> {
    /// This boot's token.
    pub token: &'a str,
    /// What was reached.
    pub milestone: Milestone,
    /// Details: keys are lower-case words, values any bytes.
    pub fields: &'a [(&'a str, &'a [u8])],
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MARKER}{VERSION} {} {}", self.token, self.milestone.word())?;
        for (key, value) in self.fields {
            write!(f, " {key}=")?;
            for &byte in *value {
                match byte {
                    b'%' | b'=' => write!(f, "%{byte:02X}")?,
                    b'!'..=b'~' => write!(f, "{}", byte as char)?,
                    _ => write!(f, "%{byte:02X}")?,
                }
            }
        }
        Ok(())
    }
}

/// A line as the host reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Whose line it is.
    pub token: &'a str,
    /// What was reached.
    pub milestone: Milestone,
    /// The fields as written, still encoded; see [`Parsed::field`].
    pub fields: &'a str,
}

impl<'a> Parsed<'a> {
    /// Finds a protocol line in a console line, whatever stands before the marker; `None` where
    /// there is none of this version or it is cut before the end of the milestone.
    pub fn find(line: &'a str) -> Option<Self> {
        let mut rest = &line[line.find(MARKER)? + MARKER.len()..];
        let mut word = || {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            rest = after;
            word
        };
        let (version, token, name) = (word(), word(), word());
        let milestone = Milestone::ALL.into_iter().find(|m| m.word() == name.trim_end())?;
        let known = version == VERSION && (token == NO_TOKEN || is_token(token));
        known.then_some(Parsed { token, milestone, fields: rest.trim_end() })
    }

    /// The encoded value of a field.
    pub fn field(&self, key: &str) -> Option<&'a str> {
        let mut fields = self.fields.split(' ').filter_map(|field| field.split_once('='));
        fields.find(|(k, _)| *k == key).map(|(_, value)| value)
    }
}

/// Decodes the `%XX` of a field's value, byte by byte; a broken escape is kept as it is.
pub fn decode(value: &str) -> impl Iterator<Item = u8> + '_ {
    let mut bytes = value.as_bytes();
    core::iter::from_fn(move || {
        let (&first, rest) = bytes.split_first()?;
        bytes = rest;
        let hex = |b: u8| (b as char).to_digit(16).map(|d| d as u8);
        if let (b'%', [high, low, after @ ..]) = (first, rest)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            bytes = after;
            return Some(high << 4 | low);
        }
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;
    use std::string::String;
    use std::vec::Vec;

    #[test]
    fn what_is_written_is_read_back() {
        let fields: [(&str, &[u8]); 2] = [("source", b"/dev/vd a%"), ("fstype", b"ext4")];
        let line = Line { token: "abc123", milestone: Milestone::RootMounted, fields: &fields };
        let text = format!("[    1.5] noise{line}\r");
        let parsed = Parsed::find(&text).expect("it is a line");
        assert_eq!((parsed.token, parsed.milestone), ("abc123", Milestone::RootMounted));
        let source: Vec<u8> = decode(parsed.field("source").expect("there")).collect();
        assert_eq!(String::from_utf8(source), Ok("/dev/vd a%".into()));
        assert_eq!(parsed.field("fstype"), Some("ext4"));
        assert_eq!(parsed.field("none"), None);
    }

    #[test]
    fn cut_foreign_and_future_lines_are_no_lines() {
        for line in [
            "handoff: 1 abc root-mou",
            "handoff: 2 abc root-mounted",
            "handoff: 1 a/b root-mounted",
            "handoff: 1",
            "hand off: 1 abc root-mounted",
        ] {
            assert_eq!(Parsed::find(line), None, "{line}");
        }
    }

    #[test]
    fn the_argument_carries_a_token_and_a_wish() {
        assert_eq!(parse_argument("abc"), ("abc", Then::Unasked));
        assert_eq!(parse_argument("abc:shell"), ("abc", Then::Shell));
        assert_eq!(parse_argument(":poweroff"), (NO_TOKEN, Then::PowerOff));
        assert_eq!(parse_argument("a b"), (NO_TOKEN, Then::Unasked));
    }
}
