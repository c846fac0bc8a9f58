//! Reads ext2, ext3 and ext4 through the `ext4-view` crate, which replays the journal in memory and is
//! written against damaged filesystems.
//!
//! Left out: extended attributes, times, device numbers; [`Ext4::tree`] has them. Checksums of
//! inodes and directories.

use std::error::Error as StdError;

use ext4_view::{Ext4Error, Ext4Read, FileType};

use super::superblock::SUPERBLOCK_SIZE;
use super::unpack;
use crate::bytes::le32;
use crate::error::{Error, Result, shown_bytes};
use crate::fs::link_target::TARGET_MAX;
use crate::fs::{Entry, EntryKind, Owner, ReadError};
use crate::size::Size;
use crate::tree::{self, TreePath};
use crate::volume::Window;

/// The most entries of a directory that are listed.
const ENTRIES_MAX: usize = 1 << 20;

/// A group descriptor has at least so many bytes.
const DESCRIPTOR_SIZE: u64 = 32;

/// Blocks are at most so many powers of two larger than 1 KiB: 64 KiB (the kernel's
/// `EXT4_MAX_BLOCK_LOG_SIZE`).
const BLOCK_LOG_MAX: u64 = 6;

/// How much is read at once.
const CHUNK: usize = 1 << 20;

/// A filesystem that was opened.
#[derive(Debug, Clone)]
pub struct Ext4 {
    inner: ext4_view::Ext4,
    window: Window,
}

/// Where the superblock says that metadata have checksums: the byte of the window, and the bit in it
/// (`RO_COMPAT_METADATA_CSUM` of `s_feature_ro_compat`).
const CHECKSUMS: (u64, u8) = (1024 + 0x65, 0x04);

/// A window as the crate wants to read.
struct Source {
    window: Window,
    /// Whether it may know that metadata have checksums.
    has_checksums: bool,
}

impl Ext4Read for Source {
    fn read(
        &mut self,
        start: u64,
        buffer: &mut [u8],
    ) -> std::result::Result<(), Box<dyn StdError + Send + Sync + 'static>> {
        self.window.read_exact_at(buffer, start)?;
        let (place, bit) = CHECKSUMS;
        let byte =
            place.checked_sub(start).and_then(|at| buffer.get_mut(usize::try_from(at).ok()?));
        if let Some(byte) = byte.filter(|_| !self.has_checksums) {
            *byte &= !bit;
        }
        Ok(())
    }
}

/// What the superblock claims, of what ext4-view takes memory for before it reads any: blocks, some of
/// which it keeps, are as large as a filesystem can have, and there is room for the descriptors of all
/// groups.
fn check_claims(window: &Window) -> Result<()> {
    let superblock = window.bytes(SUPERBLOCK_SIZE as u64, SUPERBLOCK_SIZE)?;
    let field = |at| u64::from(le32(&superblock, at).unwrap_or_default());
    if field(0x18) > BLOCK_LOG_MAX {
        return Err(ReadError::Superblock("blocks larger than 64 KiB").into());
    }
    // ext4-view counts the upper half also where the filesystem has none.
    let (blocks, blocks_per_group) = (field(0x150) << 32 | field(0x04), field(0x20).max(1));
    match blocks / blocks_per_group > window.len() / DESCRIPTOR_SIZE {
        true => Err(ReadError::Superblock("more groups than there is room for").into()),
        false => Ok(()),
    }
}

impl Ext4 {
    /// Reads superblock, group descriptors and journal.
    ///
    /// # Errors
    /// Where they are damaged, unreadable, or of features that are not read.
    pub fn open(window: &Window) -> Result<Self> {
        let load = |has_checksums| {
            ext4_view::Ext4::load(Box::new(Source { window: window.clone(), has_checksums }))
        };
        check_claims(window)?;
        load(true)?;
        // Of a directory, version 1.0.0 takes from the block itself how much of it has a checksum, and
        // panics where that is damaged.
        let inner = load(false)?;
        Ok(Ext4 { inner, window: window.clone() })
    }

    /// All of it as a tree; files stay where they are until they are read.
    ///
    /// # Errors
    /// Where it is damaged or unreadable, or [`crate::fs::ReadError`] says why it is not read.
    pub fn tree(&self) -> Result<tree::Source> {
        unpack::tree(&self.window)
    }

    /// What a directory holds, in its own order, without `.` and `..`.
    ///
    /// # Errors
    /// Where the path is no directory, or the filesystem is damaged or unreadable.
    pub fn list(&self, path: &TreePath) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in self.inner.read_dir(&absolute(path)[..])?.take(ENTRIES_MAX) {
            let entry = entry?;
            let name = entry.file_name().as_ref().to_vec();
            if ![&b"."[..], b".."].contains(&&name[..]) {
                entries.extend(self.entry(&path.join(&name)?)?);
            }
        }
        Ok(entries)
    }

    /// What is at a path, which is not followed where it is a symlink; `None` where nothing is.
    ///
    /// # Errors
    /// Where the filesystem is damaged or unreadable.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>> {
        let full = absolute(path);
        let metadata = match self.inner.symlink_metadata(&full[..]) {
            Ok(metadata) => metadata,
            Err(Ext4Error::NotFound | Ext4Error::NotADirectory) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let kind = match metadata.file_type() {
            FileType::Regular => EntryKind::File,
            FileType::Directory => EntryKind::Directory,
            // ext4-view takes as much memory as the link says that it needs.
            FileType::Symlink if metadata.len() > TARGET_MAX as u64 => {
                let (path, size) = (shown_bytes(path.as_bytes()), Size(metadata.len()));
                return Err(Error::new(format!("the symlink /{path} says that it has {size}")));
            }
            FileType::Symlink => {
                EntryKind::Symlink(self.inner.read_link(&full[..])?.as_ref().to_vec())
            }
            FileType::BlockDevice => EntryKind::Special("block device"),
            FileType::CharacterDevice => EntryKind::Special("character device"),
            FileType::Fifo => EntryKind::Special("fifo"),
            FileType::Socket => EntryKind::Special("socket"),
        };
        let size = if kind == EntryKind::File { metadata.len() } else { 0 };
        let (uid, gid) = (metadata.uid(), metadata.gid());
        let owner = Some(Owner { mode: metadata.mode() & 0o7777, uid, gid });
        Ok(Some(Entry { name: path.name().into(), kind, size, owner }))
    }

    /// The first bytes of a file, at most `max`.
    ///
    /// # Errors
    /// Where there is no such file, or the filesystem is damaged or unreadable.
    pub fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>> {
        let mut file = self.inner.open(&absolute(path)[..])?;
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; CHUNK.min(max as usize)]);
        loop {
            let wanted = (max - bytes.len() as u64).min(chunk.len() as u64) as usize;
            match file.read_bytes(&mut chunk[..wanted])? {
                0 => return Ok(bytes),
                n => bytes.extend_from_slice(&chunk[..n]),
            }
        }
    }
}

/// A path as the crate wants it.
fn absolute(path: &TreePath) -> Vec<u8> {
    [b"/", path.as_bytes()].concat()
}
