//! An image that is read: inodes by number, what is behind them, and where the bytes of each are.

use super::inode::{self, Chunks, Inode, Layout, SLOT};
use super::superblock::{self, Superblock};
use super::xattr;
use crate::bytes::le32;
use crate::fs::ReadError;
use crate::fs::budget::Budget;
use crate::tree::Extent;
use crate::volume::Window;

/// The longest shared entry of attributes: its head, a name and a value.
const SHARED_MAX: usize = 4 + 255 + 65535;

/// The block of a chunk that is zero.
const HOLE: u32 = u32::MAX;

/// An image that was opened.
#[derive(Debug, Clone)]
pub(super) struct Image {
    pub(super) window: Window,
    /// What its superblock says.
    pub(super) superblock: Superblock,
}

impl Image {
    /// Reads the superblock.
    ///
    /// # Errors
    /// Where it is damaged or unreadable, or asks for what is not read.
    pub(super) fn open(window: &Window) -> Result<Self, ReadError> {
        let head = window.bytes(superblock::OFFSET, superblock::LEN)?;
        let superblock = Superblock::decode(&head)?;
        let len = u64::from(superblock.blocks) << superblock.block_log;
        Ok(Image { window: window.part(0, len), superblock })
    }

    /// A block, in bytes.
    pub(super) fn block_size(&self) -> u64 {
        1 << self.superblock.block_log
    }

    /// The inode of a number.
    pub(super) fn inode(&self, number: u64) -> Result<Inode, ReadError> {
        let place = self.place(number)?;
        Inode::decode(&self.window.bytes(place, inode::LEN as usize)?, number)
    }

    /// Where the inode of a number is.
    fn place(&self, number: u64) -> Result<u64, ReadError> {
        let start = u64::from(self.superblock.metadata) << self.superblock.block_log;
        let place = number.checked_mul(SLOT).and_then(|at| at.checked_add(start));
        place.filter(|at| *at < self.window.len()).ok_or(ReadError::Inode(number))
    }

    /// What is behind inode and attributes.
    fn behind(&self, number: u64, inode: &Inode) -> Result<u64, ReadError> {
        Ok(self.place(number)? + inode.len + inode.xattr_len)
    }

    /// The attributes of an inode.
    pub(super) fn xattrs(&self, number: u64, inode: &Inode) -> Result<xattr::Set, ReadError> {
        if inode.xattr_len == 0 {
            return Ok(xattr::Set::new());
        }
        let at = self.place(number)? + inode.len;
        let bytes = self.window.bytes(at, inode.xattr_len as usize)?;
        let start = u64::from(self.superblock.xattrs) << self.superblock.block_log;
        let shared = |id| Ok(self.window.bytes(start + u64::from(id) * 4, SHARED_MAX)?);
        xattr::decode(&bytes, number, shared)
    }

    /// Where the bytes of an inode are; what is between is zero.
    ///
    /// # Errors
    /// Where they are packed, or their map is damaged.
    pub(super) fn extents(
        &self,
        number: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Vec<Extent>, ReadError> {
        let (size, block_size) = (inode.size, self.block_size());
        let at = |block: u32| u64::from(block) << self.superblock.block_log;
        match inode.layout {
            _ if size == 0 => Ok(Vec::new()),
            Layout::Plain(block) => Ok(vec![Extent { at: 0, from: at(block), len: size }]),
            Layout::Inline(block) => {
                let whole = (size - 1) / block_size * block_size;
                let tail = self.behind(number, inode)?;
                let runs = [
                    Extent { at: 0, from: at(block), len: whole },
                    Extent { at: whole, from: tail, len: size - whole },
                ];
                Ok(runs.into_iter().filter(|run| run.len > 0).collect())
            }
            Layout::Chunks(chunks) => self.chunks(number, inode, chunks, budget),
            Layout::Packed => Err(ReadError::Packed(number)),
        }
    }

    /// The chunks of a file, those that adjoin as one.
    fn chunks(
        &self,
        number: u64,
        inode: &Inode,
        chunks: Chunks,
        budget: &Budget,
    ) -> Result<Vec<Extent>, ReadError> {
        let damaged = || ReadError::Data(number);
        let log = u32::from(self.superblock.block_log) + chunks.log;
        let unit = if chunks.indexes { 8 } else { 4 };
        let list = self.behind(number, inode)?.next_multiple_of(unit);
        let count = inode.size.div_ceil(1 << log);
        let len = count.checked_mul(unit).filter(|len| *len <= self.window.len());
        let bytes = self.window.bytes(list, len.ok_or_else(damaged)? as usize)?;
        budget.take(bytes.len())?;
        let mut runs: Vec<Extent> = Vec::new();
        for index in 0..count {
            let entry = &bytes.get((index * unit) as usize..).unwrap_or_default();
            // The first half of an index names another device, which there is none of.
            let field = if chunks.indexes { 4 } else { 0 };
            let block = le32(entry, field).ok_or_else(damaged)?;
            if block == HOLE {
                continue;
            }
            let at = index << log;
            let len = (inode.size - at).min(1 << log);
            let from = u64::from(block) << self.superblock.block_log;
            match runs.last_mut() {
                Some(run) if run.at + run.len == at && run.from + run.len == from => run.len += len,
                _ => runs.push(Extent { at, from, len }),
            }
        }
        budget.take(runs.len() * size_of::<Extent>())?;
        Ok(runs)
    }
}
