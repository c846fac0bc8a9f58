//! What firmware starts: damaged tables and programs, Secure Boot, shim, unified kernel images.

use super::disk::{Parts, ROOT, found, subject};
use super::early::plain;
use super::*;

use crate::grub::embedded::tests::{core_image, module, prefix};

/// An EFI program with these sections.
fn program(sections: &[(&str, &[u8])]) -> Vec<u8> {
    const PE: usize = 64;
    const OPTIONAL: usize = PE + 24;
    const TABLE: usize = OPTIONAL + 240;
    let mut file = vec![0; 1024];
    let word = |value: u32| value.to_le_bytes();
    let mut address = 0x1000u32;
    for (row, (name, content)) in sections.iter().enumerate() {
        let at = TABLE + row * 40;
        file[at..at + name.len()].copy_from_slice(name.as_bytes());
        let (offset, len) = (file.len() as u32, content.len() as u32);
        file[at + 8..at + 24].copy_from_slice(&[len, address, len, offset].map(word).concat());
        file.extend_from_slice(content);
        address += len.next_multiple_of(0x1000);
    }
    let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(60, &[PE as u8]);
    put(PE, &[b"PE\0\0\x64\x86", &[sections.len() as u8][..]].concat());
    put(PE + 20, &[240, 0, 0x0e, 0x02]);
    put(OPTIONAL, &[0x0b, 0x02]);
    put(OPTIONAL + 16, &word(0x1000));
    put(OPTIONAL + 56, &word(address));
    put(OPTIONAL + 60, &word(1024));
    put(OPTIONAL + 68, &[10]);
    put(OPTIONAL + 108, &word(16));
    file
}

/// The same with a signature, which nobody verifies.
fn signed(mut program: Vec<u8>) -> Vec<u8> {
    let at = program.len() as u32;
    program.extend([0; 16]);
    program[88 + 144..88 + 152].copy_from_slice(&[at.to_le_bytes(), 16u32.to_le_bytes()].concat());
    program
}

fn shim() -> Vec<u8> {
    let sbat: &[u8] = b"sbat,1,SBAT Version,sbat,1,x\nshim,3,UEFI shim,shim,1,x\n";
    signed(program(&[(".text", b"\x90"), (".sbat", sbat)]))
}

/// A GRUB as signed ones are: what it reads is beyond what is looked at.
fn grub() -> Vec<u8> {
    core_image(&[
        module("normal"),
        module("part_gpt"),
        module("fat"),
        module("linux"),
        prefix("/EFI/BOOT"),
    ])
}

#[test]
fn a_loader_whose_headers_contradict_each_other_is_named() {
    let damaged = found(|parts| {
        let mut loader = grub();
        loader[104..108].copy_from_slice(&[0xff, 0xff, 0xff, 0]);
        parts.loader = Some(loader);
    });
    assert_eq!(damaged, ["uefi-loader-damaged"]);
}

#[test]
fn what_secure_boot_does_not_start_is_named() {
    let found = |loader: Vec<u8>, next: Option<Vec<u8>>, kernel_is_signed: bool| {
        let mut parts = Parts::sound();
        parts.loader = Some(loader);
        parts.esp.extend(next.map(|next| ("EFI/BOOT/grubx64.efi", next)));
        if !kernel_is_signed {
            parts.esp[0].1[0x40 + 24 + 144..][..8].fill(0);
        }
        let subject = parts.subject();
        let plain = ids(&subject);
        (plain, ids(&Subject { secure_boot: true, ..subject }))
    };
    let nothing = || vec![""; 0];
    assert_eq!(found(grub(), None, true), (nothing(), vec!["secure-boot-denied"]));
    let alone = found(shim(), None, true);
    assert_eq!(alone, (vec!["shim-loader-missing"], vec!["shim-loader-missing"]));
    assert_eq!(found(shim(), Some(grub()), true), (nothing(), vec!["shim-verification-failed"]));
    assert_eq!(found(shim(), Some(signed(grub())), true), (nothing(), nothing()));
    assert_eq!(
        found(shim(), Some(signed(grub())), false),
        (nothing(), vec!["grub-bad-shim-signature"])
    );
}

