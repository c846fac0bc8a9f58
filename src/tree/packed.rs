//! Contents that lie inside an archive: ranges of one file that is kept open.

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

use super::archive::{Archive, Kept};
use super::content::Content;
use super::host::HostFile;
use super::spool::{BLOCK, Spool};
use crate::compress;
use crate::error::{Context, Result, shown};
use crate::volume::{Volume, Window};

/// A run of bytes of a content that lie together in its archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// Offset in the content.
    pub at: u64,
    /// Offset in the archive.
    pub from: u64,
    /// Length in bytes, not 0.
    pub len: u64,
}

/// The content of a file inside an archive: runs of the archive's bytes, zeros between them.
#[derive(Debug, Clone)]
pub struct Packed {
    archive: Arc<Archive>,
    len: u64,
    /// Sorted by `at`, apart from each other, inside `len`.
    extents: Arc<[Extent]>,
}

impl Packed {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn name(&self) -> &str {
        &self.archive.name
    }

    pub(super) fn check(&self) -> Result<()> {
        self.archive.check()
    }

    /// Fills the buffer from `offset` on; less only where a run ends, 0 at the end.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.len.saturating_sub(offset).min(buffer.len() as u64);
        let next = self.extents.partition_point(|e| e.at + e.len <= offset);
        match self.extents.get(next) {
            Some(run) if run.at <= offset => {
                let n = wanted.min(run.at + run.len - offset) as usize;
                let from = run.from + (offset - run.at);
                match self.archive.bytes.read_at(&mut buffer[..n], from)? {
                    0 if n > 0 => Err(io::ErrorKind::UnexpectedEof.into()),
                    n => Ok(n),
                }
            }
            run => {
                let hole = run.map_or(wanted, |run| wanted.min(run.at - offset)) as usize;
                buffer[..hole].fill(0);
                Ok(hole)
            }
        }
    }

    /// Copies `from..from + len` to an offset of a volume, zeros where there are holes.
    pub(super) fn copy_to(&self, volume: &Volume<'_>, to: u64, from: u64, len: u64) -> Result<()> {
        let mut position = from;
        while position < from + len {
            let left = from + len - position;
            let next = self.extents.partition_point(|e| e.at + e.len <= position);
            let target = to + (position - from);
            position += match self.extents.get(next) {
                Some(run) if run.at <= position => {
                    let n = left.min(run.at + run.len - position);
                    let source = run.from + (position - run.at);
                    let copied = self.archive.bytes.copy_to(volume, source, target, n);
                    copied.context(|| format!("copying from {}", self.archive.name))?;
                    n
                }
                run => {
                    let hole = run.map_or(left, |run| left.min(run.at - position));
                    let n = hole.min(BLOCK as u64);
                    volume.write_all_at(&vec![0; n as usize], target)?;
                    n
                }
            };
        }
        self.check()
    }

    /// The ranges (offset, length) that hold data.
    pub(super) fn data_ranges(&self) -> Vec<(u64, u64)> {
        let of_run = |run: &Extent| {
            let (from, at) = (run.from, run.at);
            let ranges = self.archive.bytes.data_ranges(from, from + run.len);
            ranges.into_iter().map(move |(start, end)| (start - from + at, end - start))
        };
        self.extents.iter().flat_map(of_run).collect()
    }
}

/// A range of an open file that holds an archive or one of its members.
#[derive(Debug, Clone)]
pub struct Section {
    archive: Arc<Archive>,
    offset: u64,
    len: u64,
}

impl Section {
    /// A range of an archive.
    pub(super) fn new(archive: Arc<Archive>, offset: u64, len: u64) -> Self {
        Section { archive, offset, len }
    }

    /// The whole of a host file, which must stay as it is until its contents have been written.
    ///
    /// # Errors
    /// Where it is missing, unreadable or no regular file.
    pub fn host(path: impl Into<PathBuf>) -> Result<Self> {
        Section::open(&HostFile::new(path)?)
    }

    fn open(host: &HostFile) -> Result<Self> {
        let (name, stamp) = (shown(host.path()), Some(host.stamp()));
        let archive = Arc::new(Archive { bytes: Kept::File(host.open()?), name, stamp });
        Ok(Section { archive, offset: 0, len: host.len() })
    }

    /// All of a window, which must stay as it is; `name` is how messages call it.
    pub fn window(window: Window, name: &str) -> Self {
        let len = window.len();
        let archive = Archive { bytes: Kept::Window(window), name: name.into(), stamp: None };
        Section { archive: Arc::new(archive), offset: 0, len }
    }

