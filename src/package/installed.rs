//! The newest kernel that is installed on a disk, with its initramfs, where no menu says which: in `/boot` of the
//! root filesystem, or at the top of a partition of its own.

use super::partition::{Place, Start};
use crate::error::Result;
use crate::fs::{Entry, FileSystem};
use crate::image::Image;
use crate::tree::TreePath;

/// What stands in front of a kernel's version.
const KERNELS: [&str; 2] = ["vmlinuz-", "kernel-"];

/// What stands around the same version in the name of its initramfs: Debian, Fedora and Arch, SUSE, Gentoo.
const INITRAMFS: [(&str, &str); 4] =
    [("initrd.img-", ""), ("initramfs-", ".img"), ("initrd-", ""), ("initramfs-", "")];

/// Where they are looked for.
const FOLDERS: [&[u8]; 2] = [b"boot", b""];

/// The kernel of the highest version that has an initramfs beside it.
///
/// # Errors
/// Where a filesystem is damaged.
pub(super) fn newest(image: &Image) -> Result<Option<Start>> {
    let mut found: Vec<(String, Start)> = Vec::new();
    for (index, partition) in image.partitions().iter().enumerate() {
        if let Some(files) = partition.filesystem()? {
            for folder in FOLDERS {
                found.extend(of_folder(&files, index, &TreePath::new(folder)?)?);
            }
        }
    }
    Ok(found.into_iter().max_by(|a, b| key(&a.0).cmp(&key(&b.0))).map(|(_, start)| start))
}

/// The kernels of a folder that have an initramfs, by version.
fn of_folder(files: &FileSystem, index: usize, folder: &TreePath) -> Result<Vec<(String, Start)>> {
    let folder = files.resolve(folder)?;
    if !files.entry(&folder)?.is_some_and(|entry| entry.is_directory()) {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    for entry in files.list(&folder)? {
        let Some(version) = version(&entry) else { continue };
        let kernel = place(files, index, folder.join(&entry.name)?)?;
        let mut initramfs = None;
        for (start, end) in INITRAMFS {
            let name = format!("{start}{version}{end}");
            initramfs = initramfs.or(place(files, index, folder.join(name.as_bytes())?)?);
        }
        if let (Some(kernel), Some(initramfs)) = (kernel, initramfs) {
            let initramfs = vec![initramfs];
            found.push((version, Start { kernel, initramfs, arguments: String::new() }));
        }
    }
    Ok(found)
}

/// The version in a kernel's name.
fn version(entry: &Entry) -> Option<String> {
    let name = std::str::from_utf8(&entry.name).ok()?;
    KERNELS.iter().find_map(|start| name.strip_prefix(start)).map(str::to_owned)
}

/// Where a file is, if it is there.
fn place(files: &FileSystem, index: usize, path: TreePath) -> Result<Option<Place>> {
    let path = files.resolve(&path)?;
    let entry = files.entry(&path)?.filter(Entry::is_file);
    Ok(entry.map(|entry| (index, path, entry.size)))
}

/// What versions are compared by: numbers by their value, the rest by its letters, so that 6.10 is above 6.9.
fn key(version: &str) -> Vec<(usize, &str)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let (mut parts, mut rest) = (Vec::new(), version);
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_digit(c) != is_digit(first)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        let value = part.trim_start_matches('0');
        parts.push(if is_digit(first) { (1 + value.len(), value) } else { (0, part) });
        rest = after;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_by_their_value() {
        let mut versions =
            ["6.10.0-1-amd64", "6.9.0-12-amd64", "6.1.0-9", "linux", "6.1.0-38", "6.1"];
        versions.sort_by_key(|version| key(version));
        assert_eq!(
            versions,
            ["linux", "6.1", "6.1.0-9", "6.1.0-38", "6.9.0-12-amd64", "6.10.0-1-amd64"]
        );
        assert_eq!(key("6.01"), key("6.1"));
    }
}
