//! The files that a guest sees: an unpacked initramfs, or a filesystem that is read in place.
//!
//! Symlinks are followed as the guest's kernel follows them: from the root of these files, never on the
//! host. A path that leads outside, through mounts that only the running guest has (`/proc`, `/dev`),
//! ends in nothing.

use std::fmt;

use crate::error::shown_bytes;
use crate::fs::{Entry, EntryKind, FileSystem};
use crate::tree::{Kind, Tree, TreePath};

/// How many symlinks Linux follows in one path (`MAXSYMLINKS`).
const LINKS_MAX: usize = 40;

/// The largest file that is read to judge it: several times the largest program of a distribution.
const FILE_MAX: u64 = 256 << 20;

/// Where files are.
pub enum Files {
    /// In a tree in memory.
    Tree(Tree),
    /// On a partition.
    Disk(FileSystem),
}

/// A file's kind and metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// What it is.
    pub kind: FileKind,
    /// Permission bits, setuid and so on.
    pub mode: u16,
    /// Its owner.
    pub uid: u32,
}

/// The kinds that make a difference to who executes or opens a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a pipe, a socket.
    Special,
}

/// Where a path does not lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Nothing there, without any link on the way.
    Missing,
    /// A symlink on the way leads to nothing.
    Dangling {
        /// The link.
        link: Vec<u8>,
        /// What it says.
        target: Vec<u8>,
    },
    /// Links that lead to each other.
    Loop,
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Files::Tree(_) => "Tree",
            Files::Disk(_) => "Disk",
        })
    }
}

impl Files {
    /// What is at a path, links not followed in its last part nor before.
    pub fn status(&self, path: &[u8]) -> Option<Status> {
        match self {
            Files::Tree(tree) => {
                let node = tree.get(&TreePath::new(path).ok()?)?;
                let kind = match node.kind {
                    Kind::File(_) => FileKind::File,
                    Kind::Directory => FileKind::Directory,
                    Kind::Symlink(_) => FileKind::Symlink,
                    _ => FileKind::Special,
                };
                Some(Status { kind, mode: node.metadata.mode, uid: node.metadata.uid })
            }
            Files::Disk(system) => {
                let found = entry(system, path)?;
                let kind = match found.kind {
                    EntryKind::File => FileKind::File,
                    EntryKind::Directory => FileKind::Directory,
                    EntryKind::Symlink(_) => FileKind::Symlink,
                    EntryKind::Special(_) => FileKind::Special,
                };
                // FAT has neither; Linux shows its files so.
                let (mode, uid) = found.owner.map_or((0o755, 0), |owner| (owner.mode, owner.uid));
                Some(Status { kind, mode, uid })
            }
        }
    }

    /// The path without symlinks that a path leads to, relative to the root.
    ///
    /// # Errors
    /// Where it leads to nothing.
    pub fn resolve(&self, path: &[u8]) -> Result<Vec<u8>, Lost> {
        let mut left: Vec<Vec<u8>> = components(path);
        let mut done: Vec<u8> = Vec::new();
        // The links that the present part comes from, and how many parts were left before each.
        let mut links: Vec<(usize, Lost)> = Vec::new();
        let mut followed = 0;
        while let Some(part) = left.pop() {
            links.retain(|(before, _)| left.len() >= *before);
            if part == b".." {
                let parent = done.iter().rposition(|&b| b == b'/').unwrap_or(0);
                done.truncate(parent);
                continue;
            }
            let here = joined(&done, &part);
            let lost = || links.last().map_or(Lost::Missing, |(_, link)| link.clone());
            match self.status(&here) {
                None => return Err(lost()),
                Some(Status { kind: FileKind::Symlink, .. }) => {
                    followed += 1;
                    let target = self.target(&here).ok_or_else(lost)?;
                    if followed > LINKS_MAX {
                        return Err(Lost::Loop);
                    }
                    if target.starts_with(b"/") {
                        done.clear();
                    }
                    links.push((left.len(), Lost::Dangling { link: here, target: target.clone() }));
                    left.extend(components(&target));
                }
                Some(_) => done = here,
            }
        }
        Ok(done)
    }

