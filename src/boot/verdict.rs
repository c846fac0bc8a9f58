//! The judgement of a boot: what the log proves, and how the guest ended.
//!
//! [`judge`] is pure: the same log, timeline, end and expectation give the same verdict, whether the
//! guest has just stopped or the log is years old.

use std::fmt;
use std::time::Duration;

use bootwright_init::handoff;
use bootwright_init::step::Step;
use serde::Serialize;

use super::errno;
use super::log::Log;
use super::milestone::{Milestone, Stage};
use super::timeline::{Expectation, Timeline};
use super::trouble::{Kind, Trouble, Troubles};

/// How the machine came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The guest powered itself off.
    GuestPoweredOff,
    /// The guest reset itself (and was told not to start again).
    Reset,
    /// QEMU ended by itself with this exit status; `None` where a signal ended it.
    QemuExited(Option<i32>),
    /// QEMU could not be started, and said why.
    QemuNotStarted(String),
    /// The guest's processor stopped in a way that it cannot leave (KVM internal error, triple
    /// fault), as QEMU tells it.
    InternalError(String),
    /// The console said nothing for this long.
    Silent(Duration),
    /// The time that the boot was given is over.
    TimedOut(Duration),
    /// A [`super::watch::Watch`] had seen enough.
    Stopped,
    /// The user ended it.
    Interrupted,
    /// A saved log ends here; how the guest ended is not known.
    LogEnds,
}

/// What became of the boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// It is up, as expected.
    Booted,
    /// QEMU could not start, or died: nothing is known of the image.
    QemuFailed {
        /// What QEMU said.
        reason: String,
    },
    /// The firmware found nothing to start.
    NoLoader,
    /// The boot loader could not start the kernel.
    LoaderFailed {
        /// What it said.
        message: String,
    },
    /// The kernel stopped.
    KernelPanicked {
        /// The panic's text.
        message: String,
    },
    /// A step of init failed.
    InitFailed {
        /// Which.
        step: String,
        /// Why, as a positive error number.
        errno: Option<i32>,
        /// The line that says so.
        message: String,
    },
    /// The root filesystem was not found, or could not be mounted by the kernel.
    RootNotFound {
        /// The line that says so.
        message: String,
    },
    /// The guest stopped talking.
    Silent {
        /// Where.
        stage: Stage,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// It took too long.
    TimedOut {
        /// Where it was.
        stage: Stage,
        /// After how long, in seconds.
        seconds: u64,
    },
    /// The guest ended without having proved that it was up, and without saying why.
    Ended {
        /// Where it was.
        stage: Stage,
        /// `powered off`, `reset` or what QEMU said.
        how: String,
    },
    /// The user ended it.
    Interrupted {
        /// Where it was.
        stage: Stage,
    },
}

/// A judgement, with what to show for it.
#[derive(Debug, Clone, Serialize)]
pub struct Verdict {
    /// What became of the boot.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The number of the line that decided, where one did.
    pub line: Option<u64>,
    /// One sentence: what happened.
    pub what: String,
    /// One sentence: what it usually means, and what to do.
    pub advice: &'static str,
    /// The last lines of the console, oldest first.
    pub last_lines: Vec<String>,
}

/// How many of the last lines a verdict shows.
const LAST_LINES: usize = 12;

/// Judges a boot by its log, its timeline, how it ended and what was expected.
pub fn judge(log: &Log, timeline: &Timeline, end: End, expectation: &Expectation) -> Verdict {
    let mut troubles = Troubles::new(expectation);
    let partial = log.partial();
    log.lines().chain(&partial).for_each(|line| troubles.observe(line));
    let ready = timeline.reached(Milestone::UserspaceReady).map(|entry| entry.line);
    // What happens after a boot is proved is no failure of the boot, unless the kernel dies of it.
    let trouble = troubles.worst().filter(|trouble| match ready {
        Some(line) => trouble.line > line && trouble.kind == Kind::Panic,
        None => true,
    });
    let ready = ready.or_else(|| orderly_end(timeline, &end, expectation));
    let ready = ready.or_else(|| running_on(timeline, &end));
    let (outcome, line) = match (trouble, ready) {
        (Some(trouble), _) => (of_trouble(trouble), Some(trouble.line)),
        (None, Some(line)) => (Outcome::Booted, Some(line)),
        (None, None) => (of_end(end, timeline), None),
    };
    let last = log.last(LAST_LINES);
    Verdict {
        line,
        what: what(&outcome, timeline),
        advice: advice(&outcome),
        last_lines: last.iter().map(|line| line.text().to_owned()).collect(),
        outcome,
    }
}

