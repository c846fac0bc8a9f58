//! `bootwright build`: builds the image that a spec describes; without a spec it is `bootwright image`.

use std::path::PathBuf;

use clap::Args;

use super::Answer;
use super::image::{self, ImageArgs};
use crate::error::Result;
use crate::spec::Spec;

/// What `build` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright build image.toml
  bootwright build image.toml --dry-run
  bootwright build image.toml --output test.img --append panic=10 --boot
  bootwright build --root debian.tar.xz --write /etc/hostname:demo

Paths in a spec are taken from its folder. Flags win over what the spec says; --append and changes come \
after the spec's own. SOURCE_DATE_EPOCH is as for `bootwright image`.")]
pub struct BuildArgs {
    /// The spec, a TOML file (doc/spec.md) [default: what the flags say]
    #[arg(value_name = "SPEC")]
    pub spec: Option<PathBuf>,
    /// The same flags as for `bootwright image`.
    #[command(flatten)]
    pub image: ImageArgs,
}

/// Builds what the spec and the flags describe.
///
/// # Errors
/// Where the spec cannot be read, and as [`image::run`].
pub fn run(args: &BuildArgs) -> Result<Answer> {
    let mut spec = match &args.spec {
        Some(path) => Spec::read(path)?,
        None => Spec::default(),
    };
    args.image.onto(&mut spec)?;
    image::make(&spec, &args.image)
}
