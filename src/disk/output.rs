//! A file that appears whole or not at all.
//!
//! It is written without a name (`O_TMPFILE`), so that no signal, SIGKILL included, leaves anything
//! behind; [`OutputFile::commit`] gives it its name. Where the filesystem has no nameless files (NFS,
//! FUSE, overlayfs before Linux 6.3), and for a folder, it has a unique name beside the target, which is
//! removed when the value is dropped or an interrupt calls [`abandon`]: there only SIGKILL leaves
//! something, `.bootwright-….tmp`, which the next run removes once nobody holds it.
//!
//! Nothing is synced to the device: an image can be built again, and a sync would cost more than the
//! whole build. Whoever must survive a power cut calls [`OutputFile::commit_durably`].

mod folder;
mod temporary;

use std::fs::File;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Mode, OFlags};
use rustix::io::Errno;

pub use folder::OutputFolder;
pub use temporary::abandon;
use temporary::{NamedTemporary, folder_of, remove_orphans};

use crate::error::{Context, Error, Result, shown};
use crate::size::Size;

/// Readable by all whatever the umask: the same build gives the same file to everybody.
const MODE: Mode = Mode::from_raw_mode(0o644);

/// Links that lead to a file which is not there yet, as many as Linux follows.
const LINKS_MAX: usize = 40;

/// A file being written that nobody sees yet under its name.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    target: PathBuf,
    temporary: Temporary,
}

/// How the file is reached until it has its name.
#[derive(Debug)]
enum Temporary {
    /// Not at all.
    Nameless,
    /// Under this name, which is removed on drop.
    Named(NamedTemporary),
}

impl OutputFile {
    /// Starts an empty file that will be at `path`; a file that is there stays until the commit.
    /// A symbolic link stays, and the file that it leads to is replaced.
    ///
    /// # Errors
    /// Where the folder is missing or not writable, or something other than a regular file is there.
    pub fn create(path: impl AsRef<Path>) -> Result<OutputFile> {
        let path = path.as_ref();
        Self::create_with(path, Self::nameless).context(|| format!("writing {}", shown(path)))
    }

    /// Whether a file could be written there, as far as that is known before it is.
    ///
    /// # Errors
    /// As [`OutputFile::create`].
    pub fn check(path: impl AsRef<Path>) -> Result<()> {
        OutputFile::create(path).map(drop)
    }

    fn create_with(path: &Path, open: impl Fn(&Path) -> Result<Option<File>>) -> Result<Self> {
        let target = resolved(path)?;
        let folder = folder_of(&target);
        remove_orphans(folder);
        let (file, temporary) = match open(folder)? {
            Some(file) => (file, Temporary::Nameless),
            None => Self::named(&target)?,
        };
        rustix::fs::fchmod(&file, MODE)?;
        Ok(OutputFile { file, target, temporary })
    }

