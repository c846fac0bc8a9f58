//! The plan of a disk: which partition lies where. Pure, printable, and right before a byte is written.
//!
//! GPT, UEFI 2.10 §5.3: protective MBR, header and entries in front, entries and header at the end.
//! A [`Layout`] can only be made by [`Layout::plan`], so that one which exists has no overlaps and
//! fits its disk. Left out: entries of another size than 128 bytes, tables of more than 128 entries.

mod error;

pub use error::LayoutError;

use serde::{Serialize, Serializer};

use super::partition::{Attributes, type_name};
use crate::bytes::Guid;
use crate::size::{MIB, Size, align_up};

/// Partition entries of a table (UEFI 2.10 §5.3.1: at least 16 KiB are reserved for them).
pub const ENTRY_COUNT: u32 = 128;
/// Bytes of one partition entry.
pub const ENTRY_SIZE: u64 = 128;
/// UTF-16 units of a partition name.
pub const NAME_UNITS: usize = 36;

/// What is wanted of one partition.
#[derive(Debug, Clone)]
pub struct PartitionSpec {
    /// PARTLABEL, at most 36 UTF-16 units.
    pub name: String,
    /// The type GUID: what the partition is for.
    pub type_guid: Guid,
    /// PARTUUID.
    pub unique_guid: Guid,
    /// Attribute bits.
    pub attributes: Attributes,
    /// Its number, from 1; without one, the place in the list.
    pub number: Option<u32>,
    /// Its length.
    pub size: PartitionSize,
    /// How many bytes of it the filesystem needs.
    pub used: u64,
    /// The filesystem as a person calls it ("FAT16", "ext4").
    pub filesystem: String,
}

/// How long a partition is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionSize {
    /// So many bytes: whole sectors.
    Exact(u64),
    /// All that the others leave; one partition of a disk of known size.
    Rest,
}

/// What is wanted of the disk.
#[derive(Debug, Clone)]
pub struct Options {
    /// The disk's own GUID.
    pub disk_guid: Guid,
    /// Its size.
    pub size: DiskSize,
    /// Bytes that every partition's start is a multiple of.
    pub alignment: u64,
    /// Bytes of a logical block: 512 or 4096.
    pub sector: u64,
}

/// How long a disk is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskSize {
    /// What the partitions need, rounded up to the alignment.
    Auto,
    /// So much.
    Exact(Size),
}

impl Options {
    /// 512-byte sectors, partitions at whole MiB, a disk as long as it has to be.
    pub fn new(disk_guid: Guid) -> Self {
        Options { disk_guid, size: DiskSize::Auto, alignment: MIB, sector: 512 }
    }
}

/// Partitions with their places on a disk, all within it, none touching another.
#[derive(Debug, Clone, Serialize)]
pub struct Layout {
    #[serde(serialize_with = "as_text")]
    disk_guid: Guid,
    size: u64,
    sector: u64,
    partitions: Vec<Partition>,
}

/// One partition with its place.
#[derive(Debug, Clone, Serialize)]
pub struct Partition {
    /// Its number, from 1: the slot of the table.
    pub number: u32,
    /// PARTLABEL.
    pub name: String,
    /// The type GUID.
    #[serde(serialize_with = "as_text", rename = "type")]
    pub type_guid: Guid,
    /// What a person calls that type.
    pub type_name: Option<&'static str>,
    /// PARTUUID.
    #[serde(serialize_with = "as_text", rename = "guid")]
    pub unique_guid: Guid,
    /// Attribute bits.
    pub attributes: Attributes,
    /// Its first byte on the disk.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// How many bytes of it the filesystem needs.
    pub used: u64,
    /// The filesystem as a person calls it.
    pub filesystem: String,
}

impl Layout {
    /// Places the partitions in the order of the list, each at the next aligned offset.
    ///
    /// # Errors
    /// Where they do not fit, with the numbers; where a name, number, size or GUID cannot be.
    pub fn plan(specs: &[PartitionSpec], options: &Options) -> Result<Layout, LayoutError> {
        check_disk(specs, options)?;
        specs.iter().try_for_each(|spec| check(spec, options.sector))?;
        check_pairs(specs, options)?;
        let rest = rest_size(specs, options)?;
        let mut partitions = Vec::with_capacity(specs.len());
        let mut end = front_size(options.sector);
        for (index, spec) in specs.iter().enumerate() {
            let offset = align_up(end, options.alignment);
            let partition = place(spec, index, offset, rest);
            if partition.used > partition.size {
                let Partition { name, used, size, .. } = partition;
                return Err(LayoutError::PartitionTooSmall { name, needs: used, has: size });
            }
            end = offset + partition.size;
            partitions.push(partition);
        }
        let size = match options.size {
            DiskSize::Exact(size) => size.0,
            DiskSize::Auto => align_up(end + back_size(options.sector), options.alignment),
        };
        Ok(Layout { disk_guid: options.disk_guid, size, sector: options.sector, partitions })
    }

    /// The disk's GUID.
    pub fn disk_guid(&self) -> Guid {
        self.disk_guid
    }

    /// The disk's length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Bytes of a logical block.
    pub fn sector(&self) -> u64 {
        self.sector
    }

    /// The partitions, by offset.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// Bytes that will be written: tables, and what the filesystems use.
    pub fn used(&self) -> u64 {
        let tables = front_size(self.sector) + back_size(self.sector);
        self.partitions.iter().fold(tables, |sum, p| sum + p.used)
    }

    /// The first and last logical blocks that partitions may use.
    pub fn usable_blocks(&self) -> (u64, u64) {
        let first = front_size(self.sector) / self.sector;
        (first, (self.size - back_size(self.sector)) / self.sector - 1)
    }
}

