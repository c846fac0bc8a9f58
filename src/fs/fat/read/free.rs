//! How much of a FAT volume is free: its table counted, since the counts that FAT32 keeps are hints.

use super::{Fat, Kind};
use crate::error::{Context, Result};

/// Bytes of the table that are read at once: whole entries of every width.
const CHUNK: u64 = 3 << 16;

impl Fat {
    /// Bytes of the clusters that no file has.
    ///
    /// # Errors
    /// Where the table cannot be read.
    pub fn free(&self) -> Result<u64> {
        let bits = match self.kind {
            Kind::Fat12 => 12,
            Kind::Fat16 => 16,
            Kind::Fat32 => 32,
        };
        let (mut free, mut number) = (0, 0u64);
        let end = u64::from(self.clusters) + 2;
        for chunk in 0.. {
            let bytes = self.table.bytes(chunk * CHUNK, CHUNK as usize);
            let bytes = bytes.context(|| "reading the file allocation table")?;
            let entries = bytes.len() as u64 * 8 / bits;
            for index in 0..entries.min(end.saturating_sub(number)) {
                let is_file = number + index < 2 || entry(&bytes, index as usize, self.kind) != 0;
                free += u64::from(!is_file);
            }
            number += entries;
            if entries == 0 || number >= end {
                break;
            }
        }
        Ok(free * self.cluster_size)
    }
}

/// An entry, with what is left and right of it in its bytes taken away.
fn entry(bytes: &[u8], index: usize, kind: Kind) -> u32 {
    let at = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
    match kind {
        Kind::Fat12 => {
            let pair = at(index * 3 / 2) | at(index * 3 / 2 + 1) << 8;
            if index % 2 == 1 { pair >> 4 } else { pair & 0xfff }
        }
        Kind::Fat16 => at(index * 2) | at(index * 2 + 1) << 8,
        // The upper four bits belong to nobody.
        Kind::Fat32 => crate::bytes::le32(bytes, index * 4).unwrap_or(0) & 0x0fff_ffff,
    }
}