/// The line with which the guest powered off or restarted in good order: without the protocol, and
/// without a failure before it, that proves a boot as well as a login prompt does, because only a
/// userspace asks for it.
fn orderly_end(timeline: &Timeline, end: &End, expectation: &Expectation) -> Option<u64> {
    let orderly = matches!(end, End::GuestPoweredOff | End::Reset | End::LogEnds);
    let down = timeline.reached(Milestone::PoweredDown)?;
    let by_console = match expectation {
        Expectation::Handoff { .. } => false,
        Expectation::OwnInit { .. } => timeline.is_handed_over(),
        Expectation::Console => true,
    };
    (by_console && orderly).then_some(down.line)
}

/// The line that hands over to an init that does not speak the protocol, where that has run for as long
/// as the watch wanted to see it.
fn running_on(timeline: &Timeline, end: &End) -> Option<u64> {
    let switched = timeline.reached(Milestone::SwitchRoot)?;
    (*end == End::Stopped && timeline.is_handed_over()).then_some(switched.line)
}

fn of_trouble(trouble: &Trouble) -> Outcome {
    let message = trouble.text.clone();
    match &trouble.kind {
        Kind::NoLoader => Outcome::NoLoader,
        Kind::Loader => Outcome::LoaderFailed { message },
        Kind::Panic => Outcome::KernelPanicked { message },
        Kind::Root => Outcome::RootNotFound { message },
        Kind::Init { step, errno } => {
            Outcome::InitFailed { step: step.clone(), errno: *errno, message }
        }
    }
}

fn of_end(end: End, timeline: &Timeline) -> Outcome {
    let stage = timeline.stage();
    let ended = |how: &str| Outcome::Ended { stage, how: how.into() };
    match end {
        End::QemuNotStarted(reason) | End::InternalError(reason) => Outcome::QemuFailed { reason },
        End::QemuExited(Some(0)) => ended("ended"),
        End::QemuExited(Some(code)) => {
            Outcome::QemuFailed { reason: format!("QEMU ended with status {code}") }
        }
        End::QemuExited(None) => Outcome::QemuFailed { reason: "a signal ended QEMU".into() },
        End::GuestPoweredOff => ended("powered off"),
        End::Reset => ended("reset"),
        End::Stopped => ended("was stopped"),
        End::LogEnds => ended("is last seen in its log"),
        End::Interrupted => Outcome::Interrupted { stage },
        End::Silent(time) => Outcome::Silent { stage, seconds: time.as_secs() },
        End::TimedOut(time) => Outcome::TimedOut { stage, seconds: time.as_secs() },
    }
}

fn what(outcome: &Outcome, timeline: &Timeline) -> String {
    let after = match timeline.last() {
        Some(entry) => format!("after \"{}\" (line {})", entry.milestone.title(), entry.line),
        None => "before its first sign of life".into(),
    };
    match outcome {
        Outcome::Booted => match timeline.reached(Milestone::UserspaceReady).and_then(|e| e.at) {
            Some(at) => {
                format!("The guest booted: userspace was ready after {:.2} s.", at.as_secs_f64())
            }
            None if timeline.is_handed_over() => handed_over(timeline),
            None => "The guest booted.".into(),
        },
        Outcome::QemuFailed { reason } => format!("QEMU could not run the guest: {reason}."),
        Outcome::NoLoader => "The firmware found no boot loader on the disk.".into(),
        Outcome::LoaderFailed { message } => format!("The boot loader failed: {message}"),
        Outcome::KernelPanicked { message } => format!("The kernel panicked: {message}"),
        Outcome::InitFailed { step, message, .. } if Step::ALL.iter().any(|s| s.word() == step) => {
            format!("Init failed {message}.")
        }
        Outcome::InitFailed { step, errno, message } => match errno {
            Some(errno) => {
                format!("Init failed at the step \"{step}\": {}.", errno::describe(*errno))
            }
            None => format!("Init failed at the step \"{step}\": {message}"),
        },
        Outcome::RootNotFound { message } => {
            format!("The root filesystem was not found: {message}.")
        }
        Outcome::Silent { stage, seconds } => {
            format!("The guest went silent for {seconds} s at the stage {}, {after}.", stage.name())
        }
        Outcome::TimedOut { stage, seconds } => {
            format!(
                "The boot was not done after {seconds} s: it was at the stage {}, {after}.",
                stage.name()
            )
        }
        Outcome::Ended { stage, how } => format!(
            "The guest {how} at the stage {}, {after}, without having proved that it was up.",
            stage.name()
        ),
        Outcome::Interrupted { stage } => {
            format!("The boot was interrupted at the stage {}, {after}.", stage.name())
        }
    }
}

