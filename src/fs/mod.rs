//! Filesystems, one module each: planned from a [`crate::tree::Tree`], written to a
//! [`crate::volume::Volume`]; and read from a [`crate::volume::Window`].

mod budget;
mod device;
mod entry;
pub mod erofs;
pub mod ext4;
pub mod fat;
pub mod iso9660;
mod link_target;
mod open;
mod read_error;
#[cfg(test)]
mod sample_trees;
pub mod squashfs;
mod stream;
pub mod superblock;
pub mod usage;
mod walk;

pub use budget::Exhausted;
pub use entry::{Entry, EntryKind, Owner};
pub use open::FileSystem;
pub use read_error::ReadError;
