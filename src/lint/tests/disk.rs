//! Whole disks: GPT, ESP with GRUB, kernel and initramfs, ext4 root.

use std::path::Path;

use super::*;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::bytes::Guid;
use crate::grub::embedded::tests::{self as embedded, core_image, module, prefix};
use crate::image::{Image, sample};
use crate::initramfs::pack;
use crate::volume::Window;

pub(super) const ROOT: &str = "00000000-0000-0000-0000-000000000002";

/// What a disk is made of.
pub(crate) struct Parts {
    pub(crate) modules: Vec<&'static str>,
    pub(crate) prefix: &'static str,
    pub(crate) loader: Option<Vec<u8>>,
    pub(crate) loader_path: &'static str,
    pub(crate) config: String,
    pub(crate) esp: Vec<(&'static str, Vec<u8>)>,
    pub(crate) root: Tree,
    pub(crate) esp_type: Guid,
}

impl Parts {
    /// A disk that boots.
    pub(crate) fn sound() -> Self {
        let init = [program(), b"handoff: ".to_vec()].concat();
        let initramfs = pack(&tree(&[("init", 0o755, &init)]), 6).expect("packed");
        let mut root = tree(&[("sbin/init", 0o755, &program())]);
        for folder in ["dev", "proc", "sys"] {
            let path = TreePath::new(folder.as_bytes()).expect("good");
            root.insert(path, Node::directory(0o755, Time::EPOCH)).expect("free");
        }
        Parts {
            modules: vec!["part_gpt", "fat", "normal", "linux", "search", "search_fs_uuid"],
            prefix: "/EFI/BOOT",
            loader: None,
            loader_path: "EFI/BOOT/BOOTX64.EFI",
            config: config(&format!("root=PARTUUID={ROOT} console=ttyS0")),
            esp: vec![
                ("EFI/BOOT/vmlinuz", crate::kernel::bzimage::tests::kernel()),
                ("EFI/BOOT/initramfs.img", initramfs),
            ],
            root,
            esp_type: SD_GPT_ESP,
        }
    }

    pub(crate) fn disk(&self) -> Vec<u8> {
        let mut objects: Vec<_> = self.modules.iter().map(|name| module(name)).collect();
        objects.push(prefix(self.prefix));
        let loader = self.loader.clone().unwrap_or_else(|| core_image(&objects));
        let mut files: Vec<(&str, u16, &[u8])> = vec![(self.loader_path, 0o644, &loader)];
        files.push(("EFI/BOOT/grub.cfg", 0o644, self.config.as_bytes()));
        files.extend(self.esp.iter().map(|(path, bytes)| (*path, 0o644, &bytes[..])));
        let esp = tree(&files);
        sample::disk(&esp, &self.root, self.esp_type)
    }

    pub(super) fn subject(&self) -> Subject {
        subject(self.disk())
    }
}

pub(crate) fn config(arguments: &str) -> String {
    format!(
        "set timeout=0\nmenuentry one {{\n  linux /EFI/BOOT/vmlinuz {arguments}\n  \
         initrd /EFI/BOOT/initramfs.img\n}}\n"
    )
}

pub(crate) fn subject(disk: Vec<u8>) -> Subject {
    let image = Image::from_window(Path::new("disk.img"), Window::from(disk)).expect("readable");
    Subject::of_image(image).expect("raw")
}

/// What is found on a disk with one thing changed.
pub(super) fn found(change: impl Fn(&mut Parts)) -> Vec<&'static str> {
    let mut parts = Parts::sound();
    change(&mut parts);
    ids(&parts.subject())
}

#[test]
fn a_disk_that_boots_is_silent() {
    assert_eq!(found(|_| {}), [""; 0]);
    let searches = "search --no-floppy --fs-uuid --set=root 1234-ABCD\n";
    assert_eq!(found(|parts| parts.config.insert_str(0, searches)), [""; 0]);
    assert_eq!(found(|parts| parts.prefix = "(hd0,gpt1)/EFI/BOOT"), [""; 0]);
}

