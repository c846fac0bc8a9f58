//! The group descriptors of a filesystem that has become larger: those of the new groups, and that of
//! the group which was the last and may have been shorter.

use std::ops::Range;

use super::existing::Existing;
use super::refusal::GrowRefusal;
use crate::bytes::{le16, le32};
use crate::fs::ext4::bitmap;
use crate::fs::ext4::checksum::Checksum;
use crate::fs::ext4::geometry::Geometry;
use crate::fs::ext4::group::{BLOCK_UNINIT, Group, INODE_UNINIT, INODE_ZEROED};
use crate::fs::ext4::layout::Layout;
use crate::fs::ext4::put;
use crate::volume::Volume;

/// The new groups, planned.
#[derive(Debug)]
pub(super) struct NewGroups<'a> {
    pub(super) old: &'a Existing,
    pub(super) geometry: &'a Geometry,
    pub(super) numbers: Range<u64>,
    pub(super) layout: &'a Layout,
}

impl NewGroups<'_> {
    /// Their descriptors, one after the other.
    pub(super) fn descriptors(&self) -> Vec<u8> {
        let sealed = self.numbers.clone().zip(&self.layout.groups).map(|(number, _)| {
            // Whichever checksum the filesystem has replaces that of the rendering.
            let rendered = self.group(number).render(number as u32, Checksum::START);
            let mut descriptor = rendered[..self.old.descriptor_size].to_vec();
            if !self.old.seal.has_uninitialised_groups() {
                // bg_itable_unused means something with checksums alone.
                put_halves(&mut descriptor, [0x1c, 0x32], 0);
            }
            self.old.seal.close_descriptor(number as u32, &mut descriptor);
            descriptor
        });
        sealed.flatten().collect()
    }

    /// The bitmaps that are written: block and bytes.
    pub(super) fn bitmaps(&self) -> Vec<(u64, Vec<u8>)> {
        let mut bitmaps = Vec::new();
        for (number, places) in self.numbers.clone().zip(&self.layout.groups) {
            if self.has_block_bitmap(number) {
                bitmaps.push((places.block_bitmap, self.block_bitmap(number)));
            }
            if !self.old.seal.has_uninitialised_groups() {
                bitmaps.push((places.inode_bitmap, self.inode_bitmap()));
            }
        }
        bitmaps
    }

    /// Blocks of them that nothing is in.
    pub(super) fn free_blocks(&self) -> u64 {
        self.numbers.clone().map(|number| self.free_in(number)).sum()
    }

    fn group(&self, number: u64) -> Group {
        let inodes = self.geometry.inodes_per_group;
        let has_flags = self.old.seal.has_uninitialised_groups();
        let has_block_bitmap = self.has_block_bitmap(number);
        let flags = INODE_ZEROED | INODE_UNINIT | if has_block_bitmap { 0 } else { BLOCK_UNINIT };
        let block_bitmap = has_block_bitmap.then(|| self.block_bitmap(number));
        Group {
            places: self.layout.groups[(number - self.numbers.start) as usize],
            free_blocks: self.free_in(number),
            free_inodes: inodes,
            directories: 0,
            flags: if has_flags { flags } else { 0 },
            block_bitmap: block_bitmap.and_then(|bitmap| self.old.seal.of_bitmap(&bitmap)),
            inode_bitmap: None,
        }
    }

    fn free_in(&self, number: u64) -> u64 {
        let range = self.geometry.group(number);
        range.end - range.start - self.layout.taken_in(&range)
    }

    /// Written where more is in use than what every reader knows, and in the last group, where it says
    /// where the filesystem ends.
    fn has_block_bitmap(&self, number: u64) -> bool {
        let range = self.geometry.group(number);
        let is_bare = self.layout.taken_in(&range) == self.geometry.base_blocks(number);
        let is_last = number + 1 == self.numbers.end;
        !is_bare || is_last || !self.old.seal.has_uninitialised_groups()
    }

    fn block_bitmap(&self, number: u64) -> Vec<u8> {
        let range = self.geometry.group(number);
        let mut bits = bitmap::empty(self.geometry.block_size as usize, range.end - range.start);
        for taken in self.layout.taken_from(range.start).take_while(|t| t.start < range.end) {
            let within = |block: u64| block.clamp(range.start, range.end) - range.start;
            bitmap::set(&mut bits, within(taken.start)..within(taken.end));
        }
        bits
    }

    fn inode_bitmap(&self) -> Vec<u8> {
        bitmap::empty(self.geometry.block_size as usize, self.geometry.inodes_per_group)
    }
}

/// The group that was the last, made as long as it now is.
pub(super) struct Extended {
    /// Blocks that it gained.
    pub(super) gained: u64,
    /// Where its bitmap is and its bytes, where it has one.
    pub(super) bitmap: Option<(u64, Vec<u8>)>,
}

/// Extends the last of the old descriptors.
pub(super) fn extend_last(
    descriptors: &mut [u8],
    volume: &Volume<'_>,
    old: &Existing,
    new: &Geometry,
) -> Result<Extended, GrowRefusal> {
    let number = old.geometry.groups() - 1;
    let (before, after) = (old.geometry.group(number), new.group(number));
    let gained = after.end - before.end;
    let start = number as usize * old.descriptor_size;
    let descriptor = &mut descriptors[start..][..old.descriptor_size];
    if gained == 0 {
        return Ok(Extended { gained, bitmap: None });
    }
    let is_long = old.descriptor_size == 64;
    let high = |at| if is_long { u64::from(le16(descriptor, at).unwrap_or(0)) << 16 } else { 0 };
    let free = u64::from(le16(descriptor, 0x0c).unwrap_or(0)) | high(0x2c);
    let place = u64::from(le32(descriptor, 0).unwrap_or(0))
        | if is_long { u64::from(le32(descriptor, 0x20).unwrap_or(0)) << 32 } else { 0 };
    let flags = le16(descriptor, 0x12).unwrap_or(0);
    put_halves(descriptor, [0x0c, 0x2c], (free + gained) as u32);
    let mut bitmap = None;
    if flags & BLOCK_UNINIT == 0 || !old.seal.has_uninitialised_groups() {
        let mut bits = old.block(volume, place)?;
        bitmap::clear(&mut bits, before.end - before.start..after.end - before.start);
        if let Some(checksum) = old.seal.of_bitmap(&bits) {
            put_halves(descriptor, [0x18, 0x38], checksum.value());
        }
        bitmap = Some((place, bits));
    }
    old.seal.close_descriptor(number as u32, descriptor);
    Ok(Extended { gained, bitmap })
}

/// Puts the halves of a field where the descriptor has them.
fn put_halves(descriptor: &mut [u8], [low, high]: [usize; 2], value: u32) {
    put(descriptor, low, (value as u16).to_le_bytes());
    if descriptor.len() == 64 {
        put(descriptor, high, ((value >> 16) as u16).to_le_bytes());
    }
}
