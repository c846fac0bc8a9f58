//! The protective MBR, which keeps tools that know no GPT from taking the disk for empty.
//!
//! UEFI 2.10 §5.2.3. Left out: boot code, and hybrid MBRs, which the specification does not know.

use super::layout::Layout;

/// Bytes of the MBR; on disks with larger sectors the rest of block 0 is zero.
pub const MBR_SIZE: usize = 512;
/// `OSType` of the one partition of a protective MBR.
pub const GPT_PROTECTIVE: u8 = 0xee;

/// Where the first partition record is.
const RECORD: usize = 446;

/// The MBR whose one partition covers the whole disk.
pub fn protective(layout: &Layout) -> [u8; MBR_SIZE] {
    let blocks = u32::try_from(layout.size() / layout.sector() - 1).unwrap_or(u32::MAX);
    let mut mbr = [0; MBR_SIZE];
    let record = &mut mbr[RECORD..RECORD + 16];
    // StartingCHS is that of block 1; EndingCHS is the one that says "not representable".
    record[1..4].copy_from_slice(&[0x00, 0x02, 0x00]);
    record[4] = GPT_PROTECTIVE;
    record[5..8].copy_from_slice(&[0xff; 3]);
    record[8..12].copy_from_slice(&1u32.to_le_bytes());
    record[12..16].copy_from_slice(&blocks.to_le_bytes());
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    mbr
}

/// Whether these are the first bytes of a disk whose MBR protects a GPT.
pub fn is_protective(block: &[u8]) -> bool {
    let records = block.get(RECORD..510).unwrap_or_default();
    block.get(510..512) == Some(&[0x55, 0xaa])
        && records.chunks_exact(16).any(|record| record[4] == GPT_PROTECTIVE)
}
