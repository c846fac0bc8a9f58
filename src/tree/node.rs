//! What an entry of a tree is: its kind, and the metadata that every kind has.

use std::collections::BTreeMap;
use std::fmt;

use super::content::Content;

/// A file, directory, link or device with its metadata.
#[derive(Debug, Clone)]
pub struct Node {
    /// Owner, mode, time, extended attributes.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
}

/// What an entry can be.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A directory; its entries are other paths of the tree.
    Directory,
    /// A regular file.
    File(Content),
    /// A symbolic link with its target, which is kept as it is.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The kind as a word in a message.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Directory => "directory",
            Kind::File(_) => "file",
            Kind::Symlink(_) => "symlink",
            Kind::CharDevice { .. } => "character device",
            Kind::BlockDevice { .. } => "block device",
            Kind::Fifo => "fifo",
            Kind::Socket => "socket",
        }
    }

    /// Whether both are of one kind with the same target or device; contents of files are not read.
    pub fn is_same_but_for_content(&self, other: &Kind) -> bool {
        match (self, other) {
            (Kind::Symlink(a), Kind::Symlink(b)) => a == b,
            (
                Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor },
                Kind::CharDevice { major: m, minor: n } | Kind::BlockDevice { major: m, minor: n },
            ) => self.format_bits() == other.format_bits() && (major, minor) == (m, n),
            _ => self.format_bits() == other.format_bits(),
        }
    }

    /// The bytes of a file, 0 of all else.
    pub fn content_len(&self) -> u64 {
        match self {
            Kind::File(content) => content.len(),
            _ => 0,
        }
    }

    /// The `S_IFMT` bits of `st_mode` (POSIX `sys/stat.h`).
    pub fn format_bits(&self) -> u16 {
        match self {
            Kind::Fifo => 0o010_000,
            Kind::CharDevice { .. } => 0o020_000,
            Kind::Directory => 0o040_000,
            Kind::BlockDevice { .. } => 0o060_000,
            Kind::File(_) => 0o100_000,
            Kind::Symlink(_) => 0o120_000,
            Kind::Socket => 0o140_000,
        }
    }
}

/// What every kind of node has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metadata {
    /// Permission, setuid, setgid and sticky bits: 0 to 0o7777.
    pub mode: u16,
    /// Owner; 0 is root.
    pub uid: u32,
    /// Group; 0 is root.
    pub gid: u32,
    /// Modification time.
    pub mtime: Time,
    /// Extended attributes by full name ("security.capability"), sorted.
    pub xattrs: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Metadata {
    /// Owned by root, without extended attributes.
    pub fn new(mode: u16, mtime: Time) -> Self {
        Metadata { mode, uid: 0, gid: 0, mtime, xattrs: BTreeMap::new() }
    }
}

/// Seconds since 1970-01-01 UTC and nanoseconds within the second (0 to 999,999,999).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds within the second.
    pub nanoseconds: u32,
}

impl Time {
    /// 1970-01-01 00:00:00 UTC.
    pub const EPOCH: Time = Time::from_seconds(0);

    /// A whole second.
    pub const fn from_seconds(seconds: i64) -> Self {
        Time { seconds, nanoseconds: 0 }
    }
}

impl fmt::Display for Time {
    /// Decimal seconds since 1970, as pax writes them: `12.5`, `-1.25`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, seconds, nanoseconds) = match (self.seconds, self.nanoseconds) {
            (s, 0) => return write!(f, "{s}"),
            (s @ 0.., n) => ("", s.unsigned_abs(), n),
            (s, n) => ("-", s.unsigned_abs() - 1, 1_000_000_000 - n),
        };
        let fraction = format!("{nanoseconds:09}");
        write!(f, "{sign}{seconds}.{}", fraction.trim_end_matches('0'))
    }
}

impl Node {
    /// A regular file owned by root.
    pub fn file(mode: u16, mtime: Time, content: Content) -> Self {
        Node { metadata: Metadata::new(mode, mtime), kind: Kind::File(content) }
    }

    /// A directory owned by root.
    pub fn directory(mode: u16, mtime: Time) -> Self {
        Node { metadata: Metadata::new(mode, mtime), kind: Kind::Directory }
    }

    /// A symbolic link owned by root; its mode is 0777, as Linux gives it.
    pub fn symlink(target: impl Into<Vec<u8>>, mtime: Time) -> Self {
        Node { metadata: Metadata::new(0o777, mtime), kind: Kind::Symlink(target.into()) }
    }

    /// A character device owned by root.
    pub fn char_device(mode: u16, mtime: Time, major: u32, minor: u32) -> Self {
        Node { metadata: Metadata::new(mode, mtime), kind: Kind::CharDevice { major, minor } }
    }

    /// `st_mode`: kind and permission bits.
    pub fn st_mode(&self) -> u16 {
        self.kind.format_bits() | self.metadata.mode
    }
}
