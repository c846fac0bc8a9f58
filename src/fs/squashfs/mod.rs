//! squashfs 4.0, written from a tree: contents packed block by block on all processors and written
//! once, in order; then the tables.
//!
//! The reference is the kernel's `fs/squashfs/squashfs_fs.h` and dr-emann's "Squashfs Binary Format";
//! each file here is one structure of it. Like `mksquashfs`, what is shorter than a block shares a
//! fragment, equal files share their data, blocks that are zero take no room, and every name can be
//! exported by NFS. Left out: lzo and lzma, filters of xz, tails of longer files in fragments, values of
//! attributes that are stored once for several files (they are read).
//!
//! Written here and not by the `backhand` crate: it has neither extended attributes nor hard links,
//! packs on one processor, and takes no level for zstd and gzip.
//!
//! [`Squashfs`] reads images, those of `mksquashfs` too.
//!
//! The result is a function of tree and options alone, however many threads there are.

mod codec;
mod compressor;
mod contents;
mod cursor;
mod directory;
mod duplicates;
mod file;
mod fragment;
mod ids;
mod image;
mod inode;
mod inodes;
mod metadata;
mod options;
mod plan;
mod press;
mod read;
mod refusal;
mod superblock;
mod table;
mod write;
mod xattr;

pub use compressor::{Compressor, CompressorError};
pub use options::Options;
pub use plan::{Plan, plan};
pub use read::Squashfs;
pub use refusal::Refusal;

#[cfg(test)]
mod judged;
