//! Writes that adjoin each other, gathered into large ones, which a second thread makes: while it copies
//! into the host's page cache, the next bytes are made.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::{Context, Error, Result};
use crate::volume::Volume;

/// How much is gathered at most: more leaves the processors' caches.
const BUFFER_SIZE: usize = 256 << 10;

/// Buffers that are full and not written yet.
const WAITING: usize = 8;

/// A volume with the writes that have not reached it yet.
pub(super) struct Stream {
    block_size: u64,
    /// Where the buffer goes.
    start: u64,
    /// [`BUFFER_SIZE`] bytes, of which the first are filled.
    buffer: Vec<u8>,
    filled: usize,
    full: SyncSender<Piece>,
    empty: Receiver<Vec<u8>>,
}

/// What is to be written: the first so many bytes, to an offset.
struct Piece {
    bytes: Vec<u8>,
    filled: usize,
    at: u64,
}

/// Fills a stream onto a volume; what it had gathered is written when this returns.
///
/// # Errors
/// Those of `fill`; where the volume cannot be written, that.
pub(super) fn write<T>(
    volume: &Volume<'_>,
    block_size: u64,
    fill: impl FnOnce(&mut Stream) -> Result<T>,
) -> Result<T> {
    thread::scope(|scope| {
        let (full, pieces) = sync_channel::<Piece>(WAITING);
        let (back, empty) = sync_channel(WAITING + 2);
        let writer = scope.spawn(move || -> Result<()> {
            for Piece { bytes, filled, at } in pieces {
                let written = volume.write_all_at(&bytes[..filled], at);
                written.context(|| "writing the filesystem")?;
                // Nobody wants it back at the end.
                let _ = back.send(bytes);
            }
            Ok(())
        });
        let buffer = vec![0; BUFFER_SIZE];
        let mut stream = Stream { block_size, start: 0, buffer, filled: 0, full, empty };
        let filled = fill(&mut stream).and_then(|value| stream.flush().map(|()| value));
        drop(stream);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // Where that failed, it is why filling stopped.
        written?;
        filled
    })
}

impl Stream {
    /// Where the bytes end that were put last.
    pub(super) fn end(&self) -> u64 {
        self.start + self.filled as u64
    }

    /// Writes bytes at an offset, now or later.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) -> Result<()> {
        let mut at = at;
        for part in bytes.chunks(BUFFER_SIZE) {
            self.room(at, part.len())?.copy_from_slice(part);
            at += part.len() as u64;
        }
        Ok(())
    }

    /// The room for bytes at an offset, which the caller fills; the buffer ends with it. The rest of a
    /// block, which has the zeroes that it had, is no reason to begin anew.
    fn room(&mut self, at: u64, len: usize) -> Result<&mut [u8]> {
        let end = self.end();
        let adjoins = (end..=end.next_multiple_of(self.block_size)).contains(&at);
        let gap = at.saturating_sub(end) as usize;
        if !adjoins || self.filled + gap + len > BUFFER_SIZE {
            self.flush()?;
            self.start = at;
        } else {
            self.buffer[self.filled..self.filled + gap].fill(0);
            self.filled += gap;
        }
        let room = self.filled..self.filled + len;
        self.filled = room.end;
        Ok(&mut self.buffer[room])
    }

    /// Hands what was gathered over to be written.
    pub(super) fn flush(&mut self) -> Result<()> {
        if self.filled == 0 {
            return Ok(());
        }
        let next = self.empty.try_recv().unwrap_or_else(|_| vec![0; BUFFER_SIZE]);
        let bytes = std::mem::replace(&mut self.buffer, next);
        let (filled, at) = (std::mem::take(&mut self.filled), self.start);
        self.start += filled as u64;
        // The writer, which has ended, knows why.
        self.full.send(Piece { bytes, filled, at }).map_err(|_| Error::new("writing ended"))
    }
}
