//! A directory read and written back, with what is special on a host.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use super::{Options, Owners, read, write};
use crate::tree::Entry;
use crate::tree::samples::path;
use crate::tree::{Kind, Notice, Source, Tree};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// A folder with one of most kinds.
fn sample() -> tempfile::TempDir {
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("usr/bin")).expect("made");
    fs::create_dir_all(at("usr/.git/objects")).expect("made");
    fs::write(at("usr/bin/tool"), "tool").expect("written");
    fs::set_permissions(at("usr/bin/tool"), fs::Permissions::from_mode(0o4750)).expect("set");
    fs::hard_link(at("usr/bin/tool"), at("usr/bin/alias")).expect("linked");
    fs::write(at("usr/.git/objects/x"), "x").expect("written");
    symlink("../nowhere", at("usr/link")).expect("linked");
    let sparse = fs::File::create(at("sparse")).expect("created");
    sparse.set_len(8 << 20).expect("extended");
    sparse.write_all_at(b"middle", 4 << 20).expect("written");
    folder
}

fn options(owners: Owners, excludes: &[&str]) -> Options {
    Options { owners, excludes: excludes.iter().map(|e| (*e).to_owned()).collect() }
}

fn names(tree: &Tree) -> Vec<String> {
    tree.iter().map(|e| e.path.to_string()).collect()
}

#[test]
fn a_directory_is_read_sorted_and_belongs_to_root() {
    let folder = sample();
    let Source { tree, notices } = read(folder.path(), &Options::default()).expect("reads");
    let expected = ["", "sparse", "usr", "usr/.git", "usr/.git/objects", "usr/.git/objects/x"];
    assert_eq!(names(&tree)[..6], expected);
    assert_eq!(names(&tree)[6..], ["usr/bin", "usr/bin/alias", "usr/bin/tool", "usr/link"]);
    assert!(notices.is_empty());
    assert!(tree.iter().all(|e| (e.node.metadata.uid, e.node.metadata.gid) == (0, 0)));
    let tool = tree.get(&path("usr/bin/tool")).expect("there");
    assert_eq!(tool.metadata.mode, 0o4750);
    let ids: Vec<_> = tree.below(&path("usr/bin")).skip(1).map(|e| e.id).collect();
    assert_eq!(ids[0], ids[1], "hard links share a node");
    assert!(!tree.is_implied(&path("usr")));
}

#[test]
fn globs_leave_out_names_anywhere_and_paths() {
    let folder = sample();
    let globs = options(Owners::Root, &[".git", "usr/bin/*l"]);
    let tree = read(folder.path(), &globs).expect("reads").tree;
    assert_eq!(names(&tree), ["", "sparse", "usr", "usr/bin", "usr/bin/alias", "usr/link"]);
    let error = read(folder.path(), &options(Owners::Root, &["a[b"])).expect_err("no glob");
    assert!(error.to_string().contains("reading the exclude `a[b`"), "{error}");
}

#[test]
fn owners_are_kept_or_mapped_and_a_stranger_is_named() {
    let folder = sample();
    let me = rustix::process::geteuid().as_raw();
    let kept = read(folder.path(), &options(Owners::Preserve, &[])).expect("reads").tree;
    assert_eq!(kept.get(&path("usr")).expect("there").metadata.uid, me);
    let group = kept.get(&path("usr")).expect("there").metadata.gid;
    let map = format!("{me}:7,{group}:7").parse().expect("a map");
    let mapped = read(folder.path(), &options(Owners::Map(map), &[])).expect("reads").tree;
    assert_eq!(mapped.get(&path("usr")).expect("there").metadata.uid, 7);
    let map = format!("{}:7", me + 1).parse().expect("a map");
    let error = read(folder.path(), &options(Owners::Map(map), &[])).expect_err("a stranger");
    assert!(error.to_string().ends_with(&format!("its owner {me} is in no range of the map")));
}

