//! A host directory: read into a tree, or written from one, by an ordinary user.

mod owners;
mod read;
mod write;
mod xattr;

pub use owners::{IdMap, IdRange, MapError, Owners};
pub(in crate::tree) use read::look_up;
pub use read::{Options, read};
pub use write::write;

#[cfg(test)]
mod tests;
