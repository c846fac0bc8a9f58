//! Compressed streams: told apart by their magic, read with bounded memory, and gzip written so that
//! the same input always gives the same bytes.
//!
//! Formats: gzip (RFC 1952), xz and lzma (liblzma), zstd (RFC 8878), bzip2, lz4 (the frame format and
//! the legacy frame that the kernel uses), lzo in lzop's file.

mod ahead;
mod encoder;
mod lz4_legacy;
mod lzop;
mod write;

pub use ahead::Ahead;
pub use encoder::Encoder;
pub use write::{compress, raw_lzma};

use std::fmt;
use std::io::{self, Read, Write};

use flate2::write::GzEncoder;
use flate2::{Compression, GzBuilder};

use crate::error::{Context, Error, Result};

/// How many bytes [`Format::sniff`] wants to see.
pub const SNIFF_LENGTH: usize = 13;

/// The most memory that a decoder of xz or lzma may take, in bytes: four times the dictionary of `xz -9`.
const LZMA_MEMORY_LIMIT: u64 = 256 << 20;

/// The largest window of zstd, as a power of two: 128 MiB, the decoder's own default, which `--ultra`
/// needs and the kernel accepts.
const ZSTD_WINDOW_LOG_MAX: u32 = 27;

/// A compression format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// The container of LZMA2.
    Xz,
    /// The older LZMA_Alone file, which has no magic, only plausible fields.
    Lzma,
    /// RFC 8878.
    Zstd,
    /// bzip2.
    Bzip2,
    /// lz4's frame format.
    Lz4,
    /// lz4's legacy frame, the one that the kernel reads.
    Lz4Legacy,
    /// lzo as lzop has it, the one that the kernel reads.
    Lzo,
}

/// The starts that tell formats apart.
const MAGICS: &[(Format, &[u8])] = &[
    (Format::Gzip, &[0x1f, 0x8b, 0x08]),
    (Format::Xz, &[0xfd, b'7', b'z', b'X', b'Z', 0x00]),
    (Format::Zstd, &[0x28, 0xb5, 0x2f, 0xfd]),
    (Format::Bzip2, b"BZh"),
    (Format::Lz4, &[0x04, 0x22, 0x4d, 0x18]),
    (Format::Lz4Legacy, &lz4_legacy::MAGIC),
    (Format::Lzo, &lzop::MAGIC),
];

impl Format {
    /// Every format.
    pub const ALL: [Format; 8] = [
        Format::Gzip,
        Format::Xz,
        Format::Lzma,
        Format::Zstd,
        Format::Bzip2,
        Format::Lz4,
        Format::Lz4Legacy,
        Format::Lzo,
    ];

    /// The format whose stream starts like this, from the first [`SNIFF_LENGTH`] bytes; fewer are
    /// fine where the stream is that short.
    pub fn sniff(start: &[u8]) -> Option<Format> {
        let known = MAGICS.iter().find(|(_, magic)| start.starts_with(magic)).map(|(f, _)| *f);
        known.or_else(|| is_lzma(start).then_some(Format::Lzma))
    }

    /// The name that the kernel's configuration and `file` use.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Gzip => "gzip",
            Format::Xz => "xz",
            Format::Lzma => "lzma",
            Format::Zstd => "zstd",
            Format::Bzip2 => "bzip2",
            Format::Lz4 => "lz4",
            Format::Lz4Legacy => "lz4 (legacy frame)",
            Format::Lzo => "lzo",
        }
    }

    /// Reads a stream of this format: all its members or frames, one after the other
    /// (of lz4, lzo and lzma the first).
    ///
    /// # Errors
    /// Where a decoder cannot be set up; damage shows when the result is read.
    pub fn reader<'a>(self, input: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
        use liblzma::stream::{CONCATENATED, Stream};
        Ok(match self {
            Format::Gzip => Box::new(flate2::read::MultiGzDecoder::new(input)),
            Format::Bzip2 => Box::new(bzip2::read::MultiBzDecoder::new(input)),
            Format::Lz4 | Format::Lz4Legacy => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
            Format::Lzo => Box::new(lzop::Decoder::new(io::BufReader::new(input))),
            Format::Xz => {
                let stream = Stream::new_stream_decoder(LZMA_MEMORY_LIMIT, CONCATENATED);
                let stream = stream.context(|| "starting the decoder of xz")?;
                Box::new(liblzma::read::XzDecoder::new_stream(input, stream))
            }
            Format::Lzma => {
                let stream = Stream::new_lzma_decoder(LZMA_MEMORY_LIMIT);
                let stream = stream.context(|| "starting the decoder of lzma")?;
                Box::new(liblzma::read::XzDecoder::new_stream(input, stream))
            }
            Format::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::new(input)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }
}

