//! The kernel command line: split as the kernel splits it, and what `/init` takes from it.
//!
//! Quotes follow the kernel's `next_arg` (`lib/cmdline.c`): blanks inside double quotes do not
//! split, and quotes around a whole argument or a whole value are taken away. What follows a lone
//! `--` is for the init of the root filesystem. Left out: the kernel takes `-` for `_` in names.

use crate::handoff::{self, Then};

/// The longest command line, in bytes: twice what x86 allows, as a boot configuration adds to it.
pub const LEN_MAX: usize = 4096;

/// How long to wait for the root device when nothing is said, in seconds.
pub const ROOT_WAIT_SECONDS: u32 = 10;

/// `key` or `key=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Argument<'a> {
    /// What stands before the first `=`.
    pub key: &'a [u8],
    /// What stands after it.
    pub value: Option<&'a [u8]>,
}

/// The arguments for the kernel and for `/init`, up to a lone `--`.
pub fn arguments(mut line: &[u8]) -> impl Iterator<Item = Argument<'_>> {
    core::iter::from_fn(move || {
        let start = line.iter().position(|&b| !is_space(b))?;
        let (argument, rest) = next(&line[start..]);
        line = rest;
        Some(argument)
    })
    .take_while(|argument| argument.key != b"--" || argument.value.is_some())
}

/// The kernel's `isspace`, in ASCII.
fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t'..=b'\r')
}

/// Takes the first argument off a line that starts with one.
fn next(line: &[u8]) -> (Argument<'_>, &[u8]) {
    let mut quoted = false;
    let ends = |&b: &u8| {
        quoted ^= b == b'"';
        is_space(b) && !quoted
    };
    let len = line.iter().position(ends).unwrap_or(line.len());
    let (mut word, rest) = line.split_at(len);
    if let Some(inner) = word.strip_prefix(b"\"") {
        word = inner.strip_suffix(b"\"").unwrap_or(inner);
    }
    // A `=` in the first place belongs to the name, as it does for the kernel.
    let equals = word.iter().skip(1).position(|&b| b == b'=').map(|idx| idx + 1);
    let argument = match equals {
        None => Argument { key: word, value: None },
        Some(idx) => Argument { key: &word[..idx], value: Some(unquote(&word[idx + 1..])) },
    };
    (argument, rest)
}

/// Takes the quotes off a value; the closing one may be missing.
fn unquote(value: &[u8]) -> &[u8] {
    match value.strip_prefix(b"\"") {
        Some(inner) => inner.strip_suffix(b"\"").unwrap_or(inner),
        None => value,
    }
}

/// How long to wait for the root device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// As long as it takes.
    Forever,
    /// Seconds.
    Seconds(u32),
}

/// What `/init` takes from the command line. Where an argument is repeated, the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options<'a> {
    /// `root=`, not yet understood; see [`crate::root_spec`].
    pub root: Option<&'a [u8]>,
    /// `rootfstype=`, a comma-separated list; empty where nothing is said.
    pub root_fstypes: &'a [u8],
    /// `rootflags=`.
    pub root_flags: &'a [u8],
    /// Whether the root filesystem is mounted read-only: as the kernel does, unless `rw` is given.
    pub read_only: bool,
    /// `rootwait`, `rootwait=SECONDS`, or the default.
    pub root_wait: Wait,
    /// `rootdelay=`, in seconds.
    pub root_delay: u32,
    /// `rootimage=`: the path, on the root device, of an image that is the root filesystem.
    pub root_image: Option<&'a [u8]>,
    /// Whether an overlay in memory lies over the root filesystem: `systemd.volatile=overlay`, after
    /// kernel-command-line(7); its other values are for systemd alone.
    pub overlay: bool,
    /// `init=`.
    pub init: Option<&'a [u8]>,
    /// `panic=`: seconds until a reboot, 0 for never, negative for at once.
    pub panic: i32,
    /// The token of the handoff lines.
    pub token: &'a str,
    /// What to do when userspace is ready.
    pub then: Then,
}

impl<'a> Options<'a> {
    /// Reads a command line; what is not understood has no effect, as with the kernel.
    pub fn parse(line: &'a [u8]) -> Self {
        let mut options = Options {
            root: None,
            root_fstypes: b"",
            root_flags: b"",
            read_only: true,
            root_wait: Wait::Seconds(ROOT_WAIT_SECONDS),
            root_delay: 0,
            root_image: None,
            overlay: false,
            init: None,
            panic: 0,
            token: handoff::NO_TOKEN,
            then: Then::Unasked,
        };
        arguments(line).for_each(|argument| options.apply(argument));
        options
    }

