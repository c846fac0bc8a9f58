//! What can be chosen about an ext4 filesystem, with mke2fs's defaults.

use crate::bytes::Guid;
use crate::size::{GIB, MIB};
use crate::tree::Time;

/// How large the filesystem is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// This many bytes; less than a block, and a last group too short to be of use, stay unused.
    Fixed(u64),
    /// What the tree needs, and this many bytes that stay free.
    Auto {
        /// Free bytes; the share that is reserved for root counts as free.
        reserve: u64,
    },
}

/// How many inodes there are. Whatever is chosen, a fixed count apart, the tree's own fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inodes {
    /// mke2fs's ratio for a filesystem of this size.
    Auto,
    /// One for every so many bytes, at least 1024.
    Ratio(u32),
    /// At least so many, the 11 of the filesystem itself among them.
    Count(u32),
}

/// Whether there is a journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// mke2fs's size for a filesystem of this size; none below 2048 blocks.
    Auto,
    /// No journal.
    Off,
    /// So many bytes; at least 1024 blocks.
    Size(u64),
}

/// All choices about a filesystem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How large it is.
    pub size: Size,
    /// Bytes a block: 1024, 2048 or 4096.
    pub block_size: u32,
    /// How many inodes there are.
    pub inodes: Inodes,
    /// The share of all blocks that only root may fill, in per cent, at most 50.
    pub reserved_percent: u8,
    /// The volume label, at most 16 bytes.
    pub label: Vec<u8>,
    /// The filesystem's UUID.
    pub uuid: Guid,
    /// What the hashes of directory entries begin with.
    pub hash_seed: Guid,
    /// Whether there is a journal.
    pub journal: Journal,
    /// Whether room is kept for the group descriptors of a filesystem 1024 times as large, and of at
    /// least 64 GiB with the usual blocks, so that it can grow while it is mounted (`resize_inode`).
    pub growable: bool,
    /// When the filesystem was made, and the time of what is not in the tree.
    pub time: Time,
}

impl Options {
    /// mke2fs's defaults, and a size of what the tree needs. Other than with mke2fs, blocks have
    /// 4096 bytes in small filesystems too: smaller ones than a page only cost time.
    pub fn new(uuid: Guid, hash_seed: Guid, time: Time) -> Self {
        Options {
            size: Size::Auto { reserve: 0 },
            block_size: 4096,
            inodes: Inodes::Auto,
            reserved_percent: 5,
            label: Vec::new(),
            uuid,
            hash_seed,
            journal: Journal::Auto,
            growable: true,
            time,
        }
    }
}

/// mke2fs.conf: up to which size which number of bytes has an inode.
const INODE_RATIOS: [(u64, u64); 4] =
    [(3 * MIB, 8192), (512 * MIB, 4096), (4096 * GIB, 16384), (16384 * GIB, 32768)];

/// mke2fs (`ext2fs_default_journal_size`): below how many blocks how many are the journal.
const JOURNAL_BLOCKS: [(u64, u64); 8] = [
    (2048, 0),
    (32 << 10, 1024),
    (256 << 10, 4096),
    (512 << 10, 8192),
    (4096 << 10, 16384),
    (8192 << 10, 32768),
    (16384 << 10, 65536),
    (32768 << 10, 131_072),
];

/// The smallest journal that the kernel mounts (`JBD2_MIN_JOURNAL_BLOCKS`).
const MIN_JOURNAL_BLOCKS: u64 = 1024;

/// Bytes an inode in a filesystem of `size` bytes.
pub(super) fn usual_ratio(size: u64) -> u64 {
    INODE_RATIOS.iter().find(|(below, _)| size < *below).map_or(65536, |&(_, ratio)| ratio)
}

impl Journal {
    /// The journal's blocks in a filesystem of `blocks` blocks.
    pub(super) fn blocks(self, blocks: u64, block_size: u64) -> u64 {
        let usual = || JOURNAL_BLOCKS.iter().find(|(below, _)| blocks < *below);
        match self {
            Journal::Auto => usual().map_or(262_144, |j| j.1),
            Journal::Off => 0,
            Journal::Size(bytes) => bytes.div_ceil(block_size).max(MIN_JOURNAL_BLOCKS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_those_of_mke2fs() {
        assert_eq!(Journal::Auto.blocks(2047, 4096), 0);
        assert_eq!(Journal::Auto.blocks(16384, 4096), 1024);
        assert_eq!(Journal::Auto.blocks(1 << 40, 4096), 262_144);
        assert_eq!(usual_ratio(64 * MIB), 4096);
        assert_eq!(usual_ratio(GIB), 16384);
        assert_eq!(usual_ratio(16384 * GIB), 65536);
    }
}
