//! The segments of an initramfs: archives one after the other, each plain or compressed, with zeros
//! between them.
//!
//! The kernel's grammar (buffer-format.rst): `initramfs := ("\0" | cpio_archive | compressed)*`. A
//! plain archive must start at a multiple of 4, or the kernel does not see it. The end of a gzip
//! segment is found by decompressing it; of the other compressions only the start is known here, so
//! such a segment reaches to the end: in what distributions make it is the last.

use std::fmt;
use std::io;

use super::newc::{ALIGNMENT, MAGIC, MAGIC_CRC, ReadError, Reader};

/// One archive inside an initramfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts.
    pub offset: usize,
    /// Its length in bytes as it is stored, without the zeros that follow.
    pub len: usize,
    /// How it is stored.
    pub encoding: Encoding,
}

/// How an archive is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// A plain newc archive.
    Newc,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz.
    Xz,
    /// LZMA alone, the older format of xz.
    Lzma,
    /// bzip2.
    Bzip2,
    /// LZ4 in the legacy frame, the one that the kernel knows.
    Lz4,
    /// lzop.
    Lzo,
}

/// What each compression starts with, as `lib/decompress.c` of the kernel has it.
const MAGICS: [(&[u8], Encoding); 8] = [
    (&[0x1f, 0x8b], Encoding::Gzip),
    (&[0x1f, 0x9e], Encoding::Gzip),
    (&[0x28, 0xb5, 0x2f, 0xfd], Encoding::Zstd),
    (b"\xfd7zXZ", Encoding::Xz),
    (&[0x5d, 0, 0], Encoding::Lzma),
    (b"BZh", Encoding::Bzip2),
    (&[0x02, 0x21, 0x4c, 0x18], Encoding::Lz4),
    (&[0x89, b'L', b'Z', b'O'], Encoding::Lzo),
];

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Encoding::Newc => "newc",
            Encoding::Gzip => "gzip",
            Encoding::Zstd => "zstd",
            Encoding::Xz => "xz",
            Encoding::Lzma => "lzma",
            Encoding::Bzip2 => "bzip2",
            Encoding::Lz4 => "lz4",
            Encoding::Lzo => "lzo",
        })
    }
}

/// Why bytes are not an initramfs.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Neither an archive nor a compression that the kernel knows.
    #[error("at offset {offset} is neither a newc archive nor a known compression")]
    Unknown {
        /// Where the segment was due.
        offset: usize,
    },
    /// A plain archive that the kernel does not find.
    #[error("the archive at offset {offset} does not start at a multiple of {ALIGNMENT}")]
    Misaligned {
        /// Where it starts.
        offset: usize,
    },
    /// A plain archive that is damaged.
    #[error("the archive at offset {offset}")]
    Newc {
        /// Where it starts.
        offset: usize,
        /// What is wrong; offsets count from the archive's start.
        source: ReadError,
    },
    /// A gzip segment that is damaged.
    #[error("the gzip segment at offset {offset}")]
    Gzip {
        /// Where it starts.
        offset: usize,
        /// What is wrong.
        source: io::Error,
    },
}

/// Finds the segments of an initramfs, in order. Contents are not kept: memory does not grow with
/// what a segment decompresses to.
///
/// # Errors
/// Where something is no segment, or a plain or gzip segment is damaged.
pub fn split(initramfs: &[u8]) -> Result<Vec<Segment>, SegmentError> {
    let mut segments = Vec::new();
    let mut offset = 0;
    loop {
        let rest = &initramfs[offset..];
        let Some(zeros) = rest.iter().position(|&b| b != 0) else { return Ok(segments) };
        offset += zeros;
        let segment = segment_at(&initramfs[offset..], offset)?;
        segments.push(segment);
        offset += segment.len;
    }
}

