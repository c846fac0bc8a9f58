//! Volumes judged by xorriso and isoinfo, and by our own reader.

mod trees;

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::command::{Command, find_in_path};
use crate::fs::EntryKind;
use crate::size::{GIB, MIB};
use crate::tree::samples::path;
use crate::tree::{Kind, Node};
use crate::volume::Window;

/// 2026-11-21 00:00:00 UTC.
const NOW: Time = Time::from_seconds(1_795_219_200);

fn options() -> Options {
    Options { label: "cidata".into(), time: NOW, boot: Vec::new(), aligned: Vec::new() }
}

fn file(bytes: impl Into<Vec<u8>>) -> Node {
    Node::file(0o644, NOW, Content::from(bytes.into()))
}

/// One of everything that a tree has, with names and targets that need continuation areas.
fn everything() -> Tree {
    let mut tree = Tree::new(NOW);
    let mut put = |name: &str, node: Node| tree.insert(path(name), node).expect("free");
    put("user-data", file("#cloud-config\n"));
    put("boot/grub/grub.cfg", file("menuentry\n"));
    put("boot/vmlinuz", file(vec![7; 5000]));
    put("empty", file(""));
    put("bin", Node::symlink("usr/bin", NOW));
    put("etc/mtab", Node::symlink("../proc/self/mounts", NOW));
    put("far", Node::symlink(format!("/{}", "deep/".repeat(180)), NOW));
    put("dev/console", Node::char_device(0o600, NOW, 5, 1));
    put("dev/fifo", Node { kind: Kind::Fifo, ..file("") });
    put("Ümlaut und 🐧", file("x"));
    put(&"n".repeat(250), file("long"));
    put("a/b/c/d/e/f/g/h/i/j", file("deeper than eight levels"));
    let mut owned = file("secret");
    (owned.metadata.uid, owned.metadata.gid, owned.metadata.mode) = (1000, 70_000, 0o4750);
    put("etc/shadow", owned);
    for n in 0..300 {
        put(&format!("many/a name that is longer than thirty characters {n}"), file([n as u8]));
    }
    tree.link(path("usr/lib/copy"), &path("boot/vmlinuz")).expect("free");
    tree
}

fn written(tree: &Tree, options: &Options) -> tempfile::NamedTempFile {
    let plan = plan(tree, options).expect("it fits");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.as_file().set_len(plan.size()).expect("extended");
    plan.write(&Volume::new(file.as_file(), 0, plan.size())).expect("written");
    file
}

fn open(file: &tempfile::NamedTempFile) -> Iso9660 {
    Iso9660::open(&Window::open(file.path()).expect("open")).expect("a volume")
}

