//! The plan of a root filesystem's bytes.
//!
//! ext4 is written straight into its partition. How long a packed one is is known when it is packed, so
//! that packing is a part of the plan.

use std::fs::File;

use super::filesystem_size::FilesystemSize;
use super::identity::Identity;
use super::root_filesystem::RootFilesystem;
use crate::error::{Context, Result};
use crate::fs::squashfs::Compressor;
use crate::fs::{erofs, ext4, squashfs};
use crate::tree::{Content, Section, Time, Tree};
use crate::volume::{Volume, Window};

/// More than any packed filesystem has.
const PACKED_MAX: u64 = 1 << 44;

/// The filesystem of a root partition, with every byte decided.
pub(super) enum RootPlan<'t> {
    /// Written when the image is.
    Ext4(Box<ext4::Plan<'t>>),
    /// Written already.
    Packed(Content),
}

impl<'t> RootPlan<'t> {
    /// Plans an ext4 of a size, or packs the tree; `progress` hears of the bytes of files that were read.
    ///
    /// # Errors
    /// Where the tree does not fit, or a file cannot be read.
    pub(super) fn new(
        tree: &'t Tree,
        kind: RootFilesystem,
        size: FilesystemSize,
        identity: &Identity,
        time: Time,
        progress: &dyn Fn(u64),
    ) -> Result<Self> {
        if kind.is_packed() {
            return pack(tree, kind, time, progress).map(RootPlan::Packed);
        }
        let (uuid, hash_seed) = (identity.guid("root filesystem"), identity.guid("root hash seed"));
        let mut chosen = ext4::Options::new(uuid, hash_seed, time);
        chosen.label = b"root".to_vec();
        chosen.size = match size {
            FilesystemSize::Auto { free } => ext4::Size::Auto { reserve: free },
            FilesystemSize::Exact(size) => ext4::Size::Fixed(size),
        };
        ext4::plan(tree, &chosen)
            .map(|plan| RootPlan::Ext4(Box::new(plan)))
            .context(|| format!("planning the root filesystem ({size})"))
            .map_err(|e| {
                e.hint("without `--size`, `--root-size auto` takes what the content needs")
            })
    }

    /// The bytes of its partition where this size was asked for. What is to be free is inside of an ext4,
    /// and behind what is packed.
    pub(super) fn room(&self, size: FilesystemSize) -> u64 {
        match (self, size) {
            (_, FilesystemSize::Exact(size)) => size,
            (RootPlan::Ext4(plan), FilesystemSize::Auto { .. }) => plan.size(),
            (RootPlan::Packed(content), FilesystemSize::Auto { free }) => content.len() + free,
        }
    }

    /// The bytes that are in use.
    pub(super) fn used(&self) -> u64 {
        match self {
            RootPlan::Ext4(plan) => plan.used(),
            RootPlan::Packed(content) => content.len(),
        }
    }

    /// Writes it to the start of its partition, all bytes of which are zero; `progress` hears of the bytes of
    /// files that were read.
    ///
    /// # Errors
    /// Where a file changed since it was planned; any I/O error.
    pub(super) fn write(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<()> {
        match self {
            RootPlan::Ext4(plan) => plan.write_with(volume, progress),
            RootPlan::Packed(content) => content.copy_to(volume, 0, 0, content.len()),
        }
    }
}

/// Packs a tree, in a file without a name: as erofs, or else as squashfs. `progress` hears of the bytes of
/// files that were read.
///
/// # Errors
/// Where it has no room, the tree cannot be stored, or a file cannot be read.
pub(super) fn pack(
    tree: &Tree,
    kind: RootFilesystem,
    time: Time,
    progress: &dyn Fn(u64),
) -> Result<Content> {
    let file = scratch()?;
    let volume = Volume::new(&file, 0, PACKED_MAX);
    let doing = || "packing the root filesystem";
    let len = match kind {
        RootFilesystem::Erofs => {
            let plan = erofs::plan(tree, &erofs::Options::new(time)).context(doing)?;
            plan.write(&volume, progress).context(doing)?
        }
        RootFilesystem::Ext4 | RootFilesystem::Squashfs => {
            let options = squashfs::Options::new(Compressor::Zstd, time);
            let plan = squashfs::plan(tree, &options).context(doing)?;
            plan.write(&volume, progress).context(doing)?
        }
    };
    file.set_len(len)?;
    Ok(Section::window(Window::new(file, len), "the packed root filesystem").content())
}

/// A file for what is needed until the image is written.
pub(super) fn scratch() -> Result<File> {
    tempfile::tempfile().context(|| "making a temporary file")
}
