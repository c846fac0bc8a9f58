//! Names that nobody is to see: unique beside a target, and removed with the value.
//!
//! What has such a name is locked by its writer, and the lock ends with the writer, on whatever host or in
//! whatever container it runs. So who can lock it knows that it is an orphan; where the filesystem has no
//! locks, nobody can, and it stays.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::{Errno, retry_on_intr};

use crate::error::Result;

/// Every name of this process, because an interrupt ends it without dropping a value.
static NAMES: Mutex<Vec<Name>> = Mutex::new(Vec::new());

/// What is removed where its content does not become whole.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Name {
    /// A file or folder of our own.
    Ours(PathBuf),
    /// The content of a folder that was there, and empty.
    Within(PathBuf),
}

impl Name {
    fn path(&self) -> &Path {
        match self {
            Name::Ours(path) | Name::Within(path) => path,
        }
    }

    fn remove(&self) {
        match self {
            Name::Ours(path) => remove(path),
            Name::Within(folder) => empty(folder),
        }
    }
}

fn names() -> MutexGuard<'static, Vec<Name>> {
    NAMES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes whatever this process has begun and not finished; for when it ends at once.
///
/// Whoever still writes there fails, and no further name is made.
pub fn abandon() {
    let mut names = names();
    for name in names.drain(..) {
        // Under a name that no writer knows, so that nothing is added while it is removed.
        let gone = name.path().with_extension("gone");
        match &name {
            Name::Ours(path) if std::fs::rename(path, &gone).is_ok() => remove(&gone),
            _ => name.remove(),
        }
    }
    // Kept locked: the process ends.
    std::mem::forget(names);
}

/// A file or folder whose name goes away with the value.
#[derive(Debug)]
pub(super) struct NamedTemporary {
    name: Name,
    _lock: Option<File>,
}

impl NamedTemporary {
    /// Runs `create` with names beside the target until one is free.
    pub(super) fn beside<T>(
        target: &Path,
        create: impl Fn(&Path) -> rustix::io::Result<T>,
    ) -> Result<(T, Self)> {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        loop {
            let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
            // Not made from the target's name: that may be as long as a name can be.
            let name = format!(".bootwright-{}-{unique}.tmp", std::process::id());
            let path = folder_of(target).join(name);
            // Held while it is made: an interrupt finds either no file, or a file and its name.
            let mut names = names();
            match create(&path) {
                Ok(value) => {
                    // Another run may have taken it for an orphan before it was locked.
                    let Ok(_lock) = hold(&path) else { continue };
                    let name = Name::Ours(path);
                    names.push(name.clone());
                    return Ok((value, NamedTemporary { name, _lock }));
                }
                Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }

    /// An empty folder that is to be filled where it is.
    pub(super) fn within(folder: &Path) -> Self {
        let name = Name::Within(folder.into());
        names().push(name.clone());
        NamedTemporary { name, _lock: None }
    }

    pub(super) fn path(&self) -> &Path {
        self.name.path()
    }

    /// Gives it its final name; whatever has the temporary one from now on is not ours to remove.
    pub(super) fn keep_as(self, target: &Path) -> Result<()> {
        let mut names = names();
        if let Name::Ours(path) = &self.name {
            std::fs::rename(path, target)?;
        }
        names.retain(|name| *name != self.name);
        Ok(())
    }
}

impl Drop for NamedTemporary {
    fn drop(&mut self) {
        let mut names = names();
        // What was kept is no longer among them.
        if let Some(index) = names.iter().position(|name| *name == self.name) {
            names.remove(index).remove();
        }
    }
}

/// Removes a file, or a folder with all that is in it, whatever modes were already given.
/// There is nobody to tell about a failure.
fn remove(path: &Path) {
    if !path.symlink_metadata().is_ok_and(|there| there.is_dir()) {
        let _ = std::fs::remove_file(path);
        return;
    }
    empty(path);
    let _ = std::fs::remove_dir(path);
}

/// Removes all that is in a folder.
fn empty(folder: &Path) {
    let _ = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        remove(&entry.path());
    }
}

/// Opens a file or folder to lock it; NFS wants a lock of one's own to be of what one may write.
fn open(path: &Path) -> Result<File, Errno> {
    let flags = OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let open = |how| rustix::fs::open(path, flags | how, Mode::empty());
    open(OFlags::RDWR).or_else(|_| open(OFlags::RDONLY)).map(File::from)
}

/// Whether it has no name any more.
fn is_gone(file: &File) -> bool {
    fstat(file).is_ok_and(|seen| seen.st_nlink == 0)
}

/// Locks what was just made; `None` where there are no locks.
///
/// # Errors
/// `NOENT` where it is gone again.
fn hold(path: &Path) -> Result<Option<File>, Errno> {
    let file = match open(path) {
        Err(Errno::NOENT) => return Err(Errno::NOENT),
        Err(_) => return Ok(None),
        Ok(file) => file,
    };
    let locked = retry_on_intr(|| flock(&file, FlockOperation::LockExclusive));
    match is_gone(&file) {
        true => Err(Errno::NOENT),
        false => Ok(locked.is_ok().then_some(file)),
    }
}

/// Removes temporaries whose process was killed while they had a name.
pub(super) fn remove_orphans(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_temporary(&entry.file_name()) {
            // Not ours to remove, or already gone: the build can do without.
            let _ = remove_orphan(&entry.path());
        }
    }
}

/// Whether a name is one that is made here.
fn is_temporary(name: &OsStr) -> bool {
    let numbers = || {
        let name = name.to_str()?.strip_prefix(".bootwright-")?;
        let numbers = name.strip_suffix(".tmp").or_else(|| name.strip_suffix(".gone"))?;
        numbers.split_once('-')
    };
    let is_number = |text: &str| text.parse::<u32>().is_ok();
    numbers().is_some_and(|(process, unique)| is_number(process) && is_number(unique))
}

/// Removes a temporary, unless its writer holds it.
fn remove_orphan(path: &Path) -> Result<(), Errno> {
    let file = open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    // Where somebody else removed it meanwhile, the name may be another's by now.
    if !is_gone(&file) {
        remove(path);
    }
    Ok(())
}

/// Where a target is.
pub(super) fn folder_of(target: &Path) -> &Path {
    target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
