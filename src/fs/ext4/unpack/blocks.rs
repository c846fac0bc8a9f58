//! Which blocks a file has: a tree of extents, or the older lists of blocks.
//!
//! Reference: kernel Documentation/filesystems/ext4/ifork.rst.

use super::image::Image;
use super::inode::Inode;
use crate::bytes::{le16, le32};
use crate::fs::ReadError;
use crate::fs::budget::Budget;
use crate::tree::Extent;

/// `eh_magic`
const MAGIC: u16 = 0xf30a;
/// Header and entries of a node.
const ENTRY_SIZE: usize = 12;
/// Nodes above each other at most.
const DEPTH_MAX: u16 = 5;
/// An extent that is longer was allocated and never written: it reads as zeros.
const WRITTEN_MAX: u16 = 32768;
/// Blocks whose numbers are in the inode.
const DIRECT: usize = 12;

/// Runs of blocks that are being gathered.
struct Gather<'g> {
    image: &'g Image,
    inode: &'g Inode,
    budget: &'g Budget,
    runs: Vec<Extent>,
    /// The block of the file after the last one.
    next: u64,
}

/// Where the bytes of a file are in the filesystem; what is between is zero.
///
/// # Errors
/// Where the map is damaged or leaves the filesystem.
pub(super) fn extents(
    image: &Image,
    inode: &Inode,
    budget: &Budget,
) -> Result<Vec<Extent>, ReadError> {
    let mut gather = Gather { image, inode, budget, runs: Vec::new(), next: 0 };
    match inode.has_extents() {
        true => gather.node(inode.map(), None)?,
        false => gather.lists()?,
    }
    Ok(gather.runs)
}

impl Gather<'_> {
    fn damaged(&self) -> ReadError {
        ReadError::Inode(self.inode.number.into())
    }

    /// All extents below a node, whose depth is one less than its parent's.
    fn node(&mut self, node: &[u8], depth: Option<u16>) -> Result<(), ReadError> {
        let field = |at| le16(node, at).unwrap_or(0);
        let (count, its_depth) = (field(2), field(6));
        let is_expected = depth.is_none_or(|depth| depth == its_depth) && its_depth <= DEPTH_MAX;
        if field(0) != MAGIC || !is_expected {
            return Err(self.damaged());
        }
        for entry in node.chunks_exact(ENTRY_SIZE).skip(1).take(count.into()) {
            let u16_at = |at| le16(entry, at).unwrap_or(0);
            let u32_at = |at| u64::from(le32(entry, at).unwrap_or(0));
            match its_depth.checked_sub(1) {
                Some(below) => {
                    let child = u32_at(4) | u64::from(u16_at(8)) << 32;
                    let child = self.image.block(child)?.ok_or_else(|| self.damaged())?;
                    self.budget.take(child.len())?;
                    self.node(&child, Some(below))?;
                }
                None if u16_at(4) > WRITTEN_MAX => {}
                None => {
                    let physical = u32_at(8) | u64::from(u16_at(6)) << 32;
                    self.add(u32_at(0), physical, u16_at(4).into())?;
                }
            }
        }
        Ok(())
    }

    /// The lists of ext2: blocks in the inode, then in one, two and three levels of blocks.
    fn lists(&mut self) -> Result<(), ReadError> {
        let mut logical = 0;
        for (index, number) in self.inode.map().chunks_exact(4).enumerate() {
            let number = le32(number, 0).unwrap_or(0);
            self.list(number, index.saturating_sub(DIRECT - 1) as u32, &mut logical)?;
        }
        Ok(())
    }

    /// What is below a number that stands `level` lists above the blocks.
    fn list(&mut self, number: u32, level: u32, logical: &mut u64) -> Result<(), ReadError> {
        let (size, numbers) = (self.image.block_size, self.image.block_size / 4);
        let end = self.inode.size.div_ceil(size);
        if number == 0 || *logical >= end {
            *logical = logical.saturating_add(numbers.pow(level));
            return Ok(());
        }
        if level == 0 {
            self.add(*logical, number.into(), 1)?;
            *logical += 1;
            return Ok(());
        }
        let list = self.image.block(number.into())?.ok_or_else(|| self.damaged())?;
        self.budget.take(list.len())?;
        list.chunks_exact(4)
            .try_for_each(|number| self.list(le32(number, 0).unwrap_or(0), level - 1, logical))
    }

    /// Adds blocks, which come in order; those behind the end of the file do not count.
    fn add(&mut self, logical: u64, physical: u64, len: u64) -> Result<(), ReadError> {
        let end = physical.checked_add(len).filter(|&end| end <= self.image.blocks);
        if end.is_none() || physical == 0 || logical < self.next {
            return Err(self.damaged());
        }
        self.next = logical + len;
        let size = self.image.block_size;
        let (at, from) = (logical * size, physical * size);
        let len = (len * size).min(self.inode.size.saturating_sub(at));
        match self.runs.last_mut() {
            _ if len == 0 => {}
            Some(last) if last.at + last.len == at && last.from + last.len == from => {
                last.len += len
            }
            _ => {
                self.budget.take(std::mem::size_of::<Extent>())?;
                self.runs.push(Extent { at, from, len });
            }
        }
        Ok(())
    }
}
