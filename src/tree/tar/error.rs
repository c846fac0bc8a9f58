//! What is wrong with an archive.

use crate::tree::{PathError, TreePath};

/// How many bytes all names and attributes of an archive may have together.
pub(super) const MAX_NAMES: usize = 512 << 20;

/// How many members an archive may have.
pub(super) const MAX_MEMBERS: usize = 4 << 20;

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TarError {
    /// The first header has no right checksum.
    #[error("it is no tar archive")]
    NotTar,
    /// A header's checksum is wrong.
    #[error("the header at offset {0} is damaged")]
    Header(u64),
    /// A header's number is none, or too large.
    #[error("the header at offset {1} has no sound {0}")]
    Number(&'static str, u64),
    /// Extended records that are too long or damaged.
    #[error("the extended header at offset {0} is damaged or too long")]
    Records(u64),
    /// No end marker, or a member that reaches past the end.
    #[error("it ends early: there should be more at offset {0}")]
    Ends(u64),
    /// A path that leaves the tree, or that no filesystem has.
    #[error("its member at offset {1}")]
    Path(#[source] PathError, u64),
    /// A member of a type that is no file.
    #[error("its member `{path}` has the type `{}`, which is not read", kind.escape_default())]
    Type {
        /// The member.
        path: TreePath,
        /// Its type flag.
        kind: char,
    },
    /// A sparse file whose map is damaged.
    #[error("its member `{0}` has a map of holes that cannot be")]
    Sparse(TreePath),
    /// A file over 16 TiB.
    #[error("its member `{0}` says that it has {1} bytes, more than a filesystem takes")]
    Size(TreePath, u64),
    /// Hundreds of megabytes of names.
    #[error("it has more names than are read ({MAX_MEMBERS} members, {MAX_NAMES} bytes)")]
    TooMany,
}