#[test]
fn a_loader_that_firmware_does_not_start_is_named() {
    let loader = |bytes: Vec<u8>| found(move |parts| parts.loader = Some(bytes.clone()));
    let whole = core_image(&[module("normal"), prefix("/EFI/BOOT")]);
    assert_eq!(loader(Vec::new()), ["uefi-loader-empty"]);
    assert_eq!(loader(program()), ["uefi-loader-not-pe"]);
    assert_eq!(loader(whole[..whole.len() / 2].to_vec()), ["uefi-loader-truncated"]);
    let mut foreign = whole;
    foreign[68..70].copy_from_slice(&[0x64, 0xaa]);
    assert_eq!(loader(foreign), ["uefi-loader-wrong-arch"]);
    let moved = |path| found(move |parts| parts.loader_path = path);
    assert_eq!(moved("EFI/debian/grubx64.efi"), ["uefi-loader-in-vendor-dir"]);
    assert_eq!(moved("EFI/BOOT/x.bin"), ["uefi-no-fallback-loader"]);
    // Nor is there an entry of any menu.
    let bare = |parts: &mut Parts| (parts.loader_path, parts.config) = ("x.bin", String::new());
    assert_eq!(found(bare), ["uefi-no-fallback-loader"]);
    let bare = loader(crate::kernel::bzimage::tests::kernel());
    assert!(bare.contains(&"efistub-no-cmdline"), "{bare:?}");
}

#[test]
fn what_grub_lacks_is_named() {
    let without = |module| found(move |parts| parts.modules.retain(|name| *name != module));
    assert_eq!(without("normal"), ["grub-rescue-no-normal"]);
    assert_eq!(without("fat"), ["grub-unknown-filesystem"]);
    assert_eq!(without("part_gpt"), ["grub-no-such-partition"]);
    assert_eq!(without("linux"), ["grub-command-missing"; 2]);
    assert_eq!(found(|parts| parts.prefix = "/boot/grub"), ["grub-no-config"]);
    assert_eq!(found(|parts| parts.prefix = "(hd0,gpt5)/EFI/BOOT"), ["grub-no-such-partition"]);
}

#[test]
fn a_configuration_that_leads_nowhere_is_named() {
    let replaced = |from: &'static str, to: &'static str| {
        found(move |parts| parts.config = parts.config.replace(from, to))
    };
    assert_eq!(replaced("/EFI/BOOT/vmlinuz", "/vmlinuz"), ["grub-kernel-not-found"]);
    assert_eq!(replaced("/EFI/BOOT/initramfs.img", "/initrd.img"), ["grub-initrd-not-found"]);
    assert_eq!(replaced("\n}", "\n"), ["grub-syntax-error"]);
    assert_eq!(replaced("set timeout=0", "set timeout=-1"), ["grub-menu-waiting"]);
    assert_eq!(replaced("set timeout=0\n", ""), ["grub-menu-waiting"]);
    // What is not found leaves `$root` as it is, and that may be the right place.
    let search = "search --fs-uuid --set=root 1111-2222\nmenuentry";
    assert_eq!(replaced("menuentry", search), [""; 0]);
    let search = "set root=(hd0,gpt2)\nsearch --fs-uuid --set=root 1111-2222\nmenuentry";
    assert_eq!(replaced("menuentry", search)[0], "grub-uuid-not-found");
    assert_eq!(replaced("menuentry", "set root=(hd7,gpt1)\nmenuentry"), ["grub-disk-not-found"]);
    // On the root partition there is no such file.
    let found = replaced("menuentry", "set root=(hd0,gpt2)\nmenuentry");
    assert_eq!(found, ["grub-kernel-not-found", "grub-initrd-not-found"]);
    let turned = found_turned();
    assert_eq!(turned, ["grub-kernel-not-loaded"]);
}

