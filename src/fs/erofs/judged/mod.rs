//! Tests of the whole writer, judged by erofs-utils; the kernel judges it in tests/mount.rs.

mod reading;

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::command::Command;
use crate::fs::sample_trees::{self, TIME, file, node, path, random, sample};
use crate::tree::{Content, Kind, Node, Time, Tree, diff, dir};
use crate::volume::Volume;

/// A tool of erofs-utils; without it a test is skipped, except in CI.
fn tool(name: &str) -> Option<PathBuf> {
    sample_trees::tool(name, "erofs-utils")
}

/// An image of a tree in a folder that goes away with it.
struct Image {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn write_with(tree: &Tree, options: &Options) -> Image {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image");
    let file = File::options().create_new(true).read(true).write(true).open(&path).expect("new");
    let plan = plan(tree, options).expect("it is possible");
    let len = plan.write(&Volume::new(&file, 0, u64::MAX), &|_| ()).expect("written");
    assert_eq!(file.metadata().expect("there").len(), len);
    Image { folder, path }
}

fn write(tree: &Tree) -> Image {
    write_with(tree, &Options::new(TIME))
}

impl Image {
    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("there")
    }

    /// The image unpacked by fsck.erofs, which finds nothing wrong, as a tree.
    fn unpacked(&self) -> Option<Tree> {
        let out = self.folder.path().join("out");
        let run = Command::new(tool("fsck.erofs")?)
            .arg(format!("--extract={}", out.display()))
            .args(["--no-preserve", "--overwrite"])
            .arg(&self.path);
        let said = run.output().expect("runs");
        let errors = String::from_utf8_lossy(&said.stderr);
        assert!(said.status.success() && errors.is_empty(), "{errors}");
        Some(dir::read(&out, &dir::Options::default()).expect("readable").tree)
    }
}

/// Compares an image with its tree, as far as fsck.erofs unpacks it for an ordinary user.
fn assert_same(image: &Image, tree: &Tree) {
    let Some(seen) = image.unpacked() else { return };
    let (wanted, seen) = (comparable(tree), comparable(&seen));
    assert_eq!(diff::diff(&wanted, &seen, diff::Options::default()).expect("readable"), []);
}

/// Names, kinds and contents of files, directories and links.
fn comparable(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let node = tree.get_mut(&path).expect("there");
        let metadata = &mut node.metadata;
        (metadata.mode, metadata.uid, metadata.gid) = (0, 0, 0);
        (metadata.mtime, metadata.xattrs) = (TIME, Default::default());
        if !matches!(node.kind, Kind::File(_) | Kind::Directory | Kind::Symlink(_)) {
            tree.remove(&path);
        }
    }
    // fsck.erofs makes a file of each name.
    let mut apart = Tree::new(TIME);
    for entry in tree.iter() {
        apart.insert(entry.path.clone(), entry.node.clone()).expect("free");
    }
    apart
}

/// A tree without what fsck.erofs 1.5 cannot unpack.
fn unpackable(mut tree: Tree) -> Tree {
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let kind = &tree.get(&path).expect("there").kind;
        if !matches!(kind, Kind::File(_) | Kind::Directory | Kind::Symlink(_)) {
            tree.remove(&path);
        }
    }
    tree
}

#[test]
fn everything_is_unpacked_as_it_was() {
    let tree = unpackable(sample());
    assert_same(&write(&tree), &tree);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_is_unpacked_as_it_was(tree in random()) {
        let tree = unpackable(tree);
        assert_same(&write(&tree), &tree);
    }
}

