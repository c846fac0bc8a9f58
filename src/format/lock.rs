//! Whether a running QEMU (or another bootwright) uses an image: QEMU's own locks, taken and respected.
//!
//! QEMU locks single bytes of the file with open-file-description locks: byte 100 + n is held for a
//! permission that it has, byte 200 + n for one that it does not share (`block/file-posix.c`,
//! `include/block/block-common.h`). They end with the file, whatever ends the process. Where a filesystem
//! has no locks there are none, as QEMU has it with `locking=auto`.

use std::fs::File;
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::Disk;
use crate::error::{Context, Error, Result, shown};

/// Reading what nobody changes meanwhile.
const CONSISTENT_READ: i64 = 0;
/// Writing.
const WRITE: i64 = 1;
/// Changing the file's size.
const RESIZE: i64 = 3;

/// Byte of the first permission that is had.
const HAS: i64 = 100;
/// Byte of the first permission that is not shared.
const UNSHARED: i64 = 200;

/// How often, and how long apart, somebody else's locks are looked at before they count: a program that is
/// being started has, until it runs, all that its parent had open, also what that has closed since.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(15);

/// What is going to be done with an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is read; nobody may write it.
    Read,
    /// It is changed in place; nobody may write or consistently read it.
    Write,
}

/// Locks a file until it is closed; the path is for messages.
///
/// # Errors
/// Where somebody uses it in a way that does not go together with this.
pub fn lock(file: &File, path: &Path, usage: Use) -> Result<()> {
    let has: &[i64] = match usage {
        Use::Read => &[CONSISTENT_READ],
        Use::Write => &[CONSISTENT_READ, WRITE, RESIZE],
    };
    let unshared: &[i64] = match usage {
        Use::Read => &[WRITE, RESIZE],
        Use::Write => &[CONSISTENT_READ, WRITE, RESIZE],
    };
    let mine = has.iter().map(|n| HAS + n).chain(unshared.iter().map(|n| UNSHARED + n));
    let theirs = has.iter().map(|n| UNSHARED + n).chain(unshared.iter().map(|n| HAS + n));
    let locking = || format!("locking {}", shown(path));
    for byte in mine {
        take(file, byte).context(locking)?;
    }
    for byte in theirs {
        if stays_held(file, byte).context(locking)? {
            return Err(Error::new("it is in use by a running QEMU or another program")
                .context(format!("opening {}", shown(path)))
                .hint("shut the guest down first"));
        }
    }
    Ok(())
}

/// Locks every image of a chain for reading, until the files are dropped.
///
/// # Errors
/// As [`lock`].
pub fn chain(disk: &Disk) -> Result<Vec<File>> {
    let (mut files, mut next) = (Vec::new(), Some(disk));
    while let Some(disk) = next {
        let path = disk.path();
        let file = File::open(path).context(|| format!("opening {}", shown(path)))?;
        lock(&file, path, Use::Read)?;
        files.push(file);
        next = disk.backing();
    }
    Ok(files)
}

/// Whether somebody has permission to write to a file.
pub fn is_written(file: &File) -> bool {
    is_held(file, HAS + WRITE).unwrap_or(false)
}

/// A shared lock of one byte: it never fails because of another's shared lock, and nobody takes others.
fn take(file: &File, byte: i64) -> Result<(), Errno> {
    match fcntl(file, FcntlArg::F_OFD_SETLK(&range(libc::F_RDLCK, byte))) {
        Ok(_) => Ok(()),
        Err(errno) if is_without_locks(errno) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Whether somebody else has any lock of this byte.
fn is_held(file: &File, byte: i64) -> Result<bool, Errno> {
    let mut found = range(libc::F_WRLCK, byte);
    match fcntl(file, FcntlArg::F_OFD_GETLK(&mut found)) {
        Ok(_) => Ok(i32::from(found.l_type) != libc::F_UNLCK),
        Err(errno) if is_without_locks(errno) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// Whether somebody else has a lock of this byte, and keeps it.
fn stays_held(file: &File, byte: i64) -> Result<bool, Errno> {
    for _ in 1..LOOKS {
        if !is_held(file, byte)? {
            return Ok(false);
        }
        thread::sleep(BETWEEN_LOOKS);
    }
    is_held(file, byte)
}

fn is_without_locks(errno: Errno) -> bool {
    matches!(errno, Errno::EINVAL | Errno::ENOLCK | Errno::EOPNOTSUPP | Errno::ENOSYS)
}

fn range(kind: i32, byte: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: byte,
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_go_together_and_a_writer_with_nobody() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let open =
            || File::options().read(true).write(true).open(file.path()).expect("it is there");
        let lock = |file: &File, usage| lock(file, Path::new("x"), usage);
        let (one, two) = (open(), open());
        lock(&one, Use::Read).expect("alone");
        lock(&two, Use::Read).expect("readers go together");
        let text = lock(&open(), Use::Write).expect_err("it is read").to_string();
        assert_eq!(text, "opening x: it is in use by a running QEMU or another program");
        drop((one, two));
        let writer = open();
        lock(&writer, Use::Write).expect("alone again");
        assert!(lock(&open(), Use::Read).is_err());
        assert!(is_written(&open()));
        assert!(!is_written(&writer), "its own locks are no obstacle");
    }

    #[test]
    fn what_a_program_has_until_it_runs_is_waited_for() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        let open =
            || File::options().read(true).write(true).open(file.path()).expect("it is there");
        let writer = open();
        lock(&writer, Path::new("x"), Use::Write).expect("alone");
        thread::scope(|scope| {
            // As a child between fork and exec has it.
            let copy = writer.try_clone().expect("copied");
            drop(writer);
            scope.spawn(move || {
                thread::sleep(3 * BETWEEN_LOOKS);
                drop(copy);
            });
            lock(&open(), Path::new("x"), Use::Write).expect("it ends");
        });
    }
}
