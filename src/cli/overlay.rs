//! `bootwright overlay`: throw-away copies of an image, made, listed, reset, committed and removed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::json;

use super::{Answer, interrupt, progress, terminal};
use crate::error::{Context, Error, Result, shown};
use crate::sandbox::{Base, Chain, Name, NameError, Sandbox, Store};
use crate::size::Size;

/// What `overlay` takes.
#[derive(Debug, Args)]
#[command(
    subcommand_precedence_over_arg = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  bootwright overlay base.img alice bob carol
  bootwright overlay base.img alice bob --size 40G --seed 'seeds/{name}.img'
  bootwright run alice
  bootwright overlay list
  bootwright overlay reset alice
  bootwright overlay commit bob
  bootwright overlay rm alice bob carol

A sandbox is a qcow2 overlay with a name: it begins as its base, and has what its guest writes. It is a \
folder in ~/.local/share/bootwright/sandboxes (XDG_DATA_HOME), or in what --sandboxes names. BASE is an \
image or another sandbox; when it changes, the sandboxes on it no longer run until they are reset. An image \
that is called like a verb is ./list."
)]
pub struct OverlayArgs {
    /// What to do with sandboxes that are there.
    #[command(subcommand)]
    pub verb: Option<OverlayVerb>,
    /// What they stand on: an image, or the name of another sandbox
    #[arg(value_name = "BASE", required = true)]
    pub base: Option<PathBuf>,
    /// The sandboxes to make
    #[arg(value_name = "NAME", required = true, value_parser = name)]
    pub names: Vec<Name>,
    /// The size of their disks, where it is more than the base's
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Size>,
    /// A second disk for each; {name} stands for the sandbox's name
    #[arg(long, value_name = "FILE")]
    pub seed: Option<String>,
    /// Record a hash of the base, so that a copy of it or a later time is no change
    #[arg(long)]
    pub hash: bool,
    /// Say what would be made, and make nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print JSON instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// The folder of the sandboxes [default: ~/.local/share/bootwright/sandboxes]
    #[arg(long, value_name = "DIR", global = true)]
    pub sandboxes: Option<PathBuf>,
}

/// What is done with sandboxes.
#[derive(Debug, Subcommand)]
pub enum OverlayVerb {
    /// Show who stands on whom, with sizes
    #[command(
        after_help = "Examples:\n  bootwright overlay list\n  bootwright overlay list --json"
    )]
    List,
    /// Drop what the guests wrote, and stand on the base as it is now
    #[command(after_help = "Examples:\n  bootwright overlay reset alice bob")]
    Reset(NamesArgs),
    /// Write what a guest wrote to the base, and empty the overlay
    #[command(after_help = "Examples:\n  bootwright overlay commit bob")]
    Commit(NameArgs),
    /// Remove sandboxes with all that they have
    #[command(after_help = "Examples:\n  bootwright overlay rm alice bob carol")]
    Rm(NamesArgs),
}

/// Sandboxes.
#[derive(Debug, Args)]
pub struct NamesArgs {
    /// The sandboxes
    #[arg(value_name = "NAME", required = true, value_parser = name)]
    pub names: Vec<Name>,
}

/// A sandbox.
#[derive(Debug, Args)]
pub struct NameArgs {
    /// The sandbox
    #[arg(value_name = "NAME", value_parser = name)]
    pub name: Name,
}

fn name(text: &str) -> Result<Name, NameError> {
    text.parse()
}

/// Does it.
///
/// # Errors
/// Where a sandbox cannot be made, found or changed.
pub fn run(args: &OverlayArgs) -> Result<Answer> {
    let store = Store::open(args.sandboxes.as_deref())?;
    refuse_both(args)?;
    match &args.verb {
        None => create(args, &store)?,
        Some(OverlayVerb::List) => list(args, &store)?,
        Some(OverlayVerb::Reset(which)) => {
            // All are found before the first is changed.
            for mut sandbox in found(&store, &which.names)? {
                sandbox.reset(&store)?;
                done(args, "reset", &store, sandbox.name())?;
            }
        }
        Some(OverlayVerb::Commit(which)) => commit(args, &store, &which.name)?,
        Some(OverlayVerb::Rm(which)) => {
            // One whose record was damaged can be removed too.
            if let Some(name) = which.names.iter().find(|name| matches!(store.get(name), Ok(None)))
            {
                return Err(missing(name));
            }
            for name in &which.names {
                store.remove(name)?;
                done(args, "removed", &store, name)?;
            }
        }
    }
    Ok(Answer::Yes)
}

