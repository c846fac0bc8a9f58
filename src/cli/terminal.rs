//! What reaches standard output and standard error, where `println!` would panic.
//!
//! Whoever reads us may stop early (`| head`): that is no reason to stop working, nor for another
//! exit code. An answer that cannot be written (a full disk) is an error.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, BufWriter, ErrorKind, IsTerminal, Write};

use crate::error::{Context, Result};

/// Says a line of the answer on standard output.
///
/// # Errors
/// Where it cannot be written, unless nobody reads it any more.
pub fn say(line: impl Display) -> Result<()> {
    say_all(&[line])
}

/// Says lines, which may be none.
///
/// # Errors
/// As [`say`].
pub fn say_all(lines: &[impl Display]) -> Result<()> {
    let mut out = BufWriter::new(Output::new());
    let said = lines.iter().try_for_each(|line| writeln!(out, "{}", clean(&line.to_string())));
    said.and_then(|()| out.flush()).context(|| "writing to standard output")
}

/// What this program itself decorates with.
pub(super) const RED: &str = "\x1b[1;31m";
/// The same, without colour.
pub(super) const BOLD: &str = "\x1b[1m";
/// The end of it.
pub(super) const PLAIN: &str = "\x1b[0m";

/// A text whose control characters are escaped, but for those of our own lines and decorations: names and
/// contents of files end up here, and a terminal obeys what is in them. As JSON escapes them, which says the
/// same inside its strings.
pub(super) fn clean(text: &str) -> Cow<'_, str> {
    let is_harmful = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if !text.contains(is_harmful) {
        return text.into();
    }
    let (mut clean, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(is_harmful) {
        clean.push_str(&rest[..at]);
        rest = &rest[at..];
        let ours = [RED, BOLD, PLAIN].into_iter().find(|ours| rest.starts_with(ours));
        let taken = match (ours, rest.chars().next()) {
            (Some(ours), _) => {
                clean.push_str(ours);
                ours.len()
            }
            (None, Some(c)) => {
                clean.push_str(&format!("\\u{:04x}", u32::from(c)));
                c.len_utf8()
            }
            (None, None) => break,
        };
        rest = &rest[taken..];
    }
    clean.push_str(rest);
    clean.into()
}

/// Whether what stands on standard output may be bold or coloured: it is a terminal, and nobody said no.
pub fn is_decorated() -> bool {
    io::stdout().is_terminal() && !is_plain()
}

/// Whether somebody wants no colours; by the convention, an empty NO_COLOR counts as none.
pub(super) fn is_plain() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Says a line beside the answer on standard error; where that cannot be written, nobody can be told.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", clean(&line.to_string()));
}

/// Says a line beside the answer to a person: on standard error, where that is a terminal.
pub fn remark(line: impl Display) {
    if io::stderr().is_terminal() {
        note(line);
    }
}

/// Standard output for bytes that are no text; what nobody reads any more is dropped.
pub struct Output {
    stdout: io::StdoutLock<'static>,
    is_heard: bool,
}

impl Output {
    /// Standard output, until this is dropped.
    pub fn new() -> Self {
        Output { stdout: io::stdout().lock(), is_heard: true }
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// Where it cannot be written, unless nobody reads it any more.
    pub fn finish(mut self) -> Result<()> {
        self.flush().context(|| "writing to standard output")
    }

    fn heard<T>(&mut self, written: io::Result<T>, unheard: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_heard = false;
                Ok(unheard)
            }
            written => written,
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Output::new()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_heard {
            return Ok(bytes.len());
        }
        let written = self.stdout.write(bytes);
        self.heard(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stdout.flush();
        self.heard(flushed, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        let mut output = Output::new();
        assert_eq!(output.heard(Err(ErrorKind::BrokenPipe.into()), 7).expect("nobody minds"), 7);
        assert!(!output.is_heard);
        let full = output.heard(Err(io::Error::from_raw_os_error(28)), ());
        assert_eq!(full.expect_err("it was not written").raw_os_error(), Some(28));
    }

    #[test]
    fn control_characters_are_escaped_and_our_decorations_are_not() {
        for (text, cleaned) in [
            ("plain\ttext\nof two lines", "plain\ttext\nof two lines"),
            ("\x1b[2Jgone\x07", "\\u001b[2Jgone\\u0007"),
            ("\u{9b}31mred\x7f\r", "\\u009b31mred\\u007f\\u000d"),
            ("\x1b[1mbold\x1b[0m", "\x1b[1mbold\x1b[0m"),
            ("ä\x1bö", "ä\\u001bö"),
        ] {
            assert_eq!(clean(text), cleaned);
        }
        let json = serde_json::to_string("\u{9b}31m\x7f\x1b").expect("a text");
        let back: String = serde_json::from_str(&clean(&json)).expect("still JSON");
        assert_eq!(back, "\u{9b}31m\x7f\x1b");
    }
}
