//! How blocks are packed, with an encoder for each core that is used again and again.

use flate2::{Compress, Compression, FlushCompress, Status};

use crate::error::{Context, Error, Result};

/// How a format packs its blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::format) enum Packing {
    /// Not at all.
    Plain,
    /// DEFLATE in a window of 4 KiB without a header; a block that does not get smaller stays plain.
    Qcow2Deflate,
    /// Zstandard, likewise.
    Qcow2Zstd,
    /// DEFLATE in a zlib stream, always.
    Zlib,
}

/// zlib's level where nobody says, which qemu-img takes too.
const DEFLATE_LEVEL: u32 = 6;

/// Zstandard's, which qemu-img takes too.
const ZSTD_LEVEL: i32 = 3;

/// The window of qcow2's DEFLATE as a power of two.
const QCOW2_WINDOW: u8 = 12;

/// An encoder of one core.
pub(super) struct Packer {
    packing: Packing,
    deflate: Option<Compress>,
    zstd: Option<zstd::bulk::Compressor<'static>>,
}

impl Packer {
    pub(super) fn new(packing: Packing) -> Result<Self> {
        let level = Compression::new(DEFLATE_LEVEL);
        let (mut deflate, mut zstd) = (None, None);
        match packing {
            Packing::Plain => {}
            Packing::Qcow2Deflate => {
                deflate = Some(Compress::new_with_window_bits(level, false, QCOW2_WINDOW));
            }
            Packing::Zlib => deflate = Some(Compress::new(level, true)),
            Packing::Qcow2Zstd => {
                let compressor = zstd::bulk::Compressor::new(ZSTD_LEVEL);
                zstd = Some(compressor.context(|| "starting Zstandard")?);
            }
        }
        Ok(Packer { packing, deflate, zstd })
    }

    /// Appends the packed block to `packed`; `false` where it stays plain.
    pub(super) fn pack(&mut self, block: &[u8], packed: &mut Vec<u8>) -> Result<bool> {
        let start = packed.len();
        if let Some(zstd) = &mut self.zstd {
            packed.extend(zstd.compress(block).context(|| "compressing with Zstandard")?);
        } else if let Some(deflate) = &mut self.deflate {
            deflate.reset();
            // The longest that DEFLATE makes of what it cannot compress, with some room.
            packed.reserve(block.len() + block.len() / 1000 + 128);
            let done = deflate.compress_vec(block, packed, FlushCompress::Finish);
            if !matches!(done, Ok(Status::StreamEnd)) {
                return Err(Error::new("DEFLATE did not end its stream"));
            }
        } else {
            return Ok(false);
        }
        let is_smaller = packed.len() - start < block.len();
        if !is_smaller && self.packing != Packing::Zlib {
            packed.truncate(start);
            return Ok(false);
        }
        Ok(true)
    }
}
