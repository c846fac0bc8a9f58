//! erofs, written from a tree: inodes with what fills no block behind them, then data, uncompressed.
//!
//! The reference is the kernel's `fs/erofs/erofs_fs.h` and `Documentation/filesystems/erofs.rst`; each
//! file here is one structure of it. All inodes are extended, so that owners have 32 bits and times
//! their nanoseconds. A file of 1 MiB or more is stored in chunks, those that are zero not at all: Linux
//! reads that from 5.15 on. Left out: compression, sets of attributes that inodes share (they are
//! read), files that share data, several devices.
//!
//! Written here because no crate does it: `erofs-rs` only reads, and only what is in memory or mapped,
//! which a partition of a qcow2 is not; `composefs` writes inodes whose files are elsewhere.
//!
//! [`Erofs`] reads images, those of `mkfs.erofs` too, as far as they are not packed.
//!
//! The result is a function of tree and options alone.

mod directory;
mod image;
mod inode;
mod options;
mod plan;
mod read;
mod refusal;
mod superblock;
mod write;
mod xattr;

pub use options::Options;
pub use plan::{Plan, plan};
pub use read::Erofs;
pub use refusal::Refusal;

#[cfg(test)]
mod judged;
