//! qcow2 of QEMU read, ours changed in place, and damage.

use std::fs::File;
use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::format::judge::{content, disks, qemu, qemu_img, raw, scratch};
use crate::format::{Disk, Format};
use crate::size::MIB;
use crate::volume::{Storage, Volume};

fn disk() -> Vec<u8> {
    let mut bytes = vec![0; 3 * MIB as usize];
    for (index, byte) in bytes[70_000..1_500_000].iter_mut().enumerate() {
        *byte = ((index * index) >> 8) as u8;
    }
    bytes
}

fn new(path: &Path, image: &Create) {
    let file = File::options().read(true).write(true).create_new(true).open(path).expect("new");
    let len = create(image, &Volume::new(&file, 0, i64::MAX as u64)).expect("created");
    file.set_len(len).expect("set");
}

fn check(path: &Path) {
    if qemu_img().is_some() {
        let said = qemu("check", &[path]);
        assert!(said.contains("No errors were found"), "{said}");
    }
}

#[test]
fn all_that_qemu_writes_is_read() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let (from, to) = (folder.path().join("disk.img"), folder.path().join("disk.qcow2"));
    raw(&from, &disk());
    for options in [
        "-o compat=0.10",
        "-o cluster_size=512",
        "-o cluster_size=2M",
        "-o extended_l2=on,cluster_size=128k",
        "-o preallocation=metadata",
        "-o refcount_bits=1",
        "-c",
        "-c -o compression_type=zstd",
        "-c -o cluster_size=512,compat=0.10",
        "-c -o cluster_size=2M,compression_type=zstd",
    ] {
        qemu(&format!("convert -f raw -O qcow2 {options}"), &[&from, &to]);
        assert!(content(&to) == disk(), "{options}");
    }
}

#[test]
fn what_is_not_read_says_so() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("disk.qcow2");
    let refused = |words: &str| {
        qemu(words, &[&path, Path::new("1M")]);
        Disk::open(&path).expect_err(words).to_string()
    };
    let secret = "create -q -f qcow2 --object secret,id=s,data=x -o encrypt.key-secret=s";
    let text = refused(&format!("{secret},encrypt.format=luks,encrypt.iter-time=10"));
    assert!(text.ends_with("disk.qcow2: the image is encrypted, which is not read"), "{text}");
    let data = folder.path().join("data").display().to_string();
    let text = refused(&format!("create -q -f qcow2 -o data_file={data}"));
    assert!(text.ends_with(": the image keeps its data in another file, which is not read"));
}

#[test]
fn chains_are_followed_and_their_faults_said() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    raw(&at("base.img"), &disk());
    let over = |path: &str, format: &str| {
        let backing = Backing { path: path.into(), format: Some(format.into()) };
        Create { backing: Some(backing), ..Create::new(4 * MIB) }
    };
    new(&at("middle"), &over("base.img", "raw"));
    new(&at("top"), &over("middle", "qcow2"));
    check(&at("top"));
    let mut whole = disk();
    whole.resize(4 * MIB as usize, 0);
    assert!(content(&at("top")) == whole, "what the backing file does not reach is zero");
    let names = |disk: &Disk| (disk.format(), disk.backing().map(Disk::format));
    let top = Disk::open(&at("top")).expect("read");
    assert_eq!(names(&top), (Format::Qcow2, Some(Format::Qcow2)));

    let text = |path: &str| Disk::open(&at(path)).expect_err("refused").to_string();
    new(&at("missing"), &over("gone", "raw"));
    assert!(text("missing").starts_with("opening the backing file of /"), "{}", text("missing"));
    assert!(text("missing").ends_with("/gone: no such file or directory"), "{}", text("missing"));
    new(&at("one"), &over("two", "qcow2"));
    new(&at("two"), &over("./one", "qcow2"));
    assert!(text("one").ends_with("one backs itself: the chain is a loop"), "{}", text("one"));
    new(&at("remote"), &over("nbd:host:10809", "raw"));
    assert!(text("remote").ends_with("`nbd:host:10809` is no file of this host"));
    new(&at("odd"), &over("base.img", "qcow"));
    assert!(text("odd").ends_with("its recorded format `qcow` is not read"));
}

#[test]
fn a_recorded_format_is_believed_whatever_the_guest_wrote() {
    let folder = scratch();
    let mut bytes = vec![0; 4096];
    bytes[..4].copy_from_slice(b"QFI\xfb");
    raw(&folder.path().join("base"), &bytes);
    let backing = Backing { path: "base".into(), format: Some("raw".into()) };
    let top = folder.path().join("top");
    new(&top, &Create { backing: Some(backing), ..Create::new(4096) });
    assert_eq!(content(&top), bytes);
}

