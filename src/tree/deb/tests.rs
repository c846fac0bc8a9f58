//! Packages that the tests and dpkg-deb make, whole and damaged.

use proptest::prelude::*;

use super::*;
use crate::command::{Command, find_in_path};
use crate::tree::samples::path;
use crate::tree::{Content, dir};

fn tree_of(files: &[(&str, &str)]) -> Vec<u8> {
    let mut tree = Tree::new(Time::EPOCH);
    for (name, text) in files {
        let content = Content::from(text.as_bytes().to_vec());
        let parent = path(name).parent().expect("a parent");
        tree.insert(parent, Node::directory(0o755, Time::EPOCH)).expect("free");
        tree.insert(path(name), Node::file(0o644, Time::EPOCH, content)).expect("free");
    }
    let mut bytes = Vec::new();
    tar::write(&tree, &mut bytes).expect("writes");
    bytes
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut bytes = AR_MAGIC.to_vec();
    for (name, content) in members {
        bytes.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, content.len()).bytes());
        bytes.extend(*content);
        bytes.extend((content.len() % 2 == 1).then_some(b'\n'));
    }
    bytes
}

/// Writes a package with this control file and these files.
fn deb(folder: &Path, name: &str, control: &str, files: &[(&str, &str)]) -> PathBuf {
    let control = tree_of(&[("control", control), ("postinst", "#!/bin/sh\n")]);
    let data = liblzma::encode_all(&tree_of(files)[..], 0).expect("xz");
    let control = crate::compress::gzip(6, &control);
    let bytes =
        ar(&[("debian-binary", b"2.0\n"), ("control.tar.gz", &control), ("data.tar.xz", &data)]);
    let place = folder.join(format!("{name}.deb"));
    std::fs::write(&place, bytes).expect("written");
    place
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn text(tree: &Tree, at: &str) -> Vec<u8> {
    match &tree.get(&path(at)).expect("there").kind {
        Kind::File(content) => content.read().expect("reads"),
        other => panic!("a {}", other.name()),
    }
}

#[test]
fn packages_are_unpacked_onto_a_merged_usr() {
    let folder = folder();
    let one = deb(folder.path(), "one", "Package: one\n", &[("lib/x/a", "a"), ("bin/b", "b")]);
    let two = deb(folder.path(), "two", "Package: two\n", &[("usr/lib/x/c", "c")]);
    let Source { tree, notices } = read(&[one, two], Options::default(), &|_| ()).expect("reads");
    assert_eq!(text(&tree, "usr/lib/x/a"), b"a");
    assert_eq!(text(&tree, "usr/bin/b"), b"b");
    assert!(
        matches!(&tree.get(&path("lib")).expect("there").kind, Kind::Symlink(t) if t == b"usr/lib")
    );
    assert_eq!(notices[0], Notice::Script("one".into(), "postinst".into()));
}

#[test]
fn who_replaces_whom_is_honoured_and_else_both_are_named() {
    let folder = folder();
    let new = |name: &str, control: &str| {
        let control = format!("Package: {name}\n{control}");
        deb(folder.path(), name, &control, &[("etc/x", name), (&format!("etc/{name}"), "")])
    };
    let old = new("old", "Description: a\n long one\n");
    let newer = new("newer", "Replaces: other,\n old (<< 2)\n");
    let stranger = new("stranger", "");
    for order in [[old.clone(), newer.clone()], [newer, old.clone()]] {
        let tree = read(&order, Options::default(), &|_| ()).expect("reads").tree;
        assert_eq!(text(&tree, "etc/x"), b"newer");
        assert!(tree.get(&path("etc/old")).is_some());
    }
    let error = read(&[old, stranger], Options::default(), &|_| ()).expect_err("a conflict");
    let wanted = "`/etc/x` is in old and in stranger, and neither replaces the other";
    assert!(error.to_string().ends_with(wanted), "{error}");
}

#[test]
fn damage_is_named() {
    let folder = folder();
    let refusal = |bytes: &[u8]| {
        let place = folder.path().join("x.deb");
        std::fs::write(&place, bytes).expect("written");
        let error = package(&place, &mut None, &|_| ()).expect_err("refused");
        error.downcast_ref::<DebError>().expect("of packages").clone()
    };
    assert_eq!(refusal(b"PK\x03\x04"), DebError::Magic);
    assert_eq!(refusal(&ar(&[("debian-binary", b"0.93\n")])), DebError::Version(b"0.93".into()));
    assert_eq!(refusal(&ar(&[("debian-binary", b"2.0\n")])), DebError::Missing("control.tar"));
    let whole = ar(&[("debian-binary", b"2.0\n"), ("control.tar", b"0123456789")]);
    assert_eq!(refusal(&whole[..whole.len() - 1]), DebError::Ends(132));
    assert_eq!(refusal(&whole[..100]), DebError::Header(72));
}

#[test]
fn a_package_of_dpkg_is_read_as_dpkg_unpacks_it() {
    let Some(program) = find_in_path("dpkg-deb") else {
        assert!(std::env::var_os("CI").is_none(), "dpkg-deb is missing (Debian: dpkg)");
        return eprintln!("skipped: no dpkg-deb");
    };
    let folder = folder();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("p/DEBIAN")).expect("made");
    std::fs::create_dir_all(at("p/usr/share/doc")).expect("made");
    std::fs::write(at("p/usr/share/doc/x"), "hello").expect("written");
    std::os::unix::fs::symlink("doc/x", at("p/usr/share/l")).expect("linked");
    let control =
        "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: p\n";
    std::fs::write(at("p/DEBIAN/control"), control).expect("written");
    let dpkg = |arguments: &[&str]| {
        let places = arguments.iter().map(|a| if a.starts_with('-') { (*a).into() } else { at(a) });
        Command::new(&program).args(places).run().expect("dpkg-deb runs")
    };
    for compression in ["-Zgzip", "-Zxz", "-Zzstd", "-Znone"] {
        dpkg(&["--root-owner-group", compression, "-b", "p", "p.deb"]);
        let tree = read(&[at("p.deb")], Options::default(), &|_| ()).expect("reads").tree;
        std::fs::remove_dir_all(at("out")).ok();
        dpkg(&["-x", "p.deb", "out"]);
        let mut unpacked = dir::read(&at("out"), &dir::Options::default()).expect("reads").tree;
        unpacked.floor_times();
        assert_eq!(tree.digest().expect("reads"), unpacked.digest().expect("reads"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_packages_are_read_or_refused(
        flips in proptest::collection::vec((0..4096usize, any::<u8>()), 1..6),
        cut in 0..8192usize,
    ) {
        let folder = folder();
        let place = deb(folder.path(), "p", "Package: p\n", &[("usr/x", "x")]);
        let mut bytes = std::fs::read(&place).expect("reads");
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
        }
        bytes.truncate(cut.max(1));
        std::fs::write(&place, bytes).expect("written");
        let _ = package(&place, &mut None, &|_| ());
    }
}
