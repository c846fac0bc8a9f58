//! Filesystems, one module each: planned from a [`crate::tree::Tree`], written to a
//! [`crate::volume::Volume`].

pub mod ext4;
pub mod fat;
