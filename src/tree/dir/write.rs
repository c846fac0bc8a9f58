//! Writing a tree as a host directory.
//!
//! The directory must be new or empty, and only we write into it, so that no symbolic link of the tree
//! is ever followed. Owners, devices and privileged attributes need root: for an ordinary user they are
//! left out, with a notice; set-id bits go with the owner that they speak of.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, mknodat, utimensat};
use rustix::io::Errno;

use super::xattr;
use crate::error::{Context, Error, Result, shown};
use crate::tree::{Content, Entry, Kind, Metadata, Notice, Tree, TreePath};
use crate::volume::Volume;

/// Set-user-id and set-group-id.
const SET_ID: u16 = 0o6000;

/// Writes a tree as a new or empty directory; `progress` hears of the bytes of files.
///
/// # Errors
/// Where there is something at the path, or anything cannot be written.
pub fn write(tree: &Tree, directory: &Path, progress: &dyn Fn(u64)) -> Result<Vec<Notice>> {
    let doing = || format!("writing the tree {}", shown(directory));
    let mut writer = Writer::new(directory).context(doing)?;
    let mut first_names = BTreeMap::new();
    for entry in tree.iter().filter(|e| !e.path.is_root()) {
        let made = match first_names.get(&entry.id) {
            Some(first) => writer.link(first, entry.path),
            None => writer.make(entry).inspect(|()| progress(entry.node.kind.content_len())),
        };
        // The name in the tree: where it is written may be a place that nobody gets to see.
        made.context(|| writing(entry.path))?;
        if !matches!(entry.node.kind, Kind::Directory) {
            first_names.entry(entry.id).or_insert_with(|| entry.path.clone());
        }
    }
    // Last and deepest first: a directory's mode may forbid, and its time would change by, writing.
    let directories: Vec<_> =
        tree.iter().filter(|e| matches!(e.node.kind, Kind::Directory)).collect();
    for entry in directories.iter().rev() {
        let place = writer.place(entry.path);
        let described = writer.describe(entry.path, &place, &entry.node.metadata, false);
        described.context(|| writing(entry.path))?;
    }
    Ok(writer.notices)
}

fn writing(path: &TreePath) -> String {
    format!("writing `/{path}`")
}

struct Writer {
    root: PathBuf,
    is_root_user: bool,
    notices: Vec<Notice>,
}

impl Writer {
    fn new(directory: &Path) -> Result<Self> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                if fs::read_dir(directory)?.next().is_some() {
                    return Err(Error::new("it is not empty"));
                }
            }
            created => created?,
        }
        let is_root_user = rustix::process::geteuid().is_root();
        Ok(Writer { root: directory.canonicalize()?, is_root_user, notices: Vec::new() })
    }

    fn place(&self, path: &TreePath) -> PathBuf {
        self.root.join(OsStr::from_bytes(path.as_bytes()))
    }

    fn link(&self, first: &TreePath, path: &TreePath) -> Result<()> {
        Ok(fs::hard_link(self.place(first), self.place(path))?)
    }

    /// Makes an entry, and describes it unless it is a directory, which comes last.
    fn make(&mut self, entry: Entry<'_>) -> Result<()> {
        let place = self.place(entry.path);
        let (major, minor, file_type) = match &entry.node.kind {
            Kind::Directory => return Ok(DirBuilder::new().mode(0o700).create(&place)?),
            Kind::File(content) => {
                write_file(content, &place)?;
                return self.describe(entry.path, &place, &entry.node.metadata, false);
            }
            Kind::Symlink(target) => {
                std::os::unix::fs::symlink(OsStr::from_bytes(target), &place)?;
                return self.describe(entry.path, &place, &entry.node.metadata, true);
            }
            Kind::CharDevice { major, minor } => (*major, *minor, FileType::CharacterDevice),
            Kind::BlockDevice { major, minor } => (*major, *minor, FileType::BlockDevice),
            Kind::Fifo => (0, 0, FileType::Fifo),
            Kind::Socket => (0, 0, FileType::Socket),
        };
        let device = rustix::fs::makedev(major, minor);
        match mknodat(CWD, &place, file_type, Mode::RUSR, device) {
            Ok(()) => self.describe(entry.path, &place, &entry.node.metadata, false),
            Err(Errno::PERM) => {
                self.lost(
                    entry.path,
                    format!("itself: making a {} needs root", entry.node.kind.name()),
                );
                Ok(())
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Owner, attributes, mode and time, in the order in which none undoes another.
    fn describe(
        &mut self,
        path: &TreePath,
        place: &Path,
        m: &Metadata,
        is_link: bool,
    ) -> Result<()> {
        if self.is_root_user {
            std::os::unix::fs::lchown(place, Some(m.uid), Some(m.gid))?;
        }
        for (name, value) in &m.xattrs {
            if !xattr::write(place, name, value)? {
                self.lost(path, format!("its attribute {}", String::from_utf8_lossy(name)));
            }
        }
        if !is_link {
            let mut mode = m.mode;
            if mode & SET_ID != 0 && !self.is_root_user {
                self.lost(path, "its set-id bits, which need its owner".into());
                mode &= !SET_ID;
            }
            fs::set_permissions(place, Permissions::from_mode(mode.into()))?;
        }
        let time = Timespec { tv_sec: m.mtime.seconds, tv_nsec: m.mtime.nanoseconds.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        Ok(utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW)?)
    }

    fn lost(&mut self, path: &TreePath, what: String) {
        self.notices.push(Notice::Lost(path.clone(), what));
    }
}

/// Writes a content with its holes.
fn write_file(content: &Content, place: &Path) -> Result<()> {
    let file: File = OpenOptions::new().write(true).create_new(true).mode(0o600).open(place)?;
    let volume = Volume::new(&file, 0, content.len());
    for (at, len) in content.data_ranges()? {
        content.copy_to(&volume, at, at, len)?;
    }
    Ok(file.set_len(content.len())?)
}