    /// A file without a name in this folder; `None` where there can be none.
    fn nameless(folder: &Path) -> Result<Option<File>> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match rustix::fs::open(folder, flags, MODE) {
            // Without /proc nobody could give it a name afterwards.
            Ok(fd) if Path::new("/proc/self/fd").is_dir() => Ok(Some(fd.into())),
            // EISDIR: a kernel that does not know the flag takes it for O_DIRECTORY.
            Ok(_) | Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => Ok(None),
            Err(errno) => Err(errno).context(|| format!("opening the folder {}", shown(folder))),
        }
    }

    fn named(target: &Path) -> Result<(File, Temporary)> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
        let open = |name: &Path| Ok(File::from(rustix::fs::open(name, flags, MODE)?));
        NamedTemporary::beside(target, open).map(|(file, name)| (file, Temporary::Named(name)))
    }

    /// The file, for reading and writing.
    pub fn as_file(&self) -> &File {
        &self.file
    }

    /// Where it will be.
    pub fn path(&self) -> &Path {
        &self.target
    }

    /// Makes sure that so many bytes can still be written to its filesystem.
    ///
    /// # Errors
    /// Where they cannot, with the numbers.
    pub fn reserve(&self, bytes: u64) -> Result<()> {
        let space = rustix::fs::fstatvfs(&self.file)
            .context(|| format!("writing {}", shown(&self.target)))?;
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        match bytes <= free {
            true => Ok(()),
            false => Err(no_space(bytes, free).context(format!("writing {}", shown(&self.target)))),
        }
    }

    /// Gives the file its name, in the place of whatever file had it.
    ///
    /// # Errors
    /// Where the folder no longer lets us; then the previous file is untouched.
    pub fn commit(self) -> Result<()> {
        let doing = format!("writing {}", shown(&self.target));
        self.place().context(|| doing)
    }

    /// Gives the file its name as [`OutputFile::commit`] does, and returns when the device has both.
    ///
    /// # Errors
    /// As there, and where the device does not take them.
    pub fn commit_durably(self) -> Result<()> {
        let doing = format!("writing {}", shown(&self.target));
        let folder = folder_of(&self.target).to_owned();
        let place = || -> Result<()> {
            self.file.sync_all()?;
            self.place()?;
            Ok(File::open(folder)?.sync_all()?)
        };
        place().context(|| doing)
    }

    fn place(self) -> Result<()> {
        let OutputFile { file, target, temporary } = self;
        let name = match temporary {
            Temporary::Named(name) => name,
            Temporary::Nameless => match link(&file, &target) {
                Ok(()) => return Ok(()),
                // A link cannot replace a file, a rename can.
                Err(Errno::EXIST) => NamedTemporary::beside(&target, |name| link(&file, name))?.1,
                Err(errno) => return Err(errno.into()),
            },
        };
        name.keep_as(&target)
    }
}

/// Gives a nameless file a name. Through /proc, because `AT_EMPTY_PATH` wants a capability.
fn link(file: &File, name: &Path) -> rustix::io::Result<()> {
    use std::os::fd::AsRawFd;
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, nameless, CWD, name, AtFlags::SYMLINK_FOLLOW)
}

/// Where a path leads, also through a link to what is not there yet.
fn followed(path: &Path) -> Result<PathBuf> {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        match (path.canonicalize(), path.read_link()) {
            (Ok(found), _) => return Ok(found),
            (_, Ok(to)) => path = folder_of(&path).join(to),
            (_, Err(_)) => return Ok(path),
        }
    }
    Err(Errno::LOOP.into())
}

/// The path with links followed, and that nothing is there which a file must not replace.
fn resolved(path: &Path) -> Result<PathBuf> {
    let target = followed(path)?;
    if target.file_name().is_none() || path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(Error::new("the path names a directory, not a file"));
    }
    match target.metadata() {
        Ok(there) if there.is_dir() => Err(Error::new("a directory is there")),
        Ok(there) if !there.is_file() => {
            Err(Error::new("what is there is not a regular file, so it is not replaced"))
        }
        _ => Ok(target),
    }
}

