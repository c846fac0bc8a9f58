//! Fragments: blocks that many short files share; and the size fields of packed blocks.

use crate::bytes::{le32, le64};

/// The bit of a block that is stored as it is.
const IS_PLAIN: u32 = 1 << 24;

/// A packed block's size as inodes and fragments have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct BlockSize(pub(super) u32);

impl BlockSize {
    /// A block of nothing but zeros, which takes no room.
    pub(super) const HOLE: BlockSize = BlockSize(0);

    /// A block of this many bytes in the image.
    pub(super) fn new(len: usize, is_packed: bool) -> Self {
        BlockSize(len as u32 | if is_packed { 0 } else { IS_PLAIN })
    }

    /// Its bytes in the image.
    pub(super) fn len(self) -> usize {
        (self.0 & !IS_PLAIN) as usize
    }

    /// Whether it is stored as it is.
    pub(super) fn is_plain(self) -> bool {
        self.0 & IS_PLAIN != 0
    }
}

/// A fragment block: `struct squashfs_fragment_entry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fragment {
    /// Where it is in the image.
    pub(super) start: u64,
    /// Its packed size.
    pub(super) size: BlockSize,
}

impl Fragment {
    /// Its bytes in the table.
    pub(super) fn encode(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.start.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.size.0.to_le_bytes());
        bytes
    }

    /// What its bytes in the table say.
    pub(super) fn decode(bytes: [u8; 16]) -> Self {
        let [start, size] = [le64(&bytes, 0).unwrap_or(0), le32(&bytes, 8).unwrap_or(0).into()];
        Fragment { start, size: BlockSize(size as u32) }
    }
}
