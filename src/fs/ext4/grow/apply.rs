//! A planned growth, written: what nobody looks at, then the change itself, with a barrier between
//! all that must not overtake each other.

use std::io;

use super::existing::{Existing, NEEDS_RECOVERY};
use super::refusal::GrowRefusal;
use super::spare::Blocks;
use super::totals::with_recovery;
use super::{Geometry, Growth, Journal, journal, put_superblock};
use crate::volume::Volume;

impl Growth {
    /// Writes the growth to the volume that it was planned for.
    ///
    /// # Errors
    /// Any I/O error; the filesystem then is as it was, or [`finish`] makes it what it is to be.
    pub fn apply(&self, volume: &Volume<'_>) -> Result<(), GrowRefusal> {
        let size = self.new.block_size;
        for range in &self.zero {
            volume.zero(range.start * size, (range.end - range.start) * size)?;
        }
        for (block, bytes) in &self.ahead {
            volume.write_all_at(bytes, block * size)?;
        }
        match &self.journal {
            Some(journal) => self.through(volume, journal),
            None => {
                volume.sync()?;
                self.in_place(volume)
            }
        }
    }

    fn through(&self, volume: &Volume<'_>, journal: &Journal) -> Result<(), GrowRefusal> {
        let size = self.new.block_size;
        let mut blocks = self.at_once.clone();
        let first = self.new.first_block;
        let Some(home) = blocks.get_mut(&first) else { return Ok(()) };
        let at = super::SUPERBLOCK_AT as usize % home.len();
        let new = home[at..at + self.old.superblock.len()].to_vec();
        put_superblock(home, &with_recovery(&self.old, &new, true));
        let mut log = Blocks::new();
        let (start, bytes) = journal.log.transaction(&blocks);
        for (number, block) in (start..).zip(bytes.chunks(size as usize)) {
            log.insert(journal.place(number)?, block.to_vec());
        }
        write_blocks(volume, &log, size)?;
        volume.sync()?;
        let marked = with_recovery(&self.old, &self.old.superblock, true);
        write_superblock(volume, &marked)?;
        volume.sync()?;
        // One sector: from here on it is the larger filesystem.
        volume.write_all_at(&journal.log.committed(), journal.place(0)? * size)?;
        volume.sync()?;
        complete(volume, &self.old, journal, &blocks)
    }

    fn in_place(&self, volume: &Volume<'_>) -> Result<(), GrowRefusal> {
        write_with_superblock_last(volume, &self.new, &self.at_once)
    }
}

impl Journal {
    /// The block of the volume that has a block of the journal.
    fn place(&self, number: u32) -> Result<u64, GrowRefusal> {
        let holds = |e: &&super::Extent| (e.logical..e.logical + e.len).contains(&number);
        let extent = self.extents.iter().find(holds);
        let place = extent.map(|e| e.physical + u64::from(number - e.logical));
        place.ok_or_else(|| GrowRefusal::Damaged(format!("its journal has no block {number}")))
    }
}

/// Completes a growth that was interrupted after its commit; whether there was one. The mark of one that
/// was interrupted before is taken away; another's journal is left as it is.
///
/// # Errors
/// Where the filesystem is damaged, is none, or cannot be read or written.
pub fn finish(volume: &Volume<'_>) -> Result<bool, GrowRefusal> {
    let Some((fs, journal, blocks)) = interrupted(volume)? else { return Ok(false) };
    let first = fs.block(volume, journal.place(journal.log.first())?)?;
    complete(volume, &fs, &journal, &blocks)?;
    Ok(!blocks.is_empty() || journal.log.was_ours(&first))
}

/// Whether a growth was interrupted in the moment of its change, so that [`finish`] has something to do.
///
/// # Errors
/// Where the filesystem is damaged, is none, or cannot be read.
pub fn is_interrupted(volume: &Volume<'_>) -> Result<bool, GrowRefusal> {
    Ok(interrupted(volume)?.is_some())
}

fn interrupted(volume: &Volume<'_>) -> Result<Option<(Existing, Journal, Blocks)>, GrowRefusal> {
    let fs = Existing::read(volume)?;
    if fs.feature(1) & NEEDS_RECOVERY == 0 {
        return Ok(None);
    }
    let Some(journal) = journal(volume, &fs)? else { return Ok(None) };
    let size = fs.geometry.block_size;
    let blocks = match journal.log.start {
        // Marked, and nothing in the log: what the kernel does then is to take the mark away.
        0 => Some(Blocks::new()),
        _ => journal.log.replay(|number| {
            let mut block = vec![0; size as usize];
            let at = journal.place(number).ok()?.checked_mul(size)?;
            volume.read_exact_at(&mut block, at).ok()?;
            Some(block)
        }),
    };
    let fits = |blocks: &Blocks| blocks.keys().all(|block| (block + 1) * size <= volume.len());
    Ok(blocks.filter(fits).map(|blocks| (fs, journal, blocks)))
}

/// Writes what was committed to its place, then empties the journal, then says so.
fn complete(
    volume: &Volume<'_>,
    fs: &Existing,
    journal: &Journal,
    blocks: &Blocks,
) -> Result<(), GrowRefusal> {
    let size = fs.geometry.block_size;
    write_with_superblock_last(volume, &fs.geometry, blocks)?;
    volume.write_all_at(&journal.log.emptied(), journal.place(0)? * size)?;
    volume.sync()?;
    let mut superblock = fs.superblock.clone();
    volume.read_exact_at(&mut superblock, super::SUPERBLOCK_AT)?;
    write_superblock(volume, &with_recovery(fs, &superblock, false))?;
    Ok(volume.sync()?)
}

/// Writes blocks to their places. The superblock follows when the descriptors that it wants are there:
/// whoever opens the filesystem looks at them before the journal.
fn write_with_superblock_last(
    volume: &Volume<'_>,
    geometry: &Geometry,
    blocks: &Blocks,
) -> Result<(), GrowRefusal> {
    let (size, first) = (geometry.block_size, geometry.first_block);
    let mut others = blocks.clone();
    let home = others.remove(&first);
    write_blocks(volume, &others, size)?;
    volume.sync()?;
    if let Some(home) = home {
        volume.write_all_at(&home, first * size)?;
        volume.sync()?;
    }
    Ok(())
}

/// Writes blocks, those that adjoin at once.
fn write_blocks(volume: &Volume<'_>, blocks: &Blocks, size: u64) -> io::Result<()> {
    let all: Vec<_> = blocks.iter().collect();
    for run in all.chunk_by(|(a, _), (b, _)| **a + 1 == **b) {
        let bytes: Vec<u8> = run.iter().flat_map(|(_, bytes)| bytes.iter().copied()).collect();
        volume.write_all_at(&bytes, run[0].0 * size)?;
    }
    Ok(())
}

fn write_superblock(volume: &Volume<'_>, superblock: &[u8]) -> io::Result<()> {
    volume.write_all_at(superblock, super::SUPERBLOCK_AT)
}
