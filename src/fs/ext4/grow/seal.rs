//! The checksums of a filesystem that is there: none, the CRC-16 of descriptors (`uninit_bg`), or the
//! CRC-32C of everything (`metadata_csum`).
//!
//! Reference: kernel Documentation/filesystems/ext4/checksums.rst.

use crate::bytes::{Guid, le16, le32};
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::put;

/// Where a descriptor's checksum is.
const IN_DESCRIPTOR: usize = 0x1e;
/// Where the superblock's is.
const IN_SUPERBLOCK: usize = 0x3fc;

/// Which checksums there are.
#[derive(Debug, Clone, Copy)]
pub(super) enum Seal {
    /// None at all.
    None,
    /// Of descriptors, from this UUID on.
    Crc16([u8; 16]),
    /// Of everything, beginning with this.
    Crc32c(Checksum),
}

impl Seal {
    /// Checksums that begin with the filesystem's UUID.
    pub(super) fn crc32c(uuid: [u8; 16]) -> Seal {
        Seal::Crc32c(Checksum::of_filesystem(Guid::new(u128::from_be_bytes(uuid))))
    }

    /// Checksums that begin with what the superblock says (`metadata_csum_seed`).
    pub(super) fn crc32c_from(seed: u32) -> Seal {
        Seal::Crc32c(Checksum::from_value(seed))
    }

    /// Whether bitmaps need not be written where nothing is in use.
    pub(super) fn has_uninitialised_groups(self) -> bool {
        !matches!(self, Seal::None)
    }

    /// The checksum of a bitmap, of which these are the bytes that have a meaning.
    pub(super) fn of_bitmap(self, bytes: &[u8]) -> Option<Checksum> {
        match self {
            Seal::Crc32c(seed) => Some(seed.with(bytes)),
            Seal::None | Seal::Crc16(_) => None,
        }
    }

    /// Puts the checksum into the descriptor of a group.
    pub(super) fn close_descriptor(self, number: u32, descriptor: &mut [u8]) {
        let checksum = self.of_descriptor(number, descriptor);
        put(descriptor, IN_DESCRIPTOR, checksum.to_le_bytes());
    }

    /// Whether a descriptor has the checksum that it should have.
    pub(super) fn fits_descriptor(self, number: u32, descriptor: &[u8]) -> bool {
        let stored = le16(descriptor, IN_DESCRIPTOR);
        matches!(self, Seal::None) || stored == Some(self.of_descriptor(number, descriptor))
    }

    fn of_descriptor(self, number: u32, descriptor: &[u8]) -> u16 {
        let number = number.to_le_bytes();
        let (front, back) = descriptor.split_at(IN_DESCRIPTOR);
        let back = back.get(2..).unwrap_or_default();
        match self {
            Seal::None => 0,
            // The field itself is left out, and counts as zero, in turn.
            Seal::Crc16(uuid) => [&uuid[..], &number, front, back].into_iter().fold(!0, crc16),
            Seal::Crc32c(seed) => seed.with(&number).with(front).with(&[0; 2]).with(back).low(),
        }
    }

    /// Puts the checksum into a superblock.
    pub(super) fn close_superblock(self, superblock: &mut [u8]) {
        if let Seal::Crc32c(_) = self {
            let checksum = Checksum::START.with(&superblock[..IN_SUPERBLOCK]).value();
            put(superblock, IN_SUPERBLOCK, checksum.to_le_bytes());
        }
    }

    /// Whether a superblock has the checksum that it should have.
    pub(super) fn fits_superblock(self, superblock: &[u8]) -> bool {
        let computed = Checksum::START.with(&superblock[..IN_SUPERBLOCK]).value();
        !matches!(self, Seal::Crc32c(_)) || le32(superblock, IN_SUPERBLOCK) == Some(computed)
    }

    /// Puts the checksum into an inode.
    pub(super) fn close_inode(self, number: u32, inode: &mut [u8]) {
        let Seal::Crc32c(seed) = self else { return };
        // i_extra_isize says whether the upper half has a place.
        let has_high = le16(inode, 0x80).is_some_and(|extra| extra >= 4);
        put(inode, 0x7c, [0; 2]);
        if has_high {
            put(inode, 0x82, [0; 2]);
        }
        let checksum = seed.with(&number.to_le_bytes()).with(&inode[0x64..0x68]).with(inode);
        put(inode, 0x7c, checksum.low().to_le_bytes());
        if has_high {
            put(inode, 0x82, checksum.high().to_le_bytes());
        }
    }
}

/// CRC-16 with the reversed polynomial 0x8005, to which more bytes can be added.
fn crc16(crc: u16, bytes: &[u8]) -> u16 {
    let bit = |crc: u16, _| (crc >> 1) ^ if crc & 1 == 1 { 0xa001 } else { 0 };
    bytes.iter().fold(crc, |crc, &byte| (0..8).fold(crc ^ u16::from(byte), bit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_that_of_the_catalogue() {
        // CRC-16/MODBUS, which begins with all bits set.
        assert_eq!(crc16(!0, b"123456789"), 0x4b37);
    }
}
