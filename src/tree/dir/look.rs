//! What is at a place of the host, as a node.

use std::ffi::{CStr, CString, OsStr};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, Statx};
use rustix::io::Errno;

use super::{Owners, xattr};
use crate::error::{Context, Result, shown};
use crate::tree::{Content, HostFile, Kind, Metadata, Node, host};

/// What is asked for at once of the names in a directory.
const NAMES_SIZE: usize = 32 << 10;

/// An open directory of the host: what is in it is found faster than from the root.
#[derive(Debug)]
pub(super) struct Folder<'p> {
    place: &'p Path,
    open: OwnedFd,
}

/// What a name of the host leads to.
#[derive(Debug)]
pub(super) struct Found {
    /// What is there.
    pub(super) node: Node,
    /// Device and inode, where it may have other names.
    pub(super) linked: Option<(u64, u64)>,
}

impl<'p> Folder<'p> {
    pub(super) fn open(place: &'p Path) -> Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let open = rustix::fs::open(place, flags, Mode::empty());
        let open = open.context(|| format!("reading {}", shown(place)))?;
        Ok(Folder { place, open })
    }

    /// The names of what is in it, sorted.
    pub(super) fn names(&self) -> Result<Vec<CString>> {
        let mut buffer: Vec<MaybeUninit<u8>> = vec![MaybeUninit::uninit(); NAMES_SIZE];
        let mut entries = RawDir::new(&self.open, &mut buffer);
        let mut names = Vec::new();
        while let Some(entry) = entries.next() {
            let entry = entry.context(|| format!("reading {}", shown(self.place)))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                names.push(entry.file_name().to_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// What is there under a name, a link itself.
    pub(super) fn look(&self, name: &CStr, owners: &Owners) -> Result<Found> {
        let place = self.place.join(OsStr::from_bytes(name.to_bytes()));
        let seen = host::look(&self.open, name).context(|| format!("reading {}", shown(&place)))?;
        found(self.open.as_fd(), name, &place, &seen, owners)
    }
}

/// What is at a place of the host, a link itself; `None` where nothing is.
///
/// # Errors
/// Where it cannot be looked at, or its owner is in no range of the map.
pub fn look_up(path: &Path, owners: &Owners) -> Result<Option<Node>> {
    let node = look(path, owners)?.map(|found| found.node);
    if let Some(Node { kind: Kind::File(Content::Host(file)), .. }) = &node {
        file.check_length()?;
    }
    Ok(node)
}

/// As [`look_up`].
pub(super) fn look(path: &Path, owners: &Owners) -> Result<Option<Found>> {
    let reading = || format!("reading {}", shown(path));
    let name = CString::new(path.as_os_str().as_bytes()).context(reading)?;
    match host::look(CWD, &name) {
        Ok(seen) => found(CWD, &name, path, &seen, owners).map(Some),
        Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
        Err(errno) => Err(errno).context(reading),
    }
}

/// What was seen under a name, which has a place for messages and for calls that take no directory.
fn found(
    directory: BorrowedFd<'_>,
    name: &CStr,
    place: &Path,
    seen: &Statx,
    owners: &Owners,
) -> Result<Found> {
    let kind = match FileType::from_raw_mode(seen.stx_mode.into()) {
        FileType::Fifo => Kind::Fifo,
        FileType::CharacterDevice => {
            Kind::CharDevice { major: seen.stx_rdev_major, minor: seen.stx_rdev_minor }
        }
        FileType::Directory => Kind::Directory,
        FileType::BlockDevice => {
            Kind::BlockDevice { major: seen.stx_rdev_major, minor: seen.stx_rdev_minor }
        }
        FileType::RegularFile => Kind::File(Content::Host(HostFile::seen(place.into(), seen))),
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(directory, name, Vec::new());
            let target = target.context(|| format!("reading {}", shown(place)))?;
            Kind::Symlink(target.into_bytes())
        }
        _ => Kind::Socket,
    };
    let mut metadata = Metadata {
        mode: seen.stx_mode & 0o7777,
        uid: seen.stx_uid,
        gid: seen.stx_gid,
        mtime: host::time(seen),
        xattrs: xattr::read(place)?,
    };
    owners.apply(&mut metadata).context(|| shown(place))?;
    let linked = seen.stx_nlink > 1 && !matches!(kind, Kind::Directory);
    let identity = (host::device(seen), seen.stx_ino);
    Ok(Found { node: Node { metadata, kind }, linked: linked.then_some(identity) })
}
