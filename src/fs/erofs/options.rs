//! What can be chosen about an erofs image.

use crate::bytes::Guid;
use crate::tree::Time;

/// All choices about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Who it is; without one it is derived from the bytes that are written.
    pub uuid: Option<Guid>,
    /// At most 16 bytes.
    pub label: Vec<u8>,
    /// When the image was made.
    pub time: Time,
}

impl Options {
    /// Without a label, and with an identity of its contents.
    pub fn new(time: Time) -> Self {
        Options { uuid: None, label: Vec::new(), time }
    }
}
