//! The tables of a disk that has become longer: the backup moves to the new end, the partition that was
//! last reaches further, and everything else stays as it is.
//!
//! What is written first is the backup, where nobody looks yet; the primary then changes in one write of
//! the disk's first page, which has header and changed entry, as long as the partition's number is up to
//! 24 and sectors have 512 bytes. Whoever reads the table sees the old or the new one.

use super::encode::Extent;
use super::header::Header;
use super::read::{ReadError, Source, Table};
use crate::disk::mbr;
use crate::volume::Volume;

/// What is written at once, whatever the host's storage is.
const PAGE: usize = 4096;

/// The tables, as bytes with their places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Regrown {
    /// The new backup, to be written and synced first.
    pub backup: Extent,
    /// The start of the disk: what changes of it.
    pub primary: Extent,
    /// Offset and length of the old backup, which is nothing but waste afterwards.
    pub waste: Option<(u64, u64)>,
}

/// The first block after the last usable one of a disk of `size` bytes with this table.
pub fn usable_end(header: &Header, sector: u64, size: u64) -> u64 {
    (size / sector).saturating_sub(1 + entry_blocks(header, sector))
}

/// The header of a table as it was read.
///
/// # Errors
/// Where it is no longer what it was.
pub fn header_of(disk: &Volume<'_>, table: &Table) -> Result<Header, ReadError> {
    let lba = match table.source {
        Source::Primary => 1,
        Source::Backup { .. } => disk.len() / table.sector - 1,
    };
    let mut block = vec![0; table.sector as usize];
    let at = lba * table.sector;
    disk.read_exact_at(&mut block, at).map_err(|e| ReadError::Io(at, e))?;
    Ok(Header::decode(&block, lba)?)
}

/// The tables of the same disk with `size` bytes, on which partition `number` ends before block `end`.
///
/// # Errors
/// Where the present tables cannot be read.
pub fn regrow(
    disk: &Volume<'_>,
    table: &Table,
    size: u64,
    number: u32,
    end: u64,
) -> Result<Regrown, ReadError> {
    let sector = table.sector;
    let old = header_of(disk, table)?;
    let read = |at: u64, len: usize| {
        let mut bytes = vec![0; len];
        disk.read_exact_at(&mut bytes, at).map_err(|e| ReadError::Io(at, e))?;
        Ok::<_, ReadError>(bytes)
    };
    let entries_at = old.entries_lba * sector;
    let mut entries = read(entries_at, old.entry_count as usize * old.entry_size as usize)?;
    let slot = (number as usize - 1) * old.entry_size as usize;
    entries[slot + 40..slot + 48].copy_from_slice(&(end - 1).to_le_bytes());
    let (last, blocks) = (size / sector - 1, entry_blocks(&old, sector));
    let primary = Header {
        my_lba: 1,
        alternate_lba: last,
        last_usable: usable_end(&old, sector, size) - 1,
        entries_lba: if old.my_lba == 1 { old.entries_lba } else { 2 },
        entries_crc: crc32fast::hash(&entries),
        ..old.clone()
    };
    let backup =
        Header { my_lba: last, alternate_lba: 1, entries_lba: last - blocks, ..primary.clone() };

    let front_at = primary.entries_lba * sector;
    let before = read(0, front_at as usize + entries.len())?;
    let mut front = before.clone();
    protect(&mut front, size / sector);
    overwrite(&mut front, sector, &primary.encode());
    overwrite(&mut front, front_at, &entries);
    let changed = (0..front.len()).rev().find(|&i| front[i] != before[i]).unwrap_or(0) + 1;
    front.truncate(changed.next_multiple_of(PAGE).min(front.len()));

    let mut back = entries;
    back.resize((blocks * sector) as usize, 0);
    back.extend(backup.encode());
    back.resize(((blocks + 1) * sector) as usize, 0);
    Ok(Regrown {
        backup: Extent { offset: backup.entries_lba * sector, bytes: back },
        primary: Extent { offset: 0, bytes: front },
        waste: waste(disk, &old, sector, last),
    })
}

/// The old backup, where it is one and the new one does not touch it.
fn waste(disk: &Volume<'_>, old: &Header, sector: u64, last: u64) -> Option<(u64, u64)> {
    let lba = if old.my_lba == 1 { old.alternate_lba } else { return None };
    let mut block = vec![0; sector as usize];
    disk.read_exact_at(&mut block, lba.checked_mul(sector)?).ok()?;
    let header = Header::decode(&block, lba).ok()?;
    let blocks = entry_blocks(old, sector);
    let is_apart = lba + blocks + 1 < last && header.entries_lba + blocks == lba;
    is_apart.then_some((header.entries_lba * sector, (blocks + 1) * sector))
}

fn entry_blocks(header: &Header, sector: u64) -> u64 {
    (u64::from(header.entry_count) * u64::from(header.entry_size)).div_ceil(sector)
}

/// Makes the protective partition as long as the disk, where it is the only one.
fn protect(front: &mut [u8], blocks: u64) {
    let Some(records) = mbr::records(front) else { return };
    if let [record] = records[..]
        && record.os_type == mbr::GPT_PROTECTIVE
        && record.first == 1
    {
        let sectors = u32::try_from(blocks - 1).unwrap_or(u32::MAX);
        mbr::set_sectors(front, record.number, sectors);
    }
}

fn overwrite(bytes: &mut [u8], at: u64, new: &[u8]) {
    bytes[at as usize..at as usize + new.len()].copy_from_slice(new);
}