/// A disk whose loader is a unified kernel image with this initramfs.
fn unified(initramfs: &[u8], line: &str, path: &'static str) -> Vec<&'static str> {
    found(|parts| {
        let kernel = crate::kernel::bzimage::tests::kernel();
        let sections: [(&str, &[u8]); 4] = [
            (".text", b"\x90"),
            (".cmdline", line.as_bytes()),
            (".linux", &kernel),
            (".initrd", initramfs),
        ];
        let uki = program(&sections);
        parts.config.clear();
        match path {
            "" => parts.loader = Some(uki),
            path => {
                parts.loader = Some(program(&[(".text", b"\x90")]));
                parts.esp = vec![(path, uki)];
            }
        }
    })
}

#[test]
fn a_unified_kernel_image_is_looked_into() {
    let init = [super::program(), b"handoff: ".to_vec()].concat();
    let sound = plain(&tree(&[("init", 0o755, &init)]));
    let bare = plain(&tree(&[("etc/x", 0o644, b"x")]));
    let line = format!("root=PARTUUID={ROOT} console=ttyS0\0");
    for path in ["", "EFI/Linux/one.efi"] {
        assert_eq!(unified(&sound, &line, path), [""; 0]);
        assert_eq!(unified(&bare, "console=ttyS0", path), ["initramfs-no-init"]);
        assert_eq!(unified(&sound, "console=ttyS0", path), ["initramfs-root-arg-missing"]);
    }
}

#[test]
fn machines_with_too_little_memory_are_named() {
    let with = |memory: u64, initramfs: u64| {
        let mut subject = Parts::sound().subject();
        subject.memory = Some(memory << 20);
        if let Given::Here(found) = &mut subject.initramfs {
            found.len += initramfs << 20;
        }
        ids(&subject)
    };
    assert_eq!(with(512, 0), [""; 0]);
    assert!(with(40, 0).contains(&"uefi-ram-too-small"));
    assert!(with(512, 480).contains(&"grub-out-of-memory"));
}

/// A disk whose partition table was changed, with its checksums made right again.
fn with_table(change: impl Fn(&mut [u8])) -> Vec<u8> {
    let mut disk = Parts::sound().disk();
    let len = disk.len();
    change(&mut disk[1024..1024 + 128 * 128]);
    let entries = disk[1024..1024 + 128 * 128].to_vec();
    disk[len - 512 - 128 * 128..len - 512].copy_from_slice(&entries);
    for at in [512, len - 512] {
        let header = &mut disk[at..at + 92];
        header[88..92].copy_from_slice(&crc32fast::hash(&entries).to_le_bytes());
        header[16..20].fill(0);
        let sum = crc32fast::hash(header);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
    }
    disk
}

#[test]
fn a_table_that_firmware_does_not_repair_is_named() {
    let mut disk = Parts::sound().disk();
    disk[512..1024].fill(0);
    // A kernel that is started beside the disk: nobody repaired it before.
    let beside = Subject { esp: Given::Unknown, loader: Given::Unknown, ..subject(disk) };
    assert_eq!(ids(&beside), ["gpt-primary-corrupt"]);
    assert_eq!(ids(&subject(with_table(|_| {}))), [""; 0]);
    let overlapping = with_table(|entries| {
        // The end of the first is that of the second.
        let end = entries[128 + 40..128 + 48].to_vec();
        entries[40..48].copy_from_slice(&end);
    });
    assert_eq!(ids(&subject(overlapping)), ["gpt-overlap"]);
}

#[test]
fn a_loader_whose_ways_are_not_known_is_not_judged() {
    let loader = || program(&[(".text", b"x")]);
    let with = |path: &'static str, more: Option<Vec<u8>>| {
        let mut parts = Parts::sound();
        (parts.config, parts.loader, parts.loader_path) = (String::new(), Some(loader()), path);
        parts.esp =
            more.map(|bytes| ("EFI/Microsoft/Boot/bootmgfw.efi", bytes)).into_iter().collect();
        run(&parts.subject(), &Levels::default())
    };
    let windows = with("EFI/BOOT/BOOTX64.EFI", Some(loader()));
    assert!(windows.findings.is_empty(), "{windows}");
    assert_eq!(
        windows.to_string(),
        "nothing was found up to here: /EFI/BOOT/BOOTX64.EFI is the Boot Manager of Windows, and what it \
         starts was not looked at\n"
    );
    // Another loader beside Windows.
    let other = with("EFI/BOOT/BOOTX64.EFI", Some(program(&[(".text", b"y")])));
    assert!(other.unjudged.is_some_and(|end| end.contains("no loader that is known here")));
    // Where something is wrong, that is the answer.
    let elsewhere = with("EFI/x.bin", Some(loader()));
    assert_eq!(elsewhere.findings[0].id, "uefi-loader-in-vendor-dir");
    assert!(
        elsewhere.findings[0].saw.ends_with("only /EFI/Microsoft/Boot/bootmgfw.efi"),
        "{elsewhere}"
    );
    assert_eq!(elsewhere.unjudged, None);
    assert_eq!(run(&Parts::sound().subject(), &Levels::default()).unjudged, None);
}
