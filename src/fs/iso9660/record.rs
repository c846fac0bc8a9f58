//! Directory records (ECMA-119 9.1), and how they lie in the blocks of a directory (6.8.1.1).

use super::BLOCK_SIZE;
use super::number::{both16, both32};
use super::time::short;
use crate::tree::Time;

/// Bytes of a record in front of its identifier.
pub(super) const HEAD: usize = 33;
/// The longest record that has a length of its own in even numbers.
const RECORD_MAX: usize = 254;
/// File flags: a directory, and one of several sections that is not the last (9.1.6).
pub(super) const DIRECTORY: u8 = 0x02;
pub(super) const MULTI_EXTENT: u8 = 0x80;

/// What a record says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Record<'a> {
    pub(super) identifier: &'a [u8],
    /// First block and length in bytes.
    pub(super) extent: (u32, u32),
    pub(super) time: Time,
    pub(super) is_directory: bool,
    /// Whether the file goes on in another section.
    pub(super) has_more: bool,
}

impl<'a> Record<'a> {
    /// The record of a directory.
    pub(super) fn directory(identifier: &'a [u8], extent: (u32, u32), time: Time) -> Self {
        Record { identifier, extent, time, is_directory: true, has_more: false }
    }

    /// Bytes that are left for system use.
    pub(super) fn room(&self) -> usize {
        RECORD_MAX - HEAD - self.identifier.len().next_multiple_of(2) - self.odd()
    }

    /// The head has an odd length, so an identifier of an even one is padded.
    fn odd(&self) -> usize {
        usize::from(self.identifier.len().is_multiple_of(2))
    }

    /// The bytes, of an even number.
    pub(super) fn encode(&self, system_use: &[u8]) -> Vec<u8> {
        let (block, len) = self.extent;
        let flags = [(self.is_directory, DIRECTORY), (self.has_more, MULTI_EXTENT)];
        let flags = flags.iter().filter(|(is, _)| *is).fold(0, |all, (_, flag)| all | flag);
        let mut bytes = vec![0, 0];
        bytes.extend(both32(block));
        bytes.extend(both32(len));
        bytes.extend(short(self.time));
        // Flags; file unit size and interleave gap of a file in one piece.
        bytes.extend([flags, 0, 0]);
        bytes.extend(both16(1));
        bytes.push(self.identifier.len() as u8);
        bytes.extend(self.identifier);
        bytes.resize(bytes.len() + self.odd(), 0);
        bytes.extend(system_use);
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes[0] = bytes.len() as u8;
        bytes
    }
}

/// Records one after the other, none across the end of a block; the last block is filled with zeros.
pub(super) fn pack(records: &[Vec<u8>]) -> Vec<u8> {
    let block = BLOCK_SIZE as usize;
    let mut bytes = Vec::new();
    for record in records {
        if bytes.len() % block + record.len() > block {
            bytes.resize(bytes.len().next_multiple_of(block), 0);
        }
        bytes.extend(record);
    }
    bytes.resize(bytes.len().next_multiple_of(block), 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_record_has_34_bytes_and_no_record_crosses_a_block() {
        let root = Record::directory(&[0], (23, 2048), Time::EPOCH);
        let bytes = root.encode(&[]);
        assert_eq!((bytes.len(), bytes[0], bytes[25], bytes[32]), (34, 34, 2, 1));
        assert_eq!(bytes[18..25], [70, 1, 1, 0, 0, 0, 0]);
        let long = Record::directory(b"LONG", (23, 2048), Time::EPOCH);
        assert_eq!(long.encode(&vec![1; long.room()]).len(), RECORD_MAX);
        let packed = pack(&vec![vec![7; 250]; 9]);
        assert_eq!((packed.len(), packed[1999], packed[2000], packed[2048]), (4096, 7, 0, 7));
    }
}
