//! An archive as a tree, as the kernel would unpack it.
//!
//! Two things differ: a parent that has no entry is filled in, where the kernel drops the child
//! silently; and what the kernel skips without a word (bad names, odd kinds) is an error.

use std::collections::BTreeMap;
use std::io::Read;

use super::{Entry, ReadError, Reader};
use crate::tree::{Content, Kind, Metadata, Node, PathError, Time, Tree, TreeError, TreePath};

/// Why an archive has no tree; offsets are those of an entry's header.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The bytes are no newc archive.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A name that leaves the tree.
    #[error("the entry at offset {offset}")]
    Path {
        /// Where the entry starts.
        offset: u64,
        /// Why the name is no path.
        source: PathError,
    },
    /// Two entries that cannot both be there.
    #[error("the entry at offset {offset}")]
    Conflict {
        /// Where the entry starts.
        offset: u64,
        /// What is in the way.
        source: TreeError,
    },
    /// A `c_mode` whose kind Linux does not know.
    #[error("the entry at offset {offset} has the mode {mode:o}, which is no kind of file")]
    Mode {
        /// Where the entry starts.
        offset: u64,
        /// `c_mode`.
        mode: u32,
    },
    /// Something other than zeros behind the trailer.
    #[error("the archive ends at offset {offset}, and something else follows it")]
    Trailing {
        /// Where the archive ends.
        offset: u64,
    },
}

/// Unpacks one archive; zeros may follow it. Where several archives do, see `segment`.
///
/// # Errors
/// Where the bytes are no newc archive, or a name or kind cannot be in a tree.
pub fn unpack(bytes: &[u8]) -> Result<Tree, UnpackError> {
    let (tree, len) = unpack_from(bytes)?;
    match bytes.iter().skip(len as usize).all(|&b| b == 0) {
        true => Ok(tree),
        false => Err(UnpackError::Trailing { offset: len }),
    }
}

/// Unpacks the archive that a source starts with; with it comes the archive's length.
///
/// # Errors
/// As [`unpack`], save for what follows the archive, which is not read.
pub fn unpack_from(source: impl Read) -> Result<(Tree, u64), UnpackError> {
    let mut reader = Reader::new(source);
    let mut tree = Tree::new(Time::EPOCH);
    let mut links = BTreeMap::new();
    while let Some(entry) = reader.next_entry()? {
        let offset = entry.offset;
        let data = reader.data(&entry)?;
        let path =
            TreePath::new(&entry.name).map_err(|source| UnpackError::Path { offset, source })?;
        let node = node(&entry, data)?;
        place(&mut tree, &mut links, &entry, path, node)
            .map_err(|source| UnpackError::Conflict { offset, source })?;
    }
    Ok((tree, reader.offset()))
}

/// What hard links share: device, inode and kind.
pub(in crate::initramfs) type Links = BTreeMap<(u32, u32, u32, u16), TreePath>;

/// Puts an entry into the tree, as a second name of a node where it is one. A name that is there
/// already is replaced, as the kernel does it.
pub(in crate::initramfs) fn place(
    tree: &mut Tree,
    links: &mut Links,
    entry: &Entry,
    path: TreePath,
    node: Node,
) -> Result<(), TreeError> {
    let is_directory = |node: &Node| matches!(node.kind, Kind::Directory);
    if tree.get(&path).is_some_and(|old| !is_directory(old)) && !is_directory(&node) {
        tree.remove(&path);
    }
    let header = &entry.header;
    if header.nlink < 2 || is_directory(&node) {
        return tree.insert(path, node);
    }
    let key = (header.dev_major, header.dev_minor, header.ino, node.kind.format_bits());
    let first = links.entry(key).or_insert_with(|| path.clone()).clone();
    if tree.get(&first).is_none_or(is_directory) {
        links.insert(key, path.clone());
        return tree.insert(path, node);
    }
    tree.link(path, &first)?;
    if let Some(shared) = tree.get_mut(&first) {
        shared.metadata = node.metadata;
        // The name that carries the data may be any of them.
        if header.filesize > 0 {
            shared.kind = node.kind;
        }
    }
    Ok(())
}

/// What an entry is, with its data: a file's content or a symlink's target.
///
/// # Errors
/// Where its mode is no kind of file.
pub fn node(entry: &Entry, data: Vec<u8>) -> Result<Node, UnpackError> {
    let header = &entry.header;
    let error = || UnpackError::Mode { offset: entry.offset, mode: header.mode };
    let (major, minor) = (header.rdev_major, header.rdev_minor);
    let kind = match header.mode & !0o7777 {
        0o010_000 => Kind::Fifo,
        0o020_000 => Kind::CharDevice { major, minor },
        0o040_000 => Kind::Directory,
        0o060_000 => Kind::BlockDevice { major, minor },
        0o100_000 => Kind::File(Content::from(data)),
        0o120_000 => Kind::Symlink(data),
        0o140_000 => Kind::Socket,
        _ => return Err(error()),
    };
    let time = Time::from_seconds(header.mtime.into());
    let mut metadata = Metadata::new((header.mode & 0o7777) as u16, time);
    (metadata.uid, metadata.gid) = (header.uid, header.gid);
    Ok(Node { metadata, kind })
}
