//! Copies contents to where they belong in a filesystem or an archive, on all processors: each takes the
//! next piece of the target, reads what belongs there, and writes it. Where the host can share blocks
//! between files, it is asked to copy large ones.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Content;
use crate::error::{Context, Result};
use crate::volume::Volume;

/// Pieces end at multiples of it: more leaves a processor's caches, and the host's page cache takes whole
/// aligned pieces best.
const PIECE_SIZE: u64 = 512 << 10;

/// Parts up to this length are read and written in any case: a system call for each to share its blocks
/// costs more than it saves.
const SMALL: u64 = 64 << 10;

/// A range of a content, and the offset that it goes to.
#[derive(Debug, Clone)]
pub(crate) struct Part<'c> {
    pub(crate) content: Cow<'c, Content>,
    pub(crate) from: u64,
    pub(crate) len: u64,
    pub(crate) at: u64,
}

/// The checksum (CRC-32C) of a part, or of a piece of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sum {
    at: u64,
    pub(crate) len: u64,
    pub(crate) crc: u32,
}

impl Sum {
    /// That of these bytes and those that follow them.
    pub(crate) fn and(self, next: Sum) -> Sum {
        // Combining takes microseconds, and most files are in one piece.
        let crc = match self.len {
            0 => next.crc,
            _ => crc32c::crc32c_combine(self.crc, next.crc, next.len as usize),
        };
        Sum { at: self.at, len: self.len + next.len, crc }
    }
}

/// Copies parts, which ascend in the target, all bytes of which are zero. Gaps up to `gap` bytes are
/// written, not skipped. `progress` hears of the bytes.
///
/// # Errors
/// Those of the parts; where a file cannot be read or changed, or the volume cannot be written.
pub(crate) fn copy<'c>(
    volume: &Volume<'_>,
    gap: u64,
    parts: impl Iterator<Item = Result<Part<'c>>> + Send,
    progress: &dyn Fn(u64),
) -> Result<()> {
    let shares = volume.shares_blocks();
    Copy { volume, gap, shares, sums: None }.run(parts, progress)
}

/// As [`copy`], by reading each byte: the checksums of what was read, in the parts' order. A part may have
/// several, of pieces that follow each other.
///
/// # Errors
/// As [`copy`].
pub(crate) fn copy_summed<'c>(
    volume: &Volume<'_>,
    gap: u64,
    parts: impl Iterator<Item = Result<Part<'c>>> + Send,
    progress: &dyn Fn(u64),
) -> Result<Vec<Sum>> {
    let sums = Mutex::new(Vec::new());
    Copy { volume, gap, shares: false, sums: Some(&sums) }.run(parts, progress)?;
    let mut sums = sums.into_inner().unwrap_or_else(PoisonError::into_inner);
    sums.sort_unstable_by_key(|sum| sum.at);
    Ok(sums)
}

struct Copy<'v> {
    volume: &'v Volume<'v>,
    gap: u64,
    /// Whether the volume's host shares blocks between files. Where it does not, copying in its kernel is
    /// slower than reading and writing: it goes page by page.
    shares: bool,
    sums: Option<&'v Mutex<Vec<Sum>>>,
}

impl Copy<'_> {
    fn run<'c>(
        &self,
        parts: impl Iterator<Item = Result<Part<'c>>> + Send,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        let pieces = Mutex::new(Pieces { parts, rest: None, stopped: false });
        let copied = AtomicU64::new(0);
        let work = |tell: &dyn Fn(&AtomicU64)| {
            let done = self.work(&pieces, &copied, tell);
            lock(&pieces).stopped |= done.is_err();
            done
        };
        let tell = |copied: &AtomicU64| progress(copied.swap(0, Ordering::Relaxed));
        let threads = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(|| work(&|_| ()))).collect();
            let join = |other: thread::ScopedJoinHandle<'_, _>| {
                other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            others.into_iter().map(join).fold(work(&tell), Result::and)
        })?;
        tell(&copied);
        Ok(())
    }

    /// Copies pieces until there are none.
    fn work<'c>(
        &self,
        pieces: &Mutex<Pieces<'c, impl Iterator<Item = Result<Part<'c>>>>>,
        copied: &AtomicU64,
        tell: &dyn Fn(&AtomicU64),
    ) -> Result<()> {
        let (mut piece, mut buffer) = (Vec::new(), vec![0; PIECE_SIZE as usize]);
        loop {
            lock(pieces).next(&mut piece, self.gap, self.shares)?;
            let Some(first) = piece.first() else { return Ok(()) };
            match self.shares && first.len > SMALL {
                true => first.content.copy_to(self.volume, first.at, first.from, first.len)?,
                false => self.gather(&piece, &mut buffer)?,
            }
            copied.fetch_add(piece.iter().map(|part| part.len).sum(), Ordering::Relaxed);
            tell(copied);
        }
    }

    /// Reads the parts of a piece and writes them together.
    fn gather(&self, piece: &[Part<'_>], buffer: &mut [u8]) -> Result<()> {
        let (start, mut filled) = (piece[0].at, 0);
        for part in piece {
            let room = (part.at - start) as usize..(part.at + part.len - start) as usize;
            buffer[filled..room.start].fill(0);
            filled = room.end;
            part.content.read_exact_at(&mut buffer[room], part.from)?;
        }
        if let Some(sums) = self.sums {
            let sum = |part: &Part<'_>| {
                let bytes = &buffer[(part.at - start) as usize..][..part.len as usize];
                Sum { at: part.at, len: part.len, crc: crc32c::crc32c(bytes) }
            };
            lock(sums).extend(piece.iter().map(sum).collect::<Vec<_>>());
        }
        self.volume.write_all_at(&buffer[..filled], start).context(|| "writing what was read")
    }
}

