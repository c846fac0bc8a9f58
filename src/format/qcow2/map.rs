//! From an offset of the disk to its place, through the L1 and L2 tables.

use super::header::{Compression, Header};
use super::{COMPRESSED, ENTRY, OFFSET_MASK, ZERO};
use crate::format::FormatError;
use crate::format::pages::Pages;
use crate::format::span::{Codec, Packed, Place, Span};
use crate::volume::Window;

/// Subclusters of a cluster with extended L2 entries.
const SUBCLUSTERS: u64 = 32;

/// The tables of an image.
#[derive(Debug)]
pub struct Map {
    header: Header,
    pages: Pages,
}

impl Map {
    /// The tables of what is in a file.
    ///
    /// # Errors
    /// Where its header is not one that is read (see [`Header::read`]).
    pub fn open(file: &Window) -> Result<Map, FormatError> {
        Ok(Map { header: Header::read(file)?, pages: Pages::new(file) })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Where the disk's bytes from `offset` on are.
    ///
    /// # Errors
    /// Where a table is cut off or damaged.
    pub fn span(&self, offset: u64) -> Result<Span, FormatError> {
        self.header.span(offset, &|at, what| self.pages.field(at, what))
    }
}

/// Reads eight bytes of a table at an offset of the file; the text says what they are.
pub(super) type Field<'a> = dyn Fn(u64, &'static str) -> Result<[u8; 8], FormatError> + 'a;

impl Header {
    /// Where the disk's bytes from `offset` on are, through tables that `field` reads.
    pub(super) fn span(&self, offset: u64, field: &Field<'_>) -> Result<Span, FormatError> {
        let reach = self.l2_reach();
        let at = self.l1_offset + offset / reach * ENTRY;
        let l1 = u64::from_be_bytes(field(at, "an entry of the L1 table")?);
        let table = l1 & OFFSET_MASK;
        if table == 0 {
            return Ok(Span { len: reach - offset % reach, place: Place::Unallocated });
        }
        self.aligned(table, at)?;
        let at = table + offset % reach / self.cluster() * self.l2_entry();
        let entry = u64::from_be_bytes(field(at, "an entry of an L2 table")?);
        let skip = offset % self.cluster();
        if entry & COMPRESSED != 0 {
            return Ok(self.packed(entry, skip));
        }
        let cluster = entry & OFFSET_MASK;
        self.aligned(cluster, at)?;
        if self.has_extended_l2() {
            let bitmap = u64::from_be_bytes(field(at + 8, "an L2 bitmap")?);
            return Ok(self.subcluster(cluster, bitmap, skip));
        }
        let place = match cluster {
            _ if entry & ZERO != 0 && self.version >= 3 => Place::Zero,
            0 => Place::Unallocated,
            _ => Place::Stored(cluster + skip),
        };
        Ok(Span { len: self.cluster() - skip, place })
    }

    fn aligned(&self, cluster: u64, at: u64) -> Result<(), FormatError> {
        match cluster.is_multiple_of(self.cluster()) {
            true => Ok(()),
            false => Err(FormatError::Damaged { what: "an offset within a cluster", offset: at }),
        }
    }

    /// A compressed cluster: its offset, and above it how many further sectors it reaches into.
    fn packed(&self, entry: u64, skip: u64) -> Span {
        let offset_bits = 62 - (self.cluster_bits - 8);
        let offset = entry & ((1 << offset_bits) - 1);
        let sectors = (entry & (COMPRESSED - 1)) >> offset_bits;
        let packed = Packed {
            offset,
            len: (sectors + 1) * 512 - offset % 512,
            codec: match self.compression {
                Compression::Deflate => Codec::Deflate,
                Compression::Zstd => Codec::Zstd,
            },
            cluster: self.cluster(),
            skip,
        };
        Span { len: packed.cluster - skip, place: Place::Packed(packed) }
    }

    /// A cluster with a bit of 32 for each subcluster that is stored, and above for each that is zero.
    fn subcluster(&self, cluster: u64, bitmap: u64, skip: u64) -> Span {
        let size = self.cluster() / SUBCLUSTERS;
        let bit = skip / size;
        let place = match (bitmap >> bit & 1, bitmap >> (bit + SUBCLUSTERS) & 1) {
            (_, 1) => Place::Zero,
            (1, _) => Place::Stored(cluster + skip),
            _ => Place::Unallocated,
        };
        Span { len: size - skip % size, place }
    }
}
