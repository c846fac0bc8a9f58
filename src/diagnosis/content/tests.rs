//! Labelled logs that several causes explain, each with a content that has one of them.

use std::path::Path;

use super::*;
use crate::bytes::Guid;
use crate::compress::gzip;
use crate::diagnosis::explain_reader;
use crate::image::Image;
use crate::initramfs::newc;
use crate::lint::tests::disk::{Parts, root_offset, subject as of_disk};
use crate::lint::tests::{early, kernel, program, tree};
use crate::tree::{Node, Time, Tree, TreePath};
use crate::volume::Window;

fn log(id: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs").join(id);
    let bytes = std::fs::read(path.join("console.log")).expect("sound");
    // The disk of these tests has its root on the second partition, behind the ESP; its kernel is
    // not the one that spoke.
    String::from_utf8_lossy(&bytes).replace("nvme0n1p1", "nvme0n1p2")
}

fn checked(id: &str, subject: Subject) -> Explanation {
    explain_reader(log(id).as_bytes()).expect("sound").checked(subject)
}

/// The ids, with what the content says of each.
fn verdicts(explanation: &Explanation) -> Vec<(&str, Option<Verdict>)> {
    let verdict = |finding: &Finding| finding.content.as_ref().map(|content| content.verdict);
    explanation.findings.iter().map(|finding| (finding.id, verdict(finding))).collect()
}

