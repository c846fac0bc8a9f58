//! The segments of an initramfs: archives one after the other, each plain or compressed, with zeros
//! between them.
//!
//! The kernel's grammar (buffer-format.rst): `initramfs := ("\0" | cpio_archive | compressed)*`. A
//! plain archive must start at a multiple of 4, or the kernel does not see it. The end of a compressed
//! segment is found by unpacking it; nothing of what it unpacks to is kept, and of a plain one only the
//! headers are read.

mod census;
mod magic;

pub use census::{Census, ENTRIES_MAX};
pub use magic::{sniff, sniff_as_kernel};

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use super::newc::{ALIGNMENT, Entry, ReadError, Reader};
use crate::compress::{Ahead, Format, SNIFF_LENGTH};
use crate::error::{Error, Result};
use crate::volume::{Window, WindowReader};

/// One stretch of an initramfs: what the kernel takes in one go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts in the file.
    pub offset: u64,
    /// Its length in bytes as it is stored, without the zeros that follow.
    pub len: u64,
    /// How it is stored.
    pub encoding: Encoding,
    /// Bytes that it unpacks to, as far as it was read.
    pub unpacked: u64,
    /// How many entries it has, without trailers.
    pub entries: u64,
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

/// The compressions that are unpacked here.
const FORMATS: [(Encoding, Format); 7] = [
    (Encoding::Gzip, Format::Gzip),
    (Encoding::Zstd, Format::Zstd),
    (Encoding::Xz, Format::Xz),
    (Encoding::Lzma, Format::Lzma),
    (Encoding::Bzip2, Format::Bzip2),
    (Encoding::Lz4, Format::Lz4Legacy),
    (Encoding::Lzo, Format::Lzo),
];

impl Encoding {
    /// The compression; `None` for a plain archive.
    pub fn format(self) -> Option<Format> {
        FORMATS.iter().find(|(encoding, _)| *encoding == self).map(|(_, format)| *format)
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Encoding::Newc => "uncompressed",
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
        offset: u64,
    },
    /// A plain archive that the kernel does not find.
    #[error("the archive at offset {offset} does not start at a multiple of {ALIGNMENT}")]
    Misaligned {
        /// Where it starts.
        offset: u64,
    },
    /// An archive that is damaged.
    #[error("the {encoding} archive at offset {offset}")]
    Newc {
        /// Where its segment starts.
        offset: u64,
        /// How it is stored.
        encoding: Encoding,
        /// What is wrong; offsets count from the start of what the segment unpacks to.
        source: ReadError,
    },
    /// Compressed bytes that are damaged.
    #[error("the {encoding} segment at offset {offset}")]
    Packed {
        /// Where it starts.
        offset: u64,
        /// How it is stored.
        encoding: Encoding,
        /// What is wrong.
        source: io::Error,
    },
    /// More than there is room for.
    #[error("it has more than {ENTRIES_MAX} entries, or names of over 128 MiB")]
    TooMany,
    /// The file cannot be read.
    #[error("reading at offset {offset}")]
    Source {
        /// Where.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

/// What was found on the way through an initramfs.
#[derive(Debug)]
pub struct Walk {
    /// The segments in order; of a damaged one what was read of it.
    pub segments: Vec<Segment>,
    /// Why the way ended before the file did.
    pub problem: Option<SegmentError>,
}

/// Where entries come from while they are walked.
pub enum Source<'a> {
    /// A range of the file, whose data can be left out without reading it.
    Plain(BufReader<WindowReader>, u64),
    /// What a decoder gives.
    Packed(BufReader<Box<dyn Read + 'a>>),
}

/// The reader of an entry's data: see [`Reader::data`], [`Reader::copy`] and [`Reader::head`].
pub type Data<'a, 'b> = Reader<&'a mut Source<'b>>;

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The index of its segment.
    pub segment: usize,
    /// The number of its archive, of which a compressed segment may hold several: hard links end with it.
    pub archive: usize,
}

/// What is done with every entry: where it stands, the entry, and the way to its data.
pub type Visit<'v> = dyn FnMut(Place, &Entry, &mut Data<'_, '_>) -> Result<()> + 'v;

/// Visits every entry of every segment in order. Damage ends the walk and is part of its result.
///
/// # Errors
/// Where `visit_fn` fails; damage that it ran into counts as that of the segment.
pub fn walk(initramfs: &Window, visit_fn: &mut Visit<'_>) -> Result<Walk> {
    let mut walk = Walk { segments: Vec::new(), problem: None };
    let (mut offset, mut archives) = (0, 0);
    let mut census = Census::default();
    loop {
        let next = skip_zeros(initramfs, offset)
            .and_then(|next| Ok((next, initramfs.bytes(next, SNIFF_LENGTH)?)));
        let (start, head) = match next {
            Ok((_, head)) if head.is_empty() => return Ok(walk),
            Ok(found) => found,
            Err(source) => {
                walk.problem = Some(SegmentError::Source { offset, source });
                return Ok(walk);
            }
        };
        let so_far = (&mut walk.segments, &mut archives, &mut census);
        match segment(initramfs, start, &head, so_far, visit_fn) {
            Ok(()) => {}
            Err(Stop::Damage(problem)) => {
                walk.problem = Some(problem);
                return Ok(walk);
            }
            Err(Stop::Visitor(error)) => return Err(error),
        }
        offset = walk.segments.last().map_or(start, |segment| segment.offset + segment.len);
    }
}

/// Why a walk ends early.
enum Stop {
    Damage(SegmentError),
    Visitor(Error),
}

/// Reads one segment and adds it to the list, even where it is damaged.
fn segment(
    initramfs: &Window,
    offset: u64,
    head: &[u8],
    (segments, archives, census): (&mut Vec<Segment>, &mut usize, &mut Census),
    visit_fn: &mut Visit<'_>,
) -> Result<(), Stop> {
    let encoding = sniff(head).ok_or(Stop::Damage(SegmentError::Unknown { offset }))?;
    let rest = initramfs.part(offset, u64::MAX);
    let place = Place { segment: segments.len(), archive: *archives };
    let new = Segment { offset, len: rest.len(), encoding, unpacked: 0, entries: 0 };
    let mut read = Archives { segment: new, place, census, visit_fn };
    let result = match encoding.format() {
        Some(format) => read.packed(&rest, format),
        None if !offset.is_multiple_of(ALIGNMENT) => {
            Err(Stop::Damage(SegmentError::Misaligned { offset }))
        }
        None => read.plain(&rest),
    };
    *archives = read.place.archive;
    segments.push(read.segment);
    result
}

/// The archives of one segment while they are read.
struct Archives<'s, 'v> {
    segment: Segment,
    place: Place,
    census: &'s mut Census,
    visit_fn: &'s mut Visit<'v>,
}

impl Archives<'_, '_> {
    /// A plain archive ends with its trailer.
    fn plain(&mut self, rest: &Window) -> Result<(), Stop> {
        let reader = BufReader::with_capacity(4096, rest.reader());
        let mut source = Source::Plain(reader, rest.len());
        self.archive(&mut source)?;
        self.segment.len = self.segment.unpacked;
        Ok(())
    }

