//! Folders of small modules made here.

use std::io::Read;

use proptest::prelude::*;

use super::*;
use crate::arch::X86_64;
use crate::compress::gzip;
use crate::elf::ElfError;
use crate::elf::tests::image;
use crate::error::Error;
use crate::tree::{Time, Tree, TreePath};

const RELEASE: &str = "6.1.0-test";

/// A module that says this of itself.
fn module(info: &str) -> Vec<u8> {
    let info = format!("{info}\nvermagic={RELEASE} SMP mod_unload \n").replace('\n', "\0");
    image(1, 0, &[], &[(".modinfo", info.as_bytes())])
}

/// A folder with these module files, below `kernel`, and these built-in modules.
fn folder(files: &[(&str, Vec<u8>)], builtin: &str) -> (tempfile::TempDir, ModuleFolder) {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, bytes) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        fs::write(path, bytes).expect("written");
    }
    fs::write(dir.path().join("modules.builtin"), builtin).expect("written");
    let modules = ModuleFolder::open(dir.path(), RELEASE).expect("readable");
    (dir, modules)
}

fn virtio() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("kernel/b/virtio_blk.ko", module("name=virtio_blk\ndepends=virtio,virtio_ring")),
        ("kernel/v/virtio_ring.ko", module("name=virtio_ring\ndepends=virtio")),
        ("kernel/v/virtio.ko", module("name=virtio\ndepends=\nsoftdep=pre: a-b none post: late")),
        ("kernel/v/a-b.ko", module("name=a_b\ndepends=")),
        ("kernel/v/late.ko", module("name=late\ndepends=")),
    ]
}

