//! Archives of GNU tar, of ours, and of nobody in their right mind.

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::header::{self, Header};
use super::{TarError, pax, read, read_stream, write};
use crate::command::{Command, find_in_path};
use crate::tree::samples::path;
use crate::tree::{Content, Kind, Node, Notice, Time, Tree, TreeError, TreePath, dir};

/// GNU tar, or nothing where it may be missing.
fn gnu_tar() -> Option<Command> {
    let found = find_in_path("tar").map(Command::new);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "GNU tar is missing (Debian: tar)");
        eprintln!("skipped: no tar");
    }
    found
}

/// What a tree says about every path, contents included.
fn described(tree: &Tree) -> Vec<String> {
    let counts = tree.link_counts();
    let line = |e: crate::tree::Entry<'_>| {
        let kind = match &e.node.kind {
            Kind::File(content) => format!("{:x?}", Sha256::digest(content.read().expect("reads"))),
            other => format!("{other:?}"),
        };
        format!("{} {:?} {kind} {}", e.path, e.node.metadata, counts[e.id])
    };
    tree.iter().map(line).collect()
}

/// A folder with what GNU tar can do.
fn sample() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    let deep = "d".repeat(90) + "/" + &"e".repeat(120);
    fs::create_dir_all(at(&deep)).expect("made");
    fs::write(at(&(deep.clone() + "/long")), "far down").expect("written");
    fs::write(at("empty"), "").expect("written");
    fs::write(at("ümläut"), "x".repeat(1025)).expect("written");
    fs::set_permissions(at("ümläut"), fs::Permissions::from_mode(0o6751)).expect("set");
    fs::hard_link(at("empty"), at("linked")).expect("linked");
    symlink("t".repeat(150), at("link")).expect("linked");
    let sparse = fs::File::create(at("sparse")).expect("created");
    sparse.set_len(8 << 20).expect("extended");
    for i in 0..30u64 {
        sparse.write_all_at(b"data", i << 18).expect("written");
    }
    folder
}

#[test]
fn the_archives_of_gnu_tar_are_read_in_every_format_and_compression() {
    let Some(tar) = gnu_tar() else { return };
    let folder = sample();
    let options = dir::Options { owners: dir::Owners::Preserve, ..Default::default() };
    let mut wanted = dir::read(folder.path(), &options).expect("reads").tree;
    let whole = described(&wanted);
    wanted.floor_times();
    let seconds = described(&wanted);
    for (arguments, expected) in [
        (&["--format=gnu"][..], &seconds),
        (&["--format=gnu", "-S"], &seconds),
        (&["--format=posix"], &whole),
        (&["--format=posix", "-S", "--sparse-version=0.0"], &whole),
        (&["--format=posix", "-S", "--sparse-version=0.1"], &whole),
        (&["--format=posix", "-S", "--sparse-version=1.0"], &whole),
        (&["--format=oldgnu", "-z"], &seconds),
        (&["--format=posix", "-J"], &whole),
        (&["--format=posix", "--zstd"], &whole),
        (&["--format=posix", "-j"], &whole),
    ] {
        let archive = folder.path().with_extension("archive");
        let made = tar.clone().args(arguments).arg("-cf").arg(&archive);
        made.arg("-C").arg(folder.path()).arg(".").run().expect("tar runs");
        let tree = read(&archive, &|_| ()).expect("reads").tree;
        assert_eq!(&described(&tree), expected, "{arguments:?}");
        let stream = fs::File::open(&archive).expect("opens");
        assert_eq!(&described(&read_stream(stream).expect("reads").tree), expected);
        fs::remove_file(archive).expect("removed");
    }
}

/// A tree that needs every record that we write.
fn rich() -> Tree {
    let mut tree = Tree::new(Time::from_seconds(1));
    let mut put = |name: &[u8], node| {
        tree.insert(TreePath::new(name).expect("good"), node).expect("free");
    };
    let file = |bytes: &[u8]| Node::file(0o640, Time::EPOCH, Content::from(bytes.to_vec()));
    put(b"", Node::directory(0o711, Time::EPOCH));
    put(b"dev/null", Node::char_device(0o666, Time::EPOCH, 1, 3));
    put(&[b'n'; 200], file(b"long name"));
    put(b"bytes\xff", file(&[7; 1500]));
    put(b"fifo", Node { kind: Kind::Fifo, ..file(b"") });
    put(b"link", Node::symlink(vec![b'/'; 180], Time::EPOCH));
    let mut odd = file(b"odd");
    odd.metadata.mtime = Time { seconds: -5, nanoseconds: 250_000_000 };
    (odd.metadata.uid, odd.metadata.gid) = (3_000_000, u32::MAX - 1);
    odd.metadata.xattrs.insert(b"user.a=%".to_vec(), b"1\n2\0".to_vec());
    odd.metadata.xattrs.insert(b"security.capability".to_vec(), vec![1, 0, 0, 2, 0]);
    put(b"odd", odd);
    tree.link(path("a-link"), &path("odd")).expect("linked");
    tree
}

