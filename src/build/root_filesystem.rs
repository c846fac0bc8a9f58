//! The root filesystem of an image: which it is, and the plan of its bytes.
//!
//! ext4 is written into its partition and can be written to by the guest. Those that are packed are
//! only read; `/init` puts an overlay in memory over them, so that every boot begins alike. How long
//! they are is known when they are packed, so that this is a part of the plan.

use std::fmt;
use std::fs::File;
use std::str::FromStr;

use serde::Serialize;

use super::filesystem_size::FilesystemSize;
use super::identity::Identity;
use crate::error::{Context, Result};
use crate::fs::squashfs::Compressor;
use crate::fs::{erofs, ext4, squashfs};
use crate::kernel::modules::{Want, for_filesystem};
use crate::tree::{Content, Section, Time, Tree};
use crate::volume::{Volume, Window};

/// More than any packed filesystem has.
const PACKED_MAX: u64 = 1 << 44;

/// A filesystem that a root can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootFilesystem {
    /// What the guest writes stays.
    #[default]
    Ext4,
    /// Packed with zstd; what the guest writes stays in memory.
    Squashfs,
    /// Only read, at the speed of the disk; what the guest writes stays in memory.
    Erofs,
}

/// A word that names none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no root filesystem: use ext4, squashfs or erofs")]
pub struct RootFilesystemError(String);

/// Every one, by the kernel's name.
const NAMES: [(&str, RootFilesystem); 3] = [
    ("ext4", RootFilesystem::Ext4),
    ("squashfs", RootFilesystem::Squashfs),
    ("erofs", RootFilesystem::Erofs),
];

impl RootFilesystem {
    /// Whether it is written once, and only read by the guest.
    pub fn is_packed(self) -> bool {
        self != RootFilesystem::Ext4
    }

    /// The one of an ISO: what is asked for, if it is packed.
    pub fn on_iso(self) -> Self {
        match self {
            RootFilesystem::Ext4 => RootFilesystem::Squashfs,
            packed => packed,
        }
    }

    /// The kernel's name of it.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// What the kernel needs to mount it, and what lies over it.
    pub(super) fn drivers(self) -> Vec<Want<'static>> {
        let overlay = self.is_packed().then_some("overlay");
        let names = std::iter::once(self.name()).chain(overlay);
        names.flat_map(|name| for_filesystem(name).unwrap_or_default()).copied().collect()
    }

    /// The kernel arguments about it: kernel-parameters.txt; systemd's kernel-command-line(7).
    pub(super) fn arguments(self) -> String {
        match self.is_packed() {
            false => format!("rootfstype={} rw", self.name()),
            true => format!("rootfstype={} ro systemd.volatile=overlay", self.name()),
        }
    }

    /// Packs a tree, in a file without a name. `progress` hears of the bytes of files that were read.
    ///
    /// # Errors
    /// Where it has no room, the tree cannot be stored, or a file cannot be read.
    pub(super) fn pack(self, tree: &Tree, time: Time, progress: &dyn Fn(u64)) -> Result<Content> {
        let file = scratch()?;
        let volume = Volume::new(&file, 0, PACKED_MAX);
        let doing = || "packing the root filesystem";
        let len = match self {
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
}

impl FromStr for RootFilesystem {
    type Err = RootFilesystemError;

    fn from_str(text: &str) -> Result<Self, RootFilesystemError> {
        let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, it)| *it);
        found.ok_or_else(|| RootFilesystemError(text.into()))
    }
}

impl fmt::Display for RootFilesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A file for what is needed until the image is written.
pub(super) fn scratch() -> Result<File> {
    tempfile::tempfile().context(|| "making a temporary file")
}

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
            return kind.pack(tree, time, progress).map(RootPlan::Packed);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_has_a_name_and_drivers() {
        for (name, kind) in NAMES {
            assert_eq!(name.parse::<RootFilesystem>().expect("known"), kind);
            assert_eq!(kind.to_string(), name);
            let drivers = kind.drivers();
            assert!(drivers.iter().any(|want| want.name == name), "{drivers:?}");
            assert_eq!(drivers.iter().any(|want| want.name == "overlay"), kind.is_packed());
            assert!(kind.on_iso().is_packed());
        }
        let error = "xfs".parse::<RootFilesystem>().expect_err("not written").to_string();
        assert!(NAMES.iter().all(|(name, _)| error.contains(name)), "{error}");
    }
}
