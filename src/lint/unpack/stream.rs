//! One compressed archive of an initramfs, decompressed as far as it goes; and the settings of a
//! compression that the kernel's decoder refuses though others read it.

use std::io::{self, Read};

use super::{Fault, UNPACKED_MAX};
use crate::compress::{Ahead, Format};
use crate::initramfs::segment::Encoding;

/// The largest window that the kernel's zstd decoder takes: it allocates as much in one piece, which
/// fails long before.
const ZSTD_WINDOW_MAX: u64 = 128 << 20;

/// What the kernel's decoder does not take in a stream that is sound.
pub(super) fn refused(stream: &[u8], encoding: Encoding) -> Option<Fault> {
    match encoding {
        Encoding::Xz => xz_check(stream).map(Fault::XzCheck),
        Encoding::Zstd => {
            zstd_window(stream).filter(|&w| w > ZSTD_WINDOW_MAX).map(Fault::ZstdWindow)
        }
        _ => None,
    }
}

/// The check of an xz stream, where the kernel does not have it (it has none and CRC32).
fn xz_check(stream: &[u8]) -> Option<&'static str> {
    match stream.get(7)? & 0xf {
        0 | 1 => None,
        4 => Some("CRC64"),
        10 => Some("SHA-256"),
        _ => Some("an unknown check"),
    }
}

/// The window that a zstd frame asks for (RFC 8878 §3.1.1.1.2).
fn zstd_window(frame: &[u8]) -> Option<u64> {
    const SINGLE_SEGMENT: u8 = 0x20;
    if frame.get(4)? & SINGLE_SEGMENT != 0 {
        return None;
    }
    let descriptor = u64::from(*frame.get(5)?);
    let base = 1u64 << (10 + (descriptor >> 3));
    Some(base + base / 8 * (descriptor & 7))
}

/// A decompressed stream.
pub(super) struct Stream {
    /// What was in it, as far as it could be read.
    pub(super) bytes: Vec<u8>,
    /// How long it is in the initramfs.
    pub(super) len: usize,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

/// Decompresses the stream that `bytes` start with, as far as it goes.
pub(super) fn decompress(bytes: &[u8], encoding: Encoding) -> Stream {
    let mut out = Vec::new();
    let (read, left) = match encoding {
        Encoding::Gzip => {
            let mut decoder = flate2::bufread::GzDecoder::new(bytes);
            (limited(&mut decoder, &mut out), decoder.into_inner().len())
        }
        Encoding::Bzip2 => {
            let mut decoder = bzip2::bufread::BzDecoder::new(bytes);
            (limited(&mut decoder, &mut out), decoder.into_inner().len())
        }
        Encoding::Xz | Encoding::Lzma => {
            use liblzma::stream::Stream as Lzma;
            const MEMORY_MAX: u64 = 256 << 20;
            let stream = match encoding {
                Encoding::Xz => Lzma::new_stream_decoder(MEMORY_MAX, 0),
                _ => Lzma::new_lzma_decoder(MEMORY_MAX),
            };
            match stream {
                Ok(stream) => {
                    let mut decoder = liblzma::bufread::XzDecoder::new_stream(bytes, stream);
                    (limited(&mut decoder, &mut out), decoder.into_inner().len())
                }
                Err(error) => (Err(io::Error::other(error)), 0),
            }
        }
        Encoding::Zstd => match zstd::stream::read::Decoder::with_buffer(bytes) {
            Ok(decoder) => {
                let mut decoder = decoder.single_frame();
                (limited(&mut decoder, &mut out), decoder.finish().len())
            }
            Err(error) => (Err(error), 0),
        },
        Encoding::Lz4 => {
            let mut decoder = lz4_flex::frame::FrameDecoder::new(bytes);
            (limited(&mut decoder, &mut out), 0)
        }
        Encoding::Lzo => {
            let mut input = Ahead::new(bytes);
            let read = match Format::Lzo.member_reader(&mut input) {
                Ok(mut decoder) => limited(&mut decoder, &mut out),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
            (read, bytes.len() - input.taken() as usize)
        }
        Encoding::Newc => (Ok(()), 0),
    };
    let fault = read.err().map(|error| damage(&error, encoding));
    Stream { bytes: out, len: bytes.len() - left, fault }
}

fn limited(source: &mut dyn Read, out: &mut Vec<u8>) -> io::Result<()> {
    source.take(UNPACKED_MAX + 1).read_to_end(out).map(drop)
}

/// What a decoder's error says about its stream.
fn damage(error: &io::Error, encoding: Encoding) -> Fault {
    let text = error.to_string();
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Truncated(encoding),
        _ if text.contains("incomplete frame") => Fault::Truncated(encoding),
        _ if encoding == Encoding::Gzip && text.contains("checksum") => Fault::BadCrc,
        _ => Fault::Corrupt(encoding),
    }
}
