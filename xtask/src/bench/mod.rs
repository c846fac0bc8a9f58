//! `cargo xtask bench`: what users run against what they would run instead, as ratios of whole
//! processes that run in turn, so that a machine that slows down slows all.

mod convert;
mod image;
mod measure;
mod sandbox;
mod trees;

use std::fs;
use std::path::PathBuf;

use bootwright::cli::Answer;
use bootwright::error::{Context, Error, Result, shown};
use clap::{Args, Subcommand};

use crate::init;

/// What to measure, and how: the image build against a shell script that does the same, where nothing
/// else is said.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cargo xtask bench
  cargo xtask bench --runs 31
  cargo xtask bench convert
  cargo xtask bench sandbox
  cargo xtask bench trees --root debian.tar
  cargo xtask bench trees --runs 5 --sizes 1,5 --only ext4 --root pool/*.deb"
)]
pub(crate) struct BenchArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    image: image::ImageArgs,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Filesystems and archives of a root against mke2fs, mksquashfs, tar, cpio and bsdtar
    Trees(trees::TreesArgs),
    /// Conversions of a disk image against qemu-img with its fastest flags
    Convert(convert::ConvertArgs),
    /// Growth, seeds and overlays against the programs that do them by hand
    Sandbox(sandbox::SandboxArgs),
}

pub(crate) fn run(args: &BenchArgs) -> Result<Answer> {
    match &args.what {
        None => image::run(&args.image),
        Some(What::Trees(args)) => trees::run(args),
        Some(What::Convert(args)) => convert::run(args),
        Some(What::Sandbox(args)) => sandbox::run(args),
    }
}

/// Where measurements leave what they make.
fn folder() -> Result<PathBuf> {
    let work = crate::root().join("target/bench");
    fs::create_dir_all(&work).context(|| format!("creating {}", shown(&work)))?;
    Ok(work)
}

/// `bootwright`, as a user has it: built for release.
fn release() -> Result<PathBuf> {
    let root = crate::root();
    let build = init::cargo()
        .args(["build", "--release", "--quiet", "--package", "bootwright", "--manifest-path"])
        .arg(root.join("Cargo.toml"));
    match build.attached()?.success() {
        true => Ok(root.join("target/release/bootwright")),
        false => Err(Error::new("the release build failed").context("measuring")),
    }
}
