//! A QEMU that never outlives us, whatever ends us: SIGKILL leaves us no chance to clean up.
//!
//! Where util-linux's `setpriv` is there, the kernel does it: the process gets SIGKILL when its
//! parent dies. That signal follows the *thread* that started the process, so that thread stays
//! and waits for it. Elsewhere a `sh` reads from a pipe whose other end only we hold: its end of
//! file is our death, and it kills QEMU.
//!
//! Before either is armed there is a moment in which our death would go unseen. So QEMU is started
//! by a `sh` that says when it is there, which is after the signal was armed, and waits for our
//! go-ahead on a socket: if we are gone by then, it reads the end of file and ends too.
//!
//! QEMU stays in our process group: Ctrl-C and Ctrl-Z on the terminal mean both of us.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use rustix::io::retry_on_intr;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};

use crate::command::{Command, find_in_path};
use crate::error::{Context, Error, Result, shown};

/// The standard stream on which the shell in front of the program talks with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gate {
    /// Standard input, which the program then has as it is.
    Stdin,
    /// Standard error, which the program then has where standard output goes.
    Stderr,
}

impl Gate {
    const fn script(self) -> &'static str {
        match self {
            Gate::Stdin => r#"echo ready >&0 && read -r go && exec "$@""#,
            Gate::Stderr => r#"echo ready >&2 && read -r go <&2 && exec "$@" 2>&1"#,
        }
    }
}

/// Kills the process that the first line names, unless a second line says that it has ended.
const WATCHDOG: &str = r#"trap '' HUP INT QUIT TERM
read -r pid && { read -r ended || kill -KILL "$pid"; }"#;

/// The three standard streams of a process.
pub(super) struct Streams {
    pub(super) stdin: Stdio,
    pub(super) stdout: Stdio,
    pub(super) stderr: Stdio,
}

/// A running process that dies with us; dropping it kills it.
pub(super) struct Guarded {
    child: Arc<Mutex<Child>>,
    keeper: Option<JoinHandle<()>>,
}

/// Starts a program, one of whose streams is the other end of the socket, as the gate says.
/// `ended` is called once, when it has.
///
/// # Errors
/// Where the program is missing or no process can be started. What ends before it has begun says
/// why by its status.
pub(super) fn start(
    program: &Command,
    (gate, mut ours): (Gate, &UnixStream),
    streams: Streams,
    ended: impl FnOnce(io::Result<ExitStatus>) + Send + 'static,
) -> Result<Guarded> {
    exists(program.program())?;
    let guarded = spawn_kept(&gated(program, gate), streams, ended)?;
    let mut ready = [0; 6];
    // A process that has ended by now does not read: its status is told by `ended`.
    let _ = ours.read_exact(&mut ready).and_then(|()| ours.write_all(b"go\n"));
    Ok(guarded)
}

/// The program behind a gate.
fn gated(program: &Command, gate: Gate) -> Command {
    around(program, Command::new("/bin/sh").args(["-c", gate.script(), "sh"]))
}

/// The program as the last arguments of a wrapper, with its environment.
fn around(program: &Command, wrapper: Command) -> Command {
    let command = wrapper.arg(program.program()).args(program.arguments().iter().cloned());
    program.environment().iter().fold(command, |c, (name, value)| c.env(name, value))
}

/// Spawns on a thread that lives as long as the process.
fn spawn_kept(
    program: &Command,
    streams: Streams,
    ended: impl FnOnce(io::Result<ExitStatus>) + Send + 'static,
) -> Result<Guarded> {
    let (wrapped, watched) = match death_signal(program) {
        Some(wrapped) => (wrapped, false),
        None => (program.clone(), true),
    };
    let (sender, started) = mpsc::channel();
    let keeper = thread::spawn(move || match spawn(&wrapped, streams, watched) {
        Ok((child, watchdog)) => {
            let pid = Pid::from_child(&child);
            let child = Arc::new(Mutex::new(child));
            drop(sender.send(Ok(child.clone())));
            ended(wait(pid, &child));
            drop(watchdog);
        }
        Err(error) => drop(sender.send(Err(error))),
    });
    let child = started.recv().map_err(|_| Error::new("the thread that starts QEMU died"))??;
    Ok(Guarded { child, keeper: Some(keeper) })
}