#[test]
fn what_the_configuration_inside_of_grub_looks_for_is_on_the_disk() {
    let searching = |text: &str| {
        let mut parts = Parts::sound();
        let mut objects: Vec<_> = parts.modules.iter().map(|name| module(name)).collect();
        objects.extend([prefix(parts.prefix), embedded::config(text)]);
        parts.loader = Some(core_image(&objects));
        ids(&parts.subject())
    };
    let load = |search: &str| format!("{search}\nset prefix=($root)/boot/grub\n");
    assert_eq!(searching(&load("search.fs_uuid 1111-2222 root hd0,gpt2")), ["grub-uuid-not-found"]);
    assert_eq!(searching(&load("search.file /boot/grub/none root")), ["grub-uuid-not-found"]);
    assert_eq!(searching(&load("search.file /sbin/init root")), [""; 0]);
    let tested = "if ! search --file --set=root /.disk/info; then\n  true\nfi\n";
    assert_eq!(searching(tested), [""; 0]);
}

#[test]
fn a_question_that_grub_takes_for_a_command_is_named() {
    let asked = |modules: &'static [&'static str], line: &'static str| {
        found(move |parts| {
            parts.modules.extend(modules);
            parts.config = format!("{line}\n{}", parts.config);
        })
    };
    let line = "if [ \"$grub_platform\" = \"efi\" ]; then\nfwsetup --is-supported\nfi";
    assert_eq!(asked(&["efifwsetup"], line), ["loader-resets"]);
    assert_eq!(
        asked(&["efifwsetup"], "if fwsetup --is-supported; then true; fi"),
        ["loader-resets"]
    );
    // Without the command nothing happens.
    assert_eq!(asked(&[], line), [""; 0]);
}

/// systemd-boot with an entry of these lines, and kernel and initramfs at the top of the ESP.
fn with_systemd_boot(lines: &'static str) -> Vec<&'static str> {
    found(|parts| {
        let mut program = core_image(&[]);
        // Without the mark of GRUB's modules it is just a program.
        let mods = program.windows(4).position(|four| four == b"mimg").expect("marked");
        program[mods] = b'x';
        program.extend(b"#### LoaderInfo: systemd-boot 252 ####");
        parts.loader = Some(program);
        parts.config.clear();
        let entry = format!("title one\n{lines}\noptions root=PARTUUID={ROOT} console=ttyS0\n");
        parts.esp.push(("loader/entries/one.conf", entry.into_bytes()));
    })
}

#[test]
fn entries_of_systemd_boot_are_looked_into() {
    let kernel = "linux /EFI/BOOT/vmlinuz\ninitrd /EFI/BOOT/initramfs.img";
    assert_eq!(with_systemd_boot(kernel), [""; 0]);
    let missing = ["bootloader-kernel-not-found"];
    assert_eq!(with_systemd_boot("linux /vmlinuz"), missing);
    let microcode = "linux /EFI/BOOT/vmlinuz\ninitrd /ucode.img\ninitrd /EFI/BOOT/initramfs.img";
    assert_eq!(with_systemd_boot(microcode), missing);
    // What lies on another partition is not found there.
    assert_eq!(with_systemd_boot("linux /EFI/BOOT/vmlinuz\ninitrd /sbin/init")[0], missing[0]);
}

fn found_turned() -> Vec<&'static str> {
    found(|parts| {
        let mut lines: Vec<_> = parts.config.lines().collect();
        lines.swap(2, 3);
        parts.config = lines.join("\n");
    })
}

#[test]
fn a_root_that_is_not_there_is_named() {
    let root = |root: &'static str| {
        found(move |parts| parts.config = config(&format!("root={root} console=ttyS0")))
    };
    let other = "PARTUUID=00000000-1111-2222-3333-444444444444";
    assert_eq!(root(other), ["root-partuuid-not-found"]);
    assert_eq!(root("PARTLABEL=nothing"), ["root-partlabel-not-found"]);
    assert_eq!(root("UUID=00000000-1111-2222-3333-444444444444"), ["initramfs-root-not-found"]);
    assert_eq!(root("/dev/vda9"), ["root-partition-missing"]);
    assert_eq!(root("/dev/vda"), ["root-is-whole-disk"]);
    assert_eq!(root(""), ["initramfs-root-arg-missing"]);
    assert_eq!(root("/dev/vda2"), [""; 0]);
    assert_eq!(root("/dev/nvme0n1p2"), [""; 0]);
    assert_eq!(root("UUID=00000000-0000-0000-0000-000000000005"), [""; 0]);
}

