//! The table of a disk, from the backup where the primary is damaged.
//!
//! Only what is read is checked: both headers, the CRC of the entries, and that each partition is
//! inside the usable blocks. Overlaps are left to the lints, which have more to say about them.

use std::io;

use super::header::{Header, HeaderError};
use crate::bytes::{Guid, le16, le64};
use crate::disk::partition::Attributes;
use crate::volume::Volume;

/// What a partition table says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The disk's GUID.
    pub disk_guid: Guid,
    /// Bytes of a logical block, found by where the header is.
    pub sector: u64,
    /// Which of the two tables this is.
    pub source: Source,
    /// The last block that partitions may use; where the disk ends before it, Linux takes the table for
    /// damaged (block/partitions/efi.c, `is_gpt_valid`).
    pub last_usable: u64,
    /// The partitions by number.
    pub entries: Vec<Entry>,
}

/// Which table was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The one at the start of the disk.
    Primary,
    /// The one at the end, because the primary is damaged.
    Backup {
        /// What is wrong with the primary, as a sentence.
        primary: String,
    },
}

/// One used entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The partition's number, from 1.
    pub number: u32,
    /// The type GUID.
    pub type_guid: Guid,
    /// PARTUUID.
    pub unique_guid: Guid,
    /// Attribute bits.
    pub attributes: Attributes,
    /// Its first block.
    pub first_lba: u64,
    /// Its last block.
    pub last_lba: u64,
    /// PARTLABEL; units that are not UTF-16 are replaced.
    pub name: String,
}

impl Entry {
    /// Its first byte and length on a disk with such sectors.
    pub fn range(&self, sector: u64) -> (u64, u64) {
        (self.first_lba * sector, (self.last_lba - self.first_lba + 1) * sector)
    }
}

/// Why a disk has no readable table.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The storage ends too early, or cannot be read.
    #[error("reading the partition table at byte {0}")]
    Io(u64, #[source] io::Error),
    /// No header, or a damaged one.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The entries are damaged.
    #[error("the entries at block {0} have CRC {2:08x} where the header says {1:08x}")]
    EntriesCrc(u64, u32, u32),
    /// A partition ends before it starts, or is outside the usable blocks.
    #[error("partition {number} has blocks {first} to {last}, outside the usable {usable:?}")]
    Range {
        /// Its number.
        number: u32,
        /// Its first block.
        first: u64,
        /// Its last block.
        last: u64,
        /// First and last usable block.
        usable: (u64, u64),
    },
    /// Neither table is good.
    #[error("primary: {primary}; backup: {backup}")]
    Both {
        /// What is wrong with the primary.
        primary: Box<ReadError>,
        /// What is wrong with the backup.
        backup: Box<ReadError>,
    },
}

/// Reads the table of a disk; the backup where the primary is damaged.
///
/// # Errors
/// Where neither table is good: what is wrong with each.
pub fn read(disk: &Volume<'_>) -> Result<Table, ReadError> {
    let sector = sector_size(disk);
    let primary = match read_at(disk, sector, 1) {
        Ok((header, entries)) => return Ok(table(header, entries, sector, Source::Primary)),
        Err(error) => error,
    };
    match read_at(disk, sector, (disk.len() / sector).saturating_sub(1)) {
        Ok((header, entries)) => {
            let source = Source::Backup { primary: primary.to_string() };
            Ok(table(header, entries, sector, source))
        }
        Err(backup) => {
            Err(ReadError::Both { primary: Box::new(primary), backup: Box::new(backup) })
        }
    }
}

fn table(header: Header, entries: Vec<Entry>, sector: u64, source: Source) -> Table {
    let (disk_guid, last_usable) = (header.disk_guid, header.last_usable);
    Table { disk_guid, sector, source, last_usable, entries }
}

/// 4096 where a header is where only such sectors put it, at either end; else 512.
fn sector_size(disk: &Volume<'_>) -> u64 {
    let has_header = |sector: u64, lba: u64| {
        let mut block = vec![0; sector as usize];
        let read = disk.read_exact_at(&mut block, lba.saturating_mul(sector));
        read.is_ok() && Header::decode(&block, lba).is_ok()
    };
    let large = [1, (disk.len() / 4096).saturating_sub(1)];
    match large.into_iter().any(|lba| has_header(4096, lba)) {
        true => 4096,
        false => 512,
    }
}

/// The header in block `lba` and its entries.
fn read_at(disk: &Volume<'_>, sector: u64, lba: u64) -> Result<(Header, Vec<Entry>), ReadError> {
    let read = |offset: u64, len: usize| {
        let mut bytes = vec![0; len];
        disk.read_exact_at(&mut bytes, offset).map_err(|e| ReadError::Io(offset, e))?;
        Ok::<_, ReadError>(bytes)
    };
    let header = Header::decode(&read(lba.saturating_mul(sector), sector as usize)?, lba)?;
    let size = header.entry_count as usize * header.entry_size as usize;
    let bytes = read(header.entries_lba.saturating_mul(sector), size)?;
    let crc = crc32fast::hash(&bytes);
    if crc != header.entries_crc {
        return Err(ReadError::EntriesCrc(header.entries_lba, header.entries_crc, crc));
    }
    let slots = (1..).zip(bytes.chunks_exact(header.entry_size as usize));
    let entries: Vec<_> = slots.filter_map(|(number, slot)| entry(number, slot)).collect();
    let blocks = disk.len() / sector;
    entries.iter().try_for_each(|entry| check(entry, &header, blocks))?;
    Ok((header, entries))
}

/// The entry of a slot; `None` for an unused one, whose type is zero.
fn entry(number: u32, slot: &[u8]) -> Option<Entry> {
    let guid = |offset: usize| Some(Guid::from_mixed_endian(*slot.get(offset..)?.first_chunk()?));
    let type_guid = guid(0).filter(|&guid| guid != Guid::default())?;
    let units = (56..128).step_by(2).filter_map(|offset| le16(slot, offset));
    let name: Vec<u16> = units.take_while(|&unit| unit != 0).collect();
    Some(Entry {
        number,
        type_guid,
        unique_guid: guid(16)?,
        attributes: Attributes(le64(slot, 48)?),
        first_lba: le64(slot, 32)?,
        last_lba: le64(slot, 40)?,
        name: String::from_utf16_lossy(&name),
    })
}

fn check(entry: &Entry, header: &Header, blocks: u64) -> Result<(), ReadError> {
    let usable = (header.first_usable, header.last_usable.min(blocks.saturating_sub(1)));
    match entry.first_lba >= usable.0
        && entry.first_lba <= entry.last_lba
        && entry.last_lba <= usable.1
    {
        true => Ok(()),
        false => Err(ReadError::Range {
            number: entry.number,
            first: entry.first_lba,
            last: entry.last_lba,
            usable,
        }),
    }
}