fn segment_at(rest: &[u8], offset: usize) -> Result<Segment, SegmentError> {
    let encoding = sniff(rest).ok_or(SegmentError::Unknown { offset })?;
    let len = match encoding {
        Encoding::Newc if !(offset as u64).is_multiple_of(ALIGNMENT) => {
            return Err(SegmentError::Misaligned { offset });
        }
        Encoding::Newc => newc_len(rest).map_err(|source| SegmentError::Newc { offset, source })?,
        Encoding::Gzip => gzip_len(rest).map_err(|source| SegmentError::Gzip { offset, source })?,
        _ => rest.len(),
    };
    Ok(Segment { offset, len, encoding })
}

/// What bytes start as.
fn sniff(bytes: &[u8]) -> Option<Encoding> {
    if bytes.starts_with(MAGIC) || bytes.starts_with(MAGIC_CRC) {
        return Some(Encoding::Newc);
    }
    MAGICS.iter().find(|(magic, _)| bytes.starts_with(magic)).map(|&(_, encoding)| encoding)
}

fn newc_len(bytes: &[u8]) -> Result<usize, ReadError> {
    let mut reader = Reader::new(bytes);
    while reader.next_entry()?.is_some() {}
    Ok(reader.offset() as usize)
}

/// The length of the gzip member that the bytes start with.
fn gzip_len(bytes: &[u8]) -> io::Result<usize> {
    let mut member = flate2::bufread::GzDecoder::new(bytes);
    io::copy(&mut member, &mut io::sink())?;
    Ok(bytes.len() - member.into_inner().len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::{newc, pack};
    use crate::tree::{Time, Tree};
    use proptest::prelude::*;

    fn plain() -> Vec<u8> {
        let mut bytes = Vec::new();
        newc::write(&Tree::new(Time::EPOCH), &mut bytes).expect("it fits");
        bytes
    }

    fn gzip() -> Vec<u8> {
        pack(&Tree::new(Time::EPOCH), 6).expect("packed")
    }

    #[test]
    fn segments_and_the_zeros_between_them_are_told_apart() {
        let zstd = [0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3];
        let parts = [plain(), vec![0; 276], gzip(), vec![0; 3], gzip(), zstd.to_vec()];
        let segments = split(&parts.concat()).expect("sound");
        let (p, g) = (plain().len(), gzip().len());
        let expected = [
            (0, p, Encoding::Newc),
            (p + 276, g, Encoding::Gzip),
            (p + 279 + g, g, Encoding::Gzip),
            (p + 279 + 2 * g, 7, Encoding::Zstd),
        ];
        assert_eq!(segments.len(), expected.len());
        for (segment, (offset, len, encoding)) in segments.into_iter().zip(expected) {
            assert_eq!(segment, Segment { offset, len, encoding });
        }
        assert!(split(&[0; 512]).expect("only padding").is_empty());
    }

    #[test]
    fn what_the_kernel_does_not_find_is_an_error() {
        let text = |bytes: Vec<u8>| {
            crate::error::Error::from(split(&bytes).expect_err("it is damaged")).to_string()
        };
        assert_eq!(
            text([vec![0; 2], plain()].concat()),
            "the archive at offset 2 does not start at a multiple of 4"
        );
        assert_eq!(
            text([plain(), b"junk".to_vec()].concat()),
            "at offset 236 is neither a newc archive nor a known compression"
        );
        assert_eq!(
            text(plain()[..200].to_vec()),
            "the archive at offset 0: the archive ends at offset 200, in the middle of a header"
        );
        assert!(text(gzip()[..40].to_vec()).starts_with("the gzip segment at offset 0: "));
    }

    proptest! {
        #[test]
        fn damaged_bytes_never_panic(
            damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
            tail in prop::collection::vec(any::<u8>(), 0..64),
        ) {
            let mut bytes = [plain(), gzip(), tail].concat();
            for (at, byte) in damage {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            if let Ok(segments) = split(&bytes) {
                let end = |s: &Segment| s.offset + s.len;
                prop_assert!(segments.windows(2).all(|w| end(&w[0]) <= w[1].offset));
                prop_assert!(segments.last().is_none_or(|s| end(s) <= bytes.len()));
            }
        }
    }
}
