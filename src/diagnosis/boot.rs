//! One boot of a log: what was seen of it, and the findings that follow from that.

use std::collections::BTreeSet;

use super::catalogue::{self, Rule, Stage, Symptom};
use super::decode;
use super::explain::{Confidence, Decoded, Evidence, Explanation, Finding, Outcome};
use super::facts::Facts;
use super::heard::Heard;
use super::marks::Mark;
use super::pattern::value;
use super::scan::{self, Found, Hits, Quote, Scanned};
use super::suspects::Suspects;
use crate::boot::expectation::Expectation;
use crate::boot::log::Line;
use crate::boot::milestone::Milestone;
use crate::boot::timeline::{Entry, Timeline};

/// What was seen of one boot.
#[derive(Debug, Default)]
pub(super) struct Boot {
    pub(super) facts: Facts,
    found: Found,
    timeline: Option<Timeline>,
    suspects: Suspects,
    panic_line: Option<u64>,
}

impl Boot {
    /// Takes the next line, and what was found in it.
    pub(super) fn take(&mut self, line: &Line, scanned: &Scanned, found: Found) {
        scan::merge(&mut self.found, found);
        let said = |wanted: Mark| scanned.marks.iter().any(|(mark, _)| *mark == wanted);
        if self.panic_line.is_none() && said(Mark::Panic) {
            self.panic_line = Some(line.number);
        }
        self.facts.observe(line, scanned);
        // Other lines tell a timeline nothing.
        if scanned.milestone || said(Mark::UnpackFailed) {
            let new = || Timeline::new(&Expectation::Console);
            self.timeline.get_or_insert_with(new).observe(line);
        }
        self.suspects.observe(line);
    }

    /// Whether a line with this milestone begins a further boot. A kernel whose early console and
    /// console are the same port says everything twice, so its first line alone does not tell.
    pub(super) fn is_over(&self, starts: Option<Milestone>) -> bool {
        match starts {
            Some(Milestone::KernelStarted) => {
                let ended = [Mark::Panic, Mark::PoweredDown, Mark::InitRun, Mark::NoWorkingInit];
                ended.into_iter().any(|mark| self.facts.has(mark)) || self.is_up()
            }
            Some(Milestone::FirmwareStarted) => self.facts.kernel_spoke(),
            _ => false,
        }
    }

    fn ready(&self) -> Option<&Entry> {
        let entry = self.timeline.as_ref()?.reached(Milestone::UserspaceReady)?;
        // systemd also says how long it took when it ended in emergency mode.
        let meant = !self.facts.has(Mark::Emergency) || !entry.text.contains("Startup finished");
        meant.then_some(entry)
    }

    fn is_up(&self) -> bool {
        self.ready().is_some_and(|entry| self.panic_line.is_none_or(|line| line < entry.line))
    }

    /// Nothing says that a login is offered, as in a kernel's own log, but userspace works on its root
    /// filesystem.
    fn looks_up(&self) -> bool {
        let crashed = self.facts.has(Mark::Oops) && !self.facts.survived();
        let spoilt = [Mark::Emergency, Mark::JobRunning, Mark::RootMissing];
        self.facts.has(Mark::UserspaceUp)
            && self.panic_line.is_none()
            && !crashed
            && !spoilt.into_iter().any(|mark| self.facts.has(mark))
    }

    /// The guest powered down in good order, or offers a shell.
    fn ended_well(&self) -> bool {
        let prompt = self.facts.ends_with_prompt && self.facts.kernel_spoke();
        (self.facts.has(Mark::PoweredDown) || prompt)
            && self.panic_line.is_none()
            && !self.facts.has(Mark::Emergency)
    }

    /// Judges what was seen.
    pub(super) fn finish(mut self) -> Explanation {
        let is_fine = self.is_up() || self.looks_up();
        let findings = if is_fine { Vec::new() } else { self.findings() };
        let (outcome, stage) = match findings.first() {
            Some(worst) => (Outcome::Failed, worst.stage),
            None if is_fine => (Outcome::Booted, Stage::Booted),
            None if self.ended_well() => (Outcome::Booted, Stage::RealInit),
            None => (Outcome::Unknown, self.stage()),
        };
        let suspicious = match outcome {
            Outcome::Unknown => std::mem::take(&mut self.suspects).lines(),
            _ => Vec::new(),
        };
        let decoded = match outcome {
            Outcome::Booted => Vec::new(),
            _ => self.decoded(&findings),
        };
        let heard = self.heard();
        let milestones = self.timeline.map(|t| t.entries().to_vec()).unwrap_or_default();
        let (ruled_out, notes) = Default::default();
        Explanation {
            outcome,
            stage,
            milestones,
            findings,
            decoded,
            suspicious,
            ruled_out,
            notes,
            checked: false,
            heard,
        }
    }