    /// Whether a path leads to something.
    pub fn has(&self, path: &[u8]) -> bool {
        self.resolve(path).is_ok()
    }

    /// The status of what a path leads to.
    pub fn followed(&self, path: &[u8]) -> Option<Status> {
        self.status(&self.resolve(path).ok()?)
    }

    /// The content of the file that a path leads to; `None` where there is none that can be read.
    pub fn read(&self, path: &[u8]) -> Option<Vec<u8>> {
        let path = self.resolve(path).ok()?;
        match self {
            Files::Tree(tree) => match &tree.get(&TreePath::new(&path).ok()?)?.kind {
                Kind::File(content) if content.len() <= FILE_MAX => content.read().ok(),
                _ => None,
            },
            Files::Disk(system) => system.read(&TreePath::new(&path).ok()?, FILE_MAX).ok(),
        }
    }

    /// The names in a directory, sorted; none where it is no directory.
    pub fn names(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let Ok(path) = self.resolve(path) else { return Vec::new() };
        let mut names: Vec<Vec<u8>> = match self {
            Files::Tree(tree) => {
                let Ok(folder) = TreePath::new(&path) else { return Vec::new() };
                let inside = |p: &TreePath| p.parent().is_some_and(|parent| parent == folder);
                let paths = tree.iter().map(|entry| entry.path).filter(|p| inside(p));
                paths.map(|p| p.name().to_vec()).collect()
            }
            Files::Disk(system) => {
                let listed = TreePath::new(&path).ok().and_then(|path| system.list(&path).ok());
                listed.unwrap_or_default().into_iter().map(|entry| entry.name).collect()
            }
        };
        names.sort();
        names
    }

    fn target(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self {
            Files::Tree(tree) => match &tree.get(&TreePath::new(path).ok()?)?.kind {
                Kind::Symlink(target) => Some(target.clone()),
                _ => None,
            },
            Files::Disk(system) => match entry(system, path)?.kind {
                EntryKind::Symlink(target) => Some(target),
                _ => None,
            },
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Missing => f.write_str("is not there"),
            Lost::Dangling { link, target } => {
                let (link, target) = (shown_bytes(link), shown_bytes(target));
                write!(f, "leads nowhere: /{link} is a symlink to {target}, which is not there")
            }
            Lost::Loop => f.write_str("is a symlink that leads back to itself"),
        }
    }
}

/// The parts of a path, last first.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let parts = path.split(|&b| b == b'/').filter(|part| !part.is_empty() && *part != b".");
    let mut parts: Vec<_> = parts.map(<[u8]>::to_vec).collect();
    parts.reverse();
    parts
}

fn joined(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder.is_empty() {
        true => name.to_vec(),
        false => [folder, name].join(&b'/'),
    }
}

/// What is at a path on a partition; damage counts as nothing.
fn entry(system: &FileSystem, path: &[u8]) -> Option<Entry> {
    system.entry(&TreePath::new(path).ok()?).ok()?
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::tests::tree;

    #[test]
    fn links_are_followed_from_the_root_of_the_files() {
        let files = Files::Tree(tree(&[
            ("usr/bin/sh", 0o755, b"x"),
            ("bin", 0o777, b"->usr/bin"),
            ("init", 0o777, b"->/bin/../bin/sh"),
            ("gone", 0o777, b"->bin/missing"),
            ("loop", 0o777, b"->loop"),
        ]));
        assert_eq!(files.resolve(b"/init"), Ok(b"usr/bin/sh".to_vec()));
        assert_eq!(files.read(b"/bin/sh"), Some(b"x".to_vec()));
        assert_eq!(files.resolve(b"/loop"), Err(Lost::Loop));
        assert_eq!(files.resolve(b"/nothing"), Err(Lost::Missing));
        let dangling = files.resolve(b"/gone").expect_err("it is dangling");
        assert_eq!(
            dangling.to_string(),
            "leads nowhere: /gone is a symlink to bin/missing, which is not there"
        );
        assert_eq!(files.names(b"/usr"), [b"bin".to_vec()]);
    }
}
