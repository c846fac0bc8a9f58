//! A filesystem as a source: in a file of its own, or in a partition of a disk image of any format,
//! which is named behind a colon: `disk.img:2` by number, `disk.img:root` by its name in the table. A
//! hybrid ISO is both: the volume without a colon, a partition with one.

use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result, shown};
use crate::image::{Format, Image, Partition};
use crate::tree::Source;
use crate::volume::Window;

/// The file that a path means, and the partition behind the colon; a file whose own name has a colon
/// is that file.
pub(super) fn split(path: &Path) -> (PathBuf, Option<String>) {
    let parts = || {
        let (file, partition) = path.to_str()?.rsplit_once(':')?;
        Path::new(file).exists().then(|| (PathBuf::from(file), Some(partition.to_owned())))
    };
    let split = if path.exists() { None } else { parts() };
    split.unwrap_or_else(|| (path.into(), None))
}

/// Whether a file is a disk image or a filesystem.
///
/// # Errors
/// Where it cannot be read.
pub(super) fn is_disk(path: &Path) -> Result<bool> {
    // A raw image that is refused is something else, which is for the caller to say.
    if Format::of(&Window::open(path)?)? == Format::Raw && Image::open(path).is_err() {
        return Ok(false);
    }
    let image = Image::open(path)?;
    Ok(image.format().format != Format::Raw || !image.partitions().is_empty())
}

/// Reads the filesystem that a path means.
///
/// # Errors
/// Where it is not clear which partition is meant, or its filesystem is damaged or of a kind that is
/// not read.
pub(super) fn read(path: &Path) -> Result<Source> {
    let (file, wanted) = split(path);
    let doing = || format!("reading {}", shown(&file));
    let image = Image::open(&file)?;
    let volume = image.volume().filter(|_| wanted.is_none());
    let read = || {
        // A hybrid ISO is its files, unless a partition is named.
        let partition = match &volume {
            Some(volume) => volume,
            None => choose(&image, wanted.as_deref())?,
        };
        let filesystem = partition.filesystem()?.ok_or_else(|| unread(partition))?;
        filesystem.tree().context(|| partition.title())
    };
    read().context(doing)
}

/// The partition that is meant: the one that was named; the only root filesystem.
fn choose<'i>(image: &'i Image, wanted: Option<&str>) -> Result<&'i Partition> {
    let all = image.partitions();
    let chosen: Vec<_> = match wanted {
        Some(wanted) => {
            let is_wanted = |p: &&Partition| match wanted.parse::<u32>() {
                Ok(number) => p.number == Some(number),
                Err(_) => p.name == wanted,
            };
            all.iter().filter(is_wanted).collect()
        }
        None => roots(all),
    };
    match (&chosen[..], wanted) {
        ([only], _) => Ok(only),
        ([], Some(wanted)) => Err(listed(all, &format!("it has no partition `{wanted}`"))),
        ([], None) => Err(listed(all, "it has no root filesystem that is known as one")),
        _ => Err(listed(all, "it is not clear which partition is meant")),
    }
}

/// The root filesystem: what has no table, what is typed as one, else what is no ESP and has files.
fn roots(all: &[Partition]) -> Vec<&Partition> {
    let typed: Vec<_> = all.iter().filter(|p| p.is_root() || p.number.is_none()).collect();
    if !typed.is_empty() {
        return typed;
    }
    let holds_files = |p: &&Partition| {
        !p.is_esp() && matches!(p.fstype(), Some("ext2" | "ext3" | "ext4" | "squashfs" | "erofs"))
    };
    all.iter().filter(holds_files).collect()
}

/// An error that says which partitions there are.
fn listed(all: &[Partition], what: &str) -> Error {
    let one = |p: &Partition| {
        let number = p.number.map_or(String::new(), |number| number.to_string());
        let name = if p.name.is_empty() { String::new() } else { format!(" `{}`", p.name) };
        format!("{number}{name} ({})", p.fstype().unwrap_or("nothing that is known"))
    };
    if let [whole] = all
        && whole.number.is_none()
    {
        let fstype = whole.fstype().unwrap_or("nothing that is known");
        return Error::new(format!("{what}: it has no partitions and holds {fstype}"))
            .hint("leave out the colon and what is behind it");
    }
    let partitions: Vec<_> = all.iter().map(one).collect();
    let error = Error::new(match &partitions[..] {
        [] => format!("{what}: there are none"),
        partitions => format!("{what}: there are {}", partitions.join(", ")),
    });
    error.hint("write its number or name behind a colon, as in `disk.img:2`")
}

fn unread(partition: &Partition) -> Error {
    let what = partition.fstype().unwrap_or("nothing that is known");
    Error::new(format!(
        "{} holds {what}: ext4, squashfs, erofs, FAT and ISO 9660 are read",
        partition.title()
    ))
}
