//! A tree as an erofs image.

use std::fs::File;

use clap::Args;

use crate::bytes::Guid;
use crate::error::Result;
use crate::fs::erofs;
use crate::tree::{Notice, Time, Tree};
use crate::volume::Volume;

/// How an image is made; it is not compressed.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "For .erofs (not compressed)")]
pub struct ErofsArgs {
    /// The volume label, at most 16 bytes
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub erofs_label: String,
    /// The filesystem's UUID [default: derived from the files]
    #[arg(long, value_name = "UUID")]
    pub erofs_uuid: Option<Guid>,
}

impl ErofsArgs {
    /// Writes an image into an empty file.
    ///
    /// # Errors
    /// Where the tree cannot be one, or the disk takes no more.
    pub(super) fn write(
        &self,
        tree: &Tree,
        file: &File,
        progress: &dyn Fn(u64),
    ) -> Result<Vec<Notice>> {
        let latest = tree.iter().map(|e| e.node.metadata.mtime).max().unwrap_or(Time::EPOCH);
        let (uuid, label) = (self.erofs_uuid, self.erofs_label.clone().into_bytes());
        let options = erofs::Options { uuid, label, time: latest };
        let plan = erofs::plan(tree, &options)?;
        plan.write(&Volume::new(file, 0, u64::MAX), progress)?;
        Ok(plan.notices)
    }
}
