//! The boot catalog (El Torito 1.0, section 2; UEFI 2.10, 13.3.2.1): what firmware starts from a CD.
//!
//! All images are "no emulation": firmware loads a program, or looks into a FAT volume. Left out:
//! emulated floppies and disks, selection criteria.

use serde::Serialize;

use super::BLOCK_SIZE;
use super::descriptor;
use crate::bytes::{le16, le32};

/// Bytes of an entry of the catalog.
const ENTRY_SIZE: usize = 32;
/// Header of a section that is not the last, and of the last.
const MORE_SECTIONS: u8 = 0x90;
const LAST_SECTION: u8 = 0x91;
/// An image that can be booted.
const BOOTABLE: u8 = 0x88;
/// Entries of a catalog that are read.
const ENTRIES_MAX: usize = BLOCK_SIZE as usize / ENTRY_SIZE;

/// Whose firmware starts an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// A PC's BIOS: 0x00.
    Pc,
    /// UEFI: 0xef.
    Efi,
    /// A number that nobody boots any more: PowerPC is 1, Mac is 2.
    Other(u8),
}

impl Platform {
    fn id(self) -> u8 {
        match self {
            Platform::Pc => 0x00,
            Platform::Efi => 0xef,
            Platform::Other(id) => id,
        }
    }

    fn of(id: u8) -> Self {
        match id {
            0x00 => Platform::Pc,
            0xef => Platform::Efi,
            id => Platform::Other(id),
        }
    }
}

/// An entry of the boot catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BootEntry {
    /// Whose firmware.
    pub platform: Platform,
    /// Whether firmware may start it.
    pub is_bootable: bool,
    /// The emulated medium; 0 is none.
    pub media: u8,
    /// How many sectors of 512 bytes firmware loads; 0 and 1 let UEFI take what there is.
    pub sectors: u16,
    /// The image's first block.
    pub block: u32,
}

/// The catalog: the first entry is the default, the others have a section each.
pub(super) fn encode(entries: &[BootEntry]) -> Vec<u8> {
    let Some((default, others)) = entries.split_first() else { return Vec::new() };
    let mut catalog = validation(default.platform);
    catalog.extend(image(default));
    for (number, entry) in others.iter().enumerate() {
        let mut header = [0; ENTRY_SIZE];
        header[0] = if number + 1 < others.len() { MORE_SECTIONS } else { LAST_SECTION };
        header[1] = entry.platform.id();
        header[2] = 1;
        catalog.extend(header);
        catalog.extend(image(entry));
    }
    catalog
}

/// The entry by which a catalog is known: its words add up to zero.
fn validation(platform: Platform) -> Vec<u8> {
    let mut entry = vec![0; ENTRY_SIZE];
    entry[0] = 1;
    entry[1] = platform.id();
    entry[30..].copy_from_slice(&[0x55, 0xaa]);
    let checksum = word_sum(&entry).wrapping_neg();
    entry[28..30].copy_from_slice(&checksum.to_le_bytes());
    entry
}

fn word_sum(entry: &[u8]) -> u16 {
    let words = entry.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    words.fold(0, u16::wrapping_add)
}

fn image(entry: &BootEntry) -> [u8; ENTRY_SIZE] {
    let mut bytes = [0; ENTRY_SIZE];
    bytes[0] = if entry.is_bootable { BOOTABLE } else { 0 };
    bytes[1] = entry.media;
    bytes[6..8].copy_from_slice(&entry.sectors.to_le_bytes());
    bytes[8..12].copy_from_slice(&entry.block.to_le_bytes());
    bytes
}

/// The block of the catalog, where a volume descriptor is El Torito's boot record.
pub(super) fn catalog_of(record: &[u8]) -> Option<u32> {
    let is_boot = record.first() == Some(&descriptor::BOOT_RECORD);
    let is_ours = record.get(7..)?.starts_with(descriptor::EL_TORITO);
    le32(record, 71).filter(|_| is_boot && is_ours)
}

/// The entries of a catalog; none where it is damaged.
pub(super) fn decode(catalog: &[u8]) -> Vec<BootEntry> {
    let mut records = catalog.chunks_exact(ENTRY_SIZE).take(ENTRIES_MAX);
    let is_valid =
        |first: &&[u8]| first[0] == 1 && first[30..] == [0x55, 0xaa] && word_sum(first) == 0;
    let Some(first) = records.next().filter(is_valid) else { return Vec::new() };
    let Some(default) = records.next() else { return Vec::new() };
    let mut entries = vec![boot_entry(default, Platform::of(first[1]))];
    while let Some(header) = records.next() {
        if ![MORE_SECTIONS, LAST_SECTION].contains(&header[0]) {
            break;
        }
        let (platform, count) = (Platform::of(header[1]), le16(header, 2).unwrap_or(0));
        let section = records.by_ref().take(count.into());
        entries.extend(section.map(|record| boot_entry(record, platform)));
        if header[0] == LAST_SECTION {
            break;
        }
    }
    entries
}

fn boot_entry(record: &[u8], platform: Platform) -> BootEntry {
    BootEntry {
        platform,
        is_bootable: record[0] == BOOTABLE,
        media: record[1] & 0x0f,
        sectors: le16(record, 6).unwrap_or(0),
        block: le32(record, 8).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry(platform: Platform, block: u32) -> BootEntry {
        BootEntry { platform, is_bootable: true, media: 0, sectors: 4, block }
    }

    #[test]
    fn a_catalog_comes_back() {
        let all =
            [entry(Platform::Pc, 30), entry(Platform::Efi, 512), entry(Platform::Other(2), 9)];
        for n in 1..=3 {
            assert_eq!(decode(&encode(&all[..n])), all[..n]);
        }
        let mut damaged = encode(&all);
        damaged[4] ^= 1;
        assert_eq!(decode(&damaged), []);
    }

    proptest! {
        #[test]
        fn no_catalog_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let mut catalog = validation(Platform::Pc);
            catalog.extend(bytes);
            decode(&catalog);
        }
    }
}
