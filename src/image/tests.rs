//! Images that this crate writes, and damage.

use super::*;
use crate::arch::SD_GPT_ESP;
use crate::tree::samples::path;
use crate::tree::{Node, Time, Tree, TreePath};
use proptest::prelude::*;

const NOW: Time = Time::from_seconds(1_000_000_000);

fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::new(NOW);
    for (name, content) in files {
        let node = Node::file(0o644, NOW, content.as_bytes().to_vec().into());
        tree.insert(path(name), node).expect("free");
    }
    tree
}

/// A disk with these files on its ESP and its ext4 root.
fn disk(esp: &[(&str, &str)], mut root: Tree) -> Vec<u8> {
    let link = Node::symlink(b"boot/kernel".to_vec(), NOW);
    root.insert(path("vmlinuz"), link).expect("free");
    sample::disk(&tree(esp), &root, SD_GPT_ESP)
}

fn image(bytes: Vec<u8>) -> Image {
    Image::from_window(Path::new("test.img"), Window::from(bytes)).expect("readable")
}

#[test]
fn a_disk_says_what_it_boots_and_where_that_is() {
    let config = "\
set prefix=/EFI/BOOT
menuentry one { linux /VMLINUZ root=/dev/vda2 ro; initrd $prefix/initramfs.img /none }
menuentry two { linux (hd0,gpt1)/boot/kernel }
";
    let root = tree(&[
        ("boot/kernel", "root's kernel"),
        ("boot/initramfs", "x"),
        ("loader/entries/a.conf", "title BLS\nlinux /boot/kernel\ninitrd /boot/initramfs\n"),
    ]);
    let esp = [
        ("EFI/BOOT/BOOTX64.EFI", "MZ"),
        ("EFI/BOOT/grub.cfg", config),
        ("EFI/BOOT/initramfs.img", "archive"),
        ("EFI/Linux/uki.efi", "MZ"),
        ("EFI/Microsoft/Boot/bootmgfw.efi", "MZ"),
        ("shellx64.EFI", "MZ"),
    ];
    let image = image(disk(&esp, root));
    assert!(matches!(image.table(), Table::Gpt(_)));
    assert_eq!(image.esp().and_then(|esp| esp.number), Some(1));
    let boot = image.boot().expect("readable");
    assert_eq!(boot.unreadable, []);
    let loaders: Vec<_> = boot.loaders.iter().map(|(path, size)| (&path[..], *size)).collect();
    let programs = [
        ("shellx64.EFI", 2),
        ("EFI/BOOT/BOOTX64.EFI", 2),
        ("EFI/Linux/uki.efi", 2),
        ("EFI/Microsoft/Boot/bootmgfw.efi", 2),
    ];
    assert_eq!(loaders, programs);
    let titles: Vec<_> = boot.entries.iter().map(|entry| &entry.title[..]).collect();
    assert_eq!(titles, ["one", "two", "EFI/Linux/uki.efi", "BLS"]);
    let [one, two, _, bls] = &boot.entries[..] else { panic!("four entries") };
    assert_eq!(one.origin, Origin::Grub { config: 0, line: 2 });
    assert_eq!(one.arguments, "root=/dev/vda2 ro");
    // Through the symlink on the root filesystem, because the ESP has no such file.
    let found = |located: &Option<Located>| located.clone().and_then(|l| l.found);
    assert_eq!(found(&one.kernel), None, "case counts on ext4");
    assert_eq!(one.initramfs[0].found, Some((0, path("EFI/BOOT/initramfs.img"), 7)));
    assert_eq!(one.initramfs[1].found, None);
    assert_eq!(found(&two.kernel), Some((1, path("boot/kernel"), 13)));
    assert_eq!(found(&bls.kernel), Some((1, path("boot/kernel"), 13)));
    assert_eq!(bls.initramfs[0].found, Some((1, path("boot/initramfs"), 1)));
}

