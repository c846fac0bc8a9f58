//! What can be wrong with an image that is read.

use std::io;

use crate::fs::budget::Exhausted;
use crate::tree::{PathError, TreeError};

/// Why an image cannot be read; inodes are named by their number.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The superblock is none.
    #[error("it is no erofs image: its superblock has {0}")]
    Superblock(&'static str),
    /// Features that are not read here.
    #[error("it has incompatible features that are not read here: {0:#x}")]
    Features(u32),
    /// Data in a form that is not read.
    #[error("inode {0} is packed: only erofs images without compression are read")]
    Packed(u64),
    /// An inode.
    #[error("inode {0} is damaged")]
    Inode(u64),
    /// A directory, by its inode.
    #[error("the directory of inode {0} is damaged")]
    Directory(u64),
    /// The data of an inode.
    #[error("the data of inode {0} are damaged")]
    Data(u64),
    /// Attributes, by their inode.
    #[error("the attributes of inode {0} are damaged")]
    Xattrs(u64),
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
