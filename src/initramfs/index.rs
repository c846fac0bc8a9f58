//! All entries of an initramfs, in the order in which the kernel unpacks them, without their data.

use std::collections::BTreeMap;
use std::io::Write;

use serde::ser::{Serialize, SerializeMap, Serializer};
use sha2::{Digest, Sha256};

use super::newc::{Entry, PATH_MAX};
use super::segment::{self, Place, Segment, SegmentError};
use crate::error::{Error, Result, shown_bytes};
use crate::volume::Window;

/// How many symlinks a path may lead through, as Linux has it (`MAXSYMLINKS`).
const SYMLINKS_MAX: usize = 40;

/// The kind of file in `c_mode`.
const S_IFMT: u32 = 0o170_000;

/// An initramfs, listed.
#[derive(Debug)]
pub struct Index {
    /// Its segments.
    pub segments: Vec<Segment>,
    /// Its entries in order.
    pub members: Vec<Member>,
    /// Why the list ends before the file does.
    pub problem: Option<SegmentError>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Where it stands.
    pub place: Place,
    /// Header and name.
    pub entry: Entry,
    /// The path that the name means: no leading `./` or `/`, no doubled slashes; empty for the root.
    pub path: Vec<u8>,
    /// Where a symlink leads.
    pub target: Vec<u8>,
    /// SHA-256 of a file's data, where it was asked for.
    pub digest: Option<[u8; 32]>,
}

impl Index {
    /// Lists an initramfs; of plain segments no data is read.
    ///
    /// # Errors
    /// Where a decoder cannot be set up. Damage is not an error but [`Index::problem`].
    pub fn read(initramfs: &Window) -> Result<Index> {
        Index::list(initramfs, false)
    }

    /// The same, with the digest of every file.
    ///
    /// # Errors
    /// As [`Index::read`].
    pub fn with_digests(initramfs: &Window) -> Result<Index> {
        Index::list(initramfs, true)
    }

    fn list(initramfs: &Window, digests: bool) -> Result<Index> {
        let mut members = Vec::new();
        let walk = segment::walk(initramfs, &mut |place, entry, data| {
            let mut member = Member {
                place,
                path: normalised(&entry.name),
                entry: entry.clone(),
                target: Vec::new(),
                digest: None,
            };
            match member.entry.header.mode & S_IFMT {
                0o120_000 => member.target = data.head(PATH_MAX as u64)?,
                0o100_000 if digests => {
                    let mut hasher = Hasher(Sha256::new());
                    data.copy(entry, &mut hasher)?;
                    member.digest = Some(hasher.0.finalize().into());
                }
                _ => {}
            }
            members.push(member);
            Ok(())
        })?;
        Ok(Index { segments: walk.segments, members, problem: walk.problem })
    }

    /// What the kernel ends up with: of several entries of a path the last.
    pub fn by_path(&self) -> BTreeMap<&[u8], usize> {
        self.members.iter().enumerate().map(|(index, member)| (&member.path[..], index)).collect()
    }

    /// The entry at a path, through symlinks in it, and for a name of a hard-linked file the one that
    /// carries the data.
    ///
    /// # Errors
    /// Where there is none, or its symlinks lead nowhere.
    pub fn find(&self, path: &[u8]) -> Result<usize> {
        let missing = || Error::new(format!("there is no {}", shown_bytes(path)));
        let by_path = self.by_path();
        let (mut done, mut links) = (Vec::new(), 0);
        let mut left: Vec<Vec<u8>> = components(path);
        while let Some(name) = left.pop() {
            if name == b".." {
                done.pop();
                continue;
            }
            done.push(name);
            let member = by_path.get(&done.join(&b'/')[..]).map(|&index| &self.members[index]);
            let Some(member) = member.filter(|member| member.kind() == 'l') else { continue };
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(Error::new(format!("{} has too many symlinks", shown_bytes(path))));
            }
            done.pop();
            if member.target.starts_with(b"/") {
                done.clear();
            }
            left.extend(components(&member.target));
        }
        let found = by_path.get(&done.join(&b'/')[..]).copied().ok_or_else(missing)?;
        Ok(self.carrier(found))
    }

    /// The entry that carries the data of a hard-linked file.
    pub fn carrier(&self, index: usize) -> usize {
        let member = &self.members[index];
        let header = &member.entry.header;
        if header.filesize > 0 || header.nlink < 2 || member.kind() != '-' {
            return index;
        }
        let key = |m: &Member| {
            let h = &m.entry.header;
            (m.place.archive, h.dev_major, h.dev_minor, h.ino, h.mode & S_IFMT)
        };
        let carries = |m: &Member| key(m) == key(member) && m.entry.header.filesize > 0;
        self.members.iter().position(carries).unwrap_or(index)
    }

    /// Copies the data of an entry; the file is read again up to there.
    ///
    /// # Errors
    /// Where it cannot be read, or the sink fails.
    pub fn copy(&self, initramfs: &Window, index: usize, sink: &mut impl Write) -> Result<()> {
        let mut next = 0;
        let mut sink = Some(sink);
        let walk = segment::walk(initramfs, &mut |_, entry, data| {
            if next == index
                && let Some(sink) = sink.take()
            {
                data.copy(entry, sink)?;
            }
            next += 1;
            Ok(())
        })?;
        match (sink, walk.problem) {
            (None, _) => Ok(()),
            (Some(_), Some(problem)) => Err(problem.into()),
            (Some(_), None) => Err(Error::new("it changed while it was being read")),
        }
    }
}