    /// What is compressed may hold several archives, with zeros between them.
    fn packed(&mut self, rest: &Window, format: Format) -> Result<(), Stop> {
        let mut input = Ahead::new(rest.reader());
        let decoder = format.member_reader(&mut input).map_err(Stop::Visitor)?;
        let mut source = Source::Packed(BufReader::with_capacity(64 << 10, decoder));
        let result = self.archives(&mut source);
        drop(source);
        self.segment.len = input.taken();
        result
    }

    fn archives(&mut self, source: &mut Source<'_>) -> Result<(), Stop> {
        loop {
            let damage = |segment: &Segment, source| {
                let &Segment { offset, encoding, .. } = segment;
                Stop::Damage(SegmentError::Packed { offset, encoding, source })
            };
            let skipped = source.skip_zeros();
            let (zeros, is_end) = skipped.map_err(|source| damage(&self.segment, source))?;
            self.segment.unpacked += zeros;
            if is_end {
                return Ok(());
            }
            self.archive(source)?;
        }
    }

    /// One archive, with its trailer.
    fn archive(&mut self, source: &mut Source<'_>) -> Result<(), Stop> {
        let start = self.segment.unpacked;
        let mut reader = Reader::with_skip(source, start, |source, wanted| source.skip(wanted));
        let result = self.entries(&mut reader);
        self.segment.unpacked = reader.offset();
        self.place.archive += 1;
        result
    }

    fn entries(&mut self, reader: &mut Data<'_, '_>) -> Result<(), Stop> {
        let &Segment { offset, encoding, .. } = &self.segment;
        let damage = |source| match source {
            ReadError::Source { source, .. } if encoding != Encoding::Newc => {
                Stop::Damage(SegmentError::Packed { offset, encoding, source })
            }
            source => Stop::Damage(SegmentError::Newc { offset, encoding, source }),
        };
        while let Some(entry) = reader.next_entry().map_err(damage)? {
            self.segment.entries += 1;
            if !self.census.has_room_for(&entry) {
                return Err(Stop::Damage(SegmentError::TooMany));
            }
            if let Err(error) = (self.visit_fn)(self.place, &entry, reader) {
                // What cannot be read cannot be read again either.
                reader.head(1).map_err(damage)?;
                return Err(Stop::Visitor(error));
            }
        }
        Ok(())
    }
}

impl Source<'_> {
    /// Leaves out bytes: without reading them where the file is at hand.
    fn skip(&mut self, wanted: u64) -> io::Result<u64> {
        match self {
            Source::Packed(source) => io::copy(&mut source.take(wanted), &mut io::sink()),
            Source::Plain(source, left) => {
                let skipped = wanted.min(*left);
                *left -= skipped;
                source.seek_relative(i64::try_from(skipped).unwrap_or(i64::MAX))?;
                Ok(skipped)
            }
        }
    }

    /// Leaves out zeros; how many, and whether nothing follows them.
    fn skip_zeros(&mut self) -> io::Result<(u64, bool)> {
        let Source::Packed(source) = self else { return Ok((0, false)) };
        let mut zeros = 0;
        loop {
            let ahead = source.fill_buf()?;
            if ahead.is_empty() {
                return Ok((zeros, true));
            }
            let len = ahead.len();
            let n = ahead.iter().position(|&b| b != 0).unwrap_or(len);
            source.consume(n);
            zeros += n as u64;
            if n < len {
                return Ok((zeros, false));
            }
        }
    }
}

impl Read for Source<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Source::Packed(source) => source.read(buffer),
            Source::Plain(source, left) => {
                let n = source.read(buffer)?;
                *left = left.saturating_sub(n as u64);
                Ok(n)
            }
        }
    }
}

/// The first offset at or behind `offset` that is not zero; the end where there is none.
fn skip_zeros(window: &Window, mut offset: u64) -> io::Result<u64> {
    loop {
        let bytes = window.bytes(offset, 64 << 10)?;
        match bytes.iter().position(|&b| b != 0) {
            Some(at) => return Ok(offset + at as u64),
            None if bytes.is_empty() => return Ok(window.len()),
            None => offset += bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests;
