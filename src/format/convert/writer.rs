//! What every format says about its file: how large its blocks are, and where each goes.

use super::{Identity, Packing};
use crate::error::Result;
use crate::volume::Volume;

/// Bytes that belong at an offset of the file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::format) struct Piece {
    pub(in crate::format) offset: u64,
    pub(in crate::format) bytes: Vec<u8>,
}

/// The file of a format while it is written.
pub(in crate::format) trait Writer: Send {
    /// Bytes of a block of the disk.
    fn block(&self) -> u64;

    /// Bytes of a page: of a block that is stored plain, pages that are zero stay holes of the file.
    fn page(&self) -> u64 {
        self.block()
    }

    /// How blocks are packed.
    fn packing(&self) -> Packing {
        Packing::Plain
    }

    /// Where the block with this number goes, which has something else than zeros; called in the disk's
    /// order. `packed` is how many bytes it has where it is packed. Tables that are complete by now are
    /// added to `pieces`.
    ///
    /// # Errors
    /// Where the format has no room for it.
    fn place(&mut self, block: u64, packed: Option<u64>, pieces: &mut Vec<Piece>) -> Result<u64>;

    /// Writes the tables; the length of the file.
    ///
    /// # Errors
    /// Where they cannot be written.
    fn finish(self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64>;
}
