//! How far a boot was followed: what a loader starts whose ways are not known here is not judged.

use memchr::memmem;

use super::Subject;
use super::loader::entries::SYSTEMD_BOOT;
use super::subject::{Esp, Loader};

/// Where Windows keeps its Boot Manager, of which the program on the removable-media path is a copy.
const BOOT_MANAGER: &[u8] = b"/EFI/Microsoft/Boot/bootmgfw.efi";

/// What is started and was not looked behind, as a sentence without its full stop; `None` where a kernel was
/// reached, or lints know the loader and tell what it lacks.
pub(super) fn end(subject: &Subject) -> Option<String> {
    let loader = subject.started().filter(|_| subject.kernel.is_none())?;
    if loader.program.is_err() || is_known(loader) {
        return None;
    }
    let what = match is_windows(subject, loader) {
        true => "the Boot Manager of Windows",
        false => "no loader that is known here",
    };
    Some(format!("{} is {what}, and what it starts was not looked at", loader.path))
}

fn is_known(loader: &Loader) -> bool {
    loader.grub.is_some() || memmem::find(&loader.bytes, SYSTEMD_BOOT).is_some()
}

fn is_windows(subject: &Subject, loader: &Loader) -> bool {
    let Some(Esp { files: Ok(files), .. }) = subject.esp.here() else { return false };
    files.read(BOOT_MANAGER).is_some_and(|bytes| bytes == loader.bytes)
}
