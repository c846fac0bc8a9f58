//! An inode's fields.
//!
//! Reference: kernel Documentation/filesystems/ext4/inodes.rst.

use std::ops::Range;

use crate::bytes::{le16, le32};
use crate::fs::ext4::inode::{EXTENTS_FLAG, FAST_LINK_MAX};
use crate::tree::Time;

/// What every inode has; more is there where `i_extra_isize` says so.
const BASE_SIZE: usize = 128;
/// `i_block`
const MAP: Range<usize> = 40..100;

/// An inode that was read.
pub(super) struct Inode {
    /// Its number, from 1.
    pub(super) number: u32,
    /// `st_mode`.
    pub(super) mode: u16,
    /// Owner.
    pub(super) uid: u32,
    /// Group.
    pub(super) gid: u32,
    /// Modification time.
    pub(super) mtime: Time,
    /// How many names it has.
    pub(super) links: u16,
    /// Bytes of a file, directory or link.
    pub(super) size: u64,
    /// The block of its attributes; 0 for none.
    pub(super) attributes: u64,
    flags: u32,
    bytes: Vec<u8>,
}

impl Inode {
    /// Reads its fields; `None` where there are too few bytes.
    pub(super) fn decode(number: u32, bytes: Vec<u8>) -> Option<Self> {
        if bytes.len() < BASE_SIZE {
            return None;
        }
        let u16_at = |at| u32::from(le16(&bytes, at).unwrap_or(0));
        let u32_at = |at| le32(&bytes, at).unwrap_or(0);
        let both = |low: usize, high: u32| u64::from(u32_at(low)) | u64::from(high) << 32;
        let mut inode = Inode {
            number,
            mode: u16_at(0) as u16,
            uid: u16_at(2) | u16_at(120) << 16,
            gid: u16_at(24) | u16_at(122) << 16,
            mtime: Time::from_seconds(i64::from(u32_at(16) as i32)),
            links: u16_at(26) as u16,
            size: both(4, u32_at(108)),
            attributes: both(104, u16_at(118)),
            flags: u32_at(32),
            bytes: Vec::new(),
        };
        if !matches!(inode.mode & 0o170_000, 0o040_000 | 0o100_000) {
            // `i_size_high` is only a file's and a directory's.
            inode.size = u32_at(4).into();
        }
        // `i_mtime_extra`: two more bits of the seconds, then nanoseconds.
        if inode_extra(&bytes) >= 12 {
            let extra = u32_at(136);
            inode.mtime.seconds += i64::from(extra & 3) << 32;
            inode.mtime.nanoseconds = (extra >> 2).min(999_999_999);
        }
        inode.bytes = bytes;
        Some(inode)
    }

    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Whether its map is a tree of extents.
    pub(super) fn has_extents(&self) -> bool {
        self.flags & EXTENTS_FLAG != 0
    }

    /// `i_block`.
    pub(super) fn map(&self) -> &[u8] {
        self.bytes.get(MAP).unwrap_or_default()
    }

    /// The number of a device, whichever of its two forms it has.
    pub(super) fn device(&self) -> u32 {
        match le32(self.map(), 0) {
            Some(old) if old != 0 => old & 0xffff,
            _ => le32(self.map(), 4).unwrap_or(0),
        }
    }

    /// The target of a link that has room in the map.
    pub(super) fn fast_target(&self) -> Option<&[u8]> {
        let is_fast = self.size <= FAST_LINK_MAX as u64 && !self.has_extents();
        self.map().get(..self.size as usize).filter(|_| is_fast)
    }

    /// What follows its fields: room for attributes.
    pub(super) fn tail(&self) -> &[u8] {
        self.bytes.get(BASE_SIZE + inode_extra(&self.bytes)..).unwrap_or_default()
    }
}

/// `i_extra_isize`; 0 for an inode that ends before it.
fn inode_extra(bytes: &[u8]) -> usize {
    le16(bytes, BASE_SIZE).unwrap_or(0).into()
}
