//! The flags that say how sources are read.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::source::{Reading, Word};
use crate::tree::dir;
use crate::tree::merge::Conflict;

/// How sources are read.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "How sources are read")]
pub struct SourceArgs {
    /// Owners of a directory's files: `root`, `preserve`, or ranges HOST:TREE:COUNT with commas between
    #[arg(long, default_value = "root")]
    pub owners: dir::Owners,
    /// Leave out what matches in a directory: `.git` anywhere, `var/cache/*` from its top; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Where a program's libraries are
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
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
            owners: args.owners,
            excludes: args.exclude,
            sysroot: args.sysroot,
            image: args.image,
            architecture: args.image_arch,
            split_usr: args.split_usr,
        }
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
