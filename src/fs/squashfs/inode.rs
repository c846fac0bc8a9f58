//! Inodes: a head that all have, and a body for each kind, in a short form and in a long one
//! (`struct squashfs_*_inode`, `squashfs_l*_inode`).

use std::borrow::Cow;

use super::cursor::Cursor;
use super::directory::IndexEntry;
use super::fragment::BlockSize;
use super::metadata::Place;
use crate::fs::ReadError;
use crate::fs::link_target::TARGET_MAX;

/// A number that refers to nothing: no fragment, no attributes.
const NONE: u32 = u32::MAX;

/// What the number of a long form is above that of the short one.
const LONG: u16 = 7;

/// Directories count three bytes more than they have, for `.` and `..`.
pub(super) const DIRECTORY_EXTRA: u32 = 3;

/// An inode.
#[derive(Debug)]
pub(super) struct Inode<'a> {
    /// Permission, setuid, setgid and sticky bits.
    pub(super) mode: u16,
    /// The owner's number in the table of ids.
    pub(super) uid: u16,
    /// The group's.
    pub(super) gid: u16,
    /// Seconds since 1970.
    pub(super) mtime: u32,
    /// Its number, from 1.
    pub(super) number: u32,
    /// How many names it has; of a directory, its own two and those of its subdirectories.
    pub(super) links: u32,
    /// The number of its attributes.
    pub(super) xattrs: Option<u32>,
    /// What it is.
    pub(super) body: Body<'a>,
}

/// What an inode is.
#[derive(Debug)]
pub(super) enum Body<'a> {
    /// A directory.
    Directory(Directory),
    /// A regular file.
    File(File<'a>),
    /// A symbolic link.
    Symlink(Cow<'a, [u8]>),
    /// A block device.
    BlockDevice(u32),
    /// A character device.
    CharDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// Where a directory's entries are.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Packed offset of their first block in the table of directories.
    pub(super) start: u32,
    /// Offset in that block.
    pub(super) offset: u16,
    /// Their length with [`DIRECTORY_EXTRA`].
    pub(super) len: u32,
    /// The number of the inode above; of the root, a number that no inode has.
    pub(super) parent: u32,
    /// Where names are found faster, in a long directory.
    pub(super) index: Vec<IndexEntry>,
}

/// Where a file's bytes are.
#[derive(Debug, Clone, Default)]
pub(super) struct File<'a> {
    /// Offset of the first block in the image.
    pub(super) start: u64,
    /// Bytes of the file.
    pub(super) len: u64,
    /// Bytes of blocks that are not stored because they are zero.
    pub(super) sparse: u64,
    /// The number of a fragment block that holds the end of the file, and an offset in it.
    pub(super) fragment: Option<(u32, u32)>,
    /// The packed size of each block.
    pub(super) blocks: &'a [BlockSize],
}

impl Body<'_> {
    /// The number of the kind, as directory entries have it.
    pub(super) fn kind(&self) -> u16 {
        match self {
            Body::Directory(_) => 1,
            Body::File(_) => 2,
            Body::Symlink(_) => 3,
            Body::BlockDevice(_) => 4,
            Body::CharDevice(_) => 5,
            Body::Fifo => 6,
            Body::Socket => 7,
        }
    }
}

impl Inode<'_> {
    /// Its bytes, in the short form where that has room for it.
    pub(super) fn encode(&self) -> Vec<u8> {
        let long = self.is_long();
        let kind = self.body.kind() + if long { LONG } else { 0 };
        let mut bytes = Vec::with_capacity(64);
        for field in [kind, self.mode, self.uid, self.gid] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(self.mtime.to_le_bytes());
        bytes.extend(self.number.to_le_bytes());
        match &self.body {
            Body::Directory(directory) if long => self.long_directory(directory, &mut bytes),
            Body::Directory(directory) => self.short_directory(directory, &mut bytes),
            Body::File(file) if long => self.long_file(file, &mut bytes),
            Body::File(file) => short_file(file, &mut bytes),
            other => {
                bytes.extend(self.links.to_le_bytes());
                match other {
                    Body::Symlink(target) => {
                        bytes.extend((target.len() as u32).to_le_bytes());
                        bytes.extend_from_slice(target);
                    }
                    Body::BlockDevice(number) | Body::CharDevice(number) => {
                        bytes.extend(number.to_le_bytes());
                    }
                    _ => {}
                }
                if long {
                    bytes.extend(self.xattrs.unwrap_or(NONE).to_le_bytes());
                }
            }
        }
        bytes
    }

    fn is_long(&self) -> bool {
        self.xattrs.is_some()
            || match &self.body {
                Body::Directory(d) => d.len > u32::from(u16::MAX) || !d.index.is_empty(),
                Body::File(file) => {
                    let far = file.start.max(file.len) > u64::from(u32::MAX);
                    far || self.links > 1 || file.sparse > 0
                }
                _ => false,
            }
    }

    fn short_directory(&self, directory: &Directory, bytes: &mut Vec<u8>) {
        bytes.extend(directory.start.to_le_bytes());
        bytes.extend(self.links.to_le_bytes());
        bytes.extend((directory.len as u16).to_le_bytes());
        bytes.extend(directory.offset.to_le_bytes());
        bytes.extend(directory.parent.to_le_bytes());
    }

    fn long_directory(&self, directory: &Directory, bytes: &mut Vec<u8>) {
        for field in [self.links, directory.len, directory.start, directory.parent] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend((directory.index.len() as u16).to_le_bytes());
        bytes.extend(directory.offset.to_le_bytes());
        bytes.extend(self.xattrs.unwrap_or(NONE).to_le_bytes());
        directory.index.iter().for_each(|entry| bytes.extend(entry.encode()));
    }

    fn long_file(&self, file: &File<'_>, bytes: &mut Vec<u8>) {
        for field in [file.start, file.len, file.sparse] {
            bytes.extend(field.to_le_bytes());
        }
        let (fragment, offset) = file.fragment.unwrap_or((NONE, 0));
        for field in [self.links, fragment, offset, self.xattrs.unwrap_or(NONE)] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend(file.blocks.iter().flat_map(|size| size.0.to_le_bytes()));
    }
}

