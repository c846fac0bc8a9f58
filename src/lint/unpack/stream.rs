//! One compressed archive of an initramfs, decompressed as far as it goes; and the settings of a
//! compression that the kernel's decoder refuses though others read it.

use std::io::{self, BufRead, Read};

use super::Fault;
use crate::compress::Ahead;
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

/// The bytes of an archive that can be looked ahead into.
pub(super) type Stream<'a> = Ahead<Bytes<'a>>;

/// Bytes as far as they can be had: they end where their source does, where it is damaged, and where they
/// are too many.
pub(super) struct Bytes<'a> {
    source: Box<dyn Read + 'a>,
    /// How many more are given.
    left: u64,
    error: Option<io::Error>,
    is_long: bool,
}

/// At most so many bytes of a source.
pub(super) fn of<'a>(source: impl Read + 'a, limit: u64) -> Stream<'a> {
    Ahead::new(Bytes { source: Box::new(source), left: limit, error: None, is_long: false })
}

impl Read for Bytes<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.error.is_some() || self.is_long || buffer.is_empty() {
            return Ok(0);
        }
        let n = match self.source.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            read => read.unwrap_or_else(|error| {
                self.error = Some(error);
                0
            }),
        };
        self.is_long = n as u64 > self.left;
        let n = self.left.min(n as u64);
        self.left -= n;
        Ok(n as usize)
    }
}

/// What comes next, [`compress::ahead`](crate::compress::Ahead) says how much; nothing at the end.
pub(super) fn ahead<'s>(stream: &'s mut Stream<'_>) -> &'s [u8] {
    // `Bytes` has no errors but to be asked again.
    stream.fill_buf().unwrap_or_default()
}

/// A copy of what a header starts with, as far as it tells what it is instead of one.
pub(super) fn head(stream: &mut Stream<'_>) -> Vec<u8> {
    const LEN: usize = 512;
    let ahead = ahead(stream);
    ahead[..ahead.len().min(LEN)].to_vec()
}

/// Reads a stream to its end, and says what is wrong with it.
pub(super) fn end(stream: &mut Stream<'_>, encoding: Encoding) -> Option<Fault> {
    loop {
        match ahead(stream).len() {
            0 => break,
            n => stream.consume(n),
        }
    }
    let bytes = stream.inner();
    match &bytes.error {
        _ if bytes.is_long => Some(Fault::TooLong),
        error => error.as_ref().map(|error| damage(error, encoding)),
    }
}

/// Whether the kernel's decoder takes what follows a stream for more of it: that of lz4 knows the end by
/// zeros, or by the magic of another stream (`lib/decompress_unlz4.c`).
pub(super) fn without_end(after: &[u8], encoding: Encoding) -> Option<Fault> {
    const LZ4_MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];
    let next = after.first_chunk::<4>()?;
    let is_more = encoding == Encoding::Lz4 && *next != [0; 4] && *next != LZ4_MAGIC;
    is_more.then_some(Fault::Corrupt(encoding))
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
