//! A root to look for files in: the host's `/`, or a tree of unpacked packages.
//!
//! The symbolic links of packages are absolute (`/etc/alternatives/x`), so inside a tree they are
//! followed by hand, with the tree as their root.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

/// As many links as the kernel follows in one path.
const LINKS_MAX: usize = 40;

/// Where programs are, relative to a root.
const PROGRAM_FOLDERS: [&str; 4] = ["usr/bin", "usr/sbin", "bin", "sbin"];

/// Where libraries are, relative to a root; folders below them are searched too.
const LIBRARY_FOLDERS: [&str; 2] = ["usr/lib", "lib"];

/// A folder that stands for `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Root(PathBuf);

impl Root {
    pub(super) fn host() -> Self {
        Root(PathBuf::from("/"))
    }

    pub(super) fn tree(path: impl Into<PathBuf>) -> Self {
        Root(path.into())
    }

    pub(super) fn is_host(&self) -> bool {
        self.0 == Path::new("/")
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The path on the host of what is at `path` inside; `None` where nothing is there.
    ///
    /// The path stays as it is written where the kernel comes to the same file by it: mtools is one
    /// program that does what the link is called by which it was started.
    pub(super) fn find(&self, path: impl AsRef<Path>) -> Option<PathBuf> {
        let path = path.as_ref();
        let written = self.0.join(path.strip_prefix("/").unwrap_or(path));
        if self.is_host() {
            return written.symlink_metadata().is_ok().then_some(written);
        }
        let followed = self.follow(path)?;
        let real = followed.canonicalize().ok();
        let is_same = real.is_some() && written.canonicalize().ok() == real;
        Some(if is_same { written } else { followed })
    }

    /// The path with all links followed, absolute ones from this root.
    fn follow(&self, path: &Path) -> Option<PathBuf> {
        let mut waiting: Vec<_> = parts(path);
        let (mut at, mut links) = (PathBuf::new(), 0);
        while let Some(part) = waiting.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            at.push(&part);
            let metadata = self.0.join(&at).symlink_metadata().ok()?;
            if metadata.is_symlink() {
                links += 1;
                let target = fs::read_link(self.0.join(&at)).ok().filter(|_| links <= LINKS_MAX)?;
                at.pop();
                if target.is_absolute() {
                    at.clear();
                }
                waiting.extend(parts(&target));
            }
        }
        Some(self.0.join(at))
    }

    /// The program of this name.
    pub(super) fn program(&self, name: &str) -> Option<PathBuf> {
        PROGRAM_FOLDERS.iter().find_map(|folder| self.find(Path::new(folder).join(name)))
    }

    /// The folders of programs that are there.
    pub(super) fn program_folders(&self) -> Vec<PathBuf> {
        PROGRAM_FOLDERS.iter().filter_map(|folder| self.find(folder)).collect()
    }

    /// Every folder with shared libraries, sorted: some are below the usual one (`pulseaudio`).
    pub(super) fn library_folders(&self) -> Vec<PathBuf> {
        let mut found = BTreeSet::new();
        for folder in LIBRARY_FOLDERS {
            self.find(folder).into_iter().for_each(|f| libraries_below(&f, 3, &mut found));
        }
        found.into_iter().collect()
    }

    /// What a folder has, sorted by name; nothing where it is not there.
    pub(super) fn list(&self, folder: &str) -> Vec<PathBuf> {
        let mut paths: Vec<_> = self.find(folder).map(|f| entries(&f)).unwrap_or_default();
        paths.sort();
        paths
    }
}

/// The names of a path in reverse order, ready to be popped.
fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    let meaningful = path.components().filter_map(|c| match c {
        Component::Normal(_) | Component::ParentDir => Some(c.as_os_str().to_owned()),
        _ => None,
    });
    let mut parts: Vec<_> = meaningful.collect();
    parts.reverse();
    parts
}

fn libraries_below(folder: &Path, depth: usize, found: &mut BTreeSet<PathBuf>) {
    for path in entries(folder) {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("lib") && (name.ends_with(".so") || name.contains(".so.")) {
            found.insert(folder.to_owned());
        } else if depth > 0 && path.symlink_metadata().is_ok_and(|m| m.is_dir()) {
            libraries_below(&path, depth - 1, found);
        }
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let read = fs::read_dir(folder).into_iter().flatten();
    read.filter_map(|entry| entry.ok().map(|e| e.path())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn absolute_links_stay_inside_the_tree() {
        let dir = tempfile::tempdir().expect("a folder");
        let root = Root::tree(dir.path());
        fs::create_dir_all(dir.path().join("etc/alternatives")).expect("made");
        fs::create_dir_all(dir.path().join("usr/bin")).expect("made");
        fs::write(dir.path().join("usr/bin/real"), "x").expect("written");
        symlink("/usr/bin/real", dir.path().join("etc/alternatives/x")).expect("linked");
        symlink("/etc/alternatives/x", dir.path().join("usr/bin/x")).expect("linked");
        symlink("../../../../../etc/passwd", dir.path().join("usr/bin/out")).expect("linked");
        symlink("real", dir.path().join("usr/bin/mcopy")).expect("linked");
        symlink("loop", dir.path().join("usr/bin/loop")).expect("linked");
        assert_eq!(root.program("x"), Some(dir.path().join("usr/bin/real")));
        assert_eq!(root.program("mcopy"), Some(dir.path().join("usr/bin/mcopy")));
        assert_eq!(root.find("/usr/bin/mcopy"), root.program("mcopy"));
        assert_eq!(root.program("out"), None);
        assert_eq!(root.program("loop"), None);
    }

    #[test]
    fn library_folders_are_found_by_what_is_in_them() {
        let dir = tempfile::tempdir().expect("a folder");
        for file in ["usr/lib/t/libx.so.1", "usr/lib/t/pulseaudio/libp-16.so", "usr/lib/grub/a.mod"]
        {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(path, "").expect("written");
        }
        let expected = ["usr/lib/t", "usr/lib/t/pulseaudio"].map(|p| dir.path().join(p));
        assert_eq!(Root::tree(dir.path()).library_folders(), expected);
    }
}
