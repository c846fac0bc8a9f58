//! A window that owns its storage, for readers: it can be kept, cut smaller and read as a stream.
//!
//! What is asked for past the end is cut off where the method says so and an error elsewhere; no
//! length that a file states makes memory grow beyond what the storage holds.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::{Storage, Volume};
use crate::error::{Context, Result, shown};

/// A range of some storage, shared and only read.
#[derive(Clone)]
pub struct Window {
    storage: Arc<dyn Storage + Send>,
    offset: u64,
    len: u64,
}

impl Window {
    /// The first `len` bytes of a storage.
    pub fn new(storage: impl Storage + Send + 'static, len: u64) -> Self {
        Window { storage: Arc::new(storage), offset: 0, len }
    }

    /// A whole regular file or block device.
    ///
    /// # Errors
    /// Where it cannot be opened, or is neither.
    pub fn open(path: &Path) -> Result<Self> {
        let open = || -> Result<Window> {
            let mut file = super::open(path)?;
            // The metadata of a block device has no length.
            let len = file.seek(SeekFrom::End(0))?;
            Ok(Window::new(file, len))
        };
        open().context(|| format!("reading {}", shown(path)))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether it has no bytes at all.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Where it starts in its storage.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The range of `len` bytes at `offset`, cut off where this window ends.
    #[must_use]
    pub fn part(&self, offset: u64, len: u64) -> Window {
        let start = offset.min(self.len);
        let len = len.min(self.len - start);
        Window { storage: Arc::clone(&self.storage), offset: self.offset + start, len }
    }

    /// The same range as a borrowed volume.
    pub fn volume(&self) -> Volume<'_> {
        Volume::new(&*self.storage, self.offset, self.len)
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `InvalidInput` outside the window; any I/O error.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.volume().read_exact_at(buffer, offset)
    }

    /// The bytes at `offset`, at most `max`, fewer where the window ends before.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn bytes(&self, offset: u64, max: usize) -> io::Result<Vec<u8>> {
        let len = self.len.saturating_sub(offset).min(max as u64);
        let mut bytes = vec![0; len as usize];
        if len > 0 {
            self.read_exact_at(&mut bytes, offset)?;
        }
        Ok(bytes)
    }

    /// The first range from `offset` on that may hold something else than zeros, empty at the end
    /// where there is none.
    ///
    /// # Errors
    /// Any I/O error.
    pub fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        self.volume().next_data(offset)
    }

    /// A stream from its start.
    pub fn reader(&self) -> WindowReader {
        WindowReader { window: self.clone(), position: 0 }
    }
}

impl From<Vec<u8>> for Window {
    fn from(bytes: Vec<u8>) -> Self {
        let len = bytes.len() as u64;
        Window::new(bytes, len)
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({}, {} bytes)", self.offset, self.len)
    }
}

/// A window as a stream.
#[derive(Debug, Clone)]
pub struct WindowReader {
    window: Window,
    position: u64,
}

impl Read for WindowReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.window.len.saturating_sub(self.position);
        let len = left.min(buffer.len() as u64) as usize;
        if len > 0 {
            self.window.read_exact_at(&mut buffer[..len], self.position)?;
        }
        self.position += len as u64;
        Ok(len)
    }
}

impl Seek for WindowReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(by) => self.window.len.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_cut_off_at_the_end() {
        let window = Window::from(b"0123456789".to_vec());
        let part = window.part(4, 100);
        assert_eq!((part.offset(), part.len()), (4, 6));
        assert_eq!(part.part(2, 2).bytes(0, 9).expect("in memory"), b"67");
        assert!(window.part(u64::MAX, u64::MAX).is_empty());
        assert_eq!(part.bytes(100, 9).expect("nothing to read"), b"");
    }

    #[test]
    fn a_stream_reads_and_seeks_within_the_window() {
        let mut reader = Window::from(b"0123456789".to_vec()).part(2, 5).reader();
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("in memory");
        assert_eq!(text, "23456");
        assert_eq!(reader.seek(SeekFrom::End(-2)).expect("inside"), 3);
        assert_eq!(reader.seek(SeekFrom::Start(99)).expect("allowed"), 99);
        assert_eq!(reader.read(&mut [0; 4]).expect("past the end"), 0);
        assert!(reader.seek(SeekFrom::Current(-100)).is_err());
    }
}
