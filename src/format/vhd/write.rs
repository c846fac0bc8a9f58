//! A fixed or dynamic VHD, written in the disk's order.
//!
//! Azure wants disks of whole MiB: what a disk has more than that is filled up with zeros.

use super::{FOOTER, Footer, HEADER, HEADER_COOKIE, Kind, SIZE_MAX, UNUSED, checksum};
use crate::error::Result;
use crate::format::FormatError;
use crate::format::convert::{Identity, Piece, Writer};
use crate::size::{MIB, align_up};
use crate::volume::Volume;

/// Bytes of a page of the host: what is a hole in the disk is one in the file.
const PAGE: u64 = 4096;

/// Bytes of a block: what the specification has as its default, and most readers expect.
const BLOCK: u64 = 2 * MIB;

/// Bytes of the bitmap in front of a block.
const BITMAP: u64 = BLOCK / 512 / 8;

/// The disk's size in whole MiB.
fn rounded(size: u64) -> Result<u64> {
    let rounded = align_up(size.max(1), MIB);
    match rounded <= SIZE_MAX {
        true => Ok(rounded),
        false => Err(FormatError::unsupported("a VHD has at most 2040 GiB").into()),
    }
}

/// A fixed VHD: every block where it is on the disk.
#[derive(Debug)]
pub(in crate::format) struct Fixed {
    size: u64,
}

impl Fixed {
    pub(in crate::format) fn new(size: u64) -> Result<Self> {
        Ok(Fixed { size: rounded(size)? })
    }
}

impl Writer for Fixed {
    fn block(&self) -> u64 {
        PAGE
    }

    fn place(&mut self, block: u64, _: Option<u64>, _: &mut Vec<Piece>) -> Result<u64> {
        Ok(block * PAGE)
    }

    fn finish(self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let footer = Footer::ours(Kind::Fixed, self.size, identity.guid("vhd"));
        volume.write_all_at(&footer.encode(), self.size)?;
        Ok(self.size + FOOTER)
    }
}

/// A dynamic VHD: blocks one after the other, each behind its bitmap.
#[derive(Debug)]
pub(in crate::format) struct Dynamic {
    size: u64,
    table: Vec<u32>,
    end: u64,
}

impl Dynamic {
    pub(in crate::format) fn new(size: u64) -> Result<Self> {
        let size = rounded(size)?;
        let table = vec![UNUSED; size.div_ceil(BLOCK) as usize];
        let end = align_up(FOOTER + HEADER + table.len() as u64 * 4, 512);
        Ok(Dynamic { size, table, end })
    }

    fn header(&self) -> Vec<u8> {
        let mut bytes = vec![0; HEADER as usize];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, HEADER_COOKIE);
        put(8, &u64::MAX.to_be_bytes());
        put(16, &(FOOTER + HEADER).to_be_bytes());
        put(24, &0x1_0000u32.to_be_bytes());
        put(28, &(self.table.len() as u32).to_be_bytes());
        put(32, &(BLOCK as u32).to_be_bytes());
        let sum = checksum(&bytes);
        bytes[36..40].copy_from_slice(&sum.to_be_bytes());
        bytes
    }
}

impl Writer for Dynamic {
    fn block(&self) -> u64 {
        BLOCK
    }

    fn page(&self) -> u64 {
        PAGE
    }

    fn place(&mut self, block: u64, _: Option<u64>, pieces: &mut Vec<Piece>) -> Result<u64> {
        // The bitmap goes where the block behind it starts with a page of the host.
        let data = align_up(self.end + BITMAP, PAGE);
        let offset = data - BITMAP;
        self.table[block as usize] = (offset / 512) as u32;
        pieces.push(Piece { offset, bytes: vec![0xff; BITMAP as usize] });
        self.end = data + BLOCK;
        Ok(data)
    }

    fn finish(self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let footer = Footer::ours(Kind::Dynamic, self.size, identity.guid("vhd")).encode();
        let mut table: Vec<_> = self.table.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        table.resize(table.len().next_multiple_of(512), 0xff);
        volume.write_all_at(&footer, 0)?;
        volume.write_all_at(&self.header(), FOOTER)?;
        volume.write_all_at(&table, FOOTER + HEADER)?;
        volume.write_all_at(&footer, self.end)?;
        Ok(self.end + FOOTER)
    }
}
