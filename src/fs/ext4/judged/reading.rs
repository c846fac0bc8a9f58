//! Our reader of trees: it gives back what was written, reads what mke2fs wrote, and survives damage.

use std::os::unix::fs::{FileExt, symlink};
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::tree::{diff, dir};
use crate::volume::Window;

fn read(window: &Window) -> crate::error::Result<Tree> {
    Ok(super::unpack::tree(window)?.tree)
}

/// The image has the tree, as our own reader sees it.
pub(super) fn is_read_back(image: &Image, tree: &Tree) {
    let seen = read(&Window::open(&image.path).expect("there")).expect("sound");
    assert_eq!(diff::diff(tree, &seen, diff::Options::default()).expect("readable"), []);
}

#[test]
fn everything_is_read_back() {
    let mut tree = sample();
    let mut node = file("acl");
    let acl = [2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0];
    node.metadata.xattrs.insert(b"system.posix_acl_access".to_vec(), acl.to_vec());
    node.metadata.xattrs.insert(b"user.large".to_vec(), vec![7; 500]);
    tree.insert(path("acl"), node).expect("free");
    for i in 0..5000 {
        tree.insert(path(&format!("hashed/entry-{i}")), file("")).expect("free");
    }
    for block_size in [1024, 4096] {
        is_read_back(&write(&tree, &Options { block_size, ..options() }), &tree);
    }
}

#[test]
fn what_mke2fs_writes_is_read() {
    let Some(mke2fs) = tool("mke2fs") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (source, image) = (folder.path().join("source"), folder.path().join("image"));
    std::fs::create_dir_all(source.join("many/deep")).expect("made");
    let text: Vec<u8> = (0..700_000u32).flat_map(u32::to_le_bytes).collect();
    for i in 0..300 {
        std::fs::write(source.join(format!("many/file-{i}")), &text[..i * 10]).expect("written");
    }
    std::fs::write(source.join("large"), &text).expect("written");
    std::fs::hard_link(source.join("large"), source.join("many/linked")).expect("linked");
    symlink("../large", source.join("many/deep/link")).expect("linked");
    symlink("l".repeat(200), source.join("slow")).expect("linked");
    let sparse = File::create(source.join("sparse")).expect("made");
    sparse.set_len(10 << 20).expect("extended");
    sparse.write_all_at(b"island", 5 << 20).expect("written");
    let options = dir::Options { owners: dir::Owners::Preserve, ..dir::Options::default() };
    let wanted = dir::read(&source, &options).expect("readable").tree;
    // ext2 has lists of blocks, of three levels with such small ones.
    for arguments in
        [&["-t", "ext4"][..], &["-t", "ext2", "-b", "1024"], &["-t", "ext3", "-I", "128"]]
    {
        File::create(&image).and_then(|file| file.set_len(64 << 20)).expect("made");
        let run = Command::new(&mke2fs).args(arguments).args(["-q", "-F", "-d"]);
        run.arg(&source).arg(&image).run().expect("written");
        let mut seen = read(&Window::open(&image).expect("there")).expect("sound");
        let mut wanted = wanted.clone();
        // Inodes of 128 bytes have whole seconds; the root is mke2fs's own.
        wanted.floor_times();
        seen.floor_times();
        let mut differences = diff::diff(&wanted, &seen, diff::Options::default()).expect("reads");
        differences.retain(|difference| !difference.path.is_root());
        assert_eq!(differences, [], "{arguments:?}");
    }
}

#[test]
fn a_journal_that_holds_changes_is_refused() {
    let image = write(&sample(), &options());
    let file = File::options().write(true).open(&image.path).expect("there");
    let mut features = [0];
    let window = Window::open(&image.path).expect("there");
    window.read_exact_at(&mut features, 1024 + 96).expect("there");
    std::os::unix::fs::FileExt::write_all_at(&file, &[features[0] | 4], 1024 + 96)
        .expect("written");
    let error = read(&window).expect_err("refused").to_string();
    assert_eq!(error, "its journal holds changes that are not in place yet");
}

/// A small filesystem of most things, written once.
static SMALL: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut tree = sample();
    for large in ["large", "many", "nest"] {
        tree.remove(&path(large));
    }
    let image = write(&tree, &Options { block_size: 1024, journal: Journal::Off, ..options() });
    std::fs::read(&image.path).expect("there")
});

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damage_is_survived(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30),
        at_tables: bool,
    ) {
        let mut bytes = SMALL.clone();
        // Most of what is in use is at the start.
        let range = if at_tables { bytes.len().min(300 << 10) } else { bytes.len() };
        for (at, byte) in damage {
            bytes[at.index(range)] = byte;
        }
        if let Ok(tree) = read(&Window::from(bytes)) {
            for entry in tree.iter() {
                if let Kind::File(content) = &entry.node.kind && content.len() < 1 << 24 {
                    let _ = content.read();
                }
            }
        }
    }
}
