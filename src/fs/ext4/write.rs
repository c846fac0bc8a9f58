//! Writes a plan: metadata of each group, then directories and files in the order of their blocks,
//! the copies of the superblock last. What is zero is not written.

use super::checksum::Checksum;
use super::extent;
use super::group::Group;
use super::inode::{EXTENTS_FLAG, INDEX_FLAG, INODE_SIZE, Inode};
use super::inventory::{Body, Item};
use super::journal;
use super::placement::Placed;
use super::plan::Plan;
use super::resize;
use super::stream::Stream;
use super::superblock::{SUPERBLOCK_SIZE, Superblock};
use super::xattr::Xattrs;
use crate::error::{Error, Result};
use crate::size::Size;
use crate::volume::Volume;

impl Plan<'_> {
    /// Writes the filesystem to the start of a volume, all bytes of which are zero.
    ///
    /// # Errors
    /// Where the volume is smaller than [`Plan::size`]; a host file that changed since the plan was
    /// made; any I/O error.
    pub fn write(&self, volume: &Volume<'_>) -> Result<()> {
        if volume.len() < self.size() {
            return Err(Error::new(format!(
                "the volume has {}, the filesystem {}",
                Size(volume.len()),
                Size(self.size())
            )));
        }
        let seed = Checksum::of_filesystem(self.options.uuid);
        Writer { plan: self, seed, stream: Stream::new(*volume, self.geometry.block_size) }.write()
    }
}

/// A plan on its way into a volume.
struct Writer<'p, 'v> {
    plan: &'p Plan<'p>,
    /// What checksums of this filesystem begin with.
    seed: Checksum,
    stream: Stream<'v>,
}

impl Writer<'_, '_> {
    fn write(mut self) -> Result<()> {
        let groups = self.plan.groups(self.seed);
        let descriptors: Vec<u8> =
            (0..).zip(&groups).flat_map(|(n, group)| group.render(n, self.seed)).collect();
        self.base(0, &descriptors)?;
        self.bitmaps(&groups)?;
        self.tables()?;
        self.contents()?;
        for group in self.plan.geometry.backups() {
            self.base(group, &descriptors)?;
        }
        self.stream.flush()
    }

    /// A superblock with the group descriptors, and in the first group what the resize inode has
    /// behind them.
    fn base(&mut self, group: u64, descriptors: &[u8]) -> Result<()> {
        let geometry = &self.plan.geometry;
        let block_size = geometry.block_size;
        let start = geometry.group(group).start;
        // Only the first superblock may have a boot sector in front of it, in the same block.
        let at = if group == 0 { SUPERBLOCK_SIZE as u64 } else { start * block_size };
        let superblock = self.superblock().render(group);
        self.stream.put(at, &superblock)?;
        self.stream.put((start + 1) * block_size, descriptors)?;
        if group == 0 && geometry.backups().next().is_some() {
            for spare in resize::spares(geometry) {
                self.stream.put(spare * block_size, &resize::indirect(geometry, spare))?;
            }
        }
        Ok(())
    }

    fn superblock(&self) -> Superblock<'_> {
        let Plan { options, geometry, inventory, placement, .. } = self.plan;
        let is_journal = |(item, _): &(&Item<'_>, _)| matches!(item.body, Body::Journal);
        let journal = inventory.items.iter().zip(&placement.placed).find(is_journal);
        let journal = journal.filter(|_| geometry.journal_blocks > 0).map(|(item, placed)| {
            let inode = self.inode(item, placed);
            (inode.map, inode.size)
        });
        Superblock {
            options,
            geometry,
            free_blocks: self.plan.free_blocks(),
            free_inodes: geometry.inodes() - inventory.used(),
            journal,
        }
    }

    fn bitmaps(&mut self, groups: &[Group]) -> Result<()> {
        let block_size = self.plan.geometry.block_size;
        for (number, group) in (0..).zip(groups) {
            if group.block_bitmap.is_some() {
                let bitmap = self.plan.block_bitmap(number);
                self.stream.put(group.places.block_bitmap * block_size, &bitmap)?;
            }
            if group.inode_bitmap.is_some() {
                let bitmap = self.plan.inode_bitmap(number);
                self.stream.put(group.places.inode_bitmap * block_size, &bitmap)?;
            }
        }
        Ok(())
    }

    /// The inodes that are in use.
    fn tables(&mut self) -> Result<()> {
        let Plan { geometry, layout, inventory, placement, .. } = self.plan;
        for (item, placed) in inventory.items.iter().zip(&placement.placed) {
            if matches!(item.body, Body::Journal | Body::Resize)
                && placed.extents.is_empty()
                && placed.map.is_empty()
            {
                continue;
            }
            let index = u64::from(item.number - 1);
            let table = layout.groups[(index / geometry.inodes_per_group) as usize].inode_table;
            let within = index % geometry.inodes_per_group * INODE_SIZE as u64;
            let inode = self.inode(item, placed).render(self.seed.of_inode(item.number));
            self.stream.put(table * geometry.block_size + within, &inode)?;
        }
        Ok(())
    }

