//! The milestones that a log has passed, with their times, and the stages that lie between them.
//!
//! Lines are taken one by one, so that a timeline grows while the guest boots. A milestone counts
//! once, when it is first proved; a `handoff:` line with a foreign token proves nothing.

use std::fmt::{self, Write};
use std::time::Duration;

use bootwright_init::handoff;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::expectation::Expectation;
use super::log::{Line, Log};
use super::milestone::{self, Milestone, Proof, Stage};

/// A milestone that was passed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Which one.
    pub milestone: Milestone,
    /// The stage it fell into; mostly [`Milestone::stage`], but an init that the kernel runs from a
    /// root filesystem that it mounted itself is userspace, not early userspace.
    pub stage: Stage,
    /// How it was proved.
    pub proof: Proof,
    /// When the line arrived, since the start of the machine.
    pub at: Option<Duration>,
    /// What the kernel's clock said.
    pub kernel_time: Option<Duration>,
    /// The number of the line that proves it.
    pub line: u64,
    /// That line, clean.
    pub text: String,
    /// What of it is worth showing.
    pub detail: String,
}

/// How long a stage took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Which one.
    pub stage: Stage,
    /// When it began.
    pub start: Duration,
    /// When the next one began, or the last milestone was passed.
    pub end: Duration,
}

/// The milestones of one boot, in the order in which they were passed.
#[derive(Debug, Clone, Default)]
pub struct Timeline {
    token: Option<String>,
    /// Who speaks after switch_root is known by the console alone.
    has_own_init: bool,
    entries: Vec<Entry>,
    unpacking_failed: bool,
}

impl Timeline {
    /// An empty timeline that accepts the protocol lines of this expectation.
    pub fn new(expectation: &Expectation) -> Self {
        let token = expectation.token().map(str::to_owned);
        let has_own_init = matches!(expectation, Expectation::OwnInit { .. });
        Timeline { token, has_own_init, ..Timeline::default() }
    }

    /// The timeline of a log, the unfinished last line included.
    pub fn of(log: &Log, expectation: &Expectation) -> Self {
        let mut timeline = Timeline::new(expectation);
        let partial = log.partial();
        for line in log.lines().chain(&partial) {
            timeline.observe(line);
        }
        timeline
    }

    /// Takes the next line; returns the milestone that it proved for the first time.
    pub fn observe(&mut self, line: &Line) -> Option<&Entry> {
        let message = line.message();
        self.unpacking_failed |= message.contains("Initramfs unpacking failed");
        let (milestone, proof) = self.proved(line)?;
        if self.reached(milestone).is_some()
            || (milestone == Milestone::InitramfsUnpacked && self.unpacking_failed)
        {
            return None;
        }
        let entry = Entry {
            milestone,
            stage: self.stage_of(milestone),
            proof,
            at: line.at,
            kernel_time: line.kernel_time,
            line: line.number,
            text: line.text().to_owned(),
            detail: milestone::detail(milestone, message),
        };
        let index = self.place(milestone);
        self.entries.insert(index, entry);
        self.entries.get(index)
    }

    fn proved(&self, line: &Line) -> Option<(Milestone, Proof)> {
        if let Some(said) = handoff::Parsed::find(line.text()) {
            let proof = match &self.token {
                Some(token) if token == said.token => Proof::Handoff,
                Some(_) => return None,
                // Nobody asked for a token: the line is worth as much as any other.
                None => Proof::Console,
            };
            return Some((Milestone::of_handoff(said.milestone)?, proof));
        }
        let milestone = match milestone::of_message(line.message())? {
            // An init that also runs in an initramfs: here it is the one that was handed over to.
            Milestone::InitAlive if self.is_handed_over() => Milestone::UserspaceStarted,
            other => other,
        };
        // Where the protocol is spoken, nothing else proves what it exists to prove.
        let weak = self.token.is_some() && milestone == Milestone::UserspaceReady;
        (!weak || self.is_handed_over()).then_some((milestone, Proof::Console))
    }

    /// Whether our `/init` has handed over to an init that does not speak the protocol.
    pub fn is_handed_over(&self) -> bool {
        let switched = self.reached(Milestone::SwitchRoot);
        self.has_own_init && switched.is_some_and(|entry| entry.proof == Proof::Handoff)
    }

    /// Entries are in order of appearance, except that the kernel tells late how it was entered.
    fn place(&self, milestone: Milestone) -> usize {
        match milestone {
            Milestone::EfiStub => self.entries.iter().position(|e| e.stage > Stage::Loader),
            _ => None,
        }
        .unwrap_or(self.entries.len())
    }

