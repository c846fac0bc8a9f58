//! `bootwright export`: an image or a sandbox as a machine of another program.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::machine::memory;
use super::{Answer, overlay, terminal};
use crate::arch::X86_64;
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::libvirt::{Disk, Domain, Firmware, Network};
use crate::qemu::device;
use crate::sandbox::Store;
use crate::size::Size;

/// Whose machine it becomes.
#[derive(Debug, Subcommand)]
pub enum ExportVerb {
    /// A domain of libvirt, as XML
    Libvirt(LibvirtArgs),
}

/// What `export libvirt` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright export libvirt demo.img > demo.xml && virsh define demo.xml
  bootwright export libvirt alice --memory 1G --network default -o alice.xml
  bootwright export libvirt demo.img --seed seed.img --ovmf-code CODE.fd --ovmf-vars VARS.fd

UEFI with variables of the domain's own, virtio disks, the seed as the second of them, the serial port as \
the console. The images are not copied: libvirt has to be able to read them.")]
pub struct LibvirtArgs {
    /// The sandbox's name, or an image
    #[arg(value_name = "NAME|IMAGE")]
    pub what: PathBuf,
    /// The domain's name [default: the sandbox's, or the image's]
    #[arg(long, value_parser = name)]
    pub name: Option<String>,
    /// A second disk, which the guest only reads [default: what the sandbox was made with]
    #[arg(long, value_name = "FILE")]
    pub seed: Option<PathBuf>,
    /// Memory of the guest
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = memory)]
    pub memory: Size,
    /// Virtual CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: u32,
    /// A network of libvirt's [default: the host's, without privilege]
    #[arg(long, value_name = "NAME", value_parser = name)]
    pub network: Option<String>,
    /// Let QEMU emulate the CPU, where there is no KVM
    #[arg(long)]
    pub emulate: bool,
    /// OVMF's CODE on libvirt's host [default: what libvirt finds]
    #[arg(long, value_name = "FILE", requires = "ovmf_vars")]
    pub ovmf_code: Option<PathBuf>,
    /// OVMF's VARS there, from which the domain's own are made
    #[arg(long, value_name = "FILE", requires = "ovmf_code")]
    pub ovmf_vars: Option<PathBuf>,
    /// Write the XML to a file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The folder of the sandboxes [default: ~/.local/share/bootwright/sandboxes]
    #[arg(long, value_name = "DIR")]
    pub sandboxes: Option<PathBuf>,
}

/// A name as libvirt takes it, for a domain and for a network.
fn name(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("libvirt's names are not empty"),
        text if text.contains(['/', '\n']) => Err("libvirt's names have no slash and are one line"),
        text => Ok(text.into()),
    }
}

/// Exports it.
///
/// # Errors
/// Where an image cannot be read, or the XML not written.
pub fn run(verb: &ExportVerb) -> Result<Answer> {
    let ExportVerb::Libvirt(args) = verb;
    let xml = domain(args)?.xml()?;
    match &args.output {
        None => terminal::say(xml.trim_end())?,
        Some(path) => {
            use std::io::Write;
            let output = OutputFile::create(path)?;
            let written = output.as_file().write_all(xml.as_bytes());
            written.context(|| format!("writing {}", shown(path)))?;
            output.commit()?;
            terminal::note(format_args!("wrote {}", shown(path)));
        }
    }
    Ok(Answer::Yes)
}

fn domain(args: &LibvirtArgs) -> Result<Domain> {
    let store = Store::open(args.sandboxes.as_deref())?;
    let sandbox = args.what.to_str().map(|text| store.find(text)).transpose()?.flatten();
    let image = overlay::disk_of(&store, &args.what)?;
    match &sandbox {
        Some(sandbox) => sandbox.check(&store)?,
        // The domain writes to its disk.
        None => {
            store.refuse_half_written(&image)?;
            store.refuse_base(&image, "export one of them, or an overlay on it")?;
        }
    }
    let mut disks = vec![disk(&image, false)?];
    let recorded = sandbox.as_ref().and_then(|sandbox| sandbox.record().seed.clone());
    if let Some(seed) = args.seed.clone().or(recorded) {
        disks.push(disk(&seed, true)?);
    }
    let name = match (&args.name, &sandbox) {
        (Some(name), _) => name.clone(),
        (None, Some(sandbox)) => sandbox.name().to_string(),
        (None, None) => {
            let stem = image.file_stem().and_then(|stem| stem.to_str());
            stem.map(str::to_owned).ok_or_else(|| {
                Error::new("the image's name is no text").hint("--name gives the domain one")
            })?
        }
    };
    let firmware = match (&args.ovmf_code, &args.ovmf_vars) {
        (Some(code), Some(vars)) => {
            Firmware::Files { loader: whole(code)?, template: whole(vars)? }
        }
        _ => Firmware::Found,
    };
    let network = args.network.clone().map_or(Network::User, Network::Named);
    let (memory, cpus, kvm) = (args.memory, args.cpus, !args.emulate);
    Ok(Domain { kvm, memory, cpus, firmware, disks, network, ..Domain::new(name, X86_64) })
}

fn disk(path: &Path, read_only: bool) -> Result<Disk> {
    let path = path.canonicalize().context(|| format!("reading {}", shown(path)))?;
    let format = device::Disk::open(&path)?.format.qemu_name();
    Ok(Disk { path, format, read_only })
}

fn whole(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).context(|| format!("finding {}", shown(path)))
}
