//! A stream that can be looked ahead into and that knows how much of it was taken: how the end of a
//! compressed member is found.

use std::io::{self, BufRead, Read};

/// Bytes that are always seen, where there are that many: the magic of a tar archive ends at 262.
pub(super) const LOOK: usize = 512;

/// Bytes that are read at once.
const CAPACITY: usize = 64 << 10;

/// A buffered stream.
pub struct Ahead<R> {
    inner: R,
    buffer: Box<[u8]>,
    /// What of the buffer is not taken yet.
    range: std::ops::Range<usize>,
    taken: u64,
}

impl<R: Read> Ahead<R> {
    /// A stream of which nothing was taken.
    pub fn new(inner: R) -> Self {
        Ahead { inner, buffer: vec![0; CAPACITY].into(), range: 0..0, taken: 0 }
    }

    /// How many bytes were taken.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// What it reads from.
    pub fn inner(&self) -> &R {
        &self.inner
    }
}

impl<R: Read> BufRead for Ahead<R> {
    /// At least [`LOOK`] bytes, fewer only at the end.
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.range.len() < LOOK {
            self.buffer.copy_within(self.range.clone(), 0);
            self.range = 0..self.range.len();
            while self.range.len() < LOOK {
                match self.inner.read(&mut self.buffer[self.range.end..]) {
                    Ok(0) => break,
                    Ok(n) => self.range.end += n,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(&self.buffer[self.range.clone()])
    }

    fn consume(&mut self, n: usize) {
        let n = n.min(self.range.len());
        self.range.start += n;
        self.taken += n as u64;
    }
}

impl<R: Read> Read for Ahead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ahead = self.fill_buf()?;
        let n = ahead.len().min(buffer.len());
        buffer[..n].copy_from_slice(&ahead[..n]);
        self.consume(n);
        Ok(n)
    }
}
