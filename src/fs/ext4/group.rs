//! Group descriptors of 64 bytes: where a group's metadata is, and how much of it is in use.
//!
//! Reference: kernel Documentation/filesystems/ext4/group_descr.rst. Bitmaps of groups that hold
//! nothing are not written: the flags say so, and whoever reads them makes them.

use super::checksum::Checksum;
use super::geometry::DESCRIPTOR_SIZE;
use super::layout::Places;
use super::put;

/// `EXT4_BG_INODE_UNINIT`: no inode is in use, and the inode bitmap was not written.
pub(super) const INODE_UNINIT: u16 = 1;
/// `EXT4_BG_BLOCK_UNINIT`: only the group's own metadata is in use, and the block bitmap was not
/// written.
pub(super) const BLOCK_UNINIT: u16 = 2;
/// `EXT4_BG_INODE_ZEROED`: unused inodes are zeroes, because all of a new volume is.
pub(super) const INODE_ZEROED: u16 = 4;

/// What a descriptor says about its group.
#[derive(Debug, Clone)]
pub(super) struct Group {
    /// Where its metadata is.
    pub(super) places: Places,
    /// Blocks not in use.
    pub(super) free_blocks: u64,
    /// Inodes not in use, all at the end of the table.
    pub(super) free_inodes: u64,
    /// Inodes that are directories.
    pub(super) directories: u64,
    /// `bg_flags`
    pub(super) flags: u16,
    /// Of the block bitmap; `None` where it is not written.
    pub(super) block_bitmap: Option<Checksum>,
    /// Of the inode bitmap; `None` where it is not written.
    pub(super) inode_bitmap: Option<Checksum>,
}

impl Group {
    /// The descriptor of group `number`; `seed` is the filesystem's checksum.
    pub(super) fn render(&self, number: u32, seed: Checksum) -> [u8; DESCRIPTOR_SIZE as usize] {
        let mut d = [0; DESCRIPTOR_SIZE as usize];
        let Places { block_bitmap, inode_bitmap, inode_table } = self.places;
        for (i, place) in [block_bitmap, inode_bitmap, inode_table].into_iter().enumerate() {
            put(&mut d, 4 * i, (place as u32).to_le_bytes());
            put(&mut d, 0x20 + 4 * i, ((place >> 32) as u32).to_le_bytes());
        }
        // bg_itable_unused too: no free inode is in front of a used one.
        for (low, high, count) in [
            (0x0c, 0x2c, self.free_blocks),
            (0x0e, 0x2e, self.free_inodes),
            (0x10, 0x30, self.directories),
            (0x1c, 0x32, self.free_inodes),
        ] {
            put(&mut d, low, (count as u16).to_le_bytes());
            put(&mut d, high, ((count >> 16) as u16).to_le_bytes());
        }
        put(&mut d, 0x12, self.flags.to_le_bytes());
        for (low, high, bitmap) in
            [(0x18, 0x38, self.block_bitmap), (0x1a, 0x3a, self.inode_bitmap)]
        {
            put(&mut d, low, bitmap.map_or(0, Checksum::low).to_le_bytes());
            put(&mut d, high, bitmap.map_or(0, Checksum::high).to_le_bytes());
        }
        let checksum = seed.with(&number.to_le_bytes()).with(&d).low();
        put(&mut d, 0x1e, checksum.to_le_bytes());
        d
    }
}
