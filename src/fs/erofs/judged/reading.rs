//! Our reader: it gives back what was written, reads what mkfs.erofs wrote, and survives damage.

use std::sync::LazyLock;

use super::*;
use crate::fs::FileSystem;
use crate::fs::sample_trees::{assert_paths, deepest, explore, fill, small};
use crate::volume::Window;

/// An image in memory, as a tree.
fn read(bytes: Vec<u8>) -> crate::error::Result<Tree> {
    Ok(Erofs::open(&Window::from(bytes))?.tree()?.tree)
}

fn differences(wanted: &Tree, seen: &Tree) -> Vec<diff::Difference> {
    diff::diff(wanted, seen, diff::Options::default()).expect("readable")
}

#[test]
fn everything_is_read_back() {
    let mut tree = sample();
    let mut with_attributes = file(vec![7; 5000]);
    for (name, value) in [
        ("security.capability", &[1; 20][..]),
        ("system.posix_acl_access", &[2, 0, 0, 0]),
        ("system.posix_acl_default", &[2, 0, 0, 0]),
        ("trusted.long", &[3; 6000]),
        ("user.empty", b""),
    ] {
        with_attributes.metadata.xattrs.insert(name.into(), value.into());
    }
    tree.insert(path("with-attributes"), with_attributes).expect("free");
    assert_eq!(differences(&tree, &read(write(&tree).bytes()).expect("sound")), []);
}

#[test]
fn the_longest_paths_are_read_back_and_checked() {
    let tree = deepest();
    let image = write(&tree);
    assert_eq!(differences(&tree, &read(image.bytes()).expect("sound")), []);
    let Some(fsck) = tool("fsck.erofs") else { return };
    // It takes over 4 KiB of its stack for each folder that is in another.
    let script = "ulimit -Ss 65536 && exec \"$0\" \"$1\"";
    let run = Command::new("sh").args(["-c", script]).arg(fsck).arg(&image.path);
    run.run().expect("nothing is wrong");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_read_back(tree in random()) {
        let seen = read(write(&tree).bytes()).expect("sound");
        prop_assert_eq!(differences(&tree, &seen), []);
    }
}

#[test]
fn what_mkfs_erofs_writes_is_read_where_it_is_not_packed() {
    let Some(mkfs) = tool("mkfs.erofs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (source, image) = (folder.path().join("source"), folder.path().join("image"));
    fill(&source);
    let wanted = dir::read(&source, &dir::Options::default()).expect("readable").tree;
    let wanted = at_one_time(wanted, Time::from_seconds(77));
    let made = |arguments: &[&str]| {
        let run = Command::new(&mkfs).args(["--quiet", "--all-root", "-T77"]).args(arguments);
        run.arg(&image).arg(&source).run().expect("written");
        read(std::fs::read(&image).expect("there")).expect("sound")
    };
    for arguments in [&[][..], &["-Eforce-inode-extended"], &["--chunksize=8192"]] {
        assert_eq!(differences(&wanted, &made(arguments)), [], "{arguments:?}");
    }
    let packed = made(&["-zlz4"]);
    assert_eq!(packed.len(), wanted.len());
    let large = packed.get(&path("large")).expect("listed");
    let Kind::File(content) = &large.kind else { panic!("{large:?}") };
    assert_eq!(content.len(), 800_000);
    let error = content.read().expect_err("packed").to_string();
    assert!(error.contains("only erofs images without compression are read"), "{error}");
}

#[test]
fn paths_are_found_without_reading_all() {
    let image = Window::from(write(&sample()).bytes());
    let filesystem = FileSystem::open(&image).expect("sound");
    assert_paths(&filesystem.expect("it is known"));
}

#[test]
fn directories_that_contain_each_other_end() {
    let mut tree = Tree::new(TIME);
    tree.insert(path("a/b"), file("")).expect("free");
    let mut bytes = write(&tree).bytes();
    // Root, `a`, `b`: each an inode with its entries behind it. The first entry of `a` that is not
    // its own two becomes the root.
    let (root, entry) = (4096u64 / 32, 12);
    let a = 4096 + (64 + 3 * entry + 1 + 2 + 1usize).next_multiple_of(32);
    let third = a + 64 + 2 * entry;
    bytes[third..third + 8].copy_from_slice(&root.to_le_bytes());
    let error = read(bytes).expect_err("it goes round").to_string();
    assert_eq!(error, "the directory of inode 128 is damaged");
}

/// A small image of everything, made once.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| write(&small((1 << 20) + 5)).bytes());

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((0..1usize << 15, any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        // All inodes and directories are in front.
        let mut bytes = SMALL.clone();
        for (at, byte) in damage {
            let len = bytes.len();
            bytes[(1024 + at) % len] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(bytes).map(|tree| explore(&tree));
    }
}
