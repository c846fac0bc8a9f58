//! ISO 9660 with Rock Ridge and Joliet names, bootable by El Torito, written from a [`Tree`], and read
//! with [`Iso9660`].
//!
//! Specifications: ECMA-119 (volume descriptors, directories, path tables; interchange level 3: files
//! of several sections), Joliet (Microsoft, "Joliet Specification", level 3), SUSP 1.12 and RRIP 1.12
//! (IEEE P1281, P1282: owners, modes, times, devices, symlinks, hard links, names of any bytes), El
//! Torito 1.0. One file each. [`plan`] decides every byte but the contents of files; [`Plan::write`]
//! copies those, each once. What is zero is not written: the volume has to be new. No clock is asked.
//!
//! Rock Ridge holds all that a tree has but extended attributes, which are dropped; Joliet has
//! directories and regular files only. Directories may lie deeper than ECMA-119's eight levels, as
//! xorriso allows it too: every reader that is in use follows them. Linux shows names up to 253 bytes.
//! The system area, where a hybrid image has its MBR and GPT, stays as it is. Left out: several
//! sessions and volumes, extended attribute records, relocated directories, zisofs.
//!
//! Written here and not by the `hadris-iso` crate: it takes times from the clock.

mod descriptor;
mod el_torito;
mod error;
mod files;
mod hierarchy;
mod name;
mod number;
mod path_table;
mod read;
mod record;
mod rock_ridge;
mod susp;
#[cfg(test)]
mod tests;
mod time;

pub use el_torito::{BootEntry, Platform};
pub use error::{IsoError, IsoReadError};
pub use read::{Iso9660, Names};

use std::io;

use crate::error::{Context, Result};
use crate::tree::{Content, Time, Tree, TreePath};
use crate::volume::Volume;
use descriptor::Descriptors;
use files::Files;
use hierarchy::{Hierarchy, Inventory};
use name::Naming;
use path_table::PathTable;

/// Bytes of a logical block, which is a sector of a CD.
pub const BLOCK_SIZE: u64 = 2048;

/// Blocks of the system area, which ECMA-119 leaves to others.
const SYSTEM_AREA: u32 = 16;

/// What is wanted of the volume.
#[derive(Debug, Clone)]
pub struct Options {
    /// The volume identifier: at most 32 printable ASCII characters; Joliet keeps 16 of them.
    pub label: String,
    /// When the volume was made.
    pub time: Time,
    /// What a machine boots from it, the default first; none makes no boot catalog.
    pub boot: Vec<BootImage>,
    /// Files that start at a multiple of so many bytes, which is one of [`BLOCK_SIZE`].
    pub aligned: Vec<(TreePath, u64)>,
}

/// A file of the tree that firmware starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootImage {
    /// Whose firmware.
    pub platform: Platform,
    /// For [`Platform::Pc`], GRUB's `cdboot.img` with its core image: the BIOS loads its first 2048
    /// bytes, and its place is written into it. For [`Platform::Efi`], a FAT volume.
    pub path: TreePath,
}

/// A volume that was laid out completely and is not yet written.
#[derive(Debug)]
pub struct Plan {
    blocks: u32,
    /// Descriptors, tables, directories and the boot catalog with their offsets.
    metadata: Vec<(u64, Vec<u8>)>,
    files: Files,
}

/// Lays the tree out as a volume.
///
/// # Errors
/// Where ISO 9660 cannot hold something, by its path; where a boot image is missing or unreadable.
pub fn plan(tree: &Tree, options: &Options) -> Result<Plan> {
    let inventory = Inventory::of(tree)?;
    let mut primary = Hierarchy::new(&inventory, Naming::Iso)?;
    let mut joliet = Hierarchy::new(&inventory, Naming::Joliet)?;

    // Descriptors: the primary, the boot record, Joliet's, and the terminator.
    let descriptors = 3 + u32::from(!options.boot.is_empty());
    let mut next = SYSTEM_AREA + descriptors;
    let mut tables = Vec::new();
    for hierarchy in [&primary, &joliet] {
        let table = PathTable::place(hierarchy, &mut next);
        tables.push(table);
    }
    primary.place(&inventory, &mut next)?;
    joliet.place(&inventory, &mut next)?;
    let catalog = next;
    next += u32::from(!options.boot.is_empty());
    let files = Files::place(&inventory, options, next)?;

    let blocks = files.end();
    let descriptors = Descriptors { options, blocks, tables: &tables, catalog };
    let mut metadata = descriptors.encode([&primary, &joliet]);
    for (table, hierarchy) in tables.iter().zip([&primary, &joliet]) {
        metadata.extend(table.encode(hierarchy));
    }
    metadata.extend(primary.encode(&inventory, &files));
    metadata.extend(joliet.encode(&inventory, &files));
    if !options.boot.is_empty() {
        let at = u64::from(catalog) * BLOCK_SIZE;
        metadata.push((at, el_torito::encode(&files.boot_entries(&options.boot)?)));
    }
    Ok(Plan { blocks, metadata, files })
}

impl Plan {
    /// Bytes of the volume.
    pub fn size(&self) -> u64 {
        u64::from(self.blocks) * BLOCK_SIZE
    }

    /// Where the bytes of a file are: offset and length; `None` where there is no such file.
    pub fn extent(&self, path: &TreePath) -> Option<(u64, u64)> {
        self.files.extent(path)
    }

    /// Writes it to a volume that is all zeros and at least [`Plan::size`] long.
    ///
    /// # Errors
    /// Where the volume is too short, a file changed since it was planned, or I/O fails.
    pub fn write(&self, volume: &Volume<'_>) -> Result<()> {
        if volume.len() < self.size() {
            let text = format!("the volume has {} of {} bytes", volume.len(), self.size());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text).into());
        }
        for (offset, bytes) in &self.metadata {
            volume.write_all_at(bytes, *offset)?;
        }
        self.files.placed().try_for_each(|(path, content, at)| {
            copy(content, volume, at).context(|| format!("placing `/{path}`"))
        })
    }
}

/// Copies the data of a file; its holes stay holes.
fn copy(content: &Content, volume: &Volume<'_>, at: u64) -> Result<()> {
    let ranges = content.data_ranges()?;
    ranges.into_iter().try_for_each(|(from, len)| content.copy_to(volume, at + from, from, len))
}

/// Blocks that so many bytes take.
fn blocks_of(bytes: u64) -> Result<u32, IsoError> {
    u32::try_from(bytes.div_ceil(BLOCK_SIZE)).map_err(|_| IsoError::TooLarge)
}
