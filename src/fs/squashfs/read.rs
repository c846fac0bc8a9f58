//! Reads an image: its directories, and all of it as a tree whose contents stay packed until they are
//! read. Nothing that the image states is trusted: what goes round, leaves the image or unpacks to more
//! than it may is an error. Left out: lzo and lzma.

use std::sync::Arc;

use super::cursor::Cursor;
use super::directory;
use super::file::StoredFile;
use super::image::Image;
use super::inode::{Body, Inode};
use super::metadata::Place;
use super::xattr;
use crate::error::Result;
use crate::fs::Entry;
use crate::fs::ReadError;
use crate::fs::budget::Budget;
use crate::fs::device;
use crate::fs::walk::{self, Inodes};
use crate::tree::{Content, Kind, Metadata, Node, Source, Time, TreePath};
use crate::volume::Window;

/// An image that was opened.
#[derive(Debug, Clone)]
pub struct Squashfs {
    pub(super) image: Arc<Image>,
}

/// An inode that was read.
pub(in crate::fs) struct Found {
    /// Where it is.
    pub(super) place: Place,
    /// What it says.
    pub(super) inode: Inode<'static>,
    /// What follows it: the blocks of a file.
    list: Place,
}

impl Squashfs {
    /// Reads the superblock and the owners.
    ///
    /// # Errors
    /// Where they are damaged or unreadable, or the compressor is none that is read.
    pub fn open(window: &Window) -> Result<Self> {
        Ok(Squashfs { image: Arc::new(Image::open(window)?) })
    }

    /// What a directory holds, without `.` and `..`.
    ///
    /// # Errors
    /// Where the path is no directory, or the image is damaged or unreadable.
    pub fn list(&self, path: &TreePath) -> Result<Vec<Entry>> {
        walk::list(self, path)
    }

    /// What is at a path, which is not followed where it is a symlink; `None` where nothing is.
    ///
    /// # Errors
    /// Where the image is damaged or unreadable.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>> {
        walk::entry(self, path)
    }

    /// The first bytes of a file, at most `max`.
    ///
    /// # Errors
    /// Where there is no such file, or the image is damaged or unreadable.
    pub fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>> {
        walk::read(self, path, max)
    }

    /// All of it; files are unpacked when they are read.
    ///
    /// # Errors
    /// Where the image is damaged or unreadable, or holds more than its length can account for.
    pub fn tree(&self) -> Result<Source> {
        Ok(walk::tree(self)?)
    }

    fn owner(&self, uid: u16, gid: u16, place: Place) -> Result<(u32, u32), ReadError> {
        let owner = self.image.id(uid).zip(self.image.id(gid));
        owner.ok_or(ReadError::Inode(place.reference()))
    }

    fn kind(&self, path: &TreePath, found: &Found) -> Result<Kind, ReadError> {
        Ok(match &found.inode.body {
            Body::Directory(_) => Kind::Directory,
            Body::File(file) => {
                let (image, list, path) = (Arc::clone(&self.image), found.list, path.to_string());
                let file = file.clone();
                Kind::File(Content::Stored(Arc::new(StoredFile { image, file, list, path })))
            }
            Body::Symlink(target) => Kind::Symlink(target.to_vec()),
            Body::BlockDevice(number) => {
                let (major, minor) = device::decode(*number);
                Kind::BlockDevice { major, minor }
            }
            Body::CharDevice(number) => {
                let (major, minor) = device::decode(*number);
                Kind::CharDevice { major, minor }
            }
            Body::Fifo => Kind::Fifo,
            Body::Socket => Kind::Socket,
        })
    }
}

impl Inodes for Squashfs {
    type Inode = Found;

    fn len(&self) -> u64 {
        self.image.len()
    }

    fn root(&self) -> u64 {
        self.image.superblock.root
    }

    fn inode(&self, reference: u64) -> Result<Found, ReadError> {
        let place = Place::from_reference(reference);
        let mut cursor = Cursor::new(&self.image, self.image.superblock.inode_table, place)?;
        let inode = Inode::decode(&mut cursor, place)?;
        Ok(Found { place, inode, list: cursor.place() })
    }

    fn is_directory(found: &Found) -> bool {
        matches!(found.inode.body, Body::Directory(_))
    }

    fn links(found: &Found) -> u32 {
        found.inode.links
    }

    fn names(
        &self,
        reference: u64,
        found: &Found,
        budget: &Budget,
    ) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
        match &found.inode.body {
            Body::Directory(directory) => {
                directory::read(&self.image, directory, found.place, budget)
            }
            _ => Err(ReadError::Directory(reference)),
        }
    }

    fn node(&self, path: &TreePath, _: u64, found: &Found, _: &Budget) -> Result<Node, ReadError> {
        let inode = &found.inode;
        let (uid, gid) = self.owner(inode.uid, inode.gid, found.place)?;
        let xattrs = match inode.xattrs {
            Some(index) => xattr::read(&self.image, index)?,
            None => xattr::Set::new(),
        };
        let mtime = Time::from_seconds(inode.mtime.into());
        let metadata = Metadata { mode: inode.mode, uid, gid, mtime, xattrs };
        Ok(Node { metadata, kind: self.kind(path, found)? })
    }
}