#[test]
fn a_socket_is_left_out_with_a_notice_under_each_of_its_names() {
    let folder = folder();
    let _listener = UnixListener::bind(folder.path().join("s")).expect("bound");
    fs::hard_link(folder.path().join("s"), folder.path().join("t")).expect("linked");
    let Source { tree, notices } = read(folder.path(), &Options::default()).expect("reads");
    assert!(tree.is_empty());
    assert_eq!(notices, [Notice::Socket(path("s")), Notice::Socket(path("t"))]);
}

#[test]
fn what_vanishes_or_changes_is_an_error_that_names_it() {
    let folder = sample();
    let tree = read(folder.path(), &Options::default()).expect("reads").tree;
    let Kind::File(content) = &tree.get(&path("usr/bin/tool")).expect("there").kind else {
        panic!("it is a file")
    };
    fs::write(folder.path().join("usr/bin/tool"), "changed").expect("written");
    let error = content.read().expect_err("changed").to_string();
    assert!(error.contains("usr/bin/alias: it changed"), "{error}");
    fs::remove_file(folder.path().join("usr/bin/alias")).expect("removed");
    let error = content.read().expect_err("gone").to_string();
    assert!(
        error.contains("usr/bin/alias: no such file")
            || error.contains("usr/bin/alias: No such file"),
        "{error}"
    );
    let error = read(&folder.path().join("no"), &Options::default()).expect_err("missing");
    assert!(error.to_string().starts_with("reading the tree "), "{error}");
}

#[test]
fn what_is_written_reads_the_same() {
    let source = sample();
    let keep = options(Owners::Preserve, &[]);
    let tree = read(source.path(), &keep).expect("reads").tree;
    let target = folder();
    let copy = target.path().join("copy");
    let notices = write(&tree, &copy, &|_| ()).expect("writes");
    let back = read(&copy, &keep).expect("reads").tree;
    assert_eq!(names(&back), names(&tree));
    let is_lost =
        |e: &Entry| notices.iter().any(|n| matches!(n, Notice::Lost(p, _) if p == e.path));
    // A notice names one path of a node; its hard links share the loss.
    let lost: Vec<_> = tree.iter().filter(is_lost).map(|entry| entry.id).collect();
    for (was, is) in tree.iter().zip(back.iter()) {
        let mut expected = was.node.metadata.clone();
        if lost.contains(&was.id) {
            expected.mode &= 0o1777;
        }
        assert_eq!(is.node.metadata, expected, "{}", is.path);
        if let (Kind::File(a), Kind::File(b)) = (&was.node.kind, &is.node.kind) {
            assert!(a.is_same(b).expect("compares"), "{}", is.path);
        }
    }
    let Kind::File(sparse) = &back.get(&path("sparse")).expect("there").kind else {
        panic!("it is a file")
    };
    let data: u64 = sparse.data_ranges().expect("known").iter().map(|r| r.1).sum();
    assert!(data < 8 << 20, "holes are kept: {data}");
    let error = write(&tree, &copy, &|_| ()).expect_err("it is there").to_string();
    assert!(error.ends_with("it is not empty"), "{error}");
}

#[test]
fn attributes_are_kept_where_the_filesystem_has_them() {
    let (source, target) = (sample(), folder());
    let file = source.path().join("usr/bin/tool");
    if !super::xattr::write(&file, b"user.note", b"a\nb\0c").expect("asked") {
        return eprintln!("skipped: the temporary folder's filesystem has no user attributes");
    }
    let tree = read(source.path(), &Options::default()).expect("reads").tree;
    let attributes = &tree.get(&path("usr/bin/tool")).expect("there").metadata.xattrs;
    assert_eq!(attributes.get(&b"user.note"[..]), Some(&b"a\nb\0c".to_vec()));
    write(&tree, &target.path().join("copy"), &|_| ()).expect("writes");
    let copy: &Path = &target.path().join("copy");
    let back = read(copy, &Options::default()).expect("reads").tree;
    assert_eq!(&back.get(&path("usr/bin/tool")).expect("there").metadata.xattrs, attributes);
}
