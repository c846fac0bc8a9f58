//! Contents that have to be made to be read: files of a packed filesystem.

use std::fmt::Debug;
use std::io;

use crate::error::{Context, Result};
use crate::volume::Volume;

/// How much is copied at once.
const CHUNK: usize = 1 << 20;

/// A file that something else keeps: the reader of a packed filesystem.
pub trait Stored: Debug + Send + Sync {
    /// How a message calls it.
    fn name(&self) -> String;

    /// Its length in bytes.
    fn size(&self) -> u64;

    /// Gets ready to read it.
    ///
    /// # Errors
    /// Where what it is made from is damaged or unreadable.
    fn open(&self) -> Result<Box<dyn ReadAt + '_>>;

    /// The ranges (offset, length) that hold data, in order; what is between them is zero.
    ///
    /// # Errors
    /// As [`Stored::open`].
    fn data_ranges(&self) -> Result<Vec<(u64, u64)>>;
}

/// A file that can be read anywhere.
pub trait ReadAt: Debug {
    /// Reads at least a byte of what is at an offset inside the file.
    ///
    /// # Errors
    /// Where what it is made from is damaged or unreadable.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
}

/// Copies a range to an offset of a volume.
pub(super) fn copy(
    stored: &dyn Stored,
    volume: &Volume<'_>,
    to: u64,
    from: u64,
    len: u64,
) -> Result<()> {
    let open = stored.open()?;
    let mut buffer = vec![0; len.min(CHUNK as u64) as usize];
    let mut done = 0;
    while done < len {
        let wanted = (len - done).min(CHUNK as u64) as usize;
        let copied = open.read_at(&mut buffer[..wanted], from + done);
        let n = copied.context(|| format!("reading {}", stored.name()))?;
        volume.write_all_at(&buffer[..n], to + done)?;
        done += n as u64;
    }
    Ok(())
}