    /// The bytes of a content; those that do not lie together in a file are spooled.
    ///
    /// # Errors
    /// Where it cannot be opened or spooled.
    pub fn of(content: &Content, spool: &mut Spool) -> Result<Self> {
        match content {
            Content::Host(host) => Section::open(host),
            Content::Packed(Packed { archive, len, extents }) => match extents[..] {
                [run] if run.len == *len => {
                    Ok(Section { archive: archive.clone(), offset: run.from, len: *len })
                }
                _ => spool.add(content.open()?),
            },
            Content::Bytes(bytes) => spool.add(&bytes[..]),
            Content::Stored(_) => spool.add(content.open()?),
        }
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How a message calls the file that it lies in.
    pub fn name(&self) -> &str {
        &self.archive.name
    }

    /// A part of it; `None` where that reaches past its end.
    pub fn part(&self, offset: u64, len: u64) -> Option<Section> {
        let end = offset.checked_add(len)?;
        let archive = &self.archive;
        (end <= self.len).then(|| Section {
            archive: archive.clone(),
            offset: self.offset + offset,
            len,
        })
    }

    /// All of it as the content of a file.
    pub fn content(&self) -> Content {
        let run = Extent { at: 0, from: self.offset, len: self.len };
        let extents = if self.is_empty() { [].into() } else { [run].into() };
        Content::Packed(Packed { archive: self.archive.clone(), len: self.len, extents })
    }

    /// A file of `len` bytes made of these runs, whose `from` counts from the start of the section;
    /// `None` where they are not sorted, touch each other's bytes, or reach past either end.
    pub fn sparse(&self, len: u64, runs: &[Extent]) -> Option<Content> {
        let mut end = 0;
        let mut extents = Vec::with_capacity(runs.len());
        for run in runs.iter().filter(|run| run.len > 0) {
            let inside = run.from.checked_add(run.len).is_some_and(|e| e <= self.len);
            let after = run.at.checked_add(run.len).filter(|&e| e <= len);
            if !inside || run.at < end {
                return None;
            }
            end = after?;
            extents.push(Extent { from: self.offset + run.from, ..*run });
        }
        let (archive, extents) = (self.archive.clone(), extents.into());
        Some(Content::Packed(Packed { archive, len, extents }))
    }

    /// Reads it from the start.
    pub fn reader(&self) -> SectionReader<'_> {
        SectionReader { section: self, position: 0 }
    }

    /// Reads what is at an offset; fewer bytes only at its end.
    ///
    /// # Errors
    /// Any I/O error; `UnexpectedEof` where the file became shorter.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        self.archive.bytes.read_exact_at(&mut buffer[..n], self.offset + offset)?;
        Ok(n)
    }

    /// Its first bytes: at most `len`.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn start(&self, len: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; len];
        let n = self.read_at(&mut bytes, 0)?;
        bytes.truncate(n);
        Ok(bytes)
    }

    /// It as it is where it is not compressed, else unpacked into the spool, which is made when it
    /// is first needed; `tell` is told how many more compressed bytes are read.
    ///
    /// # Errors
    /// Where it cannot be read, is damaged, or cannot be spooled.
    pub fn decompressed(self, spool: &mut Option<Spool>, tell: &dyn Fn(u64)) -> Result<Section> {
        if self.format()?.is_none() {
            return Ok(self);
        }
        if spool.is_none() {
            *spool = Some(Spool::new()?);
        }
        match spool {
            Some(spool) => self.decompressed_into(spool, tell),
            None => Ok(self),
        }
    }

    /// As [`Section::decompressed`], where there is a spool already.
    ///
    /// # Errors
    /// As there.
    pub fn decompressed_into(self, spool: &mut Spool, tell: &dyn Fn(u64)) -> Result<Section> {
        if self.format()?.is_none() {
            return Ok(self);
        }
        let unpacked = spool.add_unpacked(self.reader(), tell).context(|| "decompressing it")?;
        self.check()?;
        Ok(unpacked)
    }

    fn format(&self) -> io::Result<Option<compress::Format>> {
        Ok(compress::Format::sniff(&self.start(compress::SNIFF_LENGTH)?))
    }

    /// Whether the file is still as it was.
    ///
    /// # Errors
    /// Where it changed.
    pub fn check(&self) -> Result<()> {
        self.archive.check()
    }
}

/// Reads a [`Section`] from start to end.
#[derive(Debug)]
pub struct SectionReader<'a> {
    section: &'a Section,
    position: u64,
}

impl Read for SectionReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.section.read_at(buffer, self.position)?;
        self.position += n as u64;
        Ok(n)
    }
}
