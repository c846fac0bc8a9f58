//! Why a tree cannot become an erofs image: every reason is found before a byte is written.

use crate::size::Size;
use crate::tree::TreePath;

/// What the format or the options forbid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A label is over 16 bytes.
    #[error("a label has at most 16 bytes, not {0}")]
    Label(usize),
    /// A name is over 255 bytes.
    #[error("`/{0}`: its name has {1} bytes, at most 255 fit")]
    NameTooLong(TreePath, usize),
    /// A symbolic link is empty, has a NUL, or is longer than any path.
    #[error("`/{0}`: a link's target has 1 to 4095 bytes and no NUL")]
    LinkTarget(TreePath),
    /// Linux has no such device.
    #[error("`/{0}`: there is no device {1}:{2}, majors end at 4095 and minors at 1048575")]
    Device(TreePath, u32, u32),
    /// Names or values of extended attributes are too long.
    #[error(
        "`/{0}`: an attribute's name has at most 255 bytes, its value 65535, all of them 262148"
    )]
    Xattr(TreePath),
    /// More blocks than 32 bits count.
    #[error("the image may need {0}, at most {max} are possible", max = Size(super::plan::SIZE_MAX))]
    TooLarge(Size),
    /// More inodes than 32 bits count.
    #[error("{0} inodes are needed, at most 4294967295 are possible")]
    Inodes(usize),
}
