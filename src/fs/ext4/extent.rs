//! Extents: which blocks of the volume hold which blocks of a file, as a tree in the inode.
//!
//! Reference: kernel Documentation/filesystems/ext4/ifork.rst, "Extent Tree". Holes have no extent;
//! unwritten extents (preallocation) are not made.

use super::checksum::Checksum;
use super::put;

/// The blocks of an extent at most; longer ones would be read as unwritten.
const MAX_LEN: u64 = 32768;
/// The extents that fit into the 60 bytes of `i_block`.
const IN_INODE: usize = 4;
/// Bytes of a header, and of an entry.
const ENTRY_SIZE: usize = 12;
/// `eh_magic`
const MAGIC: u16 = 0xf30a;

/// Consecutive blocks of a file in consecutive blocks of the volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    /// First block within the file.
    pub(super) logical: u32,
    /// How many blocks, at most 32768.
    pub(super) len: u32,
    /// First block within the volume.
    pub(super) physical: u64,
}

/// Appends blocks to a file's extents, merged with the last or split as the format wants it.
pub(super) fn append(extents: &mut Vec<Extent>, logical: u64, physical: u64, len: u64) {
    let (mut logical, mut physical, mut len) = (logical, physical, len);
    if let Some(last) = extents.last_mut() {
        let adjoins = u64::from(last.logical + last.len) == logical
            && last.physical + u64::from(last.len) == physical;
        let more = if adjoins { len.min(MAX_LEN - u64::from(last.len)) } else { 0 };
        last.len += more as u32;
        (logical, physical, len) = (logical + more, physical + more, len - more);
    }
    while len > 0 {
        let part = len.min(MAX_LEN);
        extents.push(Extent { logical: logical as u32, len: part as u32, physical });
        (logical, physical, len) = (logical + part, physical + part, len - part);
    }
}

/// How many extents or index entries a block of the tree holds.
fn fanout(block_size: usize) -> usize {
    (block_size - ENTRY_SIZE) / ENTRY_SIZE
}

/// How many blocks a tree of so many extents has outside the inode.
pub(super) fn tree_blocks(extents: usize, block_size: usize) -> usize {
    let (mut blocks, mut level) = (0, extents);
    while level > IN_INODE {
        level = level.div_ceil(fanout(block_size));
        blocks += level;
    }
    blocks
}

/// One block of the tree, ready to be written.
pub(super) struct Node {
    /// Where in the volume.
    pub(super) at: u64,
    /// All of its bytes.
    pub(super) bytes: Vec<u8>,
}

/// The tree: what stands in `i_block`, and the blocks outside the inode, which go to `places`
/// (as many as [`tree_blocks`] says). `seed` is the inode's checksum.
pub(super) fn tree(
    extents: &[Extent],
    places: &[u64],
    block_size: usize,
    seed: Checksum,
) -> ([u8; 60], Vec<Node>) {
    let mut places = places.iter().copied();
    let mut nodes = Vec::new();
    let mut level: Vec<[u8; ENTRY_SIZE]> = extents.iter().map(leaf_entry).collect();
    let mut depth = 0;
    while level.len() > IN_INODE {
        let chunks = level.chunks(fanout(block_size));
        let above = chunks.zip(places.by_ref()).map(|(entries, at)| {
            let mut bytes = vec![0; block_size];
            let end = ENTRY_SIZE * (1 + fanout(block_size));
            fill(&mut bytes[..end], entries, depth);
            let checksum = seed.with(&bytes[..end]).value();
            put(&mut bytes, end, checksum.to_le_bytes());
            nodes.push(Node { at, bytes });
            index_entry(&entries[0], at)
        });
        level = above.collect();
        depth += 1;
    }
    let mut root = [0; 60];
    fill(&mut root, &level, depth);
    (root, nodes)
}

/// `struct ext4_extent`
fn leaf_entry(extent: &Extent) -> [u8; ENTRY_SIZE] {
    let mut entry = [0; ENTRY_SIZE];
    put(&mut entry, 0, extent.logical.to_le_bytes());
    put(&mut entry, 4, (extent.len as u16).to_le_bytes());
    put(&mut entry, 6, ((extent.physical >> 32) as u16).to_le_bytes());
    put(&mut entry, 8, (extent.physical as u32).to_le_bytes());
    entry
}

/// `struct ext4_extent_idx`: the first file block below, which every entry begins with, and where.
fn index_entry(first: &[u8; ENTRY_SIZE], at: u64) -> [u8; ENTRY_SIZE] {
    let mut entry = [0; ENTRY_SIZE];
    entry[..4].copy_from_slice(&first[..4]);
    put(&mut entry, 4, (at as u32).to_le_bytes());
    put(&mut entry, 8, ((at >> 32) as u16).to_le_bytes());
    entry
}

/// `struct ext4_extent_header` and the entries after it; the room decides `eh_max`.
fn fill(room: &mut [u8], entries: &[[u8; ENTRY_SIZE]], depth: u16) {
    let max = room.len() / ENTRY_SIZE - 1;
    put(room, 0, MAGIC.to_le_bytes());
    put(room, 2, (entries.len() as u16).to_le_bytes());
    put(room, 4, (max as u16).to_le_bytes());
    put(room, 6, depth.to_le_bytes());
    for (i, entry) in entries.iter().enumerate() {
        put(room, ENTRY_SIZE * (i + 1), *entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_adjoin_are_one_extent_and_long_ones_are_split() {
        let mut extents = Vec::new();
        append(&mut extents, 0, 100, 10);
        append(&mut extents, 10, 110, 40_000);
        append(&mut extents, 50_000, 60_000, 1);
        let seen: Vec<_> = extents.iter().map(|e| (e.logical, e.len, e.physical)).collect();
        assert_eq!(seen, [(0, 32768, 100), (32768, 7242, 32868), (50_000, 1, 60_000)]);
    }

    #[test]
    fn trees_grow_by_whole_levels() {
        assert_eq!(tree_blocks(4, 4096), 0);
        assert_eq!(tree_blocks(5, 4096), 1);
        assert_eq!(tree_blocks(340 * 4, 4096), 4);
        assert_eq!(tree_blocks(340 * 4 + 1, 4096), 5 + 1);
        let extents: Vec<_> =
            (0..2000).map(|i| Extent { logical: 2 * i, len: 1, physical: i.into() }).collect();
        let places: Vec<_> = (5000..5000 + tree_blocks(2000, 1024) as u64).collect();
        let (root, nodes) = tree(&extents, &places, 1024, Checksum::START);
        assert_eq!(nodes.len(), 24 + 1);
        assert_eq!(root[2..8], [1, 0, 4, 0, 2, 0], "one index entry of four, depth 2");
    }
}
