//! Disk image formats, one file or folder each: raw, qcow2, VHD, VHDX, VMDK, VDI.
//!
//! Reading is one function a format, from an offset of the disk to a [`span::Span`]: where its bytes
//! are in the file, or that they are zero, or that the backing file has them. [`disk::Disk`] makes
//! random access, the extent map and the backing chain of that. Writing ([`convert`]) is one function
//! a format too: where the next block that is not zero goes.
//!
//! Own code: image bytes are what this project exists for, and there is no crate to lean on. imago
//! writes qcow2 in an order that differs between runs (its feature names are in a hash map) and only
//! reads VMDK; nobody writes VMDK, VHD and VHDX, and none of them compresses on all cores.

pub mod convert;
pub mod disk;
mod error;
mod facts;
#[cfg(test)]
pub(crate) mod judge;
mod kind;
pub mod lock;
mod pages;
pub mod qcow2;
mod raw;
mod refused;
pub mod span;
pub mod vdi;
pub mod vhd;
pub mod vhdx;
pub mod vmdk;
mod writable;

pub use disk::Disk;
pub use error::FormatError;
pub use facts::FormatInfo;
pub use kind::Format;
pub use writable::Writable;
