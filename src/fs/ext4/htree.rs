//! The hash tree of a large directory: index blocks that lead from a name's hash to its leaf.
//!
//! Reference: kernel Documentation/filesystems/ext4/directory.rst, "Hash Tree Directories". The
//! root is block 0, below it is at most one level of nodes (deeper trees are the feature
//! `large_dir`, which is not used). Index blocks look like entries that are unused to whoever
//! reads the directory linearly.

use super::checksum::Checksum;
use super::directory::{DIRECTORY_TYPE, Entry, put_entry};
use super::hash::HALF_MD4;
use super::put;

/// Where `struct dx_countlimit` is in the root: after the dots and `struct dx_root_info`.
const ROOT_ENTRIES: usize = 32;
/// Where it is in a node: after one unused entry.
const NODE_ENTRIES: usize = 8;
/// `struct dx_entry`
const ENTRY_SIZE: usize = 8;
/// `struct dx_tail`
const TAIL_SIZE: usize = 8;

/// How many index blocks there are, and what each is.
#[derive(Debug)]
pub(super) struct Index {
    leaves: usize,
    /// Nodes between root and leaves; none where the root leads to the leaves.
    nodes: usize,
    block_size: usize,
}

impl Index {
    /// The index of so many leaves; `None` where two levels are too few.
    pub(super) fn new(leaves: usize, block_size: usize) -> Option<Self> {
        let nodes = match leaves <= limit(ROOT_ENTRIES, block_size) {
            true => 0,
            false => leaves.div_ceil(limit(NODE_ENTRIES, block_size)),
        };
        let fits = nodes <= limit(ROOT_ENTRIES, block_size);
        fits.then_some(Index { leaves, nodes, block_size })
    }

    /// How many blocks stand in front of the leaves.
    pub(super) fn blocks(&self) -> usize {
        1 + self.nodes
    }

    /// Makes index block `i`. `bounds` has each leaf's lowest hash, `dots` the inodes of the
    /// directory and its parent.
    pub(super) fn render(
        &self,
        i: usize,
        bounds: &[u32],
        dots: [u32; 2],
        block: &mut [u8],
        seed: Checksum,
    ) {
        block.fill(0);
        let per_node = limit(NODE_ENTRIES, self.block_size);
        let leaf = |n: usize| (bounds[n], (self.blocks() + n) as u32);
        let (at, entries): (_, Vec<_>) = match i {
            0 if self.nodes == 0 => (ROOT_ENTRIES, (0..self.leaves).map(leaf).collect()),
            0 => {
                let node = |n: usize| (bounds[n * per_node], 1 + n as u32);
                (ROOT_ENTRIES, (0..self.nodes).map(node).collect())
            }
            _ => {
                let leaves = (i - 1) * per_node..(i * per_node).min(self.leaves);
                (NODE_ENTRIES, leaves.map(leaf).collect())
            }
        };
        match i {
            0 => put_root(block, dots, u8::from(self.nodes > 0)),
            _ => set_record_len(block, self.block_size),
        }
        put_entries(block, at, &entries, seed);
    }
}

/// How many entries fit from `at` on.
fn limit(at: usize, block_size: usize) -> usize {
    (block_size - at - TAIL_SIZE) / ENTRY_SIZE
}

/// `struct dx_root` up to its entries.
fn put_root(block: &mut [u8], [own, parent]: [u32; 2], levels: u8) {
    let dot = |name, inode| Entry { name, inode, file_type: DIRECTORY_TYPE, hash: 0 };
    let at = put_entry(block, &dot(b".", own));
    put_entry(&mut block[at..], &dot(b"..", parent));
    let rest = block.len() - at;
    set_record_len(&mut block[at..], rest);
    // hash_version, info_length, indirect_levels
    put(block, 28, [HALF_MD4, 8, levels]);
}

/// `struct dx_countlimit`, the entries (the first has no hash: it covers all lower ones), and
/// the checksum in `struct dx_tail`.
fn put_entries(block: &mut [u8], at: usize, entries: &[(u32, u32)], seed: Checksum) {
    let limit = limit(at, block.len());
    for (i, (hash, leaf)) in entries.iter().enumerate() {
        put(block, at + ENTRY_SIZE * i, hash.to_le_bytes());
        put(block, at + ENTRY_SIZE * i + 4, leaf.to_le_bytes());
    }
    put(block, at, (limit as u16).to_le_bytes());
    put(block, at + 2, (entries.len() as u16).to_le_bytes());
    let used = at + ENTRY_SIZE * entries.len();
    // The tail counts as its reserved field and a checksum of zero.
    let checksum = seed.with(&block[..used]).with(&[0; TAIL_SIZE]).value();
    put(block, at + ENTRY_SIZE * limit + 4, checksum.to_le_bytes());
}

/// `rec_len` of the entry at the start.
pub(super) fn set_record_len(entry: &mut [u8], len: usize) {
    put(entry, 4, (len as u16).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_enough_for_as_many_leaves_as_it_has_entries() {
        let blocks = |leaves| Index::new(leaves, 4096).map(|index| index.blocks());
        assert_eq!(blocks(2), Some(1));
        assert_eq!(blocks(507), Some(1));
        assert_eq!(blocks(508), Some(2));
        assert_eq!(blocks(507 * 510), Some(508));
        assert_eq!(blocks(507 * 510 + 1), None);
    }
}
