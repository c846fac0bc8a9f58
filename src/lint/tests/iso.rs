//! A hybrid ISO: the root filesystem is a file on the volume that the disk is as well.

use super::disk::{Parts, config, subject};
use super::*;
use crate::fs::iso9660;
use crate::fs::squashfs::{self, Compressor};
use crate::volume::Volume;

/// The root filesystem, packed.
fn packed(root: &Tree) -> Vec<u8> {
    let file = tempfile::tempfile().expect("a temporary file");
    let options = squashfs::Options::new(Compressor::Zstd, Time::EPOCH);
    let plan = squashfs::plan(root, &options).expect("it fits");
    let len = plan.write(&Volume::new(&file, 0, 1 << 20), &|_| {}).expect("written");
    let mut bytes = vec![0; len as usize];
    Volume::new(&file, 0, len).read_exact_at(&mut bytes, 0).expect("readable");
    bytes
}

/// What is found on a disk in front of whose partitions there is a volume with this file.
fn found(path: &str, content: &[u8], arguments: &str) -> Vec<&'static str> {
    let mut parts = Parts::sound();
    parts.config = config(&format!("{arguments} console=ttyS0"));
    let label = "LIVE".into();
    let options =
        iso9660::Options { label, time: Time::EPOCH, boot: Vec::new(), aligned: Vec::new() };
    let plan = iso9660::plan(&tree(&[(path, 0o644, content)]), &options).expect("it fits");
    assert!(plan.size() < 1 << 20, "it ends where the first partition starts");
    let file = tempfile::tempfile().expect("a temporary file");
    let mut disk = parts.disk();
    let volume = Volume::new(&file, 0, disk.len() as u64);
    volume.write_all_at(&disk, 0).expect("written");
    plan.write(&volume).expect("written");
    volume.read_exact_at(&mut disk, 0).expect("readable");
    ids(&subject(disk))
}

#[test]
fn an_iso_is_judged_by_its_packed_root() {
    const ROOT: &str = "boot/root.squashfs";
    let line = |image: &str| format!("root=LABEL=LIVE rootfstype=iso9660 rootimage={image}");
    let (whole, sound) = (line("/boot/root.squashfs"), Parts::sound().root);
    assert_eq!(found(ROOT, &packed(&sound), &whole), [""; 0]);
    assert_eq!(found(ROOT, &packed(&sound), &line("/boot/gone")), ["root-image-unusable"]);
    assert_eq!(found(ROOT, b"no filesystem", &whole), ["root-image-unusable"]);
    let other = whole.replace("LIVE", "OTHER");
    assert_eq!(found(ROOT, &packed(&sound), &other), ["initramfs-root-not-found"]);
    let mut bare = sound;
    bare.remove(&TreePath::new(b"sbin").expect("good"));
    assert_eq!(found(ROOT, &packed(&bare), &whole), ["rootfs-no-init"]);
}
