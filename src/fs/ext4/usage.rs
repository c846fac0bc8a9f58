//! How much of each group is in use: what descriptors and bitmaps say.

use super::bitmap;
use super::checksum::Checksum;
use super::group::{BLOCK_UNINIT, Group, INODE_UNINIT, INODE_ZEROED};
use super::inventory::Body;
use super::layout::Places;
use super::plan::Plan;

impl Plan<'_> {
    /// The descriptors of all groups; `seed` is the filesystem's checksum.
    pub(super) fn groups(&self, seed: Checksum) -> Vec<Group> {
        let Plan { geometry, layout, inventory, .. } = self;
        let mut directories = vec![0; geometry.groups() as usize];
        for item in &inventory.items {
            if matches!(item.body, Body::Directory(..)) {
                let group = u64::from(item.number - 1) / geometry.inodes_per_group;
                directories[group as usize] += 1;
            }
        }
        let groups = (0..).zip(layout.groups.iter().zip(directories));
        groups
            .map(|(number, (&places, directories))| {
                self.describe(number, places, directories, seed)
            })
            .collect()
    }

    fn describe(&self, number: u64, places: Places, directories: u64, seed: Checksum) -> Group {
        let geometry = &self.geometry;
        let range = geometry.group(number);
        let used = self.blocks_used_in(number);
        let used_inodes = self.inodes_used_in(number);
        // The last group's bitmap says where the filesystem ends.
        let is_bare = used == geometry.base_blocks(number) && number + 1 < geometry.groups();
        let block_bitmap = (!is_bare).then(|| seed.with(&self.block_bitmap(number)));
        let inode_bitmap = (used_inodes > 0).then(|| {
            let bitmap = self.inode_bitmap(number);
            seed.with(&bitmap[..geometry.inodes_per_group as usize / 8])
        });
        Group {
            places,
            free_blocks: range.end - range.start - used,
            free_inodes: geometry.inodes_per_group - used_inodes,
            directories,
            flags: INODE_ZEROED
                | if block_bitmap.is_none() { BLOCK_UNINIT } else { 0 }
                | if inode_bitmap.is_none() { INODE_UNINIT } else { 0 },
            block_bitmap,
            inode_bitmap,
        }
    }

    /// How many blocks of a group are in use.
    fn blocks_used_in(&self, group: u64) -> u64 {
        let range = self.geometry.group(group);
        let cursor = self.placement.cursor.clamp(range.start, range.end);
        cursor - range.start + self.layout.taken_in(&(cursor..range.end))
    }

    /// How many inodes of a group are in use, all at the start of its table.
    fn inodes_used_in(&self, group: u64) -> u64 {
        let each = self.geometry.inodes_per_group;
        self.inventory.used().saturating_sub(group * each).min(each)
    }

    /// A group's block bitmap: all in front of the cursor, and the metadata behind it.
    pub(super) fn block_bitmap(&self, group: u64) -> Vec<u8> {
        let Plan { geometry, layout, placement, .. } = self;
        let range = geometry.group(group);
        let mut bits = bitmap::empty(geometry.block_size as usize, range.end - range.start);
        let in_group = |block: u64| block.clamp(range.start, range.end) - range.start;
        bitmap::set(&mut bits, 0..in_group(placement.cursor));
        for taken in layout.taken_from(range.start).take_while(|taken| taken.start < range.end) {
            bitmap::set(&mut bits, in_group(taken.start)..in_group(taken.end));
        }
        bits
    }

    /// A group's inode bitmap.
    pub(super) fn inode_bitmap(&self, group: u64) -> Vec<u8> {
        let geometry = &self.geometry;
        let mut bits = bitmap::empty(geometry.block_size as usize, geometry.inodes_per_group);
        bitmap::set(&mut bits, 0..self.inodes_used_in(group));
        bits
    }
}
