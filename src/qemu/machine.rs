//! A machine as a value, and the QEMU command that it stands for.
//!
//! Nothing here touches the world: the same machine gives the same argument list.

use std::path::Path;

use super::accel::Accel;
use super::device::{self, Disk, Flash, FlashUse, Network};
use super::firmware::Firmware;
use crate::arch::{Arch, X86_64};
use crate::command::Command;
use crate::size::{MIB, Size};

/// Everything that decides how a guest is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The architecture: gives QEMU's machine type.
    pub arch: Arch,
    /// The emulator with what it needs to run at all: library path, `-L` folders.
    pub qemu: Command,
    /// What executes the guest's instructions.
    pub accel: Accel,
    /// The guest's memory; rounded up to a MiB.
    pub memory: Size,
    /// The number of virtual CPUs.
    pub cpus: u32,
    /// Code and the template of the variable store; none where QEMU's own BIOS, SeaBIOS, starts it.
    pub firmware: Option<Firmware>,
    /// Tried by the firmware in this order.
    pub disks: Vec<Disk>,
    /// The network card; none where nobody asked for one.
    pub network: Option<Network>,
    /// SMBIOS type 11 string, by which the host hands the boot's token to the guest.
    pub oem_string: Option<String>,
}

/// How the machine's serial port and QEMU's control are connected.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wiring<'a> {
    /// To us, by descriptors 0 (QMP) and 1 (serial port); the guest waits for `cont`.
    Captured { vars: Option<&'a Flash> },
    /// To the terminal, kept in a file as well.
    Terminal { vars: Option<&'a Flash>, log: &'a Path },
    /// To the terminal, with nothing that only a run of ours has.
    ByHand,
}

impl Machine {
    /// An x86-64 machine with this firmware, 512 MiB, one CPU, no disk, under TCG.
    pub fn new(qemu: Command, firmware: impl Into<Option<Firmware>>) -> Self {
        Machine {
            arch: X86_64,
            qemu,
            accel: Accel::Tcg,
            memory: Size(512 * MIB),
            cpus: 1,
            firmware: firmware.into(),
            disks: Vec::new(),
            network: None,
            oem_string: None,
        }
    }

    /// The command that boots the same machine by hand: serial port on the terminal, no QMP. The
    /// guest finds the variable store as it was before the first boot, and its writes are dropped.
    pub fn reproduce(&self) -> Command {
        self.command(Wiring::ByHand)
    }

    pub(super) fn command(&self, wiring: Wiring) -> Command {
        let command = self.processor(self.quiet(self.qemu.clone()));
        let command = self.flash(command, wiring);
        let disks = self.disks.iter().enumerate();
        let command =
            disks.fold(command, |command, (index, disk)| device::disk(command, index, disk));
        let command = match &self.network {
            Some(network) => device::network(command, network),
            None => command,
        };
        let command = device::screen(command);
        let command = match &self.oem_string {
            Some(value) => device::oem_string(command, value),
            None => command,
        };
        self.wire(command, wiring)
    }

    fn quiet(&self, command: Command) -> Command {
        command
            // Only what is listed here is there: no network card, floppy or CD drive but ours.
            .arg("-nodefaults")
            // A machine that behaves alike for every user: no configuration file of the host's.
            .arg("-no-user-config")
            // No window: QEMU would fail where there is no desktop.
            .args(["-display", "none"])
            // A guest that resets (a panic with panic=-1, a triple fault) ends instead of looping.
            .arg("-no-reboot")
    }

    fn processor(&self, command: Command) -> Command {
        // Without a screen, SeaBIOS repeats on the serial port what it and a loader show, as OVMF does.
        let no_screen = if self.firmware.is_none() { ",graphics=off" } else { "" };
        command
            // PCIe and flash for split firmware, which QEMU's default `pc` is a poor match for.
            .args(["-machine".into(), format!("{}{no_screen}", self.arch.machine)])
            .args(["-accel", self.accel.name()])
            // Everything the accelerator can do: kernels built for x86-64-v2 and later stop on the
            // default model, and RDRAND seeds the kernel's random numbers without a virtio-rng.
            .args(["-cpu", "max"])
            .args(["-smp".into(), self.cpus.to_string()])
            .args(["-m".into(), format!("{}M", self.memory.0.div_ceil(MIB))])
    }

    fn flash(&self, command: Command, wiring: Wiring) -> Command {
        let Some(firmware) = &self.firmware else { return command };
        // The code is shared with every other machine of the host.
        let command = device::flash(command, 0, &firmware.code, FlashUse::ReadOnly);
        match wiring {
            Wiring::Captured { vars: Some(vars) } | Wiring::Terminal { vars: Some(vars), .. } => {
                device::flash(command, 1, vars, FlashUse::ReadWrite)
            }
            _ => device::flash(command, 1, &firmware.vars, FlashUse::Snapshot),
        }
    }

