//! The kernel's own filesystems: proc, sysfs, devtmpfs, and a tmpfs for `/run`.

use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use rustix::fs::{CWD, Mode};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::failed::Failed;

/// Magic numbers of statfs(2) (`include/uapi/linux/magic.h`).
const RAMFS_MAGIC: u64 = 0x8584_58f6;
const TMPFS_MAGIC: u64 = 0x0102_1994;

/// Where, what, and how. `/dev` is first: without it nothing can be said.
const MOUNTS: [(&CStr, &CStr, MountFlags, &CStr); 4] = [
    (c"/dev", c"devtmpfs", MountFlags::NOSUID, c"mode=0755"),
    (c"/proc", c"proc", HARDENED, c""),
    (c"/sys", c"sysfs", HARDENED, c""),
    (c"/run", c"tmpfs", MountFlags::NOSUID.union(MountFlags::NODEV), c"mode=0755"),
];

const HARDENED: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV).union(MountFlags::NOEXEC);

/// What programs expect beside those: terminals, and shared memory (POSIX `shm_open`).
const FOR_PROGRAMS: [(&CStr, &CStr, MountFlags, &CStr); 2] = [
    (
        c"/dev/pts",
        c"devpts",
        MountFlags::NOSUID.union(MountFlags::NOEXEC),
        c"mode=0620,ptmxmode=0666",
    ),
    (c"/dev/shm", c"tmpfs", MountFlags::NOSUID.union(MountFlags::NODEV), c"mode=1777"),
];

/// Mounts what a program expects beside what `/init` needs; where that fails, it is the program that
/// knows whether it matters.
pub(super) fn mount_for_programs() {
    for (path, fstype, flags, data) in FOR_PROGRAMS {
        let _ = rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755));
        let _ = rustix::mount::mount(fstype, path, fstype, flags, data);
    }
}

/// The mount points, in the order in which they were mounted.
pub(super) fn points() -> impl Iterator<Item = &'static CStr> {
    MOUNTS.iter().map(|(path, ..)| *path)
}

/// Mounts those that are not mounted yet. All are tried; the first failure is told.
pub(super) fn mount_all() -> Result<(), Failed> {
    let mut result = Ok(());
    for (path, fstype, flags, data) in MOUNTS {
        let mounted = mount_one(path, fstype, flags, data);
        let failed = |errno| Failed {
            step: Step::MountApi,
            errno,
            about: ("path", Text::from(path.to_bytes())),
        };
        result = result.and(mounted.map_err(failed));
    }
    result
}

fn mount_one(path: &CStr, fstype: &CStr, flags: MountFlags, data: &CStr) -> Result<(), Errno> {
    if is_mount_point(path) {
        return Ok(());
    }
    // A root filesystem may be read-only and have the directory; the mount tells.
    let _ = rustix::fs::mkdirat(CWD, path, Mode::from_raw_mode(0o755));
    match rustix::mount::mount(fstype, path, fstype, flags, data) {
        Err(Errno::BUSY) => Ok(()),
        result => result,
    }
}

/// Whether another filesystem than that of `/` begins here.
fn is_mount_point(path: &CStr) -> bool {
    let device = |path: &CStr| rustix::fs::stat(path).map(|stat| stat.st_dev);
    matches!((device(path), device(c"/")), (Ok(here), Ok(root)) if here != root)
}

/// Whether a path is on the kernel's rootfs, or on what could be it: a filesystem in memory.
pub(super) fn is_initramfs(path: &CStr) -> bool {
    rustix::fs::statfs(path)
        .is_ok_and(|stat| matches!(stat.f_type as u64, RAMFS_MAGIC | TMPFS_MAGIC))
}
