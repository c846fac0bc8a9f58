//! The cores at work: each takes a batch, reads and packs it, waits for its turn to get places, writes.

use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::batch::{Batches, is_zero};
use super::pack::Packer;
use super::{Identity, Packing, Piece, Writer};
use crate::error::{Context, Error, Result, shown};
use crate::format::Disk;
use crate::volume::Volume;

/// What the cores share.
struct Pump<'a> {
    source: &'a Disk,
    volume: &'a Volume<'a>,
    shape: Shape,
    /// The batches, and the number of the next one.
    batches: Mutex<(Batches<'a>, u64)>,
    turn: Mutex<Turn>,
    passed: Condvar,
    progress_fn: &'a (dyn Fn(u64) + Sync),
}

/// What does not change of a writer.
#[derive(Clone, Copy)]
struct Shape {
    block: u64,
    page: u64,
    packing: Packing,
}

/// Whose turn it is to get places, and what gives them.
struct Turn {
    number: u64,
    writer: Box<dyn Writer>,
    identity: Identity,
    failed: Option<Error>,
    /// Whether somebody failed: the error may have been taken out already.
    is_over: bool,
}

/// A block that is not zero: where it is in what was read, and in what was packed.
struct Block {
    number: u64,
    read: Range<usize>,
    packed: Option<Range<usize>>,
    sums: [u8; 8],
}

/// Room of one core.
struct Room {
    packer: Packer,
    read: Vec<u8>,
    packed: Vec<u8>,
    blocks: Vec<Block>,
}

/// Moves a disk into a volume; gives the writer back, which has its tables still to write.
pub(super) fn run(
    source: &Disk,
    writer: Box<dyn Writer>,
    volume: &Volume<'_>,
    progress_fn: &(dyn Fn(u64) + Sync),
) -> Result<(Box<dyn Writer>, Identity)> {
    let shape = Shape { block: writer.block(), page: writer.page(), packing: writer.packing() };
    let identity = Identity::new(source.size());
    let pump = Pump {
        source,
        volume,
        shape,
        batches: Mutex::new((Batches::new(source, shape.block), 0)),
        turn: Mutex::new(Turn { number: 0, writer, identity, failed: None, is_over: false }),
        passed: Condvar::new(),
        progress_fn,
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| pump.work());
        }
    });
    let turn = pump.turn.into_inner().unwrap_or_else(PoisonError::into_inner);
    match turn.failed {
        None => Ok((turn.writer, turn.identity)),
        Some(error) => Err(error),
    }
}

impl Pump<'_> {
    /// One core, until there is no batch left or somebody failed.
    fn work(&self) {
        // A panic is a defect; those who wait for their turn must not wait for ever.
        let guard = Guard(self);
        if let Err(error) = self.batches() {
            let mut turn = self.turn();
            turn.failed.get_or_insert(error);
            turn.is_over = true;
        }
        std::mem::forget(guard);
        self.passed.notify_all();
    }

    fn batches(&self) -> Result<()> {
        let mut room = Room {
            packer: Packer::new(self.shape.packing)?,
            read: Vec::new(),
            packed: Vec::new(),
            blocks: Vec::new(),
        };
        while let Some((number, range)) = self.take()? {
            self.prepare(&range, &mut room)?;
            let Some(pieces) = self.place(number, &range, &room)? else { return Ok(()) };
            self.write(&pieces, &room)?;
        }
        Ok(())
    }

    fn take(&self) -> Result<Option<(u64, Range<u64>)>> {
        let mut batches = self.batches.lock().unwrap_or_else(PoisonError::into_inner);
        let range = batches.0.next().context(|| self.reading())?;
        let number = batches.1;
        batches.1 += 1;
        Ok(range.map(|range| (number, range)))
    }

    /// Reads a batch and packs its blocks that are not zero.
    fn prepare(&self, range: &Range<u64>, room: &mut Room) -> Result<()> {
        let Room { packer, read, packed, blocks } = room;
        read.resize((range.end - range.start) as usize, 0);
        // The last block may reach past the disk's end: what is there is zero.
        let there = (range.end.min(self.source.size()) - range.start) as usize;
        read[there..].fill(0);
        self.source.read_exact_at(&mut read[..there], range.start).context(|| self.reading())?;
        packed.clear();
        blocks.clear();
        let block = self.shape.block as usize;
        for (index, bytes) in read.chunks(block).enumerate() {
            if is_zero(bytes) {
                continue;
            }
            let start = packed.len();
            let is_packed = packer.pack(bytes, packed)?;
            blocks.push(Block {
                number: range.start / self.shape.block + index as u64,
                read: index * block..index * block + bytes.len(),
                packed: is_packed.then_some(start..packed.len()),
                sums: Identity::of_block(bytes),
            });
        }
        Ok(())
    }

    /// Waits for the turn and gets the blocks their places, with tables that are complete; `None` where
    /// somebody failed meanwhile.
    fn place(&self, number: u64, range: &Range<u64>, room: &Room) -> Result<Option<Places>> {
        let mut turn = self.turn();
        while turn.number != number && !turn.is_over {
            turn = self.passed.wait(turn).unwrap_or_else(PoisonError::into_inner);
        }
        if turn.is_over {
            return Ok(None);
        }
        let mut places = Places { blocks: Vec::with_capacity(room.blocks.len()), tables: vec![] };
        let Turn { writer, identity, .. } = &mut *turn;
        for block in &room.blocks {
            let packed = block.packed.as_ref().map(|range| range.len() as u64);
            places.blocks.push(writer.place(block.number, packed, &mut places.tables)?);
            identity.add(block.number, block.sums);
        }
        turn.number += 1;
        (self.progress_fn)(range.end.min(self.source.size()));
        drop(turn);
        self.passed.notify_all();
        Ok(Some(places))
    }

    /// Writes blocks where they go; what is adjacent here and there in one call.
    fn write(&self, places: &Places, room: &Room) -> Result<()> {
        for Piece { offset, bytes } in &places.tables {
            self.volume.write_all_at(bytes, *offset)?;
        }
        let mut run = Run::default();
        for (block, &place) in room.blocks.iter().zip(&places.blocks) {
            if let Some(range) = &block.packed {
                self.volume.write_all_at(&room.packed[range.clone()], place)?;
                continue;
            }
            let pages = room.read[block.read.clone()].chunks(self.shape.page as usize);
            for (index, page) in pages.enumerate().filter(|(_, page)| !is_zero(page)) {
                let skip = index * self.shape.page as usize;
                let (from, to) = (block.read.start + skip, place + skip as u64);
                if run.from + run.len != from || run.to + run.len as u64 != to {
                    self.flush(&run, &room.read)?;
                    run = Run { from, to, len: 0 };
                }
                run.len += page.len();
            }
        }
        self.flush(&run, &room.read)
    }

    fn flush(&self, run: &Run, read: &[u8]) -> Result<()> {
        match run.len {
            0 => Ok(()),
            len => Ok(self.volume.write_all_at(&read[run.from..run.from + len], run.to)?),
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> String {
        format!("reading {}", shown(self.source.path()))
    }
}

/// Where the blocks of a batch go, and tables that are complete.
struct Places {
    blocks: Vec<u64>,
    tables: Vec<Piece>,
}

/// Bytes that are adjacent in what was read and in the file.
#[derive(Default)]
struct Run {
    from: usize,
    to: u64,
    len: usize,
}

/// Ends everybody's work where one core panics.
struct Guard<'a, 'b>(&'a Pump<'b>);

impl Drop for Guard<'_, '_> {
    fn drop(&mut self) {
        self.0.turn().is_over = true;
        self.0.passed.notify_all();
    }
}
