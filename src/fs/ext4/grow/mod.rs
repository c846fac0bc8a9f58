//! Makes a filesystem larger, offline and in place: ours, or any that mke2fs made.
//!
//! [`plan`] computes every block that changes and writes nothing; [`Growth::apply`] writes. New groups
//! and all copies of the superblock come first, where the filesystem does not look yet. What it does
//! look at (descriptors, the last bitmap, the resize inode, the superblock) changes in one transaction
//! of its own journal, so that it is the old or the new filesystem whenever power or process ends: what
//! was committed, the next mount, e2fsck or [`finish`] completes. A filesystem without a journal that
//! can be used is written in place, the superblock last; an interruption in that moment is for e2fsck.
//!
//! Reference: kernel Documentation/filesystems/ext4. Left out: `meta_bg` (growth ends where the room
//! kept for group descriptors ends), `bigalloc`, `sparse_super2`, shrinking.

mod apply;
mod descriptors;
mod existing;
mod log;
mod map;
mod refusal;
mod seal;
mod spare;
mod totals;

pub use refusal::GrowRefusal;

use self::descriptors::{NewGroups, extend_last};
use self::existing::{Existing, NEEDS_RECOVERY, RESIZE_INODE, SUPERBLOCK_AT, is_wide};
use self::log::Log;
use self::spare::Blocks;
use self::totals::Gain;
use super::extent::Extent;
use super::geometry::Geometry;
use super::layout::Layout;
use crate::size::Size;
use crate::volume::Volume;

pub use apply::{finish, is_interrupted};

/// A filesystem that is to become larger, computed to the last byte.
#[derive(Debug)]
pub struct Growth {
    old: Existing,
    new: Geometry,
    /// Ranges of blocks that are to be zero: metadata of the new groups.
    zero: Vec<std::ops::Range<u64>>,
    /// What is written where nobody looks yet: the block and what begins there.
    ahead: Vec<(u64, Vec<u8>)>,
    /// What changes at once.
    at_once: Blocks,
    journal: Option<Journal>,
}

/// The journal, where it can be used.
#[derive(Debug)]
struct Journal {
    log: Log,
    extents: Vec<Extent>,
}

impl Growth {
    /// Bytes of the filesystem before and after.
    pub fn sizes(&self) -> (u64, u64) {
        let bytes = |g: &Geometry| g.blocks * g.block_size;
        (bytes(&self.old.geometry), bytes(&self.new))
    }

    /// How many block groups it has before and after.
    pub fn groups(&self) -> (u64, u64) {
        (self.old.geometry.groups(), self.new.groups())
    }

    /// Bytes of metadata that are written, the journal's copies left out.
    pub fn written(&self) -> u64 {
        let ahead = self.ahead.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
        ahead + self.at_once.len() as u64 * self.new.block_size
    }

    /// Whether the change goes through the journal, so that no moment of it can do harm.
    pub fn is_journaled(&self) -> bool {
        self.journal.is_some()
    }
}

/// Plans to make the filesystem at the start of a volume as large as the volume; `None` where it
/// already is, but for what is too little for a group.
///
/// # Errors
/// Where there is no such filesystem, it is dirty or damaged, or cannot become so large.
pub fn plan(volume: &Volume<'_>) -> Result<Option<Growth>, GrowRefusal> {
    let old = Existing::read(volume)?;
    if old.feature(1) & NEEDS_RECOVERY != 0 {
        return Err(GrowRefusal::Journal);
    }
    let Some((new, layout)) = geometry(&old, volume.len() / old.geometry.block_size)? else {
        return Ok(None);
    };
    let journal = journal(volume, &old)?;
    let numbers = old.geometry.groups()..new.groups();
    let groups = NewGroups { old: &old, geometry: &new, numbers, layout: &layout };
    let mut descriptors = old.descriptors(volume)?;
    let extended = extend_last(&mut descriptors, volume, &old, &new)?;
    descriptors.extend(groups.descriptors());
    let gain = Gain {
        free_blocks: extended.gained + groups.free_blocks(),
        groups: new.groups() - old.geometry.groups(),
        metadata: layout.taken.iter().map(|taken| taken.end - taken.start).sum(),
    };
    let superblock = totals::superblock(&old, &new, gain);
    let mut at_once = Blocks::new();
    let table = map::inode_table(&old, &descriptors, 0);
    spare::change(&mut at_once, volume, &old, &new, table)?;
    at_once.extend(extended.bitmap);
    put_base(&mut at_once, volume, &old, &descriptors, &superblock)?;
    let mut ahead = groups.bitmaps();
    for group in new.backups() {
        let start = new.group(group).start;
        ahead.push((start, totals::copy(&old, &superblock, group)));
        ahead.push((start + 1, descriptors.clone()));
    }
    let journal = journal.filter(|journal| journal.log.has_room(at_once.len()));
    Ok(Some(Growth { zero: layout.taken.clone(), old, new, ahead, at_once, journal }))
}

