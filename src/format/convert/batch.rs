//! What is read at once: a run of blocks in which there may be something else than zeros.

use std::ops::Range;

use crate::error::Result;
use crate::format::Disk;

/// Bytes of a batch where a block is not larger: large enough for system calls not to count, small
/// enough for the cores to end together.
const BATCH: u64 = 1 << 20;

/// The batches of a disk, in its order.
pub(super) struct Batches<'a> {
    disk: &'a Disk,
    block: u64,
    /// Data of the disk that is not in a batch yet.
    data: Range<u64>,
    /// Where the last batch ended.
    at: u64,
}

impl<'a> Batches<'a> {
    pub(super) fn new(disk: &'a Disk, block: u64) -> Self {
        Batches { disk, block, data: 0..0, at: 0 }
    }

    /// Bytes of the largest batch.
    pub(super) fn max(&self) -> u64 {
        BATCH.next_multiple_of(self.block)
    }

    /// The next range of whole blocks; the last one may reach past the disk's end.
    pub(super) fn next(&mut self) -> Result<Option<Range<u64>>> {
        while self.data.end <= self.at || self.data.is_empty() {
            let from = self.at.max(self.data.end);
            if from >= self.disk.size() {
                return Ok(None);
            }
            self.data = self.disk.next_data(from)?;
            if self.data.is_empty() {
                return Ok(None);
            }
        }
        let start = self.data.start.max(self.at) / self.block * self.block;
        let end = self.data.end.min(start.saturating_add(self.max()));
        self.at = end.next_multiple_of(self.block);
        Ok(Some(start..self.at))
    }
}

/// Whether bytes are all zero, by the C library's comparison, which is the fastest there is.
pub(super) fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4096] = [0; 4096];
    bytes.chunks(ZEROS.len()).all(|chunk| *chunk == ZEROS[..chunk.len()])
}
