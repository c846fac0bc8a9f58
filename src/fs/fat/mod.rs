//! FAT12, FAT16 and FAT32 with long names, written from a [`Tree`], and read with [`Fat`].
//!
//! Specification: Microsoft, "FAT: General Overview of On-Disk Format" 1.03 (fatgen103). [`plan`]
//! decides every byte but the contents of files; [`Plan::write`] copies those, each once, into one run
//! of clusters. What is zero is not written: the volume has to be new.
//!
//! FAT has no owners, modes, links or devices: owners and modes are dropped, hard links become
//! copies, everything else is an error. Left out: sectors other than 512 bytes, the case bits of
//! Windows NT (a name in lower case gets a long name), creation and access times of their own.
//!
//! Written here and not by the `fatfs` crate, which judges it: its long-name entries for `.` and `..`
//! make fsck.fat fail, and it writes a cluster at a time.

mod boot_sector;
mod directory;
mod error;
mod geometry;
mod name;
mod read;
mod table;
mod time;

pub use error::FatError;
pub use geometry::{Kind, SECTOR_SIZE};
pub use read::{Fat, FatReadError};

use std::io;

use crate::error::{Context, Result};
use crate::tree::{Content, Tree, TreePath};
use crate::volume::Volume;
use boot_sector::BootSector;
use directory::Directories;
use geometry::Geometry;
use name::Label;

/// What is wanted of the filesystem.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its size.
    pub size: VolumeSize,
    /// The type; without one, what mkfs.fat would choose for the size.
    pub kind: Option<Kind>,
    /// At most 11 ASCII characters, stored in upper case; empty for none.
    pub label: String,
    /// The serial number, "filesystem UUID" of FAT.
    pub volume_id: u32,
    /// Sectors in front of the partition on its disk.
    pub hidden_sectors: u32,
}

/// How long the volume is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VolumeSize {
    /// What the files need, and so many free bytes, rounded up to whole MiB: there the next partition
    /// can start.
    Auto {
        /// Bytes that stay free.
        reserve: u64,
    },
    /// So many bytes: whole sectors.
    Exact(u64),
}

/// A filesystem that was laid out completely and is not yet written.
#[derive(Debug)]
pub struct Plan {
    geometry: Geometry,
    used_clusters: u32,
    /// Boot sectors, tables and directories with their offsets.
    metadata: Vec<(u64, Vec<u8>)>,
    files: Vec<PlacedFile>,
}

/// A file with its place.
#[derive(Debug)]
struct PlacedFile {
    path: TreePath,
    content: Content,
    offset: u64,
}

/// Lays the tree out as a filesystem.
///
/// # Errors
/// Where FAT cannot hold an entry, by its path; where all does not fit, with the numbers.
pub fn plan(tree: &Tree, options: &Options) -> Result<Plan, FatError> {
    let label = Label::new(&options.label)?;
    let mut directories = Directories::from_tree(tree, label.as_ref())?;
    let geometry = Geometry::choose(options, &directories)?;
    let chains = directories.place(&geometry);
    let used_clusters = chains.iter().sum();

    let boot = BootSector { geometry, label, options, used_clusters };
    let mut metadata = boot.encode();
    let table = table::encode(geometry.kind, &chains);
    for copy in 0..geometry::TABLE_COPIES {
        metadata.push((geometry.table_offset(copy), table.clone()));
    }
    metadata.extend(directories.encode(&geometry));
    let files = directories.into_files(&geometry);
    Ok(Plan { geometry, used_clusters, metadata, files })
}

impl Plan {
    /// Bytes of the volume.
    pub fn size(&self) -> u64 {
        u64::from(self.geometry.sectors) * SECTOR_SIZE
    }

    /// Bytes that are taken: boot sectors, tables, and every cluster of a file or directory.
    pub fn used(&self) -> u64 {
        self.geometry.data_offset() + u64::from(self.used_clusters) * self.geometry.cluster_size()
    }

    /// FAT12, FAT16 or FAT32.
    pub fn kind(&self) -> Kind {
        self.geometry.kind
    }

    /// Writes it to a volume that is all zeros and at least [`Plan::size`] long.
    ///
    /// # Errors
    /// Where the volume is too short, a file changed since it was planned, or I/O fails.
    pub fn write(&self, volume: &Volume<'_>) -> Result<()> {
        self.write_with(volume, &|_| ())
    }

    /// As [`Plan::write`]; `progress` hears of the bytes of files that were copied.
    ///
    /// # Errors
    /// As [`Plan::write`].
    pub fn write_with(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<()> {
        if volume.len() < self.size() {
            let text = format!("the volume has {} of {} bytes", volume.len(), self.size());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
        }
        for (offset, bytes) in &self.metadata {
            volume.write_all_at(bytes, *offset)?;
        }
        self.files.iter().try_for_each(|file| {
            file.write(volume)?;
            progress(file.content.len());
            Ok(())
        })
    }
}

impl PlacedFile {
    fn write(&self, volume: &Volume<'_>) -> Result<()> {
        let copy = |(from, len)| self.content.copy_to(volume, self.offset + from, from, len);
        let written = self.content.data_ranges().and_then(|r| r.into_iter().try_for_each(copy));
        written.context(|| format!("placing `/{}`", self.path))
    }
}

#[cfg(test)]
mod tests;