fn archive(files: &[(&str, u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    newc::write(&tree(files), &mut bytes).expect("sound");
    bytes
}

fn initramfs(files: &[(&str, u16, &[u8])]) -> Subject {
    early(&gzip(6, &archive(files)), "")
}

/// Logs of the corpus whose words several causes share, and an initramfs with the labelled fault.
#[test]
fn the_initramfs_decides_between_causes_with_the_same_words() {
    let good = program();
    let sound = archive(&[("init", 0o755, &good)]);
    type Case<'a> = (&'a str, Subject, &'a str);
    let cases: Vec<Case<'_>> = vec![
        ("init-absent@6.1", initramfs(&[("etc/x", 0o644, b"x")]), "initramfs-no-init"),
        ("init-nested", initramfs(&[("tree/init", 0o755, &good)]), "initramfs-nested-dir"),
        (
            "init-dangling-symlink",
            initramfs(&[("init", 0o777, b"->bin/gone")]),
            "init-dangling-symlink",
        ),
        (
            "unpack-microcode-only",
            initramfs(&[("kernel/x86/microcode/GenuineIntel.bin", 0o644, b"x")]),
            "initramfs-microcode-only",
        ),
        ("init-dir", initramfs(&[("init/x", 0o644, b"x")]), "init-is-directory"),
        ("init-noexec@6.1", initramfs(&[("init", 0o644, &good)]), "init-not-executable"),
        ("init-empty", initramfs(&[("init", 0o755, b"")]), "init-empty"),
        (
            "init-script-bom",
            initramfs(&[("init", 0o755, b"\xef\xbb\xbf#!/bin/sh\n"), ("bin/sh", 0o755, &good)]),
            "script-bom",
        ),
        (
            "init-script-no-shebang",
            initramfs(&[("init", 0o755, b"echo\n"), ("bin/sh", 0o755, &good)]),
            "script-no-shebang",
        ),
        (
            "init-script-no-interp@6.1",
            initramfs(&[("init", 0o755, b"#!/bin/sh\n")]),
            "script-interpreter-missing",
        ),
        ("unpack-binfmt", early(&gzip(6, &[0xc7, 0x71, 1, 2, 3, 4]), ""), "cpio-bin-format"),
        (
            "unpack-misaligned-concat",
            early(&[&[0, 0][..], &sound].concat(), ""),
            "concat-misaligned",
        ),
    ];
    for (id, subject, cause) in cases {
        let found = checked(id, subject);
        assert_eq!(verdicts(&found), [(cause, Some(Verdict::Proved))], "{id}\n{found}");
        assert!(found.notes.is_empty(), "{id}: {:?}", found.notes);
    }
}

fn on_disk(disk: Vec<u8>) -> Subject {
    let image = Image::from_window(Path::new("disk.img"), Window::from(disk)).expect("sound");
    Subject { image: Some(image), ..Subject::default() }
}

/// Without the first copy of the partition table, or without the record that tells of it.
#[test]
fn the_disk_decides_between_causes_with_the_same_words() {
    let disk = Parts::sound().disk();
    let root = root_offset(&disk);
    let with = |at: usize, bytes: &[u8]| {
        let mut disk = disk.clone();
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        on_disk(disk)
    };
    let mut both = disk.clone();
    let end = both.len() - 512;
    both[512..1024].fill(0);
    both[end..].fill(0);
    for (id, subject, cause) in [
        ("gpt-no-pmbr@6.1", with(0, &[0; 512]), "gpt-no-protective-mbr"),
        ("gpt-primary-corrupt@6.1", with(512, &[0; 512]), "gpt-primary-corrupt"),
        ("gpt-primary-corrupt@6.1", on_disk(both), "gpt-corrupt"),
        ("root-unformatted@6.1", with(root, &[0; 4096]), "root-unformatted"),
    ] {
        let found = checked(id, subject);
        assert_eq!(verdicts(&found), [(cause, Some(Verdict::Proved))], "{id}\n{found}");
    }
}

fn root_with(files: &[(&str, u16, &[u8])]) -> Subject {
    let mut parts = Parts::sound();
    parts.root = tree(files);
    folders(&mut parts.root);
    on_disk(parts.disk())
}

fn folders(tree: &mut Tree) {
    for folder in ["dev", "proc", "sys"] {
        let path = TreePath::new(folder.as_bytes()).expect("sound");
        tree.insert(path, Node::directory(0o755, Time::EPOCH)).expect("sound");
    }
}

#[test]
fn the_root_filesystem_decides_between_causes_with_the_same_words() {
    const LD: &[u8] = b"/lib64/ld-linux-x86-64.so.2\0";
    let dynamic = crate::elf::tests::image(3, 0, &[(1, 1, b"\x90", 0), (3, 0, LD, 0)], &[]);
    let none = || root_with(&[("etc/hostname", 0o644, b"x")]);
    for (id, subject, cause) in [
        (
            "root-init-dynamic-no-ld@6.1",
            root_with(&[("sbin/init", 0o755, &dynamic)]),
            "elf-interpreter-missing",
        ),
        ("root-no-init@6.1", none(), "rootfs-no-init"),
        ("sd-init-missing", none(), "rootfs-no-init"),
    ] {
        let found = checked(id, subject);
        assert_eq!(verdicts(&found), [(cause, Some(Verdict::Proved))], "{id}\n{found}");
    }
}

#[test]
fn the_esp_decides_what_firmware_could_not_start() {
    let loader = |bytes: Vec<u8>, path| {
        let mut parts = Parts::sound();
        (parts.loader, parts.loader_path) = (Some(bytes), path);
        of_disk(parts.disk())
    };
    let path = "EFI/BOOT/BOOTX64.EFI";
    for (id, subject, cause) in [
        ("uefi-loader-empty", loader(Vec::new(), path), "uefi-loader-empty"),
        ("uefi-loader-garbage", loader(program(), path), "uefi-loader-not-pe"),
        (
            "uefi-vendor-path-only",
            loader(program(), "EFI/debian/grubx64.efi"),
            "uefi-loader-in-vendor-dir",
        ),
    ] {
        let found = checked(id, subject);
        assert_eq!(verdicts(&found), [(cause, Some(Verdict::Proved))], "{id}\n{found}");
    }
}

#[test]
fn a_kernel_that_says_nothing_is_told_from_a_console_that_is_missing() {
    let line = "console=ttyS0,115200n8 panic=-1";
    let given = |config: &str, files: &[(&str, u16, &[u8])]| {
        let mut subject = early(&gzip(6, &archive(files)), line);
        subject.kernel = Some(kernel(config));
        subject
    };
    let init: &[(&str, u16, &[u8])] = &[("init", 0o755, &program())];
    let broken = "CONFIG_BLK_DEV_INITRD=y\nCONFIG_RD_GZIP=y\nCONFIG_BINFMT_ELF=y\n";
    let serial = &format!("CONFIG_SERIAL_8250_CONSOLE=y\n{broken}");
    let mut corrupt = given(serial, init);
    corrupt.kernel.as_mut().expect("sound").payload = Some("it is no ELF file".into());
    for (id, subject, verdict) in [
        (
            "tiny-no-serial-console",
            given(broken, init),
            ("kernel-no-serial-console", Verdict::Proved),
        ),
        ("qemu-kernel-corrupt-silent", corrupt, ("kernel-payload-corrupt", Verdict::Proved)),
        // What `quiet loglevel=0` hides can only be supposed.
        ("quiet-panic", given(serial, &[("x", 0o644, b"")]), ("initramfs-no-init", Verdict::Fits)),
    ] {
        let found = checked(id, subject);
        assert_eq!(verdicts(&found)[0], (verdict.0, Some(verdict.1)), "{id}\n{found}");
    }
}

#[test]
fn a_content_without_the_fault_is_not_hidden() {
    let sound = initramfs(&[("init", 0o755, &program())]);
    let found = checked("init-noexec@6.1", sound);
    assert_eq!(verdicts(&found), [("init-not-executable", Some(Verdict::Refuted))], "{found}");
    assert!(found.to_string().contains("has no such fault"), "{found}");
}

#[test]
fn the_content_of_another_boot_is_not_compared() {
    let mut other = initramfs(&[("etc/x", 0o644, b"x")]);
    other.kernel = Some(kernel(""));
    let found = checked("init-noexec@6.1", other);
    assert_eq!(found.findings[0].content, None);
    assert!(found.notes[0].starts_with("The log is of Linux 6.1.0-"), "{:?}", found.notes);
}

#[test]
fn a_healthy_boot_stays_healthy_whatever_the_content() {
    let found = checked("it-healthy", initramfs(&[("etc/x", 0o644, b"x")]));
    assert_eq!((found.outcome, found.findings.len()), (Outcome::Booted, 0));
}

#[test]
fn a_fault_that_the_boot_did_not_come_to_is_told_beside() {
    let mut parts = Parts::sound();
    parts.root.remove(&TreePath::new(b"sbin").expect("sound"));
    let subject = of_disk(parts.disk());
    let root = Guid::new(9);
    let text = format!(
        "[    0.000000] Command line: root=PARTUUID={root} console=ttyS0\n\
         [    1.0] Run /init as init process\nhandoff: 1 abc init-alive\n\
         handoff: 1 abc failed step=root-wait errno=ENOENT number=2\n"
    );
    let found = explain_reader(text.as_bytes()).expect("sound").checked(subject);
    let expected = [("initramfs-root-not-found", Some(Verdict::Proved))];
    assert_eq!(verdicts(&found), expected, "{found}");
    assert!(found.to_string().contains("booted:\n  kernel command line: root="), "{found}");
}
