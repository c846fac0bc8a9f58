//! qcow2, versions 2 and 3 (QEMU `docs/interop/qcow2.txt`).
//!
//! Clusters of the disk are found through two levels of tables: an L1 entry points to an L2 table, an L2
//! entry to a cluster, compressed or not, or says that it is zero or the backing file's. Every cluster of
//! the file has a count of references. Read: all of it but what [`Header::read`] refuses. Written: version
//! 3, 16-bit reference counts, without extended L2 entries.

mod create;
mod edit;
mod header;
mod map;
mod refcount;
mod write;

pub use create::{Create, create};
pub use edit::Editor;
pub use header::{Backing, Compression, Header};
pub use map::Map;
pub(in crate::format) use write::Writer;

/// Bytes of an entry of the L1 table, of a plain L2 table and of the reference count table.
pub(super) const ENTRY: u64 = 8;

/// Bits of an L1 or L2 entry that are an offset.
pub(super) const OFFSET_MASK: u64 = 0x00ff_ffff_ffff_fe00;

/// Set in an entry whose cluster has exactly one reference: it may be written in place.
pub(super) const COPIED: u64 = 1 << 63;

/// Set in an L2 entry whose cluster is compressed.
pub(super) const COMPRESSED: u64 = 1 << 62;

/// Set in an L2 entry whose cluster reads as zeros, whether or not it has an offset.
pub(super) const ZERO: u64 = 1;

/// Bytes of a cluster where nobody said anything, as QEMU has it.
pub const CLUSTER: u64 = 64 << 10;

/// Bytes of a reference count that is written here.
pub(super) const COUNT: u64 = 2;

#[cfg(test)]
mod tests;
