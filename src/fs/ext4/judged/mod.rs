//! Tests of the whole writer, judged by e2fsprogs.

mod content;
mod random;
mod reading;
mod size;

use std::fs::File;
use std::path::{Path, PathBuf};

use super::*;
use crate::bytes::Guid;
use crate::command::Command;
use crate::fs::sample_trees::{self, TIME, file, path, sample};
use crate::tree::{Content, Kind, Node, Time, Tree};
use crate::volume::Volume;

fn options() -> Options {
    Options::new(Guid::new(0x1234_5678_9abc_4def_8123_4567_89ab_cdef), Guid::new(99), TIME)
}

/// A tool of e2fsprogs; without it a test is skipped, except in CI.
fn tool(name: &str) -> Option<PathBuf> {
    sample_trees::tool(name, "e2fsprogs")
}

/// An image of a tree in a folder that goes away with it.
struct Image {
    folder: tempfile::TempDir,
    path: PathBuf,
}

fn write(tree: &Tree, options: &Options) -> Image {
    let plan = plan(tree, options).expect("it fits");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("image");
    let file = File::options().create_new(true).read(true).write(true).open(&path).expect("new");
    file.set_len(plan.size()).expect("room");
    plan.write(&Volume::new(&file, 0, plan.size())).expect("written");
    Image { folder, path }
}

impl Image {
    /// e2fsck finds nothing to say.
    fn is_clean(&self) {
        let Some(e2fsck) = tool("e2fsck") else { return };
        let out = Command::new(e2fsck).arg("-fn").arg(&self.path).output().expect("runs");
        let said = String::from_utf8_lossy(&out.stdout).into_owned();
        assert!(out.status.success(), "{said}");
        // Five passes and a summary, and the version on stderr.
        assert_eq!(said.lines().count(), 6, "{said}");
    }

    /// What debugfs prints for a request.
    fn debugfs(&self, request: &str) -> Option<Vec<u8>> {
        let debugfs = tool("debugfs")?;
        let run = Command::new(debugfs).arg("-R").arg(request).arg(&self.path);
        Some(run.output().expect("runs").stdout)
    }

    /// What debugfs prints for each of many requests; nothing where it is missing.
    fn script(&self, requests: impl Iterator<Item = String>) -> Vec<String> {
        let Some(debugfs) = tool("debugfs") else { return Vec::new() };
        let script = self.folder.path().join("script");
        std::fs::write(&script, requests.collect::<String>()).expect("written");
        let run = Command::new(debugfs).arg("-f").arg(&script).arg(&self.path);
        let text = String::from_utf8_lossy(&run.output().expect("runs").stdout).into_owned();
        let after_request = |part: &str| part.split_once('\n').map(|(_, said)| said.to_string());
        text.split("debugfs: ").skip(1).filter_map(after_request).collect()
    }
}

/// The fields of debugfs' `stat` that a node decides.
fn stat(text: &str, field: &str) -> String {
    let start = text.find(field).unwrap_or_else(|| panic!("no {field} in {text}")) + field.len();
    text[start..].split_whitespace().next().unwrap_or_default().to_string()
}

/// Compares an image with its tree, entry by entry.
fn assert_same(image: &Image, tree: &Tree) {
    image.is_clean();
    let Some(_) = tool("debugfs") else { return };
    let out = image.folder.path().join("out");
    std::fs::create_dir(&out).expect("a folder");
    image.debugfs(&format!("rdump / {}", out.display()));
    let counts = tree.link_counts();
    for entry in tree.iter() {
        use std::os::unix::ffi::OsStrExt;
        let at = out.join(Path::new(std::ffi::OsStr::from_bytes(entry.path.as_bytes())));
        match &entry.node.kind {
            Kind::Directory => assert!(at.is_dir(), "{}", entry.path),
            Kind::File(content) => {
                let seen = std::fs::read(&at).expect("dumped");
                assert!(seen == content.read().expect("there"), "{}", entry.path);
            }
            Kind::Symlink(target) => {
                let seen = std::fs::read_link(&at).expect("dumped");
                assert_eq!(seen.as_os_str().as_bytes(), target, "{}", entry.path);
            }
            _ => {}
        }
    }
    // Attributes: one run of debugfs for all.
    let stats = image.script(tree.iter().map(|entry| format!("stat \"/{}\"\n", entry.path)));
    assert_eq!(stats.len(), tree.iter().count());
    for (entry, text) in tree.iter().zip(&stats) {
        let m = &entry.node.metadata;
        assert_eq!(u16::from_str_radix(&stat(text, "Mode:"), 8), Ok(m.mode), "{text}");
        // debugfs prints them as signed numbers.
        assert_eq!(stat(text, "User:"), (m.uid as i32).to_string(), "{text}");
        assert_eq!(stat(text, "Group:"), (m.gid as i32).to_string(), "{text}");
        let extra = m.mtime.nanoseconds << 2
            | ((m.mtime.seconds - i64::from(m.mtime.seconds as i32)) >> 32) as u32;
        let time = format!("0x{:08x}:{extra:08x}", m.mtime.seconds as u32);
        for field in [" mtime:", " atime:", " ctime:", "crtime:"] {
            assert_eq!(stat(text, field), time, "{text}");
        }
        match &entry.node.kind {
            Kind::Directory => {}
            kind => {
                assert_eq!(stat(text, "Links:"), counts[entry.id].to_string(), "{text}");
                let (Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor }) = kind
                else {
                    continue;
                };
                let shown = format!("number: {major:02}:{minor:02}");
                assert!(text.contains(&shown), "{shown} in {text}");
            }
        }
    }
}
