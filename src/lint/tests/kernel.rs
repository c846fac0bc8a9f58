//! Kernels that lack what a boot needs, and what early userspace does with the command line.

use super::disk::Parts;
use super::early::{LINE, plain};
use super::modules::{errors, with_modules};
use super::*;
use crate::elf::tests::image;
use crate::kernel::bzimage::tests::{kernel as bytes, kernel_of};

#[test]
fn a_payload_that_cannot_be_unpacked_is_named() {
    let mut damaged = bytes();
    // The payload starts behind the setup.
    damaged[2560..2564].copy_from_slice(&[0x28, 0xb5, 0x2f, 0xfd]);
    let kernel = Some(Kernel::new("vmlinuz", damaged, None));
    assert_eq!(ids(&Subject { kernel, ..Subject::default() }), ["kernel-payload-corrupt"]);
}

#[test]
fn a_machine_without_room_for_the_kernel_is_named_by_that_alone() {
    let with = |memory: u64, cmdline: &str| {
        let mut subject = early(&plain(&tree(&[("init", 0o755, &program())])), cmdline);
        let mut kernel = bytes();
        kernel[0x260..0x264].copy_from_slice(&(52u32 << 20).to_le_bytes());
        subject.kernel = Some(Kernel::new("vmlinuz", kernel, None));
        subject.memory = Some(memory << 20);
        ids(&subject)
    };
    assert_eq!(with(64, LINE), ["guest-ram-too-small"]);
    assert_eq!(with(128, LINE), [""; 0]);
}

#[test]
fn options_that_our_init_needs_are_named() {
    let with = |text: &str| {
        let mut subject = with_modules(&[]);
        subject.kernel = Some(kernel(text));
        ids(&subject)
    };
    let found = with(
        "CONFIG_VIRTIO_BLK=y\nCONFIG_EXT4_FS=y\nCONFIG_BLK_DEV_INITRD=y\n\
        CONFIG_SERIAL_8250_CONSOLE=y\nCONFIG_BINFMT_ELF=y\n",
    );
    let missing = ["kernel-no-devtmpfs"].into_iter().chain(["init-kernel-feature-missing"; 3]);
    assert!(found.iter().copied().take(4).eq(missing), "{found:?}");
    assert!(found[4..].iter().all(|id| *id == "kernel-lacks-option"), "{found:?}");
    assert!(found.len() > 4);
}

#[test]
fn what_dracut_does_not_understand_is_named() {
    let line = |root: &str| {
        let files = [
            ("init", 0o755, &program()[..]),
            ("usr/lib/dracut/hooks/x", 0o644, b""),
            ("sbin/modprobe", 0o755, &program()),
        ];
        let mut subject = early(&plain(&tree(&files)), &format!("console=ttyS0 {root}"));
        subject.image = Parts::sound().subject().image;
        ids(&subject)
    };
    assert_eq!(line(""), ["dracut-root-arg-missing"]);
    assert_eq!(line("root=vda2"), ["dracut-root-arg-unknown"]);
    let other = "UUID=00000000-1111-2222-3333-444444444444";
    assert_eq!(line(&format!("root={other}")), ["dracut-root-timeout"]);
    assert_eq!(line("root=/dev/mapper/vg-root"), ["lvm-vg-not-found"]);
    assert_eq!(line("root=UUID=00000000-0000-0000-0000-000000000005"), [""; 0]);
}

/// A kernel without initramfs beside a disk.
fn alone(line: &str) -> Vec<&'static str> {
    errors(&beside(line))
}

fn beside(line: &str) -> Subject {
    let image = Parts::sound().subject().image;
    Subject {
        initramfs: Given::Absent,
        cmdline: Some(format!("console=ttyS0 {line}")),
        image,
        ..Subject::default()
    }
}

/// The kernel of another release, of which nothing else is known.
fn of_release(release: &str) -> Option<Kernel> {
    Some(Kernel::new("vmlinuz", kernel_of(release), None))
}

