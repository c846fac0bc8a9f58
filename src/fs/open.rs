//! A filesystem that can be looked into, whichever it is: list a directory, look a path up, read a file.

use super::{Entry, EntryKind, erofs, ext4, fat, iso9660, squashfs};
use crate::error::{Context, Error, Result};
use crate::fs::superblock::Superblock;
use crate::tree::{Source, TreePath};
use crate::volume::Window;

/// How many symlinks a path may lead through, as Linux has it (`MAXSYMLINKS`).
const SYMLINKS_MAX: usize = 40;

/// A filesystem whose directories and files are read.
pub enum FileSystem {
    /// FAT12, FAT16 or FAT32.
    Fat(fat::Fat),
    /// ext2, ext3 or ext4.
    Ext4(ext4::Ext4),
    /// squashfs 4.0.
    Squashfs(squashfs::Squashfs),
    /// erofs, as far as it is not packed.
    Erofs(erofs::Erofs),
    /// ISO 9660, by its best names.
    Iso9660(iso9660::Iso9660),
}

impl FileSystem {
    /// Opens what a window holds; `None` where it is no filesystem that is read here
    /// (see [`Superblock::probe`] for what it may be).
    ///
    /// # Errors
    /// Where it is damaged, has features that are not read, or cannot be read.
    pub fn open(window: &Window) -> Result<Option<FileSystem>> {
        Ok(match Superblock::probe(window).map(|found| found.fstype) {
            Some("vfat") => {
                Some(FileSystem::Fat(fat::Fat::open(window).context(|| "opening the FAT volume")?))
            }
            Some("ext2" | "ext3" | "ext4") => {
                let open = ext4::Ext4::open(window).context(|| "opening the ext4 filesystem");
                Some(FileSystem::Ext4(open?))
            }
            Some("iso9660") => {
                let open = iso9660::Iso9660::open(window).context(|| "opening the ISO 9660 volume");
                Some(FileSystem::Iso9660(open?))
            }
            Some("squashfs") => {
                let open = squashfs::Squashfs::open(window);
                Some(FileSystem::Squashfs(open.context(|| "opening the squashfs image")?))
            }
            Some("erofs") => {
                let open = erofs::Erofs::open(window).context(|| "opening the erofs image");
                Some(FileSystem::Erofs(open?))
            }
            _ => None,
        })
    }

    /// All of it as a tree; files stay where they are until they are read.
    ///
    /// # Errors
    /// Where it is damaged or unreadable.
    pub fn tree(&self) -> Result<Source> {
        match self {
            FileSystem::Fat(fat) => fat.tree().context(|| "reading the FAT volume"),
            FileSystem::Ext4(ext4) => ext4.tree().context(|| "reading the ext4 filesystem"),
            FileSystem::Squashfs(squashfs) => {
                squashfs.tree().context(|| "reading the squashfs image")
            }
            FileSystem::Erofs(erofs) => erofs.tree().context(|| "reading the erofs image"),
            FileSystem::Iso9660(iso) => iso.tree().context(|| "reading the ISO 9660 volume"),
        }
    }

    /// What a directory holds, sorted by name, without `.` and `..`; the path is not resolved.
    ///
    /// # Errors
    /// Where it is no directory, or is damaged or unreadable.
    pub fn list(&self, path: &TreePath) -> Result<Vec<Entry>> {
        let list = match self {
            FileSystem::Fat(fat) => fat.list(path),
            FileSystem::Ext4(ext4) => ext4.list(path),
            FileSystem::Squashfs(squashfs) => squashfs.list(path),
            FileSystem::Erofs(erofs) => erofs.list(path),
            FileSystem::Iso9660(iso) => iso.list(path),
        };
        let mut entries = list.context(|| format!("listing /{path}"))?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    /// What is at a path, which is not followed where it is a symlink; `None` where nothing is.
    ///
    /// # Errors
    /// Where the filesystem is damaged or unreadable.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>> {
        let entry = match self {
            FileSystem::Fat(fat) => fat.entry(path),
            FileSystem::Ext4(ext4) => ext4.entry(path),
            FileSystem::Squashfs(squashfs) => squashfs.entry(path),
            FileSystem::Erofs(erofs) => erofs.entry(path),
            FileSystem::Iso9660(iso) => iso.entry(path),
        };
        entry.context(|| format!("looking for /{path}"))
    }

    /// Where a path leads through all its symlinks, which start at this filesystem's root.
    ///
    /// # Errors
    /// Where there are more than [`SYMLINKS_MAX`] of them, one leaves the root, or the filesystem is
    /// damaged.
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath> {
        let (mut done, mut links) = (TreePath::root(), 0);
        let mut left: Vec<Vec<u8>> = components(path.as_bytes());
        while let Some(name) = left.pop() {
            match &name[..] {
                b".." => {
                    done = done.parent().unwrap_or_default();
                    continue;
                }
                _ => done = done.join(&name)?,
            }
            let entry = self.entry(&done)?;
            let Some(Entry { kind: EntryKind::Symlink(target), .. }) = entry else { continue };
            links += 1;
            if links > SYMLINKS_MAX {
                return Err(Error::new("too many symlinks").context(format!("following /{path}")));
            }
            let parent = done.parent().unwrap_or_default();
            done = if target.starts_with(b"/") { TreePath::root() } else { parent };
            left.extend(components(&target));
        }
        Ok(done)
    }

    /// The first bytes of a regular file, at most `max`; the path is resolved.
    ///
    /// # Errors
    /// Where there is no such file, or the filesystem is damaged or unreadable.
    pub fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>> {
        let target = self.resolve(path)?;
        let bytes = match self {
            FileSystem::Fat(fat) => fat.read(&target, max),
            FileSystem::Ext4(ext4) => ext4.read(&target, max),
            FileSystem::Squashfs(squashfs) => squashfs.read(&target, max),
            FileSystem::Erofs(erofs) => erofs.read(&target, max),
            FileSystem::Iso9660(iso) => iso.read(&target, max),
        };
        bytes.context(|| format!("reading /{path}"))
    }
}

/// The components of a path, last first, without those that mean nothing.
fn components(path: &[u8]) -> Vec<Vec<u8>> {
    let meaningful = |name: &&[u8]| !name.is_empty() && *name != b".";
    path.split(|&b| b == b'/').filter(meaningful).rev().map(<[u8]>::to_vec).collect()
}
