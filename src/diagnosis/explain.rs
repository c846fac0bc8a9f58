//! A log to findings: one pass over it, then the rules of the catalogue over what the pass found.

use std::collections::{BTreeSet, VecDeque};
use std::io::Read;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use serde::Serialize;

use super::catalogue::{self, Rule, Stage, Symptom};
use super::clean::clean;
use super::decode;
use super::facts::{Facts, Mark};
use super::pattern::value;
use super::scan::{self, Found, Hits, Marks, Quote, Wrapped};
use crate::boot::log::{Decoder, Line, Log};
use crate::boot::milestone::{self, Milestone};
use crate::boot::timeline::{Entry, Expectation, Timeline};
use crate::error::{Context, Result};

/// What became of the boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It is up, or ended in good order without a fault.
    Booted,
    /// Something went wrong; the findings say what.
    Failed,
    /// The log does not tell, or is not understood.
    Unknown,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its number, from 1.
    pub line: u64,
    /// Its text, clean.
    pub text: String,
}

/// How sure a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confidence {
    /// Other causes look the same.
    Possible,
    /// The lines together point at it.
    Likely,
    /// The lines leave no doubt.
    Certain,
}

/// A cause, found in a log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The cause's id.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
    /// Why, with the names of this log.
    pub cause: String,
    /// What to do, a step each.
    pub remedy: &'static [&'static str],
    /// The lines that show it, in order.
    pub evidence: Vec<Evidence>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where the boot ended because of it.
    pub stage: Stage,
    #[serde(skip)]
    weight: u8,
}

/// A number of the log in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// The line's number.
    pub line: u64,
    /// Its text.
    pub text: String,
    /// What the numbers in it mean.
    pub meaning: String,
}

/// What a log says.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// What became of the boot.
    pub outcome: Outcome,
    /// Where it ended; for a fault that a boot went on after, where the fault lies.
    pub stage: Stage,
    /// The milestones that it passed, in order.
    pub milestones: Vec<Entry>,
    /// The causes, the likeliest first.
    pub findings: Vec<Finding>,
    /// Numbers in words.
    pub decoded: Vec<Decoded>,
    /// Where nothing was found: the lines that look worst.
    pub suspicious: Vec<Evidence>,
}

/// Explains a log that is at hand.
pub fn explain(log: &Log) -> Explanation {
    let mut explainer = Explainer::default();
    let partial = log.partial();
    log.lines().chain(&partial).for_each(|line| explainer.take(line));
    explainer.finish()
}

/// How many bytes are read at once.
const CHUNK: usize = 1 << 18;

/// Explains a log of any size and encoding while it is read, in constant memory.
///
/// # Errors
/// Where reading fails.
pub fn explain_reader(mut reader: impl Read) -> Result<Explanation> {
    let mut explainer = Explainer::default();
    let mut decoder = Decoder::default();
    let mut chunk = vec![0; CHUNK];
    loop {
        let n = match reader.read(&mut chunk) {
            Ok(0) => break,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            read => read.context(|| "reading the log")?,
        };
        decoder.push(&chunk[..n], None, &mut |line| explainer.take(line));
    }
    decoder.finish(&mut |line| explainer.take(line));
    Ok(explainer.finish())
}

/// A log can hold several boots, one after the other; at most two are kept.
#[derive(Debug, Default)]
struct Explainer {
    before: Option<Explanation>,
    boot: Boot,
    wrapped: Wrapped,
}

impl Explainer {
    fn take(&mut self, line: &Line) {
        let line = clean(line);
        let mut found = Found::new();
        let scanned = self.wrapped.search(&line, &mut found);
        let starts = match scanned.milestone {
            true => milestone::of_message(line.message()),
            false => None,
        };
        if self.boot.is_over(starts) {
            let done = std::mem::take(&mut self.boot).finish();
            if done.outcome != Outcome::Unknown || self.before.is_none() {
                self.before = Some(done);
            }
        }
        self.boot.take(&line, &scanned.marks, found, starts);
    }

