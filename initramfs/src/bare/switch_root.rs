//! switch_root: the root filesystem becomes `/`, and the memory of the initramfs is given back.
//!
//! `pivot_root` cannot do it, because the kernel's rootfs can be neither moved nor unmounted
//! (kernel `Documentation/filesystems/ramfs-rootfs-initramfs.rst`).

use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use core::mem::MaybeUninit;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, Dev, FileType, Mode, OFlags, RawDir};
use rustix::io::Errno;
use rustix::mount::UnmountFlags;

use super::console::Console;
use super::failed::Failed;
use super::mounts;
use super::root::SYSROOT;

/// How deep folders are emptied; what is deeper keeps its memory.
const DEPTH_MAX: u32 = 24;

/// Moves the mounts, empties the initramfs, and makes [`SYSROOT`] the root.
pub(super) fn switch(console: &Console<'_>) -> Result<(), Failed> {
    let failed = |what: &'static str| {
        move |errno| Failed {
            step: Step::SwitchRoot,
            errno,
            about: ("call", Text::from(what.as_bytes())),
        }
    };
    for path in mounts::points() {
        if let Err(errno) = carry(path) {
            let name = bootwright_init::errno::name(errno.raw_os_error());
            let path_text = Text::<16>::from(path.to_bytes());
            console.say(format_args!("{path_text} has no place on the root filesystem: {name}"));
            let _ = rustix::mount::unmount(path, UnmountFlags::DETACH);
        }
    }
    rustix::process::chdir(SYSROOT).map_err(failed("chdir"))?;
    empty_initramfs();
    rustix::mount::mount_move(c".", c"/").map_err(failed("move"))?;
    rustix::process::chroot(c".").map_err(failed("chroot"))?;
    rustix::process::chdir(c"/").map_err(failed("chdir"))
}

/// Moves a mount to the same path of the root filesystem; makes the folder where it is missing.
fn carry(path: &CStr) -> Result<(), Errno> {
    let path_text = Text::<16>::from(path.to_bytes());
    let target = Text::<64>::of(format_args!("/sysroot{path_text}"));
    let target = target.as_c_str();
    match rustix::fs::mkdirat(CWD, target, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno),
    }
    // A link would be followed into the initramfs.
    let stat = rustix::fs::statat(CWD, target, AtFlags::SYMLINK_NOFOLLOW)?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => rustix::mount::mount_move(path, target),
        _ => Err(Errno::NOTDIR),
    }
}

/// Removes every file of the initramfs. Guarded twice: only where `/` is a filesystem in memory,
/// and nothing of another device than that of `/`, so that no mount is ever crossed.
fn empty_initramfs() {
    if !mounts::is_initramfs(c"/") {
        return;
    }
    let Ok(root) = open_folder(CWD, c"/") else { return };
    if let Ok(stat) = rustix::fs::fstat(&root) {
        empty(&root, stat.st_dev, DEPTH_MAX);
    }
}

/// Empties a folder as far as it can; what stays only costs memory.
fn empty(folder: &OwnedFd, device: Dev, depth: u32) {
    let mut buffer = [MaybeUninit::uninit(); 1024];
    let mut entries = RawDir::new(folder, &mut buffer);
    while let Some(Ok(entry)) = entries.next() {
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let Ok(stat) = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) else {
            continue;
        };
        if stat.st_dev != device {
            continue;
        }
        let is_folder = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_folder
            && depth > 0
            && let Ok(inner) = open_folder(folder, name)
        {
            empty(&inner, device, depth - 1);
        }
        let flags = if is_folder { AtFlags::REMOVEDIR } else { AtFlags::empty() };
        let _ = rustix::fs::unlinkat(folder, name, flags);
    }
}

fn open_folder(at: impl AsFd, name: &CStr) -> Result<OwnedFd, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty())
}
