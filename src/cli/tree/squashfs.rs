//! A tree as a squashfs image.

use std::fs::File;
use std::str::FromStr;

use clap::Args;

use crate::error::Result;
use crate::fs::squashfs::{self, Compressor, CompressorError};
use crate::size::Size;
use crate::tree::{Notice, Time, Tree};
use crate::volume::Volume;

/// How an image is packed; what nobody chooses is as with mksquashfs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For .squashfs")]
pub struct SquashfsArgs {
    /// What packs it: zstd, xz, gzip or lz4, and a level, as in `zstd:19`
    #[arg(long, value_name = "NAME[:LEVEL]", default_value = "zstd")]
    pub compression: Compression,
    /// Bytes a block: a power of two from 4K to 1M
    #[arg(long, value_name = "SIZE", default_value = "128K")]
    pub squashfs_block_size: Size,
}

/// A compressor, and a level where it is not the usual one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// What packs.
    pub compressor: Compressor,
    /// How hard.
    pub level: Option<u32>,
}

/// Why a word says no compression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompressionError {
    /// The name is none.
    #[error(transparent)]
    Compressor(#[from] CompressorError),
    /// The level is no number.
    #[error("`{0}` is no level: write a number after the colon, as in zstd:19")]
    Level(String),
}

impl FromStr for Compression {
    type Err = CompressionError;

    fn from_str(text: &str) -> Result<Self, CompressionError> {
        let (name, level) = match text.split_once(':') {
            Some((name, level)) => {
                let number = level.parse().map_err(|_| CompressionError::Level(level.into()))?;
                (name, Some(number))
            }
            None => (text, None),
        };
        Ok(Compression { compressor: name.parse()?, level })
    }
}

impl SquashfsArgs {
    /// Writes an image into an empty file.
    ///
    /// # Errors
    /// Where the tree cannot be one, or the disk takes no more.
    pub(super) fn write(
        &self,
        tree: &Tree,
        file: &File,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Notice>> {
        let Compression { compressor, level } = self.compression;
        let latest = tree.iter().map(|e| e.node.metadata.mtime).max().unwrap_or(Time::EPOCH);
        let mut options = squashfs::Options::new(compressor, latest);
        options.level = level.unwrap_or(options.level);
        // What is no size of a block is told with those that are.
        options.block_size = u32::try_from(self.squashfs_block_size.0).unwrap_or(0);
        let plan = squashfs::plan(tree, &options)?;
        plan.write(&Volume::new(file, 0, u64::MAX), progress)?;
        Ok(plan.notices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressor_may_have_a_level() {
        let of = |text: &str| text.parse::<Compression>().map(|c| (c.compressor, c.level));
        assert_eq!(of("xz").expect("good"), (Compressor::Xz, None));
        assert_eq!(of("zstd:19").expect("good"), (Compressor::Zstd, Some(19)));
        assert!(of("zstd:high").is_err());
        assert!(of("lzo").is_err());
    }
}
