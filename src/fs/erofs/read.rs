//! Reads an image: its directories, and all of it as a tree whose files stay in it until they are read.
//! Nothing that the image states is trusted. Left out: what is packed, whose files are listed and cannot
//! be read.

use std::sync::Arc;

use super::directory;
use super::image::Image;
use super::inode::{Inode, Layout};
use crate::error::Result;
use crate::fs::ReadError;
use crate::fs::budget::Budget;
use crate::fs::link_target::TARGET_MAX;
use crate::fs::walk::{self, Inodes};
use crate::fs::{Entry, device};
use crate::tree::{Content, Kind, Metadata, Node, ReadAt, Section, Source, Stored, Time, TreePath};
use crate::volume::Window;

/// An image that was opened.
#[derive(Debug, Clone)]
pub struct Erofs {
    image: Image,
    section: Section,
}

impl Erofs {
    /// Reads the superblock.
    ///
    /// # Errors
    /// Where it is damaged or unreadable, or asks for features that are not read.
    pub fn open(window: &Window) -> Result<Self> {
        let image = Image::open(window)?;
        let section = Section::window(image.window.clone(), "the erofs image");
        Ok(Erofs { image, section })
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

    /// All of it; files stay where they are until they are read.
    ///
    /// # Errors
    /// Where the image is damaged or unreadable, or holds more than its length can account for.
    pub fn tree(&self) -> Result<Source> {
        Ok(walk::tree(self)?)
    }

    /// What an inode holds, as the content of a file.
    fn content(&self, number: u64, inode: &Inode, budget: &Budget) -> Result<Content, ReadError> {
        let extents = self.image.extents(number, inode, budget)?;
        self.section.sparse(inode.size, &extents).ok_or(ReadError::Data(number))
    }

    fn target(&self, number: u64, inode: &Inode, budget: &Budget) -> Result<Vec<u8>, ReadError> {
        if !(1..=TARGET_MAX as u64).contains(&inode.size) {
            return Err(ReadError::Inode(number));
        }
        self.content(number, inode, budget)?.read().map_err(|_| ReadError::Data(number))
    }

    fn kind(
        &self,
        path: &TreePath,
        number: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Kind, ReadError> {
        let (major, minor) = device::decode(inode.device);
        Ok(match inode.mode & 0o170_000 {
            0o010_000 => Kind::Fifo,
            0o020_000 => Kind::CharDevice { major, minor },
            0o040_000 => Kind::Directory,
            0o060_000 => Kind::BlockDevice { major, minor },
            0o100_000 if inode.layout == Layout::Packed => {
                let (path, size) = (path.to_string(), inode.size);
                Kind::File(Content::Stored(Arc::new(PackedFile { path, number, size })))
            }
            0o100_000 => Kind::File(self.content(number, inode, budget)?),
            0o120_000 => Kind::Symlink(self.target(number, inode, budget)?),
            0o140_000 => Kind::Socket,
            _ => return Err(ReadError::Inode(number)),
        })
    }
}

impl Inodes for Erofs {
    type Inode = Inode;

    fn len(&self) -> u64 {
        self.image.window.len()
    }

    fn root(&self) -> u64 {
        self.image.superblock.root
    }

    fn inode(&self, number: u64) -> Result<Inode, ReadError> {
        self.image.inode(number)
    }

    fn is_directory(inode: &Inode) -> bool {
        inode.is_directory()
    }

    fn links(inode: &Inode) -> u32 {
        inode.links
    }

    fn names(
        &self,
        number: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
        let damaged = |_| ReadError::Directory(number);
        let content = self.content(number, inode, budget)?;
        let reader = content.open().map_err(damaged)?;
        let mut block = vec![0; self.image.block_size() as usize];
        let mut names = Vec::new();
        for at in (0..inode.size).step_by(block.len()) {
            let len = reader.read_at(&mut block, at)?;
            let before = names.len();
            directory::decode(&block[..len], number, &mut names)?;
            let taken = |(name, _): &(Vec<u8>, u64)| size_of::<(Vec<u8>, u64)>() + name.len();
            budget.take(names[before..].iter().map(taken).sum())?;
        }
        Ok(names)
    }

    fn node(
        &self,
        path: &TreePath,
        number: u64,
        inode: &Inode,
        budget: &Budget,
    ) -> Result<Node, ReadError> {
        let (seconds, nanoseconds) = inode.mtime.unwrap_or(self.image.superblock.time);
        let metadata = Metadata {
            mode: inode.mode & 0o7777,
            uid: inode.uid,
            gid: inode.gid,
            mtime: Time { seconds, nanoseconds: nanoseconds.min(999_999_999) },
            xattrs: self.image.xattrs(number, inode)?,
        };
        Ok(Node { metadata, kind: self.kind(path, number, inode, budget)? })
    }
}

/// A file that is packed: it is there, and not read.
#[derive(Debug)]
struct PackedFile {
    path: String,
    number: u64,
    size: u64,
}

impl Stored for PackedFile {
    fn name(&self) -> String {
        format!("/{} of the erofs image", self.path)
    }

    fn size(&self) -> u64 {
        self.size
    }

    fn open(&self) -> Result<Box<dyn ReadAt + '_>> {
        let error = crate::error::Error::from(ReadError::Packed(self.number));
        Err(error.context(format!("reading {}", self.name())))
    }

    fn data_ranges(&self) -> Result<Vec<(u64, u64)>> {
        Ok(if self.size == 0 { Vec::new() } else { vec![(0, self.size)] })
    }
}
