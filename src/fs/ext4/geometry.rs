//! The numbers of a filesystem of so many blocks: groups, inodes, descriptors, journal.
//!
//! Reference: kernel Documentation/filesystems/ext4/blockgroup.rst. Descriptors are in one run
//! behind each superblock (no `meta_bg`); clusters are blocks (no `bigalloc`).

use std::ops::Range;

use super::inode::INODE_SIZE;
use super::options::{self, Inodes, Options};

/// `s_desc_size` of the feature `64bit`.
pub(super) const DESCRIPTOR_SIZE: u64 = 64;
/// mke2fs leaves out a last group with fewer blocks than this beside its metadata.
const MIN_LAST_GROUP: u64 = 50;
/// mke2fs's smallest number of bytes an inode.
const MIN_INODE_RATIO: u32 = 1024;
/// How much larger a filesystem can become through `resize_inode`.
const GROWTH: u64 = 1024;
/// The least that is kept for it: with blocks of 4096 bytes, the smallest image can become 64 GiB, where
/// mke2fs's factor alone ends at 16.
const MIN_SPARE: u64 = 7;
/// The largest block number that the resize inode, which has no extents, can name.
const MAX_BLOCK_32: u64 = u32::MAX as u64;

/// What is to be stored, as far as it decides numbers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Demand {
    /// Inodes, those of the filesystem itself included.
    pub(super) inodes: u64,
    /// Blocks of files, directories and links, without what maps them.
    pub(super) blocks: u64,
}

/// The shape of a filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Bytes of a block.
    pub(super) block_size: u64,
    /// All blocks (`s_blocks_count`).
    pub(super) blocks: u64,
    /// The block that holds the superblock (`s_first_data_block`): 1 where a block is too small
    /// to hold the boot sector too.
    pub(super) first_block: u64,
    /// `s_inodes_per_group`
    pub(super) inodes_per_group: u64,
    /// Bytes of an inode (`s_inode_size`).
    pub(super) inode_size: u64,
    /// Blocks of group descriptors.
    pub(super) descriptor_blocks: u64,
    /// Blocks kept free behind them (`s_reserved_gdt_blocks`).
    pub(super) spare_descriptor_blocks: u64,
    /// Blocks of the journal; 0 for none.
    pub(super) journal_blocks: u64,
}

impl Geometry {
    /// The geometry of `blocks` blocks.
    pub(super) fn new(blocks: u64, demand: Demand, options: &Options) -> Self {
        let block_size = u64::from(options.block_size);
        let mut geometry = Geometry {
            block_size,
            blocks,
            first_block: u64::from(block_size == 1024),
            inodes_per_group: 0,
            inode_size: INODE_SIZE as u64,
            descriptor_blocks: 0,
            spare_descriptor_blocks: 0,
            journal_blocks: options.journal.blocks(blocks, block_size),
        };
        geometry.descriptor_blocks = (geometry.groups() * DESCRIPTOR_SIZE).div_ceil(block_size);
        if options.growable {
            geometry.spare_descriptor_blocks = geometry.spare();
        }
        // Whole bytes of the bitmap and whole blocks of the table.
        let unit = (block_size / INODE_SIZE as u64).max(8);
        let each = geometry.wanted_inodes(demand, options).div_ceil(geometry.groups());
        let each = each.next_multiple_of(unit);
        // The first group holds the filesystem's own inodes.
        geometry.inodes_per_group = each.clamp(2 * unit, 8 * block_size);
        geometry
    }

    /// How many inodes there should be: what the size has by the ratio, or what is used and what the
    /// free space has by the ratio, where that is more.
    fn wanted_inodes(&self, demand: Demand, options: &Options) -> u64 {
        let size = self.blocks * self.block_size;
        let by_ratio = |ratio: u64| {
            let free = size.saturating_sub(demand.blocks * self.block_size);
            (size / ratio).max(demand.inodes + free / ratio)
        };
        match options.inodes {
            Inodes::Auto => by_ratio(options::usual_ratio(size)),
            Inodes::Ratio(ratio) => by_ratio(ratio.max(MIN_INODE_RATIO).into()),
            Inodes::Count(count) => count.into(),
        }
    }

