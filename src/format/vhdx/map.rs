//! From an offset of the disk to its place.

use super::header::{self, Region};
use super::metadata::Metadata;
use super::{FULLY_PRESENT, OFFSET_MASK, PARTIALLY_PRESENT, STATE, chunk_ratio};
use crate::bytes::Guid;
use crate::format::FormatError;
use crate::format::pages::Pages;
use crate::format::span::{Place, Span};
use crate::volume::Window;

/// The block allocation table of an image.
#[derive(Debug)]
pub struct Map {
    metadata: Metadata,
    bat: Region,
    pages: Pages,
}

impl Map {
    /// The map of what is in a file.
    ///
    /// # Errors
    /// Where a structure is damaged, cut off, or of a kind that is not read, or the log has to be
    /// replayed first.
    pub fn open(file: &Window) -> Result<Map, FormatError> {
        let regions = header::read(file)?;
        let metadata = Metadata::read(file, regions.metadata)?;
        let (map, pages) = (regions.bat, Pages::new(file));
        let map = Map { metadata, bat: map, pages };
        match map.entry_offset(metadata.size.saturating_sub(1)) < map.bat.offset + map.bat.len {
            true => Ok(map),
            false => {
                let what = "a block table that is too short for the disk";
                Err(FormatError::Damaged { what, offset: map.bat.offset })
            }
        }
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.metadata.size
    }

    /// Bytes of a block.
    pub fn block(&self) -> u64 {
        self.metadata.block
    }

    /// Whether all blocks are there.
    pub fn is_fixed(&self) -> bool {
        self.metadata.is_fixed
    }

    /// The disk's id.
    pub fn id(&self) -> Guid {
        self.metadata.id
    }

    /// Where the entry of the block of an offset is, behind those for bitmaps.
    fn entry_offset(&self, offset: u64) -> u64 {
        let block = offset / self.metadata.block;
        let bitmaps = block / chunk_ratio(self.metadata.block, self.metadata.sector);
        self.bat.offset + (block + bitmaps) * 8
    }

    /// Where the disk's bytes from `offset` on are.
    ///
    /// # Errors
    /// Where the table is cut off or damaged.
    pub fn span(&self, offset: u64) -> Result<Span, FormatError> {
        let at = self.entry_offset(offset);
        let entry = u64::from_le_bytes(self.pages.field(at, "an entry of the block table")?);
        let skip = offset % self.metadata.block;
        let place = match entry & STATE {
            FULLY_PRESENT => Place::Stored((entry & OFFSET_MASK) + skip),
            PARTIALLY_PRESENT => {
                let what = "a partly present block of a disk that stands on nothing";
                return Err(FormatError::Damaged { what, offset: at });
            }
            // Not present, zero, unmapped, undefined: without a parent all read as zeros.
            _ => Place::Zero,
        };
        Ok(Span { len: self.metadata.block - skip, place })
    }
}
