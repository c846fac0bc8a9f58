//! The resize inode, number 7: it owns the room behind every copy of the group descriptors.
//!
//! Reference: kernel Documentation/filesystems/ext4/special_inodes.rst and e2fsprogs' habit: one
//! double-indirect block leads to the spare blocks behind the first descriptors; each of these is
//! an indirect block that names its counterparts in the other groups.

use super::geometry::Geometry;
use super::put;

/// What `i_block` is with a double-indirect block alone (`EXT2_DIND_BLOCK`).
pub(super) fn map(double_indirect: u64) -> [u8; 60] {
    let mut map = [0; 60];
    put(&mut map, 4 * 13, (double_indirect as u32).to_le_bytes());
    map
}

/// The length that its map could reach: direct, indirect and double-indirect blocks.
pub(super) fn size(block_size: u64) -> u64 {
    let per_block = block_size / 4;
    (per_block * per_block + per_block + 12) * block_size
}

/// How many blocks it owns: the double-indirect one, and the room in every group that has some.
pub(super) fn blocks(geometry: &Geometry) -> u64 {
    1 + geometry.spare_descriptor_blocks * (1 + geometry.backups().count() as u64)
}

/// The double-indirect block; block `n` of all possible descriptors has place `n`.
pub(super) fn double_indirect(geometry: &Geometry) -> Vec<u8> {
    let mut block = vec![0; geometry.block_size as usize];
    let places = geometry.block_size / 4;
    for (n, spare) in (geometry.descriptor_blocks..).zip(spares(geometry)) {
        put(&mut block, 4 * (n % places) as usize, (spare as u32).to_le_bytes());
    }
    block
}

/// The spare blocks behind the first descriptors.
pub(super) fn spares(geometry: &Geometry) -> impl Iterator<Item = u64> {
    let first = geometry.first_block + 1 + geometry.descriptor_blocks;
    first..first + geometry.spare_descriptor_blocks
}

/// What stands in one of [`spares`]: its counterparts in the groups that have copies.
pub(super) fn indirect(geometry: &Geometry, spare: u64) -> Vec<u8> {
    let mut block = vec![0; geometry.block_size as usize];
    for (i, group) in geometry.backups().enumerate() {
        let counterpart = spare + group * geometry.blocks_per_group();
        put(&mut block, 4 * i, (counterpart as u32).to_le_bytes());
    }
    block
}
