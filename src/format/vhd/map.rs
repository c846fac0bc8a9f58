//! From an offset of the disk to its place.

use super::{FOOTER, Footer, HEADER, HEADER_COOKIE, Kind, UNUSED, checksum};
use crate::bytes::{be32, be64};
use crate::format::FormatError;
use crate::format::pages::Pages;
use crate::format::span::{Place, Span};
use crate::volume::Window;

/// The footer, and the table of a dynamic disk.
#[derive(Debug)]
pub struct Map {
    footer: Footer,
    blocks: Option<Blocks>,
}

/// Where blocks are.
#[derive(Debug)]
struct Blocks {
    pages: Pages,
    table: u64,
    block: u64,
    /// Bytes of the bitmap in front of a block.
    bitmap: u64,
}

impl Map {
    /// The map of what is in a file.
    ///
    /// # Errors
    /// Where footer or header are damaged, cut off, or of a kind that is not read.
    pub fn open(file: &Window) -> Result<Map, FormatError> {
        let footer = Footer::read(file)?;
        let blocks = match footer.kind {
            Kind::Fixed if footer.size > file.len().saturating_sub(FOOTER) => {
                return Err(FormatError::CutOff { what: "the disk", offset: file.len() });
            }
            Kind::Fixed => None,
            Kind::Dynamic => Some(Blocks::open(file, &footer)?),
        };
        Ok(Map { footer, blocks })
    }

    /// The footer.
    pub fn footer(&self) -> &Footer {
        &self.footer
    }

    /// Where the disk's bytes from `offset` on are.
    ///
    /// # Errors
    /// Where the table is cut off.
    pub fn span(&self, offset: u64) -> Result<Span, FormatError> {
        let Some(blocks) = &self.blocks else {
            return Ok(Span { len: self.footer.size - offset, place: Place::Stored(offset) });
        };
        let at = blocks.table + offset / blocks.block * 4;
        let entry = u32::from_be_bytes(blocks.pages.field(at, "an entry of the block table")?);
        let skip = offset % blocks.block;
        let place = match entry {
            UNUSED => Place::Unallocated,
            sector => Place::Stored(u64::from(sector) * 512 + blocks.bitmap + skip),
        };
        Ok(Span { len: blocks.block - skip, place })
    }
}

impl Blocks {
    fn open(file: &Window, footer: &Footer) -> Result<Blocks, FormatError> {
        let offset = footer.header;
        let bytes = file.bytes(offset, HEADER as usize).unwrap_or_default();
        if bytes.len() < HEADER as usize {
            return Err(FormatError::CutOff { what: "the header of a dynamic disk", offset });
        }
        let mut summed = bytes.clone();
        summed[36..40].fill(0);
        if !bytes.starts_with(HEADER_COOKIE) || be32(&bytes, 36) != Some(checksum(&summed)) {
            let what = "the header of a dynamic disk, whose checksum is wrong";
            return Err(FormatError::Damaged { what, offset });
        }
        let damaged = |what, at| Err(FormatError::Damaged { what, offset: offset + at });
        let block = u64::from(be32(&bytes, 32).unwrap_or(0));
        if !block.is_power_of_two() || block < 4096 {
            return damaged("a size of blocks that cannot be", 32);
        }
        let (table, entries) = (be64(&bytes, 16).unwrap_or(0), be32(&bytes, 28).unwrap_or(0));
        if u64::from(entries) < footer.size.div_ceil(block) {
            return damaged("a table of blocks that is too short for the disk", 28);
        }
        if table % 512 != 0 || table.checked_add(u64::from(entries) * 4).is_none() {
            return damaged("the offset of the table of blocks", 16);
        }
        let bitmap = (block / 512).div_ceil(8).next_multiple_of(512);
        Ok(Blocks { pages: Pages::new(file), table, block, bitmap })
    }
}
