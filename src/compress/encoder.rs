//! Compressing what is written piece by piece, so that an archive need not be in memory.
//!
//! One member each, with headers that say nothing of who made it and when, and with settings that the
//! kernel's decoders accept too. Left out: what is not written to (bzip2, lz4, lzma, lzo).

use std::io::{self, Write};

use flate2::write::GzEncoder;
use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;

use super::{Format, gzip_encoder};
use crate::error::{Context, Error, Result};

/// The usual level of `gzip`, `xz` and `zstd`.
const GZIP_LEVEL: u32 = 6;
const XZ_LEVEL: u32 = 6;
const ZSTD_LEVEL: i32 = 3;

/// A sink that compresses; flushes wait for the end, because each would cost a block.
pub struct Encoder<W: Write>(Inner<W>);

enum Inner<W: Write> {
    Gzip(GzEncoder<W>),
    Xz(Box<XzEncoder<W>>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// An encoder of this format into a sink.
    ///
    /// # Errors
    /// Where the format is not written so, or memory is short.
    pub fn new(format: Format, sink: W) -> Result<Self> {
        Ok(Encoder(match format {
            Format::Gzip => Inner::Gzip(gzip_encoder(GZIP_LEVEL, sink)),
            Format::Xz => {
                // The kernel's decoder knows CRC-32 and no CRC-64, which is the default of xz.
                let stream = Stream::new_easy_encoder(XZ_LEVEL, Check::Crc32);
                let stream = stream.context(|| "starting the encoder of xz")?;
                Inner::Xz(Box::new(XzEncoder::new_stream(sink, stream)))
            }
            Format::Zstd => Inner::Zstd(zstd::stream::write::Encoder::new(sink, ZSTD_LEVEL)?),
            _ => return Err(Error::new(format!("{format} is not written piece by piece"))),
        }))
    }

    /// Writes what is left; the sink.
    ///
    /// # Errors
    /// Where the sink takes no more.
    pub fn finish(self) -> io::Result<W> {
        match self.0 {
            Inner::Gzip(gzip) => gzip.finish(),
            Inner::Xz(xz) => xz.finish(),
            Inner::Zstd(zstd) => zstd.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.0 {
            Inner::Gzip(gzip) => gzip.write(bytes),
            Inner::Xz(xz) => xz.write(bytes),
            Inner::Zstd(zstd) => zstd.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::read_all;

    #[test]
    fn what_is_written_in_pieces_comes_back_and_is_the_same_every_time() {
        let bytes: Vec<u8> = (0..100_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for format in [Format::Gzip, Format::Xz, Format::Zstd] {
            let packed = |piece: usize| {
                let mut encoder = Encoder::new(format, Vec::new()).expect("written");
                for piece in bytes.chunks(piece) {
                    encoder.write_all(piece).expect("in memory");
                    encoder.flush().expect("in memory");
                }
                encoder.finish().expect("in memory")
            };
            assert_eq!(Format::sniff(&packed(1000)), Some(format));
            assert!(packed(1000) == packed(1000) && packed(1000) == packed(77_777), "{format}");
            assert!(read_all(&packed(1000)[..], 1 << 20).expect("sound") == bytes, "{format}");
        }
        assert!(Encoder::new(Format::Lzo, Vec::new()).is_err());
    }
}