fn short_file(file: &File<'_>, bytes: &mut Vec<u8>) {
    let (fragment, offset) = file.fragment.unwrap_or((NONE, 0));
    for field in [file.start as u32, fragment, offset, file.len as u32] {
        bytes.extend(field.to_le_bytes());
    }
    bytes.extend(file.blocks.iter().flat_map(|size| size.0.to_le_bytes()));
}

impl Inode<'static> {
    /// Reads the inode that a cursor is at, and leaves it at what follows: a file's list of blocks, a
    /// directory's index.
    ///
    /// # Errors
    /// Where it is damaged or unreadable.
    pub(super) fn decode(cursor: &mut Cursor<'_>, place: Place) -> Result<Self, ReadError> {
        let [kind, mode, uid, gid] = [cursor.u16()?, cursor.u16()?, cursor.u16()?, cursor.u16()?];
        let (mtime, number) = (cursor.u32()?, cursor.u32()?);
        let (links, xattrs, body) = match kind {
            1 => {
                let (start, links, len) = (cursor.u32()?, cursor.u32()?, cursor.u16()?.into());
                let (offset, parent) = (cursor.u16()?, cursor.u32()?);
                (links, NONE, directory(start, offset, len, parent))
            }
            8 => {
                let (links, len, start) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
                let (parent, _index, offset) = (cursor.u32()?, cursor.u16()?, cursor.u16()?);
                (links, cursor.u32()?, directory(start, offset, len, parent))
            }
            2 => {
                let (start, fragment, offset) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
                let len = cursor.u32()?.into();
                (1, NONE, file(start.into(), len, 0, (fragment, offset)))
            }
            9 => {
                let (start, len, sparse) = (cursor.u64()?, cursor.u64()?, cursor.u64()?);
                let (links, fragment, offset) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
                (links, cursor.u32()?, file(start, len, sparse, (fragment, offset)))
            }
            3..=7 | 10..=14 => {
                let links = cursor.u32()?;
                let damaged = || ReadError::Inode(place.reference());
                let body = other(kind, cursor)?.ok_or_else(damaged)?;
                (links, if kind > LONG { cursor.u32()? } else { NONE }, body)
            }
            _ => return Err(ReadError::Inode(place.reference())),
        };
        let xattrs = Some(xattrs).filter(|&xattrs| xattrs != NONE);
        Ok(Inode { mode: mode & 0o7777, uid, gid, mtime, number, links, xattrs, body })
    }
}

fn directory(start: u32, offset: u16, len: u32, parent: u32) -> Body<'static> {
    Body::Directory(Directory { start, offset, len, parent, index: Vec::new() })
}

fn file(start: u64, len: u64, sparse: u64, (fragment, offset): (u32, u32)) -> Body<'static> {
    let fragment = (fragment != NONE).then_some((fragment, offset));
    Body::File(File { start, len, sparse, fragment, blocks: &[] })
}

/// What has no more than a target or a number; `None` where the target is too long.
fn other(kind: u16, cursor: &mut Cursor<'_>) -> Result<Option<Body<'static>>, ReadError> {
    Ok(Some(match kind % LONG {
        3 => match cursor.u32()? as usize {
            len @ ..=TARGET_MAX => Body::Symlink(cursor.take(len)?.into()),
            _ => return Ok(None),
        },
        4 => Body::BlockDevice(cursor.u32()?),
        5 => Body::CharDevice(cursor.u32()?),
        6 => Body::Fifo,
        _ => Body::Socket,
    }))
}
