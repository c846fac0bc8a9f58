//! CRC-32C as `metadata_csum` uses it: chained, without the final inversion.
//!
//! Reference: kernel Documentation/filesystems/ext4/checksums.rst. Every checksum of a structure
//! starts from one of the filesystem's UUID, so that stale blocks of another filesystem do not pass.

use crate::bytes::Guid;

/// A checksum to which more bytes can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Checksum(u32);

impl Checksum {
    /// The start of the superblock's checksum, which alone does not begin with the UUID.
    pub(super) const START: Checksum = Checksum(!0);

    /// What the checksums of one filesystem's group descriptors, bitmaps and inodes begin with.
    pub(super) fn of_filesystem(uuid: Guid) -> Self {
        Checksum::START.with(&uuid.to_bytes())
    }

    /// What a superblock says that the checksums of its filesystem begin with.
    pub(super) fn from_value(seed: u32) -> Self {
        Checksum(seed)
    }

    /// What the checksums of one inode and of its directory and extent blocks begin with. The
    /// generation, which follows the number, is 0 in all inodes that are written here.
    pub(super) fn of_inode(self, number: u32) -> Self {
        self.with(&number.to_le_bytes()).with(&[0; 4])
    }

    /// The checksum of what it was of, followed by `bytes`.
    pub(super) fn with(self, bytes: &[u8]) -> Self {
        // The crate inverts before and after, as most protocols want it; ext4 does neither.
        Checksum(!crc32c::crc32c_append(!self.0, bytes))
    }

    /// All 32 bits.
    pub(super) fn value(self) -> u32 {
        self.0
    }

    /// The lower 16 bits, which the first half of a pair of fields holds.
    pub(super) fn low(self) -> u16 {
        self.0 as u16
    }

    /// The upper 16 bits.
    pub(super) fn high(self) -> u16 {
        (self.0 >> 16) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_crc_32c_without_the_last_inversion() {
        // The check value of CRC-32C in the catalogue of parametrised CRC algorithms.
        assert_eq!(Checksum::START.with(b"1234").with(b"56789").value(), !0xe306_9283);
    }
}
