//! A whole image, written in the disk's order: header, L1 table, then each L2 table in front of its
//! clusters, and the reference counts at the end.

use super::header::Header;
use super::refcount::Refcounts;
use super::{CLUSTER, COMPRESSED, COPIED, Compression, Create, ENTRY};
use crate::error::{Error, Result};
use crate::format::convert::{Identity, Packing, Piece};
use crate::volume::Volume;

/// The image while it is written.
#[derive(Debug)]
pub(in crate::format) struct Writer {
    header: Header,
    packing: Packing,
    l1: Vec<u8>,
    /// The L2 table that is being filled: its index in the L1 table, its offset, its bytes.
    l2: Option<(u64, u64, Vec<u8>)>,
    /// References to each cluster of the file so far.
    counts: Vec<u16>,
    /// Where the next compressed cluster may start, and where the run of clusters that it is in ends.
    packed: std::ops::Range<u64>,
}

impl Writer {
    /// An image of a disk of this size.
    ///
    /// # Errors
    /// Where the disk is too large.
    pub(in crate::format) fn new(size: u64, compression: Option<Compression>) -> Result<Self> {
        let mut image = Create::new(size);
        image.compression = compression.unwrap_or(Compression::Deflate);
        let header = image.header()?;
        let head = image.head_clusters(&header) as usize;
        Ok(Writer {
            packing: match compression {
                None => Packing::Plain,
                Some(Compression::Deflate) => Packing::Qcow2Deflate,
                Some(Compression::Zstd) => Packing::Qcow2Zstd,
            },
            l1: vec![0; header.l1_size as usize * ENTRY as usize],
            header,
            l2: None,
            counts: vec![1; head],
            packed: 0..0,
        })
    }

    /// A cluster at the end of the file.
    fn allocate(&mut self, count: u16) -> u64 {
        self.counts.push(count);
        (self.counts.len() as u64 - 1) * CLUSTER
    }

    /// Room for a compressed cluster: in the cluster that has some left, going on into the next one where
    /// that is the next of the file. As `qemu-img check` counts, each cluster that one of its sectors
    /// is in has a reference.
    fn allocate_packed(&mut self, len: u64) -> Result<u64> {
        let end = self.counts.len() as u64 * CLUSTER;
        if self.packed.end != end && self.packed.start + len > self.packed.end {
            self.packed = end..end;
        }
        let start = self.packed.start;
        while self.packed.end < start + len {
            self.packed.end = self.allocate(0) + CLUSTER;
        }
        self.packed.start = start + len;
        let clusters = start / CLUSTER..=(start + len - 1) / CLUSTER;
        for count in &mut self.counts[*clusters.start() as usize..=*clusters.end() as usize] {
            let more = count.checked_add(1);
            *count = more.ok_or_else(|| Error::new("a cluster has over 65535 references"))?;
        }
        Ok(start)
    }

    /// The L2 table of a cluster, the one before put into `pieces`.
    fn l2(&mut self, index: u64, pieces: &mut Vec<Piece>) -> &mut Vec<u8> {
        if self.l2.as_ref().is_none_or(|(open, ..)| *open != index) {
            self.close_l2(pieces);
            let offset = self.allocate(1);
            let at = (index * ENTRY) as usize;
            self.l1[at..at + 8].copy_from_slice(&(offset | COPIED).to_be_bytes());
        }
        let offset = (self.counts.len() as u64 - 1) * CLUSTER;
        &mut self.l2.get_or_insert_with(|| (index, offset, vec![0; CLUSTER as usize])).2
    }

    fn close_l2(&mut self, pieces: &mut Vec<Piece>) {
        pieces.extend(self.l2.take().map(|(_, offset, bytes)| Piece { offset, bytes }));
    }
}

impl crate::format::convert::Writer for Writer {
    fn block(&self) -> u64 {
        CLUSTER
    }

    fn packing(&self) -> Packing {
        self.packing
    }

    fn place(&mut self, block: u64, packed: Option<u64>, pieces: &mut Vec<Piece>) -> Result<u64> {
        let entries = CLUSTER / ENTRY;
        self.l2(block / entries, pieces);
        let (place, entry) = match packed {
            None => {
                let place = self.allocate(1);
                (place, place | COPIED)
            }
            Some(len) => {
                let place = self.allocate_packed(len)?;
                let sectors = (place + len - 1) / 512 - place / 512;
                let offset_bits = 62 - (self.header.cluster_bits - 8);
                (place, COMPRESSED | sectors << offset_bits | place)
            }
        };
        let at = (block % entries * ENTRY) as usize;
        self.l2(block / entries, pieces)[at..at + 8].copy_from_slice(&entry.to_be_bytes());
        Ok(place)
    }

    fn finish(mut self: Box<Self>, _: Identity, volume: &Volume<'_>) -> Result<u64> {
        let mut pieces = Vec::new();
        self.close_l2(&mut pieces);
        let counts = Refcounts::plan(self.counts.len() as u64, CLUSTER);
        self.header.refcount_offset = counts.table_offset();
        self.header.refcount_clusters = counts.table as u32;
        let put = |offset, bytes| Piece { offset, bytes };
        pieces.push(put(counts.first * CLUSTER, counts.encode(&self.counts)));
        pieces.push(put(self.header.l1_offset, self.l1));
        pieces.push(put(0, self.header.encode()?));
        for Piece { offset, bytes } in pieces {
            volume.write_all_at(&bytes, offset)?;
        }
        Ok(counts.end() * CLUSTER)
    }
}
