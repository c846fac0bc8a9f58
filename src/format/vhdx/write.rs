//! A dynamic VHDX, written in the disk's order: headers, an empty log, metadata, block table, blocks.

use super::header::{self, Region, Regions};
use super::metadata::{Metadata, SIZE_MAX};
use super::{ALIGNMENT, FULLY_PRESENT, NOT_PRESENT, chunk_ratio};
use crate::error::Result;
use crate::format::FormatError;
use crate::format::convert::{Identity, Piece, Writer};
use crate::size::{GIB, MIB, align_up};
use crate::volume::Volume;

/// Bytes of a sector as the guest sees it.
const SECTOR: u64 = 512;

/// Bytes of a page of the host: what is a hole in the disk is one in the file.
const PAGE: u64 = 4096;

/// Where the metadata is, behind the log.
const METADATA: u64 = 2 * MIB;

/// Where the block table is.
const BAT: u64 = 3 * MIB;

/// The image while it is written.
#[derive(Debug)]
pub(in crate::format) struct Image {
    size: u64,
    block: u64,
    bat: Vec<u64>,
    end: u64,
}

impl Image {
    pub(in crate::format) fn new(size: u64) -> Result<Self> {
        let size = align_up(size, SECTOR);
        if size > SIZE_MAX {
            return Err(FormatError::unsupported("a VHDX has at most 64 TiB").into());
        }
        // Microsoft advises 1 MiB for Linux, whose filesystems spread what they write; of disks over
        // 1 TiB, as much as keeps the table small.
        let block = (size / (1024 * GIB)).next_power_of_two().max(1) * MIB;
        let blocks = size.div_ceil(block).max(1);
        let bitmaps = (blocks - 1) / chunk_ratio(block, SECTOR);
        let bat = vec![NOT_PRESENT; (blocks + bitmaps) as usize];
        let end = align_up(BAT + bat.len() as u64 * 8, ALIGNMENT);
        Ok(Image { size, block, bat, end })
    }
}

impl Writer for Image {
    fn block(&self) -> u64 {
        self.block
    }

    fn page(&self) -> u64 {
        PAGE
    }

    fn place(&mut self, block: u64, _: Option<u64>, _: &mut Vec<Piece>) -> Result<u64> {
        let place = self.end;
        self.end += self.block;
        let index = block + block / chunk_ratio(self.block, SECTOR);
        self.bat[index as usize] = place | FULLY_PRESENT;
        Ok(place)
    }

    fn finish(self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let bat: Vec<_> = self.bat.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        let regions = Regions {
            metadata: Region { offset: METADATA, len: MIB },
            bat: Region { offset: BAT, len: align_up(bat.len() as u64, ALIGNMENT) },
        };
        let id = |purpose| identity.guid(purpose);
        let metadata = Metadata {
            block: self.block,
            is_fixed: false,
            size: self.size,
            sector: SECTOR,
            id: id("vhdx disk"),
        };
        volume.write_all_at(&metadata.encode(), METADATA)?;
        volume.write_all_at(&bat, BAT)?;
        volume.write_all_at(&header::encode(&regions, id("vhdx file"), id("vhdx data")), 0)?;
        Ok(self.end)
    }
}
