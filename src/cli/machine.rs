//! The flags that describe the virtual machine, and the machine that they give.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::TypedValueParser;

use crate::assets::{Assets, Need};
use crate::error::{Error, Result};
use crate::qemu::accel::Wish;
use crate::qemu::device::{Disk, Drive};
use crate::qemu::machine::Machine;
use crate::size::Size;

/// The virtual machine.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "The machine")]
pub struct MachineArgs {
    /// Memory of the guest
    #[arg(long, value_name = "SIZE", default_value = "512M", value_parser = memory)]
    pub memory: Size,
    /// Virtual CPUs
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: u32,
    /// Let SeaBIOS start it, which comes with QEMU, in the place of OVMF
    #[arg(long)]
    pub bios: bool,
    /// Put it into a CD drive, as ISOs may be, in the place of a disk
    #[arg(long, conflicts_with = "persist")]
    pub cdrom: bool,
    /// Make it a USB stick, in the place of a disk on virtio
    #[arg(long, conflicts_with = "cdrom")]
    pub usb: bool,
    /// Accelerator: auto, kvm or tcg; auto tries KVM once and remembers
    #[arg(long, value_name = "NAME", default_value = "auto", value_parser = accel)]
    pub accel: Wish,
    /// Give the boot up after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = seconds())]
    pub timeout: u64,
    /// Give the boot up when the console has been silent for so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = seconds())]
    pub silence: u64,
    /// Let the guest's writes reach the image, which a boot leaves as it was otherwise
    #[arg(long)]
    pub persist: bool,
    /// Folder of the run: serial log, variable store, the command as a script [default: IMAGE.boot]
    #[arg(long, value_name = "DIR")]
    pub run_dir: Option<PathBuf>,
}

fn accel(text: &str) -> Result<Wish, String> {
    text.parse().map_err(|error: Error| error.to_string())
}

/// QEMU takes none for its own default.
pub(super) fn memory(text: &str) -> Result<Size, String> {
    match text.parse::<Size>() {
        Ok(Size(0)) => Err("a guest needs memory".into()),
        Ok(size) => Ok(size),
        Err(error) => Err(error.to_string()),
    }
}

/// Without any time nothing can be found out.
fn seconds() -> impl TypedValueParser<Value = u64> {
    clap::value_parser!(u64).range(1..)
}

impl MachineArgs {
    /// When the boot is given up.
    pub fn limits(&self) -> Limits {
        let seconds = Duration::from_secs;
        Limits { total: seconds(self.timeout), silence: seconds(self.silence) }
    }

    /// The folder that keeps what a run of this image leaves.
    pub fn run_folder(&self, image: &Path) -> PathBuf {
        self.run_dir.clone().unwrap_or_else(|| {
            let mut name = image.as_os_str().to_owned();
            name.push(".boot");
            name.into()
        })
    }

    /// The machine with this disk.
    ///
    /// # Errors
    /// Where the image or the firmware cannot be used.
    pub fn machine(&self, image: &Path, assets: &Assets) -> Result<Machine> {
        let mut disk = Disk::open(image)?;
        disk.snapshot = !self.persist;
        disk.drive = match (self.cdrom, self.usb) {
            (true, _) => Drive::Cd,
            (_, true) => Drive::Usb,
            _ => Drive::Virtio,
        };
        let firmware = if self.bios { None } else { Some(assets.firmware()?.clone()) };
        let mut machine = Machine::new(assets.command(Need::Qemu)?, firmware);
        machine.memory = self.memory;
        machine.cpus = self.cpus;
        machine.disks = vec![disk];
        Ok(machine)
    }
}

/// When a boot is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Since the machine was started.
    pub total: Duration,
    /// Since the console last said something.
    pub silence: Duration,
}
