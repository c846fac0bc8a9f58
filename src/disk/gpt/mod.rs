//! The GUID partition table, UEFI 2.10 §5.3: [`encode`] a layout, [`read`] a disk.
//!
//! Both are our own. The `gpt` crate, which judges them in the tests, renumbers partitions, accepts
//! overlaps and cuts names when it writes; when it reads, it panics on entries that are not 128 bytes
//! long and gives up where only the entries of the primary table are damaged.

mod encode;
mod header;
mod read;
mod regrow;

pub use encode::{Extent, encode};
pub use header::{Header, HeaderError};
pub use read::{Entry, ReadError, Source, Table, read};
pub use regrow::{Regrown, header_of, regrow, usable_end};

#[cfg(test)]
mod tests;
