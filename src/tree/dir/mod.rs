//! A host directory: read into a tree, or written from one, by an ordinary user.

mod owners;
mod read;
mod write;
mod xattr;

pub use owners::{IdMap, IdRange, MapError, Owners};
pub use read::{Options, look_up, read};
pub use write::write;

#[cfg(test)]
mod tests;