#[test]
fn filesystems_are_read_through_their_symlinks() {
    let image = image(disk(&[], tree(&[("boot/kernel", "linux")])));
    let root = image.partitions()[1].filesystem().expect("sound").expect("ext4");
    assert_eq!(root.read(&path("vmlinuz"), 3).expect("there"), b"lin");
    let names: Vec<_> = root.list(&TreePath::root()).expect("sound");
    let names: Vec<_> = names.iter().map(|e| String::from_utf8_lossy(&e.name)).collect();
    assert_eq!(names, ["boot", "lost+found", "vmlinuz"]);
    let superblock = image.partitions()[1].superblock().expect("ext4");
    assert_eq!(superblock.fstype, "ext4");
    assert!(superblock.facts.contains(&("state", "clean".into())), "{superblock:?}");
    assert_eq!(superblock.size, Some(image.partitions()[1].len));
}

#[test]
fn a_volume_is_an_image_of_one_partition() {
    let whole = disk(&[("EFI/BOOT/BOOTX64.EFI", "MZ")], tree(&[]));
    let disk = image(whole.clone());
    let esp = &disk.partitions()[0];
    let bytes = esp.window.bytes(0, usize::MAX).expect("in memory");
    let volume = image(bytes);
    assert!(matches!(volume.table(), Table::None));
    assert_eq!(volume.esp().map(|esp| esp.number), Some(None));
    assert_eq!(volume.boot().expect("readable").loaders.len(), 1);

    let mut damaged = whole;
    damaged[512..520].fill(0);
    let end = damaged.len() - 512;
    damaged[end..end + 8].fill(0);
    assert!(matches!(image(damaged).table(), Table::DamagedGpt(_)));
    assert!(image(vec![0; 4096]).partitions().is_empty());
}

#[test]
fn the_mbr_decides_whether_a_gpt_counts() {
    let mut disk = disk(&[("EFI/BOOT/BOOTX64.EFI", "MZ")], tree(&[]));
    disk[..512].fill(0);
    let unprotected = image(disk.clone());
    assert!(matches!(unprotected.table(), Table::Gpt(_)), "nothing else divides it");
    // GRUB's core image where the primary was; the backup is of an older use of the disk.
    disk[512..1024].fill(0x90);
    disk[446..462].copy_from_slice(&[0x80, 0, 0, 0, 0x83, 0, 0, 0, 0, 8, 0, 0, 0, 64, 0, 0]);
    disk[510..512].copy_from_slice(&[0x55, 0xaa]);
    let divided = image(disk);
    assert!(matches!(divided.table(), Table::Mbr(records) if records.len() == 1));
    assert_eq!(divided.partitions()[0].len, 64 * 256 * 512);
}

#[test]
fn an_image_of_another_format_is_the_same_image() {
    let folder = tempfile::tempdir().expect("a folder");
    let raw = folder.path().join("disk.img");
    std::fs::write(&raw, disk(&[("EFI/BOOT/BOOTX64.EFI", "MZ")], tree(&[]))).expect("written");
    let packed = folder.path().join("disk.qcow2");
    let file = std::fs::File::create_new(&packed).expect("new");
    let volume = crate::volume::Volume::new(&file, 0, 1 << 40);
    let source = Disk::open(&raw).expect("raw");
    crate::format::convert::convert(
        &source,
        "qcow2-zstd".parse().expect("a name"),
        &volume,
        &|_| {},
    )
    .expect("converted");
    let image = Image::open(&packed).expect("qcow2");
    assert_eq!(image.format().format, Format::Qcow2);
    assert_eq!(image.format().virtual_size, source.size());
    assert_eq!(image.partitions().len(), 2);
    assert_eq!(image.boot().expect("readable").loaders.len(), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn damaged_images_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let config = "menuentry a { linux /vmlinuz; initrd /boot/kernel }";
        let esp = [("EFI/BOOT/grub.cfg", config), ("EFI/Linux/a.efi", "MZ")];
        let mut bytes = disk(&esp, tree(&[("boot/kernel", "linux"), ("a/b/c", "d")]));
        let len = bytes.len();
        for (at, byte) in damage {
            // The tables, the ESP's start, the superblock and what follows it.
            let start = [1 << 20, 2 << 20, 0, 1 << 20][usize::from(byte) % 4];
            bytes[start + at.index((128 << 10).min(len - start))] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(len));
        }
        let _ = image(bytes).boot();
    }
}