    fn inode(&self, item: &Item<'_>, placed: &Placed) -> Inode {
        let geometry = &self.plan.geometry;
        let block_size = geometry.block_size;
        let seed = self.seed.of_inode(item.number);
        let extents = || extent::tree(&placed.extents, &placed.map, block_size as usize, seed).0;
        let own: u64 = placed.extents.iter().map(|extent| u64::from(extent.len)).sum();
        let mut blocks = own + placed.map.len() as u64 + u64::from(placed.xattrs.is_some());
        let (size, flags, map) = match &item.body {
            Body::Resize => {
                blocks = resize::blocks(geometry);
                let map = placed.map.first().map_or([0; 60], |&block| resize::map(block));
                (resize::size(block_size), 0, map)
            }
            Body::Journal => (geometry.journal_blocks * block_size, EXTENTS_FLAG, extents()),
            Body::Directory(directory, _) => {
                let index = if directory.is_indexed() { INDEX_FLAG } else { 0 };
                (directory.blocks() as u64 * block_size, EXTENTS_FLAG | index, extents())
            }
            Body::File(content, _) => (content.len(), EXTENTS_FLAG, extents()),
            Body::SlowLink(target) => (target.len() as u64, EXTENTS_FLAG, extents()),
            Body::FastLink(target) => {
                let mut map = [0; 60];
                map[..target.len()].copy_from_slice(target);
                (target.len() as u64, 0, map)
            }
            Body::Device(map) => (0, 0, *map),
            Body::Nothing => (0, 0, [0; 60]),
        };
        Inode {
            mode: item.mode,
            uid: item.metadata.uid,
            gid: item.metadata.gid,
            size,
            time: item.metadata.mtime,
            links: item.links,
            sectors: blocks * (block_size / 512),
            flags,
            map,
            xattr_block: placed.xattrs.unwrap_or(0),
            xattrs: self.xattrs(item).map_or([0; super::xattr::INLINE_SIZE], |x| x.inline()),
        }
    }

    /// The attributes of an item; that they are possible was found when it was planned.
    fn xattrs<'i>(&self, item: &'i Item<'_>) -> Option<Xattrs<'i>> {
        Xattrs::new(&item.metadata.xattrs, self.plan.geometry.block_size as usize).ok()
    }

    /// All blocks that inodes own, in the order in which they were placed.
    fn contents(&mut self) -> Result<()> {
        let plan = self.plan;
        for first in [true, false] {
            for (item, placed) in plan.inventory.items.iter().zip(&plan.placement.placed) {
                if super::placement::is_first(&item.body) == first {
                    self.content(item, placed)?;
                }
            }
        }
        Ok(())
    }

    fn content(&mut self, item: &Item<'_>, placed: &Placed) -> Result<()> {
        let geometry = &self.plan.geometry;
        let block_size = geometry.block_size;
        let seed = self.seed.of_inode(item.number);
        if let (Some(place), Some(xattrs)) = (placed.xattrs, self.xattrs(item)) {
            let block = xattrs.render(place, block_size as usize, self.seed);
            self.stream.put(place * block_size, &block)?;
        }
        match (&item.body, placed.extents.first()) {
            (Body::Journal, Some(first)) => {
                let uuid = self.plan.options.uuid;
                let superblock = journal::superblock(geometry.journal_blocks, block_size, uuid);
                self.stream.put(first.physical * block_size, &superblock)?;
            }
            (Body::Directory(directory, parent), _) => {
                let mut places = blocks(placed);
                directory.render(item.number, *parent, block_size as usize, seed, |block| {
                    let place = places.next().unwrap_or(0);
                    self.stream.put(place * block_size, block)
                })?;
            }
            (Body::SlowLink(target), Some(first)) => {
                self.stream.put(first.physical * block_size, target)?;
            }
            (Body::File(content, _), _) => {
                for extent in &placed.extents {
                    let from = u64::from(extent.logical) * block_size;
                    let len = (u64::from(extent.len) * block_size).min(content.len() - from);
                    self.stream.copy(content, extent.physical * block_size, from, len)?;
                }
            }
            (Body::Resize, _) => {
                for place in &placed.map {
                    self.stream.put(place * block_size, &resize::double_indirect(geometry))?;
                }
                return Ok(());
            }
            _ => {}
        }
        let (_, nodes) = extent::tree(&placed.extents, &placed.map, block_size as usize, seed);
        nodes.iter().try_for_each(|node| self.stream.put(node.at * block_size, &node.bytes))
    }
}

/// The blocks of a file without holes, in order.
fn blocks(placed: &Placed) -> impl Iterator<Item = u64> {
    placed.extents.iter().flat_map(|e| e.physical..e.physical + u64::from(e.len))
}
