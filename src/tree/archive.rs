//! Something that is kept open because contents lie in it: a file, or a window onto an image.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::host::{Stamp, data_ranges};
use crate::error::{Context, Result};
use crate::volume::{Volume, Window};

/// How much of a window is copied at once.
const COPY_SIZE: usize = 1 << 20;

/// An open file or window that many contents lie in.
#[derive(Debug)]
pub(super) struct Archive {
    /// Where the bytes are.
    pub(super) bytes: Kept,
    /// How a message calls it.
    pub(super) name: String,
    /// How a file must stay; a spool is private and grows.
    pub(super) stamp: Option<Stamp>,
}

/// What is kept open.
#[derive(Debug)]
pub(super) enum Kept {
    /// A file.
    File(File),
    /// A part of something.
    Window(Window),
}

impl Archive {
    /// Whether it is still as it was.
    ///
    /// # Errors
    /// Where it changed.
    pub(super) fn check(&self) -> Result<()> {
        match (&self.bytes, self.stamp) {
            (Kept::File(file), Some(stamp)) => {
                stamp.check(file).context(|| format!("reading {}", self.name))
            }
            _ => Ok(()),
        }
    }
}

impl Kept {
    /// Reads at least a byte, where there is one.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match self {
            Kept::File(file) => file.read_at(buffer, offset),
            Kept::Window(window) => {
                let n = window.len().saturating_sub(offset).min(buffer.len() as u64) as usize;
                window.read_exact_at(&mut buffer[..n], offset).map(|()| n)
            }
        }
    }

    /// Fills the buffer.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self {
            Kept::File(file) => file.read_exact_at(buffer, offset),
            Kept::Window(window) => window.read_exact_at(buffer, offset),
        }
    }

    /// Copies a range to an offset of a volume, a file's in the host's kernel where that can.
    pub(super) fn copy_to(
        &self,
        volume: &Volume<'_>,
        from: u64,
        to: u64,
        len: u64,
    ) -> io::Result<()> {
        match self {
            Kept::File(file) => volume.copy_from(file, from, to, len),
            Kept::Window(window) => {
                let mut buffer = vec![0; len.min(COPY_SIZE as u64) as usize];
                for start in (0..len).step_by(COPY_SIZE) {
                    let chunk = &mut buffer[..(len - start).min(COPY_SIZE as u64) as usize];
                    window.read_exact_at(chunk, from + start)?;
                    volume.write_all_at(chunk, to + start)?;
                }
                Ok(())
            }
        }
    }

    /// The parts (start, end) of a range that hold data; a window knows no holes.
    pub(super) fn data_ranges(&self, start: u64, end: u64) -> Vec<(u64, u64)> {
        match self {
            Kept::File(file) => data_ranges(file, start, end),
            Kept::Window(_) => vec![(start, end)],
        }
    }
}
