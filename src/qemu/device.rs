//! The devices of a machine: each is a function that appends its options to QEMU's command.
//!
//! QEMU's option syntax (`key=value,key=value`) has one escape: a comma in a value is doubled.
//! Disks are on virtio, which the guest's kernel and the firmware both drive, or are USB sticks, which any PC
//! starts from; a CD drive is on virtio's SCSI, since Debian's cloud kernel knows no other of a q35 machine.
//! Left out: every other bus.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::bytes::le64;
use crate::command::Command;
use crate::error::{Context, Error, Result, shown};
use crate::format::{self, Format, FormatError};
use crate::volume::Window;

/// How the machine has a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Drive {
    /// On virtio-blk.
    #[default]
    Virtio,
    /// In a CD drive, where nobody writes to it.
    Cd,
    /// As a stick on USB 3.
    Usb,
}

/// A disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The image.
    pub path: PathBuf,
    /// Its format; QEMU is told, since guessing lets a guest turn its raw disk into a qcow2 whose
    /// backing file is any file of the host.
    pub format: Format,
    /// Whether the image stays as it is: what the guest writes goes to an unlinked temporary file.
    pub snapshot: bool,
    /// How the machine has it.
    pub drive: Drive,
}

impl Disk {
    /// The disk in this file, kept as it is by the guest's writes.
    ///
    /// # Errors
    /// Where the file cannot be read or is no regular file or block device, is damaged, or stands on an
    /// image that is not there.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        if path.is_dir() {
            let error = Error::new("it is a folder, not a disk image");
            return Err(error.context(format!("opening {}", shown(&path))));
        }
        let reading = || format!("reading {}", shown(&path));
        let format = Format::of_disk(&Window::open(&path)?).context(reading)?;
        check(&path)?;
        Ok(Disk { path, format, snapshot: true, drive: Drive::Virtio })
    }
}

/// Whether an image is whole, with all that it stands on: QEMU would say so less clearly. What is not read
/// here may be read by QEMU.
fn check(path: &Path) -> Result<()> {
    match format::Disk::open(path) {
        Err(error) => match error.downcast_ref() {
            Some(FormatError::Unsupported(_)) => Ok(()),
            _ => Err(error),
        },
        Ok(_) => Ok(()),
    }
}

/// A virtio network card behind the host's own network, which needs no privilege.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    /// The port of the host's loopback that leads to the guest's port 22.
    pub ssh_port: Option<u16>,
}

/// A flash chip: the firmware's code, or its variable store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flash {
    /// The file.
    pub path: PathBuf,
    /// Its format: raw, or qcow2 as Fedora ships it.
    pub format: Format,
}

/// How a flash chip's file is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FlashUse {
    ReadOnly,
    ReadWrite,
    /// Writes are kept until QEMU ends.
    Snapshot,
}

/// `key=value,…` with a path as its last value; everything QEMU's syntax needs is escaped.
pub(super) fn with_path(options: impl AsRef<OsStr>, path: &Path) -> OsString {
    let mut text = options.as_ref().to_os_string();
    // `a:b` would be read as the protocol `a`; a path with a slash in front of the colon is not.
    if path.is_relative() {
        text.push("./");
    }
    text.push(escaped(path.as_os_str()));
    text
}

/// A value with its commas doubled.
pub(super) fn escaped(value: &OsStr) -> OsString {
    let mut text = Vec::with_capacity(value.len());
    for &byte in value.as_bytes() {
        text.push(byte);
        if byte == b',' {
            text.push(byte);
        }
    }
    OsString::from_vec(text)
}

pub(super) fn flash(command: Command, unit: u32, flash: &Flash, usage: FlashUse) -> Command {
    let usage = match usage {
        FlashUse::ReadOnly => ",readonly=on",
        FlashUse::ReadWrite => "",
        FlashUse::Snapshot => ",snapshot=on",
    };
    let format = flash.format.qemu_name();
    let options = format!("if=pflash,unit={unit},format={format}{usage},file=");
    command.arg("-drive").arg(with_path(options, &flash.path))
}

