//! A partition image: the root filesystem alone as qcow2, with the kernel and the initramfs that start it
//! beside it, as OpenStack Ironic takes them and diskimage-builder names them.
//!
//! Read back from a disk of ours: the partition of a root filesystem's type, and what GRUB loads from the
//! ESP. Other people's disks mostly have kernel and initramfs elsewhere, and are refused.

use std::os::unix::fs::FileExt;
use std::path::Path;

use super::beside;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::bytes::Guid;
use crate::disk::gpt;
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::{Disk, Format};
use crate::fs::FileSystem;
use crate::tree::TreePath;
use crate::volume::Window;

/// Where the ESP has what is written beside the image, and what its name ends with there.
const PAIR: [(&str, &str); 2] =
    [("EFI/BOOT/vmlinuz", "vmlinuz"), ("EFI/BOOT/initramfs.img", "initrd")];

/// The largest of the two that is read.
const LEN_MAX: u64 = 1 << 30;

/// The root filesystem of a disk, as a disk of its own.
///
/// # Errors
/// Where the disk has no partition of that type, or cannot be read.
pub(super) fn root(disk: &Disk) -> Result<Disk> {
    let part = part(disk, X86_64.root_type, "root filesystem (x86-64)")?;
    Disk::without_backing(disk.path(), part, Some(Format::Raw))
}

/// Kernel and initramfs, beside the image.
///
/// # Errors
/// Where the ESP lacks one, or a file cannot be written.
pub(super) fn pair(disk: &Disk, path: &Path) -> Result<Vec<OutputFile>> {
    let esp = part(disk, SD_GPT_ESP, "EFI System Partition")?;
    let doing = || format!("reading the EFI System Partition of {}", shown(disk.path()));
    let esp = FileSystem::open(&esp).context(doing)?;
    let esp = esp.ok_or_else(|| Error::new("it has no filesystem").context(doing()))?;
    let write = |(name, ending): (&str, &str)| {
        let bytes = TreePath::new(name.as_bytes()).context(|| "naming a file")?;
        let bytes =
            esp.read(&bytes, LEN_MAX).context(|| format!("reading /{name}")).context(doing)?;
        let beside = beside(path, ending);
        let output = OutputFile::create(&beside)?;
        let written = FileExt::write_all_at(output.as_file(), &bytes, 0);
        written.context(|| format!("writing {}", shown(&beside)))?;
        Ok(output)
    };
    PAIR.into_iter().map(write).collect()
}

/// The first partition of a type.
fn part(disk: &Disk, type_guid: Guid, name: &str) -> Result<Window> {
    let doing = || format!("looking for the {name} of {}", shown(disk.path()));
    let window = match disk.format() {
        Format::Raw => disk.file().clone(),
        _ => Disk::open(disk.path())?.into_window(),
    };
    let table = gpt::read(&window.volume()).context(doing)?;
    let entry = table.entries.iter().find(|entry| entry.type_guid == type_guid);
    let entry = entry.ok_or_else(|| Error::new("it has none").context(doing()))?;
    let (offset, len) = entry.range(table.sector);
    Ok(window.part(offset, len))
}
