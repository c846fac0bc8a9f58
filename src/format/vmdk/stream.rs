//! A streamOptimized image, written in the disk's order: header, descriptor, then compressed grains and
//! after each 512 of them their table, at last directory, footer and end, everything behind a marker.

use super::header::{AT_END, Header};
use super::{DESCRIPTOR, ENTRIES, GRAIN, REACH, SECTOR, TABLE, descriptor};
use crate::error::Result;
use crate::format::FormatError;
use crate::format::convert::{Identity, Packing, Piece, Writer};
use crate::size::align_up;
use crate::volume::Volume;

/// What a marker announces.
const END: u32 = 0;
const GRAIN_TABLE: u32 = 1;
const DIRECTORY: u32 = 2;
const FOOTER: u32 = 3;

/// Bytes in front of a grain: its first sector, its length.
const GRAIN_MARKER: u64 = 12;

/// The image while it is written.
#[derive(Debug)]
pub(in crate::format) struct Stream {
    header: Header,
    directory: Vec<u32>,
    /// The table that is being filled, with its index.
    table: Option<(u64, Vec<u8>)>,
    end: u64,
}

impl Stream {
    pub(in crate::format) fn new(size: u64) -> Result<Self> {
        let mut header = Header::ours(size.div_ceil(SECTOR), true);
        header.directory = AT_END;
        let directory = vec![0; size.div_ceil(REACH) as usize];
        // Entries are numbers of sectors in 32 bits; a grain may get longer by its packing.
        match align_up(size, GRAIN) + size / 64 <= u64::from(u32::MAX) * SECTOR {
            true => Ok(Stream { end: header.overhead * SECTOR, header, directory, table: None }),
            false => Err(FormatError::unsupported("a sparse VMDK has at most 2 TiB").into()),
        }
    }

    fn close_table(&mut self, pieces: &mut Vec<Piece>) {
        let Some((index, bytes)) = self.table.take() else { return };
        let place = self.announced(GRAIN_TABLE, bytes, pieces);
        self.directory[index as usize] = (place / SECTOR) as u32;
    }

    /// Appends something behind its marker; where it is.
    fn announced(&mut self, kind: u32, mut bytes: Vec<u8>, pieces: &mut Vec<Piece>) -> u64 {
        bytes.resize(bytes.len().next_multiple_of(SECTOR as usize), 0);
        let mut marked = vec![0; SECTOR as usize];
        marked[..8].copy_from_slice(&(bytes.len() as u64 / SECTOR).to_le_bytes());
        marked[12..16].copy_from_slice(&kind.to_le_bytes());
        marked.extend(bytes);
        let offset = self.end;
        self.end += marked.len() as u64;
        pieces.push(Piece { offset, bytes: marked });
        offset + SECTOR
    }
}

impl Writer for Stream {
    fn block(&self) -> u64 {
        GRAIN
    }

    fn packing(&self) -> Packing {
        Packing::Zlib
    }

    fn place(&mut self, block: u64, packed: Option<u64>, pieces: &mut Vec<Piece>) -> Result<u64> {
        let (index, len) = (block / ENTRIES, packed.unwrap_or(GRAIN));
        if self.table.as_ref().is_none_or(|(open, _)| *open != index) {
            self.close_table(pieces);
        }
        let place = self.end;
        let (_, table) = self.table.get_or_insert_with(|| (index, vec![0; TABLE as usize]));
        let entry = ((place / SECTOR) as u32).to_le_bytes();
        table[(block % ENTRIES * 4) as usize..][..4].copy_from_slice(&entry);
        let mut marker = (block * (GRAIN / SECTOR)).to_le_bytes().to_vec();
        marker.extend((len as u32).to_le_bytes());
        pieces.push(Piece { offset: place, bytes: marker });
        self.end = align_up(place + GRAIN_MARKER + len, SECTOR);
        Ok(place + GRAIN_MARKER)
    }

    fn finish(mut self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let mut pieces = Vec::new();
        self.close_table(&mut pieces);
        let text = descriptor::encode(self.header.capacity, "streamOptimized", &identity);
        pieces.push(Piece { offset: DESCRIPTOR * SECTOR, bytes: text });
        pieces.push(Piece { offset: 0, bytes: self.header.encode() });
        let directory = self.directory.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        self.header.directory = self.announced(DIRECTORY, directory, &mut pieces) / SECTOR;
        let footer = self.header.encode();
        self.announced(FOOTER, footer, &mut pieces);
        self.announced(END, Vec::new(), &mut pieces);
        for Piece { offset, bytes } in pieces {
            volume.write_all_at(&bytes, offset)?;
        }
        Ok(self.end)
    }
}