/// The numbers of the larger filesystem and where its new metadata is; `None` where there is no more.
fn geometry(old: &Existing, blocks: u64) -> Result<Option<(Geometry, Layout)>, GrowRefusal> {
    let g = &old.geometry;
    if blocks < g.blocks {
        let [has, volume] = [g.blocks, blocks].map(|blocks| blocks * g.block_size);
        return Err(GrowRefusal::Shrink { has, volume });
    }
    if blocks > u64::from(u32::MAX) && !is_wide(&old.superblock) {
        return Err(GrowRefusal::TooLarge("blocks"));
    }
    let mut new = sized(old, blocks)?;
    loop {
        if new.blocks <= g.blocks {
            return Ok(None);
        }
        let layout = Layout::of(&new, g.groups()..new.groups(), old.groups_per_flex);
        let is_new = new.groups() > g.groups();
        // A last group of which the metadata would leave nothing stays unused.
        if is_new && (new.last_group_lacks() > 0 || layout.end() > new.blocks) {
            new = sized(old, new.group(new.groups() - 1).start)?;
            continue;
        }
        return match new.inodes() > u64::from(u32::MAX) {
            true => Err(GrowRefusal::TooLarge("inodes")),
            false => Ok(Some((new, layout))),
        };
    }
}

/// The numbers of so many blocks: more descriptors take the room that is kept for them.
fn sized(old: &Existing, blocks: u64) -> Result<Geometry, GrowRefusal> {
    let g = &old.geometry;
    let mut new = Geometry { blocks, ..g.clone() };
    let per_block = g.block_size / old.descriptor_size as u64;
    new.descriptor_blocks = new.groups().div_ceil(per_block);
    let more = new.descriptor_blocks - g.descriptor_blocks.min(new.descriptor_blocks);
    let has_room = old.feature(0) & RESIZE_INODE != 0;
    let spare = if has_room { g.spare_descriptor_blocks } else { 0 };
    if more > spare {
        let most = (g.descriptor_blocks + spare) * per_block * g.blocks_per_group();
        return Err(GrowRefusal::NoRoom { most: Size(most * g.block_size) });
    }
    new.spare_descriptor_blocks = g.spare_descriptor_blocks - more;
    Ok(new)
}

/// The blocks of the first superblock and of the descriptors behind it.
fn put_base(
    blocks: &mut Blocks,
    volume: &Volume<'_>,
    old: &Existing,
    descriptors: &[u8],
    superblock: &[u8],
) -> Result<(), GrowRefusal> {
    let g = &old.geometry;
    let mut home = old.block(volume, g.first_block)?;
    put_superblock(&mut home, superblock);
    blocks.insert(g.first_block, home);
    for (number, part) in (g.first_block + 1..).zip(descriptors.chunks(g.block_size as usize)) {
        let mut block = part.to_vec();
        block.resize(g.block_size as usize, 0);
        blocks.insert(number, block);
    }
    Ok(())
}

/// Puts the first superblock into its block, which may have the boot sector in front of it.
fn put_superblock(home: &mut [u8], superblock: &[u8]) {
    let at = SUPERBLOCK_AT as usize % home.len();
    home[at..at + superblock.len()].copy_from_slice(superblock);
}

/// The journal of the filesystem; `None` where there is none that is written here.
fn journal(volume: &Volume<'_>, fs: &Existing) -> Result<Option<Journal>, GrowRefusal> {
    let Some(inode) = fs.journal_inode() else { return Ok(None) };
    let descriptors = fs.descriptors(volume)?;
    let Some(extents) = map::extents(volume, fs, inode, &descriptors)? else { return Ok(None) };
    let Some(first) = extents.first().filter(|first| first.logical == 0) else { return Ok(None) };
    let log = Log::read(&fs.block(volume, first.physical)?, fs.geometry.block_size);
    Ok(log.map(|log| Journal { log, extents }))
}

#[cfg(test)]
mod tests;
