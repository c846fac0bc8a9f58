//! Inodes: `struct erofs_inode_extended`, which are written, and `struct erofs_inode_compact`, which
//! have no times and few bits for owners and are only read.

use crate::bytes::{le16, le32, le64};
use crate::fs::ReadError;

/// An inode's number counts these from the start of the metadata.
pub(super) const SLOT: u64 = 32;

/// Bytes of an extended inode.
pub(super) const LEN: u64 = 64;

/// Bytes of a compact one.
const COMPACT_LEN: u64 = 32;

/// Bytes of the head of attributes (`struct erofs_xattr_ibody_header`).
const XATTR_HEAD: u64 = 12;

/// Of the map's field of a file in chunks: the size of chunks above that of blocks, as a logarithm.
const CHUNK_LOG: u32 = 0x1f;

/// Of the same: chunks have entries of 8 bytes (`struct erofs_inode_chunk_index`) and not of 4.
const CHUNK_INDEXES: u32 = 0x20;

/// Where an inode's data are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// In blocks from this one on.
    Plain(u32),
    /// The same, and what fills no block directly behind the inode.
    Inline(u32),
    /// In chunks, whose blocks are listed behind the inode.
    Chunks(Chunks),
    /// Packed, in one of two ways.
    Packed,
}

/// How a list of chunks is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunks {
    /// The size of a chunk above that of a block, as a binary logarithm.
    pub(super) log: u32,
    /// Whether entries have 8 bytes, the last four of which are the block.
    pub(super) indexes: bool,
}

/// An inode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::fs) struct Inode {
    /// Kind and permissions.
    pub(super) mode: u16,
    /// Bytes of its attributes, a multiple of four.
    pub(super) xattr_len: u64,
    /// Bytes of a file or directory, or of a link's target.
    pub(super) size: u64,
    /// Where they are.
    pub(super) layout: Layout,
    /// The number of a device.
    pub(super) device: u32,
    /// A number that is shown to programs.
    pub(super) number: u32,
    /// Owner.
    pub(super) uid: u32,
    /// Group.
    pub(super) gid: u32,
    /// Seconds and nanoseconds; a compact inode has none.
    pub(super) mtime: Option<(i64, u32)>,
    /// How many names it has.
    pub(super) links: u32,
    /// Its own length, in the form that it has.
    pub(super) len: u64,
}

impl Inode {
    /// `S_IFMT` of a device, whose number takes the place of its first block.
    pub(super) fn is_device(&self) -> bool {
        matches!(self.mode & 0o170_000, 0o020_000 | 0o060_000)
    }

    /// Whether it is a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.mode & 0o170_000 == 0o040_000
    }

    /// Its bytes, in the extended form.
    pub(super) fn encode(&self) -> [u8; LEN as usize] {
        let (layout, map) = match self.layout {
            _ if self.is_device() => (0, self.device),
            Layout::Plain(block) => (0, block),
            Layout::Inline(block) => (2, block),
            Layout::Chunks(Chunks { log, indexes }) => {
                (4, log | if indexes { CHUNK_INDEXES } else { 0 })
            }
            Layout::Packed => (1, 0),
        };
        let (seconds, nanoseconds) = self.mtime.unwrap_or_default();
        let mut bytes = [0; LEN as usize];
        let fields: [(usize, &[u8]); 11] = [
            (0, &(layout << 1 | 1u16).to_le_bytes()),
            (2, &xattr_count(self.xattr_len).to_le_bytes()),
            (4, &self.mode.to_le_bytes()),
            (8, &self.size.to_le_bytes()),
            (16, &map.to_le_bytes()),
            (20, &self.number.to_le_bytes()),
            (24, &self.uid.to_le_bytes()),
            (28, &self.gid.to_le_bytes()),
            (32, &seconds.to_le_bytes()),
            (40, &nanoseconds.to_le_bytes()),
            (44, &self.links.to_le_bytes()),
        ];
        for (at, field) in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
        }
        bytes
    }

    /// What bytes say, of which there may be more than it has; `number` is its own.
    ///
    /// # Errors
    /// Where they are too few, or of no form that there is.
    pub(super) fn decode(bytes: &[u8], number: u64) -> Result<Self, ReadError> {
        let damaged = || ReadError::Inode(number);
        let format = le16(bytes, 0).ok_or_else(damaged)?;
        let (is_extended, layout) = (format & 1 != 0, format >> 1 & 7);
        let len = if is_extended { LEN } else { COMPACT_LEN };
        if bytes.len() < len as usize {
            return Err(damaged());
        }
        let u16_at = |at| le16(bytes, at).unwrap_or(0);
        let u32_at = |at| le32(bytes, at).unwrap_or(0);
        let u64_at = |at| le64(bytes, at).unwrap_or(0);
        let map = u32_at(16);
        let mut inode = Inode {
            mode: u16_at(4),
            xattr_len: xattr_len(u16_at(2)),
            size: u32_at(8).into(),
            layout: match layout {
                0 => Layout::Plain(map),
                2 => Layout::Inline(map),
                4 => Layout::Chunks(Chunks {
                    log: map & CHUNK_LOG,
                    indexes: map & CHUNK_INDEXES != 0,
                }),
                1 | 3 => Layout::Packed,
                _ => return Err(damaged()),
            },
            device: map,
            number: u32_at(20),
            uid: u16_at(24).into(),
            gid: u16_at(26).into(),
            mtime: None,
            links: u16_at(6).into(),
            len,
        };
        if is_extended {
            inode.size = u64_at(8);
            (inode.uid, inode.gid, inode.links) = (u32_at(24), u32_at(28), u32_at(44));
            inode.mtime = Some((u64_at(32) as i64, u32_at(40)));
        }
        Ok(inode)
    }
}

/// How a length of attributes is counted: not at all, or by words of which the head is the first.
fn xattr_count(len: u64) -> u16 {
    if len == 0 { 0 } else { ((len - XATTR_HEAD) / 4 + 1) as u16 }
}

fn xattr_len(count: u16) -> u64 {
    if count == 0 { 0 } else { XATTR_HEAD + 4 * u64::from(count - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_comes_back_as_it_was() {
        let file = Inode {
            mode: 0o100_644,
            xattr_len: 20,
            size: 1 << 40,
            layout: Layout::Chunks(Chunks { log: 4, indexes: false }),
            device: 4,
            number: 7,
            uid: 0x12_3456,
            gid: 0x65_4321,
            mtime: Some((-5, 999_999_999)),
            links: 3,
            len: LEN,
        };
        assert_eq!(Inode::decode(&file.encode(), 1).expect("sound"), file);
        assert!(Inode::decode(&file.encode()[..40], 1).is_err());
    }

    #[test]
    fn a_compact_inode_has_no_time() {
        let mut bytes = [0; 32];
        for (at, byte) in [(0, 4), (4, 0xa4), (5, 0x81), (6, 1), (8, 9), (24, 33), (26, 44)] {
            bytes[at] = byte;
        }
        let inode = Inode::decode(&bytes, 1).expect("sound");
        assert_eq!((inode.mode, inode.links, inode.size), (0o100_644, 1, 9));
        assert_eq!((inode.uid, inode.gid, inode.mtime), (33, 44, None));
        assert_eq!((inode.layout, inode.len), (Layout::Inline(0), 32));
    }
}
