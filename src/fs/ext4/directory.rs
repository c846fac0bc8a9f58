//! Directories: entries in linear blocks, each with a checksum in its tail.
//!
//! Reference: kernel Documentation/filesystems/ext4/directory.rst, "Linear (Classic) Directories".
//! A directory larger than a block is indexed by a hash tree: see [`super::htree`].

use super::checksum::Checksum;
use super::hash::half_md4;
use super::htree::{self, Index};
use super::put;
use crate::bytes::Guid;

/// A name's bytes at most.
pub(super) const NAME_MAX: usize = 255;
/// `struct ext4_dir_entry_tail`
const TAIL_SIZE: usize = 12;
/// `.` and `..` as the first two entries.
const DOTS_SIZE: usize = 24;
/// `file_type` of a directory.
pub(super) const DIRECTORY_TYPE: u8 = 2;

/// A name in a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'t> {
    /// 1 to 255 bytes.
    pub(super) name: &'t [u8],
    /// The number of the inode that it names.
    pub(super) inode: u32,
    /// The inode's kind, by [`file_type`](super::inode).
    pub(super) file_type: u8,
    /// The name's hash; 0 in a directory without an index.
    pub(super) hash: u32,
}

/// What a directory consists of: its entries in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Directory<'t> {
    entries: Vec<Entry<'t>>,
    /// Where each leaf's entries begin; one leaf and no index means a linear directory.
    leaves: Vec<usize>,
    index: Option<Index>,
    /// Blocks, empty ones included.
    blocks: usize,
}

impl<'t> Directory<'t> {
    /// Decides how entries, sorted by name, are laid out in at least so many blocks; `None` where
    /// a hash tree of two levels is too small for them.
    pub(super) fn new(
        mut entries: Vec<Entry<'t>>,
        at_least: usize,
        block_size: usize,
        seed: Guid,
    ) -> Option<Self> {
        let used: usize = entries.iter().map(|e| record_len(e.name.len())).sum();
        if DOTS_SIZE + used <= block_size - TAIL_SIZE {
            return Some(Directory {
                entries,
                leaves: vec![0],
                index: None,
                blocks: at_least.max(1),
            });
        }
        entries.iter_mut().for_each(|e| e.hash = half_md4(e.name, seed));
        entries.sort_by_key(|e| (e.hash, e.name));
        let leaves = leaves(&entries, block_size - TAIL_SIZE);
        let index = Index::new(leaves.len(), block_size)?;
        let blocks = index.blocks() + leaves.len();
        Some(Directory { entries, leaves, index: Some(index), blocks })
    }

    /// How many blocks it has.
    pub(super) fn blocks(&self) -> usize {
        self.blocks
    }

    /// Whether it has a hash tree (`EXT4_INDEX_FL`).
    pub(super) fn is_indexed(&self) -> bool {
        self.index.is_some()
    }

    /// Hands out all of its blocks in order. `seed` is the checksum of the directory's inode.
    pub(super) fn render(
        &self,
        own: u32,
        parent: u32,
        block_size: usize,
        seed: Checksum,
        mut each: impl FnMut(&[u8]) -> crate::error::Result<()>,
    ) -> crate::error::Result<()> {
        let mut block = vec![0; block_size];
        if let Some(index) = &self.index {
            let bounds: Vec<_> = self.leaves.iter().map(|&first| self.lower_bound(first)).collect();
            for i in 0..index.blocks() {
                index.render(i, &bounds, [own, parent], &mut block, seed);
                each(&block)?;
            }
        }
        let dots = [dot(b".", own), dot(b"..", parent)];
        for (i, &first) in self.leaves.iter().enumerate() {
            let end = self.leaves.get(i + 1).copied().unwrap_or(self.entries.len());
            let dots = if self.index.is_none() { &dots[..] } else { &[] };
            leaf(&mut block, dots.iter().chain(&self.entries[first..end]), seed);
            each(&block)?;
        }
        leaf(&mut block, [].iter(), seed);
        let written = self.leaves.len() + self.index.as_ref().map_or(0, Index::blocks);
        (written..self.blocks).try_for_each(|_| each(&block))
    }