    fn heard(&self) -> Heard {
        let hits = self.found.values().flat_map(|hits| &hits.first);
        let mut lines: Vec<Quote> =
            hits.chain(self.facts.key_lines.iter().map(|(_, quote)| quote)).cloned().collect();
        lines.sort_by_key(|quote| quote.line);
        lines.dedup();
        Heard {
            command_line: self.facts.command_line.clone(),
            kernel: self.facts.kernel.clone(),
            on_real_root: self.facts.on_real_root(),
            kernel_looked_for_root: !self.facts.has_initramfs()
                && (self.facts.kernel_failed_root() || self.facts.has(Mark::RootMounted)),
            panicked: self.facts.panic.is_some(),
            reached: self.stage(),
            addresses: self.facts.addresses.clone(),
            kernel_offset: self.facts.kernel_offset.unwrap_or(0),
            lines,
        }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            catalogue::symptoms().filter_map(|s| self.finding(s)).collect();
        if let Some(line) = self.overcome() {
            // One long line tells no order.
            let is_earlier = |finding: &Finding| finding.evidence.iter().all(|e| e.line < line);
            findings.retain(|finding| finding.stage < Stage::InitramfsRun || !is_earlier(finding));
        }
        let line = |finding: &Finding| finding.evidence.first().map(|evidence| evidence.line);
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.weight), line(finding)));
        let best = findings.first().map_or(0, |finding| finding.weight);
        findings.retain(|finding| finding.weight + ALTERNATIVES >= best);
        findings.truncate(FINDINGS_MAX);
        findings
    }

    /// Where the boot went over to its root filesystem: whatever had kept it from that before, somebody
    /// has mended by hand.
    fn overcome(&self) -> Option<u64> {
        let timeline = self.timeline.as_ref().filter(|_| self.panic_line.is_none())?;
        let steps = [Milestone::SwitchRoot, Milestone::UserspaceStarted];
        steps.into_iter().filter_map(|step| timeline.reached(step)).map(|entry| entry.line).min()
    }

    fn finding(&self, symptom: &'static Symptom) -> Option<Finding> {
        let holding = symptom.rules.iter().filter(|rule| self.holds(rule));
        let rule = holding.max_by_key(|rule| rule.weight)?;
        let hits: Vec<&Hits> = rule.any.iter().filter_map(|words| self.found.get(words)).collect();
        Some(Finding {
            id: symptom.id,
            title: symptom.title,
            cause: self.fill(symptom.cause, &hits),
            remedy: symptom.remedy.iter().map(|step| self.fill(step, &hits)).collect(),
            evidence: self.evidence(&hits),
            confidence: confidence(rule.weight),
            stage: symptom.stage_of.map_or(symptom.stage, |stage_of| stage_of(&self.facts)),
            content: None,
            weight: rule.weight,
        })
    }

    fn holds(&self, rule: &Rule) -> bool {
        let count =
            |words: &&'static str| self.found.get(words).is_some_and(|h| h.count >= rule.times);
        (rule.any.is_empty() || rule.any.iter().any(count))
            && rule.when.is_none_or(|when| when(&self.facts))
    }

    /// The lines that show it, and the lines that decide.
    fn evidence(&self, hits: &[&Hits]) -> Vec<Evidence> {
        let own = hits.iter().flat_map(|hits| &hits.first).take(EVIDENCE_MAX);
        let mut lines: Vec<&Quote> = own.collect();
        let room = EVIDENCE_MAX.saturating_sub(lines.len());
        lines.extend(self.facts.decisive().rev().take(room));
        let mut seen = BTreeSet::new();
        lines.retain(|quote| seen.insert((quote.line, quote.text.as_str())));
        lines.sort_by_key(|quote| quote.line);
        lines.into_iter().map(|q| Evidence { line: q.line, text: q.text.clone() }).collect()
    }

    /// Puts the names of this log into a cause.
    fn fill(&self, cause: &str, hits: &[&Hits]) -> String {
        catalogue::fill(cause, |name, otherwise| {
            let captured = hits.iter().filter_map(|hits| value(&hits.captures, name));
            let captured = captured.into_iter().find(|captured| !captured.is_empty());
            let known = captured.map(str::to_owned).or_else(|| self.known(name));
            known.unwrap_or_else(|| otherwise.unwrap_or("(not said)").to_owned())
        })
    }

    fn known(&self, name: &str) -> Option<String> {
        let value = match name {
            "root" | "device" if self.facts.root().is_none() => {
                let (major, minor) = self.facts.root_block.filter(|(major, _)| *major > 0)?;
                return decode::block_device(major, minor);
            }
            "root" | "device" => self.facts.root(),
            "init" => self.facts.attempts.first().map(|attempt| attempt.init.as_str()),
            "kernel" => self.facts.kernel.as_deref(),
            "why" => self.facts.unpack_error.as_deref().or(self.facts.panic.as_deref()),
            "disks" => return self.facts.disks(),
            _ => None,
        };
        value.filter(|value| !value.is_empty()).map(str::to_owned)
    }

    fn decoded(&self, findings: &[Finding]) -> Vec<Decoded> {
        let evidence = findings.first().map_or(&[][..], |finding| &finding.evidence);
        let evidence = evidence.iter().map(|e| Quote { line: e.line, text: e.text.clone() });
        let mut quotes: Vec<Quote> = self.facts.decisive().cloned().chain(evidence).collect();
        quotes.sort_by_key(|quote| quote.line);
        let mut seen = Vec::new();
        let decode = |quote: Quote| {
            let meaning = decode::message(&quote.text)?;
            // A later line that says a part of it again tells nothing new.
            if seen.iter().any(|known: &String| known.contains(&meaning)) {
                return None;
            }
            seen.push(meaning.clone());
            Some(Decoded { line: quote.line, text: quote.text, meaning })
        };
        quotes.into_iter().filter_map(decode).take(DECODED_MAX).collect()
    }

    /// Where a boot of which nothing more is known has been seen last.
    fn stage(&self) -> Stage {
        let last = self.timeline.as_ref().and_then(Timeline::last).map(|entry| entry.milestone);
        match last {
            // An excerpt shows none.
            None if self.facts.has(Mark::SystemdAlive) => Stage::RealInit,
            None if self.facts.kernel_spoke() => Stage::KernelInit,
            None | Some(Milestone::FirmwareStarted) => Stage::Firmware,
            Some(Milestone::LoaderRunning) => Stage::Bootloader,
            Some(Milestone::EfiStub | Milestone::KernelStarted | Milestone::CommandLine) => {
                Stage::KernelInit
            }
            Some(Milestone::InitramfsUnpacking) => Stage::InitramfsUnpack,
            Some(Milestone::InitramfsUnpacked) => Stage::KernelInit,
            Some(Milestone::InitRun) if self.facts.on_real_root() => Stage::RealInit,
            Some(Milestone::InitRun | Milestone::InitAlive | Milestone::ModulesLoaded) => {
                Stage::InitramfsRun
            }
            Some(Milestone::RootFound | Milestone::RootMounted) => Stage::RootMount,
            Some(Milestone::SwitchRoot) => Stage::SwitchRoot,
            Some(Milestone::UserspaceStarted | Milestone::PoweredDown) => Stage::RealInit,
            Some(Milestone::UserspaceReady) => Stage::Booted,
        }
    }
}

/// How much less weighty than the best a finding may be to be shown as another possibility.
const ALTERNATIVES: u8 = 34;
/// How many findings are shown.
const FINDINGS_MAX: usize = 5;
/// How many numbers are put into words.
const DECODED_MAX: usize = 8;
/// How many lines of evidence a finding has.
const EVIDENCE_MAX: usize = 5;

fn confidence(weight: u8) -> Confidence {
    match weight {
        88.. => Confidence::Certain,
        70.. => Confidence::Likely,
        _ => Confidence::Possible,
    }
}
