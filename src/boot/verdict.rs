//! The judgement of a boot: what the log proves, and how the guest ended.
//!
//! [`judge`] is pure: the same log, timeline, end and expectation give the same verdict, whether the
//! guest has just stopped or the log is years old.

use std::fmt;

use serde::Serialize;

use super::end::End;
use super::expectation::Expectation;
use super::log::Log;
use super::milestone::Milestone;
use super::outcome::Outcome;
use super::timeline::Timeline;
use super::trouble::{Kind, Troubles};
use super::wording;

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
        (Some(trouble), _) => (Outcome::of_trouble(trouble), Some(trouble.line)),
        (None, Some(line)) => (Outcome::Booted, Some(line)),
        (None, None) => (Outcome::of_end(end, timeline), None),
    };
    let last = log.last(LAST_LINES);
    Verdict {
        line,
        what: wording::what(&outcome, timeline),
        advice: wording::advice(&outcome),
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
    use std::time::Duration;

    use bootwright_init::step::Step;

    use super::super::milestone::Stage;
    use super::*;

    fn verdict(text: &str, end: End) -> Verdict {
        let expectation = Expectation::Handoff { token: "abc".into() };
        let log = Log::from_bytes(text.as_bytes());
        judge(&log, &Timeline::of(&log, &expectation), end, &expectation)
    }

    #[test]
    fn the_token_alone_proves_a_boot() {
        let booted = verdict("handoff: 1 abc userspace-ready\n", End::GuestPoweredOff);
        assert_eq!((booted.outcome.clone(), booted.outcome.exit_code()), (Outcome::Booted, 0));
        let foreign = verdict("handoff: 1 xyz userspace-ready\n", End::GuestPoweredOff);
        assert_eq!(foreign.outcome.exit_code(), 1);
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
        assert_eq!(runs_on.outcome.exit_code(), 0);
        assert!(runs_on.what.contains("its own init /sbin/init took over"), "{}", runs_on.what);
        assert_eq!(of("Linux version 6.1 (x)\n", End::Stopped).outcome.exit_code(), 1);
        let panic = format!("{switch}Kernel panic - not syncing: Attempted to kill init!\n");
        assert_eq!(of(&panic, End::Stopped).outcome.exit_code(), 1);
        let down = format!("{switch}[    9.0] reboot: Power down\n");
        assert_eq!(of(&down, End::GuestPoweredOff).outcome.exit_code(), 0);
        assert_eq!(
            of("[    9.0] reboot: Power down\n", End::GuestPoweredOff).outcome.exit_code(),
            1
        );
        assert_eq!(of(switch, End::GuestPoweredOff).outcome.exit_code(), 1);
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
            assert_eq!(verdict.outcome.exit_code(), code, "{text}");
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