#[test]
fn zeros_take_no_room_and_the_source_does_not_matter() {
    let source = tempfile::NamedTempFile::new().expect("a file");
    let size = (3u64 << 30) + 12345;
    source.as_file().set_len(size).expect("extended");
    for at in [0, 1 << 30, size - 5] {
        source.as_file().write_all_at(b"island", at).expect("written");
    }
    let mut tree = Tree::new(TIME);
    let sparse = Content::host(source.path()).expect("there");
    tree.insert(path("sparse"), Node::file(0o644, TIME, sparse)).expect("free");
    let image = write(&tree);
    assert!(image.path.metadata().expect("there").len() < 400_000);
    // What has no holes, because it is in memory, gives the same bytes.
    let with = |content| {
        let mut tree = Tree::new(TIME);
        tree.insert(path("f"), Node::file(0o644, TIME, content)).expect("free");
        write(&tree).bytes()
    };
    source.as_file().set_len(2 << 20).expect("cut");
    let host = Content::host(source.path()).expect("there");
    let bytes = Content::from(host.read().expect("readable"));
    assert!(with(host) == with(bytes));
}

#[test]
fn a_directory_of_100_000_entries_is_whole() {
    let mut tree = Tree::new(TIME);
    for i in 0..100_000 {
        tree.insert(path(&format!("many/entry-{i}")), file("")).expect("free");
    }
    let Some(seen) = write(&tree).unpacked() else { return };
    assert_eq!(seen.len(), tree.len());
}

#[test]
fn the_identity_follows_the_contents() {
    let with = |text: &str| {
        let mut tree = Tree::new(TIME);
        tree.insert(path("f"), file(text)).expect("free");
        tree.insert(path("g"), file([text.as_bytes(), &[7; 5000]].concat())).expect("free");
        write(&tree).bytes()[1024 + 48..1024 + 64].to_vec()
    };
    assert_eq!(with("one"), with("one"));
    assert_ne!(with("one"), with("two"));
    let (uuid, label) = (crate::bytes::Guid::new(7), b"sixteen bytes ok".to_vec());
    let options = Options { uuid: Some(uuid), label, ..Options::new(TIME) };
    let bytes = write_with(&sample(), &options).bytes();
    assert_eq!(bytes[1024 + 48..1024 + 64], uuid.to_bytes());
    assert_eq!(&bytes[1024 + 64..1024 + 80], b"sixteen bytes ok");
}

#[test]
fn what_is_lost_is_said_and_what_is_impossible_refused() {
    let mut tree = Tree::new(TIME);
    let mut other = file("");
    other.metadata.xattrs.insert(b"system.other".to_vec(), vec![1]);
    tree.insert(path("f"), other).expect("free");
    let plan_of = |tree: &Tree| {
        let plan = plan(tree, &Options::new(TIME)).expect("possible");
        plan.notices.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(plan_of(&tree), ["`/f` loses the attribute system.other"]);

    let refused = |options: &Options, node: Node| {
        let mut tree = Tree::new(TIME);
        tree.insert(path("f"), node).expect("free");
        plan(&tree, options).expect_err("not possible").to_string()
    };
    let options = Options::new(TIME);
    assert_eq!(
        refused(&Options { label: vec![b'l'; 17], ..options.clone() }, file("")),
        "a label has at most 16 bytes, not 17"
    );
    assert_eq!(
        refused(&options, Node::symlink("", TIME)),
        "`/f`: a link's target has 1 to 4095 bytes and no NUL"
    );
    let device = Kind::CharDevice { major: 4096, minor: 0 };
    assert_eq!(
        refused(&options, node(0o600, device)),
        "`/f`: there is no device 4096:0, majors end at 4095 and minors at 1048575"
    );
    let mut long = file("");
    long.metadata.xattrs.insert(b"user.long".to_vec(), vec![0; 65536]);
    assert!(refused(&options, long).starts_with("`/f`: an attribute's name has at most"));
}

#[test]
fn a_volume_that_is_too_small_is_an_error() {
    let disk = tempfile::tempfile().expect("a file");
    let tree = sample();
    let plan = plan(&tree, &Options::new(TIME)).expect("possible");
    assert!(plan.write(&Volume::new(&disk, 0, 1 << 16), &|_| ()).is_err());
}

/// A tree whose times are all those of a moment.
fn at_one_time(mut tree: Tree, time: Time) -> Tree {
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        tree.get_mut(&path).expect("there").metadata.mtime = time;
    }
    tree
}