    fn wire(&self, command: Command, wiring: Wiring) -> Command {
        match wiring {
            // Paused until we listen: a KVM that fails does so before the first QMP command is read.
            Wiring::Captured { .. } => device::captured(command).arg("-S"),
            Wiring::Terminal { log, .. } => device::terminal(command, Some(log)),
            Wiring::ByHand => device::terminal(command, None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::Format;
    use crate::qemu::device::Drive;

    fn firmware() -> Firmware {
        let raw = |path: &str| Flash { path: path.into(), format: Format::Raw };
        Firmware { code: raw("/fw/CODE.fd"), vars: raw("/fw/VARS.fd"), description: "OVMF".into() }
    }

    /// The arguments, one option with its value a line.
    fn lines(command: &Command) -> String {
        let text = |a: &std::ffi::OsString| a.to_str().expect("UTF-8").to_owned();
        let args: Vec<_> = command.arguments().iter().map(text).collect();
        args.join(" ").replace(" -", "\n-")
    }

    const COMMON: &str = "-L /store
-nodefaults
-no-user-config
-display none
-no-reboot
-machine q35
-accel tcg
-cpu max
-smp 1
-m 512M
-drive if=pflash,unit=0,format=raw,readonly=on,file=/fw/CODE.fd
";

    fn machine() -> Machine {
        Machine::new(Command::new("qemu").args(["-L", "/store"]), firmware())
    }

    #[test]
    fn a_captured_machine_with_a_disk_and_a_token() {
        let mut machine = machine();
        let (path, format) = ("/i,m.img".into(), Format::Qcow2);
        machine.disks.push(Disk { path, format, snapshot: true, drive: Drive::Virtio });
        machine.network = Some(Network { ssh_port: Some(2222) });
        machine.oem_string = Some("abc:poweroff".into());
        let vars = Flash { path: "run/vars.fd".into(), format: Format::Raw };
        let expected = "-drive if=pflash,unit=1,format=raw,file=./run/vars.fd
-drive if=none,id=disk0,format=qcow2,snapshot=on,file=/i,,m.img
-device virtio-blk-pci,drive=disk0,bootindex=0
-netdev user,id=net0,hostfwd=tcp:127.0.0.1:2222-:22
-device virtio-net-pci,netdev=net0,romfile=
-device bochs-display
-smbios type=11,value=abc:poweroff
-chardev socket,id=qmp,fd=0
-mon chardev=qmp,mode=control
-chardev file,id=serial,path=/dev/fd/1
-serial chardev:serial
-S";
        let command = machine.command(Wiring::Captured { vars: Some(&vars) });
        assert_eq!(lines(&command), format!("{COMMON}{expected}"));
    }

    #[test]
    fn a_boot_by_hand_needs_nothing_of_the_run() {
        let expected = "-drive if=pflash,unit=1,format=raw,snapshot=on,file=/fw/VARS.fd
-device bochs-display
-chardev stdio,id=serial,mux=on,signal=off
-serial chardev:serial
-mon chardev=serial,mode=readline";
        assert_eq!(lines(&machine().reproduce()), format!("{COMMON}{expected}"));
    }

    #[test]
    fn a_bios_starts_a_cd_without_flash() {
        let mut machine = Machine::new(Command::new("qemu"), None);
        let path = "/cd.iso".into();
        machine.disks.push(Disk { path, format: Format::Raw, snapshot: true, drive: Drive::Cd });
        let said = lines(&machine.reproduce());
        let drive = "-drive if=none,id=disk0,format=raw,media=cdrom,readonly=on,file=/cd.iso
-device virtio-scsi-pci,id=scsi0
-device scsi-cd,bus=scsi0.0,drive=disk0,bootindex=0
";
        assert!(said.contains("-machine q35,graphics=off\n") && said.contains(drive), "{said}");
        assert!(!said.contains("pflash"), "{said}");
    }

    #[test]
    fn a_stick_is_on_usb() {
        let mut machine = machine();
        let path = "/stick.iso".into();
        machine.disks.push(Disk { path, format: Format::Raw, snapshot: true, drive: Drive::Usb });
        let said = lines(&machine.reproduce());
        let drive = "-drive if=none,id=disk0,format=raw,snapshot=on,file=/stick.iso
-device qemu-xhci,id=usb0
-device usb-storage,bus=usb0.0,drive=disk0,bootindex=0
";
        assert!(said.contains(drive), "{said}");
    }

    #[test]
    fn memory_is_rounded_up() {
        let mut machine = machine();
        machine.memory = Size(MIB + 1);
        assert!(lines(&machine.reproduce()).contains("-m 2M\n"));
    }
}
