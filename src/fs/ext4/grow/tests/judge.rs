//! An image in a file, and what e2fsprogs says about it.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::super::{GrowRefusal, Growth, plan};
use crate::command::{Command, find_in_path};
use crate::fs::ext4::{Options, plan as plan_new};
use crate::tree::Tree;
use crate::volume::Volume;

/// A tool of e2fsprogs; without it a test is skipped, except in CI.
pub(super) fn tool(name: &str) -> Option<PathBuf> {
    let found = find_in_path(name);
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no {name}: install e2fsprogs");
        eprintln!("skipped: no {name}, which e2fsprogs has");
    }
    found
}

pub(super) struct Image {
    pub(super) folder: tempfile::TempDir,
    pub(super) path: PathBuf,
}

impl Image {
    fn at(len: u64) -> Image {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image");
        File::create(&path).and_then(|file| file.set_len(len)).expect("room");
        Image { folder, path }
    }

    /// What mke2fs makes of so many KiB.
    pub(super) fn made(arguments: &str, kib: u64) -> Option<Image> {
        let mke2fs = tool("mke2fs")?;
        let image = Image::at(kib << 10);
        // The defaults of a Debian, whatever this host has.
        let base = if arguments.contains("-t ") { vec![] } else { vec!["-t", "ext4"] };
        let command = Command::new(mke2fs).arg("-qF").args(base).args(arguments.split_whitespace());
        command.arg(&image.path).run().expect("it makes one");
        Some(image)
    }

    /// What we write.
    pub(super) fn ours(tree: &Tree, options: &Options) -> Image {
        let plan = plan_new(tree, options).expect("it fits");
        let image = Image::at(plan.size());
        plan.write(&Volume::new(&image.file(), 0, plan.size())).expect("written");
        image
    }

    /// These bytes.
    pub(super) fn of(bytes: &[u8]) -> Image {
        let image = Image::at(bytes.len() as u64);
        // Sparse, since there are hundreds of them.
        let file = image.file();
        let used = |part: &[u8]| part.iter().any(|byte| *byte != 0);
        for (index, part) in bytes.chunks(1 << 16).enumerate().filter(|(_, part)| used(part)) {
            file.write_all_at(part, (index as u64) << 16).expect("written");
        }
        image
    }

    pub(super) fn file(&self) -> File {
        File::options().read(true).write(true).open(&self.path).expect("there")
    }

    /// Puts files into it, which then have to be there whatever happens.
    pub(super) fn populate(&self) {
        for n in 0..4 {
            let source = self.folder.path().join(format!("source{n}"));
            std::fs::write(&source, vec![b'a' + n; 30_000 << n]).expect("written");
            self.debugfs(&format!("write {} file{n}", source.display()));
        }
    }

    pub(super) fn debugfs(&self, request: &str) -> String {
        let Some(debugfs) = tool("debugfs") else { return String::new() };
        let command = Command::new(debugfs).args(["-w", "-R", request]).arg(&self.path);
        String::from_utf8_lossy(&command.output().expect("runs").stdout).into()
    }

    /// The names and contents of all files, as one text.
    pub(super) fn files(&self) -> Vec<(String, Vec<u8>)> {
        let out = tempfile::tempdir().expect("a folder");
        self.debugfs(&format!("rdump / {}", out.path().display()));
        let entries = walkdir::WalkDir::new(out.path()).sort_by_file_name().into_iter();
        let files = entries.flatten().filter(|entry| entry.file_type().is_file());
        let read = |entry: walkdir::DirEntry| {
            let name = entry.path().strip_prefix(out.path()).expect("inside").display().to_string();
            (name, std::fs::read(entry.path()).expect("readable"))
        };
        files.map(read).collect()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.path).expect("readable")
    }

    /// Makes the file so long, and the filesystem in it.
    pub(super) fn try_grow(&self, len: u64) -> Result<Option<Growth>, GrowRefusal> {
        let file = self.file();
        let volume = Volume::new(&file, 0, len);
        let growth = plan(&volume)?;
        if let Some(growth) = &growth {
            file.set_len(len).expect("room");
            growth.apply(&volume)?;
        }
        Ok(growth)
    }

    pub(super) fn grow(&self, len: u64) -> Option<Growth> {
        self.try_grow(len).unwrap_or_else(|error| panic!("{error}"))
    }

    /// e2fsck finds nothing to say.
    pub(super) fn is_clean(&self, what: &str) {
        let Some(e2fsck) = tool("e2fsck") else { return };
        let out = Command::new(e2fsck).arg("-fn").arg(&self.path).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{what}: {said}");
        // Five passes and a summary, and the version on stderr.
        assert_eq!(said.lines().count(), 6, "{what}: {said}");
    }

    /// Bytes of the filesystem.
    pub(super) fn size(&self) -> u64 {
        let volume = self.file();
        super::Existing::read(&Volume::new(&volume, 0, u64::MAX >> 1))
            .map_or(0, |fs| fs.geometry.blocks * fs.geometry.block_size)
    }

    /// e2fsck has the journal to replay at most.
    pub(super) fn recovers(&self, what: &str) {
        let said = self.is_repaired(what);
        let complaints = ["? yes", "FIXED", "CLEARED", "WARNING", "Illegal", "invalid", "wrong"];
        assert!(!complaints.iter().any(|word| said.contains(word)), "{what}: {said}");
    }

    /// e2fsck leaves it as it should be.
    pub(super) fn is_repaired(&self, what: &str) -> String {
        let Some(e2fsck) = tool("e2fsck") else { return String::new() };
        let out = Command::new(e2fsck).arg("-fy").arg(&self.path).output().expect("runs");
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(matches!(out.status.code(), Some(0 | 1)), "{what}: {said}");
        said
    }

    /// resize2fs sees a filesystem that is as large as it can be.
    pub(super) fn has_nothing_to_grow(&self, what: &str) {
        let Some(resize2fs) = tool("resize2fs") else { return };
        let out = Command::new(resize2fs).arg(&self.path).output().expect("runs");
        let said = String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned();
        assert!(said.contains("Nothing to do!"), "{what}: {said}");
    }
}
