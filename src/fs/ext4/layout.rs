//! Where bitmaps and inode tables are: together at the start of every 16 groups (`flex_bg`).
//!
//! Reference: kernel Documentation/filesystems/ext4/blockgroup.rst, "Flexible Block Groups".

use std::ops::Range;

use super::geometry::Geometry;

/// `s_log_groups_per_flex`: 16 groups.
pub(super) const LOG_GROUPS_PER_FLEX: u8 = 4;

/// Where one group's metadata is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Places {
    /// Its block bitmap.
    pub(super) block_bitmap: u64,
    /// Its inode bitmap.
    pub(super) inode_bitmap: u64,
    /// The first block of its inode table.
    pub(super) inode_table: u64,
}

/// The metadata of all groups.
#[derive(Debug)]
pub(super) struct Layout {
    /// One for each group.
    pub(super) groups: Vec<Places>,
    /// All blocks of metadata, sorted, none adjoining the next.
    pub(super) taken: Vec<Range<u64>>,
}

impl Layout {
    /// Places the metadata of every group; it may reach past the end of a filesystem that is too
    /// small, which [`Layout::end`] tells.
    pub(super) fn new(geometry: &Geometry) -> Self {
        Self::of(geometry, 0..geometry.groups(), 1 << LOG_GROUPS_PER_FLEX)
    }

    /// Places the metadata of some groups within them, together at the start of the first in each
    /// `per_flex`.
    pub(super) fn of(geometry: &Geometry, numbers: Range<u64>, per_flex: u64) -> Self {
        let bases: Vec<_> = (numbers.clone())
            .map(|g| (geometry.group(g).start, geometry.base_blocks(g)))
            .filter(|(_, blocks)| *blocks > 0)
            .map(|(start, blocks)| start..start + blocks)
            .collect();
        let mut groups: Vec<_> = numbers.map(|number| (number, Places::default())).collect();
        let mut taken = bases.clone();
        for members in groups.chunk_by_mut(|(a, _), (b, _)| a / per_flex == b / per_flex) {
            let mut cursor = members.first().map_or(0, |(first, _)| geometry.group(*first).start);
            let mut place = |blocks| {
                let range = after_bases(&bases, cursor, blocks);
                cursor = range.end;
                taken.push(range.clone());
                range.start
            };
            let table_blocks = geometry.table_blocks();
            members.iter_mut().for_each(|(_, group)| group.block_bitmap = place(1));
            members.iter_mut().for_each(|(_, group)| group.inode_bitmap = place(1));
            members.iter_mut().for_each(|(_, group)| group.inode_table = place(table_blocks));
        }
        let groups = groups.into_iter().map(|(_, places)| places).collect();
        Layout { groups, taken: merged(taken) }
    }

    /// The first block after all metadata.
    pub(super) fn end(&self) -> u64 {
        self.taken.last().map_or(0, |range| range.end)
    }

    /// The runs of metadata that end after a block.
    pub(super) fn taken_from(&self, block: u64) -> impl Iterator<Item = &Range<u64>> {
        let first = self.taken.partition_point(|taken| taken.end <= block);
        self.taken[first..].iter()
    }

    /// How many blocks of a range are metadata.
    pub(super) fn taken_in(&self, range: &Range<u64>) -> u64 {
        let within = self.taken_from(range.start).take_while(|taken| taken.start < range.end);
        within.map(|t| t.end.min(range.end) - t.start.max(range.start)).sum()
    }
}

/// The first run of blocks from `cursor` on that meets no superblock with its descriptors.
fn after_bases(bases: &[Range<u64>], cursor: u64, blocks: u64) -> Range<u64> {
    let first = bases.partition_point(|base| base.end <= cursor);
    let meets = |start: u64, base: &Range<u64>| start < base.end && base.start < start + blocks;
    let start = bases[first..].iter().fold(cursor, |start, base| match meets(start, base) {
        true => base.end,
        false => start,
    });
    start..start + blocks
}

/// Sorted, with those that adjoin made one.
fn merged(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if last.end >= range.start => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::Guid;
    use crate::fs::ext4::geometry::Demand;
    use crate::fs::ext4::options::{Inodes, Options};
    use crate::tree::Time;

    #[test]
    fn metadata_never_overlaps_even_where_tables_run_over_backups() {
        let mut options = Options::new(Guid::new(1), Guid::new(2), Time::EPOCH);
        options.block_size = 1024;
        options.inodes = Inodes::Ratio(1024);
        let geometry = Geometry::new(400_000, Demand { inodes: 11, blocks: 20 }, &options);
        let layout = Layout::new(&geometry);
        let bases: u64 = (0..geometry.groups()).map(|g| geometry.base_blocks(g)).sum();
        let all = bases + geometry.groups() * (2 + geometry.table_blocks());
        assert_eq!(layout.taken_in(&(0..geometry.blocks)), all);
        assert!(layout.end() <= geometry.blocks);
    }
}
