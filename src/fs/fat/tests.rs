//! Volumes judged by fsck.fat, mtools and the `fatfs` crate.

mod judges;

use std::collections::BTreeMap;
use std::os::unix::fs::{FileExt, MetadataExt};

use proptest::prelude::*;

use judges::{fsck, judge, read_back, read_by_us};

use super::*;
use crate::size::{KIB, MIB};
use crate::tree::samples::path;
use crate::tree::{Node, Time};

const KINDS: [Kind; 3] = [Kind::Fat12, Kind::Fat16, Kind::Fat32];
/// 2026-11-21 00:00:00 UTC.
const NOW: Time = Time::from_seconds(1_795_219_200);

fn auto(kind: Option<Kind>) -> Options {
    Options {
        size: VolumeSize::Auto { reserve: 0 },
        kind,
        label: "ESP".into(),
        volume_id: 0x1234_abcd,
        hidden_sectors: 2048,
    }
}

/// Bytes that differ from cluster to cluster.
fn noise(len: usize, seed: u32) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state as u8
    };
    (0..len).map(|_| next()).collect()
}

fn tree(files: &BTreeMap<String, Vec<u8>>) -> Tree {
    let mut tree = Tree::new(NOW);
    for (name, bytes) in files {
        let node = Node::file(0o644, NOW, bytes.clone().into());
        tree.insert(path(name), node).expect("free");
    }
    tree
}

fn esp() -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::from([
        ("EFI/BOOT/BOOTX64.EFI".into(), noise(300_000, 1)),
        ("EFI/BOOT/grub.cfg".into(), b"menuentry".to_vec()),
        ("EFI/BOOT/a/b/c/deep".into(), noise(1, 2)),
        ("vmlinuz".into(), noise(70_001, 3)),
        ("initramfs.img".into(), noise(65_536, 4)),
        ("empty".into(), Vec::new()),
        ("Ein Name mit Ümlauten und 🐧, dreizehn".into(), noise(700, 5)),
    ]);
    // Names of 12, 13 and 14 units around the end of an entry, and a directory of several clusters.
    for n in 11..15 {
        files.insert(format!("lengths/{}", "n".repeat(n)), noise(n, 6));
    }
    files.extend((0..200).map(|n| (format!("many/a longer name {n}"), noise(n, 7))));
    files
}

fn written(plan: &Plan) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.as_file().set_len(plan.size()).expect("extended");
    plan.write(&Volume::new(file.as_file(), 0, plan.size())).expect("written");
    file
}

#[test]
fn all_three_types_are_clean_and_hold_every_file() {
    let files = esp();
    for kind in KINDS {
        for reserve in [0, 1, 100 * KIB, 3 * MIB] {
            let options = Options { size: VolumeSize::Auto { reserve }, ..auto(Some(kind)) };
            let plan = plan(&tree(&files), &options).expect("it fits");
            assert_eq!(plan.kind(), kind);
            assert!(plan.size() - plan.used() >= reserve, "{kind}: {reserve}");
            let file = written(&plan);
            fsck(&file);
            assert_eq!(read_back(&file), files);
            assert_eq!(read_by_us(&file), files);
        }
    }
}

#[test]
fn a_volume_of_any_size_is_clean() {
    let files = BTreeMap::from([("EFI/BOOT/BOOTX64.EFI".to_string(), noise(5000, 1))]);
    for (kibibytes, kind) in [
        (64, Kind::Fat12),
        (1440, Kind::Fat12),
        (8 * 1024, Kind::Fat12),
        (8 * 1024 + 400, Kind::Fat16),
        (64 * 1024, Kind::Fat16),
        (100 * 1024 + 1, Kind::Fat16),
        (511 * 1024, Kind::Fat16),
        (512 * 1024, Kind::Fat32),
        (1300 * 1024, Kind::Fat32),
    ] {
        let options = Options { size: VolumeSize::Exact(kibibytes * KIB), ..auto(None) };
        let plan = plan(&tree(&files), &options).expect("it fits");
        assert_eq!((plan.size(), plan.kind()), (kibibytes * KIB, kind));
        let file = written(&plan);
        fsck(&file);
        assert_eq!(read_back(&file), files);
        let blocks = file.as_file().metadata().expect("open").blocks();
        assert!(blocks * 512 < 128 * KIB, "{kibibytes} KiB take {blocks} blocks");
    }
}