impl Member {
    /// The kind as `ls -l` shows it: one of `-dlcbps`, `?` for one that Linux does not know.
    pub fn kind(&self) -> char {
        match self.entry.header.mode & S_IFMT {
            0o010_000 => 'p',
            0o020_000 => 'c',
            0o040_000 => 'd',
            0o060_000 => 'b',
            0o100_000 => '-',
            0o120_000 => 'l',
            0o140_000 => 's',
            _ => '?',
        }
    }

    /// Kind and permissions as `ls -l` shows them: `-rwsr-xr-x`.
    pub fn permissions(&self) -> String {
        let mode = self.entry.header.mode;
        let mut text = String::from(self.kind());
        for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
            let bits = mode >> shift;
            text.push(if bits & 4 != 0 { 'r' } else { '-' });
            text.push(if bits & 2 != 0 { 'w' } else { '-' });
            text.push(match (mode & special != 0, bits & 1 != 0) {
                (false, false) => '-',
                (false, true) => 'x',
                (true, true) => letter,
                (true, false) => letter.to_ascii_uppercase(),
            });
        }
        text
    }

    /// The device that a node names.
    pub fn device(&self) -> Option<(u32, u32)> {
        let header = &self.entry.header;
        matches!(self.kind(), 'b' | 'c').then_some((header.rdev_major, header.rdev_minor))
    }
}

impl Serialize for Member {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let header = &self.entry.header;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("path", &shown_bytes(&self.path))?;
        map.serialize_entry("segment", &self.place.segment)?;
        map.serialize_entry("permissions", &self.permissions())?;
        map.serialize_entry("mode", &format!("{:o}", header.mode))?;
        map.serialize_entry("uid", &header.uid)?;
        map.serialize_entry("gid", &header.gid)?;
        map.serialize_entry("links", &header.nlink)?;
        map.serialize_entry("size", &header.filesize)?;
        map.serialize_entry("mtime", &header.mtime)?;
        if self.kind() == 'l' {
            map.serialize_entry("target", &shown_bytes(&self.target))?;
        }
        if let Some((major, minor)) = self.device() {
            map.serialize_entry("device", &[major, minor])?;
        }
        map.end()
    }
}

/// A sink that adds up a digest.
struct Hasher(Sha256);

impl Write for Hasher {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The path that a name means. `..` is kept: what it leads to is for the reader to judge.
fn normalised(name: &[u8]) -> Vec<u8> {
    let mut parts = components(name);
    parts.reverse();
    parts.join(&b'/')
}

/// The components of a path, last first, without those that mean nothing.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let meaningful = |name: &&[u8]| !name.is_empty() && *name != b".";
    path.split(|&b| b == b'/').filter(meaningful).rev().map(<[u8]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::newc;
    use crate::tree::{Content, Node, Time, Tree, TreePath};

    fn initramfs() -> Window {
        let mut tree = Tree::new(Time::EPOCH);
        let mut put = |name: &str, node: Node| {
            tree.insert(TreePath::new(name.as_bytes()).expect("good"), node).expect("free");
        };
        let file = |text: &str| Content::from(text.as_bytes().to_vec());
        put("usr/bin/busybox", Node::file(0o4755, Time::EPOCH, file("program")));
        put("bin", Node::symlink(b"usr/bin".to_vec(), Time::EPOCH));
        put("init", Node::symlink(b"/bin/sh".to_vec(), Time::EPOCH));
        put("usr/bin/sh", Node::symlink(b"../bin/busybox".to_vec(), Time::EPOCH));
        put("loop", Node::symlink(b"loop".to_vec(), Time::EPOCH));
        put("dev/console", Node::char_device(0o600, Time::EPOCH, 5, 1));
        let path = |name: &str| TreePath::new(name.as_bytes()).expect("good");
        tree.link(path("another"), &path("usr/bin/busybox")).expect("free");
        let mut bytes = Vec::new();
        newc::write(&tree, &mut bytes).expect("it fits");
        // A second archive with a later version of one file.
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("etc/motd"), Node::file(0o644, Time::EPOCH, file("late"))).expect("free");
        newc::write(&tree, &mut bytes).expect("it fits");
        Window::from(bytes)
    }

    #[test]
    fn paths_lead_through_symlinks_and_hard_links_to_their_data() {
        let window = initramfs();
        let index = Index::read(&window).expect("sound");
        assert!(index.problem.is_none());
        for path in ["init", "/bin/busybox", "./another", "bin/../bin/sh"] {
            let mut data = Vec::new();
            let found = index.find(path.as_bytes()).expect(path);
            index.copy(&window, found, &mut data).expect("readable");
            assert_eq!(data, b"program", "{path}");
        }
        let text = |path: &str| index.find(path.as_bytes()).expect_err("not there").to_string();
        assert_eq!(text("bin/none"), "there is no bin/none");
        assert_eq!(text("loop"), "loop has too many symlinks");
        let motd = index.find(b"etc/motd").expect("there");
        assert_eq!(index.members[motd].place.segment, 1);
    }

    #[test]
    fn members_read_like_ls() {
        let index = Index::with_digests(&initramfs()).expect("sound");
        let member = |path: &str| {
            let index_of = |m: &&Member| m.path == path.as_bytes();
            index.members.iter().find(index_of).expect("there")
        };
        assert_eq!(member("usr/bin/busybox").permissions(), "-rwsr-xr-x");
        assert_eq!(member("bin").permissions(), "lrwxrwxrwx");
        assert_eq!(member("bin").target, b"usr/bin");
        assert_eq!(member("dev/console").device(), Some((5, 1)));
        assert_eq!(member("etc/motd").digest, Some(Sha256::digest(b"late").into()));
        let json = serde_json::to_value(member("dev/console")).expect("serialises");
        assert_eq!(json["device"], serde_json::json!([5, 1]));
    }
}
