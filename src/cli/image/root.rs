//! The flags that say what the root filesystem is made of.

use clap::Args;

use crate::build::filesystem_size::FilesystemSize;
use crate::build::root_filesystem::RootFilesystem;
use crate::cli::edit::EditArgs;
use crate::cli::tree::source::{OnConflict, SourceArgs, words};
use crate::error::{Error, Result};
use crate::spec::Root;

/// What the root filesystem is made of.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The root filesystem")]
pub struct RootArgs {
    /// A source: a directory, tar (`-` from standard input), .deb or deb:FOLDER, container image, program, initramfs or
    /// manifest, as for `bootwright tree`; later ones come on top [default: the demo]
    #[arg(long, value_name = "SOURCE")]
    pub root: Vec<String>,
    /// What happens where two sources have the same path [default: refuse]
    #[arg(long, value_name = "WHAT")]
    pub on_conflict: Option<OnConflict>,
    /// The init of the root filesystem that is to run [default: a container's entry point, /sbin/init, or
    /// the program that was given as a source]
    #[arg(long, value_name = "PATH", conflicts_with = "root_run")]
    pub root_init: Option<String>,
    /// A program of the root filesystem that bootwright's init starts, with its arguments as a shell
    /// splits them; when it ends, the machine powers off
    #[arg(long, value_name = "COMMAND")]
    pub root_run: Option<String>,
    /// The root filesystem: ext4, which the guest writes to; or squashfs or erofs, which are only read, with
    /// what the guest writes in memory [default: ext4; on an ISO squashfs]
    #[arg(long, value_name = "KIND")]
    pub root_fs: Option<RootFilesystem>,
    /// Size of the root partition: 2G, auto, or auto+1G for so much free space [default: auto+8M, or the
    /// rest of the disk where --size is given]
    #[arg(long, value_name = "SIZE")]
    pub root_size: Option<FilesystemSize>,
    /// Mark the root partition for legacy BIOS boot loaders
    #[arg(long)]
    pub legacy_bios_bootable: bool,
    /// How sources are read.
    #[command(flatten)]
    pub reading: SourceArgs,
    /// Changes on top.
    #[command(flatten)]
    pub edits: EditArgs,
}

impl RootArgs {
    /// Puts what was given in the place of what a spec says; changes come on top of its own.
    ///
    /// # Errors
    /// Where the command cannot be split into words.
    pub(super) fn onto(&self, root: &mut Root) -> Result<()> {
        if !self.root.is_empty() {
            root.sources = words(&self.root);
        }
        if let Some(chosen) = self.on_conflict {
            root.on_conflict = chosen.into();
        }
        if let Some(path) = &self.root_init {
            (root.init, root.run) = (Some(path.clone()), Vec::new());
        }
        if let Some(command) = &self.root_run {
            let words = shlex::split(command).filter(|words| !words.is_empty());
            let words =
                words.ok_or_else(|| Error::new("--root-run has no command, or an open quote"))?;
            (root.init, root.run) = (None, words);
        }
        root.filesystem = self.root_fs.unwrap_or(root.filesystem);
        root.size = self.root_size.or(root.size);
        root.legacy_bios_bootable |= self.legacy_bios_bootable;
        root.changes.extend(self.edits.changes.iter().cloned());
        self.reading.onto(root);
        Ok(())
    }
}