    /// `s_blocks_per_group`: as many as one block of bitmap has bits.
    pub(super) fn blocks_per_group(&self) -> u64 {
        8 * self.block_size
    }

    /// How many groups there are, the last of which may be shorter.
    pub(super) fn groups(&self) -> u64 {
        (self.blocks - self.first_block).div_ceil(self.blocks_per_group()).max(1)
    }

    /// All inodes.
    pub(super) fn inodes(&self) -> u64 {
        self.groups() * self.inodes_per_group
    }

    /// The blocks of a group.
    pub(super) fn group(&self, group: u64) -> Range<u64> {
        let start = self.first_block + group * self.blocks_per_group();
        start..(start + self.blocks_per_group()).min(self.blocks)
    }

    /// Blocks of each group's inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        (self.inodes_per_group * self.inode_size).div_ceil(self.block_size)
    }

    /// Blocks at the start of a group that hold superblock, descriptors and the room behind them.
    pub(super) fn base_blocks(&self, group: u64) -> u64 {
        match has_superblock(group) {
            true => 1 + self.descriptor_blocks + self.spare_descriptor_blocks,
            false => 0,
        }
    }

    /// The groups, from 1 on, that hold copies of the superblock.
    pub(super) fn backups(&self) -> impl Iterator<Item = u64> {
        (1..self.groups()).filter(|&group| has_superblock(group))
    }

    /// Blocks by which the last group is too short to be of use; 0 where it is long enough.
    pub(super) fn last_group_lacks(&self) -> u64 {
        let last = self.groups() - 1;
        let range = self.group(last);
        let needed = self.base_blocks(last) + 2 + self.table_blocks() + MIN_LAST_GROUP;
        match last {
            0 => 0,
            _ => needed.min(self.blocks_per_group()).saturating_sub(range.end - range.start),
        }
    }

    /// Blocks by which it has too few groups for so many inodes.
    pub(super) fn lacks_for(&self, inodes: u64) -> u64 {
        let groups = inodes.div_ceil(self.inodes_per_group);
        groups.saturating_sub(self.groups()) * self.blocks_per_group()
    }

    /// Whether the descriptors leave each group room for anything else.
    pub(super) fn is_sane(&self) -> bool {
        self.base_blocks(0) <= self.blocks_per_group() / 2
    }

    /// Blocks for the descriptors of a filesystem [`GROWTH`] times as large, as far as one indirect
    /// block can name them.
    fn spare(&self) -> u64 {
        if self.blocks > MAX_BLOCK_32 {
            return 0;
        }
        let most = (self.blocks * GROWTH).min(MAX_BLOCK_32) - self.first_block;
        let descriptors = most.div_ceil(self.blocks_per_group()) * DESCRIPTOR_SIZE;
        let spare = descriptors.div_ceil(self.block_size) - self.descriptor_blocks;
        spare.max(MIN_SPARE).min(self.block_size / 4)
    }
}

/// `sparse_super`: copies are in groups 0, 1 and the powers of 3, 5 and 7.
pub(super) fn has_superblock(group: u64) -> bool {
    let is_power_of = |base: u64| {
        let mut power = base;
        while power < group {
            power *= base;
        }
        power == group
    };
    group <= 1 || [3, 5, 7].into_iter().any(is_power_of)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Guid;
    use crate::tree::Time;

    #[test]
    fn superblocks_are_sparse() {
        let groups: Vec<_> = (0..100).filter(|&g| has_superblock(g)).collect();
        assert_eq!(groups, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81]);
    }

    #[test]
    fn numbers_are_those_of_mke2fs() {
        // mke2fs -t ext4 -b 4096 of 64 MiB, as dumpe2fs shows it.
        let options = Options::new(Guid::new(1), Guid::new(2), Time::EPOCH);
        let geometry = Geometry::new(16384, Demand { inodes: 11, blocks: 20 }, &options);
        assert_eq!(geometry.inodes_per_group, 16384);
        assert_eq!(geometry.table_blocks(), 1024);
        assert_eq!(geometry.spare_descriptor_blocks, 7);
        assert_eq!(geometry.journal_blocks, 1024);
    }
}
