//! The superblock: `struct erofs_super_block`.

use crate::bytes::{le16, le32, le64};
use crate::fs::ReadError;

/// Where it is in the image; what is before it is left to boot sectors.
pub(super) const OFFSET: u64 = 1024;

/// Its length.
pub(super) const LEN: usize = 128;

const MAGIC: u32 = 0xe0f5_e1e2;

/// The binary logarithm of a block's size: Linux reads no other where pages have 4 KiB.
pub(super) const BLOCK_LOG: u8 = 12;

/// A block.
pub(super) const BLOCK: u64 = 1 << BLOCK_LOG;

/// Compatible: there is a checksum.
const SB_CHKSUM: u32 = 1;
/// Compatible: the times are those of modification.
const MTIME: u32 = 2;

/// Incompatible: some files have lists of chunks (Linux 5.15).
const CHUNKED_FILE: u32 = 4;

/// Incompatible features whose images are read here, as far as they are not packed: LZ4_0PADDING,
/// COMPR_CFGS, CHUNKED_FILE, ZTAILPACKING, FRAGMENTS (with DEDUPE).
const READ: u32 = 1 | 2 | CHUNKED_FILE | 0x10 | 0x20;

/// What the superblock says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Superblock {
    /// The root directory's number: where its inode is.
    pub(super) root: u64,
    /// How many inodes there are.
    pub(super) inodes: u64,
    /// The time of inodes that have none: seconds and nanoseconds.
    pub(super) time: (i64, u32),
    /// The size of a block, as a binary logarithm.
    pub(super) block_log: u8,
    /// Blocks of the image.
    pub(super) blocks: u32,
    /// The block from which inodes are numbered.
    pub(super) metadata: u32,
    /// The block from which shared attributes are numbered.
    pub(super) xattrs: u32,
    /// Who the image is.
    pub(super) uuid: [u8; 16],
    /// Its label, padded with NUL.
    pub(super) label: [u8; 16],
    /// Whether some files have lists of chunks.
    pub(super) has_chunks: bool,
}

impl Superblock {
    /// The rest of its block, from [`OFFSET`] on, all of which its checksum covers.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; (BLOCK - OFFSET) as usize];
        let incompatible = if self.has_chunks { CHUNKED_FILE } else { 0 };
        let fields: [(usize, &[u8]); 13] = [
            (0, &MAGIC.to_le_bytes()),
            (8, &(SB_CHKSUM | MTIME).to_le_bytes()),
            (12, &[self.block_log]),
            (14, &(self.root as u16).to_le_bytes()),
            (16, &self.inodes.to_le_bytes()),
            (24, &self.time.0.to_le_bytes()),
            (32, &self.time.1.to_le_bytes()),
            (36, &self.blocks.to_le_bytes()),
            (40, &self.metadata.to_le_bytes()),
            (44, &self.xattrs.to_le_bytes()),
            (48, &self.uuid),
            (64, &self.label),
            (80, &incompatible.to_le_bytes()),
        ];
        for (at, field) in fields {
            bytes[at..at + field.len()].copy_from_slice(field);
        }
        // The kernel's CRC-32C, which does not invert at the end.
        let checksum = !crc32c::crc32c(&bytes);
        bytes[4..8].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    /// What its bytes say. The checksum is not looked at: what is damaged shows itself.
    ///
    /// # Errors
    /// Where they are no superblock, or ask for what is not read here.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, ReadError> {
        let bad = ReadError::Superblock;
        let u16_at = |at| le16(bytes, at).unwrap_or(0);
        let u32_at = |at| le32(bytes, at).unwrap_or(0);
        let u64_at = |at| le64(bytes, at).unwrap_or(0);
        if bytes.len() < LEN || u32_at(0) != MAGIC {
            return Err(bad("another magic"));
        }
        let incompatible = u32_at(80);
        if incompatible & !READ != 0 {
            return Err(ReadError::Features(incompatible & !READ));
        }
        // Directories with blocks of their own size are of the future.
        if !(9..=16).contains(&bytes[12]) || bytes[90] != 0 {
            return Err(bad("blocks of an impossible size"));
        }
        let sixteen = |at: usize| std::array::from_fn(|i| bytes[at + i]);
        Ok(Superblock {
            root: u16_at(14).into(),
            inodes: u64_at(16),
            time: (u64_at(24) as i64, u32_at(32)),
            block_log: bytes[12],
            blocks: u32_at(36),
            metadata: u32_at(40),
            xattrs: u32_at(44),
            uuid: sixteen(48),
            label: sixteen(64),
            has_chunks: incompatible & CHUNKED_FILE != 0,
        })
    }
}
