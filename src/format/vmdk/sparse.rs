//! A monolithicSparse image, written in the disk's order: header, descriptor, both directories with all
//! their tables, grains.

use super::header::Header;
use super::{DESCRIPTOR, DESCRIPTOR_SECTORS, ENTRIES, GRAIN, REACH, SECTOR, TABLE, descriptor};
use crate::error::Result;
use crate::format::FormatError;
use crate::format::convert::{Identity, Piece, Writer};
use crate::size::align_up;
use crate::volume::Volume;

/// The image while it is written.
#[derive(Debug)]
pub(in crate::format) struct Sparse {
    header: Header,
    /// Grain tables of a directory.
    tables: u64,
    /// The table that is being filled, with its index.
    table: Option<(u64, Vec<u8>)>,
    end: u64,
}

impl Sparse {
    pub(in crate::format) fn new(size: u64) -> Result<Self> {
        let mut header = Header::ours(size.div_ceil(SECTOR), false);
        let tables = size.div_ceil(REACH);
        let set = align_up(tables * 4, SECTOR) + tables * TABLE;
        header.redundant = DESCRIPTOR + DESCRIPTOR_SECTORS;
        header.directory = header.redundant + set / SECTOR;
        let end = align_up(header.directory * SECTOR + set, GRAIN);
        header.overhead = end / SECTOR;
        // Entries are numbers of sectors in 32 bits.
        match end + align_up(size, GRAIN) <= u64::from(u32::MAX) * SECTOR {
            true => Ok(Sparse { header, tables, table: None, end }),
            false => Err(FormatError::unsupported("a sparse VMDK has at most 2 TiB").into()),
        }
    }

    /// Where the first table of a directory is.
    fn first_table(&self, directory: u64) -> u64 {
        directory * SECTOR + align_up(self.tables * 4, SECTOR)
    }

    fn close_table(&mut self, pieces: &mut Vec<Piece>) {
        let Some((index, bytes)) = self.table.take() else { return };
        for directory in [self.header.redundant, self.header.directory] {
            let offset = self.first_table(directory) + index * TABLE;
            pieces.push(Piece { offset, bytes: bytes.clone() });
        }
    }
}

impl Writer for Sparse {
    fn block(&self) -> u64 {
        GRAIN
    }

    fn place(&mut self, block: u64, _: Option<u64>, pieces: &mut Vec<Piece>) -> Result<u64> {
        let (index, place) = (block / ENTRIES, self.end);
        if self.table.as_ref().is_none_or(|(open, _)| *open != index) {
            self.close_table(pieces);
        }
        let (_, table) = self.table.get_or_insert_with(|| (index, vec![0; TABLE as usize]));
        let entry = ((place / SECTOR) as u32).to_le_bytes();
        table[(block % ENTRIES * 4) as usize..][..4].copy_from_slice(&entry);
        self.end += GRAIN;
        Ok(place)
    }

    fn finish(mut self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let mut pieces = Vec::new();
        self.close_table(&mut pieces);
        let put = |offset, bytes| Piece { offset, bytes };
        for directory in [self.header.redundant, self.header.directory] {
            let first = self.first_table(directory);
            let entries = (0..self.tables).map(|index| (first + index * TABLE) / SECTOR);
            let bytes = entries.flat_map(|sector| (sector as u32).to_le_bytes()).collect();
            pieces.push(put(directory * SECTOR, bytes));
        }
        let text = descriptor::encode(self.header.capacity, "monolithicSparse", &identity);
        pieces.push(put(DESCRIPTOR * SECTOR, text));
        pieces.push(put(0, self.header.encode()));
        for Piece { offset, bytes } in pieces {
            volume.write_all_at(&bytes, offset)?;
        }
        Ok(self.end)
    }
}
