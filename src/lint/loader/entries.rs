//! Entries of UAPI.1, as systemd-boot shows them: are the files that they name there?
//!
//! It looks for them on the partition that the entry is on, and there only. An entry whose kernel is missing is
//! left out of the menu; one whose initramfs is missing fails when it is started.

use memchr::memmem;

use super::{Sight, Subject};
use crate::image::{Boot, BootEntry, Image, Located, Origin};
use crate::lint::gather;

/// How systemd-boot names itself, for those who look at its file.
pub(in crate::lint) const SYSTEMD_BOOT: &[u8] = b"#### LoaderInfo: systemd-boot ";

/// Entries that cannot be started.
pub(super) fn lead_nowhere(subject: &Subject) -> Vec<Sight> {
    let is_ours = subject.started().is_some_and(|l| memmem::find(&l.bytes, SYSTEMD_BOOT).is_some());
    let Some(image) = subject.image.as_ref().filter(|_| is_ours) else { return Vec::new() };
    let Ok(boot) = image.boot() else { return Vec::new() };
    let kernels = no_kernel(&boot);
    match kernels.is_empty() {
        true => no_initramfs(image, &boot, subject),
        false => kernels,
    }
}

/// The kernels of all entries, where none of them is there.
fn no_kernel(boot: &Boot) -> Vec<Sight> {
    let kernel =
        |entry: &BootEntry| entry.kernel.as_ref().map(|kernel| is_here(boot, entry, kernel));
    if boot.entries.iter().any(|entry| kernel(entry) != Some(false)) {
        return Vec::new();
    }
    let named = |entry: &BootEntry| {
        let kernel = entry.kernel.as_ref()?;
        Some(Sight::new(place(boot, entry)?, absent(kernel)))
    };
    boot.entries.iter().filter_map(named).collect()
}

/// The initramfs files that the entry that starts by itself lacks.
fn no_initramfs(image: &Image, boot: &Boot, subject: &Subject) -> Vec<Sight> {
    let Some(entry) = gather::chosen(image, boot, subject) else { return Vec::new() };
    let Some(place) = place(boot, entry) else { return Vec::new() };
    let missing = entry.initramfs.iter().filter(|file| !is_here(boot, entry, file));
    let sight = |file| Sight::new(place, absent(file)).with("Error preparing initrd: Not Found");
    missing.map(sight).collect()
}

/// Whether a file is on the partition of the entry that names it; a unified kernel image is.
pub(super) fn is_here(boot: &Boot, entry: &BootEntry, file: &Located) -> bool {
    let Origin::Bls { config } = entry.origin else { return true };
    let partition = boot.configs[config].partition;
    file.found.as_ref().is_some_and(|(index, ..)| *index == partition)
}

/// The entry's own file, where it is one.
pub(super) fn place<'a>(boot: &'a Boot, entry: &BootEntry) -> Option<&'a str> {
    match entry.origin {
        Origin::Bls { config } => Some(&boot.configs[config].path),
        _ => None,
    }
}

pub(super) fn absent(file: &Located) -> String {
    format!("it names {}, which is not on the partition that it is on", file.named)
}
