//! Why partitions cannot be laid out, with the numbers.

use super::{ENTRY_COUNT, NAME_UNITS};
use crate::bytes::Guid;
use crate::size::Size;

/// Why partitions cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Logical blocks are 512 or 4096 bytes.
    #[error("sectors of {0} bytes are not supported: use 512 or 4096")]
    Sector(u64),
    /// A partition starts at a sector.
    #[error("an alignment of {0} bytes is not a multiple of the {1}-byte sector")]
    Alignment(u64, u64),
    /// A table has 128 slots.
    #[error("{0} partitions are too many: the table has {ENTRY_COUNT} entries")]
    TooMany(usize),
    /// The number is no slot.
    #[error("partition `{name}` cannot have number {number}: numbers are 1 to {ENTRY_COUNT}")]
    Number {
        /// Which partition.
        name: String,
        /// Its number.
        number: u32,
    },
    /// Two partitions in one slot.
    #[error("partitions `{0}` and `{1}` have the same number {2}")]
    SameNumber(String, String, u32),
    /// GPT stores 36 UTF-16 units.
    #[error("partition name `{0}` has {1} UTF-16 units: the table has room for {NAME_UNITS}")]
    NameTooLong(String, usize),
    /// A NUL would end the name.
    #[error("partition name {0:?} has a NUL")]
    NameNul(String),
    /// An unused slot has the zero type; nobody could name the zero GUID.
    #[error("partition `{0}` has a GUID of only zeros")]
    ZeroGuid(String),
    /// PARTUUID= would be ambiguous.
    #[error("`{0}` and `{1}` have the same GUID {2}")]
    SameGuid(String, String, Guid),
    /// Nothing can be in it.
    #[error("partition `{0}` has size zero")]
    Empty(String),
    /// A partition is whole sectors.
    #[error("partition `{name}`: {size} bytes are not a multiple of the {sector}-byte sector")]
    NotSectors {
        /// Which partition.
        name: String,
        /// Its size in bytes.
        size: u64,
        /// The sector in bytes.
        sector: u64,
    },
    /// As above, of the disk.
    #[error("a disk of {0} bytes is not a multiple of the {1}-byte sector")]
    DiskNotSectors(u64, u64),
    /// The content is larger than its partition.
    #[error(
        "partition `{name}` is too small: its content needs {needs} bytes ({}), it has {has} ({}), \
         {} too few", Size(*needs), Size(*has), needs - has
    )]
    PartitionTooSmall {
        /// Which partition.
        name: String,
        /// Bytes of content.
        needs: u64,
        /// Bytes of the partition.
        has: u64,
    },
    /// The partitions are larger than the disk.
    #[error(
        "the disk is too small: the partitions need {needs} bytes ({}), it has {has} ({}), \
         {} too few", Size(*needs), Size(*has), needs - has
    )]
    DiskTooSmall {
        /// Bytes of tables and partitions.
        needs: u64,
        /// Bytes of the disk.
        has: u64,
    },
    /// Only one can have it.
    #[error("partitions `{0}` and `{1}` both take the rest of the disk")]
    TwoRests(String, String),
    /// There is no rest of an unknown size.
    #[error("partition `{0}` takes the rest of a disk without a size: give one of the two a size")]
    RestOfAuto(String),
    /// Over 2^63 bytes, the largest file.
    #[error("the partitions are larger than any disk")]
    TooLarge,
}
