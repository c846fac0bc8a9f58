//! Disks as other tools lay them out: sgdisk writes the table, and what is on a partition was made before.

use std::fs;
use std::path::Path;

use bootwright::size::MIB;

use crate::workbench::{bootwright, judge, text};

/// Writes a disk with these partitions, one behind the other: sgdisk's code of the type, and the content.
pub(crate) fn assemble(disk: &Path, partitions: &[(&str, &Path)]) {
    let mut bytes = vec![0; MIB as usize];
    let mut args: Vec<String> = Vec::new();
    for (number, (kind, content)) in (1..).zip(partitions) {
        let start = bytes.len() as u64 / MIB;
        bytes.extend(fs::read(content).expect("made"));
        bytes.resize((bytes.len() as u64).next_multiple_of(MIB) as usize, 0);
        let end = bytes.len() as u64 / MIB;
        args.extend([
            format!("-n{number}:{start}M:+{}M", end - start),
            format!("-t{number}:{kind}"),
        ]);
    }
    // Room for the second table.
    bytes.resize(bytes.len() + MIB as usize, 0);
    fs::write(disk, bytes).expect("written");
    args.push(text(disk).to_owned());
    judge("sgdisk", &args.iter().map(String::as_str).collect::<Vec<_>>());
}

/// Makes a FAT of these files: their paths, and what they hold.
pub(crate) fn fat(volume: &Path, files: &[(&str, &[u8])]) {
    let folder = volume.with_extension("files");
    for (path, content) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, content).expect("written");
    }
    let target = format!("fat:{}", text(volume));
    bootwright(&["tree", "convert", text(&folder), &target]).run().expect("written");
}