/// Bytes in front of the first usable block: protective MBR, header, entries.
fn front_size(sector: u64) -> u64 {
    sector + back_size(sector)
}

/// Bytes after the last usable block: entries, header.
fn back_size(sector: u64) -> u64 {
    u64::from(ENTRY_COUNT) * ENTRY_SIZE + sector
}

fn check_disk(specs: &[PartitionSpec], options: &Options) -> Result<(), LayoutError> {
    let (sector, alignment) = (options.sector, options.alignment);
    if ![512, 4096].contains(&sector) {
        return Err(LayoutError::Sector(sector));
    }
    if alignment == 0 || !alignment.is_multiple_of(sector) || alignment > i64::MAX as u64 {
        return Err(LayoutError::Alignment(alignment, sector));
    }
    if specs.len() > ENTRY_COUNT as usize {
        return Err(LayoutError::TooMany(specs.len()));
    }
    match options.size {
        DiskSize::Exact(Size(size)) if !size.is_multiple_of(sector) => {
            Err(LayoutError::DiskNotSectors(size, sector))
        }
        DiskSize::Exact(Size(size)) if size > i64::MAX as u64 => Err(LayoutError::TooLarge),
        _ => Ok(()),
    }
}

/// What can be wrong with a partition alone.
fn check(spec: &PartitionSpec, sector: u64) -> Result<(), LayoutError> {
    let name = || spec.name.clone();
    let units = spec.name.encode_utf16().count();
    match spec.size {
        _ if units > NAME_UNITS => Err(LayoutError::NameTooLong(name(), units)),
        _ if spec.name.contains('\0') => Err(LayoutError::NameNul(name())),
        _ if [spec.type_guid, spec.unique_guid].contains(&Guid::default()) => {
            Err(LayoutError::ZeroGuid(name()))
        }
        PartitionSize::Exact(0) => Err(LayoutError::Empty(name())),
        PartitionSize::Exact(size) if !size.is_multiple_of(sector) => {
            Err(LayoutError::NotSectors { name: name(), size, sector })
        }
        _ => Ok(()),
    }
}

/// What two partitions cannot share: a number, a GUID (which the disk's is, too), the rest.
fn check_pairs(specs: &[PartitionSpec], options: &Options) -> Result<(), LayoutError> {
    for (index, spec) in specs.iter().enumerate() {
        let (name, number) = (|| spec.name.clone(), number(spec, index));
        if !(1..=ENTRY_COUNT).contains(&number) {
            return Err(LayoutError::Number { name: name(), number });
        }
        if spec.unique_guid == options.disk_guid {
            return Err(LayoutError::SameGuid("the disk".into(), name(), spec.unique_guid));
        }
        for (earlier_index, earlier) in specs[..index].iter().enumerate() {
            let before = || earlier.name.clone();
            if self::number(earlier, earlier_index) == number {
                return Err(LayoutError::SameNumber(before(), name(), number));
            }
            if earlier.unique_guid == spec.unique_guid {
                return Err(LayoutError::SameGuid(before(), name(), spec.unique_guid));
            }
            if earlier.size == PartitionSize::Rest && spec.size == PartitionSize::Rest {
                return Err(LayoutError::TwoRests(before(), name()));
            }
        }
    }
    Ok(())
}

fn number(spec: &PartitionSpec, index: usize) -> u32 {
    spec.number.unwrap_or(index as u32 + 1)
}

/// What is left for the partition that takes the rest; whether all fit is decided here, for all.
fn rest_size(specs: &[PartitionSpec], options: &Options) -> Result<u64, LayoutError> {
    let rest = specs.iter().find(|spec| spec.size == PartitionSize::Rest);
    // The rest is at least what its content uses, so the sum says what the disk has to have.
    let least = |used: u64| used.max(1).div_ceil(options.alignment).checked_mul(options.alignment);
    let mut end = Some(front_size(options.sector));
    for spec in specs {
        let size = match spec.size {
            PartitionSize::Exact(size) => Some(size),
            PartitionSize::Rest => least(spec.used),
        };
        end = end
            .map(|end| end.div_ceil(options.alignment))
            .and_then(|blocks| blocks.checked_mul(options.alignment)?.checked_add(size?));
    }
    let needs = end
        .and_then(|end| end.checked_add(back_size(options.sector)))
        .filter(|needs| needs.checked_add(options.alignment).is_some_and(|n| n <= i64::MAX as u64))
        .ok_or(LayoutError::TooLarge)?;
    match (options.size, rest) {
        (DiskSize::Auto, None) => Ok(0),
        (DiskSize::Auto, Some(spec)) => Err(LayoutError::RestOfAuto(spec.name.clone())),
        (DiskSize::Exact(Size(has)), _) if needs > has => {
            Err(LayoutError::DiskTooSmall { needs, has })
        }
        (DiskSize::Exact(_), None) => Ok(0),
        (DiskSize::Exact(Size(has)), Some(spec)) => {
            // Whole alignments, so that what follows moves by exactly that much.
            let spare = (has - needs) / options.alignment * options.alignment;
            Ok(least(spec.used).unwrap_or_default() + spare)
        }
    }
}

fn place(spec: &PartitionSpec, index: usize, offset: u64, rest: u64) -> Partition {
    Partition {
        number: number(spec, index),
        name: spec.name.clone(),
        type_guid: spec.type_guid,
        type_name: type_name(spec.type_guid),
        unique_guid: spec.unique_guid,
        attributes: spec.attributes,
        offset,
        size: match spec.size {
            PartitionSize::Exact(size) => size,
            PartitionSize::Rest => rest,
        },
        used: spec.used,
        filesystem: spec.filesystem.clone(),
    }
}

fn as_text<S: Serializer>(guid: &Guid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(guid)
}

#[cfg(test)]
mod tests;
