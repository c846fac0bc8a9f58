//! What can be chosen about a squashfs image, with mksquashfs' defaults.

use super::compressor::Compressor;
use crate::tree::Time;

/// The size of data blocks and fragments that mksquashfs takes.
const USUAL_BLOCK_SIZE: u32 = 128 << 10;

/// All choices about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// What packs blocks and tables.
    pub compressor: Compressor,
    /// One of [`Compressor::levels`].
    pub level: u32,
    /// Bytes of a data block: a power of two from 4 KiB to 1 MiB. Larger ones pack better, and more is
    /// unpacked for each read.
    pub block_size: u32,
    /// When the image was made; seconds count.
    pub time: Time,
    /// How many threads pack; 0 is one for each processor. The image does not depend on it.
    pub threads: usize,
}

impl Options {
    /// mksquashfs' defaults for a compressor.
    pub fn new(compressor: Compressor, time: Time) -> Self {
        Options {
            compressor,
            level: compressor.usual_level(),
            block_size: USUAL_BLOCK_SIZE,
            time,
            threads: 0,
        }
    }

    /// The threads that pack.
    pub(super) fn workers(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}
