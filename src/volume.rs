//! A window (offset, length) onto storage: how a partition reaches a filesystem.
//!
//! Access is positional and through `&self`, so that the filesystems of one image are written side
//! by side. Nothing outside the window can be touched.

mod open;
mod whole;
mod window;

pub use open::open;
pub use whole::{stream, whole};
pub use window::{Window, WindowReader};

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, SeekFrom, copy_file_range, fallocate, fstatfs, seek};
use rustix::io::Errno;

/// Filesystems whose files may share blocks, by their magic (Linux `magic.h`): btrfs, XFS, bcachefs.
const SHARING: [u64; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e];

/// Something with bytes at offsets: an image file, or a buffer in a test.
pub trait Storage: Sync {
    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` where the storage ends before the buffer is full; any I/O error.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    /// Any I/O error.
    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Copies `len` bytes of a host file, in the host's kernel where it can.
    ///
    /// # Errors
    /// `UnexpectedEof` where the file is shorter; any I/O error.
    fn copy_from(&self, file: &File, from: u64, to: u64, len: u64) -> io::Result<()>;

    /// Whether copies of a host file may share its blocks, so that nothing is copied.
    fn shares_blocks(&self) -> bool {
        false
    }

    /// Makes `len` bytes zero, as holes where the storage has such.
    ///
    /// # Errors
    /// Any I/O error.
    fn zero(&self, offset: u64, len: u64) -> io::Result<()> {
        write_zeros(self, offset, len)
    }

    /// Waits until all that was written would survive a power cut.
    ///
    /// # Errors
    /// Any I/O error: what was written before may then be lost.
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    /// The first range within `offset..end` that may hold something else than zeros, empty at `end`
    /// where there is none. Whoever does not know says everything.
    ///
    /// # Errors
    /// Any I/O error.
    fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>> {
        Ok(offset.min(end)..end)
    }
}

impl Storage for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        FileExt::write_all_at(self, bytes, offset)
    }

    fn copy_from(&self, file: &File, from: u64, to: u64, len: u64) -> io::Result<()> {
        let (mut source, mut target) = (from, to);
        while source < from + len {
            // Larger requests would overflow the call's own limit on 32-bit hosts.
            let wanted = (from + len - source).min(1 << 30) as usize;
            match copy_file_range(file, Some(&mut source), self, Some(&mut target), wanted) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(_) => {}
                // Other filesystems, old kernels: read and write instead.
                Err(Errno::XDEV | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {
                    return copy_buffered(self, file, source, target, from + len - source);
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        Ok(())
    }

    fn shares_blocks(&self) -> bool {
        fstatfs(self).is_ok_and(|found| SHARING.contains(&(found.f_type as u64)))
    }

    fn zero(&self, offset: u64, len: u64) -> io::Result<()> {
        match fallocate(self, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeros(self, offset, len),
            done => Ok(done?),
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }

    fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>> {
        if offset >= end {
            return Ok(end..end);
        }
        // The file's own position is used by nobody: all access is positional.
        match seek(self, SeekFrom::Data(offset)) {
            Ok(start) if start >= end => Ok(end..end),
            Ok(start) => {
                let stop = seek(self, SeekFrom::Hole(start)).unwrap_or(end);
                Ok(start..stop.clamp(start, end))
            }
            // Past the last data.
            Err(Errno::NXIO) => Ok(end..end),
            // Filesystems and devices that do not know.
            Err(_) => Ok(offset..end),
        }
    }
}

/// Bytes that are only read: what was unpacked, or made by a test.
impl Storage for Vec<u8> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let start = usize::try_from(offset).ok();
        let range = start.and_then(|start| self.get(start..start.checked_add(buffer.len())?));
        buffer.copy_from_slice(range.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn copy_from(&self, _: &File, _: u64, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

/// Writes zeros, a MiB at a time.
fn write_zeros(to: &(impl Storage + ?Sized), offset: u64, len: u64) -> io::Result<()> {
    let zeros = vec![0; len.min(1 << 20) as usize];
    let mut done = 0;
    while done < len {
        let n = (len - done).min(zeros.len() as u64);
        to.write_all_at(&zeros[..n as usize], offset + done)?;
        done += n;
    }
    Ok(())
}

/// Copies by reading and writing, a MiB at a time.
fn copy_buffered(to: &File, from: &File, source: u64, target: u64, len: u64) -> io::Result<()> {
    let mut buffer = vec![0; len.min(1 << 20) as usize];
    let mut done = 0;
    while done < len {
        let n = (len - done).min(buffer.len() as u64) as usize;
        FileExt::read_exact_at(from, &mut buffer[..n], source + done)?;
        FileExt::write_all_at(to, &buffer[..n], target + done)?;
        done += n as u64;
    }
    Ok(())
}

/// A window of `len` bytes that starts at `offset` of some storage.
#[derive(Clone, Copy)]
pub struct Volume<'a> {
    storage: &'a dyn Storage,
    offset: u64,
    len: u64,
}

impl<'a> Volume<'a> {
    /// The window; it may reach past the storage's present end, which writing then extends.
    pub fn new(storage: &'a dyn Storage, offset: u64, len: u64) -> Self {
        Volume { storage, offset, len }
    }

    /// The window's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the window has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Fills `buffer` from `offset` of the window on.
    ///
    /// # Errors
    /// `InvalidInput` outside the window; any I/O error.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.storage.read_exact_at(buffer, self.place(offset, buffer.len() as u64)?)
    }

    /// Writes `bytes` at `offset` of the window.
    ///
    /// # Errors
    /// `InvalidInput` outside the window; any I/O error.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.storage.write_all_at(bytes, self.place(offset, bytes.len() as u64)?)
    }

    /// The first range within the window from `offset` on that may hold something else than zeros,
    /// empty at the window's end where there is none.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let end = self.offset.saturating_add(self.len);
        let found = self.storage.next_data(self.offset.saturating_add(offset).min(end), end)?;
        Ok(found.start - self.offset..found.end - self.offset)
    }

    /// Copies `len` bytes of a host file to offset `to` of the window.
    ///
    /// # Errors
    /// `InvalidInput` outside the window; `UnexpectedEof` where the file is shorter; any I/O error.
    pub fn copy_from(&self, file: &File, from: u64, to: u64, len: u64) -> io::Result<()> {
        self.storage.copy_from(file, from, self.place(to, len)?, len)
    }

    /// Whether copies of a host file may share its blocks, so that nothing is copied.
    pub fn shares_blocks(&self) -> bool {
        self.storage.shares_blocks()
    }

    /// Makes `len` bytes at `offset` of the window zero.
    ///
    /// # Errors
    /// `InvalidInput` outside the window; any I/O error.
    pub fn zero(&self, offset: u64, len: u64) -> io::Result<()> {
        match len {
            0 => Ok(()),
            _ => self.storage.zero(self.place(offset, len)?, len),
        }
    }

    /// Waits until all that was written would survive a power cut.
    ///
    /// # Errors
    /// Any I/O error: what was written before may then be lost.
    pub fn sync(&self) -> io::Result<()> {
        self.storage.sync()
    }

    /// The range of `len` bytes at `offset`; it may reach past this window's end.
    #[must_use]
    pub fn part(&self, offset: u64, len: u64) -> Volume<'a> {
        Volume { storage: self.storage, offset: self.offset + offset, len }
    }

    /// The storage offset of a range of the window.
    fn place(&self, offset: u64, len: u64) -> io::Result<u64> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Ok(self.offset + offset),
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{len} bytes at {offset} are outside a volume of {} bytes", self.len),
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_volume_is_bounded_and_shifted() {
        let file = tempfile::tempfile().expect("a temporary file");
        let volume = Volume::new(&file, 512, 16);
        volume.write_all_at(b"hello", 11).expect("inside");
        assert!(volume.write_all_at(b"hello!", 11).is_err(), "past the end");
        assert!(volume.write_all_at(b"h", u64::MAX).is_err(), "overflow");
        let mut seen = [0; 5];
        FileExt::read_exact_at(&file, &mut seen, 523).expect("written");
        assert_eq!(&seen, b"hello");
    }

    #[test]
    fn data_is_found_between_holes() {
        let file = tempfile::tempfile().expect("a temporary file");
        file.set_len(4 << 20).expect("sparse");
        FileExt::write_all_at(&file, &[1; 4096], 1 << 20).expect("written");
        let volume = Volume::new(&file, 4096, (4 << 20) - 4096);
        let found = volume.next_data(0).expect("sought");
        // A filesystem without holes says everything.
        assert!(found.contains(&((1 << 20) - 4096)), "{found:?}");
        assert!(volume.next_data(u64::MAX).expect("sought").is_empty());
        let all = vec![0u8; 7].next_data(3, 7).expect("no holes are known in memory");
        assert_eq!(all, 3..7);
    }

    #[test]
    fn copies_are_exact_and_a_short_source_is_an_error() {
        let source = tempfile::tempfile().expect("a temporary file");
        FileExt::write_all_at(&source, b"0123456789", 0).expect("written");
        let target = tempfile::tempfile().expect("a temporary file");
        let volume = Volume::new(&target, 4, 10);
        volume.copy_from(&source, 2, 1, 8).expect("copied");
        let mut seen = [0; 8];
        volume.read_exact_at(&mut seen, 1).expect("there");
        assert_eq!(&seen, b"23456789");
        let error = volume.copy_from(&source, 8, 0, 5).expect_err("the source has two bytes left");
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }
}
