//! Filesystems, one module each: planned from a [`crate::tree::Tree`], written to a
//! [`crate::volume::Volume`].

pub mod fat;
//! Filesystems that are written from a [`crate::tree::Tree`] into a [`crate::volume::Volume`].
pub mod ext4;