impl Format {
    /// Reads the first member or frame of a stream, and takes not a byte more from `input` than it has:
    /// what follows in `input` is what follows the member.
    ///
    /// # Errors
    /// Where a decoder cannot be set up; damage shows when the result is read.
    pub fn member_reader<'a, R: Read>(self, input: &'a mut Ahead<R>) -> Result<Box<dyn Read + 'a>> {
        use liblzma::stream::Stream;
        Ok(match self {
            Format::Gzip => Box::new(flate2::bufread::GzDecoder::new(input)),
            Format::Bzip2 => Box::new(bzip2::bufread::BzDecoder::new(input)),
            Format::Lz4 => Box::new(lz4_flex::frame::FrameDecoder::new(input)),
            Format::Lz4Legacy => Box::new(lz4_legacy::Decoder::new(input)),
            Format::Lzo => Box::new(lzop::Decoder::new(input)),
            Format::Xz => {
                let stream = Stream::new_stream_decoder(LZMA_MEMORY_LIMIT, 0);
                let stream = stream.context(|| "starting the decoder of xz")?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Format::Lzma => {
                let stream = Stream::new_lzma_decoder(LZMA_MEMORY_LIMIT);
                let stream = stream.context(|| "starting the decoder of lzma")?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(input, stream))
            }
            Format::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(input)?.single_frame();
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Box::new(decoder)
            }
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// lzma has no magic: properties of the default encoder, a dictionary that is a power of two or one
/// and a half of it, and a length that is unknown or below 256 GiB, as liblzma itself judges.
fn is_lzma(start: &[u8]) -> bool {
    let Some(header) = start.first_chunk::<SNIFF_LENGTH>() else { return false };
    let [properties, d0, d1, d2, d3, length @ ..] = *header;
    let dictionary = u32::from_le_bytes([d0, d1, d2, d3]);
    let length = u64::from_le_bytes(length);
    let plausible = dictionary >= 1 << 12 && dictionary.count_ones() <= 2;
    properties == 0x5d && plausible && (length == u64::MAX || length < 1 << 38)
}

/// Reads a stream whatever its compression: sniffs the start and decodes; what is in no known format
/// comes through as it is.
///
/// # Errors
/// Where the start cannot be read.
pub fn reader<'a>(mut input: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut start = Vec::with_capacity(SNIFF_LENGTH);
    input.by_ref().take(SNIFF_LENGTH as u64).read_to_end(&mut start)?;
    let format = Format::sniff(&start);
    let whole = io::Cursor::new(start).chain(input);
    match format {
        Some(format) => format.reader(whole),
        None => Ok(Box::new(whole)),
    }
}

/// All of a stream, decoded; more than `limit` bytes are refused.
///
/// # Errors
/// Where it is damaged, or longer than the limit.
pub fn read_all(input: impl Read, limit: u64) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let n = reader(input)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    match n as u64 > limit {
        true => Err(Error::new(format!("it is longer than {limit} bytes when decompressed"))),
        false => Ok(bytes),
    }
}

