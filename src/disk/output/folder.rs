//! A folder that appears whole or not at all: made beside its place, and renamed when it is whole.
//!
//! An empty folder that is there is replaced by that; where it cannot be, because it is a mount point or
//! its own folder is not ours to write into, the new one is filled in its place, and emptied again where
//! that does not succeed. A folder of ours from before is exchanged with the new one.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, RenameFlags, StatxAttributes, StatxFlags, statx};

use super::temporary::{NamedTemporary, folder_of, remove_orphans};
use crate::error::{Context, Error, Result, shown};

/// A folder being filled that nobody sees yet under its name.
#[derive(Debug)]
pub struct OutputFolder {
    target: PathBuf,
    place: NamedTemporary,
    found: Found,
}

/// What is at the target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Empty,
    /// What an earlier run of ours wrote.
    Ours,
}

impl OutputFolder {
    /// Starts an empty folder, its owner's alone, that will be at `path`, where nothing is or an empty folder.
    ///
    /// # Errors
    /// Where something is there, or the folder around it is missing or not writable.
    pub fn create(path: &Path) -> Result<Self> {
        Self::replace(path, |_| false)
    }

    /// As [`OutputFolder::create`]; where everything in a folder that is there is ours by its name, the
    /// commit replaces it.
    ///
    /// # Errors
    /// As [`OutputFolder::create`].
    pub fn replace(path: &Path, is_ours: fn(&OsStr) -> bool) -> Result<Self> {
        Self::begin(path, is_ours).context(|| format!("writing the folder {}", shown(path)))
    }

    fn begin(path: &Path, is_ours: fn(&OsStr) -> bool) -> Result<Self> {
        // Where links lead to; and without a `/` at its end, of which nothing could be beside it.
        let target = path.canonicalize().unwrap_or_else(|_| path.components().collect());
        let found = look(&target, is_ours)?;
        let within = || NamedTemporary::within(&target);
        let place = match found {
            Found::Empty if is_mount(&target) => within(),
            _ => {
                remove_orphans(folder_of(&target));
                let made = |name: &Path| rustix::fs::mkdir(name, Mode::RWXU);
                match NamedTemporary::beside(&target, made) {
                    Ok(((), name)) => name,
                    Err(_) if found == Found::Empty => within(),
                    Err(error) => return Err(error),
                }
            }
        };
        Ok(OutputFolder { target, place, found })
    }

    /// Where it is filled.
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Where it will be.
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the folder its name.
    ///
    /// # Errors
    /// Where something is there by now; then nothing is changed.
    pub fn commit(self) -> Result<()> {
        let doing = || format!("writing the folder {}", shown(&self.target));
        let swap = |new: &Path| {
            rustix::fs::renameat_with(CWD, new, CWD, &self.target, RenameFlags::EXCHANGE)
        };
        match self.found {
            // The previous folder has the temporary's name then, and goes with it.
            Found::Ours => swap(self.place.path()).context(doing),
            Found::Nothing | Found::Empty => self.place.keep_as(&self.target).context(doing),
        }
    }
}

fn look(target: &Path, is_ours: fn(&OsStr) -> bool) -> Result<Found> {
    let entries = match std::fs::read_dir(target) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Found::Nothing),
        entries => entries?,
    };
    let mut found = Found::Empty;
    for entry in entries {
        if !is_ours(&entry?.file_name()) {
            return Err(Error::new("it is not empty"));
        }
        found = Found::Ours;
    }
    Ok(found)
}

/// Whether another filesystem begins here, in whose place nothing can be put.
fn is_mount(folder: &Path) -> bool {
    statx(CWD, folder, AtFlags::empty(), StatxFlags::empty())
        .is_ok_and(|seen| seen.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("readable");
        entries.map(|e| e.expect("readable").file_name().to_string_lossy().into()).collect()
    }

    /// Something of every kind that is hard to remove.
    fn fill(folder: &Path) {
        fs::create_dir_all(folder.join("a/b")).expect("made");
        fs::write(folder.join("a/b/c"), "content").expect("written");
        fs::set_permissions(folder.join("a/b"), fs::Permissions::from_mode(0o000)).expect("set");
        std::os::unix::fs::symlink("/etc", folder.join("link")).expect("linked");
    }

    #[test]
    fn a_folder_appears_whole_in_the_place_of_nothing_or_an_empty_one() {
        let around = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(around.path().join("empty")).expect("made");
        for name in ["new", "empty/", "with/../slash/"] {
            let path = around.path().join(name);
            fs::create_dir_all(around.path().join("with")).expect("made");
            let output = OutputFolder::create(&path).expect("free");
            fill(output.path());
            assert!(!path.join("a").exists(), "{name}");
            output.commit().expect("free");
            assert!(path.join("a").is_dir(), "{name}");
        }
        fs::remove_dir(around.path().join("with")).expect("empty");
        assert_eq!(names(around.path()).len(), 3, "{:?}", names(around.path()));
    }

    #[test]
    fn what_is_dropped_leaves_nothing() {
        let around = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFolder::create(&around.path().join("new")).expect("free");
        fill(output.path());
        drop(output);
        assert_eq!(names(around.path()), [""; 0]);
        // As where the folder is a mount point.
        let target = around.path().to_owned();
        let output =
            OutputFolder { place: NamedTemporary::within(&target), target, found: Found::Empty };
        fill(output.path());
        drop(output);
        assert_eq!(names(around.path()), [""; 0]);
    }

    #[test]
    fn what_an_earlier_run_wrote_is_replaced() {
        let around = tempfile::tempdir().expect("a temporary folder");
        let path = around.path().join("x");
        for number in ["000000", "000001"] {
            let output = OutputFolder::replace(&path, |name| name.len() == 6).expect("ours");
            fs::write(output.path().join(number), "content").expect("written");
            assert!(!path.join(number).exists());
            output.commit().expect("ours");
            assert_eq!(names(&path), [number]);
            assert_eq!(names(around.path()), ["x"]);
        }
        assert!(OutputFolder::create(&path).is_err());
    }

    #[test]
    fn what_is_there_is_not_replaced() {
        let around = tempfile::tempdir().expect("a temporary folder");
        let path = around.path().join("x");
        let output = OutputFolder::create(&path).expect("free");
        fs::create_dir(&path).expect("made");
        fs::write(path.join("other"), "somebody's").expect("written");
        let error = output.commit().expect_err("taken").to_string();
        assert!(error.ends_with("directory not empty"), "{error}");
        let error = OutputFolder::create(&path).expect_err("taken").to_string();
        assert!(error.ends_with("/x: it is not empty"), "{error}");
        let error = OutputFolder::create(&path.join("other")).expect_err("a file").to_string();
        assert!(error.ends_with("not a directory"), "{error}");
        assert_eq!(names(around.path()), ["x"]);
    }
}