    fn stage_of(&self, milestone: Milestone) -> Stage {
        let by_kernel =
            self.reached(Milestone::RootMounted).is_some_and(|e| e.stage == Stage::Kernel);
        match milestone {
            Milestone::RootMounted if self.reached(Milestone::InitRun).is_none() => {
                if self.reached(Milestone::InitAlive).is_none() {
                    Stage::Kernel
                } else {
                    Stage::EarlyUserspace
                }
            }
            Milestone::InitRun | Milestone::InitAlive if by_kernel => Stage::Userspace,
            _ => milestone.stage(),
        }
    }

    /// The milestones, in order.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of a milestone, if it was passed.
    pub fn reached(&self, milestone: Milestone) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.milestone == milestone)
    }

    /// The last milestone that was passed.
    pub fn last(&self) -> Option<&Entry> {
        self.entries.last()
    }

    /// The stage that the boot is in.
    pub fn stage(&self) -> Stage {
        self.entries.iter().map(|entry| entry.stage).max().unwrap_or(Stage::Firmware)
    }

    /// How long each stage took, by the host's clock, or by the kernel's where the host's is not
    /// known; the firmware begins at zero.
    pub fn spans(&self) -> Vec<Span> {
        let by_host = self.entries.iter().any(|entry| entry.at.is_some());
        let time = |entry: &Entry| if by_host { entry.at } else { entry.kernel_time };
        let mut spans: Vec<Span> = Vec::new();
        for entry in &self.entries {
            let Some(now) = time(entry) else { continue };
            match spans.last_mut() {
                Some(span) if span.stage >= entry.stage => span.end = span.end.max(now),
                last => {
                    let start = last.map_or(Duration::ZERO, |span| {
                        span.end = now.max(span.start);
                        now
                    });
                    spans.push(Span { stage: entry.stage, start, end: now.max(start) });
                }
            }
        }
        spans
    }
}

impl fmt::Display for Entry {
    /// `    3.21 s  kernel started       Linux version 6.1.0-56-cloud-amd64`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at, self.kernel_time) {
            (Some(at), _) => write!(f, "{:8.2} s", at.as_secs_f64())?,
            (None, Some(at)) => write!(f, "{:8.2} k", at.as_secs_f64())?,
            (None, None) => write!(f, "{:>10}", format!("line {}", self.line))?,
        }
        let text = format!("  {:<19}  {}", self.milestone.title(), self.detail);
        f.write_str(text.trim_end())
    }
}

/// How many characters the bars of all stages together are wide.
const BAR_WIDTH: f64 = 48.0;

impl fmt::Display for Timeline {
    /// One bar a stage, each beginning where the one before ends.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let spans = self.spans();
        let end = spans.last().map_or(0.0, |span| span.end.as_secs_f64());
        let column =
            |at: Duration| (at.as_secs_f64() / end.max(0.001) * BAR_WIDTH).round() as usize;
        for span in spans {
            let (from, to) = (column(span.start), column(span.end));
            let took = (span.end - span.start).as_secs_f64();
            let mut bar = " ".repeat(from);
            // A stage that was passed is seen, however short it was.
            bar.extend(std::iter::repeat_n('=', to.saturating_sub(from).max(1)));
            writeln!(f, "{:<15}  {took:7.2} s  {bar}", span.stage.name())?;
        }
        Ok(())
    }
}

impl Timeline {
    /// Every milestone on a line of its own, then the bars.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for entry in &self.entries {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{entry}");
        }
        let _ = write!(text, "\n{self}");
        text
    }
}

fn seconds(time: Option<Duration>) -> Option<f64> {
    // Microseconds are what the kernel prints; more digits would only be noise.
    time.map(|time| (time.as_secs_f64() * 1e6).round() / 1e6)
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serializer.serialize_struct("Entry", 8)?;
        entry.serialize_field("milestone", &self.milestone)?;
        entry.serialize_field("stage", &self.stage)?;
        entry.serialize_field("proof", &self.proof)?;
        entry.serialize_field("host_seconds", &seconds(self.at))?;
        entry.serialize_field("kernel_seconds", &seconds(self.kernel_time))?;
        entry.serialize_field("line", &self.line)?;
        entry.serialize_field("text", &self.text)?;
        entry.serialize_field("detail", &self.detail)?;
        entry.end()
    }
}

impl Serialize for Span {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut span = serializer.serialize_struct("Span", 3)?;
        span.serialize_field("stage", &self.stage)?;
        span.serialize_field("start_seconds", &seconds(Some(self.start)))?;
        span.serialize_field("seconds", &seconds(Some(self.end - self.start)))?;
        span.end()
    }
}

