//! A layout as bytes: protective MBR, primary table, backup table.

use super::header::Header;
use crate::disk::layout::{ENTRY_COUNT, ENTRY_SIZE, Layout, Partition};
use crate::disk::mbr;

/// Bytes that belong at an offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// From the start of the disk.
    pub offset: u64,
    /// What is there.
    pub bytes: Vec<u8>,
}

/// All that is not inside a partition: the start and the end of the disk.
pub fn encode(layout: &Layout) -> Vec<Extent> {
    let sector = layout.sector();
    let entries = entries(layout);
    let entry_blocks = entries.len() as u64 / sector;
    let last_lba = layout.size() / sector - 1;
    let primary = header(layout, &entries, 1, last_lba, 2);
    let backup = header(layout, &entries, last_lba, 1, last_lba - entry_blocks);

    let mut front = block(&mbr::protective(layout), sector);
    front.extend(block(&primary.encode(), sector));
    front.extend(&entries);
    let back_offset = backup.entries_lba * sector;
    let mut back = entries;
    back.extend(block(&backup.encode(), sector));
    vec![Extent { offset: 0, bytes: front }, Extent { offset: back_offset, bytes: back }]
}

fn header(layout: &Layout, entries: &[u8], my: u64, alternate: u64, entries_lba: u64) -> Header {
    let (first_usable, last_usable) = layout.usable_blocks();
    Header {
        my_lba: my,
        alternate_lba: alternate,
        first_usable,
        last_usable,
        disk_guid: layout.disk_guid(),
        entries_lba,
        entry_count: ENTRY_COUNT,
        entry_size: ENTRY_SIZE as u32,
        entries_crc: crc32fast::hash(entries),
    }
}

/// The bytes, filled up with zeros to a block.
fn block(bytes: &[u8], sector: u64) -> Vec<u8> {
    let mut block = bytes.to_vec();
    block.resize(sector as usize, 0);
    block
}

/// The array of entries, each in the slot of its number.
fn entries(layout: &Layout) -> Vec<u8> {
    let mut entries = vec![0; ENTRY_COUNT as usize * ENTRY_SIZE as usize];
    for partition in layout.partitions() {
        let slot = (partition.number - 1) as usize * ENTRY_SIZE as usize;
        entries[slot..][..ENTRY_SIZE as usize].copy_from_slice(&entry(partition, layout.sector()));
    }
    entries
}

/// UEFI 2.10 table 5.6.
fn entry(partition: &Partition, sector: u64) -> [u8; ENTRY_SIZE as usize] {
    let (first, blocks) = (partition.offset / sector, partition.size / sector);
    let mut entry = [0; ENTRY_SIZE as usize];
    entry[0..16].copy_from_slice(&partition.type_guid.to_mixed_endian());
    entry[16..32].copy_from_slice(&partition.unique_guid.to_mixed_endian());
    entry[32..40].copy_from_slice(&first.to_le_bytes());
    entry[40..48].copy_from_slice(&(first + blocks - 1).to_le_bytes());
    entry[48..56].copy_from_slice(&partition.attributes.0.to_le_bytes());
    for (field, unit) in entry[56..].chunks_exact_mut(2).zip(partition.name.encode_utf16()) {
        field.copy_from_slice(&unit.to_le_bytes());
    }
    entry
}
