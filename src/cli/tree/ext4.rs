//! The choices about an ext4 filesystem on the command line, named as mke2fs(8) names them in words.

use std::cell::OnceCell;
use std::fs::File;

use clap::Args;

use crate::build::filesystem_size::FilesystemSize;
use crate::build::identity::Identity;
use crate::bytes::Guid;
use crate::error::Result;
use crate::fs::ext4::{self, Inodes, Journal, Options};
use crate::size::Size;
use crate::tree::{Notice, Time, Tree};
use crate::volume::Volume;

/// What can be chosen about a filesystem; what nobody chooses is as with mke2fs.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For .ext4")]
pub struct Ext4Args {
    /// Size of the filesystem: 1G, auto for what the files need, or auto+64M for so much free space
    #[arg(long, value_name = "SIZE", default_value = "auto")]
    pub size: FilesystemSize,
    /// Bytes a block: 1K, 2K or 4K
    #[arg(long, value_name = "SIZE", default_value = "4K")]
    pub block_size: Size,
    /// One inode for every so many bytes [default: as mke2fs for this size]
    #[arg(long, value_name = "SIZE")]
    pub inode_ratio: Option<Size>,
    /// At least so many inodes
    #[arg(long, value_name = "COUNT", conflicts_with = "inode_ratio")]
    pub inodes: Option<u32>,
    /// Per cent of the blocks that only root may fill
    #[arg(long, value_name = "PERCENT", default_value_t = 5, value_parser = clap::value_parser!(u8).range(0..=50))]
    pub reserved: u8,
    /// The volume label, at most 16 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub label: String,
    /// The filesystem's UUID [default: derived from the files]
    #[arg(long, value_name = "UUID")]
    pub uuid: Option<Guid>,
    /// What the hashes of directory entries begin with [default: derived from names and metadata]
    #[arg(long, value_name = "UUID")]
    pub hash_seed: Option<Guid>,
    /// Size of the journal, or none [default: as mke2fs for this size]
    #[arg(long, value_name = "SIZE", value_parser = journal)]
    pub journal: Option<Journal>,
    /// Keep no room for growing while mounted
    #[arg(long)]
    pub no_resize_inode: bool,
}

impl Ext4Args {
    /// The choices for a tree. What nobody gave of its identity is a function of the tree's metadata,
    /// so that no file is read for it.
    fn options(&self, tree: &Tree) -> Options {
        let identity = OnceCell::new();
        let derived =
            |of: &str| identity.get_or_init(|| Identity::of_metadata("ext4", tree)).guid(of);
        let uuid = self.uuid.unwrap_or_else(|| derived("filesystem"));
        let hash_seed = self.hash_seed.unwrap_or_else(|| derived("hash seed"));
        let latest = tree.iter().map(|e| e.node.metadata.mtime).max().unwrap_or(Time::EPOCH);
        Options {
            size: match self.size {
                FilesystemSize::Exact(bytes) => ext4::Size::Fixed(bytes),
                FilesystemSize::Auto { free } => ext4::Size::Auto { reserve: free },
            },
            // What no u32 holds is no block size either.
            block_size: u32::try_from(self.block_size.0).unwrap_or(u32::MAX),
            inodes: match (self.inodes, self.inode_ratio) {
                (Some(count), _) => Inodes::Count(count),
                (None, Some(Size(bytes))) => {
                    Inodes::Ratio(u32::try_from(bytes).unwrap_or(u32::MAX))
                }
                (None, None) => Inodes::Auto,
            },
            reserved_percent: self.reserved,
            label: self.label.clone().into_bytes(),
            journal: self.journal.unwrap_or(Journal::Auto),
            growable: !self.no_resize_inode,
            ..Options::new(uuid, hash_seed, latest)
        }
    }

    /// Writes a filesystem into an empty file.
    ///
    /// # Errors
    /// Where tree and choices do not go together, a file cannot be read, or the disk takes no more.
    pub(super) fn write(
        &self,
        tree: &Tree,
        file: &File,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Notice>> {
        let plan = ext4::plan(tree, &self.options(tree))?;
        file.set_len(plan.size())?;
        let volume = Volume::new(file, 0, plan.size());
        match self.uuid {
            Some(_) => plan.write_with(&volume, progress)?,
            None => drop(plan.write_identified(&volume, progress)?),
        }
        Ok(Vec::new())
    }
}

fn journal(text: &str) -> Result<Journal, crate::size::SizeError> {
    match text {
        "none" => Ok(Journal::Off),
        _ => text.parse().map(|Size(bytes)| Journal::Size(bytes)),
    }
}
