//! What a reader of any filesystem says about one name in a directory.

use crate::tree::{Kind, Node};

/// A name in a directory and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name alone; empty for the root directory.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Bytes of a file.
    pub size: u64,
    /// Permissions and owner, where the filesystem has them.
    pub owner: Option<Owner>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Symlink(Vec<u8>),
    /// A device, fifo or socket, by its name in messages.
    Special(&'static str),
}

/// Permissions and owner of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner {
    /// Permission, setuid, setgid and sticky bits.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
}

impl Entry {
    /// An entry of a filesystem without owners.
    pub fn new(name: Vec<u8>, kind: EntryKind, size: u64) -> Self {
        Entry { name, kind, size, owner: None }
    }

    /// A node of a tree under a name.
    pub(super) fn of(name: Vec<u8>, node: &Node) -> Self {
        let kind = match &node.kind {
            Kind::Directory => EntryKind::Directory,
            Kind::File(_) => EntryKind::File,
            Kind::Symlink(target) => EntryKind::Symlink(target.clone()),
            other => EntryKind::Special(other.name()),
        };
        let size = match &node.kind {
            Kind::File(content) => content.len(),
            _ => 0,
        };
        let metadata = &node.metadata;
        let owner = Owner { mode: metadata.mode, uid: metadata.uid, gid: metadata.gid };
        Entry { name, kind, size, owner: Some(owner) }
    }

    /// Whether it is a regular file.
    pub fn is_file(&self) -> bool {
        self.kind == EntryKind::File
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.kind == EntryKind::Directory
    }
}
