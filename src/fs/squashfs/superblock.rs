//! The superblock: `struct squashfs_super_block`.

use crate::bytes::{le16, le32, le64};
use crate::fs::ReadError;

/// Its length; the compressor's options, or the data, follow.
pub(super) const SUPERBLOCK_SIZE: u64 = 96;

/// "hsqs".
pub(super) const MAGIC: u32 = 0x7371_7368;

/// A table that is not there.
pub(super) const NO_TABLE: u64 = u64::MAX;

/// Equal files were looked for.
const DUPLICATES: u16 = 0x40;
/// There is a table from inode numbers to inodes.
const EXPORTABLE: u16 = 0x80;
/// Nobody has an extended attribute.
const NO_XATTRS: u16 = 0x200;
/// The compressor's options follow.
const HAS_OPTIONS: u16 = 0x400;

/// What the superblock says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Superblock {
    /// How many inodes there are.
    pub(super) inodes: u32,
    /// Seconds since 1970.
    pub(super) time: u32,
    /// Bytes of a data block.
    pub(super) block_size: u32,
    /// How many fragment blocks there are.
    pub(super) fragments: u32,
    /// The compressor's number.
    pub(super) compressor: u16,
    /// Whether the compressor's options follow.
    pub(super) has_options: bool,
    /// How many owners and groups there are.
    pub(super) ids: u16,
    /// The root directory's inode.
    pub(super) root: u64,
    /// Bytes of the image without its padding.
    pub(super) len: u64,
    /// The owners' and groups' table.
    pub(super) id_table: u64,
    /// The extended attributes' table, or [`NO_TABLE`].
    pub(super) xattr_table: u64,
    /// Where inodes start.
    pub(super) inode_table: u64,
    /// Where directories start.
    pub(super) directory_table: u64,
    /// The fragments' table.
    pub(super) fragment_table: u64,
    /// The table from inode numbers to inodes.
    pub(super) export_table: u64,
}

impl Superblock {
    /// Its bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut flags = DUPLICATES | EXPORTABLE;
        if self.xattr_table == NO_TABLE {
            flags |= NO_XATTRS;
        }
        if self.has_options {
            flags |= HAS_OPTIONS;
        }
        let mut bytes = Vec::with_capacity(SUPERBLOCK_SIZE as usize);
        for field in [MAGIC, self.inodes, self.time, self.block_size, self.fragments] {
            bytes.extend(field.to_le_bytes());
        }
        let block_log = self.block_size.trailing_zeros() as u16;
        let (major, minor) = (4, 0);
        for field in [self.compressor, block_log, flags, self.ids, major, minor] {
            bytes.extend(field.to_le_bytes());
        }
        for field in [
            self.root,
            self.len,
            self.id_table,
            self.xattr_table,
            self.inode_table,
            self.directory_table,
            self.fragment_table,
            self.export_table,
        ] {
            bytes.extend(field.to_le_bytes());
        }
        bytes
    }

    /// What its bytes say.
    ///
    /// # Errors
    /// Where they are no superblock of squashfs 4.0.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let bad = ReadError::Superblock;
        if bytes.len() < SUPERBLOCK_SIZE as usize {
            return Err(bad("no room in so short a file"));
        }
        let u16_at = |at| le16(bytes, at).unwrap_or(0);
        let u32_at = |at| le32(bytes, at).unwrap_or(0);
        let u64_at = |at| le64(bytes, at).unwrap_or(0);
        let superblock = Superblock {
            inodes: u32_at(4),
            time: u32_at(8),
            block_size: u32_at(12),
            fragments: u32_at(16),
            compressor: u16_at(20),
            has_options: u16_at(24) & HAS_OPTIONS != 0,
            ids: u16_at(26),
            root: u64_at(32),
            len: u64_at(40),
            id_table: u64_at(48),
            xattr_table: u64_at(56),
            inode_table: u64_at(64),
            directory_table: u64_at(72),
            fragment_table: u64_at(80),
            export_table: u64_at(88),
        };
        match superblock.block_size {
            _ if u32_at(0) != MAGIC => Err(bad("another magic")),
            _ if (u16_at(28), u16_at(30)) != (4, 0) => Err(bad("another version than 4.0")),
            size if !size.is_power_of_two() || !(4096..=1 << 20).contains(&size) => {
                Err(bad("blocks of an impossible size"))
            }
            _ => Ok(superblock),
        }
    }
}
