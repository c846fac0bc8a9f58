//! A host directory: read into a tree, or written from one, by an ordinary user.

mod look;
mod owners;
mod read;
mod write;
mod xattr;

pub use look::look_up;
pub use owners::{IdMap, IdRange, MapError, Owners};
pub use read::{Options, read};
pub use write::write;

#[cfg(test)]
mod tests;