#[test]
fn a_root_filesystem_without_what_is_needed_is_named() {
    let root = |files: Tree, more: &str| {
        let line = config(&format!("root=/dev/vda2 console=ttyS0 {more}"));
        let mut parts = Parts::sound();
        (parts.root, parts.config) = (files, line);
        report(&parts.subject()).findings.iter().map(|f| f.id).collect::<Vec<_>>()
    };
    let sound = || Parts::sound().root;
    let mut bare = sound();
    bare.remove(&TreePath::new(b"sbin").expect("good"));
    assert_eq!(root(bare, ""), ["rootfs-no-init"]);
    assert_eq!(root(sound(), "init=/opt/app"), ["init-param-missing"]);
    assert_eq!(root(sound(), "rootfstype=squashfs"), ["rootfstype-wrong"]);
    let mut plain = sound();
    plain.get_mut(&TreePath::new(b"sbin/init").expect("good")).expect("there").metadata.mode =
        0o644;
    assert_eq!(root(plain, "init=/sbin/init"), ["init-param-not-executable"]);
    let mut script = sound();
    let path = TreePath::new(b"opt/app").expect("good");
    let node = Node::file(0o755, Time::EPOCH, b"#!/bin/bash\n".to_vec().into());
    script.insert(path, node).expect("free");
    assert_eq!(root(script, "init=/opt/app"), ["rootfs-init-broken"]);
    let mut folders = sound();
    folders.remove(&TreePath::new(b"dev").expect("good"));
    assert_eq!(root(folders, ""), ["rootfs-no-dev"]);
}

/// Where the second partition starts on the disk.
pub(crate) fn root_offset(disk: &[u8]) -> usize {
    let image = Image::from_window(Path::new("disk.img"), Window::from(disk.to_vec()));
    image.expect("readable").partitions()[1].offset() as usize
}

#[test]
fn damage_to_the_disk_is_named() {
    let disk = Parts::sound().disk();
    let root = root_offset(&disk);
    let with = |at: usize, bytes: &[u8]| {
        let mut disk = disk.clone();
        disk[at..at + bytes.len()].copy_from_slice(bytes);
        ids(&subject(disk))
    };
    assert_eq!(with(512, &[0; 512]), ["gpt-primary-damaged"]);
    assert_eq!(with(0, &[0; 512]), ["gpt-no-protective-mbr"]);
    assert_eq!(with(1 << 20, &[0; 4096]), ["uefi-esp-not-fat"]);
    assert_eq!(with(root, &[0; 4096]), ["root-unformatted"]);
    // The feature word, and with it the superblock's checksum, which Linux looks at later.
    let unknown = with(root + 1024 + 0x60 + 3, &[0x40]);
    assert_eq!(unknown.first(), Some(&"ext4-unsupported-feature"));
    let luks = with(root, &[b"LUKS\xba\xbe\0\x02", &[0; 4088][..]].concat());
    assert_eq!(luks, ["root-is-encrypted"]);
    let cut = disk[..disk.len() - (2 << 20)].to_vec();
    assert_eq!(ids(&subject(cut)), ["disk-image-truncated"]);
    // All partitions are whole, but not what the table says may be used.
    let cut = disk[..disk.len() - (512 << 10)].to_vec();
    assert_eq!(ids(&subject(cut)), ["disk-image-truncated"]);
    let mut both = disk.clone();
    let end = both.len() - 512;
    both[512..1024].fill(0);
    both[end..].fill(0);
    assert_eq!(ids(&subject(both)), ["gpt-corrupt"]);
    assert_eq!(ids(&subject(vec![0; 1 << 20])), ["uefi-disk-is-bios-only"]);
}

#[test]
fn an_esp_by_another_type_still_starts() {
    assert_eq!(found(|parts| parts.esp_type = X86_64.root_type), [""; 0]);
}