#[test]
fn type_and_cluster_size_are_what_mkfs_fat_chooses() {
    for kibibytes in [1000, 8000, 8300, 66_000, 130_000, 262_000, 524_287, 524_288, 9_000_000] {
        let theirs = tempfile::NamedTempFile::new().expect("a temporary file");
        theirs.as_file().set_len(kibibytes * KIB).expect("extended");
        let image = theirs.path().to_str().expect("a plain path");
        let Some(output) = judge("mkfs.fat", "dosfstools", &[image]) else { return };
        assert!(output.status.success());
        let options = Options { size: VolumeSize::Exact(kibibytes * KIB), ..auto(None) };
        let ours = written(&plan(&Tree::new(NOW), &options).expect("any size"));
        let [ours, theirs] = [&ours, &theirs].map(|file| {
            let mut boot = [0; 90];
            file.as_file().read_exact_at(&mut boot, 0).expect("readable");
            let kind =
                if boot[22..24] == [0, 0] { boot[82..90].to_vec() } else { boot[54..62].to_vec() };
            (kind, boot[13])
        });
        assert_eq!(ours, theirs, "{kibibytes} KiB");
    }
}

#[test]
fn auto_is_the_smallest_volume_that_holds_it_all() {
    let files = esp();
    for kind in [None, Some(Kind::Fat12), Some(Kind::Fat16)] {
        let size = plan(&tree(&files), &auto(kind)).expect("it fits").size();
        let with = |size| Options { size: VolumeSize::Exact(size), ..auto(kind) };
        assert!(plan(&tree(&files), &with(size)).is_ok());
        assert!(plan(&tree(&files), &with(size - MIB)).is_err(), "{kind:?}");
    }
}

#[test]
fn mtools_reads_label_serial_names_and_bytes() {
    let file = written(&plan(&tree(&esp()), &auto(None)).expect("it fits"));
    let image = file.path().to_str().expect("a plain path");
    let Some(list) = judge("mdir", "mtools", &["-i", image, "::/EFI/BOOT"]) else { return };
    let list = String::from_utf8_lossy(&list.stdout);
    for text in
        ["is ESP", "1234-ABCD", "BOOTX64  EFI    300000 2026-11-21   0:00", "grub.cfg", "<DIR>"]
    {
        assert!(list.contains(text), "{text}: {list}");
    }
    let copied = judge("mcopy", "mtools", &["-i", image, "::/many/a longer name 199", "-"]);
    assert_eq!(copied.expect("mtools are there").stdout, noise(199, 7));
    let alias = judge("mtype", "mtools", &["-i", image, "::/INITRA~1.IMG"]);
    assert_eq!(alias.expect("mtools are there").stdout, noise(65_536, 4));
}

#[test]
fn an_empty_tree_and_a_root_directory_of_many_names_are_clean() {
    for kind in KINDS {
        let options = Options { label: String::new(), ..auto(Some(kind)) };
        let file = written(&plan(&Tree::new(NOW), &options).expect("it fits"));
        fsck(&file);
        assert!(read_back(&file).is_empty());
        let files: BTreeMap<_, _> =
            (0..700).map(|n| (format!("name number {n}"), Vec::new())).collect();
        let file = written(&plan(&tree(&files), &auto(Some(kind))).expect("it fits"));
        fsck(&file);
        assert_eq!(read_back(&file), files);
    }
}

#[test]
fn two_plans_give_the_same_bytes_and_the_fields_are_where_they_belong() {
    let bytes = |_| {
        let file = written(&plan(&tree(&esp()), &auto(Some(Kind::Fat32))).expect("it fits"));
        std::fs::read(file.path()).expect("readable")
    };
    let [one, two] = [0, 1].map(bytes);
    assert!(one == two);
    assert_eq!(one[28..32], 2048u32.to_le_bytes(), "BPB_HiddSec");
    assert_eq!(one[67..71], 0x1234_abcdu32.to_le_bytes(), "BS_VolID");
    assert_eq!(one[..1024], one[3072..4096], "boot sector and FSInfo have a copy");
}

#[test]
fn parents_of_first_level_directories_are_cluster_zero_and_dots_have_no_long_name() {
    let file = written(&plan(&tree(&esp()), &auto(Some(Kind::Fat32))).expect("it fits"));
    let image = std::fs::read(file.path()).expect("readable");
    let dots: Vec<_> = image.chunks(32).filter(|entry| entry.starts_with(b"..         ")).collect();
    assert_eq!(dots.len(), 7);
    let zero = dots.iter().filter(|entry| entry[20..22] == [0, 0] && entry[26..28] == [0, 0]);
    assert_eq!(zero.count(), 3, "EFI, lengths and many");
}

#[test]
fn holes_stay_holes_and_hard_links_are_copies() {
    let source = tempfile::NamedTempFile::new().expect("a temporary file");
    source.as_file().set_len(8 * MIB).expect("extended");
    source.as_file().write_all_at(b"data", 5 * MIB).expect("written");
    let content = Content::host(source.path()).expect("readable");
    let mut tree = Tree::new(NOW);
    tree.insert(path("sparse"), Node::file(0o644, NOW, content)).expect("free");
    tree.link(path("EFI/linked"), &path("sparse")).expect("linked");
    let file = written(&plan(&tree, &auto(None)).expect("it fits"));
    fsck(&file);
    let files = read_back(&file);
    assert!(files["sparse"] == files["EFI/linked"]);
    assert_eq!(files["sparse"][5 * MIB as usize..][..4], *b"data");
    assert!(file.as_file().metadata().expect("open").blocks() * 512 < MIB);
}

