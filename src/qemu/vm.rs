//! A machine that runs: its serial port as timed bytes, its QMP events and its end, in order,
//! through one channel.
//!
//! The run's folder keeps `serial.log`, `serial.timed.log` and `qemu.stderr` beside what [`RunFolder`]
//! puts there. What the bytes mean is not judged here.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::Signal;
use rustix::termios::{OptionalActions, isatty, tcgetattr, tcsetattr};

use super::guard::{self, Gate, Guarded, Streams};
use super::machine::{Machine, Wiring};
use super::qmp::{Qmp, QmpError, QmpEvent};
use super::run_folder::RunFolder;
use super::serial::{self, SerialLog};
use crate::error::{Context, Error, Result};

/// Something that a running machine did. Times are since QEMU was started, on a clock that only
/// goes forward; QEMU takes some hundredths of a second of it before the guest runs.
#[derive(Debug)]
pub enum Event {
    /// The guest wrote to its serial port.
    Serial {
        /// When the bytes arrived.
        at: Duration,
        /// The bytes; a line may come in pieces.
        bytes: Vec<u8>,
    },
    /// QEMU reported a change of the machine.
    Qmp {
        /// When the report arrived.
        at: Duration,
        /// The report.
        event: QmpEvent,
    },
    /// The serial log can no longer be written (a full disk); the run goes on without.
    LogLost(Error),
    /// QEMU has ended; always the last event.
    Exited {
        /// When.
        at: Duration,
        /// How; a guest that powered off, reset or panicked all give success.
        status: ExitStatus,
        /// What QEMU wrote to standard error.
        stderr: String,
    },
}

/// QEMU ended, or said nothing, before the guest's first instruction: the cause of
/// [`Vm::start`]'s error where it was not the host's files that were at fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NotStarted(
    /// How it ended, and what it wrote to standard error.
    pub String,
);

/// How long QEMU may take to end in each way of asking.
const QUIT_TIMEOUT: Duration = Duration::from_secs(3);

/// How long QEMU may take to end after it has failed to start.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(10);

/// A running machine. It ends when this value is dropped, or when this process ends, however.
pub struct Vm {
    events: Receiver<Event>,
    qmp: Qmp,
    stderr: PathBuf,
    exited: Option<ExitStatus>,
    // Late, so that QEMU is killed and waited for when all else has been let go.
    process: Guarded,
    // Last, so that nobody else has the folder while QEMU still writes there.
    _folder: RunFolder,
}

impl Vm {
    /// Starts the machine with its files in the folder `run`, which is made where it is missing.
    ///
    /// # Errors
    /// Where the folder cannot be written, QEMU is missing, or it does not start: then the cause is
    /// a [`NotStarted`] with what QEMU wrote to standard error.
    pub fn start(machine: &Machine, run: &Path) -> Result<Self> {
        let folder = RunFolder::open(run)?;
        let (vars, mut log) = (folder.vars(machine)?, SerialLog::create(&folder)?);
        folder.script(machine)?;
        let command = machine.command(Wiring::Captured { vars: vars.as_ref() });
        let stderr = folder.join("qemu.stderr");
        let (qmp, qmp_theirs) = pair()?;
        let (serial, serial_theirs) =
            pipe_with(PipeFlags::CLOEXEC).context(|| "connecting to QEMU")?;
        let streams = Streams {
            stdin: qmp_theirs,
            stdout: serial_theirs.into(),
            stderr: folder.create("qemu.stderr")?.into(),
        };
        let (ended, status) = mpsc::channel();
        let clock = Instant::now();
        let gate = (Gate::Stdin, &qmp);
        let process = guard::start(&command, gate, streams, move |s| drop(ended.send(s)))?;
        let (sender, events) = mpsc::channel();
        let qmp_sender = sender.clone();
        let deliver = move |event| drop(qmp_sender.send(Event::Qmp { at: clock.elapsed(), event }));
        let qmp = match Qmp::connect(qmp, deliver) {
            Ok(connected) => connected,
            Err(error) => return Err(not_started(error, machine, &status, &stderr)),
        };
        let mut vm =
            Vm { events, qmp, stderr: stderr.clone(), exited: None, process, _folder: folder };
        let serial = File::from(serial);
        let qmp_reader = vm.qmp.take_reader();
        thread::spawn(move || {
            read_serial(serial, clock, &mut log, &sender);
            last_event(qmp_reader, clock, &status, &stderr, &sender);
        });
        match vm.qmp.execute("cont") {
            // It ended in this moment: its last event says how.
            Ok(_) | Err(QmpError::Closed) => Ok(vm),
            Err(error) => Err(Error::from(NotStarted(error.to_string())).context("starting QEMU")),
        }
    }

    /// The next event; `None` where there is none within `timeout`, or after [`Event::Exited`].
    pub fn next(&mut self, timeout: Duration) -> Option<Event> {
        let event = self.events.recv_timeout(timeout).ok()?;
        if let Event::Exited { status, .. } = &event {
            self.exited = Some(*status);
        }
        Some(event)
    }