fn written(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    assert_eq!(write(tree, &mut bytes).expect("writes"), []);
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    let volume = crate::volume::Volume::new(file.as_file(), 0, u64::MAX);
    assert_eq!(super::write_to(tree, &volume, &|_| ()).expect("writes"), []);
    assert!(fs::read(file.path()).expect("written") == bytes, "all processors write the same");
    bytes
}

#[test]
fn what_is_written_reads_the_same_and_gnu_tar_agrees() {
    let tree = rich();
    let bytes = written(&tree);
    let back = read_stream(&bytes[..]).expect("reads").tree;
    assert_eq!(described(&back), described(&tree));
    assert_eq!(written(&back), bytes);
    let Some(tar) = gnu_tar() else { return };
    let list = tar.args(["--numeric-owner", "--xattrs", "-tvvf", "-"]).run_with_input(&bytes);
    let list = String::from_utf8_lossy(&list.expect("tar lists it")).into_owned();
    let star_for_attributes = "-rw-r-----* 3000000/4294967294";
    for part in ["crw-rw-rw-  0/0", star_for_attributes, "prw-r-----", "odd link to a-link"] {
        assert!(list.contains(part), "{part} in {list}");
    }
}

#[test]
fn gnu_tar_unpacks_what_we_write() {
    let Some(tar) = gnu_tar() else { return };
    let folder = sample();
    let tree = dir::read(folder.path(), &dir::Options::default()).expect("reads").tree;
    let target = tempfile::tempdir().expect("a temporary folder");
    let unpack = tar.args(["--no-same-owner", "-p", "-xf", "-", "-C"]).arg(target.path());
    unpack.run_with_input(&written(&tree)).expect("tar unpacks");
    let back = dir::read(target.path(), &dir::Options::default()).expect("reads").tree;
    let (mut back, mut tree) = (back, tree);
    back.floor_times();
    tree.floor_times();
    assert_eq!(described(&back), described(&tree));
}

