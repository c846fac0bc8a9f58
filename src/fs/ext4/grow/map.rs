//! Where the blocks of the journal are: its inode's extents, read.
//!
//! Reference: kernel Documentation/filesystems/ext4/ifork.rst, "Extent Tree". Maps of indirect blocks,
//! which ext3 has, are left out: such a journal is not used.

use super::existing::Existing;
use super::refusal::GrowRefusal;
use crate::bytes::{le16, le32};
use crate::fs::ext4::extent::Extent;
use crate::fs::ext4::inode::EXTENTS_FLAG;
use crate::volume::Volume;

/// `eh_magic`
const MAGIC: u16 = 0xf30a;
/// How deep the kernel lets a tree be.
const MAX_DEPTH: u16 = 5;
/// Bytes of a header, and of an entry.
const ENTRY: usize = 12;
/// Journals have up to some hundred; more are damage.
const MAX_EXTENTS: usize = 1 << 16;

/// The extents of an inode, in order; `None` where it has none. `table` gives the inode table of a group.
pub(super) fn extents(
    volume: &Volume<'_>,
    fs: &Existing,
    inode: u32,
    descriptors: &[u8],
) -> Result<Option<Vec<Extent>>, GrowRefusal> {
    let g = &fs.geometry;
    let index = u64::from(inode.saturating_sub(1));
    let (group, within) = (index / g.inodes_per_group, index % g.inodes_per_group);
    if group >= g.groups() {
        return Err(damaged());
    }
    let at = inode_table(fs, descriptors, group) * g.block_size + within * g.inode_size;
    let mut bytes = vec![0; 128];
    volume.read_exact_at(&mut bytes, at)?;
    if le32(&bytes, 0x20).unwrap_or(0) & EXTENTS_FLAG == 0 {
        return Ok(None);
    }
    let mut extents = Vec::new();
    walk(volume, fs, &bytes[0x28..0x64], MAX_DEPTH, &mut extents)?;
    Ok(Some(extents))
}

/// The first block of a group's inode table.
pub(super) fn inode_table(fs: &Existing, descriptors: &[u8], group: u64) -> u64 {
    let at = group as usize * fs.descriptor_size;
    let descriptor = descriptors.get(at..at + fs.descriptor_size).unwrap_or_default();
    let low = u64::from(le32(descriptor, 0x08).unwrap_or(0));
    low | u64::from(le32(descriptor, 0x28).unwrap_or(0)) << 32
}

fn walk(
    volume: &Volume<'_>,
    fs: &Existing,
    node: &[u8],
    above: u16,
    extents: &mut Vec<Extent>,
) -> Result<(), GrowRefusal> {
    let (entries, depth) = (le16(node, 2).unwrap_or(0), le16(node, 6).unwrap_or(0));
    let used = node.get(ENTRY..ENTRY * (1 + usize::from(entries))).ok_or_else(damaged)?;
    if le16(node, 0) != Some(MAGIC) || depth > above || extents.len() > MAX_EXTENTS {
        return Err(damaged());
    }
    for entry in used.chunks_exact(ENTRY) {
        let low = |at| u64::from(le32(entry, at).unwrap_or(0));
        let high = |at| u64::from(le16(entry, at).unwrap_or(0)) << 32;
        match depth.checked_sub(1) {
            Some(below) => {
                let child = fs.block(volume, low(4) | high(8))?;
                walk(volume, fs, &child, below, extents)?;
            }
            None => extents.push(Extent {
                logical: low(0) as u32,
                len: le16(entry, 4).unwrap_or(0).into(),
                physical: low(8) | high(6),
            }),
        }
    }
    Ok(())
}

fn damaged() -> GrowRefusal {
    GrowRefusal::Damaged("the journal's map makes no sense".into())
}
