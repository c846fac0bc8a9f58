//! What FAT cannot hold.

use super::geometry::Kind;
use crate::size::Size;
use crate::tree::TreePath;

/// Why a tree cannot become a FAT filesystem.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FatError {
    /// FAT knows files and directories only.
    #[error("`/{0}` is a {1}, which FAT cannot hold")]
    Kind(TreePath, &'static str),
    /// Long names are UTF-16.
    #[error("`/{0}` is not UTF-8, so FAT cannot hold the name")]
    NotUtf8(TreePath),
    /// Characters that mean something to its users.
    #[error("`/{0}` has {1:?}, which no name on FAT may have")]
    Character(TreePath, char),
    /// Windows and Linux drop them, so the file would not be found again.
    #[error("`/{0}` ends with {1:?}, which FAT does not keep")]
    Trailing(TreePath, char),
    /// Twenty long-name entries hold no more.
    #[error("the name of `/{0}` has {1} UTF-16 units: FAT has room for 255")]
    NameTooLong(TreePath, usize),
    /// Names differ in more than case.
    #[error("`/{0}` and `/{1}` are the same name to FAT, which does not tell case apart")]
    SameName(TreePath, TreePath),
    /// The field has 32 bits.
    #[error("`/{0}` has {1} bytes ({size}): a file on FAT is smaller than 4 GiB", size = Size(*.1))]
    FileTooLarge(TreePath, u64),
    /// A directory is at most 2 MiB.
    #[error("directory `/{0}` needs {1} entries of 32 bytes: FAT has room for {2}")]
    DirectoryTooLarge(TreePath, u64, u64),
    /// The label is no eleven characters of a short name.
    #[error("`{0}` is no label: at most 11 letters, digits, spaces or !#$%&'()-@^_`{{}}~")]
    Label(String),
    /// A volume is whole sectors.
    #[error("a volume of {0} bytes is not whole sectors of 512 bytes")]
    NotSectors(u64),
    /// There is no cluster size with which this many sectors are of that type.
    #[error("{size} bytes ({}) are too few for {kind}: it needs at least {least} ({})", Size(*size), Size(*least))]
    TooSmall {
        /// The type.
        kind: Kind,
        /// Bytes of the volume.
        size: u64,
        /// Bytes that suffice.
        least: u64,
    },
    /// As above.
    #[error("{size} bytes ({}) are too many for {kind}", Size(*size))]
    TooLarge {
        /// The type.
        kind: Kind,
        /// Bytes of the volume.
        size: u64,
    },
    /// The files are larger than the volume.
    #[error(
        "the {kind} volume is too small: files and directories need {needs} bytes ({}) in clusters, \
         it has {has} ({}), {} too few", Size(*needs), Size(*has), needs - has
    )]
    Full {
        /// The type.
        kind: Kind,
        /// Bytes of all clusters of all files and directories.
        needs: u64,
        /// Bytes of all clusters of the volume.
        has: u64,
    },
}