    /// QMP, for whatever else is wanted of the machine.
    pub fn qmp(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// What QEMU has written to standard error so far.
    pub fn stderr(&self) -> String {
        read_stderr(&self.stderr)
    }

    /// Ends QEMU, ever less politely, and returns how it ended. Events that are still to come go to
    /// `rest_fn`: what the guest said before its end may be among them.
    ///
    /// # Errors
    /// Where QEMU does not even end by SIGKILL (it hangs in the kernel).
    pub fn quit(mut self, rest_fn: &mut dyn FnMut(Event)) -> Result<ExitStatus> {
        // Gone or deaf: the signals follow.
        let _ = self.qmp.quit();
        for signal in [Signal::TERM, Signal::KILL] {
            if let Some(status) = self.drain(rest_fn) {
                return Ok(status);
            }
            self.process.signal(signal);
        }
        self.drain(rest_fn).ok_or_else(|| Error::new("QEMU does not end"))
    }

    /// Waits for the end.
    fn drain(&mut self, rest_fn: &mut dyn FnMut(Event)) -> Option<ExitStatus> {
        let deadline = Instant::now() + QUIT_TIMEOUT;
        while self.exited.is_none() {
            // A guest that floods its console is no reason to wait longer.
            let left = deadline.checked_duration_since(Instant::now())?;
            rest_fn(self.next(left)?);
        }
        self.exited
    }

    /// Runs the machine with its serial port on our terminal until it ends, and returns how.
    /// Ctrl-A is the escape key (Ctrl-A x ends QEMU), which the caller tells first; Ctrl-C goes to
    /// the guest. `serial.log` is kept in `run` all the same. Once `is_over` says so (it is asked
    /// again and again), QEMU is ended.
    ///
    /// # Errors
    /// Where the folder cannot be written, or QEMU cannot be started.
    pub fn interactive(machine: &Machine, run: &Path, is_over: fn() -> bool) -> Result<ExitStatus> {
        let folder = RunFolder::open(run)?;
        let vars = folder.vars(machine)?;
        folder.script(machine)?;
        let log = folder.join(serial::RAW);
        let command = machine.command(Wiring::Terminal { vars: vars.as_ref(), log: &log });
        let (gate, theirs) = pair()?;
        // QEMU has its standard error on our standard output, as the gate says.
        let streams = Streams { stdin: Stdio::inherit(), stdout: Stdio::inherit(), stderr: theirs };
        let stdin = io::stdin();
        // QEMU puts the terminal back unless it is killed.
        let before = isatty(&stdin).then(|| tcgetattr(&stdin).ok()).flatten();
        let (ended, status) = mpsc::channel();
        let gate = (Gate::Stderr, &gate);
        let process = guard::start(&command, gate, streams, move |s| drop(ended.send(s)))?;
        let status = wait(&status, &process, is_over);
        drop(process);
        if let Some(before) = before {
            tcsetattr(&stdin, OptionalActions::Drain, &before)
                .context(|| "putting the terminal back")?;
        }
        status
    }
}

/// Waits until QEMU ends, which it is asked to do when it is over.
fn wait(
    status: &Receiver<io::Result<ExitStatus>>,
    process: &Guarded,
    is_over: fn() -> bool,
) -> Result<ExitStatus> {
    let mut timeout = Duration::from_millis(100);
    loop {
        match status.recv_timeout(timeout) {
            Ok(status) => return status.context(|| "waiting for QEMU"),
            Err(RecvTimeoutError::Timeout) if !is_over() => {}
            Err(RecvTimeoutError::Timeout) if timeout < QUIT_TIMEOUT => {
                process.signal(Signal::TERM);
                timeout = QUIT_TIMEOUT;
            }
            // Deaf: it is killed when it is dropped.
            Err(error) => return Err(Error::from(error).context("waiting for QEMU")),
        }
    }
}

/// A connection, with its other end as a standard stream of QEMU's.
fn pair() -> Result<(UnixStream, Stdio)> {
    let (ours, theirs) = UnixStream::pair().context(|| "connecting to QEMU")?;
    Ok((ours, OwnedFd::from(theirs).into()))
}

/// Why QEMU did not start, in its own words where it found some.
fn not_started(
    error: QmpError,
    machine: &Machine,
    status: &Receiver<io::Result<ExitStatus>>,
    stderr: &Path,
) -> Error {
    let why = match status.recv_timeout(FAILURE_TIMEOUT) {
        Ok(Ok(status)) => match last_words(&read_stderr(stderr)) {
            words if words.is_empty() => format!("it ended without a word ({status})"),
            words => format!("{status}: {words}"),
        },
        Ok(Err(error)) => error.to_string(),
        Err(_) => error.to_string(),
    };
    Error::from(NotStarted(why))
        .context("starting QEMU")
        .hint(format!("the same by hand: {}", machine.reproduce()))
}

/// Standard error as one line.
fn last_words(stderr: &str) -> String {
    let lines: Vec<_> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

fn read_stderr(path: &Path) -> String {
    std::fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned()).unwrap_or_default()
}

/// Hands on and keeps what the guest says until QEMU closes the port.
fn read_serial(mut serial: File, clock: Instant, log: &mut SerialLog, sender: &Sender<Event>) {
    let mut buffer = [0; 16 << 10];
    let mut kept = true;
    loop {
        let bytes = match serial.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => &buffer[..n],
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            // QEMU ended without reading what it was last sent.
            Err(_) => break,
        };
        let at = clock.elapsed();
        if kept && let Err(error) = log.append(at, bytes) {
            kept = false;
            drop(sender.send(Event::LogLost(error)));
        }
        // Nobody may be interested any more; the log still is.
        drop(sender.send(Event::Serial { at, bytes: bytes.to_vec() }));
    }
}

/// When QEMU has ended and its last event was delivered, says so.
fn last_event(
    qmp_reader: Option<JoinHandle<()>>,
    clock: Instant,
    status: &Receiver<io::Result<ExitStatus>>,
    stderr: &Path,
    sender: &Sender<Event>,
) {
    if let Some(reader) = qmp_reader {
        let _ = reader.join();
    }
    // Without a status the channel closes, and `next` has nothing more to say.
    if let Ok(Ok(status)) = status.recv() {
        let (at, stderr) = (clock.elapsed(), read_stderr(stderr));
        drop(sender.send(Event::Exited { at, status, stderr }));
    }
}

#[cfg(test)]
mod tests;
