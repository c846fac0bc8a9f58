//! The one place that decides what an error is: a sentence with its cause last, and a hint.
//!
//! Everything above the codecs adds gerund context with the path, so that an error reads
//! `packing initramfs: reading rootfs/bin/sh: permission denied`. Codecs return small
//! `thiserror` enums of their own; `?` turns them into this type.

use std::error::Error as StdError;
use std::fmt;
use std::path::Path;

/// What every fallible function of the library above the codecs returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// A failure: what was being done (outermost first), why it failed, and what to do about it.
pub struct Error {
    /// Innermost context first, so that adding context is a push.
    contexts: Vec<String>,
    cause: Box<dyn StdError + Send + Sync>,
    hint: Option<String>,
}

impl Error {
    /// An error whose cause is this sentence.
    pub fn new(cause: impl Into<String>) -> Self {
        Error { contexts: Vec::new(), cause: cause.into().into(), hint: None }
    }

    /// Wraps the error in what was being done when it happened ("reading /boot/vmlinuz").
    #[must_use]
    pub fn context(mut self, doing: impl Into<String>) -> Self {
        self.contexts.push(doing.into());
        self
    }

    /// Says what the user can do about it. The innermost hint, being the most specific, is kept.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// The hint, where there is one.
    pub fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The cause, as the type that it was made from, where it is that type.
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.cause.downcast_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.contexts.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&worded(&self.cause.to_string()))?;
        let mut source = self.cause.source();
        while let Some(inner) = source {
            write!(f, ": {}", worded(&inner.to_string()))?;
            source = inner.source();
        }
        Ok(())
    }
}

/// A cause as the end of a sentence. The standard library words the system's errors as sentences of
/// their own, with a number that says nothing more.
fn worded(cause: &str) -> String {
    let Some((text, _)) = cause.rsplit_once(" (os error ") else { return cause.into() };
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(cause: E) -> Self {
        Error { contexts: Vec::new(), cause: Box::new(cause), hint: None }
    }
}

/// Adds context to the error of a `Result`, or turns a `None` into an error.
pub trait Context<T> {
    /// Says what was being done, computed only when it failed.
    fn context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for std::result::Result<T, E> {
    fn context<S: Into<String>>(self, doing: impl FnOnce() -> S) -> Result<T> {
        self.map_err(|e| e.into().context(doing()))
    }
}

/// A path as a message shows it: control characters and bytes that are not UTF-8 are escaped,
/// so that an error stays one line whatever a file is called.
pub fn shown(path: &Path) -> String {
    shown_bytes(path.as_os_str().as_encoded_bytes())
}

/// As [`shown`], for the path of an archive or tree, which is bytes.
pub fn shown_bytes(path: &[u8]) -> String {
    let mut text = String::with_capacity(path.len());
    for chunk in path.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() {
                true => text.extend(c.escape_default()),
                false => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    #[test]
    fn an_error_is_one_sentence_with_the_cause_last() {
        let io: std::result::Result<(), _> = Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let error = io
            .context(|| "reading rootfs/bin/sh")
            .context(|| "packing initramfs")
            .expect_err("it was an error");
        assert_eq!(
            error.to_string(),
            "packing initramfs: reading rootfs/bin/sh: permission denied"
        );
    }

    #[test]
    fn the_systems_words_end_the_sentence() {
        let error: Error = io::Error::from_raw_os_error(2).into();
        assert_eq!(error.to_string(), "no such file or directory");
    }

    #[test]
    fn the_innermost_hint_wins() {
        let error = Error::new("no kernel").hint("pass --kernel").hint("read the manual");
        assert_eq!(error.hint_text(), Some("pass --kernel"));
    }

    #[test]
    fn odd_paths_stay_one_line() {
        assert_eq!(shown_bytes(b"a b/\xff\nc"), "a b/\\xff\\nc");
    }
}