/// Runs xorriso on a volume that it must not change; `None` where there is none on a laptop.
fn xorriso(image: &Path, args: &[&str]) -> Option<String> {
    let Some(program) = find_in_path("xorriso") else {
        assert!(std::env::var_os("CI").is_none(), "xorriso is missing: install xorriso");
        eprintln!("skipped: no xorriso (package xorriso)");
        return None;
    };
    // The first word that is no option would else be taken for a file of its own.
    let command = Command::new(program).args(["-no_rc", "-indev"]).arg(image).args(args.to_vec());
    let output = command.output().expect("it starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success() && !said.contains("WARNING"), "{said}");
    Some(said)
}

/// Every entry of a volume as our reader has it, with what is in files.
fn read_all(volume: &Iso9660) -> Vec<(String, EntryKind, Vec<u8>)> {
    let (mut found, mut folders) = (Vec::new(), vec![TreePath::root()]);
    while let Some(folder) = folders.pop() {
        for entry in volume.list(&folder).expect("a directory") {
            let path = folder.join(&entry.name).expect("a good name");
            let bytes = match entry.kind {
                EntryKind::File => volume.read(&path, u64::MAX).expect("readable"),
                _ => Vec::new(),
            };
            assert!(!entry.is_file() || bytes.len() as u64 == entry.size);
            if entry.is_directory() {
                folders.push(path.clone());
            }
            found.push((path.to_string(), entry.kind, bytes));
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// The same of a tree.
fn expected(tree: &Tree) -> Vec<(String, EntryKind, Vec<u8>)> {
    let kind = |node: &Node| match &node.kind {
        Kind::Directory => (EntryKind::Directory, Vec::new()),
        Kind::File(content) => (EntryKind::File, content.read().expect("in memory")),
        Kind::Symlink(target) => (EntryKind::Symlink(target.clone()), Vec::new()),
        other => (EntryKind::Special(other.name()), Vec::new()),
    };
    let entries = tree.iter().skip(1).map(|entry| {
        let (kind, bytes) = kind(entry.node);
        (entry.path.to_string(), kind, bytes)
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort_by(|a, b| a.0.cmp(&b.0));
    entries
}

#[test]
fn rock_ridge_keeps_all_of_a_tree() {
    let tree = everything();
    let volume = open(&written(&tree, &options()));
    assert_eq!((volume.names, volume.has_joliet), (Names::RockRidge, true));
    assert_eq!(volume.label, "cidata");
    assert_eq!(read_all(&volume), expected(&tree));
    let shadow = volume.entry(&path("etc/shadow")).expect("readable").expect("there");
    let owner = shadow.owner.expect("Rock Ridge has owners");
    assert_eq!((owner.mode, owner.uid, owner.gid), (0o4750, 1000, 70_000));
}

#[test]
fn xorriso_finds_every_name_target_and_byte() {
    let tree = everything();
    let file = written(&tree, &options());
    let Some(found) = xorriso(file.path(), &["-find", "/", "-exec", "lsdl", "--"]) else { return };
    for entry in tree.iter().skip(1) {
        // xorriso shows some bytes escaped.
        if entry.path.as_bytes().is_ascii() {
            assert!(found.contains(&format!("'/{}'", entry.path)), "{}: {found}", entry.path);
        }
    }
    for line in
        ["-rwsr-x---    1 1000     70000", "crw-------", "prw-r--r--", "-> '../proc/self/mounts'"]
    {
        assert!(found.contains(line), "{line}: {found}");
    }
    assert!(found.contains(&format!("-> '/{}'", "deep/".repeat(180))));
    let folder = tempfile::tempdir().expect("a temporary folder");
    let target = folder.path().join("vmlinuz");
    let to = target.to_str().expect("a plain path");
    xorriso(file.path(), &["-osirrox", "on", "-extract", "/usr/lib/copy", to]);
    assert_eq!(std::fs::read(target).expect("extracted"), vec![7; 5000]);
}

#[test]
fn isoinfo_reads_the_joliet_names_and_the_plain_ones() {
    let file = written(&everything(), &options());
    let image = file.path().to_str().expect("a plain path");
    let Some(program) = find_in_path("isoinfo") else {
        assert!(std::env::var_os("CI").is_none(), "isoinfo is missing: install genisoimage");
        eprintln!("skipped: no isoinfo (package genisoimage)");
        return;
    };
    let said = |args: &[&str]| {
        let output = Command::new(&program).args(args.to_vec()).run().expect("it reads");
        String::from_utf8_lossy(&output).into_owned()
    };
    let joliet = said(&["-J", "-f", "-i", image]);
    for name in ["/user-data;1", "/boot/grub/grub.cfg;1", "/usr/lib/copy;1", "/many"] {
        assert!(joliet.lines().any(|line| line == name), "{name}: {joliet}");
    }
    assert!(!joliet.contains("console"), "Joliet has no devices");
    let plain = said(&["-f", "-i", image]);
    for name in ["/USER_DATA.;1", "/BOOT/GRUB/GRUB.CFG;1", "/A/B/C/D/E/F/G/H/I/J.;1"] {
        assert!(plain.lines().any(|line| line == name), "{name}: {plain}");
    }
    let about = said(&["-d", "-i", image]);
    for line in [
        "Volume id: cidata",
        "Joliet with UCS level 3 found",
        "Rock Ridge signatures version 1 found",
    ] {
        assert!(about.contains(line), "{line}: {about}");
    }
    assert_eq!(said(&["-R", "-x", "/user-data", "-i", image]), "#cloud-config\n");
    let path_table = said(&["-p", "-i", image]);
    assert!(path_table.contains("GRUB"), "{path_table}");
}

#[test]
fn boot_images_are_in_the_catalog_and_know_their_place() {
    let mut tree = everything();
    tree.insert(path("boot/bios.img"), file(vec![1; 30_000])).expect("free");
    tree.insert(path("boot/efi.img"), file(vec![2; 1 << 20])).expect("free");
    let image = |platform, name: &str| BootImage { platform, path: path(name) };
    let chosen = Options {
        boot: vec![image(Platform::Pc, "boot/bios.img"), image(Platform::Efi, "boot/efi.img")],
        aligned: vec![(path("boot/efi.img"), MIB)],
        ..options()
    };
    let planned = plan(&tree, &chosen).expect("it fits");
    let (offset, len) = planned.extent(&path("boot/efi.img")).expect("there");
    assert_eq!((offset % MIB, len), (0, MIB));
    let file = written(&tree, &chosen);
    let volume = open(&file);
    let platforms: Vec<_> = volume.boot.iter().map(|e| (e.platform, e.sectors)).collect();
    assert_eq!(platforms, [(Platform::Pc, 4), (Platform::Efi, 2048)]);
    assert_eq!(u64::from(volume.boot[1].block) * BLOCK_SIZE, offset);
    let bios = volume.read(&path("boot/bios.img"), u64::MAX).expect("readable");
    let block = volume.boot[0].block;
    assert_eq!(bios[12..16], block.to_le_bytes());
    assert_eq!(bios[2548..2556], (u64::from(block) * 4 + 5).to_le_bytes());
    let Some(report) = xorriso(file.path(), &["-report_el_torito", "plain"]) else { return };
    for line in [
        "boot img :   1  BIOS",
        "boot img :   2  UEFI",
        "/boot/bios.img",
        "/boot/efi.img",
        "boot-info-table",
    ] {
        assert!(report.contains(line), "{line}: {report}");
    }
}

#[test]
fn a_file_of_several_sections_is_whole_and_its_holes_are_free() {
    let source = tempfile::NamedTempFile::new().expect("a temporary file");
    source.as_file().set_len(9 * GIB + 5).expect("extended");
    let at = |text: &[u8], at| {
        std::os::unix::fs::FileExt::write_all_at(source.as_file(), text, at).expect("written");
    };
    at(b"first", 0);
    at(b"second section", 4 * GIB);
    at(b"end", 9 * GIB + 2);
    let mut tree = Tree::new(NOW);
    let content = Content::host(source.path()).expect("readable");
    tree.insert(path("large"), Node::file(0o644, NOW, content)).expect("free");
    tree.insert(path("after"), file("small")).expect("free");
    let file = written(&tree, &options());
    let blocks = file.as_file().metadata().expect("open").blocks();
    assert!(blocks * 512 < MIB, "{blocks} blocks");
    let volume = open(&file);
    let large = volume.entry(&path("large")).expect("readable").expect("there");
    assert_eq!(large.size, 9 * GIB + 5);
    let sections = volume.sections(&path("large")).expect("readable").expect("there");
    assert_eq!(sections.len(), 3);
    let window = Window::open(file.path()).expect("open");
    let second = window.bytes(sections[0].0 + 4 * GIB, 14).expect("readable");
    assert_eq!(second, b"second section");
    let Some(found) = xorriso(file.path(), &["-lsl", "/"]) else { return };
    assert!(found.contains(&format!("{} Nov 21", 9 * GIB + 5)), "{found}");
}

#[test]
fn two_plans_give_the_same_bytes_and_an_empty_tree_is_a_volume() {
    let bytes = |tree: &Tree| std::fs::read(written(tree, &options()).path()).expect("readable");
    assert!(bytes(&everything()) == bytes(&everything()));
    let empty = written(&Tree::new(NOW), &options());
    assert_eq!(read_all(&open(&empty)), []);
    xorriso(empty.path(), &["-find", "/"]);
}

#[test]
fn what_a_volume_cannot_hold_is_refused() {
    let refused =
        |options: &Options| plan(&everything(), options).expect_err("refused").to_string();
    assert_eq!(
        refused(&Options { label: "ci\tdata".into(), ..options() }),
        "`ci\\tdata` is no label: at most 32 printable ASCII characters"
    );
    let image = |name: &str| BootImage { platform: Platform::Pc, path: path(name) };
    assert_eq!(
        refused(&Options { boot: vec![image("missing")], ..options() }),
        "the boot image `/missing` is no file of the tree"
    );
    assert_eq!(
        refused(&Options { boot: vec![image("user-data")], ..options() }),
        "the boot image `/user-data` has 14 bytes, too few for a loader with its place in it"
    );
    assert_eq!(
        refused(&Options { aligned: vec![(path("bin"), 512)], ..options() }),
        "`/bin` cannot be aligned to 512 bytes: blocks have 2048"
    );
}

#[test]
fn a_volume_that_is_shorter_than_the_plan_is_not_touched() {
    let plan = plan(&everything(), &options()).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    assert!(plan.write(&Volume::new(&file, 0, plan.size() - 1)).is_err());
    assert_eq!(file.metadata().expect("open").len(), 0);
}

/// Trees of any names and targets that a filesystem may have.
fn trees() -> impl Strategy<Value = Tree> {
    let name = prop_oneof!["[a-zA-Z0-9._ -]{1,12}", "[^/\\x00]{1,60}"]
        .prop_filter("no name", |name| ![".", ".."].contains(&&name[..]));
    let place = prop::collection::vec(name, 1..5).prop_map(|names| names.join("/"));
    let target = "[^\\x00]{1,300}";
    let node = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..5000).prop_map(file),
        target.prop_map(|target: String| Node::symlink(target, NOW)),
        Just(Node::directory(0o700, NOW)),
    ];
    prop::collection::vec((place, node), 0..40).prop_map(|entries| {
        let mut tree = Tree::new(NOW);
        for (place, node) in entries {
            // Where another is there already, the first stays.
            let _ = tree.insert(path(&place), node);
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_tree_is_read_back(tree in trees()) {
        let volume = open(&written(&tree, &options()));
        prop_assert_eq!(read_all(&volume), expected(&tree));
    }
}