#[test]
fn a_large_disk_of_small_clusters_grows_its_tables() {
    let folder = scratch();
    let path = folder.path().join("disk.qcow2");
    new(&path, &Create { cluster: 512, ..Create::new(64 << 10) });
    let editor = Editor::open(&path).expect("opened");
    editor.resize(12 * MIB).expect("grown");
    assert!(editor.resize(MIB).is_err(), "not smaller");
    let bytes = vec![0x5a; 9 * MIB as usize];
    editor.write_all_at(&bytes, MIB + 100).expect("written");
    assert!(editor.write_all_at(&[0; 2], 12 * MIB - 1).is_err(), "past the end");
    drop(editor);
    check(&path);
    let back = content(&path);
    assert_eq!(back.len() as u64, 12 * MIB);
    assert!(back[MIB as usize + 100..][..bytes.len()] == bytes);
    assert!(back[..MIB as usize + 100].iter().all(|byte| *byte == 0));
}

#[test]
fn compressed_and_zero_clusters_are_replaced() {
    if qemu_img().is_none() {
        return;
    }
    let folder = scratch();
    let (from, path) = (folder.path().join("disk.img"), folder.path().join("disk.qcow2"));
    raw(&from, &disk());
    qemu("convert -f raw -O qcow2 -c -o cluster_size=4096", &[&from, &path]);
    let mut expected = disk();
    let editor = Editor::open(&path).expect("opened");
    for (at, len) in [(0, 10), (80_000, 30_000), (1_499_000, 5_000), (3_000_000, 100)] {
        let bytes = vec![at as u8 | 1; len];
        editor.write_all_at(&bytes, at as u64).expect("written");
        expected[at..at + len].copy_from_slice(&bytes);
        let mut back = vec![0; len];
        editor.read_exact_at(&mut back, at as u64).expect("read");
        assert_eq!(back, bytes);
    }
    drop(editor);
    check(&path);
    assert!(content(&path) == expected);
}

#[test]
fn what_is_in_use_or_not_changeable_is_refused() {
    let folder = scratch();
    let path = folder.path().join("disk.qcow2");
    new(&path, &Create::new(MIB));
    let editor = Editor::open(&path).expect("opened");
    let text = Editor::open(&path).expect_err("in use").to_string();
    assert!(text.ends_with("it is in use by a running QEMU or another program"), "{text}");
    drop(editor);
    if qemu_img().is_some() {
        qemu("snapshot -c one", &[&path]);
        let text = Editor::open(&path).expect_err("snapshots").to_string();
        assert!(text.ends_with("it has internal snapshots, which is not changed here"), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn writes_over_a_backing_file_are_as_on_a_plain_file(
        base in disks(1 << 20),
        writes in prop::collection::vec((0..1_400_000u64, 1..200_000usize, any::<u8>()), 1..8),
        cluster in prop::sample::select(vec![512u64, 4096, 65536, 1 << 20]),
    ) {
        let folder = scratch();
        raw(&folder.path().join("base"), &base);
        let path = folder.path().join("top");
        let backing = Backing { path: "base".into(), format: Some("raw".into()) };
        let size = base.len() as u64 + 512;
        new(&path, &Create { backing: Some(backing), cluster, ..Create::new(size) });
        let editor = Editor::open(&path).expect("opened");
        editor.resize(2 << 20).expect("grown");
        let mut expected = base;
        expected.resize(2 << 20, 0);
        for (at, len, byte) in writes {
            let bytes = vec![byte; len];
            editor.write_all_at(&bytes, at).expect("written");
            expected[at as usize..at as usize + len].copy_from_slice(&bytes);
        }
        drop(editor);
        check(&path);
        prop_assert!(content(&path) == expected);
    }

    #[test]
    fn damage_never_panics(
        changes in prop::collection::vec((0..200usize, any::<u8>()), 1..4),
        tables in prop::collection::vec((0..5 * 65536usize, any::<u8>()), 0..6),
        cut in 0..400_000usize,
    ) {
        let folder = scratch();
        let path = folder.path().join("disk.qcow2");
        new(&path, &Create::new(MIB));
        Editor::open(&path).expect("opened").write_all_at(&[7; 100_000], 9).expect("written");
        let mut bytes = std::fs::read(&path).expect("there");
        for (at, byte) in changes.into_iter().chain(tables) {
            if let Some(there) = bytes.get_mut(at) {
                *there = byte;
            }
        }
        bytes.truncate(bytes.len().min(cut.max(100)));
        std::fs::write(&path, &bytes).expect("written");
        if let Ok(disk) = Disk::open(&path) {
            let mut buffer = vec![0; disk.size().min(MIB) as usize];
            let _ = disk.read_exact_at(&mut buffer, 0);
            let _ = disk.extent(disk.size() / 2);
        }
        if let Ok(editor) = Editor::open(&path) {
            let _ = editor.write_all_at(&[1; 5000], 4000);
        }
    }
}
