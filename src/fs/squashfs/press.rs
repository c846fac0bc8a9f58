//! Threads that pack blocks, given back in the order in which they were taken.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::Scope;

use super::codec::Encoder;
use super::options::Options;
use crate::error::{Error, Result};

/// Blocks that wait at each thread: enough that one hard block keeps no other thread waiting.
const QUEUE: usize = 8;

/// A block that was packed, or is as it was where that did not make it shorter.
pub(super) struct Pressed {
    /// What goes into the image.
    pub(super) bytes: Vec<u8>,
    /// Whether it is packed.
    pub(super) is_packed: bool,
}

/// The threads. Each takes every n-th block, so that the order of results needs no sorting.
pub(super) struct Press<L> {
    workers: Vec<Worker>,
    /// How many blocks were taken.
    taken: usize,
    /// What each block that is not given back yet is for.
    labels: VecDeque<L>,
}

struct Worker {
    blocks: SyncSender<Vec<u8>>,
    results: Receiver<Result<Pressed>>,
}

impl<L> Press<L> {
    /// Starts the threads; they end when this is dropped.
    ///
    /// # Errors
    /// Where the compressor does not know the level.
    pub(super) fn start<'s>(scope: &'s Scope<'s, '_>, options: &Options) -> Result<Self> {
        let start = |_| {
            let (compressor, level) = (options.compressor, options.level);
            let mut encoder = Encoder::new(compressor, level, options.block_size)?;
            let (blocks, jobs) = sync_channel::<Vec<u8>>(QUEUE);
            let (done, results) = sync_channel(QUEUE);
            scope.spawn(move || {
                let pressed = jobs.into_iter().map(|block| press(&mut encoder, block));
                // Nobody waits for results any more: something else went wrong.
                let _ = pressed.into_iter().try_for_each(|result| done.send(result));
            });
            Ok(Worker { blocks, results })
        };
        let workers = (0..options.workers().max(1)).map(start).collect::<Result<_>>()?;
        Ok(Press { workers, taken: 0, labels: VecDeque::new() })
    }

    /// Whether a block must be given back before another is taken.
    pub(super) fn is_full(&self) -> bool {
        self.labels.len() >= self.workers.len() * QUEUE
    }

    /// Takes a block.
    ///
    /// # Errors
    /// Where a thread ended, which it does only when it panicked.
    pub(super) fn take(&mut self, block: Vec<u8>, label: L) -> Result<()> {
        let worker = &self.workers[self.taken % self.workers.len()];
        worker.blocks.send(block).map_err(|_| ended())?;
        self.taken += 1;
        self.labels.push_back(label);
        Ok(())
    }

    /// Gives the oldest block back, with what it is for; `None` where all were.
    ///
    /// # Errors
    /// Where the compressor failed.
    pub(super) fn give(&mut self) -> Result<Option<(Pressed, L)>> {
        let Some(label) = self.labels.pop_front() else { return Ok(None) };
        let oldest = self.taken - self.labels.len() - 1;
        let worker = &self.workers[oldest % self.workers.len()];
        let pressed = worker.results.recv().map_err(|_| ended())??;
        Ok(Some((pressed, label)))
    }
}

fn press(encoder: &mut Encoder, block: Vec<u8>) -> Result<Pressed> {
    let packed = encoder.pack(&block)?.map(<[u8]>::to_vec);
    Ok(match packed {
        Some(bytes) => Pressed { bytes, is_packed: true },
        None => Pressed { bytes: block, is_packed: false },
    })
}

fn ended() -> Error {
    Error::new("a thread that packs blocks ended")
}
