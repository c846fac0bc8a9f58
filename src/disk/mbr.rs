//! The protective MBR, which keeps tools that know no GPT from taking the disk for empty; and the
//! records of any MBR, to read.
//!
//! UEFI 2.10 §5.2. Left out: logical partitions, boot code, and hybrid MBRs, which the specification does not know.

use super::layout::Layout;
use crate::bytes::le32;

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

/// One used record of an MBR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Record {
    /// Its number, 1 to 4.
    pub number: u32,
    /// Whether it is marked active.
    pub active: bool,
    /// `OSType`.
    pub os_type: u8,
    /// Its first sector.
    pub first: u32,
    /// How many sectors it has.
    pub sectors: u32,
}

/// What each type is called, for those that are met on images of virtual machines.
const TYPE_NAMES: &[(u8, &str)] = &[
    (0x01, "FAT12"),
    (0x04, "FAT16"),
    (0x05, "extended"),
    (0x06, "FAT16"),
    (0x07, "NTFS or exFAT"),
    (0x0b, "FAT32"),
    (0x0c, "FAT32 (LBA)"),
    (0x0e, "FAT16 (LBA)"),
    (0x0f, "extended (LBA)"),
    (0x17, "hidden NTFS, or an ISO's own range"),
    (0x82, "Linux swap"),
    (0x83, "Linux"),
    (0x8e, "Linux LVM"),
    (GPT_PROTECTIVE, "GPT protective"),
    (EFI_SYSTEM, "EFI System"),
];

/// `OSType` of an EFI System Partition on a disk without GPT.
pub const EFI_SYSTEM: u8 = 0xef;

/// What a person calls an `OSType`; `None` for one that is not in our table.
pub fn type_name(os_type: u8) -> Option<&'static str> {
    TYPE_NAMES.iter().find(|(number, _)| *number == os_type).map(|(_, name)| *name)
}

/// The used records of the first sector of a disk; `None` where it is no partition table: a boot
/// sector of a filesystem has the same signature, but records that make no sense. Logical partitions
/// inside an extended one are left out.
pub fn records(block: &[u8]) -> Option<Vec<Record>> {
    if block.get(510..512) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let raw = block.get(RECORD..510).unwrap_or_default().chunks_exact(16);
    let word = |r: &[u8], at| le32(r, at).unwrap_or(0);
    let is_sensible = |r: &[u8]| r[0] & 0x7f == 0 && (r[4] == 0 || word(r, 12) != 0);
    if !raw.clone().all(is_sensible) {
        return None;
    }
    let records: Vec<_> = (1..)
        .zip(raw)
        .filter(|(_, r)| r[4] != 0)
        .map(|(number, r)| Record {
            number,
            active: r[0] == 0x80,
            os_type: r[4],
            first: word(r, 8),
            sectors: word(r, 12),
        })
        .collect();
    Some(records).filter(|records| !records.is_empty())
}

/// Gives a record of an MBR another length; its CHS end becomes "not representable".
pub fn set_sectors(block: &mut [u8], number: u32, sectors: u32) {
    let at = RECORD + 16 * (number as usize - 1);
    if let Some(record) = block.get_mut(at..at + 16) {
        record[5..8].copy_from_slice(&[0xff; 3]);
        record[12..].copy_from_slice(&sectors.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_and_a_boot_sector_is_not_taken_for_them() {
        let mut block = vec![0; 512];
        block[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(records(&block), None, "no partition at all");
        block[RECORD] = 0x80;
        block[RECORD + 4] = EFI_SYSTEM;
        block[RECORD + 8..RECORD + 16].copy_from_slice(&[0, 8, 0, 0, 0, 0, 1, 0]);
        let record =
            Record { number: 1, active: true, os_type: 0xef, first: 2048, sectors: 65_536 };
        assert_eq!(records(&block), Some(vec![record]));
        block[RECORD + 16] = 0x4e;
        assert_eq!(records(&block), None, "text of a boot sector");
        assert_eq!(records(&block[..511]), None);
    }
}
