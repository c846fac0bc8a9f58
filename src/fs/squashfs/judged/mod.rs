//! Tests of the whole writer, judged by squashfs-tools.

mod content;
mod reading;

use std::collections::HashMap;
use std::fs::File;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::command::Command;
use crate::fs::sample_trees::{self, TIME, file, node, path, random, sample};
use crate::tree::{Content, Kind, Node, Time, Tree, diff, dir};
use crate::volume::Volume;

fn options(compressor: Compressor) -> Options {
    // The usual levels of zstd and xz take minutes where our own code is not optimised.
    let level = compressor.usual_level().min(3);
    Options { level, ..Options::new(compressor, TIME) }
}

/// A tool of squashfs-tools; without it a test is skipped, except in CI.
fn tool(name: &str) -> Option<PathBuf> {
    sample_trees::tool(name, "squashfs-tools")
}

/// An image of a tree in a folder that goes away with it.
struct Image {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn write(tree: &Tree, options: &Options) -> Image {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image");
    let file = File::options().create_new(true).read(true).write(true).open(&path).expect("new");
    let plan = plan(tree, options).expect("it is possible");
    let len = plan.write(&Volume::new(&file, 0, u64::MAX), &|_| ()).expect("written");
    assert_eq!(file.metadata().expect("there").len(), len);
    Image { folder, path }
}

impl Image {
    /// What unsquashfs says of the image when it is asked so; it finds nothing wrong.
    fn unsquashfs(&self, arguments: &[&str]) -> Option<String> {
        let run = Command::new(tool("unsquashfs")?).args(arguments).arg(&self.path);
        let out = run.output().expect("runs");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{said}{}", String::from_utf8_lossy(&out.stderr));
        Some(said)
    }

    /// The image unpacked by unsquashfs, as a tree.
    fn unpacked(&self) -> Option<Tree> {
        let out = self.folder.path().join("out");
        let out = out.to_str().expect("text");
        // An ordinary user cannot make devices, which is no failure of ours.
        self.unsquashfs(&["-no-progress", "-no-exit-code", "-user-xattrs", "-d", out])?;
        Some(dir::read(out.as_ref(), &dir::Options::default()).expect("readable").tree)
    }
}

/// Compares an image with its tree, entry by entry.
fn assert_same(image: &Image, tree: &Tree) {
    let Some(listed) = image.unsquashfs(&["-UTC", "-lln"]) else { return };
    let mut lines: HashMap<&str, Vec<&str>> = HashMap::new();
    for line in listed.lines() {
        let words: Vec<_> = line.split_whitespace().collect();
        if let Some(at) = words.iter().position(|word| word.starts_with("squashfs-root")) {
            lines.insert(words[at], words[..at].into());
        }
    }
    for entry in tree.iter() {
        let name = format!("squashfs-root/{}", entry.path);
        let words = lines.get(name.trim_end_matches('/')).unwrap_or_else(|| panic!("no {name}"));
        let [mode, owner, size @ .., _date, _time] = &words[..] else { panic!("{words:?}") };
        let metadata = &entry.node.metadata;
        assert_eq!(mode_of(mode), metadata.mode, "{name} {words:?}");
        assert_eq!(*owner, format!("{}/{}", metadata.uid, metadata.gid), "{name}");
        match &entry.node.kind {
            Kind::File(content) => assert_eq!(size.concat(), content.len().to_string(), "{name}"),
            // unsquashfs 4.5 lists larger minors as a part of the major.
            Kind::CharDevice { major, minor: minor @ ..256 }
            | Kind::BlockDevice { major, minor: minor @ ..256 } => {
                assert_eq!(size.concat(), format!("{major},{minor}"), "{name}");
            }
            _ => {}
        }
    }
    let Some(unpacked) = image.unpacked() else { return };
    let (wanted, seen) = (comparable(tree), comparable(&unpacked));
    assert_eq!(diff::diff(&wanted, &seen, diff::Options::default()).expect("readable"), []);
}

/// What a tree has in common with what an ordinary user unpacks.
fn comparable(tree: &Tree) -> Tree {
    let mut tree = tree.clone();
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let node = tree.get_mut(&path).expect("there");
        let metadata = &mut node.metadata;
        (metadata.mode, metadata.uid, metadata.gid) = (0, 0, 0);
        metadata.mtime = Time::from_seconds(metadata.mtime.seconds.clamp(0, u32::MAX.into()));
        match node.kind {
            // Linux has no such attributes of anything else.
            Kind::File(_) | Kind::Directory => {
                metadata.xattrs.retain(|name, _| name.starts_with(b"user."));
            }
            Kind::Symlink(_) => metadata.xattrs.clear(),
            _ => drop(tree.remove(&path)),
        }
    }
    tree
}

/// The mode that `ls -l` writes so.
fn mode_of(letters: &str) -> u16 {
    let bit = |(at, letter): (usize, char)| {
        let (own, special) = (1 << (8 - at), 0o4000 >> (at / 3));
        match letter {
            '-' => 0,
            's' | 't' => own | special,
            'S' | 'T' => special,
            _ => own,
        }
    };
    letters.chars().skip(1).enumerate().map(bit).sum()
}

#[test]
fn everything_comes_back_with_each_compressor() {
    let tree = sample();
    for compressor in Compressor::ALL {
        assert_same(&write(&tree, &options(compressor)), &tree);
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes_on_any_number_of_processors() {
    let bytes = |threads| {
        let options = Options { threads, block_size: 4096, ..options(Compressor::Gzip) };
        std::fs::read(write(&sample(), &options).path).expect("there")
    };
    let one = bytes(1);
    assert!(one == bytes(1) && one == bytes(2) && one == bytes(7));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_as_it_was(
        tree in random(),
        compressor in prop::sample::select(Compressor::ALL.to_vec()),
        block_log in 12..=20u32,
    ) {
        let options = Options { block_size: 1 << block_log, ..options(compressor) };
        let tree = possible(tree);
        assert_same(&write(&tree, &options), &tree);
        reading::is_read_back(&tree, &options);
    }
}

/// A tree without what no Linux has and unsquashfs fails at: attributes of users at links and devices.
fn possible(mut tree: Tree) -> Tree {
    let paths: Vec<_> = tree.iter().map(|entry| entry.path.clone()).collect();
    for path in paths {
        let node = tree.get_mut(&path).expect("there");
        if !matches!(node.kind, Kind::File(_) | Kind::Directory) {
            node.metadata.xattrs.retain(|name, _| !name.starts_with(b"user."));
        }
    }
    tree
}
