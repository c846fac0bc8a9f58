//! One program as all of userspace: started as its file says, waited for, and then the machine powers
//! off. Beside the mounts, the loopback device stays down and no address is asked for: a network is the
//! program's own matter.

use bootwright_init::cmdline::Options;
use bootwright_init::handoff::Milestone;
use bootwright_init::run_file::{self, GROUPS_MAX, Record, WORDS_MAX};
use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::{Gid, Uid};

use super::console::Console;
use super::failed::Failed;
use super::list::List;
use super::runtime::exec::{self, Environment, Words};
use super::runtime::streams::stderr;
use super::{children, file, halt, mounts, terminal};

/// What a file says.
struct Program<'a> {
    path: &'a CStr,
    arguments: List<&'a CStr, WORDS_MAX>,
    variables: List<&'a CStr, WORDS_MAX>,
    folder: &'a CStr,
    user: u32,
    group: u32,
    groups: List<Gid, GROUPS_MAX>,
}

impl<'a> Program<'a> {
    fn read(text: &'a [u8]) -> Self {
        let mut program = Program {
            path: c"",
            arguments: List::new(c""),
            variables: List::new(c""),
            folder: c"/",
            user: 0,
            group: 0,
            groups: List::new(Gid::ROOT),
        };
        for record in run_file::records(text) {
            match record {
                Record::Program(path) => program.path = path,
                Record::Argument(word) => program.arguments.push(word),
                Record::Variable(word) => program.variables.push(word),
                Record::Folder(path) => program.folder = path,
                Record::User(number) => program.user = number,
                Record::Group(number) => program.group = number,
                Record::Supplementary(number) => program.groups.push(Gid::from_raw(number)),
            }
        }
        program
    }

    /// Becomes the program; returns only where that fails.
    fn execute(&self) -> Errno {
        match self.prepare() {
            Err(errno) => errno,
            Ok(()) => {
                let words = Words::These(self.arguments.as_slice());
                let environment = Environment::These(self.variables.as_slice());
                exec::execute(self.path, words, environment)
            }
        }
    }

    /// Takes the terminal, the folder and the user; groups before the user, who may not change them.
    fn prepare(&self) -> Result<(), Errno> {
        terminal::take();
        // Programs open /dev/stdout again, which is the terminal.
        let (user, group) = (Uid::from_raw(self.user), Gid::from_raw(self.group));
        let _ = rustix::fs::fchown(stderr(), Some(user), Some(group));
        rustix::thread::set_thread_groups(self.groups.as_slice())?;
        rustix::thread::set_thread_gid(group)?;
        rustix::thread::set_thread_uid(user)?;
        rustix::process::chdir(self.folder)
    }

    fn failed(&self, errno: Errno) -> Failed {
        let path = Text::from(self.path.to_bytes());
        Failed { step: Step::StartProgram, errno, about: ("program", path) }
    }
}

/// Runs the program that a file describes, until it ends.
pub(super) fn run(text: &[u8], options: &Options<'_>, console: &Console<'_>) {
    let program = Program::read(text);
    mounts::mount_for_programs();
    name_host();
    let status = match start(&program) {
        Ok(child) => {
            let path = program.path.to_bytes();
            let fields: [(&str, &[u8]); 2] = [("then", b"program"), ("program", path)];
            console.milestone(Milestone::UserspaceReady, &fields);
            children::reap_until(child)
        }
        Err(errno) => halt::after(&program.failed(errno), options, console),
    };
    let path = Text::<256>::from(program.path.to_bytes());
    match status.map(|status| (status.exit_status(), status.terminating_signal())) {
        Some((Some(code), _)) => console.say(format_args!("{path} has ended with status {code}")),
        Some((_, Some(signal))) => console.say(format_args!("signal {signal} has ended {path}")),
        _ => console.say(format_args!("{path} has ended")),
    }
}

/// Starts it, and waits until it is executed: the pipe closes by itself then.
fn start(program: &Program<'_>) -> Result<rustix::process::Pid, Errno> {
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    match exec::fork()? {
        None => {
            let errno = program.execute();
            let _ = rustix::io::write(&writer, &errno.raw_os_error().to_le_bytes());
            exec::exit(127);
        }
        Some(child) => {
            drop(writer);
            refusal(&reader).map_or(Ok(child), Err)
        }
    }
}

/// The error that the child wrote, if it did.
fn refusal(reader: &OwnedFd) -> Option<Errno> {
    let mut number = [0; 4];
    match rustix::io::read(reader, &mut number) {
        Ok(4) => Some(Errno::from_raw_os_error(i32::from_le_bytes(number))),
        _ => None,
    }
}

/// Gives the machine the name that the root filesystem has for it.
fn name_host() {
    let mut name = [0; 65];
    let name = file::read(c"/etc/hostname", &mut name).unwrap_or_default().trim_ascii();
    if !name.is_empty() {
        let _ = rustix::system::sethostname(name);
    }
}
