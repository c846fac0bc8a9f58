//! An empty journal: inode 8, of which only the first block is written.
//!
//! Reference: kernel Documentation/filesystems/ext4/journal.rst, "Super Block". Its fields, unlike
//! all others, are big-endian. The kernel turns on the features that it wants when it mounts.

use super::put;
use crate::bytes::Guid;

/// `h_magic`
const MAGIC: u32 = 0xc03b_3998;
/// `h_blocktype` of a superblock of version 2.
const SUPERBLOCK_V2: u32 = 4;

/// The superblock of a journal of `blocks` blocks that nothing is in.
pub(super) fn superblock(blocks: u64, block_size: u64, uuid: Guid) -> [u8; 1024] {
    let mut s = [0; 1024];
    put(&mut s, 0x00, MAGIC.to_be_bytes());
    put(&mut s, 0x04, SUPERBLOCK_V2.to_be_bytes());
    put(&mut s, 0x0c, (block_size as u32).to_be_bytes());
    put(&mut s, 0x10, (blocks as u32).to_be_bytes());
    // s_first: the log begins behind this block. s_sequence: the first commit to come.
    put(&mut s, 0x14, 1u32.to_be_bytes());
    put(&mut s, 0x18, 1u32.to_be_bytes());
    put(&mut s, 0x30, uuid.to_bytes());
    // s_nr_users
    put(&mut s, 0x40, 1u32.to_be_bytes());
    s
}
