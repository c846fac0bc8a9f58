//! Debian's own initramfs, by both of its makers, and a root that systemd starts: each with one thing wrong.
//! Only the long tests have them.

use std::fs;

use super::root::ext4;
use super::{Boot, Direct, Ends, Fault, Kit, LINE};
use crate::debian::Maker;
use crate::workbench::{bootwright, scratch, text};

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

const TOOLS: Maker = Maker::InitramfsTools("zstd");
const DRACUT: Maker = Maker::Dracut;
const PLAIN_DRACUT: Maker = Maker::PlainDracut;

/// Of no filesystem.
const NOBODY: &str = "root=UUID=00000000-1111-2222-3333-444444444444";
const DISK: &str = "root=/dev/nvme0n1";

/// How dracut ends where nobody is there to answer its shell, and how long it waits.
const ENDS: &str = "rd.shell=0 rd.emergency=poweroff rd.retry=5";

/// A boot of an initramfs of Debian's.
fn early(kit: &Kit, maker: Maker, disk: Vec<u8>, line: &str) -> Boot {
    let debian = kit.debian();
    Boot::Direct(Direct {
        kernel: Some(debian.kernel()),
        initramfs: Some(fs::read(debian.initramfs(maker)).expect("made")),
        cmdline: format!("{LINE} {line} {ENDS}"),
        disk: Some(disk),
        memory: 768,
    })
}

/// A disk that is one ext4, without anything to start.
fn empty() -> Vec<u8> {
    ext4(&[("etc/hostname", 0o644, b"nobody\n")])
}

/// The same, damaged: the superblock's checksum no longer fits.
fn damaged() -> Vec<u8> {
    let mut disk = empty();
    disk[1024 + 0x30] ^= 0xff;
    disk
}

/// A disk that is encrypted, as cryptsetup writes it.
fn encrypted(kit: &Kit) -> Vec<u8> {
    let debian = kit.debian();
    debian.inside(
        "truncate -s 32M /var/tmp/luks\n\
         echo secret | cryptsetup luksFormat --batch-mode --pbkdf pbkdf2 --iter-time 10 /var/tmp/luks -",
    );
    fs::read(debian.path("var/tmp/luks")).expect("written")
}

/// Debian's root, changed by these flags of `tree convert`, started by the kernel itself.
fn system(kit: &Kit, changes: &[&str]) -> Boot {
    let folder = scratch();
    let disk = folder.path().join("root.ext4");
    let root = kit.debian().path("");
    let left_out =
        ["boot", "lib/modules/*", "usr/lib/modules/*", "usr/lib/grub", "usr/share/*", "var/tmp/*"];
    bootwright(&["tree", "convert", text(&root), text(&disk), "--size", "auto+32M"])
        .args(left_out.iter().flat_map(|what| ["--exclude", what]))
        .args(changes)
        .run()
        .expect("written");
    let disk = fs::read(disk).expect("there");
    Direct::root(Some(disk), &format!("{DISK} rw")).with(|direct| {
        direct.kernel = Some(kit.debian().kernel());
        direct.memory = 768;
    })
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("initramfs-tools without root=", "initramfs-root-arg-missing", |kit| {
        early(kit, TOOLS, empty(), "ro")
    }),
    fails("initramfs-tools, root= of nobody", "initramfs-root-not-found", |kit| {
        early(kit, TOOLS, empty(), NOBODY)
    }),
    fails("initramfs-tools, root damaged", "ext4-corrupt", |kit| {
        early(kit, TOOLS, damaged(), DISK)
    }),
    fails("initramfs-tools, root encrypted", "root-is-encrypted", |kit| {
        early(kit, TOOLS, encrypted(kit), DISK)
    }),
    fails("initramfs-tools, no volume group", "lvm-vg-not-found", |kit| {
        early(kit, TOOLS, empty(), "root=/dev/mapper/vg-root")
    }),
    fails("initramfs-tools, root without init", "rootfs-no-init", |kit| {
        early(kit, TOOLS, empty(), DISK)
    }),
    fails("dracut without root=", "dracut-root-arg-missing", |kit| {
        early(kit, DRACUT, empty(), "ro")
    }),
    fails("dracut without systemd and root=", "dracut-root-arg-missing", |kit| {
        early(kit, PLAIN_DRACUT, empty(), "ro")
    }),
    fails("dracut, root= of no kind", "dracut-root-arg-unknown", |kit| {
        early(kit, DRACUT, empty(), "root=sda1")
    }),
    fails("dracut, root= of nobody", "dracut-root-timeout", |kit| {
        early(kit, DRACUT, empty(), NOBODY)
    }),
    fails("dracut without systemd, root= of nobody", "dracut-root-timeout", |kit| {
        early(kit, PLAIN_DRACUT, empty(), NOBODY)
    }),
    fails("dracut, root damaged", "ext4-corrupt", |kit| early(kit, DRACUT, damaged(), DISK)),
    fails("dracut, root without init", "rootfs-no-init", |kit| early(kit, DRACUT, empty(), DISK)),
    fails("UUID, and the initramfs forgotten", "root-uuid-needs-initramfs", |kit| {
        early(kit, TOOLS, empty(), NOBODY).with(|direct| direct.initramfs = None)
    }),
    fails("systemd without default.target", "systemd-no-default-target", |kit| {
        system(kit, &["--remove", "/usr/lib/systemd/system/default.target"])
    }),
    Fault {
        name: "fstab names a device that is not there",
        lint: "fstab-device-missing",
        boot: |kit| {
            let line = "UUID=00000000-1111-2222-3333-444444444444 /srv ext4 x-systemd.device-timeout=5s 0 0";
            system(kit, &["--write", &format!("/etc/fstab:{line}\n"), "--mkdir", "/srv"])
        },
        ends: Ends::Warned,
    },
    fails("fstab has another type than the disk", "fstab-type-wrong", |kit| {
        system(
            kit,
            &["--write", "/etc/fstab:/dev/nvme0n1 /mnt vfat defaults 0 0\n", "--mkdir", "/mnt"],
        )
    }),
];
