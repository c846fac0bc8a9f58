//! `bootwright run`: a sandbox or an image on the terminal, with a network.

use std::path::PathBuf;

use clap::Args;

use super::assets::{self, MachineAssetArgs};
use super::boot::{Boot, Expect};
use super::machine::MachineArgs;
use super::{Answer, overlay, terminal};
use crate::assets::Need;
use crate::error::{Context, Result, shown};
use crate::qemu::device::{Disk, Network};
use crate::sandbox::Store;

/// What `run` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright run alice
  bootwright run alice --ssh-port 2201 --memory 1G --cpus 2
  bootwright run demo.img --seed seed.img

A sandbox keeps what its guest writes; an image does with --persist. The guest has a network of its own \
behind the host's; --ssh-port P leads 127.0.0.1:P of the host to its port 22. Ctrl-A x ends the machine.

Exit codes: 0 the guest ended by itself, 2 it did not, or could not be started.")]
pub struct RunArgs {
    /// The sandbox's name, or an image
    #[arg(value_name = "NAME|IMAGE")]
    pub what: PathBuf,
    /// A second disk, which the guest only reads [default: what the sandbox was made with]
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// The port of this host that leads to the guest's SSH
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pub ssh_port: Option<u16>,
    /// Give the guest no network
    #[arg(long, conflicts_with = "ssh_port")]
    pub no_network: bool,
    /// Show the QEMU command and start nothing
    #[arg(long)]
    pub dry_run: bool,
    /// The folder of the sandboxes [default: ~/.local/share/bootwright/sandboxes]
    #[arg(long, value_name = "DIR")]
    pub sandboxes: Option<PathBuf>,
    /// The machine.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Where QEMU and OVMF come from.
    #[command(flatten)]
    pub assets: MachineAssetArgs,
}

/// Runs it.
///
/// # Errors
/// Where the sandbox, the image, QEMU or the firmware cannot be used.
pub fn run(args: &RunArgs) -> Result<Answer> {
    let store = Store::open(args.sandboxes.as_deref())?;
    let sandbox = args.what.to_str().map(|text| store.find(text)).transpose()?.flatten();
    let image = overlay::disk_of(&store, &args.what)?;
    image.metadata().context(|| format!("reading {}", shown(&image)))?;
    let mut machine = args.machine.clone();
    let mut seed = args.seed.clone();
    match &sandbox {
        Some(sandbox) => {
            sandbox.check(&store)?;
            machine.persist = true;
            machine.run_dir.get_or_insert_with(|| sandbox.run_folder());
            seed = seed.or_else(|| sandbox.record().seed.clone());
        }
        None => {
            store.refuse_half_written(&image)?;
            if machine.persist {
                store.refuse_base(&image, "run it without --persist, or an overlay on it")?;
            }
        }
    }
    let found = assets::resolve(Need::BOOT, &args.assets.options())?;
    let mut boot = Boot::prepare(&image, &machine, &args.assets, &found, Expect::Auto)?;
    let described = boot.machine_mut();
    if let Some(seed) = seed {
        described.disks.push(Disk::open(seed)?);
    }
    described.network = (!args.no_network).then_some(Network { ssh_port: args.ssh_port });
    if args.dry_run {
        terminal::say(boot.machine_mut().reproduce())?;
        return Ok(Answer::Yes);
    }
    boot.choose_accel(false)?;
    boot.interactive()
}
