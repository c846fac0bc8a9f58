//! The root filesystem: waiting for its device, mounting it, and looking for its init.

use bootwright_init::cmdline::{Options, Wait};
use bootwright_init::handoff;
use bootwright_init::mount_flags;
use bootwright_init::root_spec::RootSpec;
use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use rustix::mount::MountFlags;

use super::console::Console;
use super::devices::{self, Devices};
use super::failed::Failed;
use super::file;
use super::sleep::sleep;

/// Where it is mounted before it becomes `/`.
pub(super) const SYSROOT: &CStr = c"/sysroot";

/// How often the devices are looked at, in milliseconds.
const POLL_MS: u32 = 20;

/// How many blocks of an init are looked into: ours has a few.
const SPEAKER_BLOCKS_MAX: usize = 64;

/// What the kernel tries where `init=` is not given, in its order (`kernel_init` in `init/main.c`).
const INITS: [&[u8]; 4] = [b"/sbin/init", b"/etc/init", b"/bin/init", b"/bin/sh"];

/// Waits until the device is there, and returns its path.
pub(super) fn find(options: &Options<'_>, console: &Console<'_>) -> Result<Text<256>, Failed> {
    let root = options.root.unwrap_or_default();
    let failed = |step, errno| Failed { step, errno, about: ("root", Text::from(root)) };
    if root.is_empty() {
        return Err(failed(Step::RootArgument, Errno::NOENT));
    }
    let spec = RootSpec::parse(root).ok_or(failed(Step::RootArgument, Errno::INVAL))?;
    sleep(u64::from(options.root_delay) * 1000);
    let start = uptime();
    let mut told = false;
    loop {
        match look(&spec) {
            Ok(Some(path)) => return Ok(path),
            Ok(None) => {}
            Err(errno) => return Err(failed(Step::RootWait, errno)),
        }
        let waited = uptime() - start;
        if let Wait::Seconds(seconds) = options.root_wait
            && waited > i64::from(seconds)
        {
            return Err(failed(Step::RootWait, Errno::NODEV));
        }
        if waited >= 2 && !told {
            told = true;
            console.say(format_args!("waiting for root={}", Text::<256>::from(root)));
        }
        sleep(POLL_MS.into());
    }
}

/// Whole seconds since the kernel started, so that a wait is up to a second longer than asked.
fn uptime() -> i64 {
    rustix::system::sysinfo().uptime as i64
}

/// The path of the device, where it is there now.
fn look(spec: &RootSpec<'_>) -> Result<Option<Text<256>>, Errno> {
    if let RootSpec::Path(path) = *spec {
        return match rustix::fs::stat(Text::<256>::from(path).as_c_str()) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::BlockDevice => {
                Ok(Some(Text::from(path)))
            }
            Ok(_) => Err(Errno::NOTBLK),
            Err(_) => Ok(None),
        };
    }
    let devices = Devices::list();
    let found = devices.all().iter().find(|device| match *spec {
        RootSpec::Number(major, minor) => device.number == (major, minor),
        _ => spec.describes(device.partition().as_ref(), device.superblock().as_ref()),
    });
    Ok(found.map(|device| device.path()))
}

/// Mounts the device at [`SYSROOT`], and returns the filesystem's name and whether it is read-only.
pub(super) fn mount(source: &Text<256>, options: &Options<'_>) -> Result<(Text<32>, bool), Failed> {
    let read_only = if options.read_only { mount_flags::MS_RDONLY } else { 0 };
    let (flags, data) = mount_flags::split(options.root_flags, read_only);
    let mut attempt = Attempt { source, flags, data, last: Errno::INVAL };
    let _ = rustix::fs::mkdirat(CWD, SYSROOT, Mode::from_raw_mode(0o755));
    let fstype = match options.root_fstypes {
        b"" => {
            let probed = devices::probe(source.as_c_str()).map(|s| Text::from(s.fstype.as_bytes()));
            probed.filter(|fstype| attempt.mount(fstype)).or_else(|| attempt.mount_any())
        }
        list => {
            let mut fstypes = list.split(|&b| b == b',').map(Text::from);
            fstypes.find(|fstype| attempt.mount(fstype))
        }
    };
    let read_only = attempt.flags & mount_flags::MS_RDONLY != 0;
    fstype.map(|fstype| (fstype, read_only)).ok_or(Failed {
        step: Step::RootMount,
        errno: attempt.last,
        about: ("source", *source),
    })
}

