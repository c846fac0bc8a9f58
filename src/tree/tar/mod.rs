//! tar, read and written: POSIX.1-2024 `pax` (ustar headers, extended records) and GNU's long names and
//! sparse files, in any compression.
//!
//! The reader is our own, because contents stay where they are in the archive and nothing that an
//! archive says may cost more memory than its own bytes. Left out: several volumes, incremental dumps,
//! ACLs as text; names of users and groups (the numbers count).

mod error;
mod header;
mod pax;
mod read;
mod sparse;
mod write;

pub use error::TarError;
pub(in crate::tree) use read::tree as tree_of;
pub use read::{Entries, Entry, Item, entries, is_tar, read, read_stream};
pub use write::{write, write_to};

#[cfg(test)]
pub(in crate::tree) mod tests;
