//! The superblock of a filesystem that has become larger: its totals, and nothing else.

use super::existing::{Existing, NEEDS_RECOVERY, feature, is_wide, wide};
use crate::bytes::le32;
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::put;

/// Blocks that files can have, before and after.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    /// Free blocks more.
    pub(super) free_blocks: u64,
    /// Groups more.
    pub(super) groups: u64,
    /// Blocks of metadata more.
    pub(super) metadata: u64,
}

/// The superblock of the larger filesystem, as the first group has it.
pub(super) fn superblock(old: &Existing, new: &Geometry, gain: Gain) -> Vec<u8> {
    let mut s = old.superblock.clone();
    let reserved = u128::from(wide(&s, 0x08, 0x154)) * u128::from(new.blocks);
    let reserved = (reserved / u128::from(old.geometry.blocks)) as u64;
    let free = wide(&s, 0x0c, 0x158) + gain.free_blocks;
    for (low, high, blocks) in
        [(0x04, 0x150, new.blocks), (0x08, 0x154, reserved), (0x0c, 0x158, free)]
    {
        put(&mut s, low, (blocks as u32).to_le_bytes());
        if is_wide(&old.superblock) {
            put(&mut s, high, ((blocks >> 32) as u32).to_le_bytes());
        }
    }
    let inodes = gain.groups * new.inodes_per_group;
    for at in [0x00, 0x10] {
        let count = u64::from(le32(&s, at).unwrap_or(0)) + inodes;
        put(&mut s, at, (count as u32).to_le_bytes());
    }
    put(&mut s, 0xce, (new.spare_descriptor_blocks as u16).to_le_bytes());
    // s_overhead_clusters: 0 says that whoever wants it has to count.
    let overhead = u64::from(le32(&s, 0x248).unwrap_or(0));
    if overhead > 0 {
        put(&mut s, 0x248, ((overhead + gain.metadata) as u32).to_le_bytes());
    }
    close(old, s)
}

/// The copy that stands in another group.
pub(super) fn copy(old: &Existing, first: &[u8], group: u64) -> Vec<u8> {
    let mut s = with_recovery(old, first, false);
    put(&mut s, 0x5a, (group as u16).to_le_bytes());
    close(old, s)
}

/// The same superblock with the journal to be replayed, or not.
pub(super) fn with_recovery(old: &Existing, superblock: &[u8], is_needed: bool) -> Vec<u8> {
    let mut s = superblock.to_vec();
    let others = feature(&s, 1) & !NEEDS_RECOVERY;
    put(&mut s, 0x60, (others | if is_needed { NEEDS_RECOVERY } else { 0 }).to_le_bytes());
    close(old, s)
}

fn close(old: &Existing, mut superblock: Vec<u8>) -> Vec<u8> {
    old.seal.close_superblock(&mut superblock);
    superblock
}