/// The sentence for an init that never says that it is ready.
fn handed_over(timeline: &Timeline) -> String {
    let switched = timeline.reached(Milestone::SwitchRoot);
    let at =
        switched.and_then(|entry| entry.at).map(|at| format!(" after {:.2} s", at.as_secs_f64()));
    let said = switched.and_then(|entry| handoff::Parsed::find(&entry.text)?.field("init"));
    let init = String::from_utf8_lossy(
        &said.map(handoff::decode).into_iter().flatten().collect::<Vec<_>>(),
    )
    .into_owned();
    let how = match timeline.reached(Milestone::PoweredDown) {
        Some(_) => "ended in good order",
        None => "runs on; it said nothing that tells whether it is ready",
    };
    format!("The guest booted: its own init {init} took over{} and {how}.", at.unwrap_or_default())
}

fn advice(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Booted => "Nothing is to be done.",
        Outcome::QemuFailed { .. } => {
            "This says nothing about the image: mend the QEMU command, or choose --accel tcg, and run it again."
        }
        Outcome::NoLoader => {
            "Usually the ESP lacks EFI/BOOT/BOOTX64.EFI, is not FAT, or the disk is not attached: `bootwright inspect` shows what the image holds."
        }
        Outcome::LoaderFailed { message } if message.contains("out of memory") => {
            "The guest has too little memory for the kernel: `--memory` gives it more."
        }
        Outcome::LoaderFailed { message } if message.starts_with("!!!!") => {
            "A program crashed in the firmware: copy the loader and the kernel again, or use another version of them or of OVMF."
        }
        Outcome::LoaderFailed { message } if message.starts_with("grub") => {
            "It waits at its prompt, as it does where it finds no grub.cfg: that belongs beside the loader, into EFI/BOOT on the ESP."
        }
        Outcome::LoaderFailed { .. } => {
            "Usually grub.cfg names a file that is not there, or a file was cut short when it was copied: compare the paths in it with the ESP's content."
        }
        Outcome::KernelPanicked { .. } => {
            "The lines above the panic name the cause: `bootwright explain` looks it up in the catalogue of symptoms."
        }
        Outcome::InitFailed { step, .. } if step.contains("unpack") => {
            "The archive is damaged, cut short, or compressed in a way that this kernel cannot read."
        }
        Outcome::InitFailed { step, errno: Some(errno), .. } if our_step(step).is_some() => {
            our_step(step).map_or("", |step| step.meaning(*errno))
        }
        Outcome::InitFailed { .. } => {
            "Usually /init is missing, not executable, for another machine or lacks its interpreter, or a program that it needs is missing: `bootwright initramfs ls` shows the archive."
        }
        Outcome::RootNotFound { .. } => {
            "Usually root= names a disk, partition or UUID that is not there, or the driver for the disk or filesystem is a module that the initramfs lacks."
        }
        Outcome::Silent { stage, .. } | Outcome::TimedOut { stage, .. } => stuck(*stage),
        Outcome::Ended { .. } => {
            "Usually something before the end said why, or the console went elsewhere: read the last lines, and check that console=ttyS0 is the last console= argument."
        }
        Outcome::Interrupted { .. } => "Run it again to know.",
    }
}

/// The step of our own `/init` that has this word: it knows what its failures mean.
fn our_step(word: &str) -> Option<Step> {
    Step::ALL.into_iter().find(|step| step.word() == word)
}

fn stuck(stage: Stage) -> &'static str {
    match stage {
        Stage::Firmware => {
            "Usually the firmware does not fit the machine (CODE and VARS of different sizes, Secure Boot firmware without smm=on, too little memory) or the accelerator cannot run it: try --accel tcg."
        }
        Stage::Loader => {
            "Usually the kernel runs but has no console=ttyS0, or the loader waits at its menu or for a key."
        }
        Stage::Kernel => {
            "Usually the kernel waits for a root device (rootwait) or its output goes to another console."
        }
        Stage::EarlyUserspace => {
            "Usually the initramfs waits for a device that never comes, or init writes to another console: make console=ttyS0 the last console= argument."
        }
        Stage::Userspace => {
            "Usually a service waits for something, or no login prompt is started on the serial console."
        }
    }
}

impl Verdict {
    /// 0 where it booted, 1 where it did not, 2 where that could not be found out.
    pub fn exit_code(&self) -> u8 {
        match self.outcome {
            Outcome::Booted => 0,
            Outcome::QemuFailed { .. } | Outcome::Interrupted { .. } => 2,
            _ => 1,
        }
    }
}

