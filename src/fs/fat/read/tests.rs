//! Damaged volumes, and one that mtools made.

use super::*;
use crate::command::{Command, find_in_path};
use crate::fs::fat::{Kind, Options, VolumeSize, plan};
use crate::tree::samples::path;
use crate::tree::{Node, Time, Tree};
use crate::volume::Volume;
use proptest::prelude::*;

/// A small volume of one file in two folders, behind its boot sector and two tables.
fn volume(kind: Kind) -> Vec<u8> {
    let mut tree = Tree::new(Time::from_seconds(1_000_000_000));
    let content = (0..5000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>();
    let node = Node::file(0o644, Time::EPOCH, content.into());
    let time = Time::from_seconds(1_000_000_000);
    let node = Node { metadata: crate::tree::Metadata::new(0o644, time), ..node };
    tree.insert(path("EFI/BOOT/a file with a long name"), node).expect("free");
    let options = Options {
        size: VolumeSize::Auto { reserve: 0 },
        kind: Some(kind),
        label: "ESP".into(),
        volume_id: 7,
        hidden_sectors: 0,
    };
    let plan = plan(&tree, &options).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(plan.size()).expect("extended");
    plan.write(&Volume::new(&file, 0, plan.size())).expect("written");
    let window = Window::new(file, plan.size());
    window.bytes(0, usize::MAX).expect("readable")
}

#[test]
fn paths_are_found_without_regard_to_case() {
    let fat = Fat::open(&Window::from(volume(Kind::Fat12))).expect("sound");
    assert_eq!((fat.kind, &fat.label[..], fat.serial), (Kind::Fat12, "ESP", 7));
    let file = path("efi/boot/A FILE with a long name");
    assert_eq!(fat.entry(&file).expect("sound").map(|e| e.size), Some(20_000));
    assert_eq!(fat.read(&file, 6).expect("sound"), [0, 0, 0, 0, 1, 0]);
    assert_eq!(fat.entry(&path("EFI/BOOT/none")).expect("sound"), None);
    assert_eq!(fat.entry(&path("EFI/BOOT/A FILE with a long name/x")).expect("sound"), None);
    assert!(fat.list(&file).is_err() && fat.read(&path("EFI"), 1).is_err());
}

#[test]
fn a_volume_is_a_tree() {
    for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
        let fat = Fat::open(&Window::from(volume(kind))).expect("sound");
        let tree = fat.tree().expect("sound").tree;
        let paths: Vec<_> = tree.iter().map(|entry| entry.path.to_string()).collect();
        assert_eq!(paths[1..], ["EFI", "EFI/BOOT", "EFI/BOOT/a file with a long name"]);
        let node = tree.get(&path(&paths[3])).expect("there");
        assert_eq!(node.metadata.mtime, Time::from_seconds(1_000_000_000));
        let crate::tree::Kind::File(content) = &node.kind else { panic!("a file") };
        let wanted: Vec<u8> = (0..5000u32).flat_map(u32::to_le_bytes).collect();
        assert!(content.read().expect("readable") == wanted);
    }
}

#[test]
fn a_chain_that_goes_round_ends() {
    let mut bytes = volume(Kind::Fat12);
    let fat = Fat::open(&Window::from(bytes.clone())).expect("sound");
    // Every entry of the first table leads to cluster 2.
    let (start, len) = (fat.table.offset() as usize, fat.table.len() as usize);
    for (at, byte) in bytes[start..start + len].iter_mut().enumerate() {
        *byte = [0x02, 0x20, 0x00][at % 3];
    }
    let fat = Fat::open(&Window::from(bytes)).expect("sound");
    let error = fat.list(&path("EFI")).expect_err("it goes round");
    assert!(matches!(error.downcast_ref(), Some(FatReadError::Directory(_))), "{error}");
    assert!(fat.tree().is_err());
}

#[test]
fn what_mtools_writes_is_read() {
    let (Some(mformat), Some(mcopy)) = (find_in_path("mformat"), find_in_path("mcopy")) else {
        assert!(std::env::var_os("CI").is_none(), "mcopy is missing: install mtools");
        eprintln!("skipped: no mcopy (package mtools)");
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (image, file) = (folder.path().join("fat.img"), folder.path().join("Ein langer Name.txt"));
    std::fs::write(&file, "hello").expect("written");
    let run = |program: &std::path::Path, arguments: &[&std::ffi::OsStr]| {
        Command::new(program).args(arguments.iter().copied()).run().expect("it works");
    };
    let image_name = image.as_os_str();
    let format = ["-C", "-v", "CIDATA", "-f", "1440", "-i"].map(std::ffi::OsStr::new);
    run(&mformat, &[&format[..], &[image_name, "::".as_ref()]].concat());
    run(&mcopy, &["-i".as_ref(), image_name, file.as_os_str(), "::short.txt".as_ref()]);
    run(&mcopy, &["-i".as_ref(), image_name, file.as_os_str(), "::".as_ref()]);
    let fat = Fat::open(&Window::open(&image).expect("open")).expect("a FAT volume");
    let entries = fat.list(&TreePath::root()).expect("a directory");
    let names: Vec<_> = entries.iter().map(|e| String::from_utf8_lossy(&e.name)).collect();
    assert_eq!(names, ["short.txt", "Ein langer Name.txt"]);
    assert_eq!(fat.read(&path("SHORT.TXT"), 99).expect("there"), b"hello");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn damaged_volumes_never_panic(
        kind in prop::sample::select(vec![Kind::Fat12, Kind::Fat16]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..24),
        keep in any::<prop::sample::Index>(),
        cut in any::<bool>(),
    ) {
        let mut bytes = volume(kind);
        // Where the structures are: the boot sector, the start of the table, the directories.
        let len = bytes.len();
        for (at, byte) in damage {
            let start = [0, 512, len / 8][usize::from(byte) % 3];
            bytes[start + at.index(700.min(len - start))] = byte;
        }
        if cut {
            bytes.truncate(keep.index(len));
        }
        if let Ok(fat) = Fat::open(&Window::from(bytes)) {
            let _ = fat.list(&path("EFI/BOOT"));
            let _ = fat.read(&path("EFI/BOOT/a file with a long name"), u64::MAX);
        }
    }

    #[test]
    fn random_boot_sectors_never_panic(bytes in prop::collection::vec(any::<u8>(), 510)) {
        let sector = [&bytes[..], &[0x55, 0xaa]].concat();
        if let Ok(fat) = Fat::open(&Window::from(sector)) {
            let _ = fat.list(&TreePath::root());
        }
    }
}
