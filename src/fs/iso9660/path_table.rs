//! Path tables (ECMA-119 6.9, 9.4): all directories of a hierarchy in one list, which is there twice,
//! little-endian (type L) and big-endian (type M).

use super::BLOCK_SIZE;
use super::hierarchy::Hierarchy;

/// Where the tables of a hierarchy are.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathTable {
    /// Bytes of one.
    pub(super) len: u32,
    /// First blocks.
    pub(super) little: u32,
    pub(super) big: u32,
}

impl PathTable {
    /// Takes blocks from `next` on.
    pub(super) fn place(hierarchy: &Hierarchy, next: &mut u32) -> Self {
        let record = |len: usize| 8 + len.next_multiple_of(2);
        let directories = hierarchy.directories.iter();
        // 65,535 records of at most 264 bytes.
        let len = directories.map(|d| record(d.identifier.len())).sum::<usize>() as u32;
        let blocks = len.div_ceil(BLOCK_SIZE as u32);
        let table = PathTable { len, little: *next, big: *next + blocks };
        *next += 2 * blocks;
        table
    }

    /// Both tables with their offsets.
    pub(super) fn encode(&self, hierarchy: &Hierarchy) -> [(u64, Vec<u8>); 2] {
        let table = |is_big: bool| {
            let mut bytes = Vec::with_capacity(self.len as usize);
            for directory in &hierarchy.directories {
                let (block, parent) = (directory.extent.0, directory.parent as u16 + 1);
                bytes.extend([directory.identifier.len() as u8, 0]);
                bytes.extend(if is_big { block.to_be_bytes() } else { block.to_le_bytes() });
                bytes.extend(if is_big { parent.to_be_bytes() } else { parent.to_le_bytes() });
                bytes.extend(&directory.identifier);
                bytes.resize(bytes.len().next_multiple_of(2), 0);
            }
            bytes
        };
        let at = |block: u32| u64::from(block) * BLOCK_SIZE;
        [(at(self.little), table(false)), (at(self.big), table(true))]
    }
}