/// The pieces of the target, each a few parts.
struct Pieces<'c, I: Iterator<Item = Result<Part<'c>>>> {
    parts: I,
    /// What the last piece had no room for.
    rest: Option<Part<'c>>,
    /// Whether there are to be no more.
    stopped: bool,
}

impl<'c, I: Iterator<Item = Result<Part<'c>>>> Pieces<'c, I> {
    /// The next piece; none at the end. With `whole`, a part that is not small is a piece by itself.
    fn next(&mut self, piece: &mut Vec<Part<'c>>, gap: u64, whole: bool) -> Result<()> {
        piece.clear();
        while !self.stopped {
            let Some(part) = self.rest.take().map(Ok).or_else(|| self.parts.next()) else { break };
            let mut part = part?;
            let end = piece.first().unwrap_or(&part).at / PIECE_SIZE * PIECE_SIZE + PIECE_SIZE;
            let adjoins = piece.last().is_none_or(|last| {
                part.at.checked_sub(last.at + last.len).is_some_and(|between| between <= gap)
            });
            let is_large = whole && part.len > SMALL;
            if !piece.is_empty() && (is_large || !adjoins || part.at >= end) {
                self.rest = Some(part);
                break;
            }
            if !is_large && part.at + part.len > end {
                self.rest = Some(part.split(end - part.at));
            }
            piece.push(part);
            if is_large || self.rest.is_some() {
                break;
            }
        }
        Ok(())
    }
}

impl<'c> Part<'c> {
    /// Leaves the first bytes, and returns the rest.
    fn split(&mut self, len: u64) -> Self {
        let rest = Part {
            content: self.content.clone(),
            from: self.from + len,
            len: self.len - len,
            at: self.at + len,
        };
        self.len = len;
        rest
    }
}

/// What a thread that panicked left is of no use to anybody, and its panic goes on in who started it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn part(content: &Content, from: u64, len: u64, at: u64) -> Result<Part<'_>> {
        Ok(Part { content: Cow::Borrowed(content), from, len, at })
    }

    #[test]
    fn parts_land_where_they_belong_whatever_pieces_they_are_in() {
        let bytes: Vec<u8> = (0..3 * PIECE_SIZE + 5).map(|i| (i % 251) as u8 + 1).collect();
        let content = Content::from(bytes.clone());
        let file = tempfile::tempfile().expect("a temporary file");
        let volume = Volume::new(&file, 0, u64::MAX);
        let places = [(7, 100, 3), (0, 2 * PIECE_SIZE, 512), (5, bytes.len() as u64 - 5, 3 << 21)];
        let parts = || places.into_iter().map(|(from, len, at)| part(&content, from, len, at));
        let sums = copy_summed(&volume, 512, parts(), &|_| ()).expect("copied");
        let mut sums = sums.into_iter();
        for (from, len, at) in places {
            let wanted = &bytes[from as usize..][..len as usize];
            let mut seen = vec![0; wanted.len()];
            file.read_exact_at(&mut seen, at).expect("there");
            assert!(seen == wanted, "{at}");
            let mut sum = Sum::default();
            while sum.len < len {
                sum = sum.and(sums.next().expect("one for each piece"));
            }
            assert_eq!((sum.len, sum.crc), (len, crc32c::crc32c(wanted)));
        }
        let mut gap = [9; 409];
        file.read_exact_at(&mut gap, 103).expect("there");
        assert_eq!(gap, [0; 409]);
    }

    #[test]
    fn the_error_of_a_part_ends_it_and_bytes_are_told() {
        let content = Content::from(vec![1; 10]);
        let file = tempfile::tempfile().expect("a temporary file");
        let volume = Volume::new(&file, 0, 1 << 20);
        let told = std::cell::Cell::new(0);
        let tell = |bytes| told.set(told.get() + bytes);
        let parts = (0..4).map(|i| part(&content, 0, 10, i * 4096));
        copy(&volume, 0, parts.clone(), &tell).expect("copied");
        assert_eq!(told.get(), 40);
        let damaged = parts.chain([Err(crate::error::Error::new("no such part"))]);
        let error = copy(&volume, 0, damaged, &|_| ()).expect_err("the last is none");
        assert_eq!(error.to_string(), "no such part");
        let error = copy(&volume, 0, [part(&content, 5, 6, 0)].into_iter(), &|_| ());
        assert!(error.is_err(), "it is shorter");
    }
}