fn no_space(needs: u64, has: u64) -> Error {
    Error::new(format!(
        "the filesystem is too full: {needs} bytes are needed ({}), {has} are free ({}), {} too few",
        Size(needs),
        Size(has),
        needs - has
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;

    type Opener = fn(&Path) -> Result<Option<File>>;

    /// How a file is opened: nameless, or as where that is not possible.
    const OPENERS: [Opener; 2] = [OutputFile::nameless, |_| Ok(None)];

    fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().expect("readable");
        entries.map(|e| e.expect("readable").file_name().to_string_lossy().into()).collect()
    }

    #[test]
    fn a_file_appears_whole_and_replaces_the_previous_one() {
        for open in OPENERS {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let target = folder.path().join("disk image\n.img");
            for content in ["first", "second"] {
                let output = OutputFile::create_with(&target, open).expect("created");
                output.as_file().write_all(content.as_bytes()).expect("written");
                let before = std::fs::read(&target).unwrap_or_default();
                assert_ne!(before, content.as_bytes(), "not there before the commit");
                output.commit().expect("committed");
                assert_eq!(std::fs::read(&target).expect("there"), content.as_bytes());
                assert_eq!(names(folder.path()), ["disk image\n.img"]);
            }
            let mode = target.metadata().expect("there").permissions().mode();
            assert_eq!(mode & 0o7777, 0o644);
        }
    }

    #[test]
    fn what_is_dropped_leaves_the_previous_file_and_nothing_else() {
        for open in OPENERS {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let target = folder.path().join("disk.img");
            std::fs::write(&target, "good").expect("written");
            let output = OutputFile::create_with(&target, open).expect("created");
            output.as_file().write_all(b"half").expect("written");
            drop(output);
            assert_eq!(names(folder.path()), ["disk.img"]);
            assert_eq!(std::fs::read(&target).expect("there"), b"good");
        }
    }

    #[test]
    fn what_is_no_file_is_not_replaced() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let text = |path: &Path| OutputFile::create(path).expect_err("refused").to_string();
        assert!(text(folder.path()).ends_with(": a directory is there"));
        assert!(text(&folder.path().join("x/")).ends_with("names a directory, not a file"));
        let missing = text(&folder.path().join("x/y.img"));
        assert!(missing.contains("/x/y.img: opening the folder "), "{missing}");
        assert_eq!(
            text(Path::new("/dev/null")),
            "writing /dev/null: what is there is not a regular file, so it is not replaced"
        );
        assert!(text(Path::new("")).contains("the path names a directory"));
    }

    #[test]
    fn a_link_is_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (real, link) = (folder.path().join("real.img"), folder.path().join("link.img"));
        std::fs::write(&real, "old").expect("written");
        std::os::unix::fs::symlink(&real, &link).expect("linked");
        OutputFile::create(&link).expect("created").commit().expect("committed");
        assert_eq!(std::fs::read(&real).expect("there"), b"");
        assert!(link.is_symlink());
    }

    #[test]
    fn a_link_to_what_is_not_there_yet_is_followed() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("images")).expect("made");
        for (name, to) in [("one", "two"), ("two", "images/real.img"), ("loop", "loop")] {
            std::os::unix::fs::symlink(to, at(name)).expect("linked");
        }
        OutputFile::create(at("one")).expect("created").commit().expect("committed");
        assert!(
            at("images/real.img").is_file() && at("one").is_symlink() && at("two").is_symlink()
        );
        let text = OutputFile::create(at("loop")).expect_err("nowhere").to_string();
        assert!(text.ends_with("loop: too many levels of symbolic links"), "{text}");
    }

    #[test]
    fn a_full_filesystem_is_said_with_the_numbers() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let output = OutputFile::create(folder.path().join("disk.img")).expect("created");
        output.reserve(1).expect("a byte is free");
        let text = output.reserve(u64::MAX).expect_err("nothing is so large").to_string();
        assert!(text.contains("18446744073709551615 bytes are needed"), "{text}");
        assert!(text.ends_with(" too few"), "{text}");
    }

    #[test]
    fn what_a_killed_process_left_goes_and_what_a_living_one_has_stays() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        // Nobody here has these numbers: of two hosts, or two containers, each has its own.
        let living = [".bootwright-4294967294-1.tmp", ".bootwright-4294967294-2.tmp"];
        let orphans = [".bootwright-4294967294-3.tmp", ".bootwright-4294967294-4.gone"];
        std::fs::write(at(orphans[0]), "").expect("written");
        std::fs::create_dir_all(at(orphans[1]).join("a/b")).expect("made");
        std::fs::write(at(".bootwright-x.tmp"), "").expect("written");
        let file = OutputFile::create_with(&at("a.img"), |_| Ok(None)).expect("created");
        let Temporary::Named(temporary) = &file.temporary else { panic!("it has a name") };
        std::fs::rename(temporary.path(), at(living[0])).expect("of another host");
        let tree = OutputFolder::create(&at("tree")).expect("created");
        std::fs::rename(tree.path(), at(living[1])).expect("of another host");
        let left = || {
            drop(OutputFile::create(at("disk.img")).expect("created"));
            let mut left = names(folder.path());
            left.sort();
            left
        };
        assert_eq!(left(), [living[0], living[1], ".bootwright-x.tmp"]);
        drop((file, tree));
        assert_eq!(left(), [".bootwright-x.tmp"], "their writers are gone");
    }

    #[test]
    fn what_must_survive_a_power_cut_appears_likewise() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let target = folder.path().join("record");
        let output = OutputFile::create(&target).expect("created");
        output.as_file().write_all(b"begun").expect("written");
        output.commit_durably().expect("committed");
        assert_eq!(std::fs::read(&target).expect("there"), b"begun");
    }
}