    /// The last boot that tells something; a kernel that only saves the crashed one's memory is none.
    fn finish(self) -> Explanation {
        let is_dump = self.boot.facts.argument("elfcorehdr").is_some();
        let last = self.boot.finish();
        match self.before {
            Some(before) if is_dump || last.outcome == Outcome::Unknown => before,
            _ => last,
        }
    }
}

/// What was seen of one boot.
#[derive(Debug, Default)]
struct Boot {
    facts: Facts,
    found: Found,
    timeline: Option<Timeline>,
    suspects: Suspects,
    panic_line: Option<u64>,
}

impl Boot {
    fn take(&mut self, line: &Line, marks: &Marks, found: Found, milestone: Option<Milestone>) {
        scan::merge(&mut self.found, found);
        if self.panic_line.is_none() && marks.iter().any(|(mark, _)| *mark == Mark::Panic) {
            self.panic_line = Some(line.number);
        }
        self.facts.observe(line, marks);
        // Other lines tell a timeline nothing.
        if milestone.is_some() || marks.iter().any(|(mark, _)| *mark == Mark::UnpackFailed) {
            let new = || Timeline::new(&Expectation::Console);
            self.timeline.get_or_insert_with(new).observe(line);
        }
        self.suspects.observe(line);
    }

    /// Whether a line with this milestone begins a further boot. A kernel whose early console and
    /// console are the same port says everything twice, so its first line alone does not tell.
    fn is_over(&self, starts: Option<Milestone>) -> bool {
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

    /// The guest powered down in good order, or offers a shell.
    fn ended_well(&self) -> bool {
        let prompt = self.facts.ends_with_prompt && self.facts.kernel_spoke();
        (self.facts.has(Mark::PoweredDown) || prompt)
            && self.panic_line.is_none()
            && !self.facts.has(Mark::Emergency)
    }

    fn finish(mut self) -> Explanation {
        let findings = if self.is_up() { Vec::new() } else { self.findings() };
        let (outcome, stage) = match findings.first() {
            Some(worst) => (Outcome::Failed, worst.stage),
            None if self.is_up() => (Outcome::Booted, Stage::Booted),
            None if self.ended_well() => (Outcome::Booted, Stage::RealInit),
            None => (Outcome::Unknown, self.stage()),
        };
        let suspicious = match outcome {
            Outcome::Unknown => std::mem::take(&mut self.suspects).lines(),
            _ => Vec::new(),
        };
        let decoded = if outcome == Outcome::Booted { Vec::new() } else { self.decoded() };
        let milestones = self.timeline.map(|t| t.entries().to_vec()).unwrap_or_default();
        Explanation { outcome, stage, milestones, findings, decoded, suspicious }
    }

    fn findings(&self) -> Vec<Finding> {
        let mut findings: Vec<Finding> =
            catalogue::symptoms().filter_map(|s| self.finding(s)).collect();
        let line = |finding: &Finding| finding.evidence.first().map(|evidence| evidence.line);
        findings.sort_by_key(|finding| (std::cmp::Reverse(finding.weight), line(finding)));
        let best = findings.first().map_or(0, |finding| finding.weight);
        findings.retain(|finding| finding.weight + ALTERNATIVES >= best);
        findings.truncate(FINDINGS_MAX);
        findings
    }

    fn finding(&self, symptom: &'static Symptom) -> Option<Finding> {
        let holding = symptom.rules.iter().filter(|rule| self.holds(rule));
        let rule = holding.max_by_key(|rule| rule.weight)?;
        let hits: Vec<&Hits> = rule.any.iter().filter_map(|words| self.found.get(words)).collect();
        Some(Finding {
            id: symptom.id,
            title: symptom.title,
            cause: self.fill(symptom.cause, &hits),
            remedy: symptom.remedy,
            evidence: self.evidence(&hits),
            confidence: confidence(rule.weight),
            stage: symptom.stage_of.map_or(symptom.stage, |stage_of| stage_of(&self.facts)),
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

    /// Puts the names of this log into a cause: `{name}`, or `{name|words without it}`.
    fn fill(&self, cause: &str, hits: &[&Hits]) -> String {
        let mut text = String::with_capacity(cause.len());
        let mut rest = cause;
        while let Some((before, after)) = rest.split_once('{') {
            let Some((name, behind)) = after.split_once('}') else { break };
            let (name, otherwise) = name.split_once('|').unwrap_or((name, "(not said)"));
            text.push_str(before);
            let captured = hits.iter().find_map(|hits| value(&hits.captures, name));
            text.push_str(captured.or_else(|| self.known(name)).unwrap_or(otherwise));
            rest = behind;
        }
        text + rest
    }

    fn known(&self, name: &str) -> Option<&str> {
        let value = match name {
            "root" | "device" => self.facts.root(),
            "init" => self.facts.attempts.first().map(|attempt| attempt.init.as_str()),
            "why" => self.facts.unpack_error.as_deref().or(self.facts.panic.as_deref()),
            _ => None,
        };
        value.filter(|value| !value.is_empty())
    }

    fn decoded(&self) -> Vec<Decoded> {
        let mut seen = BTreeSet::new();
        let decode = |quote: &Quote| {
            let meaning =
                decode::message(&quote.text).filter(|meaning| seen.insert(meaning.clone()))?;
            Some(Decoded { line: quote.line, text: quote.text.clone(), meaning })
        };
        self.facts.decisive().filter_map(decode).take(EVIDENCE_MAX).collect()
    }

    /// Where a boot of which nothing more is known has been seen last.
    fn stage(&self) -> Stage {
        let last = self.timeline.as_ref().and_then(Timeline::last).map(|entry| entry.milestone);
        match last {
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
/// How many lines of evidence a finding has.
const EVIDENCE_MAX: usize = 5;

fn confidence(weight: u8) -> Confidence {
    match weight {
        88.. => Confidence::Certain,
        70.. => Confidence::Likely,
        _ => Confidence::Possible,
    }
}

/// Words that look bad, with how bad.
const BAD_WORDS: [(&str, u8); 18] = [
    ("panic", 9),
    ("oops", 8),
    ("bug:", 8),
    ("fatal", 7),
    ("segfault", 7),
    ("not syncing", 7),
    ("corrupt", 6),
    ("unable to", 5),
    ("cannot", 5),
    ("can't", 5),
    ("failed", 5),
    ("failure", 5),
    ("timed out", 5),
    ("not found", 4),
    ("no such", 4),
    ("error", 4),
    ("denied", 4),
    ("invalid", 3),
];

static BAD: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    let words = BAD_WORDS.iter().map(|(word, _)| word);
    AhoCorasick::builder()
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(words)
        .ok()
});

/// The lines that look worst, the later ones of two that look alike. Of a long log they are looked
/// for at its start and its end, where the lines that matter stand.
#[derive(Debug, Default)]
struct Suspects {
    worst: Vec<(u8, Quote)>,
    recent: VecDeque<(u64, String)>,
}

/// How many lines at the start, and again at the end, are looked at.
const SUSPECTED: usize = 4096;

impl Suspects {
    fn observe(&mut self, line: &Line) {
        // The oldest line's buffer is used again: a line costs a copy, no allocation.
        let (number, mut text) = match self.recent.len() >= SUSPECTED {
            true => self.recent.pop_front().unwrap_or_default(),
            false => Default::default(),
        };
        if number > 0 && number < SUSPECTED as u64 * 16 {
            self.judge(number, &text);
        }
        text.clear();
        text.push_str(line.text());
        self.recent.push_back((line.number, text));
    }

    fn judge(&mut self, number: u64, text: &str) {
        let Some(bad) = BAD.as_ref() else { return };
        let scores = bad.find_iter(text).map(|hit| BAD_WORDS[hit.pattern().as_usize()].1);
        let score = scores.max().unwrap_or(0);
        let least = self.worst.iter().map(|(score, _)| *score).min().unwrap_or(0);
        if score == 0 || (self.worst.len() == EVIDENCE_MAX && score < least) {
            return;
        }
        if self.worst.len() == EVIDENCE_MAX
            && let Some(index) = self.worst.iter().position(|(score, _)| *score == least)
        {
            self.worst.remove(index);
        }
        self.worst.push((score, Quote::new(number, text)));
    }

    fn lines(mut self) -> Vec<Evidence> {
        for (number, text) in std::mem::take(&mut self.recent) {
            self.judge(number, &text);
        }
        self.worst.into_iter().map(|(_, q)| Evidence { line: q.line, text: q.text }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn explained(text: &str) -> Explanation {
        explain(&Log::from_bytes(text.as_bytes()))
    }

    #[test]
    fn the_last_boot_of_a_log_counts() {
        let failed = "[    0.000000] Linux version 6.1.0 (x)\n[    1.000000] Kernel panic - not syncing: sysrq triggered crash\n";
        let healthy = "[    0.000000] Linux version 6.1.0 (x)\n[    1.000000] Run /init as init process\nbox login: \n";
        let cut = "[    0.000000] Linux version 6.1.0 (x)\n[    0.000000] Command line: quiet\n";
        let dump = "[    0.000000] Linux version 6.1.0 (x)\n[    0.000000] Command line: elfcorehdr=0x1\n[    9.000000] reboot: Restarting system\n";
        for (text, outcome) in [
            (format!("{failed}{healthy}"), Outcome::Booted),
            (format!("{healthy}{failed}"), Outcome::Failed),
            (format!("{failed}{cut}"), Outcome::Failed),
            (format!("{failed}{dump}"), Outcome::Failed),
        ] {
            assert_eq!(explained(&text).outcome, outcome, "{text}");
        }
    }

    #[test]
    fn what_is_not_understood_is_unknown_and_shows_its_worst_lines() {
        let found = explained("[    1.000000] fine\n[    2.000000] frobnicator: fatal error 7\n");
        assert_eq!((found.outcome, found.findings.len()), (Outcome::Unknown, 0));
        assert_eq!(found.suspicious[0].line, 2);
    }

    #[test]
    fn causes_carry_the_names_of_the_log() {
        let found = explained("ALERT!  UUID=12-34 does not exist.  Dropping to a shell!\n");
        assert!(found.findings[0].cause.starts_with("UUID=12-34 did not appear"));
        assert_eq!(found.findings[0].evidence[0].line, 1);
    }

    #[test]
    fn the_json_has_what_the_schema_demands() {
        let schema = include_str!("../../doc/explain.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let required = |of: &serde_json::Value| -> Vec<String> {
            of["required"].as_array().unwrap().iter().map(|v| v.as_str().unwrap().into()).collect()
        };
        let keys = |of: &serde_json::Value| -> Vec<String> {
            of.as_object().unwrap().keys().cloned().collect()
        };
        let found = explained(
            "[    1.000000] Run /init as init process\n[    2.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n",
        );
        let json = serde_json::to_value(&found).unwrap();
        let object = &schema["$defs"]["explanation"];
        let mut wanted = required(object);
        wanted.sort();
        assert_eq!(keys(&json), wanted);
        for list in ["milestones", "findings", "decoded"] {
            let mut wanted = required(&object["properties"][list]["items"]);
            wanted.sort();
            assert_eq!(keys(&json[list][0]), wanted, "{list}");
        }
        let stages: Vec<&str> = Stage::ALL.iter().map(|stage| stage.id()).collect();
        assert_eq!(schema["$defs"]["stage"]["enum"], serde_json::json!(stages));
    }

    proptest! {
        #[test]
        fn no_input_is_too_odd(words in proptest::collection::vec(prop_oneof![
            proptest::sample::select(catalogue::patterns().collect::<Vec<_>>()).prop_map(str::to_owned),
            "\\PC{0,40}", Just("\n".to_owned()), Just("\u{1b}[0m".to_owned()), Just("\u{1b}]".to_owned()),
            "\\[ {0,4}[0-9]{1,5}\\.[0-9]{6}\\] ", Just("‘“".to_owned()), Just("&lt;<br>{|[0".to_owned()),
        ], 0..60)) {
            let found = explained(&words.concat());
            let _ = (found.to_string(), serde_json::to_string(&found).unwrap());
        }
    }
}
