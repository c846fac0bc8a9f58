//! What the tiny PID 1 and the host share, without `std` and without allocation: the `handoff:`
//! protocol, the steps that can fail, and everything in `/init` that can be tested without booting.

#![no_std]

pub mod cmdline;
pub mod errno;
pub mod guid;
pub mod handoff;
pub mod load_order;
pub mod mount_flags;
pub mod partition;
pub mod root_spec;
pub mod run_file;
pub mod step;
pub mod superblock;
pub mod text;
pub mod tty;

/// Reads exactly the buffer's length at a byte offset of a device; false where it cannot.
///
/// A closure and not a trait: the guest reads a device, a test reads a slice.
pub type ReadAt<'a> = dyn FnMut(u64, &mut [u8]) -> bool + 'a;
