//! VHDX, Hyper-V's format ([MS-VHDX]: Virtual Hard Disk v2).
//!
//! Two headers of which the younger good one counts, two region tables, and the regions that they name:
//! metadata, and the block allocation table (BAT). Left out, and refused: differencing disks, and a log
//! that somebody has to replay first. A fixed disk is one whose blocks are all there.

mod header;
mod map;
mod metadata;
mod write;

pub use map::Map;
pub(super) use write::Image;

use crate::bytes::Guid;

/// Bytes of the file that the headers, tables and regions are aligned to.
const ALIGNMENT: u64 = 1 << 20;

/// Where the two headers are, each of 4 KiB.
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];

/// Where the two region tables are, each of 64 KiB.
const REGION_TABLES: [u64; 2] = [192 << 10, 256 << 10];

/// Bytes of a region table, and of the metadata table.
const TABLE: u64 = 64 << 10;

/// Regions.
const BAT: Guid = Guid::new(0x2dc2_7766_f623_4200_9d64_115e_9bfd_4a08);
const METADATA: Guid = Guid::new(0x8b7c_a206_4790_4b9a_b8fe_575f_050f_886e);

/// States of a block in the low bits of its BAT entry.
const STATE: u64 = 7;
const NOT_PRESENT: u64 = 0;
const FULLY_PRESENT: u64 = 6;
const PARTIALLY_PRESENT: u64 = 7;

/// Bits of a BAT entry that are an offset.
const OFFSET_MASK: u64 = !(ALIGNMENT - 1);

/// Payload blocks between two entries for bitmaps of sectors, which only differencing disks use.
const fn chunk_ratio(block: u64, sector: u64) -> u64 {
    (1 << 23) * sector / block
}

/// CRC-32C of a structure whose checksum is at offset 4.
fn checksum(bytes: &[u8]) -> u32 {
    let sum = crc32c::crc32c(bytes.get(..4).unwrap_or_default());
    let sum = crc32c::crc32c_append(sum, &[0; 4]);
    crc32c::crc32c_append(sum, bytes.get(8..).unwrap_or_default())
}

#[cfg(test)]
mod tests;
