//! Compressing in every format that the kernel unpacks, each with the settings that it accepts: one
//! member, and of xz no check that `lib/xz` does not know.

use std::io::{Read, Write};

use liblzma::stream::{Check, Filters, LzmaOptions, Stream};
use lz4_flex::block;

use super::{Format, gzip, lz4_legacy, lzop};
use crate::error::{Context, Error, Result};

/// The levels of each format.
const fn levels(format: Format) -> std::ops::RangeInclusive<u32> {
    match format {
        Format::Gzip | Format::Xz | Format::Lzma => 0..=9,
        Format::Zstd => 1..=22,
        Format::Bzip2 => 1..=9,
        // There is one way to write lz4 and lzo here; a level is taken, so that all formats are called alike.
        Format::Lz4 | Format::Lz4Legacy | Format::Lzo => 0..=12,
    }
}

/// Compresses bytes as one member; the result depends on nothing else than format, level and bytes.
///
/// # Errors
/// Where the format has no such level, or the encoder fails.
pub fn compress(format: Format, level: u32, bytes: &[u8]) -> Result<Vec<u8>> {
    let levels = levels(format);
    if !levels.contains(&level) {
        let (first, last) = (levels.start(), levels.end());
        return Err(Error::new(format!("{format} has the levels {first} to {last}, not {level}")));
    }
    let mut packed = Vec::new();
    let written = match format {
        Format::Gzip => return Ok(gzip(level, bytes)),
        Format::Xz => {
            // The kernel's decoder knows CRC-32 and no CRC-64, which is the default of xz.
            let stream = Stream::new_easy_encoder(level, Check::Crc32)?;
            liblzma::read::XzEncoder::new_stream(bytes, stream).read_to_end(&mut packed)
        }
        Format::Lzma => {
            let stream = Stream::new_lzma_encoder(&LzmaOptions::new_preset(level)?)?;
            liblzma::read::XzEncoder::new_stream(bytes, stream).read_to_end(&mut packed)
        }
        Format::Zstd => {
            zstd::stream::read::Encoder::new(bytes, level as i32)?.read_to_end(&mut packed)
        }
        Format::Bzip2 => bzip2::read::BzEncoder::new(bytes, bzip2::Compression::new(level))
            .read_to_end(&mut packed),
        Format::Lz4 => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(&mut packed);
            encoder.write_all(bytes)?;
            encoder.finish().map_err(|e| Error::new(e.to_string()))?;
            return Ok(packed);
        }
        Format::Lz4Legacy => return Ok(legacy(bytes)),
        Format::Lzo => return lzop::compress(bytes).context(|| "compressing with lzo"),
    };
    written.context(|| format!("compressing with {format}"))?;
    Ok(packed)
}

/// Compresses bytes with LZMA and nothing around it: no header says the length or the settings, which are
/// the usual ones (lc 3, lp 0, pb 2) and this dictionary, in bytes. An end marker follows.
///
/// # Errors
/// Where the dictionary is none that LZMA can have, or memory is short.
pub fn raw_lzma(dictionary: u32, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut options = LzmaOptions::new_preset(9)?;
    let stream = Stream::new_raw_encoder(Filters::new().lzma1(options.dict_size(dictionary)))?;
    let mut packed = Vec::new();
    liblzma::read::XzEncoder::new_stream(bytes, stream)
        .read_to_end(&mut packed)
        .context(|| "compressing with lzma")?;
    Ok(packed)
}

/// The legacy frame: a magic, then each block behind its length.
fn legacy(bytes: &[u8]) -> Vec<u8> {
    let mut packed = lz4_legacy::MAGIC.to_vec();
    for chunk in bytes.chunks(lz4_legacy::BLOCK_SIZE) {
        let block = block::compress(chunk);
        packed.extend((block.len() as u32).to_le_bytes());
        packed.extend(block);
    }
    packed
}