    fn apply(&mut self, Argument { key, value }: Argument<'a>) {
        match (key, value) {
            (b"ro", None) => self.read_only = true,
            (b"rw", None) => self.read_only = false,
            (b"rootwait", None) => self.root_wait = Wait::Forever,
            (b"rootwait", Some(value)) => {
                if let Some(seconds) = number(value) {
                    self.root_wait = Wait::Seconds(seconds);
                }
            }
            (b"root", Some(value)) => self.root = Some(value).filter(|root| !root.is_empty()),
            (b"rootfstype", Some(value)) => self.root_fstypes = value,
            (b"rootflags", Some(value)) => self.root_flags = value,
            (b"rootimage", Some(value)) => self.root_image = Some(value).filter(|i| !i.is_empty()),
            (b"systemd.volatile", value) => self.overlay = value == Some(b"overlay"),
            (b"rootdelay", Some(value)) => self.root_delay = number(value).unwrap_or(0),
            (b"init", Some(value)) => self.init = Some(value).filter(|init| !init.is_empty()),
            (b"panic", Some(value)) => self.panic = number(value).unwrap_or(0),
            (key, Some(value)) if key == handoff::ARGUMENT.as_bytes() => {
                let text = str::from_utf8(value).unwrap_or_default();
                (self.token, self.then) = handoff::parse_argument(text);
            }
            _ => {}
        }
    }
}

fn number<N: core::str::FromStr>(value: &[u8]) -> Option<N> {
    str::from_utf8(value).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn split(line: &str) -> Vec<(&str, Option<&str>)> {
        let text = |bytes| str::from_utf8(bytes).expect("it was text");
        arguments(line.as_bytes()).map(|a| (text(a.key), a.value.map(text))).collect()
    }

    #[test]
    fn quotes_follow_the_kernel() {
        assert_eq!(
            split(" quiet a=\"b c\" \"d=e f\" g=h\"i j\"k =x l= m=\"n\n"),
            [
                ("quiet", None),
                ("a", Some("b c")),
                ("d", Some("e f")),
                ("g", Some("h\"i j\"k")),
                ("=x", None),
                ("l", Some("")),
                ("m", Some("n\n")),
            ]
        );
    }

    #[test]
    fn what_follows_the_dashes_is_for_init() {
        assert_eq!(split("ro -- root=/dev/sda"), [("ro", None)]);
        assert_eq!(split("--=x a"), [("--", Some("x")), ("a", None)]);
    }

    #[test]
    fn nothing_said_is_the_kernels_default() {
        let options = Options::parse(b"BOOT_IMAGE=/vmlinuz quiet\n");
        assert_eq!(options.root, None);
        assert!(options.read_only);
        assert_eq!(options.root_wait, Wait::Seconds(ROOT_WAIT_SECONDS));
        assert_eq!((options.panic, options.token), (0, "-"));
    }

    #[test]
    fn every_option_is_taken_and_the_last_one_counts() {
        let line = b"root=/dev/a root=\"PARTLABEL=my root\" rw rootfstype=ext4,xfs rootdelay=3 \
            rootflags=noatime rootimage=/a systemd.volatile=overlay rootwait init=/bin/sh panic=-1 handoff=abc:shell";
        let options = Options::parse(line);
        let expected = Options {
            root: Some(b"PARTLABEL=my root"),
            root_fstypes: b"ext4,xfs",
            root_flags: b"noatime",
            read_only: false,
            root_wait: Wait::Forever,
            root_delay: 3,
            root_image: Some(b"/a"),
            overlay: true,
            init: Some(b"/bin/sh"),
            panic: -1,
            token: "abc",
            then: Then::Shell,
        };
        assert_eq!(options, expected);
        assert_eq!(Options::parse(b"rootwait=7").root_wait, Wait::Seconds(7));
        assert!(Options::parse(b"rw ro").read_only);
    }

    proptest! {
        #[test]
        fn any_line_is_read_and_nothing_is_invented(line: Vec<u8>) {
            let total: usize = arguments(&line).map(|a| a.key.len() + a.value.map_or(0, <[u8]>::len)).sum();
            prop_assert!(total <= line.len());
            Options::parse(&line);
        }
    }
}
