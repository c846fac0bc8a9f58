//! Writes that adjoin each other, gathered into large ones.

use std::io::Read;

use crate::error::{Context, Result};
use crate::tree::Content;
use crate::volume::Volume;

/// How much is gathered at most.
const BUFFER_SIZE: usize = 1 << 20;

/// Files up to this length are read into the buffer: a system call for each to copy it in the kernel
/// costs more than it saves.
const SMALL_FILE: u64 = 64 << 10;

/// A volume with the writes that have not reached it yet.
pub(super) struct Stream<'v> {
    volume: Volume<'v>,
    block_size: u64,
    /// Where the buffer goes.
    start: u64,
    buffer: Vec<u8>,
}

impl<'v> Stream<'v> {
    /// Nothing gathered.
    pub(super) fn new(volume: Volume<'v>, block_size: u64) -> Self {
        Stream { volume, block_size, start: 0, buffer: Vec::with_capacity(BUFFER_SIZE) }
    }

    /// Where the bytes end that were put last, unless there were more than are gathered.
    pub(super) fn end(&self) -> u64 {
        self.start + self.buffer.len() as u64
    }

    /// Writes bytes at an offset, now or later.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        self.prepare(at, bytes.len())?;
        match bytes.len() > BUFFER_SIZE {
            true => self.volume.write_all_at(bytes, at).context(|| "writing the filesystem"),
            false => {
                self.buffer.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Makes the buffer end where the next bytes begin, with room for them. The rest of a block, which
    /// has the zeroes that it had, is no reason to begin anew.
    fn prepare(&mut self, at: u64, len: usize) -> Result<()> {
        let end = self.end();
        let adjoins = (end..=end.next_multiple_of(self.block_size)).contains(&at);
        let gap = at.saturating_sub(end) as usize;
        if !adjoins || self.buffer.len() + gap + len > BUFFER_SIZE {
            self.flush()?;
            self.start = at;
        }
        self.buffer.resize((at - self.start) as usize, 0);
        Ok(())
    }

    /// Copies a part of a file to an offset.
    pub(super) fn copy(&mut self, content: &Content, at: u64, from: u64, len: u64) -> Result<()> {
        match content {
            Content::Bytes(bytes) => self.put(at, &bytes[from as usize..(from + len) as usize]),
            _ if len == content.len() && len <= SMALL_FILE => {
                self.prepare(at, len as usize)?;
                let end = self.buffer.len();
                self.buffer.resize(end + len as usize, 0);
                content.open()?.read_exact(&mut self.buffer[end..]).context(|| "copying a file")
            }
            _ => {
                self.flush()?;
                content.copy_to(&self.volume, at, from, len)
            }
        }
    }

    /// Writes what was gathered.
    pub(super) fn flush(&mut self) -> Result<()> {
        self.volume.write_all_at(&self.buffer, self.start).context(|| "writing the filesystem")?;
        self.buffer.clear();
        Ok(())
    }
}
