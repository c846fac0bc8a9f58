//! The resize inode, when some of its room becomes group descriptors: these blocks leave it, and the
//! rest gets its counterparts in the new groups.
//!
//! The structure is described in [`super::super::resize`].

use std::collections::BTreeMap;

use super::existing::{Existing, RESIZE_INODE};
use super::refusal::GrowRefusal;
use crate::bytes::{le16, le32};
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::superblock::RESIZE_INODE as RESIZE_INODE_NUMBER;
use crate::fs::ext4::{put, resize};
use crate::volume::Volume;

/// Where `i_block` has the double-indirect block.
const DOUBLE_INDIRECT: usize = 0x28 + 4 * 13;

/// Blocks by number, with all of their bytes.
pub(super) type Blocks = BTreeMap<u64, Vec<u8>>;

/// Adds the blocks of the resize inode that a growth changes; `table` is the first group's inode table.
pub(super) fn change(
    blocks: &mut Blocks,
    volume: &Volume<'_>,
    old: &Existing,
    new: &Geometry,
    table: u64,
) -> Result<(), GrowRefusal> {
    if old.feature(0) & RESIZE_INODE == 0 {
        return Ok(());
    }
    let g = &old.geometry;
    let at = u64::from(RESIZE_INODE_NUMBER - 1) * g.inode_size;
    let (number, within) = (table + at / g.block_size, (at % g.block_size) as usize);
    let mut home = old.block(volume, number)?;
    let inode = &mut home[within..within + g.inode_size as usize];
    let top = u64::from(le32(inode, DOUBLE_INDIRECT).unwrap_or(0));
    if top <= g.first_block || top >= g.blocks {
        return Err(GrowRefusal::Damaged("its resize inode has no blocks".into()));
    }
    // What it owns is not its map alone: it may have attributes.
    let sectors = u64::from(le32(inode, 0x1c).unwrap_or(0));
    let unit = g.block_size / 512;
    let others = sectors.checked_sub(resize::blocks(g) * unit);
    let others = others.filter(|_| le16(inode, 0x74) == Some(0)).ok_or_else(odd_size)?;
    put(inode, 0x1c, ((others + resize::blocks(new) * unit) as u32).to_le_bytes());
    old.seal.close_inode(RESIZE_INODE_NUMBER, inode);
    if old.block(volume, top)? != resize::double_indirect(g) {
        return Err(GrowRefusal::Damaged("its resize inode does not own the spare blocks".into()));
    }
    blocks.insert(number, home);
    blocks.insert(top, resize::double_indirect(new));
    for spare in resize::spares(new) {
        blocks.insert(spare, resize::indirect(new, spare));
    }
    Ok(())
}

fn odd_size() -> GrowRefusal {
    GrowRefusal::Damaged("its resize inode has another number of blocks than it should".into())
}
