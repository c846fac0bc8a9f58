//! The flags that say how sources are read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::source::{Reading, Word};
use crate::spec::Root;
use crate::tree::dir;
use crate::tree::merge::Conflict;

/// How sources are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How sources are read")]
pub struct SourceArgs {
    /// Owners of a directory's files: `root`, `preserve`, or ranges HOST:TREE:COUNT with commas between
    /// [default: root]
    #[arg(long)]
    pub owners: Option<dir::Owners>,
    /// Leave out what matches in a directory: `.git` anywhere, `var/cache/*` from its top; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Where a program and its libraries are [default: /]
    #[arg(long, value_name = "DIR")]
    pub sysroot: Option<PathBuf>,
    /// The image's name or tag, where a container archive has several
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// The architecture, in Go's words (amd64), where a container image is for several
    #[arg(long, value_name = "NAME")]
    pub image_arch: Option<String>,
    /// Do not make bin, lib and sbin links into usr when .deb packages are unpacked
    #[arg(long)]
    pub split_usr: bool,
}

impl SourceArgs {
    /// The same, as the library takes it.
    pub fn reading(&self) -> Reading {
        let args = self.clone();
        Reading {
            owners: args.owners.unwrap_or_default(),
            excludes: args.exclude,
            sysroot: args.sysroot.unwrap_or_else(|| "/".into()),
            image: args.image,
            architecture: args.image_arch,
            split_usr: args.split_usr,
            kernel_modules: None,
        }
    }

    /// Puts what was given in the place of what a spec says; globs come after its own.
    pub(in crate::cli) fn onto(&self, root: &mut Root) {
        let args = self.clone();
        root.owners = args.owners.unwrap_or(std::mem::take(&mut root.owners));
        root.exclude.extend(args.exclude);
        root.sysroot = args.sysroot.unwrap_or(std::mem::take(&mut root.sysroot));
        root.image = args.image.or(root.image.take());
        root.image_arch = args.image_arch.or(root.image_arch.take());
        root.split_usr |= args.split_usr;
    }
}

/// The sources that words on the command line name.
pub(in crate::cli) fn words(texts: &[String]) -> Vec<Word> {
    texts.iter().map(|text| Word::new(text)).collect()
}

/// What happens where two sources have the same path, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// It is an error
    Refuse,
    /// The later source wins
    Replace,
    /// The earlier source wins
    Keep,
}

impl From<OnConflict> for Conflict {
    fn from(chosen: OnConflict) -> Self {
        match chosen {
            OnConflict::Refuse => Conflict::Refuse,
            OnConflict::Replace => Conflict::Replace,
            OnConflict::Keep => Conflict::Keep,
        }
    }
}