impl Guarded {
    /// Sends a signal, unless the process has ended.
    pub(super) fn signal(&self, signal: Signal) {
        let mut child = locked(&self.child);
        // Not ended, or ended and not yet reaped: the id is still this process's.
        if let Ok(None) = child.try_wait() {
            // It may end this very moment, which is what the signal is for.
            let _ = kill_process(Pid::from_child(&child), signal);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        if let Some(keeper) = self.keeper.take() {
            // A panic of `ended` was reported by the thread that it ended.
            let _ = keeper.join();
        }
    }
}

fn locked(child: &Mutex<Child>) -> MutexGuard<'_, Child> {
    child.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Says that QEMU is missing before a wrapper does, less clearly.
fn exists(program: &Path) -> Result<()> {
    let named = program.components().count() == 1 && program.is_relative();
    let found = match program.to_str() {
        Some(name) if named => find_in_path(name).is_some(),
        _ => program.is_file(),
    };
    let missing = || {
        Error::from(io::Error::from(rustix::io::Errno::NOENT))
            .context(format!("starting {}", shown(program)))
            .hint("`cargo xtask doctor` shows which programs were looked for, and where")
    };
    if found { Ok(()) } else { Err(missing()) }
}

/// The program under `setpriv --pdeathsig`, where there is one that knows the option (busybox's
/// does not).
fn death_signal(program: &Command) -> Option<Command> {
    let setpriv = find_in_path("setpriv")?;
    let wrapped = |program: &Command| {
        around(program, Command::new(&setpriv).args(["--pdeathsig", "KILL", "--"]))
    };
    wrapped(&Command::new("true")).run().ok()?;
    Some(wrapped(program))
}

/// Starts the process and, where no signal guards it, its watchdog.
fn spawn(command: &Command, streams: Streams, watched: bool) -> Result<(Child, Option<Watchdog>)> {
    let watchdog = if watched { Some(Watchdog::start()?) } else { None };
    let mut child = command.spawn(streams.stdin, streams.stdout, streams.stderr)?;
    let Some(mut watchdog) = watchdog else { return Ok((child, None)) };
    if let Err(error) = watchdog.watch(&child) {
        // Without a guard there is no QEMU.
        let _ = child.kill();
        let _ = child.wait();
        return Err(error);
    }
    Ok((child, Some(watchdog)))
}

/// Waits until the process ends, and reaps it only with the lock held: whoever sends a signal
/// cannot hit another process that was given the same id.
fn wait(pid: Pid, child: &Mutex<Child>) -> io::Result<ExitStatus> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
    match retry_on_intr(|| waitid(WaitId::Pid(pid), options)) {
        // `signal` was first and has reaped it: `Child` remembers the status.
        Ok(_) | Err(rustix::io::Errno::CHILD) => {}
        Err(errno) => return Err(errno.into()),
    }
    locked(child).wait()
}

/// The shell that kills a process when we are gone.
struct Watchdog(Child);

impl Watchdog {
    fn start() -> Result<Self> {
        let shell = Command::new("/bin/sh").args(["-c", WATCHDOG]);
        Ok(Watchdog(shell.spawn(Stdio::piped(), Stdio::null(), Stdio::null())?))
    }

    fn watch(&mut self, child: &Child) -> Result<()> {
        let pipe = self.0.stdin.as_mut().ok_or_else(|| Error::new("the watchdog has no pipe"))?;
        writeln!(pipe, "{}", child.id()).context(|| "arming the watchdog")
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // Where it is gone there is nothing to call off.
            let _ = pipe.write_all(b"ended\n");
        }
        let _ = self.0.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::os::unix::process::ExitStatusExt;
    use std::time::Duration;

    /// A guarded program, and the status with which it ends.
    fn guard(
        program: &Command,
        stdout: Stdio,
    ) -> (Result<Guarded>, mpsc::Receiver<io::Result<ExitStatus>>) {
        let (ours, theirs) = UnixStream::pair().expect("a pair");
        let stdin = OwnedFd::from(theirs).into();
        let streams = Streams { stdin, stdout, stderr: Stdio::null() };
        let (sender, status) = mpsc::channel();
        let guarded = start(program, (Gate::Stdin, &ours), streams, move |s| drop(sender.send(s)));
        (guarded, status)
    }

