//! What the tests of formats share: disks of random extents, files for them, and qemu-img.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::Disk;
use super::convert::{Target, convert};
use crate::command::{Command, find_in_path};
use crate::volume::{Volume, Window};

/// A folder that goes away with the value.
pub(crate) fn scratch() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// qemu-img; without it a test is skipped, except in CI.
pub(crate) fn qemu_img() -> Option<PathBuf> {
    let found = find_in_path("qemu-img");
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no qemu-img: `cargo xtask test` sets it up");
        eprintln!("skipped: no qemu-img, which qemu-utils has");
    }
    found
}

/// Runs qemu-img with words and paths; what it said.
pub(crate) fn qemu(words: &str, paths: &[&Path]) -> String {
    let Some(program) = qemu_img() else { return String::new() };
    let command = Command::new(program).args(words.split_whitespace());
    let command = paths.iter().fold(command, |command, path| command.arg(path));
    let said = command.run().unwrap_or_else(|error| panic!("{error}"));
    String::from_utf8_lossy(&said).into_owned()
}

/// A raw file with these bytes, holes where they are zero.
pub(crate) fn raw(path: &Path, bytes: &[u8]) {
    let file = File::create(path).expect("a new file");
    file.set_len(bytes.len() as u64).expect("room");
    for (index, page) in bytes.chunks(4096).enumerate() {
        if page.iter().any(|byte| *byte != 0) {
            file.write_all_at(page, index as u64 * 4096).expect("written");
        }
    }
}

/// Converts a file; the path of the new one.
pub(crate) fn converted(from: &Path, target: Target) -> PathBuf {
    let to = from.with_file_name(format!("converted.{target}"));
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&to);
    let file = file.expect("a new file");
    let disk = Disk::open(from).expect("it is read");
    let volume = Volume::new(&file, 0, i64::MAX as u64);
    let len = convert(&disk, target, &volume, &|_| {}).expect("converted");
    file.set_len(len).expect("set");
    to
}

/// All bytes of the disk in an image.
pub(crate) fn content(path: &Path) -> Vec<u8> {
    let disk = Disk::open(path).unwrap_or_else(|error| panic!("{error}"));
    let mut bytes = vec![0; disk.size() as usize];
    disk.read_exact_at(&mut bytes, 0).unwrap_or_else(|error| panic!("{error}"));
    bytes
}

/// Disks of whole sectors with a few extents: noise, what compresses well, zeros that are written.
pub(crate) fn disks(max: usize) -> impl Strategy<Value = Vec<u8>> {
    let extent = (0..max, 1..(max / 8).max(2), 0..4u8);
    (1..max / 512, prop::collection::vec(extent, 0..6)).prop_map(|(sectors, extents)| {
        let mut bytes = vec![0; sectors * 512];
        for (start, len, kind) in extents {
            let start = start % bytes.len();
            let end = (start + len).min(bytes.len());
            let mut state = (start as u32) | 1;
            for byte in &mut bytes[start..end] {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = match kind {
                    0 => 0,
                    1 => 0x55,
                    _ => (state >> 24) as u8,
                };
            }
        }
        bytes
    })
}

/// A disk of three MiB that has holes, text and noise, and ends in the middle of every format's block.
pub(crate) fn sample() -> Vec<u8> {
    let mut bytes = vec![0; 3 << 20];
    for (index, byte) in bytes[70_000..1_500_000].iter_mut().enumerate() {
        *byte = ((index * index) >> 8) as u8;
    }
    bytes[2_900_000..2_900_600].fill(0x55);
    bytes
}

/// Damages an image of the sample in its first bytes and its last ones, a few bytes at a time, and cuts
/// it off: whatever comes of it, nothing panics, and memory does not grow with what a field says.
pub(crate) fn damaged(target: Target, metadata: usize) {
    let folder = scratch();
    let path = folder.path().join("disk.img");
    raw(&path, &sample());
    let written = converted(&path, target);
    let good = std::fs::read(&written).expect("there");
    let mut state = 1u32;
    let mut random = |max: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(state) * max as u64) >> 32) as usize
    };
    for round in 0..300 {
        let mut bytes = good.clone();
        for _ in 0..1 + round % 4 {
            let from_end = random(4) == 0;
            let at = random(metadata.min(good.len()));
            let at = if from_end { good.len() - 1 - at.min(2047) } else { at };
            bytes[at] = [0, 1, 0x7f, 0x80, 0xff, bytes[at] ^ 1][random(6)];
        }
        if round % 5 == 0 {
            bytes.truncate(random(good.len()));
        }
        let file = Window::from(bytes);
        if let Ok(disk) = Disk::without_backing(&path, file, Some(target.format())) {
            let mut buffer = vec![0; disk.size().min(4 << 20) as usize];
            let _ = disk.read_exact_at(&mut buffer, 0);
            let _ = disk.extent(disk.size() / 2);
            let _ = disk.extent(disk.size().saturating_sub(1));
        }
    }
}