    /// The hash from which on names are in the leaf that begins with this entry; the lowest bit
    /// says that the leaf before ends with the same hash.
    fn lower_bound(&self, first: usize) -> u32 {
        let hash = self.entries[first].hash;
        let collides = first > 0 && self.entries[first - 1].hash == hash;
        hash | u32::from(collides)
    }
}

/// `.` or `..`
fn dot(name: &[u8], inode: u32) -> Entry<'_> {
    Entry { name, inode, file_type: DIRECTORY_TYPE, hash: 0 }
}

/// The bytes of an entry with a name of this length.
fn record_len(name: usize) -> usize {
    8 + name.next_multiple_of(4)
}

/// Fills leaves one after the other; where each begins.
fn leaves(entries: &[Entry<'_>], room: usize) -> Vec<usize> {
    let (mut leaves, mut used) = (vec![0], 0);
    for (i, entry) in entries.iter().enumerate() {
        let len = record_len(entry.name.len());
        if used + len > room {
            leaves.push(i);
            used = 0;
        }
        used += len;
    }
    leaves
}

/// A block of entries, the last of which takes what is left; an empty block is one unused entry.
fn leaf<'a>(block: &mut [u8], entries: impl Iterator<Item = &'a Entry<'a>>, seed: Checksum) {
    block.fill(0);
    let end = block.len() - TAIL_SIZE;
    let (mut at, mut last) = (0, 0);
    for entry in entries {
        last = at;
        at += put_entry(&mut block[at..end], entry);
    }
    htree::set_record_len(&mut block[last..], end - last);
    let checksum = seed.with(&block[..end]).value();
    put(block, end + 4, (TAIL_SIZE as u16).to_le_bytes());
    // A name length of 0 and a file type that no file has, so that old readers see an unused entry.
    put(block, end + 6, [0, 0xde]);
    put(block, end + 8, checksum.to_le_bytes());
}

/// `struct ext4_dir_entry_2`; its length in bytes.
pub(super) fn put_entry(room: &mut [u8], entry: &Entry<'_>) -> usize {
    let len = record_len(entry.name.len());
    put(room, 0, entry.inode.to_le_bytes());
    htree::set_record_len(room, len);
    put(room, 6, [entry.name.len() as u8, entry.file_type]);
    room[8..8 + entry.name.len()].copy_from_slice(entry.name);
    len
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: &[String]) -> Vec<Entry<'_>> {
        names
            .iter()
            .map(|name| Entry { name: name.as_bytes(), inode: 12, file_type: 1, hash: 0 })
            .collect()
    }

    #[test]
    fn a_directory_is_linear_until_it_needs_a_second_block() {
        // 24 bytes of dots, 12 of tail: 988 are left in 1 KiB, 61 names of 8 bytes; a
        // leaf, which has no dots, takes 63.
        let names: Vec<_> = (0..64).map(|i| format!("name{i:04}")).collect();
        let build = |n| Directory::new(entries(&names[..n]), 1, 1024, Guid::new(7)).expect("small");
        assert_eq!((build(61).blocks(), build(61).is_indexed()), (1, false));
        assert_eq!((build(62).blocks(), build(62).is_indexed()), (2, true));
        assert_eq!((build(63).blocks(), build(63).is_indexed()), (2, true));
        assert_eq!((build(64).blocks(), build(64).is_indexed()), (3, true));
    }

    #[test]
    fn every_block_is_full_of_records() {
        let names: Vec<_> = (0..500).map(|i| format!("{i}")).collect();
        let directory = Directory::new(entries(&names), 1, 1024, Guid::new(7)).expect("small");
        let mut seen = 0;
        let render = directory.render(12, 2, 1024, Checksum::START, |block| {
            let mut at = 0;
            while at < 1024 {
                let len = usize::from(u16::from_le_bytes([block[at + 4], block[at + 5]]));
                seen += usize::from(block[at + 6] > 0);
                at += len;
            }
            assert_eq!(at, 1024);
            Ok(())
        });
        render.expect("nothing fails");
        assert_eq!(seen, 502, "all names, and the dots");
    }
}
