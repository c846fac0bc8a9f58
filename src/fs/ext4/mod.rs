//! ext4, written from a tree: planned to the last block, then written once, in order, sparse.
//!
//! The reference is the kernel's Documentation/filesystems/ext4; each file here is one structure of
//! it. Features: `has_journal` `ext_attr` `resize_inode` `dir_index` `filetype` `extent` `64bit`
//! `flex_bg` `sparse_super` `large_file` `huge_file` `dir_nlink` `extra_isize` `metadata_csum`,
//! which are those of `mke2fs -t ext4`. Left out: encryption, `casefold`, `verity`, `inline_data`,
//! `ea_inode`, `large_dir`, `bigalloc`, `meta_bg`, quota, checksums of the journal (the kernel adds
//! them), and every older format.
//!
//! The result is a function of tree and options alone. [`grow`] makes one that is there larger, in place.

mod allocator;
mod bitmap;
mod checksum;
mod contents;
mod directory;
mod extent;
mod geometry;
pub mod grow;
mod group;
mod hash;
mod htree;
mod inode;
mod inventory;
mod journal;
mod layout;
mod options;
mod placement;
mod plan;
mod read;
mod refusal;
mod resize;
mod superblock;
mod table;
mod unpack;
mod usage;
mod write;
mod xattr;

pub use options::{Inodes, Journal, Options, Size};
pub use plan::{Plan, plan};
pub use read::Ext4;
pub use refusal::Refusal;
pub use xattr::XattrError;

/// Places a field of a structure.
fn put<const N: usize>(structure: &mut [u8], offset: usize, field: [u8; N]) {
    structure[offset..offset + N].copy_from_slice(&field);
}

#[cfg(test)]
mod judged;
