//! The superblock: 1024 bytes at offset 1024 of the volume, and copies in other groups.
//!
//! Reference: kernel Documentation/filesystems/ext4/super.rst.

use super::checksum::Checksum;
use super::geometry::{DESCRIPTOR_SIZE, Geometry};
use super::hash::HALF_MD4;
use super::inode::{EXTRA_SIZE, INODE_SIZE};
use super::layout::LOG_GROUPS_PER_FLEX;
use super::options::Options;
use super::put;

/// Its length in bytes.
pub(super) const SUPERBLOCK_SIZE: usize = 1024;
/// `s_magic`
pub(super) const MAGIC: u16 = 0xef53;
/// The first inode that is not the filesystem's own (`s_first_ino`).
pub(super) const FIRST_INODE: u32 = 11;
/// The journal's inode.
pub(super) const JOURNAL_INODE: u32 = 8;
/// The inode of [`super::resize`].
pub(super) const RESIZE_INODE: u32 = 7;
/// The root directory's inode.
pub(super) const ROOT_INODE: u32 = 2;

/// `s_feature_compat`: has_journal, ext_attr, resize_inode, dir_index.
const HAS_JOURNAL: u32 = 0x4;
const EXT_ATTR: u32 = 0x8;
const RESIZE: u32 = 0x10;
const DIR_INDEX: u32 = 0x20;
/// `s_feature_incompat`: filetype, extents, 64bit, flex_bg.
const INCOMPATIBLE: u32 = 0x2 | 0x40 | 0x80 | 0x200;
/// `s_feature_ro_compat`: sparse_super, large_file, huge_file, dir_nlink, extra_isize,
/// metadata_csum.
const READ_ONLY_COMPATIBLE: u32 = 0x1 | 0x2 | 0x8 | 0x20 | 0x40 | 0x400;

/// What the superblock says beside options and geometry.
#[derive(Debug, Clone)]
pub(super) struct Superblock<'a> {
    /// What was chosen.
    pub(super) options: &'a Options,
    /// The numbers.
    pub(super) geometry: &'a Geometry,
    /// Blocks not in use.
    pub(super) free_blocks: u64,
    /// Inodes not in use.
    pub(super) free_inodes: u64,
    /// The journal inode's map and length, where there is one, for the day that it is damaged.
    pub(super) journal: Option<([u8; 60], u64)>,
}

impl Superblock<'_> {
    /// The copy that stands in this group.
    pub(super) fn render(&self, group: u64) -> [u8; SUPERBLOCK_SIZE] {
        let mut s = [0; SUPERBLOCK_SIZE];
        self.put_sizes(&mut s);
        self.put_identity(&mut s);
        self.put_features(&mut s);
        // s_block_group_nr
        put(&mut s, 0x5a, (group as u16).to_le_bytes());
        let checksum = Checksum::START.with(&s[..0x3fc]).value();
        put(&mut s, 0x3fc, checksum.to_le_bytes());
        s
    }

    fn put_sizes(&self, s: &mut [u8]) {
        let g = self.geometry;
        let reserved = g.blocks * u64::from(self.options.reserved_percent) / 100;
        for (low, high, blocks) in
            [(0x04, 0x150, g.blocks), (0x08, 0x154, reserved), (0x0c, 0x158, self.free_blocks)]
        {
            put(s, low, (blocks as u32).to_le_bytes());
            put(s, high, ((blocks >> 32) as u32).to_le_bytes());
        }
        put(s, 0x00, (g.inodes() as u32).to_le_bytes());
        put(s, 0x10, (self.free_inodes as u32).to_le_bytes());
        put(s, 0x14, (g.first_block as u32).to_le_bytes());
        let log_block_size = g.block_size.trailing_zeros() - 10;
        // Fragments, and clusters after them, are blocks.
        put(s, 0x18, log_block_size.to_le_bytes());
        put(s, 0x1c, log_block_size.to_le_bytes());
        put(s, 0x20, (g.blocks_per_group() as u32).to_le_bytes());
        put(s, 0x24, (g.blocks_per_group() as u32).to_le_bytes());
        put(s, 0x28, (g.inodes_per_group as u32).to_le_bytes());
        put(s, 0x58, (INODE_SIZE as u16).to_le_bytes());
        put(s, 0xce, (g.spare_descriptor_blocks as u16).to_le_bytes());
        put(s, 0xfe, (DESCRIPTOR_SIZE as u16).to_le_bytes());
        // s_min_extra_isize, s_want_extra_isize
        put(s, 0x15c, EXTRA_SIZE.to_le_bytes());
        put(s, 0x15e, EXTRA_SIZE.to_le_bytes());
        put(s, 0x174, [LOG_GROUPS_PER_FLEX]);
    }

    fn put_identity(&self, s: &mut [u8]) {
        put(s, 0x68, self.options.uuid.to_bytes());
        let label = &self.options.label;
        s[0x78..0x78 + label.len()].copy_from_slice(label);
        put(s, 0xec, self.options.hash_seed.to_bytes());
        // s_wtime, s_lastcheck, s_mkfs_time: the low 32 bits, and 8 more
        let time = self.options.time.seconds.clamp(0, (1 << 40) - 1) as u64;
        for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
            put(s, low, (time as u32).to_le_bytes());
            put(s, high, [(time >> 32) as u8]);
        }
    }

    fn put_features(&self, s: &mut [u8]) {
        let journal = if self.journal.is_some() { HAS_JOURNAL } else { 0 };
        let resize = if self.geometry.spare_descriptor_blocks > 0 { RESIZE } else { 0 };
        put(s, 0x38, MAGIC.to_le_bytes());
        // s_max_mnt_count: no check because of many mounts
        put(s, 0x36, u16::MAX.to_le_bytes());
        // s_state: clean. s_errors: continue. s_rev_level: with features.
        put(s, 0x3a, 1u16.to_le_bytes());
        put(s, 0x3c, 1u16.to_le_bytes());
        put(s, 0x4c, 1u32.to_le_bytes());
        put(s, 0x54, FIRST_INODE.to_le_bytes());
        put(s, 0x5c, (journal | resize | EXT_ATTR | DIR_INDEX).to_le_bytes());
        put(s, 0x60, INCOMPATIBLE.to_le_bytes());
        put(s, 0x64, READ_ONLY_COMPATIBLE.to_le_bytes());
        put(s, 0xfc, [HALF_MD4]);
        // s_default_mount_opts: user_xattr, acl
        put(s, 0x100, 0xcu32.to_le_bytes());
        // s_flags: names are hashed as signed bytes
        put(s, 0x160, 1u32.to_le_bytes());
        // s_checksum_type: CRC-32C
        put(s, 0x175, [1]);
        if let Some((map, size)) = &self.journal {
            put(s, 0xe0, JOURNAL_INODE.to_le_bytes());
            // s_jnl_backup_type: s_jnl_blocks holds the map, then the size, high half first
            put(s, 0xfd, [1]);
            put(s, 0x10c, *map);
            put(s, 0x148, ((size >> 32) as u32).to_le_bytes());
            put(s, 0x14c, (*size as u32).to_le_bytes());
        }
    }
}
