//! The header of a partition table, UEFI 2.10 table 5.5.

use crate::bytes::{Guid, le32, le64};

/// `HeaderSize`: the bytes that the header's CRC covers.
pub(super) const HEADER_SIZE: usize = 92;

const SIGNATURE: &[u8] = b"EFI PART";
const REVISION: u32 = 0x0001_0000;

/// One of the two headers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The block that it is in.
    pub my_lba: u64,
    /// The block that the other one is in.
    pub alternate_lba: u64,
    /// First block that partitions may use.
    pub first_usable: u64,
    /// Last block that partitions may use.
    pub last_usable: u64,
    /// The disk's GUID.
    pub disk_guid: Guid,
    /// First block of its entries.
    pub entries_lba: u64,
    /// How many entries there are.
    pub entry_count: u32,
    /// Bytes of one entry.
    pub entry_size: u32,
    /// CRC-32 of the entries.
    pub entries_crc: u32,
}

/// Why a block is not the header that should be there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// It does not start with `EFI PART`.
    #[error("block {0} has no GPT signature")]
    Signature(u64),
    /// A version that this code does not know.
    #[error("the header in block {0} has revision {1:#010x}")]
    Revision(u64, u32),
    /// A length that the specification excludes.
    #[error("the header in block {0} claims {1} bytes")]
    Size(u64, u32),
    /// Its bytes are damaged.
    #[error("the header in block {0} has CRC {1:08x}, its bytes {2:08x}")]
    Crc(u64, u32, u32),
    /// It was copied from elsewhere.
    #[error("the header in block {0} says that it is in block {1}")]
    Place(u64, u64),
    /// Entries that cannot be: not 128 times a power of two, or over 1 MiB of them.
    #[error("the header in block {0} claims {1} entries of {2} bytes")]
    Entries(u64, u32, u32),
}

impl Header {
    /// The header's bytes; the rest of its block is zero.
    pub(super) fn encode(&self) -> [u8; HEADER_SIZE] {
        let mut bytes = [0; HEADER_SIZE];
        bytes[0..8].copy_from_slice(SIGNATURE);
        bytes[8..12].copy_from_slice(&REVISION.to_le_bytes());
        bytes[12..16].copy_from_slice(&(HEADER_SIZE as u32).to_le_bytes());
        bytes[24..32].copy_from_slice(&self.my_lba.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.alternate_lba.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.first_usable.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.last_usable.to_le_bytes());
        bytes[56..72].copy_from_slice(&self.disk_guid.to_mixed_endian());
        bytes[72..80].copy_from_slice(&self.entries_lba.to_le_bytes());
        bytes[80..84].copy_from_slice(&self.entry_count.to_le_bytes());
        bytes[84..88].copy_from_slice(&self.entry_size.to_le_bytes());
        bytes[88..92].copy_from_slice(&self.entries_crc.to_le_bytes());
        // The CRC counts its own field as zero, which it still is.
        let crc = crc32fast::hash(&bytes);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header that should be in block `lba`, whose bytes these are.
    pub(super) fn decode(block: &[u8], lba: u64) -> Result<Header, HeaderError> {
        if block.get(..8) != Some(SIGNATURE) {
            return Err(HeaderError::Signature(lba));
        }
        let field32 = |offset| le32(block, offset).unwrap_or_default();
        let field64 = |offset| le64(block, offset).unwrap_or_default();
        if field32(8) != REVISION {
            return Err(HeaderError::Revision(lba, field32(8)));
        }
        let size = field32(12);
        let covered = block.get(..size as usize).filter(|bytes| bytes.len() >= HEADER_SIZE);
        let mut covered = covered.ok_or(HeaderError::Size(lba, size))?.to_vec();
        covered[16..20].fill(0);
        let (stored, computed) = (field32(16), crc32fast::hash(&covered));
        if stored != computed {
            return Err(HeaderError::Crc(lba, stored, computed));
        }
        if field64(24) != lba {
            return Err(HeaderError::Place(lba, field64(24)));
        }
        let (count, entry_size) = (field32(80), field32(84));
        let table_size = u64::from(count) * u64::from(entry_size);
        if entry_size < 128 || !entry_size.is_power_of_two() || table_size > 1 << 20 {
            return Err(HeaderError::Entries(lba, count, entry_size));
        }
        let disk_guid: [u8; 16] =
            *covered[56..].first_chunk().ok_or(HeaderError::Size(lba, size))?;
        Ok(Header {
            my_lba: lba,
            alternate_lba: field64(32),
            first_usable: field64(40),
            last_usable: field64(48),
            disk_guid: Guid::from_mixed_endian(disk_guid),
            entries_lba: field64(72),
            entry_count: count,
            entry_size,
            entries_crc: field32(88),
        })
    }
}
