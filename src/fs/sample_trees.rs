//! Trees for the tests of filesystems: a bit of everything, and random ones; and the programs that judge
//! what becomes of them.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::FileSystem;
use crate::command::find_in_path;
pub(super) use crate::tree::samples::path;
use crate::tree::{Content, Extent, Kind, Metadata, Node, Spool, Time, Tree, TreePath};

/// The time of whatever has no other.
pub(super) const TIME: Time = Time { seconds: 1_700_000_000, nanoseconds: 123_456_789 };

/// A program that judges; without it a test is skipped, except in CI.
pub(super) fn tool(name: &str, package: &str) -> Option<PathBuf> {
    let found = find_in_path(name);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no {name}: install {package}");
        eprintln!("skipped: no {name}, which {package} has");
    }
    found
}

/// A file of these bytes.
pub(super) fn file(bytes: impl Into<Vec<u8>>) -> Node {
    Node::file(0o644, TIME, Content::from(bytes.into()))
}

/// Makes a folder of the host, of many files, links and a hole, for other programs to make images of.
pub(super) fn fill(folder: &Path) {
    fs::create_dir_all(folder.join("many/deep")).expect("made");
    let text: Vec<u8> = (0..200_000u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    for i in 0..3000 {
        fs::write(folder.join(format!("many/file-{i}")), &text[..i]).expect("written");
    }
    fs::write(folder.join("large"), &text).expect("written");
    fs::hard_link(folder.join("large"), folder.join("many/linked")).expect("linked");
    symlink("../large", folder.join("many/deep/link")).expect("linked");
    let sparse = File::create(folder.join("sparse")).expect("made");
    sparse.set_len(10 << 20).expect("extended");
    sparse.write_all_at(b"island", 5 << 20).expect("written");
}

/// An entry owned by root.
pub(super) fn node(mode: u16, kind: Kind) -> Node {
    Node { metadata: Metadata::new(mode, TIME), kind }
}

/// A bit of everything.
pub(super) fn sample() -> Tree {
    let mut tree = Tree::new(TIME);
    let mut add = |at: &str, node| tree.insert(path(at), node).expect("free");
    add("etc/hostname", file("sample\n"));
    add("empty", file(""));
    add("a-block", file(vec![b'x'; 4096]));
    add("large", file((0..3_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<_>>()));
    add("fast", Node::symlink(vec![b'f'; 59], TIME));
    add("slow", Node::symlink(vec![b's'; 60], TIME));
    add("slowest", Node::symlink(vec![b'l'; 1023], TIME));
    add("dev/null", Node::char_device(0o666, TIME, 1, 3));
    add("dev/nvme", node(0o660, Kind::BlockDevice { major: 259, minor: 70000 }));
    add("dev/pipe", node(0o600, Kind::Fifo));
    add("dev/socket", node(0o755, Kind::Socket));
    let mut owned = file("owned");
    owned.metadata.uid = 0x12_3456;
    owned.metadata.gid = 0x65_4321;
    owned.metadata.mode = 0o6751;
    owned.metadata.mtime = Time { seconds: -5, nanoseconds: 999_999_999 };
    add("owned", owned);
    let mut later = file("later");
    later.metadata.mtime = Time { seconds: 0x1_2345_6789, nanoseconds: 1 };
    add("later", later);
    add("tmp", Node::directory(0o1777, TIME));
    for i in 0..300 {
        add(&format!("many/{}{i}", "n".repeat(i % 250)), file(format!("{i}")));
        add(&format!("nest/{i}"), Node::directory(0o700, TIME));
    }
    add(&format!("deep{}", "/d".repeat(100)), file("deep"));
    tree.link(path("linked"), &path("owned")).expect("free");
    tree.link(path("etc/linked"), &path("owned")).expect("free");
    tree
}

/// The sample without what is large, and with a file of `len` bytes that has an attribute.
pub(super) fn small(len: usize) -> Tree {
    let mut tree = sample();
    for large in ["large", "many", "nest"] {
        tree.remove(&path(large));
    }
    let mut node = file(vec![b'n'; len]);
    node.metadata.xattrs.insert(b"user.some".to_vec(), b"value".to_vec());
    tree.insert(path("blocks"), node).expect("free");
    tree
}

/// Whether the sample's paths are found in a filesystem without reading all of it.
pub(super) fn assert_paths(filesystem: &FileSystem) {
    let entry = |at: &str| filesystem.entry(&path(at)).expect("sound");
    assert_eq!(entry("etc/hostname").map(|e| e.size), Some(7));
    assert_eq!(entry("etc/hostname/x"), None);
    assert_eq!(entry("none"), None);
    assert_eq!(filesystem.read(&path("etc/hostname"), 3).expect("there"), b"sam");
    assert_eq!(filesystem.list(&path("etc")).expect("there").len(), 2);
    assert!(filesystem.list(&path("empty")).is_err());
    let names = sample().iter().filter(|e| e.path.components().count() == 1).count();
    assert_eq!(filesystem.list(&TreePath::root()).expect("there").len(), names);
}

/// Reads all contents that can be read, of a damaged image: nothing may panic.
pub(super) fn explore(tree: &Tree) {
    for entry in tree.iter() {
        if let Kind::File(content) = &entry.node.kind
            && let Ok(reader) = content.open()
        {
            let _ = content.data_ranges();
            let _ = reader.take(1 << 20).read_to_end(&mut Vec::new());
        }
    }
}

/// Names up to 255 bytes; few letters, so that parents are shared.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[abc]",
        4 => "[a-z]{1,12}",
        2 => "[a-zé]{20,120}",
        1 => "[xyz]{255}",
    ]
}