/// An archive of these members: path, type, link target, content.
pub(in crate::tree) fn archive(members: &[(&str, u8, &str, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, kind, link, content) in members {
        let mut header = Header::new(*kind);
        assert!(header.set_text(header::NAME, name.as_bytes()));
        assert!(header.set_text(header::LINK, link.as_bytes()));
        header.set_number(header::MODE, 0o644);
        header.set_number(header::SIZE, content.len() as i64);
        header.seal();
        bytes.extend(header.0);
        bytes.extend(*content);
        bytes.resize(bytes.len().next_multiple_of(512), 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

fn refusal(bytes: &[u8]) -> String {
    let error = read_stream(bytes).expect_err("refused");
    error.to_string().strip_prefix("reading the archive from a stream: ").expect("context").into()
}

#[test]
fn what_a_hostile_archive_does_is_refused_by_name() {
    let up = archive(&[("a/../../etc/passwd", b'0', "", b"x")]);
    assert!(refusal(&up).contains("`a/../../etc/passwd` has a `..`"), "{}", refusal(&up));
    let below_link = archive(&[("a", b'2', "/etc", b""), ("a/passwd", b'0', "", b"x")]);
    assert_eq!(refusal(&below_link), TreeError::NotADirectory(path("a"), "symlink").to_string());
    let mut records = Vec::new();
    pax::push(&mut records, b"path", &b"a/".repeat(100_000));
    let deep = archive(&[("x", b'x', "", &records), ("a", b'0', "", b"")]);
    assert!(refusal(&deep).contains("is too long"), "{}", refusal(&deep));
    let link_out = archive(&[("a", b'1', "../../etc/passwd", b"")]);
    assert!(refusal(&link_out).contains("`../../etc/passwd` has a `..`"));
    let link_missing = archive(&[("a", b'1', "/etc/passwd", b"")]);
    let nothing = TreeError::LinkToNothing(path("a"), path("etc/passwd"));
    assert_eq!(refusal(&link_missing), nothing.to_string());
    let itself = archive(&[("a", b'0', "", b""), ("a", b'1', "a", b"")]);
    assert_eq!(refusal(&itself), TreeError::Exists(path("a"), "file").to_string());
    let over_directory = archive(&[("a/b", b'0', "", b""), ("a", b'0', "", b"")]);
    assert_eq!(refusal(&over_directory), TreeError::Exists(path("a"), "directory").to_string());
    let multi = archive(&[("a", b'M', "", b"")]);
    assert_eq!(refusal(&multi), TarError::Type { path: path("a"), kind: 'M' }.to_string());
}

#[test]
fn absolute_members_stay_inside() {
    let tree = read_stream(&archive(&[("/etc/x", b'0', "", b"x")])[..]).expect("reads").tree;
    assert!(tree.get(&path("etc/x")).is_some());
}

#[test]
fn damage_is_named_with_its_place() {
    assert_eq!(refusal(b"no tar at all"), TarError::NotTar.to_string());
    assert_eq!(refusal(&[1; 2048]), TarError::NotTar.to_string());
    let whole = archive(&[("a", b'0', "", &[1; 600]), ("b", b'0', "", b"")]);
    assert_eq!(refusal(&whole[..1024]), TarError::Ends(512).to_string());
    assert_eq!(refusal(&whole[..1700]), TarError::Ends(1536).to_string());
    let mut damaged = whole.clone();
    damaged[1540] ^= 1;
    assert_eq!(refusal(&damaged), TarError::Header(1536).to_string());
    let mut huge = whole;
    huge[header::SIZE].copy_from_slice(&[&[0x80, 0, 0, 0, 0x7f][..], &[0xff; 7]].concat());
    let mut header = Header(*huge.first_chunk().expect("a block"));
    header.seal();
    huge[..512].copy_from_slice(&header.0);
    assert_eq!(refusal(&huge), TarError::Ends(512).to_string());
}

#[test]
fn bombs_of_records_and_holes_are_refused() {
    let long = archive(&[("x", b'x', "", &vec![b'1'; 2 << 20]), ("a", b'0', "", b"")]);
    assert_eq!(refusal(&long), TarError::Records(512).to_string());
    let mut records = Vec::new();
    pax::push(&mut records, b"GNU.sparse.size", b"999999999999999");
    pax::push(&mut records, b"GNU.sparse.map", b"0,1");
    let holes = archive(&[("x", b'x', "", &records), ("a", b'0', "", b"1")]);
    assert_eq!(refusal(&holes), TarError::Size(path("a"), 999_999_999_999_999).to_string());
    let mut records = Vec::new();
    pax::push(&mut records, b"GNU.sparse.size", b"5");
    pax::push(&mut records, b"GNU.sparse.map", b"0,3,2,1");
    let overlap = archive(&[("x", b'x', "", &records), ("a", b'0', "", b"1234")]);
    assert_eq!(refusal(&overlap), TarError::Sparse(path("a")).to_string());
}

#[test]
fn the_last_of_two_members_counts_and_is_told() {
    let twice = archive(&[("a", b'0', "", b"1"), ("a", b'0', "", b"2")]);
    let source = read_stream(&twice[..]).expect("reads");
    assert_eq!(source.notices, [Notice::Replaced(path("a"))]);
    let Kind::File(content) = &source.tree.get(&path("a")).expect("there").kind else {
        panic!("it is a file")
    };
    assert_eq!(content.read().expect("reads"), b"2");
}

#[test]
fn an_archive_that_changes_is_an_error() {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    fs::write(file.path(), archive(&[("a", b'0', "", b"1")])).expect("written");
    let tree = read(file.path(), &|_| ()).expect("reads").tree;
    fs::write(file.path(), "short").expect("written");
    let Kind::File(content) = &tree.get(&path("a")).expect("there").kind else {
        panic!("it is a file")
    };
    assert!(content.read().is_err());
    assert!(read(Path::new("/nowhere.tar"), &|_| ()).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damaged_archives_are_read_or_refused(
        flips in proptest::collection::vec((0..8192usize, any::<u8>()), 1..8),
        reseal in any::<bool>(),
        cut in 0..9000usize,
    ) {
        let mut bytes = written(&rich());
        for (at, value) in flips {
            let at = at % bytes.len();
            bytes[at] = value;
            if reseal {
                let start = at / 512 * 512;
                let mut header = Header(*bytes[start..].first_chunk().expect("a block"));
                header.seal();
                bytes[start..start + 512].copy_from_slice(&header.0);
            }
        }
        bytes.truncate(cut.max(1));
        if let Ok(source) = read_stream(&bytes[..]) {
            prop_assert!(source.tree.len() < 1000);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = read_stream(&bytes[..]);
    }
}

#[test]
fn an_archive_without_the_mark_of_its_end_is_read_and_said_to_be_so() {
    let bytes = archive(&[("a", b'0', "", b"x"), ("b", b'0', "", b"x")]);
    let end = bytes.len() - 1024;
    assert_eq!(read_stream(&bytes[..]).expect("whole").notices, []);
    let unmarked = read_stream(&bytes[..end]).expect("no member lacks anything");
    assert_eq!(unmarked.tree.len(), 3);
    let said: Vec<_> = unmarked.notices.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].contains("no mark at its end"), "{said:?}");
    for cut in [end - 512, end - 1, end + 1, end - 1024 + 100] {
        assert!(read_stream(&bytes[..cut]).is_err(), "{cut}");
    }
}