const BLK: &[Want<'_>] = &[Want { name: "virtio-blk", required: true }];

fn failure(modules: &ModuleFolder, wanted: &[Want<'_>]) -> Error {
    modules.resolve(wanted, &X86_64).expect_err("it cannot be resolved")
}

#[test]
fn dependencies_come_first_and_soft_ones_where_they_are_there() {
    let (_dir, modules) = folder(&virtio(), "");
    let resolved = modules.resolve(BLK, &X86_64).expect("resolved");
    let order = String::from_utf8(resolved.load_order()).expect("text");
    let expected = ["v/a-b", "v/virtio", "v/virtio_ring", "b/virtio_blk"];
    let lines = expected.map(|name| format!("/lib/modules/{RELEASE}/kernel/{name}.ko\n"));
    assert_eq!(order, lines.concat());
    let mut tree = Tree::new(Time::EPOCH);
    resolved.place(&mut tree, Time::EPOCH).expect("free");
    let path = TreePath::new(b"lib/modules/load-order").expect("good");
    assert!(tree.get(&path).is_some());
    let read = bootwright_init::load_order::modules(order.as_bytes());
    let paths = read.map(|m| TreePath::new(m.path).expect("good"));
    assert!(paths.eq(resolved.load.iter().map(|m| m.path.clone())), "as /init reads it");
}

#[test]
fn what_is_built_in_is_not_loaded() {
    let (_dir, modules) = folder(&virtio(), "kernel/v/virtio.ko\nkernel/v/virtio-ring.ko\n");
    let resolved = modules.resolve(BLK, &X86_64).expect("resolved");
    assert_eq!(resolved.load.iter().map(|m| &m.name[..]).collect::<Vec<_>>(), ["virtio_blk"]);
    assert!(resolved.builtin.iter().eq(["virtio", "virtio_ring"]));
    let (_dir, modules) = folder(&[], "kernel/b/virtio_blk.ko");
    assert!(modules.resolve(BLK, &X86_64).expect("resolved").load_order().is_empty());
}

#[test]
fn a_module_that_is_nowhere_is_named_with_kernel_and_folder() {
    let (dir, modules) = folder(&virtio()[..1], "");
    assert_eq!(
        failure(&modules, BLK).to_string(),
        format!(
            "the module virtio, which virtio_blk needs, is neither built into kernel {RELEASE} nor a file in {}",
            dir.path().display()
        )
    );
    let optional = [Want { name: "crc32c_generic", required: false }];
    assert!(modules.resolve(&optional, &X86_64).expect("only a wish").load.is_empty());
}

#[test]
fn circles_are_errors_and_soft_circles_are_not() {
    let circle = [
        ("kernel/virtio_blk.ko", module("name=virtio_blk\ndepends=b")),
        ("kernel/b.ko", module("name=b\ndepends=virtio_blk")),
    ];
    let (_dir, modules) = folder(&circle, "");
    let error = failure(&modules, BLK).to_string();
    assert_eq!(error, "modules depend on each other in a circle: virtio_blk -> b -> virtio_blk");
    let soft = [
        ("kernel/virtio_blk.ko", module("name=virtio_blk\ndepends=b")),
        ("kernel/b.ko", module("name=b\nsoftdep=pre: virtio_blk")),
    ];
    let (_dir, modules) = folder(&soft, "");
    assert_eq!(modules.resolve(BLK, &X86_64).expect("resolved").load.len(), 2);
}

#[test]
fn updates_win_and_compressed_modules_are_unpacked() {
    let plain = module("name=virtio_blk\ndepends=");
    let zstd = zstd::encode_all(&plain[..], 3).expect("in memory");
    let mut xz = Vec::new();
    liblzma::read::XzEncoder::new(&plain[..], 6).read_to_end(&mut xz).expect("in memory");
    for (suffix, bytes) in [("gz", gzip(6, &plain)), ("zst", zstd), ("xz", xz)] {
        let name = format!("updates/dkms/virtio_blk.ko.{suffix}");
        let old = module("name=virtio_blk\ndepends=nowhere");
        let (_dir, modules) = folder(&[("kernel/virtio_blk.ko", old), (&name, bytes)], "");
        let resolved = modules.resolve(BLK, &X86_64).expect("resolved");
        let path = resolved.load[0].path.to_string();
        assert_eq!(path, format!("lib/modules/{RELEASE}/updates/dkms/virtio_blk.ko"));
        assert_eq!(resolved.load[0].content.read().expect("in memory"), plain);
    }
}

#[test]
fn a_path_that_init_could_not_read_back_is_refused() {
    let (_dir, modules) = folder(&[("kernel/a b/virtio_blk.ko", module("name=virtio_blk"))], "");
    let error = failure(&modules, BLK).to_string();
    assert_eq!(error, "placing module virtio_blk: `kernel/a b/virtio_blk.ko` has white space");
}

#[test]
fn files_that_are_no_modules_of_this_kernel_say_why() {
    let whole = module("name=virtio_blk\ndepends=");
    let mut foreign = whole.clone();
    foreign[18] = 183;
    let (has, needs) = (whole.len() as u64 - 9, whole.len() as u64);
    let wanted = String::from(RELEASE);
    let cases = [
        (foreign, ModuleError::Elf(ElfError::Machine { found: 183, wanted: 62, arch: "x86_64" })),
        (whole[..whole.len() - 9].to_vec(), ModuleError::Elf(ElfError::Truncated { has, needs })),
        (image(1, 0, &[], &[]), ModuleError::NoModule("no .modinfo")),
        (image(2, 0, &[], &[]), ModuleError::NoModule("a program or library")),
        (module("name=other"), ModuleError::Name("other".into())),
        (
            image(1, 0, &[], &[(".modinfo", b"vermagic=5.10 SMP\0")]),
            ModuleError::Release { found: "5.10".into(), wanted },
        ),
    ];
    for (bytes, why) in cases {
        let (dir, modules) = folder(&[("kernel/virtio_blk.ko", bytes)], "");
        let error = failure(&modules, BLK);
        assert_eq!(error.downcast_ref(), Some(&why));
        let path = dir.path().join("kernel/virtio_blk.ko");
        assert_eq!(error.to_string(), format!("reading {}: {why}", path.display()));
    }
}

#[test]
fn a_missing_folder_is_named() {
    let error = ModuleFolder::open("/nowhere/6.1", "6.1").expect_err("it is not there").to_string();
    assert!(error.starts_with("reading /nowhere/6.1: "), "{error}");
}

#[test]
fn every_filesystem_of_the_table_needs_its_own_driver() {
    for name in ["ext4", "xfs", "btrfs", "vfat", "squashfs", "erofs", "overlay"] {
        let wants = for_filesystem(name).expect("in the table");
        assert_eq!(wants.last(), Some(&Want { name, required: true }));
    }
    assert_eq!(for_filesystem("zfs"), None);
    assert_eq!(for_bus(Bus::Virtio).len(), 2);
}

proptest! {
    #[test]
    fn damaged_modules_never_panic(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut bytes = module("name=x\ndepends=a,b,,c\nsoftdep=pre: a post: b\nsoftdep=post: c");
        for (at, byte) in damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = Modinfo::parse(&bytes, &X86_64);
    }
}
