//! Reading metadata: a place that moves from block to block.

use std::sync::Arc;

use super::image::{Block, Image};
use super::metadata::Place;
use crate::fs::ReadError;

/// A place in a stream of metadata.
#[derive(Debug, Clone)]
pub(super) struct Cursor<'i> {
    image: &'i Image,
    block: Arc<Block>,
    /// Offset of the block in the image.
    at: u64,
    offset: usize,
}

impl<'i> Cursor<'i> {
    /// A place in the stream that starts at `table` of the image.
    ///
    /// # Errors
    /// Where there is no such block, or it is damaged.
    pub(super) fn new(image: &'i Image, table: u64, place: Place) -> Result<Self, ReadError> {
        let at = table.checked_add(place.start).ok_or(ReadError::Metadata(table))?;
        Ok(Cursor { image, block: image.metadata(at)?, at, offset: place.offset.into() })
    }

    /// Where it is: the block's offset in the image, and the offset in it.
    pub(super) fn place(&self) -> Place {
        // The offset is at most the length of a block.
        Place { start: self.at, offset: self.offset as u16 }
    }

    /// The next bytes: callers bound how many.
    ///
    /// # Errors
    /// Where the stream ends before, or is damaged.
    pub(super) fn take(&mut self, len: usize) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        while bytes.len() < len {
            let left = self.block.bytes.get(self.offset..).ok_or(ReadError::Metadata(self.at))?;
            if left.is_empty() {
                self.at = self.block.next;
                self.block = self.image.metadata(self.at)?;
                self.offset = 0;
                continue;
            }
            let n = left.len().min(len - bytes.len());
            bytes.extend_from_slice(&left[..n]);
            self.offset += n;
        }
        Ok(bytes)
    }

    /// The next 16 bits.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    pub(super) fn u16(&mut self) -> Result<u16, ReadError> {
        self.array().map(u16::from_le_bytes)
    }

    /// The next 32 bits.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    pub(super) fn u32(&mut self) -> Result<u32, ReadError> {
        self.array().map(u32::from_le_bytes)
    }

    /// The next 64 bits.
    ///
    /// # Errors
    /// As [`Cursor::take`].
    pub(super) fn u64(&mut self) -> Result<u64, ReadError> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], ReadError> {
        let mut array = [0; N];
        array.copy_from_slice(&self.take(N)?);
        Ok(array)
    }
}