    #[test]
    fn a_missing_program_is_named() {
        let (guarded, _) = guard(&Command::new("/nowhere/qemu"), Stdio::null());
        let error = guarded.err().expect("it is missing").to_string();
        assert!(error.starts_with("starting /nowhere/qemu: "), "{error}");
    }

    #[test]
    fn dropping_it_kills_it_and_says_so() {
        let (guarded, status) = guard(&Command::new("sleep").arg("60"), Stdio::null());
        drop(guarded.expect("sleep starts"));
        let status = status.recv().expect("it ended").expect("it was waited for");
        assert_eq!(status.signal(), Some(9));
    }

    #[test]
    fn arguments_and_status_pass_the_gate() {
        let script = r#"test "$1" = "a b" && test "$V" = v && exit 7"#;
        let program = Command::new("sh").args(["-c", script, "sh", "a b"]).env("V", "v");
        let (guarded, status) = guard(&program, Stdio::null());
        let status = status.recv().expect("it ended").expect("it was waited for");
        assert_eq!(status.code(), Some(7));
        drop(guarded);
    }

    #[test]
    fn without_a_go_ahead_nothing_is_started() {
        for gate in [Gate::Stdin, Gate::Stderr] {
            let (ours, theirs) = UnixStream::pair().expect("a pair");
            let theirs = Stdio::from(OwnedFd::from(theirs));
            let program = gated(&Command::new("sh").args(["-c", "exit 7"]), gate);
            let child = match gate {
                Gate::Stdin => program.spawn(theirs, Stdio::null(), Stdio::null()),
                Gate::Stderr => program.spawn(Stdio::null(), Stdio::null(), theirs),
            };
            drop(ours);
            let status = child.expect("it starts").wait().expect("it is ours");
            assert_ne!(status.code(), Some(7));
        }
    }

    #[test]
    fn the_watchdog_kills_at_end_of_file_and_not_when_called_off() {
        for call_off in [false, true] {
            // Short enough that a watchdog that does nothing is a failure, not a hang.
            let sleep = Command::new("sleep").arg("30");
            let mut child =
                sleep.spawn(Stdio::null(), Stdio::null(), Stdio::null()).expect("sleep starts");
            let mut watchdog = Watchdog::start().expect("sh starts");
            watchdog.watch(&child).expect("it listens");
            if !call_off {
                drop(watchdog.0.stdin.take());
            }
            drop(watchdog);
            let spared = child.try_wait().expect("it is ours").is_none();
            if call_off {
                assert!(spared, "it was killed");
                child.kill().expect("it is ours");
            }
            let status = child.wait().expect("it is ours");
            assert_eq!(status.signal(), Some(9));
        }
    }

    /// Not a test of its own: the process that is killed in the test below.
    #[test]
    fn victim() {
        let Some(sleep) = std::env::var_os("BOOTWRIGHT_TEST_VICTIM") else { return };
        let program = Command::new(sleep).arg("60");
        let (_guarded, _status) = guard(&program, Stdio::inherit());
        println!("guarded");
        thread::sleep(Duration::from_secs(60));
    }

    #[test]
    fn nothing_outlives_a_kill_that_cannot_be_caught() {
        let sleep = find_in_path("sleep").expect("sleep is in PATH");
        let empty = tempfile::tempdir().expect("a folder");
        let path = std::env::var_os("PATH").expect("there is a PATH");
        // With the kernel's signal, where there is setpriv; and with the watchdog.
        for path in [path, empty.path().into()] {
            let this = std::env::current_exe().expect("a test has a file");
            let victim = Command::new(this)
                .args(["--exact", "qemu::guard::tests::victim", "--nocapture"])
                .env("BOOTWRIGHT_TEST_VICTIM", &sleep)
                .env("PATH", path);
            let mut victim =
                victim.spawn(Stdio::null(), Stdio::piped(), Stdio::null()).expect("it starts");
            let mut lines = BufReader::new(victim.stdout.take().expect("it is piped")).lines();
            let up = lines.any(|line| line.is_ok_and(|line| line.contains("guarded")));
            assert!(up, "the victim ended early");
            victim.kill().expect("it is ours");
            victim.wait().expect("it is ours");
            // The guarded process has the same pipe as its output: the end of file is its end.
            let (sender, ended) = mpsc::channel();
            thread::spawn(move || sender.send(lines.count()));
            ended.recv_timeout(Duration::from_secs(30)).expect("the guarded process lives on");
        }
    }
}
