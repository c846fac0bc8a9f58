//! Volumes read back as trees: ours, and those of xorriso and genisoimage.

use std::os::unix::fs::symlink;

use super::*;
use crate::tree::{diff, dir};

fn differences(wanted: &Tree, seen: &Tree) -> Vec<diff::Difference> {
    diff::diff(wanted, seen, diff::Options::default()).expect("readable")
}

#[test]
fn what_is_written_is_read_back() {
    let tree = everything();
    let volume = open(&written(&tree, &options()));
    assert_eq!(differences(&tree, &volume.tree().expect("sound").tree), []);
}

/// A folder of the host that a volume is made of, and what is in it.
fn source(folder: &Path) -> Tree {
    std::fs::create_dir_all(folder.join("many/deep")).expect("made");
    for i in 0..300 {
        let name = format!("many/A file whose name is long {i}");
        std::fs::write(folder.join(name), vec![7; i * 10]).expect("written");
    }
    std::fs::hard_link(folder.join("many/A file whose name is long 7"), folder.join("linked"))
        .expect("linked");
    symlink("../linked", folder.join("many/deep/link")).expect("linked");
    dir::read(folder, &dir::Options::default()).expect("readable").tree
}

/// What a volume keeps of a tree whose owners are root's and whose modes are its own.
fn comparable(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let metadata = &mut tree.get_mut(&path).expect("there").metadata;
        (metadata.uid, metadata.gid, metadata.mtime.nanoseconds) = (0, 0, 0);
        metadata.xattrs.clear();
    }
    tree
}

#[test]
fn what_xorriso_and_genisoimage_write_is_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let (from, to) = (folder.path().join("source"), folder.path().join("volume"));
    let wanted = comparable(&source(&from));
    for (program, arguments) in [
        ("xorriso", &["-no_rc", "-as", "mkisofs", "-R", "--hardlinks", "-quiet", "-o"][..]),
        ("xorriso", &["-no_rc", "-as", "mkisofs", "-R", "-J", "--hardlinks", "-quiet", "-o"]),
        ("genisoimage", &["-R", "-cache-inodes", "-quiet", "-o"]),
    ] {
        let Some(found) = find_in_path(program) else {
            assert!(std::env::var_os("CI").is_none(), "{program} is missing");
            eprintln!("skipped: no {program}");
            continue;
        };
        let run = Command::new(found).args(arguments.to_vec()).arg(&to).arg(&from);
        run.run().expect("written");
        let volume = Iso9660::open(&Window::open(&to).expect("open")).expect("a volume");
        let seen = comparable(&volume.tree().expect("sound").tree);
        assert_eq!(differences(&wanted, &seen), [], "{program} {arguments:?}");
        std::fs::remove_file(&to).expect("there");
    }
}

#[test]
fn without_rock_ridge_it_is_as_linux_mounts_it() {
    let mut bytes = std::fs::read(written(&everything(), &options()).path()).expect("there");
    let at = bytes.windows(4).position(|w| w == b"SP\x07\x01").expect("it starts Rock Ridge");
    bytes[at] = b'X';
    let volume = Iso9660::open(&Window::from(bytes)).expect("a volume");
    let tree = volume.tree().expect("sound").tree;
    let node = tree.get(&path("boot/vmlinuz")).expect("there");
    assert_eq!((node.metadata.mode, node.metadata.mtime), (0o555, NOW));
    // Joliet has files and directories only.
    assert!(tree.get(&path("bin")).is_none());
}
