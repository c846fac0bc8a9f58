//! What can be wrong with a disk image.

use std::io;

/// Why an image cannot be read: what is wrong with these bytes, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// A structure lies, wholly or in part, past the end of the file.
    #[error("the file is cut off: {what} at {offset} is past its end")]
    CutOff {
        /// Which structure.
        what: &'static str,
        /// Its offset in the file.
        offset: u64,
    },
    /// A field has a value that it cannot have.
    #[error("it is damaged: {what} at {offset}")]
    Damaged {
        /// Which field, and what is wrong with it.
        what: &'static str,
        /// Its offset in the file.
        offset: u64,
    },
    /// Something that is not read or written here; a gerund clause or a noun.
    #[error("{0}")]
    Unsupported(String),
}

impl FormatError {
    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        FormatError::Unsupported(text.into())
    }
}

impl From<FormatError> for io::Error {
    fn from(error: FormatError) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, error)
    }
}
