//! The compressors of squashfs: their numbers, levels, and what an image says of them
//! (`squashfs_fs.h`, `mksquashfs`' defaults).

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// What packs the blocks of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Compressor {
    /// zlib streams.
    Gzip,
    /// xz streams whose dictionary is a block.
    Xz,
    /// Plain lz4 blocks.
    Lz4,
    /// zstd frames.
    Zstd,
}

impl Compressor {
    /// All that are written and read.
    pub const ALL: [Compressor; 4] =
        [Compressor::Gzip, Compressor::Xz, Compressor::Lz4, Compressor::Zstd];

    /// The name that `mksquashfs -comp` takes.
    pub const fn name(self) -> &'static str {
        match self {
            Compressor::Gzip => "gzip",
            Compressor::Xz => "xz",
            Compressor::Lz4 => "lz4",
            Compressor::Zstd => "zstd",
        }
    }

    /// The levels that it has; lz4 has one way to pack.
    pub const fn levels(self) -> RangeInclusive<u32> {
        match self {
            Compressor::Gzip => 1..=9,
            Compressor::Xz => 0..=9,
            Compressor::Lz4 => 0..=0,
            Compressor::Zstd => 1..=22,
        }
    }

    /// The level that mksquashfs takes.
    pub const fn usual_level(self) -> u32 {
        match self {
            Compressor::Gzip => 9,
            Compressor::Xz => 6,
            Compressor::Lz4 => 0,
            Compressor::Zstd => 15,
        }
    }

    /// Its number in the superblock.
    pub(super) const fn id(self) -> u16 {
        match self {
            Compressor::Gzip => 1,
            Compressor::Xz => 4,
            Compressor::Lz4 => 5,
            Compressor::Zstd => 6,
        }
    }

    /// The compressor of a number.
    pub(super) fn from_id(id: u16) -> Option<Self> {
        Compressor::ALL.into_iter().find(|compressor| compressor.id() == id)
    }

    /// The options that an image carries: those that a reader cannot guess, and of lz4 always.
    pub(super) fn options(self, level: u32) -> Option<Vec<u8>> {
        /// `LZ4_LEGACY`: plain blocks.
        const LZ4_VERSION: u32 = 1;
        /// zlib's largest window, in bits.
        const GZIP_WINDOW: u16 = 15;
        match self {
            Compressor::Lz4 => Some([LZ4_VERSION.to_le_bytes(), [0; 4]].concat()),
            _ if level == self.usual_level() => None,
            Compressor::Gzip => {
                let mut options = level.to_le_bytes().to_vec();
                options.extend(GZIP_WINDOW.to_le_bytes());
                // No strategy but the default one.
                options.extend([0; 2]);
                Some(options)
            }
            Compressor::Zstd => Some(level.to_le_bytes().into()),
            // Only dictionary and filters are told, which are the usual ones.
            Compressor::Xz => None,
        }
    }
}

impl fmt::Display for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that is no compressor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no compressor of squashfs: gzip, xz, lz4 and zstd are")]
pub struct CompressorError(String);

impl FromStr for Compressor {
    type Err = CompressorError;

    fn from_str(text: &str) -> Result<Self, CompressorError> {
        let named = Compressor::ALL.into_iter().find(|compressor| compressor.name() == text);
        named.ok_or_else(|| CompressorError(text.into()))
    }
}
