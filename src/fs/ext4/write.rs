//! Writes a plan: the data of files, then the metadata of each group and what else inodes own, the
//! copies of the superblock last. What is zero is not written.
//!
//! Data come first because they depend on nothing: what they are can still decide about the UUID, from
//! which the checksums of all metadata begin.

use sha2::{Digest, Sha256};

use super::checksum::Checksum;
use super::group::Group;
use super::inventory::{Body, Item};
use super::plan::Plan;
use super::resize;
use super::superblock::{SUPERBLOCK_SIZE, Superblock};
use crate::bytes::Guid;
use crate::error::{Error, Result};
use crate::fs::stream::{self, Stream};
use crate::size::Size;
use crate::volume::Volume;

impl Plan<'_> {
    /// Writes the filesystem to the start of a volume, all bytes of which are zero.
    ///
    /// # Errors
    /// Where the volume is smaller than [`Plan::size`]; a host file that changed since the plan was
    /// made; any I/O error.
    pub fn write(&self, volume: &Volume<'_>) -> Result<()> {
        self.write_with(volume, &|_| ())
    }

    /// As [`Plan::write`]; `progress` hears of the bytes of files that were copied.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub fn write_with(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<()> {
        self.check_room(volume)?;
        self.copy_files(volume, progress)?;
        self.write_metadata(volume)
    }

    /// As [`Plan::write_with`], with a UUID that derives from the one of the plan and the contents of all
    /// files, each of which is read once.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub fn write_identified(mut self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<Guid> {
        self.check_room(volume)?;
        let mut hash = Sha256::new_with_prefix(self.options.uuid.to_bytes());
        self.copy_and_hash(volume, &mut hash, progress)?;
        let hash = hash.finalize();
        let uuid = u128::from_be_bytes(std::array::from_fn(|i| hash[i]));
        self.options.uuid = Guid::custom(uuid);
        self.write_metadata(volume)?;
        Ok(self.options.uuid)
    }

    fn check_room(&self, volume: &Volume<'_>) -> Result<()> {
        if volume.len() < self.size() {
            return Err(Error::new(format!(
                "the volume has {}, the filesystem {}",
                Size(volume.len()),
                Size(self.size())
            )));
        }
        Ok(())
    }

    fn write_metadata(&self, volume: &Volume<'_>) -> Result<()> {
        let seed = Checksum::of_filesystem(self.options.uuid);
        stream::write(volume, self.geometry.block_size, |stream| {
            Writer { plan: self, seed, stream }.write()
        })
    }
}

/// A plan on its way into a volume.
struct Writer<'p, 's> {
    plan: &'p Plan<'p>,
    /// What checksums of this filesystem begin with.
    seed: Checksum,
    stream: &'s mut Stream,
}

impl Writer<'_, '_> {
    fn write(mut self) -> Result<()> {
        let groups = self.plan.groups(self.seed);
        let descriptors: Vec<u8> =
            (0..).zip(&groups).flat_map(|(n, group)| group.render(n, self.seed)).collect();
        self.base(0, &descriptors)?;
        self.bitmaps(&groups)?;
        for (at, inode) in self.plan.inodes_in_place(self.seed) {
            self.stream.put(at, &inode)?;
        }
        self.plan.write_contents(self.stream, self.seed)?;
        for group in self.plan.geometry.backups() {
            self.base(group, &descriptors)?;
        }
        Ok(())
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
            let inode = self.plan.inode(item, placed, self.seed);
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
}