/// `bytes` as one gzip member, at a level of 0 to 9 (above counts as 9). The header holds no time and
/// no operating system (255, unknown), so that the result depends on nothing else.
pub fn gzip(level: u32, bytes: &[u8]) -> Vec<u8> {
    let sink = Vec::with_capacity(bytes.len() / 2 + 64);
    let mut encoder = gzip_encoder(level.min(9), sink);
    // A `Vec` takes every write, so neither call has a way to fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

/// An encoder of one member whose header says nothing of who made it, and when.
fn gzip_encoder<W: Write>(level: u32, sink: W) -> GzEncoder<W> {
    // "Unknown" in RFC 1952 §2.3.1.
    let builder = GzBuilder::new().mtime(0).operating_system(255);
    builder.write(sink, Compression::new(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> Vec<u8> {
        (0..20_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect()
    }

    fn every_format() -> Vec<(Format, Vec<u8>)> {
        use liblzma::stream::{LzmaOptions, Stream};
        let lzma_options = LzmaOptions::new_preset(6).expect("preset");
        let lzma = Stream::new_lzma_encoder(&lzma_options).expect("encoder");
        let mut lzma = liblzma::read::XzEncoder::new_stream(io::Cursor::new(text()), lzma);
        let mut lzma_bytes = Vec::new();
        lzma.read_to_end(&mut lzma_bytes).expect("lzma");
        let mut bzip2 = Vec::new();
        let level = bzip2::Compression::best();
        bzip2::read::BzEncoder::new(&text()[..], level).read_to_end(&mut bzip2).expect("bzip2");
        let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
        lz4.write_all(&text()).expect("lz4");
        vec![
            (Format::Gzip, gzip(6, &text())),
            (Format::Xz, liblzma::encode_all(&text()[..], 6).expect("xz")),
            (Format::Lzma, lzma_bytes),
            (Format::Zstd, zstd::encode_all(&text()[..], 3).expect("zstd")),
            (Format::Bzip2, bzip2),
            (Format::Lz4, lz4.finish().expect("lz4")),
        ]
    }

    #[test]
    fn every_format_is_recognised_and_comes_back() {
        for (format, bytes) in every_format() {
            assert_eq!(Format::sniff(&bytes), Some(format));
            assert_eq!(read_all(&bytes[..], 1 << 20).expect("reads"), text(), "{format}");
            let cut = read_all(&bytes[..bytes.len() / 2], 1 << 20);
            assert!(cut.is_err() || cut.is_ok_and(|t| t != text()), "{format} truncated");
        }
    }

    #[test]
    fn two_members_are_one_stream() {
        for (format, bytes) in every_format() {
            if matches!(format, Format::Lzma | Format::Lz4) {
                continue; // lzma ends where its one stream ends; lz4 is read frame by frame.
            }
            let twice = [&bytes[..], &bytes[..]].concat();
            let read = read_all(&twice[..], 1 << 20).expect("reads");
            assert_eq!(read.len(), 2 * text().len(), "{format}");
        }
    }

    #[test]
    fn a_member_takes_no_byte_of_what_follows_it() {
        let legacy = (Format::Lz4Legacy, compress(Format::Lz4Legacy, 1, &text()).expect("lz4"));
        let lzo = (Format::Lzo, compress(Format::Lzo, 1, &text()).expect("lzo"));
        for (format, bytes) in every_format().into_iter().chain([legacy, lzo]) {
            let stream = [&bytes[..], b"\0\0\0\0rest"].concat();
            let mut input = Ahead::new(&stream[..]);
            let mut read = Vec::new();
            let mut member = format.member_reader(&mut input).expect("reads");
            member.read_to_end(&mut read).expect("sound");
            drop(member);
            assert_eq!(read, text(), "{format}");
            assert_eq!(input.taken(), bytes.len() as u64, "{format}");
            let mut rest = Vec::new();
            input.read_to_end(&mut rest).expect("in memory");
            assert_eq!(rest, b"\0\0\0\0rest", "{format}");
        }
    }

    #[test]
    fn what_is_compressed_comes_back_and_levels_are_bounded() {
        for format in Format::ALL {
            for level in [1, 6, 9] {
                let bytes = compress(format, level, &text()).expect("compressed");
                assert_eq!(Format::sniff(&bytes), Some(format));
                let mut read = Vec::new();
                let mut input = Ahead::new(&bytes[..]);
                let mut member = format.member_reader(&mut input).expect("reads");
                member.read_to_end(&mut read).expect("sound");
                assert_eq!(read, text(), "{format}");
            }
            assert!(compress(format, 99, b"").is_err(), "{format}");
        }
    }

    #[test]
    fn plain_bytes_pass_and_a_bomb_is_stopped() {
        assert_eq!(read_all(&b"070701"[..], 6).expect("reads"), b"070701");
        assert_eq!(read_all(&b""[..], 0).expect("reads"), b"");
        let bomb = gzip(9, &vec![0; 1 << 20]);
        let error = read_all(&bomb[..], 1000).expect_err("too long");
        assert!(error.to_string().contains("longer than 1000 bytes"), "{error}");
    }

    #[test]
    fn gzip_is_one_member_with_a_header_of_constants() {
        let bytes = gzip(6, &text());
        assert_eq!(bytes[..10], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
        let mut member = flate2::bufread::GzDecoder::new(&bytes[..]);
        member.read_to_end(&mut Vec::new()).expect("reads");
        assert!(member.into_inner().is_empty());
        assert_eq!(gzip(9, b""), gzip(99, b""));
    }

    #[test]
    fn the_kernels_lz4_is_read() {
        // Magic, length of the block, a block of four literals (token 0x40).
        let bytes = [0x02, 0x21, 0x4c, 0x18, 5, 0, 0, 0, 0x40, b'i', b'n', b'i', b't'];
        assert_eq!(Format::sniff(&bytes), Some(Format::Lz4Legacy));
        assert_eq!(read_all(&bytes[..], 100).expect("reads"), b"init");
    }
}