/// A file with holes, whose last bytes may be one; it is as an archive of sparse files has it.
fn sparse() -> impl Strategy<Value = Kind> {
    vec((0..40_000u64, 1..5000u64), 1..5).prop_map(|runs| {
        let mut spool = Spool::new().expect("a spool");
        let section = spool.add(&[b's'; 5000][..]).expect("added");
        let (mut end, mut extents) = (0, Vec::new());
        for (gap, len) in runs {
            extents.push(Extent { at: end + gap, from: 0, len });
            end += gap + len;
        }
        Kind::File(section.sparse(end + 7000, &extents).expect("inside"))
    })
}

fn kind() -> impl Strategy<Value = Kind> {
    let bytes = prop_oneof![0..100usize, 4000..4200usize, 0..100_000usize];
    prop_oneof![
        2 => sparse(),
        6 => bytes.prop_map(|len| Kind::File(vec![b'x'; len].into())),
        2 => Just(Kind::Directory),
        2 => vec(1..=255u8, 1..1000).prop_map(Kind::Symlink),
        1 => (0..4096u32, 0..0x10_0000u32).prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
        1 => (0..300u32, 0..300u32).prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
    ]
}

fn metadata() -> impl Strategy<Value = Metadata> {
    let time = (-(1i64 << 31)..1 << 33, 0..1_000_000_000u32)
        .prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
    let xattrs = btree_map(
        "(user|trusted|security)\\.[a-z]{1,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60),
        0..8,
    );
    // Whoever runs the test must be able to read what debugfs dumps.
    ((0..0o10000u16).prop_map(|mode| mode | 0o700), any::<u32>(), any::<u32>(), time, xattrs)
        .prop_map(|(mode, uid, gid, mtime, xattrs)| Metadata { mode, uid, gid, mtime, xattrs })
}

/// The longest path that the judges unpack: their own folder stands before it.
const DEEP_MAX: usize = 3900;

/// A folder far below the root: of many short names, of a few of the longest, or of any.
fn deep() -> impl Strategy<Value = String> {
    prop_oneof![vec("[ab]", 6..400), vec("[xyz]{255}", 1..15), vec(name(), 6..40),].prop_map(
        |names| {
            let mut path = names.join("/");
            // Whole names, and room for what is in it.
            while path.len() > DEEP_MAX - 256 {
                path.truncate(path.rfind('/').unwrap_or(0));
            }
            path
        },
    )
}

/// Where an entry is: up to five names below the root, or below the tree's deep folder.
fn place() -> impl Strategy<Value = (bool, String)> {
    (prop::bool::weighted(0.3), vec(name(), 1..6).prop_map(|names| names.join("/")))
}

/// Entries in no order, many of which cannot be placed; then hard links. Half of the trees are deep.
pub(super) fn random() -> impl Strategy<Value = Tree> {
    let node = (metadata(), kind()).prop_map(|(metadata, kind)| Node { metadata, kind });
    let entries = vec((place(), node), 0..120);
    let links = vec((place(), any::<prop::sample::Index>()), 0..10);
    (prop::option::of(deep()), entries, links).prop_map(|(deep, entries, links)| {
        let at = |(is_below, name): &(bool, String)| match &deep {
            Some(deep) if *is_below && deep.len() + name.len() < DEEP_MAX => {
                path(&format!("{deep}/{name}"))
            }
            _ => path(name),
        };
        let mut tree = Tree::new(TIME);
        let mut placed = Vec::new();
        for (place, node) in entries {
            if tree.insert(at(&place), node).is_ok() {
                placed.push(at(&place));
            }
        }
        for (place, existing) in links {
            if !placed.is_empty() {
                // A directory, or a place that is taken: no link then.
                let _ = tree.link(at(&place), existing.get(&placed));
            }
        }
        tree
    })
}

/// Paths as long as Linux takes them: of 2048 names of one byte, and of 16 of 255. The files there have an
/// attribute, holes, and each other's names.
pub(super) fn deepest() -> Tree {
    let mut tree = Tree::new(TIME);
    let ends = [
        format!("{}f", "d/".repeat(2047)),
        format!("{}{}", format!("{}/", "n".repeat(255)).repeat(15), "f".repeat(255)),
    ];
    for end in &ends {
        let mut node = file([&[0; 50_000][..], b"end"].concat());
        node.metadata.xattrs.insert(b"user.some".to_vec(), vec![7; 300]);
        tree.insert(path(end).within_limits().expect("not too long"), node).expect("free");
    }
    let folder = path(&ends[1]).parent().expect("15 names");
    tree.link(folder.join(b"linked").expect("good"), &path(&ends[0])).expect("free");
    tree
}