impl fmt::Display for Verdict {
    /// What happened and what to do; the last lines where it did not boot.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.what)?;
        if self.outcome == Outcome::Booted {
            return Ok(());
        }
        writeln!(f, "{}", self.advice)?;
        if !self.last_lines.is_empty() {
            writeln!(f, "\nThe last lines of the console:")?;
        }
        for line in &self.last_lines {
            writeln!(f, "  | {line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(text: &str, end: End) -> Verdict {
        let expectation = Expectation::Handoff { token: "abc".into() };
        let log = Log::from_bytes(text.as_bytes());
        judge(&log, &Timeline::of(&log, &expectation), end, &expectation)
    }

    #[test]
    fn the_token_alone_proves_a_boot() {
        let booted = verdict("handoff: 1 abc userspace-ready\n", End::GuestPoweredOff);
        assert_eq!((booted.outcome.clone(), booted.exit_code()), (Outcome::Booted, 0));
        let foreign = verdict("handoff: 1 xyz userspace-ready\n", End::GuestPoweredOff);
        assert_eq!(foreign.exit_code(), 1);
        assert!(matches!(foreign.outcome, Outcome::Ended { stage: Stage::Firmware, .. }));
    }

    #[test]
    fn an_init_of_its_own_has_to_be_handed_over_to_and_to_run_on() {
        let of = |text: &str, end: End| {
            let expectation = Expectation::OwnInit { token: "abc".into() };
            let log = Log::from_bytes(text.as_bytes());
            judge(&log, &Timeline::of(&log, &expectation), end, &expectation)
        };
        let switch = "handoff: 1 abc switch-root init=/sbin/init\n";
        let runs_on = of(switch, End::Stopped);
        assert_eq!(runs_on.exit_code(), 0);
        assert!(runs_on.what.contains("its own init /sbin/init took over"), "{}", runs_on.what);
        assert_eq!(of("Linux version 6.1 (x)\n", End::Stopped).exit_code(), 1);
        let panic = format!("{switch}Kernel panic - not syncing: Attempted to kill init!\n");
        assert_eq!(of(&panic, End::Stopped).exit_code(), 1);
        let down = format!("{switch}[    9.0] reboot: Power down\n");
        assert_eq!(of(&down, End::GuestPoweredOff).exit_code(), 0);
        assert_eq!(of("[    9.0] reboot: Power down\n", End::GuestPoweredOff).exit_code(), 1);
        assert_eq!(of(switch, End::GuestPoweredOff).exit_code(), 1);
    }

    #[test]
    fn each_end_has_its_outcome_and_exit_code() {
        let kernel = "[    0.000000] Linux version 6.1 (x)\n";
        for (text, end, shown, code) in [
            (
                "",
                End::QemuNotStarted("no /dev/kvm".into()),
                "could not run the guest: no /dev/kvm",
                2,
            ),
            ("", End::QemuExited(Some(1)), "QEMU ended with status 1", 2),
            (
                kernel,
                End::Silent(Duration::from_secs(60)),
                "silent for 60 s at the stage kernel",
                1,
            ),
            (kernel, End::TimedOut(Duration::from_secs(90)), "not done after 90 s", 1),
            (kernel, End::Interrupted, "interrupted", 2),
            (
                "BdsDxe: No bootable option or device was found.\n",
                End::Stopped,
                "no boot loader",
                1,
            ),
            (
                "Welcome to GRUB!\nerror: file `/vmlinuz' not found.\n",
                End::Stopped,
                "file `/vmlinuz' not found",
                1,
            ),
            ("Kernel panic - not syncing: Fatal exception\n", End::Reset, "kernel panicked", 1),
            (
                "handoff: 1 abc failed step=mount-api errno=19\n",
                End::Stopped,
                "Init failed mounting the kernel's filesystems: ENODEV",
                1,
            ),
            (
                "VFS: Cannot open root device \"vda9\"\nKernel panic - not syncing: VFS: Unable to mount root fs\n",
                End::Reset,
                "root filesystem was not found: VFS: Cannot open root device \"vda9\"",
                1,
            ),
        ] {
            let verdict = verdict(text, end);
            assert!(verdict.what.contains(shown), "{}", verdict.what);
            assert_eq!(verdict.exit_code(), code, "{text}");
        }
    }

    #[test]
    fn a_step_of_our_init_says_what_its_failure_means() {
        let text = "handoff: 1 abc failed step=find-init errno=ENOENT number=2\n";
        let verdict = verdict(text, End::Stopped);
        assert_eq!(verdict.advice, Step::FindInit.meaning(2));
        assert!(!verdict.advice.is_empty());
    }

    #[test]
    fn a_console_alone_is_believed_where_nothing_better_is_spoken() {
        let text =
            "[    1.000000] Run /init as init process\nhello\n[    2.000000] reboot: Power down\n";
        let log = Log::from_bytes(text.as_bytes());
        let timeline = Timeline::of(&log, &Expectation::Console);
        let verdict = judge(&log, &timeline, End::GuestPoweredOff, &Expectation::Console);
        assert_eq!(verdict.outcome, Outcome::Booted);
    }
}
