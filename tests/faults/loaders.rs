//! Other loaders than our own. Secure Boot: firmware with the keys of the world's shims, and the loaders and the
//! kernel that Debian has signed; and systemd-boot. Only the long tests have them.

use std::fs;

use super::{Boot, Ends, Fault, Kit, Whole, archive};
use crate::disk::{assemble, fat};
use crate::workbench::scratch;

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

const SHIM: &str = "usr/lib/shim/shimx64.efi.signed";
const GRUB: &str = "usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed";
/// Nobody has signed it.
const SYSTEMD_BOOT: &str = "usr/lib/systemd/boot/efi/systemd-bootx64.efi";

/// Where Debian's signed GRUB looks.
const CONFIG: (&str, &[u8]) = (
    "EFI/debian/grub.cfg",
    b"set timeout=0\nserial --unit=0\nterminal_output serial console\nmenuentry Debian {\n\
      linux /vmlinuz console=ttyS0 panic=-1 no_timer_check\ninitrd /initrd.img\n}\n",
);

/// A disk whose firmware starts `loader`, which has `next` beside it, and behind them this kernel.
fn disk(kit: &Kit, loader: &str, next: Option<&str>, kernel: &[u8]) -> Boot {
    let read = |path: &str| fs::read(kit.debian().path(path)).expect("a package has it");
    let initramfs = archive(&[
        ("init", 0o755, b"#!/bin/sh\necho userspace is up\nbusybox poweroff -f\n"),
        ("bin/busybox", 0o755, &kit.busybox),
        ("bin/sh", 0o777, b"->busybox"),
    ]);
    let (loader, next) = (read(loader), next.map(read));
    let mut files: Vec<(&str, &[u8])> = vec![
        ("EFI/BOOT/BOOTX64.EFI", &loader),
        CONFIG,
        ("vmlinuz", kernel),
        ("initrd.img", &initramfs),
    ];
    files.extend(next.as_deref().map(|bytes| ("EFI/BOOT/grubx64.efi", bytes)));
    Boot::Whole(Whole { disk: with_esp(&files), memory: 512, is_secure: true })
}

/// A disk that is one ESP with these files.
pub(super) fn with_esp(files: &[(&str, &[u8])]) -> Vec<u8> {
    let folder = scratch();
    let (esp, disk) = (folder.path().join("esp"), folder.path().join("disk"));
    fat(&esp, files);
    assemble(&disk, &[("ef00", &esp)]);
    fs::read(disk).expect("written")
}

/// A disk with systemd-boot, and an entry that names a kernel and an initramfs, of which some are there.
fn systemd_boot(kit: &Kit, there: &[(&str, &[u8])]) -> Boot {
    let loader = fs::read(kit.debian().path(SYSTEMD_BOOT)).expect("a package has it");
    let entry =
        b"title Debian\nlinux /vmlinuz\ninitrd /initrd.img\noptions console=ttyS0 panic=-1\n";
    let files: [(&str, &[u8]); 2] =
        [("EFI/BOOT/BOOTX64.EFI", &loader), ("loader/entries/debian.conf", entry)];
    let disk = with_esp(&[&files, there].concat());
    Boot::Whole(Whole { disk, memory: 512, is_secure: false })
}

/// A disk as Fedora has it, whose entries `blscfg` shows, with a GRUB that lacks that command: Debian's.
fn with_blscfg(kit: &Kit) -> Boot {
    let grub = fs::read(kit.debian().path(GRUB)).expect("a package has it");
    let entry = b"title Fedora Linux\nlinux /vmlinuz\ninitrd /initrd.img\noptions console=ttyS0\n";
    let initramfs = archive(&[("init", 0o755, &kit.busybox)]);
    let disk = with_esp(&[
        ("EFI/BOOT/BOOTX64.EFI", &grub),
        ("EFI/debian/grub.cfg", b"set prefix=($root)/grub2\nconfigfile $prefix/grub.cfg\n"),
        ("grub2/grub.cfg", b"serial --unit=0\nterminal_output serial console\nblscfg\n"),
        ("loader/entries/fedora.conf", entry),
        ("vmlinuz", &kernel(kit)),
        ("initrd.img", &initramfs),
    ]);
    Boot::Whole(Whole { disk, memory: 512, is_secure: false })
}

fn kernel(kit: &Kit) -> Vec<u8> {
    kit.debian().kernel()
}

/// The kernel without its signature: the fifth data directory of a PE32+ header, and what it leads to.
fn unsigned(mut kernel: Vec<u8>) -> Vec<u8> {
    let field =
        |at: usize| u32::from_le_bytes(kernel[at..at + 4].try_into().expect("four")) as usize;
    let directory = field(0x3c) + 24 + 112 + 4 * 8;
    let certificates = field(directory);
    assert!(certificates > 0, "Debian signs its kernels");
    kernel[directory..directory + 8].fill(0);
    kernel.truncate(certificates);
    kernel
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("loader not signed", "secure-boot-denied", |kit| {
        disk(kit, SYSTEMD_BOOT, None, &kernel(kit))
    }),
    fails("shim alone", "shim-loader-missing", |kit| disk(kit, SHIM, None, &kernel(kit))),
    fails("shim before what is not signed", "shim-verification-failed", |kit| {
        disk(kit, SHIM, Some(SYSTEMD_BOOT), &kernel(kit))
    }),
    fails("kernel not signed", "grub-bad-shim-signature", |kit| {
        disk(kit, SHIM, Some(GRUB), &unsigned(kernel(kit)))
    }),
    fails("entries that GRUB cannot show", "grub-command-missing", with_blscfg),
    fails("systemd-boot without the kernel", "bootloader-kernel-not-found", |kit| {
        systemd_boot(kit, &[])
    }),
    fails("systemd-boot without the initramfs", "bootloader-kernel-not-found", |kit| {
        systemd_boot(kit, &[("vmlinuz", &kernel(kit))])
    }),
];

/// The same disk with nothing wrong.
pub(crate) fn sound(kit: &Kit) -> Boot {
    disk(kit, SHIM, Some(GRUB), &kernel(kit))
}
