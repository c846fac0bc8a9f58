//! What the reader makes of damage.

use proptest::prelude::*;

use super::super::{BootImage, Options, Platform, plan};
use super::*;
use crate::fs::sample_trees::explore;
use crate::tree::samples::path;
use crate::tree::{Node, Time, Tree};
use crate::volume::Volume;

/// A small volume that has everything that is read.
fn sound() -> Vec<u8> {
    let mut tree = Tree::new(Time::EPOCH);
    let file = |bytes: Vec<u8>| Node::file(0o644, Time::EPOCH, bytes.into());
    tree.insert(path("boot/loader"), file(vec![1; 3000])).expect("free");
    tree.insert(path("boot").join(&[b'n'; 200]).expect("good"), file(vec![2])).expect("free");
    tree.insert(path("link"), Node::symlink("x/".repeat(200), Time::EPOCH)).expect("free");
    let boot = vec![BootImage { platform: Platform::Pc, path: path("boot/loader") }];
    let options = Options { label: "TEST".into(), time: Time::EPOCH, boot, aligned: Vec::new() };
    let plan = plan(&tree, &options).expect("it fits");
    let file = tempfile::tempfile().expect("a temporary file");
    file.set_len(plan.size()).expect("extended");
    plan.write(&Volume::new(&file, 0, plan.size())).expect("written");
    let mut bytes = vec![0; plan.size() as usize];
    std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, 0).expect("readable");
    bytes
}

/// Reads all there is, as deep as a path may be, and whatever comes of it.
fn walk(bytes: Vec<u8>) {
    let Ok(volume) = Iso9660::open(&Window::from(bytes)) else { return };
    let _ = volume.tree().map(|source| explore(&source.tree));
    let (mut folders, mut seen) = (vec![TreePath::root()], 0);
    while let Some(folder) = folders.pop() {
        for entry in volume.list(&folder).unwrap_or_default() {
            seen += 1;
            let Ok(path) = folder.join(&entry.name) else { continue };
            let _ = volume.read(&path, 1 << 20);
            if entry.is_directory() && seen < 200 {
                folders.push(path);
            }
        }
    }
}

/// Without Rock Ridge there is Joliet, and without both there are plain names.
#[test]
fn the_best_names_that_are_there_are_shown() {
    let mut bytes = sound();
    let name = |bytes: &[u8]| {
        let volume = Iso9660::open(&Window::from(bytes.to_vec())).expect("a volume");
        let list = volume.list(&path("boot")).expect("a directory");
        let lens: Vec<_> = list.iter().map(|entry| entry.name.len()).collect();
        (volume.names, lens)
    };
    assert_eq!(name(&bytes), (Names::RockRidge, vec![6, 200]));
    let at = bytes.windows(4).position(|w| w == b"SP\x07\x01").expect("it starts Rock Ridge");
    bytes[at] = b'X';
    assert_eq!(name(&bytes), (Names::Joliet, vec![6, 62]));
    let joliet = bytes.windows(3).position(|w| w == b"%/E").expect("it is Joliet");
    bytes[joliet + 2] = b'A';
    assert_eq!(name(&bytes), (Names::Plain, vec![6, 30]));
}

#[test]
fn what_is_no_volume_is_said() {
    let text =
        |bytes: Vec<u8>| Iso9660::open(&Window::from(bytes)).expect_err("no volume").to_string();
    assert!(text(vec![0; 100_000]).contains("no volume descriptor at block 16"));
    assert!(text(Vec::new()).contains("no volume descriptor"));
    let mut blocks = sound();
    blocks[16 * 2048 + 128] = 1;
    assert!(text(blocks).contains("blocks of an impossible size"));
    let mut root = sound();
    root[16 * 2048 + 156 + 25] = 0;
    assert!(text(root).contains("no root directory"));
    let mut cut = sound();
    cut.truncate(22 * 2048);
    assert!(text(cut).contains("is damaged"), "the root directory is cut off");
}

#[test]
fn a_file_that_is_cut_off_is_an_error() {
    let mut bytes = sound();
    bytes.truncate(bytes.len() - 4096);
    let volume = Iso9660::open(&Window::from(bytes)).expect("a volume");
    let error = volume.read(&path("boot/loader"), u64::MAX).expect_err("cut off");
    assert!(error.to_string().contains("past the end"), "{error}");
}

proptest! {
    #[test]
    fn damage_never_panics(
        changes in prop::collection::vec((16 * 2048..40 * 2048usize, any::<u8>()), 1..40),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = sound();
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        walk(bytes.clone());
        bytes.truncate(cut.index(bytes.len()));
        walk(bytes);
    }
}