impl Serialize for Timeline {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut timeline = serializer.serialize_struct("Timeline", 2)?;
        timeline.serialize_field("milestones", &self.entries)?;
        timeline.serialize_field("stages", &self.spans())?;
        timeline.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Expectation {
        Expectation::Handoff { token: "abc".into() }
    }

    #[test]
    fn only_this_boots_token_counts() {
        let log = Log::from_bytes(
            b"handoff: 1 old userspace-ready\nhandoff: 1 - userspace-ready\nbox login: \n",
        );
        let timeline = Timeline::of(&log, &own());
        assert!(timeline.reached(Milestone::UserspaceReady).is_none());
        let ready = Timeline::of(&log, &Expectation::Console).entries()[0].clone();
        assert_eq!((ready.milestone, ready.proof), (Milestone::UserspaceReady, Proof::Console));
        let log = Log::from_bytes(b"noise handoff: 1 abc userspace-ready\n");
        let entry = Timeline::of(&log, &own()).entries()[0].clone();
        assert_eq!((entry.milestone, entry.proof), (Milestone::UserspaceReady, Proof::Handoff));
    }

    #[test]
    fn after_a_proved_handover_the_console_counts() {
        let expectation = Expectation::OwnInit { token: "abc".into() };
        let reached = |text: &str| {
            let timeline = Timeline::of(&Log::from_bytes(text.as_bytes()), &expectation);
            timeline.last().map(|entry| (entry.milestone, entry.proof))
        };
        let switched = (Milestone::SwitchRoot, Proof::Handoff);
        let switch = "handoff: 1 abc switch-root init=/sbin/init\n";
        assert_eq!(reached("box login: \n"), None, "nothing was handed over");
        assert_eq!(reached("handoff: 1 old switch-root\nbox login: \n"), None);
        assert_eq!(reached(switch), Some(switched));
        let (started, ready) = (Milestone::UserspaceStarted, Milestone::UserspaceReady);
        let systemd = format!("{switch}systemd[1]: systemd 252 running in system mode (+PAM)\n");
        assert_eq!(reached(&systemd), Some((started, Proof::Console)));
        assert_eq!(reached(&format!("{systemd}box login: \n")), Some((ready, Proof::Console)));
    }

    #[test]
    fn unpacked_means_that_unpacking_did_not_fail() {
        let log = Log::from_bytes(
            b"Initramfs unpacking failed: junk\n[    1.000000] Freeing initrd memory: 4K\n",
        );
        assert!(Timeline::of(&log, &own()).entries().is_empty());
    }

    #[test]
    fn stages_follow_each_other_and_are_drawn() {
        let mut log = Log::new();
        for (at, text) in [
            (1, "BdsDxe: loading Boot0002\n"),
            (2, "Welcome to GRUB!\n"),
            (4, "[    0.000000] Linux version 6.1.0 (x)\n"),
            (5, "[    0.000000] efi: EFI v2.70 by EDK II\n"),
            (7, "[    3.000000] Run /init as init process\n"),
            (8, "handoff: 1 abc switch-root\nhandoff: 1 abc userspace-ready\n"),
        ] {
            log.push(text.as_bytes(), Some(Duration::from_secs(at)));
        }
        let timeline = Timeline::of(&log, &own());
        let spans: Vec<_> = timeline.spans().iter().map(|s| (s.stage, s.end.as_secs())).collect();
        let ends = [2, 4, 7, 8, 8];
        assert_eq!(spans, Stage::ALL.into_iter().zip(ends).collect::<Vec<_>>());
        assert_eq!(timeline.entries()[2].milestone, Milestone::EfiStub);
        let shown = timeline.render();
        assert!(
            shown.contains("    4.00 s  kernel started       Linux version 6.1.0\n"),
            "{shown}"
        );
        assert!(shown.contains("kernel              3.00 s"), "{shown}");
        let json = serde_json::to_value(&timeline).expect("it serializes");
        assert_eq!(json["milestones"][0]["host_seconds"], 1.0);
        assert_eq!(json["stages"][4]["stage"], "userspace");
    }

    #[test]
    fn an_init_on_the_kernels_own_root_is_userspace() {
        let log = Log::from_bytes(
            b"[    1.000000] VFS: Mounted root (ext4 filesystem) readonly on device 254:1.\n[    1.100000] Run /sbin/init as init process\n",
        );
        let timeline = Timeline::of(&log, &Expectation::Console);
        let stages: Vec<Stage> = timeline.entries().iter().map(|e| e.stage).collect();
        assert_eq!(stages, [Stage::Kernel, Stage::Userspace]);
    }
}
