//! What inodes own: journal, directories, files, long links, attributes, and the blocks that map
//! them.

use std::borrow::Cow;

use sha2::{Digest, Sha256};

use super::checksum::Checksum;
use super::extent;
use super::inventory::{Body, Item};
use super::journal;
use super::placement::{Placed, is_first};
use super::plan::Plan;
use super::resize;
use crate::error::Result;
use crate::fs::stream::Stream;
use crate::tree::Content;
use crate::tree::copy::{self, Part, Sum};
use crate::volume::Volume;

/// An inode's item, and the blocks that it got.
type Pair<'p> = (&'p Item<'p>, &'p Placed);

impl Plan<'_> {
    /// Copies the data of all files; `progress` hears of their bytes.
    pub(super) fn copy_files(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<()> {
        copy::copy(volume, self.geometry.block_size, self.parts(), progress)
    }

    /// As [`Plan::copy_files`]; the checksums of what they hold go into a hash.
    pub(super) fn copy_and_hash(
        &self,
        volume: &Volume<'_>,
        hash: &mut Sha256,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        let sums = copy::copy_summed(volume, self.geometry.block_size, self.parts(), progress)?;
        let mut sums = sums.into_iter();
        for (content, placed) in self.files() {
            let len: u64 = self.stored(content, placed).map(|part| part.len).sum();
            let mut all = Sum::default();
            while all.len < len {
                let Some(next) = sums.next() else { break };
                all = all.and(next);
            }
            hash.update(all.crc.to_le_bytes());
        }
        Ok(())
    }

    fn files(&self) -> impl Iterator<Item = (&Content, &Placed)> {
        let items = self.inventory.items.iter().zip(&self.placement.placed);
        items.filter_map(|(item, placed)| match &item.body {
            Body::File(content, _) => Some((*content, placed)),
            _ => None,
        })
    }

    /// What is stored of all files, in the order of the volume.
    fn parts(&self) -> impl Iterator<Item = Result<Part<'_>>> {
        self.files().flat_map(|(content, placed)| {
            // Nothing is read from a file that was all hole: it must still be.
            let is_hole = placed.extents.is_empty() && !content.is_empty();
            let changed = is_hole.then(|| content.open().err()).flatten().map(Err);
            changed.into_iter().chain(self.stored(content, placed).map(Ok))
        })
    }

    fn stored<'c>(
        &self,
        content: &'c Content,
        placed: &'c Placed,
    ) -> impl Iterator<Item = Part<'c>> + use<'c> {
        let block_size = self.geometry.block_size;
        placed.extents.iter().map(move |extent| {
            let from = u64::from(extent.logical) * block_size;
            let len = (u64::from(extent.len) * block_size).min(content.len() - from);
            Part { content: Cow::Borrowed(content), from, len, at: extent.physical * block_size }
        })
    }

    /// Writes all other blocks that inodes own, in the order in which they were placed.
    pub(super) fn write_contents(&self, stream: &mut Stream, seed: Checksum) -> Result<()> {
        [true, false].into_iter().try_for_each(|first| {
            let items = self.inventory.items.iter().zip(&self.placement.placed);
            items
                .filter(|(item, _)| is_first(&item.body) == first)
                .try_for_each(|pair| self.write_item(stream, seed, pair))
        })
    }

    fn write_item(
        &self,
        stream: &mut Stream,
        filesystem: Checksum,
        (item, placed): Pair<'_>,
    ) -> Result<()> {
        let block_size = self.geometry.block_size;
        let seed = filesystem.of_inode(item.number);
        if let (Some(place), Some(xattrs)) = (placed.xattrs, self.xattrs(item)) {
            let block = xattrs.render(place, block_size as usize, filesystem);
            stream.put(place * block_size, &block)?;
        }
        let start = placed.extents.first().map_or(0, |extent| extent.physical * block_size);
        match &item.body {
            Body::Resize => return self.write_double_indirect(stream, placed),
            Body::Journal if placed.extents.is_empty() => {}
            Body::Journal => {
                let (blocks, uuid) = (self.geometry.journal_blocks, self.options.uuid);
                stream.put(start, &journal::superblock(blocks, block_size, uuid))?;
            }
            Body::Directory(directory, parent) => {
                let mut places = blocks(placed);
                directory.render(item.number, *parent, block_size as usize, seed, |block| {
                    stream.put(places.next().unwrap_or(0) * block_size, block)
                })?;
            }
            Body::SlowLink(target) => stream.put(start, target)?,
            // Its data are there already.
            Body::File(..) | Body::FastLink(_) | Body::Device(_) | Body::Nothing => {}
        }
        let (_, nodes) = extent::tree(&placed.extents, &placed.map, block_size as usize, seed);
        nodes.iter().try_for_each(|node| stream.put(node.at * block_size, &node.bytes))
    }

    fn write_double_indirect(&self, stream: &mut Stream, placed: &Placed) -> Result<()> {
        let block = || resize::double_indirect(&self.geometry);
        let at = |place| place * self.geometry.block_size;
        placed.map.iter().try_for_each(|&place| stream.put(at(place), &block()))
    }
}

/// The blocks of a file without holes, in order.
fn blocks(placed: &Placed) -> impl Iterator<Item = u64> {
    placed.extents.iter().flat_map(|e| e.physical..e.physical + u64::from(e.len))
}
