//! A tree as a FAT filesystem.

use std::fs::File;

use clap::Args;

use crate::build::filesystem_size::FilesystemSize;
use crate::build::identity::Identity;
use crate::error::Result;
use crate::fs::fat::{self, VolumeSize};
use crate::tree::{Notice, Tree};
use crate::volume::Volume;

/// What every tree loses.
const LOST: &str = "FAT has neither owners nor permissions, and hard links become copies";

/// What can be chosen about a filesystem; its type is that which mkfs.fat takes for the size.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For .fat")]
pub struct FatArgs {
    /// Size of the filesystem: 64M, auto for what the files need, or auto+64M for so much free space
    #[arg(long, value_name = "SIZE", default_value = "auto")]
    pub fat_size: FilesystemSize,
    /// The volume label, at most 11 ASCII characters
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub fat_label: String,
}

impl FatArgs {
    /// Writes a filesystem into an empty file.
    ///
    /// # Errors
    /// Where FAT cannot hold an entry, by its path; where a file cannot be read, or the disk takes no
    /// more.
    pub(super) fn write(
        &self,
        tree: &Tree,
        file: &File,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Notice>> {
        let size = match self.fat_size {
            FilesystemSize::Auto { free } => VolumeSize::Auto { reserve: free },
            FilesystemSize::Exact(bytes) => VolumeSize::Exact(bytes),
        };
        let options = fat::Options {
            size,
            kind: None,
            label: self.fat_label.clone(),
            volume_id: Identity::of_metadata("fat", tree).volume_id("filesystem"),
            hidden_sectors: 0,
        };
        let plan = fat::plan(tree, &options)?;
        file.set_len(plan.size())?;
        plan.write_with(&Volume::new(file, 0, plan.size()), progress)?;
        Ok(vec![Notice::Advice(LOST)])
    }
}
