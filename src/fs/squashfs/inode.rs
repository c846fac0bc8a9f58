//! Inodes: a head that all have, and a body for each kind, in a short form and in a long one
//! (`struct squashfs_*_inode`, `squashfs_l*_inode`).

use super::directory::IndexEntry;
use super::fragment::BlockSize;

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
    Symlink(&'a [u8]),
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
