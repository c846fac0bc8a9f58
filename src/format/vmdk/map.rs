//! From an offset of the disk to its place.

use super::header::{AT_END, Header, ZERO_GRAINS};
use super::{SECTOR, descriptor};
use crate::format::FormatError;
use crate::format::pages::Pages;
use crate::format::span::{Codec, Packed, Place, Span};
use crate::volume::Window;

/// The grain tables of an image.
#[derive(Debug)]
pub struct Map {
    header: Header,
    kind: String,
    pages: Pages,
}

impl Map {
    /// The map of what is in a file.
    ///
    /// # Errors
    /// Where header or footer are damaged or cut off, or the image is of a kind that is not read.
    pub fn open(file: &Window) -> Result<Map, FormatError> {
        let head = file.bytes(0, SECTOR as usize).unwrap_or_default();
        if head.starts_with(b"# Disk") {
            let text = "it is the descriptor of an image of several files, which is not read";
            return Err(FormatError::unsupported(text));
        }
        let mut header = Header::decode(&head, 0)?;
        let len = header.descriptor_sectors.min(2048) * SECTOR;
        let at = header.descriptor.saturating_mul(SECTOR);
        let text = file.bytes(at, len as usize).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let kind = descriptor::value(&text, "createType").unwrap_or("monolithicSparse");
        let kind = crate::error::shown_bytes(kind.as_bytes());
        if descriptor::has_parent(&text) {
            return Err(FormatError::unsupported("it is a delta disk, which is not read"));
        }
        if !matches!(&kind[..], "monolithicSparse" | "streamOptimized") {
            let text = format!("it is of the kind {kind}, which is not read");
            return Err(FormatError::unsupported(text));
        }
        if header.directory == AT_END {
            let offset = file.len().saturating_sub(2 * SECTOR);
            let footer = file.bytes(offset, SECTOR as usize).unwrap_or_default();
            header = Header::decode(&footer, offset)?;
        }
        if header.directory.checked_mul(SECTOR).is_none_or(|at| at >= file.len()) {
            return Err(FormatError::CutOff { what: "the grain directory", offset: file.len() });
        }
        Ok(Map { header, kind, pages: Pages::new(file) })
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.header.capacity * SECTOR
    }

    /// What the descriptor calls its kind.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// Where the disk's bytes from `offset` on are.
    ///
    /// # Errors
    /// Where a table is cut off or damaged.
    pub fn span(&self, offset: u64) -> Result<Span, FormatError> {
        let grain = self.header.grain * SECTOR;
        let reach = u64::from(self.header.entries) * grain;
        let at = self.header.directory * SECTOR + offset / reach * 4;
        let table = u32::from_le_bytes(self.pages.field(at, "an entry of the grain directory")?);
        if table == 0 {
            return Ok(Span { len: reach - offset % reach, place: Place::Unallocated });
        }
        let at = u64::from(table) * SECTOR + offset % reach / grain * 4;
        let entry = u32::from_le_bytes(self.pages.field(at, "an entry of a grain table")?);
        let (skip, stored) = (offset % grain, u64::from(entry) * SECTOR);
        let place = match entry {
            0 => Place::Unallocated,
            1 if self.header.flags & ZERO_GRAINS != 0 => Place::Zero,
            _ if self.header.is_compressed => Place::Packed(self.packed(stored, grain, skip)?),
            _ => Place::Stored(stored + skip),
        };
        Ok(Span { len: grain - skip, place })
    }

    /// A grain behind its marker, which says how long it is.
    fn packed(&self, stored: u64, grain: u64, skip: u64) -> Result<Packed, FormatError> {
        let len = u32::from_le_bytes(self.pages.field(stored + 8, "the marker of a grain")?);
        match u64::from(len) <= 2 * grain {
            true => Ok(Packed {
                offset: stored + 12,
                len: len.into(),
                codec: Codec::Zlib,
                cluster: grain,
                skip,
            }),
            false => Err(FormatError::Damaged { what: "a length of a grain", offset: stored + 8 }),
        }
    }
}
