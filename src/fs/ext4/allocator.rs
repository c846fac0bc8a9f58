//! Hands out the blocks that are not metadata, from the first to the last.
//!
//! Because nothing is skipped, every block below the cursor is in use, and the bitmaps follow from
//! the cursor alone.

use std::ops::Range;

/// The blocks that are still free.
#[derive(Debug, Clone)]
pub(super) struct Allocator<'a> {
    /// Metadata that begins at the cursor or after it.
    taken: &'a [Range<u64>],
    cursor: u64,
    end: u64,
    missing: u64,
}

impl<'a> Allocator<'a> {
    /// The blocks of `all` without those of `taken`, which is sorted.
    pub(super) fn new(all: Range<u64>, taken: &'a [Range<u64>]) -> Self {
        Allocator { taken, cursor: all.start, end: all.end, missing: 0 }
    }

    /// Takes blocks, in as few runs (first block, number) as there are. What is not there is
    /// counted as missing.
    pub(super) fn take(&mut self, blocks: u64, mut each: impl FnMut(u64, u64)) {
        let mut left = blocks;
        while left > 0 {
            self.skip_taken();
            let limit = self.taken.first().map_or(self.end, |range| range.start.min(self.end));
            let len = left.min(limit.saturating_sub(self.cursor));
            if len == 0 {
                self.missing += left;
                return;
            }
            each(self.cursor, len);
            self.cursor += len;
            left -= len;
        }
    }

    /// Every block before this one is in use; no metadata begins here.
    pub(super) fn cursor(&mut self) -> u64 {
        self.skip_taken();
        self.cursor
    }

    /// How many blocks were asked for in vain.
    pub(super) fn missing(&self) -> u64 {
        self.missing
    }

    fn skip_taken(&mut self) {
        while let Some((first, rest)) = self.taken.split_first()
            && first.start <= self.cursor
        {
            self.cursor = self.cursor.max(first.end);
            self.taken = rest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_stepped_over_and_the_end_is_counted() {
        let taken = [0..3, 5..6, 9..10];
        let mut allocator = Allocator::new(1..10, &taken);
        let mut runs = Vec::new();
        allocator.take(4, |at, len| runs.push((at, len)));
        assert_eq!(runs, [(3, 2), (6, 2)]);
        assert_eq!(allocator.cursor(), 8);
        allocator.take(3, |at, len| runs.push((at, len)));
        assert_eq!((runs[2], allocator.missing()), ((8, 1), 2));
    }
}
