//! What can be wrong with a filesystem whose directories refer to inodes: ext4, squashfs, erofs.

use std::io;

use super::budget::Exhausted;
use crate::tree::{PathError, TreeError};

/// Why such a filesystem cannot be read. Inodes have the numbers by which directories refer to them;
/// offsets are those of the image.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The superblock is none, or says what cannot be.
    #[error("its superblock has {0}")]
    Superblock(&'static str),
    /// Features that are not read, as bits.
    #[error("it has incompatible features that are not read: {0:#x}")]
    Features(u32),
    /// ext4: it was not unmounted.
    #[error("its journal holds changes that are not in place yet")]
    Journal,
    /// squashfs: a compressor that is not read.
    #[error(
        "its compressor has the number {0}: only gzip (1), xz (4), lz4 (5) and zstd (6) are read"
    )]
    Compressor(u16),
    /// squashfs: a block of metadata, by its offset.
    #[error("the metadata at offset {0} are damaged")]
    Metadata(u64),
    /// squashfs: a table, or a number that is in none.
    #[error("the table at offset {0} is damaged")]
    Table(u64),
    /// squashfs: a block of a file, or a fragment.
    #[error("the data at offset {0} are damaged")]
    Block(u64),
    /// squashfs: attributes, by their number in the table.
    #[error("the attributes {0} are damaged")]
    AttributeTable(u32),
    /// An inode.
    #[error("inode {0} is damaged")]
    Inode(u64),
    /// A directory: its names, or that it is in itself.
    #[error("the directory of inode {0} is damaged")]
    Directory(u64),
    /// The data of a file.
    #[error("the data of inode {0} are damaged")]
    Data(u64),
    /// Attributes.
    #[error("the attributes of inode {0} are damaged")]
    Attributes(u64),
    /// erofs: data in a form that is not read.
    #[error("inode {0} is packed: only erofs images without compression are read")]
    Packed(u64),
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