/// What makes sandboxes is nothing to a verb: `--dry-run` must not be passed over.
fn refuse_both(args: &OverlayArgs) -> Result<()> {
    let makes = args.base.is_some() || args.size.is_some() || args.seed.is_some();
    match args.verb.is_some() && (makes || args.hash || args.dry_run) {
        false => Ok(()),
        true => {
            let text = "a verb takes neither a base nor --size, --seed, --hash and --dry-run";
            Err(Error::new(text).hint(
                "`bootwright overlay BASE NAME` makes sandboxes, by other names than the verbs'",
            ))
        }
    }
}

fn create(args: &OverlayArgs, store: &Store) -> Result<()> {
    let given = args.base.as_deref().unwrap_or(Path::new(""));
    let base = Base::open(&disk_of(store, given)?, args.hash)?;
    let size = args.size.map_or(base.size(), |size| size.0);
    if size < base.size() {
        let text = format!("its base has {}, {} would be less", Size(base.size()), Size(size));
        return Err(Error::new(text).context("making an overlay"));
    }
    // All are looked at before the first is made.
    let mut seeds = BTreeMap::new();
    for name in &args.names {
        store.refuse_taken(name)?;
        let seed = args.seed.as_deref().map(|pattern| seed(pattern, name)).transpose()?;
        if seeds.insert(name, seed).is_some() {
            return Err(Error::new(format!("{name} is named twice")));
        }
    }
    for name in &args.names {
        if args.dry_run {
            let at = shown(&store.folder().join(name.as_str()));
            terminal::say(format_args!("would make {name} ({}) in {at}", Size(size)))?;
            continue;
        }
        store.create(name, &base, size, seeds.remove(name).flatten())?;
        done(args, "made", store, name)?;
    }
    Ok(())
}

/// The image that a person means: a sandbox's, or a file.
pub(super) fn disk_of(store: &Store, given: &Path) -> Result<PathBuf> {
    let sandbox = given.to_str().map(|text| store.find(text)).transpose()?.flatten();
    Ok(sandbox.map_or_else(|| given.to_owned(), |sandbox| sandbox.disk()))
}

fn seed(pattern: &str, name: &Name) -> Result<PathBuf> {
    let path = PathBuf::from(pattern.replace("{name}", name.as_str()));
    path.canonicalize().context(|| format!("reading the seed {}", shown(&path)))
}

fn list(args: &OverlayArgs, store: &Store) -> Result<()> {
    let chain = Chain::of(store)?;
    match (args.json, chain.bases.is_empty()) {
        (true, _) => terminal::say(serde_json::to_string_pretty(&chain)?),
        (false, true) => terminal::say("there are no sandboxes"),
        (false, false) => terminal::say(chain.to_string().trim_end()),
    }
}

fn commit(args: &OverlayArgs, store: &Store, name: &Name) -> Result<()> {
    for mut sandbox in found(store, std::slice::from_ref(name))? {
        let size = crate::format::Disk::open(&sandbox.disk())?.size();
        let bar = progress::ByteBar::new(size);
        interrupt::leaves(interrupt::RESUMABLE);
        let written = sandbox.commit(store, &|done| bar.set(done))?;
        drop(bar);
        let base = shown(&sandbox.record().base);
        match args.json {
            true => terminal::say(json!({ "committed": name.as_str(), "bytes": written }))?,
            false => {
                terminal::say(format_args!("committed {} of {name} to {base}", Size(written)))?
            }
        }
    }
    Ok(())
}

fn found(store: &Store, names: &[Name]) -> Result<Vec<Sandbox>> {
    let find = |name: &Name| store.get(name)?.ok_or_else(|| missing(name));
    names.iter().map(find).collect()
}

fn missing(name: &Name) -> Error {
    Error::new(format!("there is no sandbox {name}"))
        .hint("`bootwright overlay list` shows those that there are")
}

fn done(args: &OverlayArgs, what: &str, store: &Store, name: &Name) -> Result<()> {
    match args.json {
        true => terminal::say(json!({ what: name.as_str(), "disk": shown(&store.disk(name)) })),
        false => terminal::say(format_args!("{what} {name}")),
    }
}
