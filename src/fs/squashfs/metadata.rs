//! Metadata: a stream of bytes in packed blocks of 8 KiB, each behind a header of two bytes.
//!
//! A place in it is the packed offset of a block and an offset in what it unpacks to.

use super::codec::Encoder;
use crate::error::Result;

/// Bytes of a block before it is packed.
pub(super) const METADATA_SIZE: usize = 8 << 10;

/// The header's bit of a block that is stored as it is.
const IS_PLAIN: u16 = 0x8000;

/// Where something is in a stream of metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// Offset of the packed block in the stream.
    pub(super) start: u64,
    /// Offset in the block.
    pub(super) offset: u16,
}

impl Place {
    /// The place that a reference leads to.
    pub(super) fn from_reference(reference: u64) -> Self {
        Place { start: reference >> 16, offset: reference as u16 }
    }

    /// As inodes and tables refer to it.
    pub(super) fn reference(self) -> u64 {
        self.start << 16 | u64::from(self.offset)
    }
}

/// The length of a packed block, and whether it is stored as it is.
pub(super) fn header(head: u16) -> (usize, bool) {
    ((head & !IS_PLAIN).min(METADATA_SIZE as u16).into(), head & IS_PLAIN != 0)
}

/// A stream that is being written.
pub(super) struct Metadata<'e> {
    encoder: &'e mut Encoder,
    /// What is not packed yet: less than a block.
    block: Vec<u8>,
    packed: Vec<u8>,
    starts: Vec<u64>,
}

impl<'e> Metadata<'e> {
    /// An empty stream.
    pub(super) fn new(encoder: &'e mut Encoder) -> Self {
        Metadata { encoder, block: Vec::new(), packed: Vec::new(), starts: Vec::new() }
    }

    /// Where the next byte goes.
    pub(super) fn place(&self) -> Place {
        Place { start: self.packed.len() as u64, offset: self.block.len() as u16 }
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// Where the compressor fails.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(METADATA_SIZE - self.block.len()));
            self.block.extend_from_slice(now);
            if self.block.len() == METADATA_SIZE {
                self.pack()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// The whole stream, and where each of its blocks starts.
    ///
    /// # Errors
    /// Where the compressor fails.
    pub(super) fn finish(mut self) -> Result<(Vec<u8>, Vec<u64>)> {
        if !self.block.is_empty() {
            self.pack()?;
        }
        Ok((self.packed, self.starts))
    }

    fn pack(&mut self) -> Result<()> {
        self.starts.push(self.packed.len() as u64);
        let (bytes, plain) = match self.encoder.pack(&self.block)? {
            Some(packed) => (packed, 0),
            None => (&self.block[..], IS_PLAIN),
        };
        self.packed.extend((bytes.len() as u16 | plain).to_le_bytes());
        self.packed.extend_from_slice(bytes);
        self.block.clear();
        Ok(())
    }
}
