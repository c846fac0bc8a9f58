//! What inodes own: journal, directories, files, long links, attributes, and the blocks that map
//! them.

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

/// An inode's item, and the blocks that it got.
type Pair<'p> = (&'p Item<'p>, &'p Placed);

impl Plan<'_> {
    /// Copies the data of all files; `progress` hears of their bytes. Where somebody asks, the checksums of
    /// what they hold go into a hash.
    pub(super) fn write_files(
        &self,
        stream: &mut Stream,
        mut hash: Option<&mut Sha256>,
        progress: &dyn Fn(u64),
    ) -> Result<()> {
        for (item, placed) in self.inventory.items.iter().zip(&self.placement.placed) {
            let Body::File(content, _) = &item.body else { continue };
            let mut checksum = 0;
            let wanted = hash.as_ref().map(|_| &mut checksum);
            self.write_file(stream, content, placed, wanted)?;
            if let Some(hash) = &mut hash {
                hash.update(checksum.to_le_bytes());
            }
            progress(content.len());
        }
        Ok(())
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

    fn write_file(
        &self,
        to: &mut Stream,
        content: &Content,
        placed: &Placed,
        mut checksum: Option<&mut u32>,
    ) -> Result<()> {
        let block_size = self.geometry.block_size;
        if placed.extents.is_empty() && !content.is_empty() {
            // Nothing is read from a file that was all hole: it must still be.
            content.open()?;
        }
        placed.extents.iter().try_for_each(|extent| {
            let from = u64::from(extent.logical) * block_size;
            let len = (u64::from(extent.len) * block_size).min(content.len() - from);
            to.copy(content, extent.physical * block_size, from, len, checksum.as_deref_mut())
        })
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
