//! VMDK, VMware's format (Virtual Disk Format 5.0): one sparse extent with its descriptor inside.
//!
//! Grains of 64 KiB are found through a grain directory and grain tables of 512 entries. In a
//! monolithicSparse image the tables are in front; in a streamOptimized one, which is what OVF wants,
//! grains are compressed and follow each other behind markers, so that the file can be read from front to
//! back. Left out, and refused: images of several files, flat extents, delta disks, VMFS and SE sparse.

mod descriptor;
mod header;
mod map;
mod sparse;
mod stream;

pub use map::Map;
pub(super) use sparse::Sparse;
pub(super) use stream::Stream;

/// Bytes of a sector, in which the format counts.
const SECTOR: u64 = 512;

/// Bytes of a grain that is written.
const GRAIN: u64 = 64 << 10;

/// Entries of a grain table that is written.
const ENTRIES: u64 = 512;

/// Bytes of a grain table.
const TABLE: u64 = ENTRIES * 4;

/// Where the descriptor is, and how many sectors it has.
const DESCRIPTOR: u64 = 1;
const DESCRIPTOR_SECTORS: u64 = 20;

/// Bytes of the disk that a grain table describes.
const REACH: u64 = ENTRIES * GRAIN;

#[cfg(test)]
mod tests;
