//! `cargo xtask install`: the program and the guest's `/init`, side by side where cargo puts programs.

use std::path::PathBuf;

use bootwright::cli::{Answer, terminal};
use bootwright::error::{Context, Error, Result, shown};
use clap::Args;

use crate::init;

/// What `install` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cargo xtask install
  cargo xtask install --root ~/.local

Without --root, they go where `cargo install` puts programs: CARGO_INSTALL_ROOT, CARGO_HOME or ~/.cargo.")]
pub(crate) struct InstallArgs {
    /// The folder whose `bin` they go into
    #[arg(long, value_name = "DIR")]
    root: Option<PathBuf>,
}

/// Installs both.
///
/// # Errors
/// Where one cannot be built, or the folder cannot be written.
pub(crate) fn run(args: &InstallArgs) -> Result<Answer> {
    let root = args.root.clone().or_else(default_root);
    let root = root.ok_or_else(|| Error::new("there is no HOME").hint("give --root"))?;
    let cargo = init::cargo().args(["install", "--locked", "--path"]).arg(crate::root());
    if !cargo.arg("--root").arg(&root).attached()?.success() {
        return Ok(Answer::No);
    }
    let beside = root.join("bin/bootwright-init");
    let built = init::build()?;
    // A program that runs cannot be written over; another file can take its name.
    let fresh = beside.with_extension("new");
    std::fs::copy(&built, &fresh)
        .and_then(|_| std::fs::rename(&fresh, &beside))
        .inspect_err(|_| drop(std::fs::remove_file(&fresh)))
        .context(|| format!("writing {}", shown(&beside)))?;
    terminal::say(format_args!("installed {}, the guest's /init", shown(&beside)))?;
    Ok(Answer::Yes)
}

fn default_root() -> Option<PathBuf> {
    let named = |name| std::env::var_os(name).map(PathBuf::from);
    let home = || named("HOME").map(|home| home.join(".cargo"));
    named("CARGO_INSTALL_ROOT").or_else(|| named("CARGO_HOME")).or_else(home)
}
