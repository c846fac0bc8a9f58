//! Where streams are put that can be read only once, decompressed on their way.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::archive::{Archive, Kept};
use super::packed::Section;
use crate::compress;
use crate::error::{Context, Error, Result, shown};
use crate::volume::Window;

/// How much a spool copies at once, and what it leaves out where it is all zero.
pub(super) const BLOCK: usize = 64 << 10;

/// What such a block is compared with: at once, which byte by byte takes longer than the rest.
static ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What every compressed archive may unpack to, and what it may for each of its bytes: gzip reaches 1032,
/// the others reach that only for what no root filesystem is made of.
const FREE: u64 = 1 << 30;
const RATIO: u64 = 1100;

const BOMB: &str =
    "it unpacks to over a thousand times its size: it is damaged, or made to fill the disk";

/// An anonymous temporary file that streams are put into.
#[derive(Debug)]
pub struct Spool {
    archive: Arc<Archive>,
    /// The archive's file, to write to.
    file: File,
    end: u64,
}

impl Spool {
    /// An empty one, in TMPDIR, else /var/tmp, because /tmp is memory on many hosts.
    ///
    /// # Errors
    /// Where no temporary file can be made.
    pub fn new() -> Result<Self> {
        let wanted = std::env::var_os("TMPDIR").unwrap_or_else(|| "/var/tmp".into());
        let folder = Some(Path::new(&wanted)).filter(|f| f.is_dir()).map(Path::to_path_buf);
        let folder = folder.unwrap_or_else(std::env::temp_dir);
        let file = tempfile::tempfile_in(&folder);
        let file = file.context(|| format!("making a temporary file in {}", shown(&folder)))?;
        let name = format!("a temporary file in {}", shown(&folder));
        let bytes = Kept::File(file.try_clone()?);
        Ok(Spool { archive: Arc::new(Archive { bytes, name, stamp: None }), file, end: 0 })
    }

    /// All that was put into it.
    pub fn into_window(self) -> Window {
        Window::new(self.file, self.end)
    }

    /// Copies a stream to its end; blocks that are all zero become holes, so that a few
    /// compressed bytes cannot fill the disk with them.
    ///
    /// # Errors
    /// Where the stream cannot be read or the temporary file written.
    pub fn add(&mut self, stream: impl Read) -> Result<Section> {
        self.add_at_most(stream, || u64::MAX)
    }

    /// As [`Spool::add`], decompressed where it is compressed, as far as what was read of it accounts for;
    /// `tell` is told how many more bytes were read.
    ///
    /// # Errors
    /// As [`Spool::add`]; where it is damaged, or unpacks to over a thousand times its size.
    pub fn add_unpacked(&mut self, packed: impl Read, tell: &dyn Fn(u64)) -> Result<Section> {
        let read = Cell::new(0);
        let unpacked = compress::reader(Counted { stream: packed, read: &read, tell })?;
        let limit = || FREE.saturating_add(read.get().saturating_mul(RATIO));
        self.add_at_most(unpacked, limit)
    }

    /// As [`Spool::add`], with at most so many bytes in blocks that are not zero.
    fn add_at_most(&mut self, mut stream: impl Read, limit: impl Fn() -> u64) -> Result<Section> {
        let (start, mut stored) = (self.end, 0);
        let mut block = vec![0; BLOCK];
        loop {
            let n = fill(&mut stream, &mut block)?;
            if block[..n] != ZEROS[..n] {
                stored += n as u64;
                if stored > limit() {
                    return Err(Error::new(BOMB));
                }
                let written = self.file.write_all_at(&block[..n], self.end);
                written.context(|| format!("writing {}", self.archive.name))?;
            }
            self.end = self.end.checked_add(n as u64).ok_or_else(|| Error::new("it never ends"))?;
            if n < block.len() {
                break;
            }
        }
        // A hole at the end has to be there too.
        self.file.set_len(self.end)?;
        let len = self.end - start;
        Ok(Section::new(self.archive.clone(), start, len))
    }
}

/// A stream whose bytes are counted.
struct Counted<'c, R> {
    stream: R,
    read: &'c Cell<u64>,
    tell: &'c dyn Fn(u64),
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer)?;
        self.read.set(self.read.get() + n as u64);
        (self.tell)(n as u64);
        Ok(n)
    }
}

/// Reads until the buffer is full or the stream ends.
fn fill(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match stream.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_unpacks_without_measure_is_refused() {
        let mut spool = Spool::new().expect("a spool");
        let ones = || io::repeat(1).take(3 * BLOCK as u64);
        assert!(spool.add_at_most(ones(), || 3 * BLOCK as u64).is_ok());
        let error = spool.add_at_most(ones(), || 2 * BLOCK as u64).expect_err("too much");
        assert_eq!(error.to_string(), BOMB);
        // What was read of a stream is what accounts for it.
        let packed = compress::compress(compress::Format::Gzip, 6, &[1; 100_000]).expect("packs");
        let read = Cell::new(0);
        let told = Cell::new(0);
        let tell = |bytes| told.set(told.get() + bytes);
        let counted = Counted { stream: &packed[..], read: &read, tell: &tell };
        io::copy(&mut compress::reader(counted).expect("known"), &mut io::sink()).expect("sound");
        assert_eq!((read.get(), told.get()), (packed.len() as u64, packed.len() as u64));
        // Zeros take no room.
        assert!(spool.add_at_most(io::repeat(0).take(1 << 30), || 0).is_ok());
    }
}
