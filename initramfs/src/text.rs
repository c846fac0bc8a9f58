//! Text in a buffer of fixed size, for a program without an allocator.
//!
//! What does not fit is cut, because a message that lacks its end is better than none. A path that
//! was cut does not exist, which is an ordinary error.

use core::ffi::CStr;
use core::fmt;

/// Less than `N` bytes of text, which need not be UTF-8 (paths and labels are bytes), and a NUL
/// behind them, so that a system call can take it as it is.
#[derive(Clone, Copy)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Text<N> {
    /// No text.
    pub const fn new() -> Self {
        Text { bytes: [0; N], len: 0 }
    }

    /// The text that formatting gives: `Text::of(format_args!("/dev/{name}"))`.
    pub fn of(arguments: fmt::Arguments<'_>) -> Self {
        let mut text = Text::new();
        // Writing to a Text cannot fail.
        let _ = fmt::Write::write_fmt(&mut text, arguments);
        text
    }

    /// Appends bytes, as many as fit.
    pub fn push(&mut self, bytes: &[u8]) {
        let len = bytes.len().min(N.saturating_sub(self.len + 1));
        self.bytes[self.len..self.len + len].copy_from_slice(&bytes[..len]);
        self.len += len;
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// The text as system calls take it, up to the first NUL.
    pub fn as_c_str(&self) -> &CStr {
        // There is always a NUL: the last byte of the buffer is never written.
        CStr::from_bytes_until_nul(&self.bytes).unwrap_or_default()
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<const N: usize> Default for Text<N> {
    fn default() -> Self {
        Text::new()
    }
}

impl<const N: usize> From<&[u8]> for Text<N> {
    fn from(bytes: &[u8]) -> Self {
        let mut text = Text::new();
        text.push(bytes);
        text
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// As a person reads it: control characters and bytes that are not UTF-8 are escaped, so that a
/// label cannot break the line or drive the terminal.
impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.as_bytes().utf8_chunks() {
            for c in chunk.valid().chars() {
                match c.is_control() {
                    true => write!(f, "{}", c.escape_default())?,
                    false => write!(f, "{c}")?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn what_does_not_fit_is_cut() {
        let text = Text::<9>::of(format_args!("/dev/{}", "vda1234"));
        assert_eq!((text.as_bytes(), text.as_c_str()), (b"/dev/vda".as_slice(), c"/dev/vda"));
        assert_eq!(Text::<0>::from(b"a".as_slice()).as_bytes(), b"");
    }

    #[test]
    fn what_a_terminal_would_obey_is_escaped() {
        let text = Text::<16>::from(b"a\x1b[2J\xff\nb".as_slice());
        assert_eq!(text.to_string(), "a\\u{1b}[2J\\xff\\nb");
    }
}