pub(super) fn disk(command: Command, index: usize, disk: &Disk) -> Command {
    let access = match disk {
        Disk { drive: Drive::Cd, .. } => ",media=cdrom,readonly=on",
        Disk { snapshot: true, .. } => ",snapshot=on",
        _ => "",
    };
    let format = disk.format.qemu_name();
    let drive = format!("if=none,id=disk{index},format={format}{access},file=");
    let command = command.arg("-drive").arg(with_path(drive, &disk.path));
    // The firmware tries disks in this order, whatever its variable store remembers.
    let order = format!("drive=disk{index},bootindex={index}");
    let devices = match disk.drive {
        Drive::Virtio => vec![format!("virtio-blk-pci,{order}")],
        Drive::Cd => {
            vec![
                format!("virtio-scsi-pci,id=scsi{index}"),
                format!("scsi-cd,bus=scsi{index}.0,{order}"),
            ]
        }
        Drive::Usb => {
            vec![
                format!("qemu-xhci,id=usb{index}"),
                format!("usb-storage,bus=usb{index}.0,{order}"),
            ]
        }
    };
    devices.into_iter().fold(command, |command, device| command.arg("-device").arg(device))
}

pub(super) fn network(command: Command, network: &Network) -> Command {
    let forward = network.ssh_port.map(|port| format!(",hostfwd=tcp:127.0.0.1:{port}-:22"));
    command
        .arg("-netdev")
        .arg(format!("user,id=net0{}", forward.unwrap_or_default()))
        // The option ROM is for BIOS guests that boot from the network, and in a package of its own.
        .args(["-device", "virtio-net-pci,netdev=net0,romfile="])
}

/// A screen. It is never shown, but without one GRUB complains of "no suitable video mode", and
/// the kernel's screen console would go untested. bochs-display is the plain framebuffer that
/// OVMF draws on; unlike `VGA` it needs no option ROM from SeaBIOS's package.
pub(super) fn screen(command: Command) -> Command {
    command.args(["-device", "bochs-display"])
}

/// An SMBIOS type 11 (OEM strings) entry, which firmware, GRUB and the kernel can all read.
pub(super) fn oem_string(command: Command, value: &str) -> Command {
    let mut option = OsString::from("type=11,value=");
    option.push(escaped(OsStr::new(value)));
    command.arg("-smbios").arg(option)
}

/// QMP on the socket that the machine's process has as its descriptor 0, the serial port on the pipe
/// that is its descriptor 1: no name in the filesystem that could collide, be too long for a socket,
/// be opened by another user, or stay behind.
pub(super) fn captured(command: Command) -> Command {
    command
        .args(["-chardev", "socket,id=qmp,fd=0", "-mon", "chardev=qmp,mode=control"])
        // As a file, QEMU waits where the pipe is full. A socket holds some 250 bytes of a guest that
        // writes one at a time, and what does not fit is dropped after a few tries: on a busy host
        // that cost letters of the log.
        .args(["-chardev", "file,id=serial,path=/dev/fd/1", "-serial", "chardev:serial"])
}

/// The serial port on the terminal. `mux=on` gives Ctrl-A as the escape key (x ends, c switches to
/// QEMU's monitor); `signal=off` hands Ctrl-C to the guest.
pub(super) fn terminal(command: Command, log: Option<&Path>) -> Command {
    let mut chardev = OsString::from("stdio,id=serial,mux=on,signal=off");
    if let Some(path) = log {
        chardev.push(with_path(",logfile=", path));
    }
    command.arg("-chardev").arg(chardev).args([
        "-serial",
        "chardev:serial",
        "-mon",
        "chardev=serial,mode=readline",
    ])
}

/// Where a UEFI firmware volume that starts at `offset` ends; `None` where none starts there
/// (Platform Initialization 1.8, volume 3, §3.2.1: length at 32, signature `_FVH` at 40).
pub(super) fn firmware_volume_end(bytes: &[u8], offset: usize) -> Option<u64> {
    let header = bytes.get(offset..)?;
    let signed = header.get(40..44)? == b"_FVH";
    signed.then(|| le64(header, 32)?.checked_add(offset as u64)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_file_is_raw_and_a_folder_is_no_disk() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("tiny");
        std::fs::write(&path, b"x").expect("written");
        assert_eq!(Disk::open(&path).expect("it is there").format, Format::Raw);
        assert!(Disk::open(folder.path()).is_err());
        assert!(Disk::open(folder.path().join("none")).is_err());
    }

    #[test]
    fn odd_paths_reach_qemu_as_they_are() {
        let odd = Path::new(OsStr::from_bytes(b"/a b,c\n\xff"));
        assert_eq!(with_path("file=", odd), OsStr::from_bytes(b"file=/a b,,c\n\xff"));
        assert_eq!(with_path("file=", Path::new("nbd:x")), "file=./nbd:x");
    }
}
