//! Reference counts: those of a file whose clusters were counted while it was written, and those of an
//! image that is changed in place.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::header::Header;
use super::{COUNT, ENTRY, OFFSET_MASK};
use crate::format::FormatError;

/// Where the header has the table's offset and clusters.
const TABLE_FIELDS: u64 = 48;

/// The largest table that is read (QEMU's limit).
const TABLE_MAX: u64 = 8 << 20;

/// The counts at the end of a file: a run of blocks, then the table that points to them.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refcounts {
    /// First cluster of the blocks.
    pub(super) first: u64,
    /// How many blocks there are.
    pub(super) blocks: u64,
    /// Clusters of the table behind them.
    pub(super) table: u64,
    cluster: u64,
}

impl Refcounts {
    /// The counts of a file that has `clusters` without them; they count themselves too.
    pub(super) fn plan(clusters: u64, cluster: u64) -> Self {
        let (mut blocks, mut table) = (0, 0);
        loop {
            let all = clusters + blocks + table;
            let needed = all.div_ceil(cluster / COUNT);
            let needed = (needed, (needed * ENTRY).div_ceil(cluster));
            if needed == (blocks, table) {
                return Refcounts { first: clusters, blocks, table, cluster };
            }
            (blocks, table) = needed;
        }
    }

    /// Where the table starts in the file.
    pub(super) fn table_offset(&self) -> u64 {
        (self.first + self.blocks) * self.cluster
    }

    /// Clusters of the whole file.
    pub(super) fn end(&self) -> u64 {
        self.first + self.blocks + self.table
    }

    /// The bytes of blocks and table; `counts` are those of the clusters in front of them.
    pub(super) fn encode(&self, counts: &[u16]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(((self.blocks + self.table) * self.cluster) as usize);
        let own = std::iter::repeat_n(&1u16, (self.blocks + self.table) as usize);
        bytes.extend(counts.iter().chain(own).flat_map(|count| count.to_be_bytes()));
        bytes.resize((self.blocks * self.cluster) as usize, 0);
        for block in 0..self.blocks {
            bytes.extend(((self.first + block) * self.cluster).to_be_bytes());
        }
        bytes.resize(((self.blocks + self.table) * self.cluster) as usize, 0);
        bytes
    }
}

/// The counts of an image that is changed in place, and the end of its file.
#[derive(Debug)]
pub(super) struct Counts {
    /// Where the blocks are; 0 for a block whose counts are all 0.
    table: Vec<u64>,
    offset: u64,
    cluster: u64,
    /// The first cluster that nothing has used, as an offset.
    end: u64,
}

impl Counts {
    pub(super) fn read(file: &File, header: &Header) -> Result<Counts, FormatError> {
        let (offset, cluster) = (header.refcount_offset, header.cluster());
        let len = u64::from(header.refcount_clusters) * cluster;
        if len > TABLE_MAX || len == 0 || !offset.is_multiple_of(cluster) {
            let what = "a reference count table that cannot be";
            return Err(FormatError::Damaged { what, offset: TABLE_FIELDS });
        }
        let cut_off = |_| FormatError::CutOff { what: "the reference count table", offset };
        let mut bytes = vec![0; len as usize];
        file.read_exact_at(&mut bytes, offset).map_err(cut_off)?;
        let end = file.metadata().map_err(cut_off)?.len().next_multiple_of(cluster);
        let entries = bytes.chunks_exact(ENTRY as usize);
        let table = entries.map(|e| crate::bytes::be64(e, 0).unwrap_or(0) & OFFSET_MASK).collect();
        Ok(Counts { table, offset, cluster, end })
    }

    /// Takes clusters at the end of the file; their offset.
    pub(super) fn allocate(&mut self, file: &File, clusters: u64) -> io::Result<u64> {
        let at = self.end;
        self.end += clusters * self.cluster;
        for number in at / self.cluster..self.end / self.cluster {
            self.change(file, number, |_| Some(1))?;
        }
        Ok(at)
    }

    /// Takes one reference from every cluster that `len` bytes at an offset reach into.
    pub(super) fn release(&mut self, file: &File, offset: u64, len: u64) -> io::Result<()> {
        for number in offset / self.cluster..=(offset + len - 1) / self.cluster {
            self.change(file, number, |count| count.checked_sub(1))?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        file: &File,
        number: u64,
        change_fn: impl Fn(u16) -> Option<u16>,
    ) -> io::Result<()> {
        let per_block = self.cluster / COUNT;
        let block = self.block(file, (number / per_block) as usize)?;
        let at = block + number % per_block * COUNT;
        let mut count = [0; COUNT as usize];
        file.read_exact_at(&mut count, at)?;
        let what = "the reference count of a used cluster is 0";
        let changed = change_fn(u16::from_be_bytes(count));
        let changed = changed.ok_or(FormatError::Damaged { what, offset: at })?;
        file.write_all_at(&changed.to_be_bytes(), at)
    }

    /// The block with this index, made where there is none.
    fn block(&mut self, file: &File, index: usize) -> io::Result<u64> {
        if index >= self.table.len() {
            self.grow_table(file, index + 1)?;
        }
        if self.table[index] != 0 {
            return Ok(self.table[index]);
        }
        let at = self.end;
        self.end += self.cluster;
        file.write_all_at(&vec![0; self.cluster as usize], at)?;
        let own = at / self.cluster;
        match (own / (self.cluster / COUNT)) as usize == index {
            // It counts itself.
            true => {
                let place = at + own % (self.cluster / COUNT) * COUNT;
                file.write_all_at(&1u16.to_be_bytes(), place)?;
            }
            false => self.change(file, own, |_| Some(1))?,
        }
        file.write_all_at(&at.to_be_bytes(), self.offset + index as u64 * ENTRY)?;
        self.table[index] = at;
        Ok(at)
    }

    /// A larger table at the end of the file; the header changes over to it when all of it is there.
    fn grow_table(&mut self, file: &File, entries: usize) -> io::Result<()> {
        let (old, old_len) = (self.offset, self.table.len() as u64 * ENTRY);
        let clusters = (2 * old_len).max(entries as u64 * ENTRY * 2).div_ceil(self.cluster);
        let mut bytes: Vec<_> = self.table.iter().flat_map(|entry| entry.to_be_bytes()).collect();
        bytes.resize((clusters * self.cluster) as usize, 0);
        self.table.resize((clusters * self.cluster / ENTRY) as usize, 0);
        self.offset = self.end;
        file.write_all_at(&bytes, self.offset)?;
        self.end += clusters * self.cluster;
        for number in 0..clusters {
            self.change(file, self.offset / self.cluster + number, |_| Some(1))?;
        }
        let mut fields = self.offset.to_be_bytes().to_vec();
        fields.extend((clusters as u32).to_be_bytes());
        file.write_all_at(&fields, TABLE_FIELDS)?;
        self.release(file, old, old_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_count_themselves() {
        let one = Refcounts::plan(4, 64 << 10);
        assert_eq!((one.first, one.blocks, one.table, one.end()), (4, 1, 1, 6));
        // 256 counts a block of 512 bytes: the file that just fills one needs two with the table.
        let small = Refcounts::plan(255, 512);
        assert_eq!((small.blocks, small.table), (2, 1));
        let bytes = small.encode(&[1; 255]);
        assert_eq!(bytes.len(), 3 * 512);
        assert_eq!(bytes[..512], [0, 1].repeat(256));
        assert_eq!(bytes[2 * 512..][..16], [0, 0, 0, 0, 0, 1, 0xfe, 0, 0, 0, 0, 0, 0, 2, 0, 0]);
    }
}
