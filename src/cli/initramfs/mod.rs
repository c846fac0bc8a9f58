//! `bootwright initramfs`: a verb for each thing that is done with an archive.

mod compare;
mod list;
mod pack;
mod unpack;
mod weigh;

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Answer, input, terminal};
use crate::error::{Context, Error, Result};
use crate::initramfs::index::{Index, Member};
use crate::volume::Window;

/// What is done with an initramfs.
#[derive(Debug, Subcommand)]
pub enum InitramfsVerb {
    /// List the entries of every segment, as `ls -l` does
    Ls(list::LsArgs),
    /// Write files of an initramfs to standard output
    Cat(CatArgs),
    /// Show what makes an initramfs big
    Size(weigh::SizeArgs),
    /// Show what changed between two, and what made it grow
    Diff(compare::DiffArgs),
    /// Unpack every segment into a new folder, safely, with a manifest of what a user cannot make
    Unpack(unpack::UnpackArgs),
    /// Pack a folder or a manifest, with any compression that the kernel knows
    Pack(pack::PackArgs),
}

/// What `initramfs cat` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bootwright initramfs cat /boot/initrd.img-6.1 init scripts/functions")]
pub struct CatArgs {
    /// The archive; `-` is standard input
    #[arg(value_name = "INITRAMFS")]
    pub initramfs: PathBuf,
    /// Paths in it; symlinks are followed inside the archive
    #[arg(value_name = "PATH", required = true)]
    pub paths: Vec<String>,
}

/// Does it.
///
/// # Errors
/// Where an archive cannot be read, or something in it is not there.
pub fn run(verb: &InitramfsVerb) -> Result<Answer> {
    match verb {
        InitramfsVerb::Ls(args) => list::run(args),
        InitramfsVerb::Cat(args) => cat(args),
        InitramfsVerb::Size(args) => weigh::run(args),
        InitramfsVerb::Diff(args) => compare::run(args),
        InitramfsVerb::Unpack(args) => unpack::run(args),
        InitramfsVerb::Pack(args) => pack::run(args),
    }
}

fn cat(args: &CatArgs) -> Result<Answer> {
    let doing = || format!("reading {}", input::name(&args.initramfs));
    let (window, index) = opened(&args.initramfs, Index::read)?;
    let mut out = terminal::Output::new();
    for path in &args.paths {
        let found = index.find(path.as_bytes()).context(doing)?;
        let member = &index.members[found];
        if member.kind() != '-' {
            let text = format!("{path} is no file but {}", kind(member));
            return Err(Error::new(text).context(doing()));
        }
        index.copy(&window, found, &mut out).context(doing)?;
    }
    out.finish()?;
    Ok(Answer::Yes)
}

/// What an entry that is no file is called.
fn kind(member: &Member) -> &'static str {
    match member.kind() {
        'd' => "a directory",
        'b' | 'c' => "a device",
        'p' => "a named pipe",
        's' => "a socket",
        _ => "of no kind that Linux knows",
    }
}

/// An initramfs, listed. What has no entry at all before it is damaged is none.
fn opened(path: &Path, list: impl FnOnce(&Window) -> Result<Index>) -> Result<(Window, Index)> {
    let doing = || format!("reading {}", input::name(path));
    let window = input::opened(path)?;
    let mut index = list(&window).context(doing)?;
    match index.problem.take_if(|_| index.members.is_empty()) {
        Some(problem) => Err(problem).context(doing),
        None if index.segments.is_empty() => {
            Err(Error::new("there is no archive in it")).context(doing)
        }
        None => Ok((window, index)),
    }
}

/// Says what is wrong with an archive that was listed; what was read of it has been shown.
fn judged(path: &Path, index: Index) -> Result<Answer> {
    match index.problem {
        None => Ok(Answer::Yes),
        Some(problem) => {
            terminal::note(format!("{}: {}", input::name(path), Error::from(problem)));
            Ok(Answer::No)
        }
    }
}
