//! Our reader: it gives back what was written, reads what mksquashfs wrote, and survives damage.

use std::sync::LazyLock;

use super::*;
use crate::fs::FileSystem;
use crate::fs::sample_trees::{assert_paths, deepest, explore, fill, small};
use crate::fs::squashfs::xattr;
use crate::volume::Window;

/// An image in memory, as a tree.
fn read(bytes: Vec<u8>) -> crate::error::Result<Tree> {
    Ok(Squashfs::open(&Window::from(bytes))?.tree()?.tree)
}

/// What squashfs can hold of a tree.
fn storable(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let metadata = &mut tree.get_mut(&path).expect("there").metadata;
        metadata.mtime = Time::from_seconds(metadata.mtime.seconds.clamp(0, u32::MAX.into()));
        metadata.xattrs.retain(|name, _| xattr::is_storable(name));
    }
    tree
}

pub(super) fn is_read_back(tree: &Tree, options: &Options) {
    let seen = read(std::fs::read(write(tree, options).path).expect("there")).expect("sound");
    let differences = diff::diff(&storable(tree), &seen, diff::Options::default());
    assert_eq!(differences.expect("readable"), []);
}

#[test]
fn everything_is_read_back_with_each_compressor() {
    for compressor in Compressor::ALL {
        is_read_back(&sample(), &options(compressor));
    }
    is_read_back(&sample(), &Options { block_size: 4096, ..options(Compressor::Lz4) });
}

#[test]
fn the_longest_paths_are_read_back_and_listed() {
    let tree = deepest();
    is_read_back(&tree, &options(Compressor::Zstd));
    let listed = write(&tree, &options(Compressor::Zstd)).unsquashfs(&["-l"]);
    assert!(listed.is_none_or(|listed| listed.lines().any(|line| line.len() > 4095)));
}

#[test]
fn what_mksquashfs_writes_is_read() {
    let Some(mksquashfs) = tool("mksquashfs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (source, image) = (folder.path().join("source"), folder.path().join("image"));
    fill(&source);
    let wanted = dir::read(&source, &dir::Options::default()).expect("readable").tree;
    for arguments in [
        &["-comp", "gzip"][..],
        &["-comp", "xz", "-Xbcj", "x86"],
        &["-comp", "lz4", "-Xhc", "-b", "64K"],
        &["-comp", "zstd", "-always-use-fragments", "-no-exports"],
        &["-comp", "gzip", "-noI", "-noD", "-noF", "-noX", "-no-duplicates"],
    ] {
        let run = Command::new(&mksquashfs).arg(&source).arg(&image);
        run.args(["-all-root", "-noappend", "-no-progress"])
            .args(arguments)
            .run()
            .expect("written");
        let seen = read(std::fs::read(&image).expect("there")).expect("sound");
        let mut wanted = wanted.clone();
        wanted.floor_times();
        let differences = diff::diff(&wanted, &seen, diff::Options::default());
        assert_eq!(differences.expect("readable"), [], "{arguments:?}");
    }
}

#[test]
fn paths_are_found_without_reading_all() {
    let image = std::fs::read(write(&sample(), &options(Compressor::Zstd)).path).expect("there");
    let image = Window::from(image);
    let filesystem = FileSystem::open(&image).expect("sound");
    assert_paths(&filesystem.expect("it is known"));
}

#[test]
fn directories_that_contain_each_other_end() {
    let mut tree = Tree::new(TIME);
    tree.insert(path("a/b"), file("")).expect("free");
    let mut bytes = std::fs::read(write(&tree, &options(Compressor::Lz4)).path).expect("there");
    // Every inode's place in every directory becomes that of the root.
    let superblock = Squashfs::open(&Window::from(bytes.clone())).expect("sound");
    let (root, table) = {
        let superblock = &superblock.image.superblock;
        (superblock.root as u16, superblock.directory_table as usize)
    };
    // So small a table is stored as it is: a header, its length, then entries.
    for listing in [table + 2, table + 2 + 12 + 8 + 1] {
        bytes[listing + 12..listing + 14].copy_from_slice(&root.to_le_bytes());
    }
    let error = read(bytes).expect_err("it goes round").to_string();
    assert!(error.contains("the directory of inode"), "{error}");
}

/// A small image of everything in each compression, written once.
static SMALL: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let image = |compressor| {
        let options = Options { block_size: 4096, ..options(compressor) };
        std::fs::read(write(&small(20_000), &options).path).expect("there")
    };
    Compressor::ALL.into_iter().map(image).collect()
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        cut in prop::option::of(any::<prop::sample::Index>()),
        image in 0..Compressor::ALL.len(),
        tables_only: bool,
    ) {
        let mut bytes = SMALL[image].clone();
        let start = if tables_only { bytes.len() * 2 / 3 } else { 0 };
        for (at, byte) in damage {
            let len = bytes.len() - start;
            bytes[start + at.index(len)] = byte;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = read(bytes).map(|tree| explore(&tree));
    }
}
