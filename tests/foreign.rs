//! Disks as others lay them out, with Debian's root, kernel, initramfs and loaders: the lints are silent, and the
//! machine comes to its userspace.

use std::fs;
use std::path::{Path, PathBuf};

use crate::debian::{self, Debian, Maker};
use crate::disk::{assemble, fat};
use crate::faults::is_bootable;
use crate::workbench::{bootwright, run, scratch, stderr, text};

const ROOT: &str = "7d3f1c9a-5b52-4c1e-9d0e-0c8f5a3b2e11";

/// The kernel's arguments, as an installer writes them for a machine with a serial console.
fn line() -> String {
    format!("root=UUID={ROOT} ro console=ttyS0,115200 no_timer_check")
}

/// Debian's root with its initramfs, a filesystem of its own.
fn root(debian: &Debian, to: &Path, more: &[&str]) {
    let (folder, release) = (debian.path(""), debian.release());
    let initramfs = debian.initramfs(Maker::InitramfsTools("zstd"));
    let left_out =
        ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/zoneinfo", "var/tmp/*"];
    let add = format!("{}:/boot/initrd.img-{release}", text(&initramfs));
    let fstab = format!("/etc/fstab:UUID={ROOT} / ext4 errors=remount-ro 0 1\n");
    bootwright(&["tree", "convert", text(&folder), text(to), "--size", "auto+64M", "--uuid", ROOT])
        .args(left_out.iter().flat_map(|what| ["--exclude", what]))
        .args(["--add", &add, "--write", &fstab])
        .args(more.iter().copied())
        .run()
        .expect("written");
}

/// A disk of an ESP with these files and the root, to which these flags add what the loader finds there.
fn disk(debian: &Debian, folder: &Path, files: &[(&str, &[u8])], more: &[&str]) -> PathBuf {
    let [esp, system, disk] = ["esp", "root.ext4", "disk.img"].map(|name| folder.join(name));
    fat(&esp, files);
    root(debian, &system, more);
    assemble(&disk, &[("ef00", &esp), ("8300", &system)]);
    disk
}

/// What update-grub writes: `search`, the environment block, and what it loads for a screen.
fn grub_config(release: &str) -> String {
    let line = line();
    let load = format!(
        "\tload_video\n\tinsmod gzio\n\tinsmod part_gpt\n\tinsmod ext2\n\
         \tsearch --no-floppy --fs-uuid --set=root {ROOT}\n\
         \techo\t'Loading Linux {release} ...'\n\tlinux\t/boot/vmlinuz-{release} {line}\n\
         \techo\t'Loading initial ramdisk ...'\n\tinitrd\t/boot/initrd.img-{release}\n"
    );
    format!(
        "if [ -s $prefix/grubenv ]; then\n  set have_grubenv=true\n  load_env\nfi\n\
         if [ \"${{next_entry}}\" ] ; then\n   set default=\"${{next_entry}}\"\n   set next_entry=\n   \
         save_env next_entry\n   set boot_once=true\nelse\n   set default=\"0\"\nfi\n\
         if [ x\"${{feature_menuentry_id}}\" = xy ]; then\n  menuentry_id_option=\"--id\"\nelse\n  \
         menuentry_id_option=\"\"\nfi\nexport menuentry_id_option\n\
         function load_video {{\n  if [ x$feature_all_video_module = xy ]; then\n    insmod all_video\n  \
         else\n    insmod efi_gop\n    insmod efi_uga\n  fi\n}}\n\
         if loadfont unicode ; then\n  set gfxmode=auto\n  load_video\n  insmod gfxterm\nfi\n\
         terminal_output console\nif [ \"${{recordfail}}\" = 1 ] ; then\n  set timeout=30\nelse\n  \
         if [ x$feature_timeout_style = xy ] ; then\n    set timeout_style=menu\n    set timeout=1\n  \
         else\n    set timeout=1\n  fi\nfi\n\
         menuentry 'Debian GNU/Linux' --class debian --class gnu-linux $menuentry_id_option \
         'gnulinux-simple-{ROOT}' {{\n{load}}}\n\
         submenu 'Advanced options' $menuentry_id_option 'gnulinux-advanced-{ROOT}' {{\n\
         \tmenuentry 'Debian GNU/Linux, with Linux {release}' --class debian $menuentry_id_option \
         'gnulinux-{release}-advanced-{ROOT}' {{\n{load}\t}}\n}}\n"
    )
}

/// As debootstrap and `grub-install` leave it: shim and its fallback on the removable-media path, GRUB in the
/// vendor's folder, and everything else on the root filesystem.
fn debootstrapped(debian: &Debian, folder: &Path) -> PathBuf {
    let read = |path: &str| fs::read(debian.path(path)).expect("a package has it");
    let (shim, grub) = (
        read("usr/lib/shim/shimx64.efi.signed"),
        read("usr/lib/grub/x86_64-efi-signed/grubx64.efi.signed"),
    );
    let (fallback, list) =
        (read("usr/lib/shim/fbx64.efi.signed"), read("usr/lib/shim/BOOTX64.CSV"));
    let config = format!(
        "search.fs_uuid {ROOT} root\nset prefix=($root)'/boot/grub'\nconfigfile $prefix/grub.cfg\n"
    );
    let moved_to = format!("/boot/grub/grub.cfg:{}", grub_config(debian.release()));
    let modules =
        format!("{}:/boot/grub/x86_64-efi", text(&debian.path("usr/lib/grub/x86_64-efi")));
    let files: [(&str, &[u8]); 6] = [
        ("EFI/BOOT/BOOTX64.EFI", &shim),
        ("EFI/BOOT/fbx64.efi", &fallback),
        ("EFI/debian/shimx64.efi", &shim),
        ("EFI/debian/grubx64.efi", &grub),
        ("EFI/debian/BOOTX64.CSV", &list),
        ("EFI/debian/grub.cfg", config.as_bytes()),
    ];
    disk(debian, folder, &files, &["--write", &moved_to, "--add", &modules])
}

/// As bootctl and kernel-install leave it: systemd-boot, and an entry of Type #1.
fn by_systemd_boot(debian: &Debian, folder: &Path) -> PathBuf {
    let read = |path: &Path| fs::read(path).expect("there");
    let loader = read(&debian.path("usr/lib/systemd/boot/efi/systemd-bootx64.efi"));
    let initramfs = read(&debian.initramfs(Maker::InitramfsTools("zstd")));
    let release = debian.release();
    let entry = format!(
        "title Debian GNU/Linux\nversion {release}\noptions {}\nlinux /debian/{release}/linux\n\
         initrd /debian/{release}/initrd.img\n",
        line()
    );
    let path = |name: &str| format!("debian/{release}/{name}");
    let files: [(&str, &[u8]); 6] = [
        ("EFI/BOOT/BOOTX64.EFI", &loader),
        ("EFI/systemd/systemd-bootx64.efi", &loader),
        ("loader/loader.conf", b"timeout 1\ndefault debian-*\n"),
        (&format!("loader/entries/debian-{release}.conf"), entry.as_bytes()),
        (&path("linux"), &debian.kernel()),
        (&path("initrd.img"), &initramfs),
    ];
    disk(debian, folder, &files, &[])
}

/// A unified kernel image on the removable-media path, as objcopy makes one of systemd's stub.
fn by_uki(debian: &Debian, folder: &Path) -> PathBuf {
    fs::write(debian.path("var/tmp/cmdline"), line()).expect("written");
    let initramfs = debian.initramfs(Maker::InitramfsTools("zstd"));
    let parts = [
        (".osrel", debian.path("usr/lib/os-release")),
        (".cmdline", debian.path("var/tmp/cmdline")),
        (".linux", debian.path(&format!("boot/vmlinuz-{}", debian.release()))),
        (".initrd", initramfs),
    ];
    let stub = fs::read(debian.path("usr/lib/systemd/boot/efi/linuxx64.efi.stub")).expect("there");
    let uki = parts
        .iter()
        .fold(stub, |pe, (name, path)| with_section(pe, name, &fs::read(path).expect("there")));
    disk(debian, folder, &[("EFI/BOOT/BOOTX64.EFI", &uki)], &[])
}

/// A PE with another section behind those that it has: initialised data, to be read.
fn with_section(mut pe: Vec<u8>, name: &str, content: &[u8]) -> Vec<u8> {
    const ALIGNMENT: usize = 4096;
    let field = |pe: &[u8], at: usize| {
        u32::from_le_bytes(pe[at..at + 4].try_into().expect("four")) as usize
    };
    let header = field(&pe, 0x3c);
    let count = usize::from(u16::from_le_bytes([pe[header + 6], pe[header + 7]]));
    let optional = usize::from(u16::from_le_bytes([pe[header + 20], pe[header + 21]]));
    let (sections, size_of_image) = (header + 24 + optional, header + 24 + 56);
    let address = field(&pe, size_of_image).next_multiple_of(ALIGNMENT);
    pe.resize(pe.len().next_multiple_of(ALIGNMENT), 0);
    let mut row = [0; 40];
    row[..name.len()].copy_from_slice(name.as_bytes());
    let raw = content.len().next_multiple_of(512);
    for (at, value) in
        [(8, content.len()), (12, address), (16, raw), (20, pe.len()), (36, 0x4000_0040)]
    {
        row[at..at + 4].copy_from_slice(&(value as u32).to_le_bytes());
    }
    pe[sections + 40 * count..][..40].copy_from_slice(&row);
    pe[header + 6..header + 8].copy_from_slice(&(count as u16 + 1).to_le_bytes());
    let end = (address + content.len()).next_multiple_of(ALIGNMENT) as u32;
    pe[size_of_image..size_of_image + 4].copy_from_slice(&end.to_le_bytes());
    pe.extend(content);
    pe.resize(pe.len().next_multiple_of(512), 0);
    pe
}

/// Lints a disk, in silence, and boots it to its userspace.
fn holds(disk: &Path) {
    let linted = run(&bootwright(&["lint", "--bus", "virtio", "--memory", "1G", text(disk)]));
    let said = String::from_utf8_lossy(&linted.stdout);
    assert!(said.starts_with("nothing was found"), "{said}{}", stderr(&linted));
    let boot = bootwright(&["boot", "--offline", "--accel", "tcg", "--memory", "1G", text(disk)])
        .args(["--expect", "console", "--timeout", "1500", "--silence", "300"]);
    let output = run(&boot);
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", stderr(&output));
    assert!(said.contains("userspace ready"), "{said}");
}

/// How a disk is laid out.
type Layout = fn(&Debian, &Path) -> PathBuf;

#[test]
fn disks_that_others_lay_out_are_linted_in_silence_and_boot() {
    if !is_bootable() || !debian::is_possible() {
        return;
    }
    let debian = Debian::new();
    let layouts: [Layout; 3] = [debootstrapped, by_systemd_boot, by_uki];
    for layout in layouts {
        let folder = scratch();
        holds(&layout(&debian, folder.path()));
    }
}
