//! Root filesystems: damaged ones, and those of a system that systemd starts.

use super::disk::{Parts, ROOT, config, root_offset, subject};
use super::*;

/// Where the superblock is in a filesystem, and the fields that are changed here.
const SUPERBLOCK: usize = 1024;
const BLOCKS_COUNT: usize = SUPERBLOCK + 0x4;
const WRITE_TIME: usize = SUPERBLOCK + 0x30;
const STATE: usize = SUPERBLOCK + 0x3a;

/// What is found where bytes of the root filesystem differ.
fn with(at: usize, bytes: &[u8]) -> Vec<&'static str> {
    let mut disk = Parts::sound().disk();
    let start = root_offset(&disk) + at;
    disk[start..start + bytes.len()].copy_from_slice(bytes);
    ids(&subject(disk))
}

#[test]
fn a_damaged_root_filesystem_is_named() {
    // The superblock's checksum no longer fits.
    assert_eq!(with(WRITE_TIME, &[1, 2, 3, 4]), ["ext4-corrupt"]);
    assert_eq!(with(BLOCKS_COUNT + 2, &[0x7f]), ["rootfs-larger-than-partition"]);
    assert!(with(STATE, &[2]).contains(&"rootfs-unclean"));
}

/// A disk whose root is one of systemd, with more files and other arguments.
fn system(files: &[(&str, &[u8])], arguments: &str) -> Vec<&'static str> {
    let mut parts = Parts::sound();
    let program = program();
    let mut all: Vec<(&str, u16, &[u8])> = vec![
        ("sbin/init", 0o777, b"->/lib/systemd/systemd"),
        ("lib/systemd/systemd", 0o755, &program),
    ];
    all.extend(files.iter().map(|(path, content)| (*path, 0o644, *content)));
    parts.root = tree(&all);
    for folder in ["dev", "proc", "sys"] {
        let path = TreePath::new(folder.as_bytes()).expect("good");
        parts.root.insert(path, Node::directory(0o755, Time::EPOCH)).expect("free");
    }
    parts.config = config(&format!("root=PARTUUID={ROOT} console=ttyS0 {arguments}"));
    ids(&parts.subject())
}

const TARGET: (&str, &[u8]) = ("lib/systemd/system/default.target", b"");

#[test]
fn a_system_without_a_target_is_named() {
    assert_eq!(system(&[TARGET], ""), [""; 0]);
    assert_eq!(system(&[], ""), ["systemd-no-default-target"]);
    assert_eq!(system(&[], "systemd.unit=rescue.target"), [""; 0]);
    let masked = ("etc/systemd/system/default.target", &b"->/lib/systemd/system/gone"[..]);
    assert_eq!(system(&[TARGET, masked], ""), ["systemd-no-default-target"]);
}

#[test]
fn mounts_that_keep_a_system_from_starting_are_named() {
    let fstab = |text: &str| system(&[TARGET, ("etc/fstab", text.as_bytes())], "");
    assert_eq!(fstab("# nothing\nUUID=1234-ABCD /boot/efi vfat umask=0077 0 1\n"), [""; 0]);
    assert_eq!(fstab("UUID=1234-ABCE /boot/efi vfat defaults 0 1\n"), ["fstab-device-missing"]);
    for option in ["nofail", "noauto,x", "_netdev"] {
        assert_eq!(fstab(&format!("UUID=1234-ABCE /data vfat {option} 0 1\n")), [""; 0]);
    }
    assert_eq!(fstab("UUID=1234-ABCD /boot/efi ext4\n"), ["fstab-type-wrong"]);
    assert_eq!(fstab("/dev/vda1 /boot/efi auto\n"), [""; 0]);
    // Not this disk, or nothing that can be looked for.
    assert_eq!(fstab("/dev/sdb1 /data ext4\ntmpfs /tmp tmpfs\nUUID=x / ext4\n"), [""; 0]);
}

#[test]
fn options_that_the_root_filesystem_does_not_know_are_named() {
    let flags = |flags: &str| system(&[TARGET], &format!("rootflags={flags}"));
    assert_eq!(flags("data=ordered,noatime,x-systemd.automount"), [""; 0]);
    assert_eq!(flags("subvol=@"), ["rootflags-invalid"]);
}
