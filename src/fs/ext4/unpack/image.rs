//! Superblock and group descriptors: where blocks and inodes are.
//!
//! Reference: kernel Documentation/filesystems/ext4/{super,group_descr}.rst.

use super::inode::Inode;
use crate::bytes::{le16, le32};
use crate::fs::ReadError;
use crate::fs::ext4::superblock::{MAGIC, SUPERBLOCK_SIZE};
use crate::volume::Window;

/// `INCOMPAT_RECOVER`
const RECOVER: u32 = 0x4;
/// `INCOMPAT_64BIT`
const HAS_64_BIT: u32 = 0x80;
/// filetype, extents, 64bit, mmp, flex_bg, csum_seed, largedir, casefold.
const READ: u32 = 0x2 | 0x40 | HAS_64_BIT | 0x100 | 0x200 | 0x2000 | 0x4000 | 0x2_0000;
/// Inodes of old filesystems; so much of larger ones was always there.
const OLD_INODE_SIZE: u64 = 128;

/// A filesystem that was opened.
pub(super) struct Image {
    window: Window,
    /// Bytes a block.
    pub(super) block_size: u64,
    /// How many blocks there are.
    pub(super) blocks: u64,
    inode_size: u64,
    inodes: u32,
    inodes_per_group: u32,
    /// Where the group descriptors start.
    descriptors: u64,
    descriptor_size: u64,
}

impl Image {
    /// Reads the superblock.
    ///
    /// # Errors
    /// Where it is none, or has features that are not read.
    pub(super) fn open(window: &Window) -> Result<Self, ReadError> {
        let bad = ReadError::Superblock;
        let bytes = window.bytes(SUPERBLOCK_SIZE as u64, SUPERBLOCK_SIZE)?;
        let (u16_at, u32_at) =
            (|at| le16(&bytes, at).unwrap_or(0), |at| le32(&bytes, at).unwrap_or(0));
        if u16_at(56) != MAGIC {
            return Err(bad("another magic"));
        }
        let features = u32_at(96);
        if features & RECOVER != 0 {
            return Err(ReadError::Journal);
        }
        if features & !READ != 0 {
            return Err(ReadError::Features(features & !READ));
        }
        let block_log = u32_at(24);
        if block_log > 6 {
            return Err(bad("blocks of an impossible size"));
        }
        let block_size = 1024u64 << block_log;
        let is_64_bit = features & HAS_64_BIT != 0;
        let high = if is_64_bit { u64::from(u32_at(0x150)) << 32 } else { 0 };
        let image = Image {
            window: window.clone(),
            block_size,
            blocks: u64::from(u32_at(4)) | high,
            // Revision 0 has no such field.
            inode_size: if u32_at(76) == 0 { OLD_INODE_SIZE } else { u16_at(88).into() },
            inodes: u32_at(0),
            inodes_per_group: u32_at(40),
            descriptors: (u64::from(u32_at(20)) + 1) * block_size,
            descriptor_size: if is_64_bit { u16_at(254).into() } else { 32 },
        };
        let sizes = [(image.inode_size, OLD_INODE_SIZE), (image.descriptor_size, 32)];
        let is_possible = |(size, least): (u64, u64)| (least..=block_size).contains(&size);
        if !sizes.into_iter().all(is_possible) || image.inodes_per_group == 0 {
            return Err(bad("inodes or groups of an impossible size"));
        }
        Ok(image)
    }

    /// The inode of a number.
    ///
    /// # Errors
    /// Where there is none, or it cannot be read.
    pub(super) fn inode(&self, number: u32) -> Result<Inode, ReadError> {
        let damaged = || ReadError::Inode(number.into());
        let index = number.checked_sub(1).filter(|_| number <= self.inodes).ok_or_else(damaged)?;
        let (group, index) = (index / self.inodes_per_group, index % self.inodes_per_group);
        let descriptor = self.descriptors + u64::from(group) * self.descriptor_size;
        let descriptor = self.window.bytes(descriptor, self.descriptor_size as usize)?;
        let high =
            if self.descriptor_size >= 64 { le32(&descriptor, 0x28).unwrap_or(0) } else { 0 };
        let table = u64::from(le32(&descriptor, 8).ok_or_else(damaged)?) | u64::from(high) << 32;
        let table = table.checked_mul(self.block_size).ok_or_else(damaged)?;
        let at = table.checked_add(u64::from(index) * self.inode_size).ok_or_else(damaged)?;
        let bytes = self.window.bytes(at, self.inode_size as usize)?;
        Inode::decode(number, bytes).ok_or_else(damaged)
    }

    /// The bytes of a block; `None` where there is none of this number.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn block(&self, number: u64) -> Result<Option<Vec<u8>>, ReadError> {
        if number == 0 || number >= self.blocks {
            return Ok(None);
        }
        let bytes = self.window.bytes(number * self.block_size, self.block_size as usize)?;
        Ok(Some(bytes).filter(|bytes| bytes.len() as u64 == self.block_size))
    }

    /// The bytes of a part of the filesystem; fewer where that ends before.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub(super) fn bytes(&self, at: u64, len: usize) -> Result<Vec<u8>, ReadError> {
        Ok(self.window.bytes(at, len)?)
    }
}
