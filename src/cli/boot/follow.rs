//! Following one run to its end: what the console says is shown as it comes, and kept to be judged.

use std::time::{Duration, Instant};

use super::Ran;
use crate::boot::end::End;
use crate::boot::expectation::Expectation;
use crate::boot::log::Log;
use crate::boot::milestone::{Milestone, Proof};
use crate::boot::timeline::{Entry, Timeline};
use crate::boot::verdict::judge;
use crate::boot::watch::{Decision, Watch};
use crate::cli::machine::Limits;
use crate::cli::{interrupt, terminal};
use crate::qemu::accel::{Accel, KvmFailure};
use crate::qemu::accel_probe;
use crate::qemu::vm::{Event, Vm};
use bootwright_init::handoff;

/// A run while it goes on.
pub(super) struct Run {
    log: Log,
    watch: Watch,
    expectation: Expectation,
    /// The console will do once the kernel's command line is seen to carry no token.
    may_relax: bool,
    /// The console will do once the guest hands over to an init that does not speak the protocol.
    may_hand_over: bool,
    quiet: bool,
    kvm_failure: Option<KvmFailure>,
}

impl Run {
    /// Begins with an expectation; an `auto` one gives way to what the guest turns out to be.
    pub(super) fn new(expectation: Expectation, auto: bool, quiet: bool) -> Self {
        Run {
            log: Log::new(),
            watch: Watch::new(&expectation),
            expectation,
            may_relax: auto,
            may_hand_over: auto,
            quiet,
            kvm_failure: None,
        }
    }

    /// Follows the machine to its end, or to the point where there is no more need to wait.
    pub(super) fn follow(&mut self, mut vm: Vm, limits: Limits, accel: Accel) -> End {
        let clock = Instant::now();
        let end = loop {
            if let Some(event) = vm.next(Duration::from_millis(100))
                && let Some(end) = self.take(&mut vm, event, accel)
            {
                break end;
            }
            let now = clock.elapsed();
            if let Some(end) = self.look(now, limits) {
                break end;
            }
        };
        // News of the end overtakes the console. A machine that does not end is killed when it is dropped.
        let _ = vm.quit(&mut |event| {
            if let Event::Serial { at, bytes } = event {
                self.log.push(&bytes, Some(at));
            }
        });
        self.look(clock.elapsed(), limits);
        end
    }

    fn take(&mut self, vm: &mut Vm, event: Event, accel: Accel) -> Option<End> {
        if accel == Accel::Kvm {
            self.kvm_failure = self.kvm_failure.take().or_else(|| accel_probe::failure(vm, &event));
            if let Some(failure) = &self.kvm_failure {
                return Some(End::InternalError(failure.to_string()));
            }
        }
        match event {
            Event::Serial { at, bytes } => self.log.push(&bytes, Some(at)),
            Event::Qmp { event, .. } if event.name == "SHUTDOWN" => {
                return Some(match event.data["reason"].as_str() {
                    Some("guest-reset") => End::Reset,
                    // Ctrl-C on a terminal reaches QEMU as well as us.
                    Some("host-signal") => End::Interrupted,
                    _ => End::GuestPoweredOff,
                });
            }
            Event::Qmp { .. } => {}
            Event::LogLost(error) => terminal::note(format_args!("warning: {error}")),
            Event::Exited { .. } if interrupt::is_wished() => return Some(End::Interrupted),
            Event::Exited { status, .. } => return Some(End::QemuExited(status.code())),
        }
        None
    }

    /// What the console has by now, and whether that is enough.
    fn look(&mut self, now: Duration, limits: Limits) -> Option<End> {
        let decision = self.watch.observe(&self.log, now);
        for entry in self.watch.news() {
            if !self.quiet {
                // Where this cannot be written, neither can the verdict, which says so.
                let _ = terminal::say(&entry);
            }
            self.relax(&entry, now);
        }
        let silent = now.saturating_sub(self.watch.last_news());
        match decision {
            Decision::Ready | Decision::Failed => Some(End::Stopped),
            Decision::Continue if interrupt::is_wished() => Some(End::Interrupted),
            Decision::Continue if now >= limits.total => Some(End::TimedOut(now)),
            Decision::Continue if silent >= limits.silence => Some(End::Silent(silent)),
            Decision::Continue => None,
        }
    }

    /// An image that hands no token to its kernel cannot prove its boot with one. One that hands
    /// over another token than ours speaks the protocol, and is held to it.
    fn relax(&mut self, entry: &Entry, now: Duration) {
        let is_command_line = entry.text.contains("ommand line: ");
        self.may_relax &= !(is_command_line && has_token(&entry.text));
        if self.may_relax && is_command_line {
            self.may_relax = false;
            self.expect(Expectation::Console, now);
        }
        let token = self.expectation.token().map(str::to_owned);
        if let (true, Some(token), true) = (self.may_hand_over, token, hands_over(entry)) {
            self.may_hand_over = false;
            self.expect(Expectation::OwnInit { token }, now);
        }
    }

    fn expect(&mut self, expectation: Expectation, now: Duration) {
        self.expectation = expectation;
        self.watch = Watch::new(&self.expectation);
        // What was shown is not shown again.
        self.watch.observe(&self.log, now);
        self.watch.news();
    }

    pub(super) fn finish(mut self, end: End) -> Ran {
        self.log.finish();
        let timeline = Timeline::of(&self.log, &self.expectation);
        let verdict = judge(&self.log, &timeline, end, &self.expectation);
        Ran { log: self.log, timeline, verdict, kvm_failure: self.kvm_failure }
    }
}

/// Whether our `/init` says that it hands over to an init that does not speak the protocol.
fn hands_over(entry: &Entry) -> bool {
    let is_said = entry.milestone == Milestone::SwitchRoot && entry.proof == Proof::Handoff;
    let speaks = handoff::Parsed::find(&entry.text).and_then(|said| said.field("speaks"));
    is_said && speaks.is_none()
}

/// Whether a kernel command line has an argument that carries a token.
fn has_token(line: &str) -> bool {
    let argument = format!("{}=", handoff::ARGUMENT);
    line.split_ascii_whitespace()
        .any(|word| word.len() > argument.len() && word.starts_with(&argument))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_is_none() {
        assert!(has_token("Command line: root=/dev/vda2 handoff=abc:poweroff"));
        assert!(!has_token("Command line: root=/dev/vda2 handoff="));
        assert!(!has_token("Command line: root=/dev/vda2 nohandoff=abc"));
    }
}
