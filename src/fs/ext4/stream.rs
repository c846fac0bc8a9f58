//! Writes that adjoin each other, gathered into large ones.

use crate::error::{Context, Result};
use crate::tree::Content;
use crate::volume::Volume;

/// How much is gathered at most.
const BUFFER_SIZE: usize = 1 << 20;

/// A volume with the writes that have not reached it yet.
pub(super) struct Stream<'v> {
    volume: Volume<'v>,
    /// Where the buffer goes.
    start: u64,
    buffer: Vec<u8>,
}

impl<'v> Stream<'v> {
    /// Nothing gathered.
    pub(super) fn new(volume: Volume<'v>) -> Self {
        Stream { volume, start: 0, buffer: Vec::with_capacity(BUFFER_SIZE) }
    }

    /// Writes bytes at an offset, now or later.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let adjoins = at == self.start + self.buffer.len() as u64;
        if !adjoins || self.buffer.len() + bytes.len() > BUFFER_SIZE {
            self.flush()?;
            self.start = at;
        }
        match bytes.len() > BUFFER_SIZE {
            true => self.volume.write_all_at(bytes, at).context(|| "writing ext4"),
            false => {
                self.buffer.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Copies a part of a file to an offset.
    pub(super) fn copy(&mut self, content: &Content, at: u64, from: u64, len: u64) -> Result<()> {
        match content {
            Content::Bytes(bytes) => self.put(at, &bytes[from as usize..(from + len) as usize]),
            Content::Host(_) => {
                self.flush()?;
                content.copy_to(&self.volume, at, from, len)
            }
        }
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.volume.write_all_at(&self.buffer, self.start).context(|| "writing ext4")?;
        self.buffer.clear();
        Ok(())
    }
}
