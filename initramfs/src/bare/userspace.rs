//! PID 1 on the root filesystem: starts the one program that a file there describes, or, as the demo,
//! says that it is there, and then powers off or gives a shell.

use bootwright_init::cmdline::Options;
use bootwright_init::handoff::{Milestone, Then};
use bootwright_init::run_file;
use bootwright_init::step::Step;
use bootwright_init::text::Text;

use core::ffi::CStr;
use rustix::fs::{Access, AtFlags, CWD};
use rustix::io::Errno;
use rustix::mount::MountFlags;
use rustix::process::{Pid, Signal, WaitOptions};

use super::console::{self, Console};
use super::failed::Failed;
use super::runtime::exec::{self, Environment, Given, Words};
use super::{children, cmdline, file, halt, mounts, program, terminal};

/// The shells, and how each is called.
const SHELLS: [(&CStr, &[&CStr]); 2] =
    [(c"/bin/sh", &[c"sh"]), (c"/bin/busybox", &[c"busybox", c"sh"])];

/// Runs a program or the demo; never returns.
pub(super) fn run(given: &Given) -> ! {
    let mounted = mounts::mount_all();
    console::attach_streams();
    let mut line = [0; cmdline::LEN_MAX];
    let options = Options::parse(cmdline::read(&mut line));
    let console = Console::open(&options);
    // A root filesystem may lack a place for /run; nothing here needs one.
    if let Err(Failed { about: (_, path), errno, .. }) = &mounted {
        let name = bootwright_init::errno::name(errno.raw_os_error());
        console.say(format_args!("{path} is not mounted: {name}"));
    }
    let mut text = [0; run_file::LEN_MAX];
    match file::read(run_file::PATH, &mut text) {
        Ok(text) => program::run(text, &options, &console),
        Err(_) => demo(&options, &console, given),
    }
    leave()
}

/// Says that it is there, and gives a shell where one is wished for and there.
fn demo(options: &Options<'_>, console: &Console<'_>, given: &Given) {
    let shell = SHELLS.iter().find(|(path, _)| is_executable(path));
    let then: &[u8] = match (options.then, shell) {
        (Then::PowerOff, _) | (Then::Unasked, None) => b"poweroff",
        _ => b"shell",
    };
    console.milestone(Milestone::UserspaceReady, &[("then", then)]);
    match (options.then, shell) {
        (Then::PowerOff, _) | (Then::Unasked, None) => {}
        (_, Some((path, words))) => run_shell(path, words, given, console),
        (Then::Shell, None) => halt::after(&no_shell(Errno::NOENT), options, console),
    }
}

fn no_shell(errno: Errno) -> Failed {
    Failed { step: Step::Shell, errno, about: ("path", Text::from(SHELLS[0].0.to_bytes())) }
}

fn is_executable(path: &CStr) -> bool {
    rustix::fs::accessat(CWD, path, Access::EXEC_OK, AtFlags::empty()).is_ok()
}

/// Runs a shell until it ends, collecting every process that ends meanwhile, as a PID 1 must.
fn run_shell(path: &CStr, words: &[&CStr], given: &Given, console: &Console<'_>) {
    match exec::fork() {
        Ok(None) => {
            terminal::take();
            console::say_to_stderr(
                "Here is a shell; when it ends (exit), the machine powers off.\n",
            );
            let errno = exec::execute(path, Words::These(words), Environment::Given(given));
            console.say(format_args!("executing the shell: error {}", errno.raw_os_error()));
            exec::exit(127);
        }
        Ok(Some(shell)) => drop(children::reap_until(shell)),
        Err(errno) => halt::explain(&no_shell(errno)),
    }
}

/// Ends what still runs, leaves the root filesystem clean, and powers off.
fn leave() -> ! {
    // kill(-1): everything but PID 1, which may still have files open for writing.
    if let Some(everything) = Pid::from_raw(1) {
        let _ = rustix::process::kill_process_group(everything, Signal::KILL);
    }
    while !matches!(rustix::process::wait(WaitOptions::empty()), Err(Errno::CHILD)) {}
    rustix::fs::sync();
    let _ = rustix::mount::mount_remount(c"/", MountFlags::RDONLY, c"");
    halt::power_off()
}
