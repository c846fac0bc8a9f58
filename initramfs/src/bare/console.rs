//! How `/init` speaks: the handoff lines and the sentences between them.
//!
//! They go through the kernel's log and not straight to the terminal: a record of `/dev/kmsg` is
//! one write, so that no message of the kernel can stand inside of it, and it reaches every console.
//! Where the log does not work, they go to `/dev/console`.

use bootwright_init::cmdline::Options;
use bootwright_init::handoff::{Line, Milestone};
use bootwright_init::text::Text;
use core::ffi::CStr;
use core::fmt;

use rustix::fd::{AsRawFd, IntoRawFd, OwnedFd};
use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::io::{self, Errno};

use super::file;
use super::runtime::streams::stderr;

const DEVKMSG: &CStr = c"/proc/sys/kernel/printk_devkmsg";

/// Alert, so that `quiet` and `loglevel=` from 2 on show it.
const PRIORITY: &[u8] = b"<1>";

/// Room for a line, so that every kernel takes the record: its buffer has 1024 bytes with the prefix.
const RECORD_ROOM: usize = 960;

/// Where lines go, and whose they are.
pub(super) struct Console<'a> {
    kmsg: Option<OwnedFd>,
    token: &'a str,
}

impl<'a> Console<'a> {
    /// Opens the kernel's log; it is there once devtmpfs is mounted.
    pub(super) fn open(options: &Options<'a>) -> Self {
        // The default is ten lines in five seconds. It stays so for the userspace that follows, which
        // is what an administrator who debugs a boot wants anyway.
        let _ = file::write(DEVKMSG, b"on\n");
        let mut state = [0; 16];
        // With printk.devkmsg=off the kernel takes every write and shows none.
        let off = file::read(DEVKMSG, &mut state).is_ok_and(|state| state.starts_with(b"off"));
        let kmsg = (!off).then(|| file::open(c"/dev/kmsg", OFlags::WRONLY)).and_then(Result::ok);
        Console { kmsg, token: options.token }
    }

    /// Writes a handoff line.
    pub(super) fn milestone(&self, milestone: Milestone, fields: &[(&str, &[u8])]) {
        self.record(format_args!("{}", Line { token: self.token, milestone, fields }));
    }

    /// Writes a line for a person.
    pub(super) fn say(&self, line: fmt::Arguments<'_>) {
        self.record(format_args!("init: {line}"));
    }

    /// Writes one record, cut to what the kernel takes.
    fn record(&self, line: fmt::Arguments<'_>) {
        let cut = Text::<RECORD_ROOM>::of(line);
        // Without a line break the kernel holds a record back until the next one, because it could
        // be continued.
        let mut record = Text::<{ RECORD_ROOM + 8 }>::from(PRIORITY);
        record.push(cut.as_bytes());
        record.push(b"\n");
        let logged = self.kmsg.as_ref().is_some_and(|kmsg| write(kmsg, record.as_bytes()).is_ok());
        if !logged {
            let _ = write(stderr(), &record.as_bytes()[PRIORITY.len()..]);
        }
    }
}

/// Makes the standard streams `/dev/console`. In an initramfs without that node the kernel could
/// not open it, and what is opened first would get number 0.
pub(super) fn attach_streams() {
    // Not closed on execution: the descriptor may become a standard stream itself.
    let open = |path: &CStr| rustix::fs::open(path, OFlags::RDWR | OFlags::NOCTTY, Mode::empty());
    if let Ok(console) = open(c"/dev/console").or_else(|_| open(c"/dev/null")) {
        let _ = rustix::stdio::dup2_stdin(&console);
        let _ = rustix::stdio::dup2_stdout(&console);
        let _ = rustix::stdio::dup2_stderr(&console);
        if console.as_raw_fd() <= 2 {
            // It is one of them: it stays open.
            let _ = console.into_raw_fd();
        }
    }
}

/// Makes the nodes that are needed to say that there is no devtmpfs.
pub(super) fn make_nodes() {
    for (path, major, minor) in [(c"/dev/console", 5, 1), (c"/dev/kmsg", 1, 11)] {
        let device = rustix::fs::makedev(major, minor);
        let mode = Mode::RUSR | Mode::WUSR;
        let _ = rustix::fs::mknodat(CWD, path, FileType::CharacterDevice, mode, device);
    }
}

/// Writes straight to standard error: for a process that is not PID 1, and for the person at the
/// shell's terminal, where the kernel's log could come late and into the prompt.
pub(super) fn say_to_stderr(text: &str) {
    let _ = write(stderr(), text.as_bytes());
}

fn write(fd: impl rustix::fd::AsFd, bytes: &[u8]) -> Result<(), Errno> {
    loop {
        match io::write(&fd, bytes) {
            Err(Errno::INTR) => {}
            result => return result.map(|_| ()),
        }
    }
}
