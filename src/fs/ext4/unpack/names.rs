//! The names in a directory. Trees of hashes hide behind entries without an inode, so that reading
//! all blocks in order finds every name.
//!
//! Reference: kernel Documentation/filesystems/ext4/directory.rst.

use super::blocks;
use super::image::Image;
use super::inode::Inode;
use crate::bytes::{le16, le32};
use crate::fs::ReadError;
use crate::fs::budget::Budget;

/// An entry without its name.
const HEAD: usize = 8;
/// How much is read at once: extents are whole blocks.
const CHUNK: u64 = 64 << 10;

/// Names with the numbers of their inodes, without `.` and `..`.
///
/// # Errors
/// Where the directory is damaged, or asks for more than is left of the budget.
pub(super) fn read(
    image: &Image,
    inode: &Inode,
    budget: &Budget,
) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
    let mut names = Vec::new();
    for run in blocks::extents(image, inode, budget)? {
        for start in (0..run.len).step_by(CHUNK as usize) {
            let len = CHUNK.min(run.len - start) as usize;
            budget.take(len)?;
            let bytes = image.bytes(run.from + start, len)?;
            for block in bytes.chunks(image.block_size as usize) {
                entries(block, &mut names).ok_or(ReadError::Directory(inode.number.into()))?;
            }
        }
    }
    Ok(names)
}

/// The entries of a block; `None` where they do not fill it exactly.
fn entries(mut block: &[u8], names: &mut Vec<(Vec<u8>, u64)>) -> Option<()> {
    while !block.is_empty() {
        let (inode, len) = (le32(block, 0)?, usize::from(le16(block, 4)?));
        // 64 KiB has no 16 bits of its own.
        let len = if matches!(len, 0 | 0xffff) { block.len() } else { len };
        let name_len = usize::from(*block.get(6)?);
        let (entry, rest) = block.split_at_checked(len)?;
        if len < HEAD + name_len {
            return None;
        }
        let name = &entry[HEAD..HEAD + name_len];
        if inode != 0 && ![&b"."[..], b".."].contains(&name) {
            // A slash or no name at all would be another place in the tree.
            if name.is_empty() || name.contains(&b'/') {
                return None;
            }
            names.push((name.into(), inode.into()));
        }
        block = rest;
    }
    Some(())
}
