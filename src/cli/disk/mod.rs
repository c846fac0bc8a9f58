//! `bootwright disk`: a verb for each thing that is done with a disk image as a whole.

mod convert;
mod grow;
mod info;

pub use convert::PackageArgs;

use clap::Subcommand;

use super::Answer;
use crate::error::Result;

/// What is done with a disk image.
#[derive(Debug, Subcommand)]
pub enum DiskVerb {
    /// Write a disk image in another format
    Convert(convert::ConvertArgs),
    /// Show format, sizes, backing chain, partitions and how full their filesystems are
    Info(info::InfoArgs),
    /// Make a disk larger in place, with its last partition and filesystem
    Grow(grow::GrowArgs),
}

/// Does it.
///
/// # Errors
/// Where an image cannot be read or written.
pub fn run(verb: &DiskVerb) -> Result<Answer> {
    match verb {
        DiskVerb::Convert(args) => convert::run(args),
        DiskVerb::Info(args) => info::run(args),
        DiskVerb::Grow(args) => grow::run(args),
    }
}
