//! Why a tree cannot become a squashfs image: every reason is found before a byte is written.

use super::compressor::Compressor;
use crate::size::Size;
use crate::tree::TreePath;

/// What the format or the options forbid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No power of two from 4 KiB to 1 MiB.
    #[error("{0} is no block size: powers of two from 4096 to 1048576 are")]
    BlockSize(u32),
    /// The compressor has no such level.
    #[error("{compressor} has the levels {} to {}, not {level}",
        compressor.levels().start(), compressor.levels().end())]
    Level {
        /// The compressor.
        compressor: Compressor,
        /// What was asked for.
        level: u32,
    },
    /// A name is over 255 bytes.
    #[error("`/{0}`: its name has {1} bytes, at most 255 fit")]
    NameTooLong(TreePath, usize),
    /// A symbolic link is empty, has a NUL, or is longer than any path.
    #[error("`/{0}`: a link's target has 1 to 4095 bytes and no NUL")]
    LinkTarget(TreePath),
    /// Linux has no such device.
    #[error("`/{0}`: there is no device {1}:{2}, majors end at 4095 and minors at 1048575")]
    Device(TreePath, u32, u32),
    /// The list of a file's blocks would be too long.
    #[error("`/{0}` has {1}, at most {2} are possible with this block size")]
    FileTooLarge(TreePath, Size, Size),
    /// A name or a value of an extended attribute is too long.
    #[error("`/{0}`: an attribute's name has at most 255 bytes, its value at most 65536")]
    Xattr(TreePath),
    /// There are too many different owners and groups.
    #[error("there are {0} different owners and groups, at most 65535 are possible")]
    Ids(usize),
    /// More inodes than 32 bits count.
    #[error("{0} inodes are needed, at most 4294967294 are possible")]
    Inodes(usize),
}
