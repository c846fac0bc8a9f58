//! Who reads the volumes: fsck.fat, the `fatfs` crate, and our own reader.

use std::collections::BTreeMap;
use std::io::{self, Read};

use super::super::Fat;
use crate::command::{Command, Output, find_in_path};
use crate::tree::TreePath;
use crate::volume::Window;

/// Runs a program; `None` where there is none on a laptop.
pub(super) fn judge(program: &str, package: &str, args: &[&str]) -> Option<Output> {
    let Some(path) = find_in_path(program) else {
        assert!(std::env::var_os("CI").is_none(), "{program} is missing: install {package}");
        eprintln!("skipped: no {program} (package {package})");
        return None;
    };
    Some(Command::new(path).args(args.iter().copied()).output().expect("it starts"))
}

pub(super) fn fsck(file: &tempfile::NamedTempFile) {
    let image = file.path().to_str().expect("a plain path");
    if let Some(output) = judge("fsck.fat", "dosfstools", &["-n", "-v", image]) {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// Every file that the `fatfs` crate finds.
pub(super) fn read_back(file: &tempfile::NamedTempFile) -> BTreeMap<String, Vec<u8>> {
    let reader = std::io::BufReader::new(file.reopen().expect("open"));
    let file = ReadOnly(reader);
    let volume = fatfs::FileSystem::new(file, fatfs::FsOptions::new()).expect("a FAT volume");
    let mut files = BTreeMap::new();
    collect(&volume.root_dir(), "", &mut files);
    files
}

/// Every file that our own reader finds.
pub(super) fn read_by_us(file: &tempfile::NamedTempFile) -> BTreeMap<String, Vec<u8>> {
    let fat = Fat::open(&Window::open(file.path()).expect("open")).expect("a FAT volume");
    let (mut files, mut folders) = (BTreeMap::new(), vec![TreePath::root()]);
    while let Some(folder) = folders.pop() {
        for entry in fat.list(&folder).expect("a directory") {
            let path = folder.join(&entry.name).expect("a good name");
            match entry.is_directory() {
                true => folders.push(path),
                false => {
                    let bytes = fat.read(&path, u64::MAX).expect("readable");
                    assert_eq!(bytes.len() as u64, entry.size);
                    files.insert(path.to_string(), bytes);
                }
            }
        }
    }
    files
}

type Judged<'a> = fatfs::Dir<'a, ReadOnly>;

fn collect(directory: &Judged<'_>, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in directory.iter() {
        let entry = entry.expect("readable");
        let name = format!("{prefix}{}", entry.file_name());
        if [".", ".."].contains(&&*entry.file_name()) {
            continue;
        }
        if entry.is_dir() {
            collect(&entry.to_dir(), &format!("{name}/"), files);
        } else {
            let mut bytes = Vec::new();
            entry.to_file().read_to_end(&mut bytes).expect("readable");
            files.insert(name, bytes);
        }
    }
}

/// `fatfs` wants to write, too; a reader must not.
struct ReadOnly(std::io::BufReader<std::fs::File>);

impl Read for ReadOnly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl io::Seek for ReadOnly {
    fn seek(&mut self, to: io::SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl io::Write for ReadOnly {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        panic!("nothing is written while it is read")
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
