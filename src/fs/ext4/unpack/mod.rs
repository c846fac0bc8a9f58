//! A filesystem as a tree: owners, modes, times, devices, attributes, hard links and holes, which
//! `ext4-view` does not give, and contents by reference.
//!
//! Reads ext2, ext3 and ext4 with what mke2fs and the kernel put there by themselves. Nothing that the
//! filesystem states is trusted. Left out: a journal that holds changes (it is refused), `inline_data`,
//! `ea_inode`, `meta_bg`, encryption, checksums, and an empty `lost+found`, which every ext4 has.

mod attributes;
mod blocks;
mod image;
mod inode;
mod names;

use std::collections::{HashMap, HashSet};

use image::Image;
use inode::Inode;

use super::superblock::ROOT_INODE;
use crate::error::Result;
use crate::fs::budget::{Budget, Exhausted};
use crate::fs::device;
use crate::tree::{
    Content, Kind, Metadata, Node, PathError, Section, Source, Time, Tree, TreeError, TreePath,
};
use crate::volume::Window;

/// The directory that e2fsck needs.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// The longest target of a link (Linux `PATH_MAX`).
const TARGET_MAX: u64 = 4096;

/// Why a filesystem has no tree.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The superblock is none, or says what cannot be.
    #[error("its superblock has {0}")]
    Superblock(&'static str),
    /// Features that are not read, as bits.
    #[error("it has incompatible features that are not read: {0:#x}")]
    Features(u32),
    /// It was not unmounted.
    #[error("its journal holds changes that are not in place yet")]
    Journal,
    /// An inode, by its number.
    #[error("inode {0} is damaged")]
    Inode(u32),
    /// A directory, by its inode.
    #[error("the directory of inode {0} is damaged")]
    Directory(u32),
    /// Attributes, by the inode.
    #[error("the attributes of inode {0} are damaged")]
    Attributes(u32),
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
    Io(#[from] std::io::Error),
}

/// A tree in the making.
struct Walk {
    image: Image,
    /// All of the window, which contents are parts of.
    section: Section,
    tree: Tree,
    budget: Budget,
    directories: HashSet<u32>,
    /// By inode that has several names: the first of them.
    first_names: HashMap<u32, TreePath>,
    open: Vec<(TreePath, Inode)>,
}

/// All of a filesystem; files stay where they are until they are read.
///
/// # Errors
/// Where it is damaged or unreadable, or has features that are not read.
pub(super) fn tree(window: &Window) -> Result<Source> {
    let unpack = || -> Result<Source, UnpackError> {
        let mut walk = Walk {
            image: Image::open(window)?,
            section: Section::window(window.clone(), "the ext4 filesystem"),
            tree: Tree::new(Time::EPOCH),
            budget: Budget::new(window.len()),
            directories: HashSet::new(),
            first_names: HashMap::new(),
            open: Vec::new(),
        };
        walk.place(TreePath::root(), ROOT_INODE)?;
        while let Some((path, inode)) = walk.open.pop() {
            for (name, number) in names::read(&walk.image, &inode, &walk.budget)? {
                let path = path.join(&name)?.within_limits()?;
                walk.budget.take_name(path.as_bytes().len())?;
                walk.name(path, number)?;
            }
        }
        walk.drop_lost_and_found()?;
        Ok(Source { tree: walk.tree, notices: Vec::new() })
    };
    Ok(unpack()?)
}

impl Walk {
    fn name(&mut self, path: TreePath, number: u32) -> Result<(), UnpackError> {
        match self.first_names.get(&number) {
            Some(first) => Ok(self.tree.link(path, first)?),
            None => self.place(path, number),
        }
    }

    fn place(&mut self, path: TreePath, number: u32) -> Result<(), UnpackError> {
        let inode = self.image.inode(number)?;
        let node = self.node(&inode)?;
        if inode.is_directory() {
            if !self.directories.insert(number) {
                return Err(UnpackError::Directory(number));
            }
            self.open.push((path.clone(), inode));
        } else if inode.links > 1 {
            self.first_names.insert(number, path.clone());
        }
        Ok(self.tree.insert(path, node)?)
    }

    fn node(&self, inode: &Inode) -> Result<Node, UnpackError> {
        let kind = match inode.mode & 0o170_000 {
            0o010_000 => Kind::Fifo,
            0o020_000 => {
                let (major, minor) = device::decode(inode.device());
                Kind::CharDevice { major, minor }
            }
            0o040_000 => Kind::Directory,
            0o060_000 => {
                let (major, minor) = device::decode(inode.device());
                Kind::BlockDevice { major, minor }
            }
            0o100_000 => Kind::File(self.content(inode)?),
            0o120_000 => Kind::Symlink(self.target(inode)?),
            0o140_000 => Kind::Socket,
            _ => return Err(UnpackError::Inode(inode.number)),
        };
        let xattrs = attributes::read(&self.image, inode)?;
        let weight = xattrs.iter().map(|(name, value)| 64 + name.len() + value.len());
        self.budget.take(weight.sum())?;
        let (uid, gid, mtime) = (inode.uid, inode.gid, inode.mtime);
        let metadata = Metadata { mode: inode.mode & 0o7777, uid, gid, mtime, xattrs };
        Ok(Node { metadata, kind })
    }

    fn content(&self, inode: &Inode) -> Result<Content, UnpackError> {
        let runs = blocks::extents(&self.image, inode, &self.budget)?;
        self.section.sparse(inode.size, &runs).ok_or(UnpackError::Inode(inode.number))
    }

    fn target(&self, inode: &Inode) -> Result<Vec<u8>, UnpackError> {
        if let Some(target) = inode.fast_target() {
            return Ok(target.into());
        }
        if inode.size > TARGET_MAX {
            return Err(UnpackError::Inode(inode.number));
        }
        let content = self.content(inode)?;
        self.budget.take(inode.size as usize)?;
        content.read().map_err(|_| UnpackError::Inode(inode.number))
    }

    fn drop_lost_and_found(&mut self) -> Result<(), UnpackError> {
        let path = TreePath::new(LOST_AND_FOUND)?;
        let is_directory =
            matches!(self.tree.get(&path), Some(node) if matches!(node.kind, Kind::Directory));
        if is_directory && self.tree.below(&path).nth(1).is_none() {
            self.tree.remove(&path);
        }
        Ok(())
    }
}
