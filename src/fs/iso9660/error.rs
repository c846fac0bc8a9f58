//! What ISO 9660 cannot hold, and what is wrong with a volume that is read.

use crate::tree::TreePath;

/// Why a tree cannot become a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsoError {
    /// The volume identifier has 32 bytes, which everybody takes for ASCII.
    #[error("`{}` is no label: at most 32 printable ASCII characters", .0.escape_debug())]
    Label(String),
    /// A path table counts parents in 16 bits.
    #[error("there are {0} directories: ISO 9660 has room for 65535")]
    Directories(usize),
    /// Blocks are counted in 32 bits.
    #[error("the files are larger than the 8 TiB of an ISO 9660 volume")]
    TooLarge,
    /// Rock Ridge has 32 bits for a directory's length, and so has ECMA-119.
    #[error("directory `/{0}` has too many entries")]
    DirectoryTooLarge(TreePath),
    /// A boot image has to be a file of the tree.
    #[error("the boot image `/{0}` is no file of the tree")]
    BootImage(TreePath),
    /// GRUB's loader for CDs has fields that are filled in.
    #[error("the boot image `/{0}` has {1} bytes, too few for a loader with its place in it")]
    BootImageTooShort(TreePath, u64),
    /// A place that is no multiple of a block.
    #[error("`/{0}` cannot be aligned to {1} bytes: blocks have 2048")]
    Alignment(TreePath, u64),
}

/// What is wrong with a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IsoReadError {
    /// Nothing there says so.
    #[error("it is no ISO 9660 volume: there is no volume descriptor at block 16")]
    NoDescriptor,
    /// The descriptors end without one of the directories.
    #[error("it has no primary volume descriptor")]
    NoPrimary,
    /// The descriptor's fields contradict what is possible.
    #[error("its primary volume descriptor has {0}")]
    Descriptor(&'static str),
    /// A directory record that is cut off, or a directory that is longer than the volume.
    #[error("the directory at block {0} is damaged at byte {1}")]
    Directory(u32, usize),
    /// A file reaches past the end of the volume.
    #[error("the file at block {0} reaches past the end of the volume")]
    File(u32),
}
