//! The header of a sparse extent, in the first sector and, of a stream, in the last but one.

use super::{DESCRIPTOR, DESCRIPTOR_SECTORS, ENTRIES, GRAIN, SECTOR};
use crate::bytes::{le16, le32, le64};
use crate::format::FormatError;

/// Flags: line ends are as they were written; there is a second directory; grains are compressed; markers
/// stand in front of everything.
const LINE_ENDS: u32 = 1;
const REDUNDANT: u32 = 1 << 1;
pub(super) const ZERO_GRAINS: u32 = 1 << 2;
const COMPRESSED: u32 = 1 << 16;
const MARKERS: u32 = 1 << 17;

/// Where a stream's header says that its directory is: look into the footer.
pub(super) const AT_END: u64 = u64::MAX;

/// What the header says, in sectors unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) flags: u32,
    pub(super) capacity: u64,
    pub(super) grain: u64,
    pub(super) descriptor: u64,
    pub(super) descriptor_sectors: u64,
    /// Entries of a grain table.
    pub(super) entries: u32,
    /// The second grain directory.
    pub(super) redundant: u64,
    pub(super) directory: u64,
    /// Everything in front of the grains.
    pub(super) overhead: u64,
    pub(super) is_compressed: bool,
}

impl Header {
    /// The header of an extent of ours.
    pub(super) fn ours(capacity: u64, is_compressed: bool) -> Header {
        let compressed = COMPRESSED | MARKERS;
        Header {
            version: if is_compressed { 3 } else { 1 },
            flags: LINE_ENDS | if is_compressed { compressed } else { REDUNDANT },
            capacity,
            grain: GRAIN / SECTOR,
            descriptor: DESCRIPTOR,
            descriptor_sectors: DESCRIPTOR_SECTORS,
            entries: ENTRIES as u32,
            redundant: 0,
            directory: 0,
            overhead: GRAIN / SECTOR,
            is_compressed,
        }
    }

    pub(super) fn decode(bytes: &[u8], offset: u64) -> Result<Header, FormatError> {
        if bytes.len() < SECTOR as usize {
            return Err(FormatError::CutOff { what: "the header", offset });
        }
        let damaged = |what, at| Err(FormatError::Damaged { what, offset: offset + at });
        if !bytes.starts_with(b"KDMV") {
            return damaged("no header of a sparse extent", 0);
        }
        let u64_at = |at| le64(bytes, at).unwrap_or(0);
        let (version, flags) = (le32(bytes, 4).unwrap_or(0), le32(bytes, 8).unwrap_or(0));
        if !(1..=3).contains(&version) {
            return Err(FormatError::unsupported(format!("VMDK version {version} is not read")));
        }
        if flags & LINE_ENDS != 0 && bytes[73..77] != *b"\n \r\n" {
            return damaged("line ends that were changed, as by a transfer as text", 73);
        }
        let is_compressed = flags & COMPRESSED != 0;
        if is_compressed && le16(bytes, 77) != Some(1) {
            return Err(FormatError::unsupported("its compression is not known here"));
        }
        let header = Header {
            version,
            flags,
            capacity: u64_at(12),
            grain: u64_at(20),
            descriptor: u64_at(28),
            descriptor_sectors: u64_at(36),
            entries: le32(bytes, 44).unwrap_or(0),
            redundant: u64_at(48),
            directory: u64_at(56),
            overhead: u64_at(64),
            is_compressed,
        };
        if !header.grain.is_power_of_two() || !(8..=4096).contains(&header.grain) {
            return damaged("a size of grains that cannot be", 20);
        }
        if !(1..=512).contains(&header.entries) {
            return damaged("a number of entries of a grain table that cannot be", 44);
        }
        match header.capacity <= i64::MAX as u64 / SECTOR {
            true => Ok(header),
            false => damaged("a disk that is larger than any file", 12),
        }
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; SECTOR as usize];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, b"KDMV");
        put(4, &self.version.to_le_bytes());
        put(8, &self.flags.to_le_bytes());
        put(12, &self.capacity.to_le_bytes());
        put(20, &self.grain.to_le_bytes());
        put(28, &self.descriptor.to_le_bytes());
        put(36, &self.descriptor_sectors.to_le_bytes());
        put(44, &self.entries.to_le_bytes());
        put(48, &self.redundant.to_le_bytes());
        put(56, &self.directory.to_le_bytes());
        put(64, &self.overhead.to_le_bytes());
        put(73, b"\n \r\n");
        put(77, &u16::from(self.is_compressed).to_le_bytes());
        bytes
    }
}
