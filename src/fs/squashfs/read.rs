//! Reads an image: its directories, and all of it as a tree whose contents stay packed until they are
//! read. Nothing that the image states is trusted: what goes round, leaves the image or unpacks to more
//! than it may is an error. Left out: lzo and lzma.

use std::io::{Error as IoError, ErrorKind, Read};
use std::sync::Arc;

use super::cursor::Cursor;
use super::directory::{self, Named};
use super::error::ReadError;
use super::file::StoredFile;
use super::image::Image;
use super::inode::{Body, Inode};
use super::metadata::Place;
use super::xattr;
use crate::error::Result;
use crate::fs::budget::Budget;
use crate::fs::device;
use crate::fs::{Entry, EntryKind, Owner};
use crate::tree::{Content, Kind, Metadata, Node, Source, Time, TreePath};
use crate::volume::Window;

/// An image that was opened.
#[derive(Debug, Clone)]
pub struct Squashfs {
    pub(super) image: Arc<Image>,
}

/// An inode that was read.
pub(super) struct Found {
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
        let found = self.find(path)?.filter(Found::is_directory);
        let found = found.ok_or_else(|| IoError::from(ErrorKind::NotADirectory))?;
        let names = self.names(&found, &Budget::new(self.image.len()))?.into_iter();
        Ok(names.map(|named| self.described(named)).collect::<Result<_, _>>()?)
    }

    /// What is at a path, which is not followed where it is a symlink; `None` where nothing is.
    ///
    /// # Errors
    /// Where the image is damaged or unreadable.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>> {
        let found = self.find(path)?;
        let named = |found: Found| Named { name: path.name().into(), inode: found.place };
        Ok(found.map(|found| self.described(named(found))).transpose()?)
    }

    /// The first bytes of a file, at most `max`.
    ///
    /// # Errors
    /// Where there is no such file, or the image is damaged or unreadable.
    pub fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>> {
        let found = self.find(path)?.ok_or_else(|| IoError::from(ErrorKind::NotFound))?;
        let Kind::File(content) = self.kind(path, &found)? else {
            return Err(IoError::from(ErrorKind::InvalidInput).into());
        };
        let mut bytes = Vec::new();
        content.open()?.take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// All of it; files are unpacked when they are read.
    ///
    /// # Errors
    /// Where the image is damaged or unreadable, or holds more than its length can account for.
    pub fn tree(&self) -> Result<Source> {
        Ok(super::walk::tree(self)?)
    }

    /// The inode at a path.
    fn find(&self, path: &TreePath) -> Result<Option<Found>, ReadError> {
        let mut found = self.root()?;
        for name in path.components() {
            if !found.is_directory() {
                return Ok(None);
            }
            let names = self.names(&found, &Budget::new(self.image.len()))?;
            let Some(named) = names.into_iter().find(|named| named.name == name) else {
                return Ok(None);
            };
            found = self.inode(named.inode)?;
        }
        Ok(Some(found))
    }

    /// The root directory.
    pub(super) fn root(&self) -> Result<Found, ReadError> {
        let root = self.inode(Place::from_reference(self.image.superblock.root))?;
        match root.is_directory() {
            true => Ok(root),
            false => Err(ReadError::Directory(root.place.reference())),
        }
    }

    /// The inode at a place.
    pub(super) fn inode(&self, place: Place) -> Result<Found, ReadError> {
        let mut cursor = Cursor::new(&self.image, self.image.superblock.inode_table, place)?;
        let inode = Inode::decode(&mut cursor, place)?;
        Ok(Found { place, inode, list: cursor.place() })
    }

    /// The names in a directory, sorted.
    pub(super) fn names(&self, found: &Found, budget: &Budget) -> Result<Vec<Named>, ReadError> {
        match &found.inode.body {
            Body::Directory(directory) => {
                directory::read(&self.image, directory, found.place, budget)
            }
            _ => Err(ReadError::Directory(found.place.reference())),
        }
    }

    fn described(&self, named: Named) -> Result<Entry, ReadError> {
        let Found { inode, place, .. } = self.inode(named.inode)?;
        let (kind, size) = match inode.body {
            Body::Directory(_) => (EntryKind::Directory, 0),
            Body::File(file) => (EntryKind::File, file.len),
            Body::Symlink(target) => (EntryKind::Symlink(target.into_owned()), 0),
            Body::BlockDevice(_) => (EntryKind::Special("block device"), 0),
            Body::CharDevice(_) => (EntryKind::Special("character device"), 0),
            Body::Fifo => (EntryKind::Special("fifo"), 0),
            Body::Socket => (EntryKind::Special("socket"), 0),
        };
        let (uid, gid) = self.owner(inode.uid, inode.gid, place)?;
        Ok(Entry {
            name: named.name,
            kind,
            size,
            owner: Some(Owner { mode: inode.mode, uid, gid }),
        })
    }

    fn owner(&self, uid: u16, gid: u16, place: Place) -> Result<(u32, u32), ReadError> {
        let owner = self.image.id(uid).zip(self.image.id(gid));
        owner.ok_or(ReadError::Inode(place.reference()))
    }

    /// An inode as a node of a tree.
    pub(super) fn node(&self, path: &TreePath, found: &Found) -> Result<Node, ReadError> {
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

impl Found {
    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        matches!(self.inode.body, Body::Directory(_))
    }
}
