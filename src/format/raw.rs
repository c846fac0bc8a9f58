//! Raw: the bytes of the disk as they are, with holes where they are zero.

use super::convert::{Identity, Piece};
use crate::error::Result;
use crate::volume::Volume;

/// Bytes of a page of the host: no filesystem has smaller holes that are worth a call.
const PAGE: u64 = 4096;

/// The raw file while it is written: every block goes where it is.
#[derive(Debug)]
pub(super) struct Writer {
    size: u64,
}

impl Writer {
    pub(super) fn new(size: u64) -> Self {
        Writer { size }
    }
}

impl super::convert::Writer for Writer {
    fn block(&self) -> u64 {
        PAGE
    }

    fn place(&mut self, block: u64, _: Option<u64>, _: &mut Vec<Piece>) -> Result<u64> {
        Ok(block * PAGE)
    }

    fn finish(self: Box<Self>, _: Identity, _: &Volume<'_>) -> Result<u64> {
        Ok(self.size)
    }
}
