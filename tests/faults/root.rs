//! The root filesystem and `root=`, without an initramfs: an NVMe disk, whose driver is built in.

use std::fs;

use bootwright::bytes::Guid;
use bootwright::fs::ext4;
use bootwright::tree::{Node, Time, Tree, TreePath};
use bootwright::volume::Volume;

use super::{Boot, Direct, Ends, Fault, Kit, tree};
use crate::workbench::demo;

const fn fails(name: &'static str, lint: &'static str, boot: fn(&Kit) -> Boot) -> Fault {
    Fault { name, lint, boot, ends: Ends::Fails }
}

const DISK: &str = "root=/dev/nvme0n1";

/// A disk that is one ext4 of these files.
pub(super) fn ext4(files: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let mut tree = tree(files);
    for folder in ["dev", "proc", "sys"] {
        let path = TreePath::new(folder.as_bytes()).expect("good");
        tree.insert(path, Node::directory(0o755, Time::EPOCH)).expect("free");
    }
    written(&tree)
}

fn written(tree: &Tree) -> Vec<u8> {
    let options = ext4::Options::new(Guid::new(5), Guid::new(6), Time::EPOCH);
    let plan = ext4::plan(tree, &options).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(plan.size()).expect("extended");
    let volume = Volume::new(&file, 0, plan.size());
    plan.write(&volume).expect("written");
    let mut bytes = vec![0; plan.size() as usize];
    volume.read_exact_at(&mut bytes, 0).expect("readable");
    bytes
}

fn sound(kit: &Kit) -> Vec<u8> {
    ext4(&[("sbin/init", 0o755, &kit.busybox)])
}

fn with(mut disk: Vec<u8>, at: usize, bytes: &[u8]) -> Boot {
    disk[at..at + bytes.len()].copy_from_slice(bytes);
    Direct::root(Some(disk), DISK)
}

fn on_demo(line: &str) -> Boot {
    Direct::root(Some(fs::read(demo()).expect("built")), line)
}

/// The demo with some of its sectors empty.
fn without_sectors(sectors: &[usize]) -> Boot {
    let mut disk = fs::read(demo()).expect("built");
    for sector in sectors {
        let at = sector * SECTOR;
        disk[at..at + SECTOR].fill(0);
    }
    Direct::root(Some(disk), "root=/dev/nvme0n1p2")
}

const SECTOR: usize = 512;

fn init(mode: u16, init: &[u8], line: &str) -> Boot {
    Direct::root(Some(ext4(&[("opt/app", mode, init)])), &format!("{DISK} init=/opt/app {line}"))
}

pub(crate) const FAULTS: &[Fault] = &[
    fails("neither initramfs nor root=", "no-initramfs-no-root", |_| Direct::root(None, "quiet")),
    fails("UUID without initramfs", "root-uuid-needs-initramfs", |kit| {
        let line = "root=UUID=00000000-0000-0000-0000-000000000005";
        Direct::root(Some(sound(kit)), line)
    }),
    fails("a volume group without initramfs", "root-uuid-needs-initramfs", |kit| {
        Direct::root(Some(sound(kit)), "root=/dev/mapper/vg-root")
    }),
    fails("no driver for the disk", "no-initramfs-driver-module", |_| {
        Direct::root(None, "root=/dev/vda1")
    }),
    fails("PARTUUID with a tail", "root-partuuid-invalid", |_| {
        on_demo("root=PARTUUID=00000000-1111-2222-3333-444444444444/x")
    }),
    fails("PARTUUID of nobody", "root-partuuid-not-found", |_| {
        on_demo("root=PARTUUID=00000000-1111-2222-3333-444444444444")
    }),
    fails("number of no partition", "root-partition-missing", |_| on_demo("root=/dev/nvme0n1p9")),
    fails("the whole disk", "root-is-whole-disk", |_| on_demo(DISK)),
    fails("ram disk without driver", "root-ram-no-brd", |_| Direct::root(None, "root=/dev/ram0")),
    fails("name without its slash", "root-name-typo", |kit| {
        Direct::root(Some(sound(kit)), "root=dev/nvme0n1")
    }),
    fails("half of the disk", "disk-image-truncated", |_| {
        let mut disk = fs::read(demo()).expect("built");
        disk.truncate(24 << 20);
        Direct::root(Some(disk), "root=/dev/nvme0n1p2")
    }),
    Fault {
        name: "root without folders to mount on",
        lint: "rootfs-no-dev",
        boot: |kit| {
            let disk = written(&tree(&[
                ("sbin/init", 0o755, b"#!/bin/sh\nbusybox poweroff -f\n"),
                ("bin/busybox", 0o755, &kit.busybox),
                ("bin/sh", 0o777, b"->busybox"),
            ]));
            Direct::root(Some(disk), DISK)
        },
        ends: Ends::Boots,
    },
    fails("no protective MBR", "gpt-no-protective-mbr", |_| without_sectors(&[0])),
    fails("primary GPT damaged", "gpt-primary-corrupt", |_| without_sectors(&[1])),
    fails("no partition table", "gpt-corrupt", |_| {
        let last = fs::metadata(demo()).expect("built").len() as usize / SECTOR - 1;
        without_sectors(&[1, last])
    }),
    fails("waiting without end", "rootwait-forever", |_| on_demo("root=/dev/nvme0n1p9 rootwait")),
    fails("nothing on the disk", "root-unformatted", |_| {
        let mut disk = fs::read(demo()).expect("built");
        disk[16 << 20..17 << 20].fill(0);
        Direct::root(Some(disk), "root=/dev/nvme0n1p2")
    }),
    fails("another filesystem than said", "rootfstype-wrong", |kit| {
        Direct::root(Some(sound(kit)), &format!("{DISK} rootfstype=squashfs"))
    }),
    fails("filesystem without driver", "root-fs-driver-missing", |_| {
        let mut squashfs = vec![0; 1 << 20];
        squashfs[..4].copy_from_slice(b"hsqs");
        Direct::root(Some(squashfs), DISK)
    }),
    fails("unknown option", "rootflags-invalid", |kit| {
        Direct::root(Some(sound(kit)), &format!("{DISK} rootfstype=ext4 rootflags=nosuchopt"))
    }),
    // The first byte of the superblock's time of writing: its checksum no longer fits.
    fails("superblock damaged", "ext4-corrupt", |kit| with(sound(kit), 1024 + 0x30, &[1, 2, 3])),
    fails("unknown feature", "ext4-unsupported-feature", |kit| {
        let mut disk = sound(kit);
        let superblock = &mut disk[1024..2048];
        superblock[0x60 + 3] |= 0x40;
        let sum = !crc32c::crc32c(&superblock[..1020]);
        superblock[1020..].copy_from_slice(&sum.to_le_bytes());
        Direct::root(Some(disk), DISK)
    }),
    fails("larger than its disk", "rootfs-larger-than-partition", |kit| {
        let mut disk = sound(kit);
        disk.truncate(disk.len() / 2 / 4096 * 4096);
        Direct::root(Some(disk), DISK)
    }),
    fails("root without init", "rootfs-no-init", |_| {
        Direct::root(Some(ext4(&[("etc/x", 0o644, b"x")])), DISK)
    }),
    fails("init= names nothing", "init-param-missing", |kit| {
        Direct::root(Some(sound(kit)), &format!("{DISK} init=/opt/app"))
    }),
    fails("init= is not executable", "init-param-not-executable", |kit| {
        init(0o644, &kit.busybox, "")
    }),
    fails("init= without its shell", "rootfs-init-broken", |_| init(0o755, b"#!/bin/bash\n", "")),
];
