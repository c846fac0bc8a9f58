//! Unpacks Debian packages into folders, several at a time, as an ordinary user.
//!
//! Files and directories first, then hard links, then symbolic links: while anything is written there
//! is no symbolic link in the tree, so that no package can lead another one's file out of it. Owners,
//! times and set-user-id bits are left out, and documentation that nobody reads from a store.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::deb::{self, Kind};
use crate::error::{Context, Error, Result, shown};

/// Folders that are not unpacked: thousands of small files that no program of the store needs.
const LEFT_OUT: &[&[u8]] = &[
    b"usr/share/doc/",
    b"usr/share/info/",
    b"usr/share/lintian/",
    b"usr/share/locale/",
    b"usr/share/man/",
];

/// Links that wait until all files are there: path, target.
#[derive(Default)]
struct Links {
    hard: Vec<(PathBuf, PathBuf)>,
    symbolic: Vec<(PathBuf, Vec<u8>)>,
}

/// Unpacks each package into its folder, which is there; several may share one.
///
/// # Errors
/// Where a package is damaged, two packages have the same file, or writing fails.
pub(super) fn unpack(jobs: &[(PathBuf, PathBuf)]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(jobs.len());
    let work = || -> Result<Vec<Links>> {
        let mut links = Vec::new();
        while let Some((package, folder)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let unpacked = files(package, folder);
            links.push(unpacked.context(|| format!("unpacking {}", shown(package)))?);
        }
        Ok(links)
    };
    let links = std::thread::scope(|scope| -> Result<Vec<Links>> {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut links = Vec::new();
        for worker in workers {
            let done =
                worker.join().map_err(|_| Error::new("unpacking packages: a thread died"))?;
            links.extend(done?);
        }
        Ok(links)
    })?;
    make_links(&links)
}

/// Writes the files and directories of one package and returns its links.
fn files(package: &Path, folder: &Path) -> Result<Links> {
    let mut links = Links::default();
    let input = BufReader::with_capacity(1 << 16, File::open(package)?);
    deb::for_each(input, |entry| {
        if LEFT_OUT.iter().any(|prefix| entry.path.starts_with(prefix)) {
            return Ok(());
        }
        let path = at(folder, &entry.path);
        match &entry.kind {
            Kind::Directory => make_directory(&path),
            Kind::File => write_file(&path, entry.mode, entry),
            Kind::HardLink(target) => {
                links.hard.push((path, at(folder, target)));
                Ok(())
            }
            Kind::Symlink(target) => {
                links.symbolic.push((path, target.clone()));
                Ok(())
            }
        }
    })?;
    Ok(links)
}

fn make_directory(path: &Path) -> Result<()> {
    fs::create_dir_all(path).context(|| format!("making {}", shown(path)))
}

fn write_file(path: &Path, mode: u32, content: &mut impl io::Read) -> Result<()> {
    path.parent().map_or(Ok(()), make_directory)?;
    let mut write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
        io::copy(content, &mut file)?;
        // The owner can always read and delete it, whatever the umask and the package say.
        file.set_permissions(Permissions::from_mode(mode & 0o777 | 0o600))
    };
    write().context(|| format!("writing {}", shown(path)))
}

fn make_links(links: &[Links]) -> Result<()> {
    for (path, target) in links.iter().flat_map(|l| &l.hard) {
        path.parent().map_or(Ok(()), make_directory)?;
        fs::hard_link(target, path).context(|| format!("linking {}", shown(path)))?;
    }
    let mut symbolic: Vec<_> = links.iter().flat_map(|l| &l.symbolic).collect();
    symbolic.sort();
    symbolic.dedup();
    // Every directory before the first symbolic link, for the reason above.
    symbolic.iter().try_for_each(|(path, _)| path.parent().map_or(Ok(()), make_directory))?;
    for (path, target) in symbolic {
        // Two packages that put a link and a directory at one path end here: the name is taken.
        let linked = symlink(OsStr::from_bytes(target), path);
        linked.context(|| format!("linking {}", shown(path)))?;
    }
    Ok(())
}

fn at(folder: &Path, path: &[u8]) -> PathBuf {
    folder.join(OsStr::from_bytes(path))
}

#[cfg(test)]
mod tests {
    use super::super::deb::testing::deb;
    use super::*;
    use tar::EntryType::{Directory, Link, Regular, Symlink};

    type Entries<'a> = &'a [(&'a str, tar::EntryType, &'a str, &'a str)];

    fn unpacked(packages: &[Entries<'_>]) -> (tempfile::TempDir, PathBuf, Result<()>) {
        let dir = tempfile::tempdir().expect("a folder");
        let tree = dir.path().join("tree");
        fs::create_dir(&tree).expect("made");
        let paths: Vec<_> =
            (0..packages.len()).map(|n| dir.path().join(format!("{n}.deb"))).collect();
        paths
            .iter()
            .zip(packages)
            .for_each(|(p, entries)| fs::write(p, deb(entries)).expect("written"));
        let jobs: Vec<_> = paths.into_iter().map(|path| (path, tree.clone())).collect();
        let result = unpack(&jobs);
        (dir, tree, result)
    }

    #[test]
    fn packages_become_one_tree_with_links_and_modes() {
        let (_dir, tree, result) = unpacked(&[
            &[("usr/bin/a", Regular, "", "A"), ("usr/bin/h", Link, "usr/bin/a", "")],
            &[("usr/bin/l", Symlink, "a", ""), ("usr/share/doc/x/README", Regular, "", "long")],
        ]);
        result.expect("unpacks");
        assert_eq!(fs::read(tree.join("usr/bin/l")).expect("read"), b"A");
        assert_eq!(fs::read(tree.join("usr/bin/h")).expect("read"), b"A");
        let mode = fs::metadata(tree.join("usr/bin/a")).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o755, "no set-user-id");
        assert!(!tree.join("usr/share/doc").exists());
    }

    #[test]
    fn a_link_leads_no_file_out_of_the_tree() {
        let outside = tempfile::tempdir().expect("a folder");
        let target = outside.path().to_str().expect("a name");
        let packages: [Entries<'_>; 2] = [
            &[("x", Symlink, target, ""), ("x/stolen", Regular, "", "!")],
            &[("x", Directory, "", ""), ("x", Symlink, target, "")],
        ];
        for package in packages {
            let (_dir, tree, result) = unpacked(&[package]);
            let error = result.expect_err("the name is taken").to_string();
            assert!(error.starts_with("linking ") && error.contains("/x: "), "{error}");
            assert!(tree.join("x").is_dir());
        }
        assert_eq!(fs::read_dir(outside.path()).expect("read").count(), 0);
    }

    #[test]
    fn a_hard_link_to_what_is_not_in_the_tree_fails() {
        let (_dir, _, result) = unpacked(&[&[("x", Link, "etc/passwd", "")]]);
        assert!(result.expect_err("no such file").to_string().starts_with("linking "));
    }

    #[test]
    fn two_packages_with_the_same_file_are_refused() {
        let one: Entries<'_> = &[("f", Regular, "", "1")];
        let (_dir, _, result) = unpacked(&[one, one]);
        assert!(result.expect_err("taken").to_string().contains("writing "));
    }
}
