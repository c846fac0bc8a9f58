//! The inode table: what the inode of each item says.

use super::checksum::Checksum;
use super::extent;
use super::inode::{EXTENTS_FLAG, INDEX_FLAG, INODE_SIZE, Inode};
use super::inventory::{Body, Item};
use super::placement::Placed;
use super::plan::Plan;
use super::resize;
use super::xattr::{INLINE_SIZE, Xattrs};

impl Plan<'_> {
    /// All inodes in use: where each is in the volume, and its bytes.
    pub(super) fn inodes_in_place(
        &self,
        seed: Checksum,
    ) -> impl Iterator<Item = (u64, [u8; INODE_SIZE])> {
        let items = self.inventory.items.iter().zip(&self.placement.placed);
        items.filter(|(item, placed)| is_there(item, placed)).map(move |(item, placed)| {
            let index = u64::from(item.number - 1);
            let group = (index / self.geometry.inodes_per_group) as usize;
            let within = index % self.geometry.inodes_per_group * INODE_SIZE as u64;
            let table = self.layout.groups[group].inode_table * self.geometry.block_size;
            let inode = self.inode(item, placed, seed);
            (table + within, inode.render(seed.of_inode(item.number)))
        })
    }

    /// The inode of an item; `seed` is the filesystem's checksum.
    pub(super) fn inode(&self, item: &Item<'_>, placed: &Placed, seed: Checksum) -> Inode {
        let block_size = self.geometry.block_size;
        Inode {
            mode: item.mode,
            uid: item.metadata.uid,
            gid: item.metadata.gid,
            size: self.length(item),
            time: item.metadata.mtime,
            links: item.links,
            sectors: self.blocks(item, placed) * (block_size / 512),
            flags: flags(&item.body),
            map: self.map(item, placed, seed),
            xattr_block: placed.xattrs.unwrap_or(0),
            xattrs: self.xattrs(item).map_or([0; INLINE_SIZE], |xattrs| xattrs.inline()),
        }
    }

    /// The attributes of an item; that they are possible was found when it was planned.
    pub(super) fn xattrs<'i>(&self, item: &'i Item<'_>) -> Option<Xattrs<'i>> {
        Xattrs::new(&item.metadata.xattrs, self.geometry.block_size as usize).ok()
    }

    /// `i_size`
    fn length(&self, item: &Item<'_>) -> u64 {
        let block_size = self.geometry.block_size;
        match &item.body {
            Body::Resize => resize::size(block_size),
            Body::Journal => self.geometry.journal_blocks * block_size,
            Body::Directory(directory, _) => directory.blocks() as u64 * block_size,
            Body::File(content, _) => content.len(),
            Body::FastLink(target) | Body::SlowLink(target) => target.len() as u64,
            Body::Device(_) | Body::Nothing => 0,
        }
    }

    /// All blocks that an item owns.
    fn blocks(&self, item: &Item<'_>, placed: &Placed) -> u64 {
        match item.body {
            Body::Resize => resize::blocks(&self.geometry),
            _ => {
                let own: u64 = placed.extents.iter().map(|extent| u64::from(extent.len)).sum();
                own + placed.map.len() as u64 + u64::from(placed.xattrs.is_some())
            }
        }
    }

    /// `i_block`
    fn map(&self, item: &Item<'_>, placed: &Placed, seed: Checksum) -> [u8; 60] {
        match &item.body {
            Body::Resize => placed.map.first().map_or([0; 60], |&block| resize::map(block)),
            Body::FastLink(target) => {
                let mut map = [0; 60];
                map[..target.len()].copy_from_slice(target);
                map
            }
            Body::Device(map) => *map,
            Body::Nothing => [0; 60],
            _ => {
                let (seed, size) = (seed.of_inode(item.number), self.geometry.block_size as usize);
                extent::tree(&placed.extents, &placed.map, size, seed).0
            }
        }
    }
}

/// Whether an item has an inode: there may be no journal, and no room to grow into.
fn is_there(item: &Item<'_>, placed: &Placed) -> bool {
    match item.body {
        Body::Journal => !placed.extents.is_empty(),
        Body::Resize => !placed.map.is_empty(),
        _ => true,
    }
}

/// `i_flags`
fn flags(body: &Body<'_>) -> u32 {
    match body {
        Body::Directory(directory, _) if directory.is_indexed() => EXTENTS_FLAG | INDEX_FLAG,
        Body::Directory(..) | Body::File(..) | Body::SlowLink(_) | Body::Journal => EXTENTS_FLAG,
        Body::Resize | Body::FastLink(_) | Body::Device(_) | Body::Nothing => 0,
    }
}
