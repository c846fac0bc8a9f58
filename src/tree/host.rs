//! A host file as the content of a tree's file: it must stay as it was when it was looked at.

use std::ffi::CStr;
use std::fs::{File, OpenOptions};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{
    AtFlags, CWD, FileType, OFlags, SeekFrom, Statx, StatxFlags, makedev, seek, statx,
};
use rustix::io::Errno;

use super::Time;
use crate::error::{Context, Error, Result, shown};

/// A host file as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct HostFile {
    path: Arc<Path>,
    /// Whether all of it is allocated, so that nobody needs to look for holes.
    dense: bool,
    stamp: Stamp,
}

/// What changes when somebody writes to a file or puts another in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: Time,
}

/// What is under a name of a directory, a link itself.
pub(super) fn look(directory: impl AsFd, name: &CStr) -> Result<Statx, Errno> {
    statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::BASIC_STATS)
}

/// The number of the device that it is on.
pub(super) fn device(seen: &Statx) -> u64 {
    makedev(seen.stx_dev_major, seen.stx_dev_minor)
}

/// When it was modified.
pub(super) fn time(seen: &Statx) -> Time {
    Time { seconds: seen.stx_mtime.tv_sec, nanoseconds: seen.stx_mtime.tv_nsec }
}

impl From<&Statx> for Stamp {
    fn from(seen: &Statx) -> Self {
        Stamp { device: device(seen), inode: seen.stx_ino, size: seen.stx_size, mtime: time(seen) }
    }
}

impl HostFile {
    /// Looks at a file, through symbolic links.
    ///
    /// # Errors
    /// Where it is missing, unreadable or no regular file.
    pub fn new(path: impl Into<PathBuf>) -> Result<Self> {
        let path = path.into();
        let seen = statx(CWD, &path, AtFlags::empty(), StatxFlags::BASIC_STATS);
        let seen = seen.context(|| format!("reading {}", shown(&path)))?;
        match FileType::from_raw_mode(seen.stx_mode.into()) {
            FileType::RegularFile => {
                let file = HostFile::seen(path, &seen);
                file.check_length()?;
                Ok(file)
            }
            _ => Err(Error::new("not a regular file").context(format!("reading {}", shown(&path)))),
        }
    }

    /// Refuses what has bytes although it says that it has none, which would be written as empty.
    pub(super) fn check_length(&self) -> Result<()> {
        if !self.is_empty() || self.open()?.read_at(&mut [0], 0).is_ok_and(|n| n == 0) {
            return Ok(());
        }
        let error = Error::new("nobody knows its length before it is read: copy it first");
        Err(error.context(format!("reading {}", shown(&self.path))))
    }

    /// A regular file that was looked at already.
    pub(super) fn seen(path: PathBuf, seen: &Statx) -> Self {
        // stx_blocks is in units of 512 bytes, whatever the filesystem's blocks are.
        let dense = seen.stx_blocks >= seen.stx_size.div_ceil(512);
        HostFile { path: path.into(), dense, stamp: Stamp::from(seen) }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its length in bytes when it was looked at.
    pub fn len(&self) -> u64 {
        self.stamp.size
    }

    /// Its modification time when it was looked at.
    pub fn mtime(&self) -> Time {
        self.stamp.mtime
    }

    /// Whether it had no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ranges (offset, length) that hold data.
    pub(super) fn data_ranges(&self) -> Result<Vec<(u64, u64)>> {
        match self.dense && !self.is_empty() {
            true => Ok(vec![(0, self.len())]),
            false => {
                let ranges = data_ranges(&self.open()?, 0, self.len());
                Ok(ranges.into_iter().map(|(start, end)| (start, end - start)).collect())
            }
        }
    }

    /// Opens it, where it is still the file that was looked at.
    pub(super) fn open(&self) -> Result<File> {
        let file = self.open_unchecked()?;
        self.check(&file)?;
        Ok(file)
    }

    /// Opens what is there now, for who checks it after reading.
    pub(super) fn open_unchecked(&self) -> Result<File> {
        // Without NONBLOCK, a fifo that somebody put in its place would stop us here for ever.
        let flags = OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(&self.path);
        file.context(|| format!("reading {}", shown(&self.path)))
    }

    /// Whether the file is still the one that was looked at.
    pub(super) fn check(&self, file: &File) -> Result<()> {
        self.stamp.check(file).context(|| format!("reading {}", shown(&self.path)))
    }

    pub(super) fn stamp(&self) -> Stamp {
        self.stamp
    }
}

impl Stamp {
    /// Whether an open file is as this says.
    pub(super) fn check(self, file: &File) -> Result<()> {
        let seen = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?;
        match Stamp::from(&seen) == self {
            true => Ok(()),
            false => Err(Error::new("it changed while it was being read")),
        }
    }
}

/// The ranges (start, end) of `start..end` of a file that hold data; a filesystem that knows no
/// holes says that all of it does.
pub(super) fn data_ranges(file: &File, start: u64, end: u64) -> Vec<(u64, u64)> {
    let mut ranges = Vec::new();
    let mut position = start;
    while position < end {
        let data = match seek(file, SeekFrom::Data(position)) {
            Ok(data) if data < end => data,
            Ok(_) | Err(Errno::NXIO) => break,
            Err(_) => return vec![(start, end)],
        };
        let stop = seek(file, SeekFrom::Hole(data)).unwrap_or(end).min(end);
        ranges.push((data, stop));
        position = stop.max(data + 1);
    }
    ranges
}
