//! Any disk image, opened lazily: its format, its partitions, their filesystems, and what it boots.
//!
//! [`Image::open`] reads the first sectors and the partition table; everything else is read when it is
//! asked for, and never more than was asked for. A volume without a table (an ESP, an ext4, an ISO) is
//! an image of one partition that starts at 0.

mod bls;
mod boot;
mod partition;
pub mod root;

pub use crate::disk::table::Table;
pub use crate::format::{Format, FormatInfo};
pub use boot::{Boot, BootEntry, ConfigFile, Located, Origin};
pub use partition::Partition;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::format::Disk;
use crate::fs::superblock::Superblock;
use crate::volume::Window;

/// An image that was opened.
#[derive(Debug)]
pub struct Image {
    path: PathBuf,
    window: Window,
    format: FormatInfo,
    table: Table,
    partitions: Vec<Partition>,
}

impl Image {
    /// Opens a file or block device of any format, with what it stands on.
    ///
    /// # Errors
    /// Where it cannot be read (see [`Disk::open`]).
    pub fn open(path: &Path) -> Result<Self> {
        Image::of_disk(Disk::open(path)?)
    }

    /// The image that a window holds; `path` is for messages.
    ///
    /// # Errors
    /// Where it cannot be read, or stands on another image, which is not in the window.
    pub fn from_window(path: &Path, window: Window) -> Result<Self> {
        let disk = Disk::without_backing(path, window, None)?;
        match disk.is_incomplete() {
            false => Image::of_disk(disk),
            true => Err(Error::new("it stands on another image, which is not here")),
        }
    }

    fn of_disk(disk: Disk) -> Result<Self> {
        let (path, format) = (disk.path().to_owned(), FormatInfo::of(&disk));
        let window = disk.into_window();
        let table = Table::read(&window.volume(), || is_volume(&window))?;
        let partitions = partition::of(&table, &window);
        Ok(Image { path, window, format, table, partitions })
    }

    /// The file that it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// All bytes of the disk that is in it.
    pub fn window(&self) -> &Window {
        &self.window
    }

    /// Which format the file has, and what it says about itself.
    pub fn format(&self) -> &FormatInfo {
        &self.format
    }

    /// Its partition table.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Its partitions in the table's order; the whole image as one where there is no table but a
    /// filesystem.
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The volume that a disk with a partition table is as well: a hybrid ISO.
    pub fn volume(&self) -> Option<Partition> {
        let whole = Partition::whole(&self.window);
        let is_hybrid = !matches!(self.table, Table::None) && whole.fstype() == Some("iso9660");
        is_hybrid.then_some(whole)
    }

    /// A hybrid ISO as an optical disc: its volume without its partitions.
    pub fn as_disc(&self) -> Option<Image> {
        let (path, format, window) = (self.path.clone(), self.format.clone(), self.window.clone());
        let partitions = vec![self.volume()?];
        Some(Image { path, window, format, table: Table::None, partitions })
    }

    /// The EFI System Partition: the first of that type; where there is no table, the volume itself if
    /// it is FAT.
    pub fn esp(&self) -> Option<&Partition> {
        let typed = self.partitions.iter().find(|partition| partition.is_esp());
        typed.or_else(|| match (&self.table, &self.partitions[..]) {
            (Table::None, [only]) => Some(only).filter(|p| p.fstype() == Some("vfat")),
            _ => None,
        })
    }

    /// What its loader would find and start.
    ///
    /// # Errors
    /// Where a filesystem that is there cannot be read.
    pub fn boot(&self) -> Result<Boot> {
        Boot::find(self)
    }
}

/// The boot sector of a filesystem ends like an MBR; that of a hybrid ISO is one.
fn is_volume(window: &Window) -> bool {
    Superblock::probe(window).is_some_and(|found| found.fstype != "iso9660")
}

#[cfg(test)]
pub(crate) mod sample;
#[cfg(test)]
mod tests;
