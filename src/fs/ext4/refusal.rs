//! Why a tree cannot become an ext4 filesystem: every reason is found before a byte is written.

use super::xattr::XattrError;
use crate::size::Size;
use crate::tree::TreePath;

/// What the format, the options or the size forbid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not 1024, 2048 or 4096.
    #[error("{0} is no block size: 1024, 2048 and 4096 are")]
    BlockSize(u32),
    /// Over 16 bytes.
    #[error("the label has {0} bytes, at most 16 fit")]
    Label(usize),
    /// Over 50 per cent.
    #[error("{0} % of the blocks cannot be reserved, at most 50 % can")]
    Reserved(u8),
    /// A name is over 255 bytes.
    #[error("`/{0}`: its name has {1} bytes, at most 255 fit")]
    NameTooLong(TreePath, usize),
    /// A file has over 65,000 names.
    #[error("`/{0}` has {1} hard links, at most 65000 are possible")]
    TooManyLinks(TreePath, u32),
    /// A symbolic link is empty, has a NUL, or does not fit into a block with one.
    #[error("`/{0}`: a link's target has 1 to {1} bytes and no NUL")]
    LinkTarget(TreePath, usize),
    /// Linux has no such device.
    #[error("`/{0}`: there is no device {1}:{2}, majors end at 4095 and minors at 1048575")]
    Device(TreePath, u32, u32),
    /// A file has over 2^32 - 1 blocks.
    #[error("`/{0}` has {1}, at most {2} are possible with this block size")]
    FileTooLarge(TreePath, Size, Size),
    /// A hash tree of two levels is too small.
    #[error("`/{0}` has {1} entries, which are too many for this block size")]
    DirectoryTooLarge(TreePath, usize),
    /// The extended attributes are not possible.
    #[error("`/{0}`")]
    Xattrs(TreePath, #[source] XattrError),
    /// `lost+found` is something other than a directory.
    #[error("`lost+found` is a {0}: e2fsck needs a directory of this name")]
    LostAndFound(&'static str),
    /// More than 2^32 - 1 inodes.
    #[error("{0} inodes are needed, at most 4294967295 are possible")]
    Inodes(u64),
    /// A fixed number of inodes is too small.
    #[error("{needed} inodes are needed, {given} were asked for")]
    TooFewInodes {
        /// The tree's, and the 11 of the filesystem.
        needed: u64,
        /// How many there would be.
        given: u64,
    },
    /// A fixed size is too small.
    #[error("{needed} are needed ({} bytes), {given} were given", needed.0)]
    TooSmall {
        /// The smallest size that the tree fits in.
        needed: Size,
        /// The size that was asked for.
        given: Size,
    },
    /// The group descriptors would fill whole groups.
    #[error("{0} are too large for this block size: use blocks of 4096 bytes")]
    TooLarge(Size),
}