#[test]
fn what_fat_cannot_hold_is_refused_by_path() {
    let refused = |name: &str, node: Node| {
        let mut tree = Tree::new(NOW);
        tree.insert(path("EFI/grub.cfg"), Node::file(0o644, NOW, Vec::new().into())).expect("free");
        tree.insert(path(name), node).expect("free");
        plan(&tree, &auto(None)).expect_err("refused").to_string()
    };
    let empty = || Node::file(0o644, NOW, Vec::new().into());
    assert_eq!(
        refused("EFI/link", Node::symlink("x", NOW)),
        "`/EFI/link` is a symlink, which FAT cannot hold"
    );
    assert!(refused("tty", Node::char_device(0o600, NOW, 4, 64)).contains("character device"));
    assert_eq!(
        refused("EFI/GRUB.CFG", empty()),
        "`/EFI/GRUB.CFG` and `/EFI/grub.cfg` are the same name to FAT, which does not tell case apart"
    );
    assert!(refused("a:b/c", empty()).starts_with("`/a:b` has ':'"));
    let large = tempfile::NamedTempFile::new().expect("a temporary file");
    large.as_file().set_len(4 << 30).expect("extended");
    let content = Content::host(large.path()).expect("readable");
    assert_eq!(
        refused("large", Node::file(0o644, NOW, content)),
        "`/large` has 4294967296 bytes (4 GiB): a file on FAT is smaller than 4 GiB"
    );
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    let files = BTreeMap::from([("vmlinuz".to_string(), noise(3_000_000, 1))]);
    let with = |size| Options { size: VolumeSize::Exact(size), ..auto(None) };
    let text = |size| plan(&tree(&files), &with(size)).expect_err("refused").to_string();
    assert_eq!(
        text(2 * MIB),
        "the FAT12 volume is too small: files and directories need 3000320 bytes (2.9 MiB) in \
         clusters, it has 2076672 (2.0 MiB), 923648 too few"
    );
    assert!(text(0).starts_with("0 bytes (0 B) are too few for FAT12"));
    let endless = VolumeSize::Auto { reserve: u64::MAX };
    let error = plan(&tree(&files), &Options { size: endless, ..auto(None) });
    assert!(matches!(error, Err(FatError::TooLarge { .. })), "{error:?}");
    assert_eq!(text(1000), "a volume of 1000 bytes is not whole sectors of 512 bytes");
    assert!(text(1024).starts_with("1024 bytes (1 KiB) are too few for FAT12: it needs at least"));
}

#[test]
fn a_volume_that_is_shorter_than_the_plan_is_not_touched() {
    let plan = plan(&tree(&esp()), &auto(None)).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    assert!(plan.write(&Volume::new(&file, 0, plan.size() - 1)).is_err());
    assert_eq!(file.metadata().expect("open").len(), 0);
}

/// Names of every sort: short, long, with case, dots, spaces, plus, umlauts and tildes.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![
        "[A-Z0-9]{1,8}(\\.[A-Z]{1,3})?",
        "[a-z0-9~]{1,12}(\\.[a-z]{1,4}){0,2}",
        "[ .+=a-zA-Zäéß語~1-3]{0,30}[a-zA-Z~1-9]",
    ]
}

fn trees() -> impl Strategy<Value = Vec<(Vec<String>, usize)>> {
    let size = prop_oneof![0usize..3, 500usize..520, 0usize..40_000];
    prop::collection::vec((prop::collection::vec(names(), 1..4), size), 0..25)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_tree_the_volume_is_clean_and_holds_it(
        entries in trees(),
        kind in prop::option::of(prop::sample::select(&KINDS[..])),
        reserve in 0u64..200_000,
    ) {
        let mut all = Tree::new(NOW);
        let mut files = BTreeMap::new();
        for (index, (components, size)) in entries.iter().enumerate() {
            let joined = components.join("/");
            let Ok(path) = TreePath::new(joined.as_bytes()) else { continue };
            let bytes = noise(*size, index as u32 + 1);
            let mut with = all.clone();
            let node = Node::file(0o644, NOW, bytes.clone().into());
            // Names that FAT takes for the same, and files as directories, are for other tests.
            if with.insert(path.clone(), node).is_ok() && plan(&with, &auto(None)).is_ok() {
                all = with;
                files.insert(path.to_string(), bytes);
            }
        }
        let options = Options { size: VolumeSize::Auto { reserve }, ..auto(kind) };
        let plan = plan(&all, &options).expect("it fits");
        prop_assert!(plan.size() - plan.used() >= reserve && plan.size().is_multiple_of(MIB));
        let file = written(&plan);
        fsck(&file);
        prop_assert_eq!(&read_back(&file), &files);
        prop_assert_eq!(read_by_us(&file), files);
    }
}