/// Mounting one device as one filesystem after another.
struct Attempt<'a> {
    source: &'a Text<256>,
    flags: u32,
    data: Text<{ mount_flags::DATA_ROOM }>,
    /// The error that says most: that of a driver which knew the filesystem, where there was one.
    last: Errno,
}

impl Attempt<'_> {
    fn mount(&mut self, fstype: &Text<32>) -> bool {
        match self.try_mount(fstype) {
            // A write-protected device, as the kernel does when it mounts the root itself.
            Err(Errno::ROFS | Errno::ACCESS) if self.flags & mount_flags::MS_RDONLY == 0 => {
                self.flags |= mount_flags::MS_RDONLY;
                self.mount(fstype)
            }
            Err(errno) => {
                // "No driver" is worth more than "not mine", and anything else more than both.
                if self.last == Errno::INVAL || self.last == Errno::NODEV && errno != Errno::INVAL {
                    self.last = errno;
                }
                false
            }
            Ok(()) => true,
        }
    }

    fn try_mount(&self, fstype: &Text<32>) -> Result<(), Errno> {
        let flags = MountFlags::from_bits_retain(self.flags);
        let (source, data) = (self.source.as_c_str(), self.data.as_c_str());
        rustix::mount::mount(source, SYSROOT, fstype.as_c_str(), flags, data)
    }

    /// Tries every filesystem that the kernel has a driver for and that needs a device.
    fn mount_any(&mut self) -> Option<Text<32>> {
        let mut list = [0; 4096];
        let list = file::read(c"/proc/filesystems", &mut list).unwrap_or_default();
        let mut fstypes = list.split(|&b| b == b'\n').filter_map(|line| line.strip_prefix(b"\t"));
        fstypes.find_map(|name| Some(Text::from(name)).filter(|fstype| self.mount(fstype)))
    }
}

/// Finds the init of the mounted root filesystem: the path that it has there.
pub(super) fn find_init(options: &Options<'_>, console: &Console<'_>) -> Result<Text<256>, Failed> {
    let one = [options.init.unwrap_or_default()];
    let candidates: &[&[u8]] = if options.init.is_some() { &one } else { &INITS };
    let mut failed =
        Failed { step: Step::FindInit, errno: Errno::NOENT, about: ("init", Text::new()) };
    for path in candidates {
        let path = Text::from(*path);
        let Err(errno) = check_executable(path.as_c_str()) else { return Ok(path) };
        // That one is there but does not work says more than that none is there.
        if failed.about.1.is_empty() || failed.errno == Errno::NOENT && errno != Errno::NOENT {
            failed = Failed { errno, about: ("init", path), ..failed };
        }
        if errno != Errno::NOENT {
            let name = bootwright_init::errno::name(errno.raw_os_error());
            console.say(format_args!("{path} is there but cannot be init: {name}"));
        }
    }
    Err(failed)
}

/// Whether an init of the root filesystem is one of ours, which goes on with the handoff protocol: the
/// program has the protocol's words in it. Where that cannot be found out, it is taken for another.
pub(super) fn speaks_handoff(path: &CStr) -> bool {
    const KEPT: usize = handoff::SPEAKER.len() - 1;
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(root) = file::open(SYSROOT, flags | OFlags::DIRECTORY) else { return false };
    let resolve = ResolveFlags::IN_ROOT;
    let Ok(file) = rustix::fs::openat2(&root, path, flags, Mode::empty(), resolve) else {
        return false;
    };
    let (mut buffer, mut kept) = ([0; 4096], 0);
    for _ in 0..SPEAKER_BLOCKS_MAX {
        let Ok(count @ 1..) = rustix::io::read(&file, &mut buffer[kept..]) else { return false };
        let len = kept + count;
        if buffer[..len].windows(handoff::SPEAKER.len()).any(|w| w == handoff::SPEAKER) {
            return true;
        }
        kept = len.min(KEPT);
        buffer.copy_within(len - kept..len, 0);
    }
    false
}

/// Whether a path of the root filesystem is an executable file. Links are followed as they will be
/// after the switch: an absolute one starts at the new root.
fn check_executable(path: &CStr) -> Result<(), Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let root = file::open(SYSROOT, flags | OFlags::DIRECTORY)?;
    let file = match rustix::fs::openat2(&root, path, flags, Mode::empty(), ResolveFlags::IN_ROOT) {
        // Before Linux 5.6 nothing can look there without going there: executing it will tell.
        Err(Errno::NOSYS) => return Ok(()),
        file => file?,
    };
    let stat = rustix::fs::fstat(&file)?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    match is_file && stat.st_mode & 0o111 != 0 {
        true => Ok(()),
        false => Err(Errno::ACCESS),
    }
}
