//! From one disk image to another: read, told apart from zeros, packed and written on all cores.
//!
//! The bytes never depend on the number of cores: batches of the disk are read and packed side by side,
//! get their places in the file in the disk's order, and are written side by side again. Memory is one
//! batch a core. What the source's map says is zero is never read, and what reads as zero is not written.

mod batch;
mod identity;
mod pack;
mod pump;
mod target;
mod writer;

pub use identity::Identity;
pub(super) use pack::Packing;
pub use target::Target;
pub(super) use writer::{Piece, Writer};

use crate::error::Result;
use crate::format::Disk;
use crate::volume::Volume;

/// Writes a disk in a format into a volume that is all zeros; returns how many bytes of it are the file.
///
/// `progress_fn` is told how many bytes of the disk are done.
///
/// # Errors
/// Where the source is damaged or unreadable, the target's format has no such disk, or the volume cannot
/// be written.
pub fn convert(
    source: &Disk,
    target: Target,
    volume: &Volume<'_>,
    progress_fn: &(dyn Fn(u64) + Sync),
) -> Result<u64> {
    let writer = target.writer(source)?;
    let (writer, identity) = pump::run(source, writer, volume, progress_fn)?;
    writer.finish(identity, volume)
}

#[cfg(test)]
mod tests;
