//! Disks as Fedora lays them out: the ESP's `grub.cfg` hands on to one that shows entries of UAPI.1 by `blscfg`,
//! and the environment block names the one that starts.

use super::disk::{Parts, ROOT};
use super::*;

const MOVES: &str = "set prefix=($root)/grub2\nconfigfile $prefix/grub.cfg\n";
const SHOWS: &[u8] = b"set timeout=1\nload_env\nblscfg\n";

/// What is found, with this kernel in the entry that was saved, and these files besides.
fn found(modules: &[&'static str], kernel: &str, more: &[&'static str]) -> Vec<&'static str> {
    let mut parts = Parts::sound();
    parts.modules.extend(modules);
    parts.config = MOVES.into();
    let entry = |kernel: &str| {
        let initramfs = "initrd /EFI/BOOT/initramfs.img";
        format!("title Fedora Linux\nlinux {kernel}\n{initramfs}\noptions $kernelopts\n")
            .into_bytes()
    };
    let environment = format!("saved_entry=f-6.1\nkernelopts=root=PARTUUID={ROOT} console=ttyS0\n");
    let environment = format!("# GRUB Environment Block\n{environment}");
    parts.esp.extend([
        ("grub2/grub.cfg", SHOWS.to_vec()),
        ("grub2/grubenv", environment.into_bytes()),
        ("loader/entries/f-6.1.conf", entry(kernel)),
        ("loader/entries/f-6.2.conf", entry("/EFI/BOOT/vmlinuz")),
    ]);
    parts.esp.extend(more.iter().map(|path| (*path, Vec::new())));
    ids(&parts.subject())
}

#[test]
fn the_saved_entry_is_looked_into() {
    let kernel = "/EFI/BOOT/vmlinuz";
    assert_eq!(found(&["blscfg"], kernel, &[]), [""; 0]);
    assert_eq!(found(&["blscfg"], "/vmlinuz-6.1", &[]), ["grub-kernel-not-found"]);
}

#[test]
fn a_grub_without_the_command_is_named() {
    let kernel = "/EFI/BOOT/vmlinuz";
    assert_eq!(found(&[], kernel, &[]), ["grub-command-missing"]);
    assert_eq!(found(&["blsuki"], kernel, &[]), [""; 0]);
    assert_eq!(found(&[], kernel, &["grub2/x86_64-efi/blscfg.mod"]), [""; 0]);
}
