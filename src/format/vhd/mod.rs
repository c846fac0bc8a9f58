//! VHD, Microsoft's older format (Virtual Hard Disk Image Format Specification 1.0), fixed and dynamic.
//!
//! A fixed VHD is the disk with a footer behind it; a dynamic one has a copy of the footer, a header and a
//! table of blocks in front. Left out: differencing disks, and the bitmap of sectors in front of each
//! block, which says of the blocks of a dynamic disk nothing that their bytes do not say.

mod footer;
mod map;
mod write;

pub use footer::{Footer, Kind};
pub use map::Map;
pub(super) use write::{Dynamic, Fixed};

/// Bytes of the footer, and of a sector.
const FOOTER: u64 = 512;

/// Bytes of a dynamic disk's header.
const HEADER: u64 = 1024;

/// What the header of a dynamic disk starts with.
const HEADER_COOKIE: &[u8] = b"cxsparse";

/// An entry of the table whose block is not there.
const UNUSED: u32 = u32::MAX;

/// The largest disk (2040 GiB) that Microsoft's programs take.
const SIZE_MAX: u64 = 2040 << 30;

/// The one's complement of the sum of all bytes, as footer and header have it.
fn checksum(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(0, |sum: u32, byte| sum.wrapping_add(u32::from(*byte)))
}

#[cfg(test)]
mod tests;
