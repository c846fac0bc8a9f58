//! What can be wrong with an image that is read.

use std::io;

use crate::fs::budget::Exhausted;
use crate::tree::{PathError, TreeError};

/// Why an image cannot be read; offsets are those of the image.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The superblock is none, or not of squashfs 4.0.
    #[error("it is no squashfs image: its superblock has {0}")]
    Superblock(&'static str),
    /// A compressor that is not read here.
    #[error(
        "its compressor has the number {0}: only gzip (1), xz (4), lz4 (5) and zstd (6) are read"
    )]
    Compressor(u16),
    /// A block of metadata.
    #[error("the metadata at offset {0} are damaged")]
    Metadata(u64),
    /// A table, or a number that is in none.
    #[error("the table at offset {0} is damaged")]
    Table(u64),
    /// A block of a file, or a fragment.
    #[error("the data at offset {0} are damaged")]
    Data(u64),
    /// An inode, by the reference that leads to it.
    #[error("the inode {0:#x} is damaged")]
    Inode(u64),
    /// A directory, by its inode.
    #[error("the directory of the inode {0:#x} is damaged")]
    Directory(u64),
    /// Attributes, by their number.
    #[error("the attributes {0} are damaged")]
    Xattrs(u32),
    /// A name that cannot be.
    #[error(transparent)]
    Path(#[from] PathError),
    /// Names that cannot be side by side.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A bomb.
    #[error(transparent)]
    Exhausted(#[from] Exhausted),
    /// The window cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
}
