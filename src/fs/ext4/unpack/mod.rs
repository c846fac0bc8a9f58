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

use image::Image;
use inode::Inode;

use super::superblock::ROOT_INODE;
use crate::error::Result;
use crate::fs::budget::Budget;
use crate::fs::link_target::TARGET_MAX;
use crate::fs::walk::{self, Inodes};
use crate::fs::{ReadError, device};
use crate::tree::{Content, Kind, Metadata, Node, Section, Source, Tree, TreePath};
use crate::volume::Window;

/// The directory that e2fsck needs.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// A filesystem that is walked.
struct Unpack {
    image: Image,
    /// All of the window, which contents are parts of.
    section: Section,
}

/// All of a filesystem; files stay where they are until they are read.
///
/// # Errors
/// Where it is damaged or unreadable, or has features that are not read.
pub(super) fn tree(window: &Window) -> Result<Source> {
    let unpack = || -> Result<Source, ReadError> {
        let section = Section::window(window.clone(), "the ext4 filesystem");
        let mut source = walk::tree(&Unpack { image: Image::open(window)?, section })?;
        drop_lost_and_found(&mut source.tree)?;
        Ok(source)
    };
    Ok(unpack()?)
}

impl Inodes for Unpack {
    type Inode = Inode;

    fn len(&self) -> u64 {
        self.section.len()
    }

    fn root(&self) -> u64 {
        ROOT_INODE.into()
    }

    fn inode(&self, number: u64) -> Result<Inode, ReadError> {
        self.image.inode(u32::try_from(number).map_err(|_| ReadError::Inode(number))?)
    }

    fn is_directory(inode: &Inode) -> bool {
        inode.is_directory()
    }

    fn links(inode: &Inode) -> u32 {
        inode.links.into()
    }

    fn names(
        &self,
        _: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
        names::read(&self.image, inode, budget)
    }

    fn node(
        &self,
        _: &TreePath,
        _: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Node, ReadError> {
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
            0o100_000 => Kind::File(self.content(inode, budget)?),
            0o120_000 => Kind::Symlink(self.target(inode, budget)?),
            0o140_000 => Kind::Socket,
            _ => return Err(ReadError::Inode(inode.number.into())),
        };
        let xattrs = attributes::read(&self.image, inode)?;
        let (uid, gid, mtime) = (inode.uid, inode.gid, inode.mtime);
        let metadata = Metadata { mode: inode.mode & 0o7777, uid, gid, mtime, xattrs };
        Ok(Node { metadata, kind })
    }
}

impl Unpack {
    fn content(&self, inode: &Inode, budget: &Budget) -> Result<Content, ReadError> {
        let runs = blocks::extents(&self.image, inode, budget)?;
        self.section.sparse(inode.size, &runs).ok_or(ReadError::Inode(inode.number.into()))
    }

    fn target(&self, inode: &Inode, budget: &Budget) -> Result<Vec<u8>, ReadError> {
        if let Some(target) = inode.fast_target() {
            return Ok(target.into());
        }
        if inode.size > TARGET_MAX as u64 {
            return Err(ReadError::Inode(inode.number.into()));
        }
        let content = self.content(inode, budget)?;
        content.read().map_err(|_| ReadError::Inode(inode.number.into()))
    }
}

fn drop_lost_and_found(tree: &mut Tree) -> Result<(), ReadError> {
    let path = TreePath::new(LOST_AND_FOUND)?;
    let is_directory =
        matches!(tree.get(&path), Some(node) if matches!(node.kind, Kind::Directory));
    if is_directory && tree.below(&path).nth(1).is_none() {
        tree.remove(&path);
    }
    Ok(())
}