#[test]
fn waiting_for_what_never_comes_is_named() {
    assert_eq!(alone("root=/dev/vda2 rootwait"), [""; 0]);
    assert_eq!(alone("root=/dev/vda9 rootwait"), ["rootwait-forever"]);
    assert_eq!(alone("root=/dev/vda9 rootwait=3"), ["rootwait-timeout"]);
    // Another disk may have it.
    assert_eq!(alone("root=/dev/vdb9 rootwait"), [""; 0]);
    // An older kernel knows no limit, and does not wait.
    let with = |kernel| errors(&Subject { kernel, ..beside("root=/dev/vda9 rootwait=3") });
    assert_eq!(with(of_release("6.6.1")), ["rootwait-timeout"]);
    assert_eq!(with(of_release("6.1.0-18-amd64")), ["root-partition-missing"]);
}

#[test]
fn programs_that_run_and_then_fail_are_named() {
    let mut old = image(2, 0, &[(1, 1, b"\x90", 0)], &[]);
    (old[4], old[18]) = (1, 3);
    let mut subject = early(&plain(&tree(&[("init", 0o755, &old)])), LINE);
    assert_eq!(ids(&subject), [""; 0]);
    subject.cmdline = Some(format!("{LINE} ia32_emulation=0"));
    assert_eq!(ids(&subject), ["init-32bit-no-ia32"]);
    // An older kernel does not know the argument.
    subject.kernel = of_release("6.1.0-18-amd64");
    assert!(!ids(&subject).contains(&"init-32bit-no-ia32"));

    let script = |uid: u32, mode: u16| {
        let mut files = tree(&[("init", 0o755, b"#!/bin/sh\n"), ("bin/sh", mode, &program())]);
        let path = TreePath::new(b"bin/sh").expect("good");
        files.get_mut(&path).expect("there").metadata.uid = uid;
        ids(&early(&plain(&files), LINE))
    };
    assert_eq!(script(1000, 0o4755), ["busybox-setuid-wrong-owner"]);
    assert_eq!(script(0, 0o4755), [""; 0]);
    assert_eq!(script(1000, 0o755), [""; 0]);

    let console = tree(&[("init", 0o755, &program()), ("dev/console", 0o600, b"")]);
    assert_eq!(ids(&early(&plain(&console), LINE)), ["no-dev-console"]);
}

#[test]
fn modules_that_modprobe_does_not_find_are_named() {
    let module = image(1, 0, &[], &[(".modinfo", b"name=x\0vermagic=6.1 SMP\0")]);
    let found = |more: Option<&str>| {
        let mut files = vec![
            ("init", 0o755, &b"#!/bin/sh\nmodprobe virtio_blk\n"[..]),
            ("bin/sh", 0o755, &b"#!/bin/sh\n"[..]),
            ("lib/modules/6.1/x.ko", 0o644, &module),
        ];
        let shell = program();
        files[1].2 = &shell;
        files.extend(more.map(|path| (path, 0o644, &b""[..])));
        ids(&early(&plain(&tree(&files)), LINE))
    };
    assert_eq!(found(None), ["modules-dir-missing"]);
    assert_eq!(found(Some("lib/modules/6.1/modules.dep")), [""; 0]);
}

#[test]
fn a_partition_of_an_mbr_is_found_by_the_disks_signature() {
    let mut disk = vec![0; 4 << 20];
    disk[0x1b8..0x1bc].copy_from_slice(&0xdead_beefu32.to_le_bytes());
    // One record: type 0x83, from block 2048 on, 2048 blocks.
    disk[446 + 4] = 0x83;
    disk[446 + 8..446 + 16].copy_from_slice(&[0, 8, 0, 0, 0, 8, 0, 0]);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let found = |id: &str| {
        let root = format!("console=ttyS0 root=PARTUUID={id}");
        let image = super::disk::subject(disk.clone()).image;
        let subject =
            Subject { initramfs: Given::Absent, cmdline: Some(root), image, ..Subject::default() };
        let report = report(&subject);
        report.findings.first().map(|found| (found.id, found.saw.clone()))
    };
    assert_eq!(found("deadbeef-01"), None);
    let (id, saw) = found("deadbeef-02").expect("it is not there");
    assert_eq!(id, "root-partuuid-not-found");
    assert!(saw.ends_with("which has deadbeef-01"), "{saw}");
}
