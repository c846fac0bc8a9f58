//! The initramfs: the cpio archive, or archives one after the other, that the kernel unpacks into
//! rootfs before it runs `/init`.
//!
//! Source: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`, and
//! `init/initramfs.c` where that is silent.

pub mod index;
pub mod newc;
mod pack;
pub mod segment;
mod unpack;
pub mod weight;

pub use pack::{LEVEL_MAX, pack};
pub use unpack::{Unpacked, unpack};
