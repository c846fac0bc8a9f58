//! A log held against what was booted: the console says what broke, the content says why.
//!
//! Many causes print the same words. The lints look at the content, and each knows the words that the
//! console will show; so a cause whose fault is there, and whose words were said, is proved, and one
//! whose fault could have been seen and is not there is ruled out. What cannot be seen decides nothing.

mod links;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;

use serde::Serialize;

use self::links::{deeper, is_decidable, means_silence, same};
use super::catalogue::{self, Stage, Symptom};
use super::explain::{Confidence, Evidence, Explanation, Finding, Outcome};
use super::scan::Quote;
use crate::lint::{Finding as Fault, Given, Levels, Severity, Subject, run};

/// What the content says of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// In one word.
    pub verdict: Verdict,
    /// What was seen there.
    pub saw: Vec<Sight>,
}

/// What the content says of a finding, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The fault is there, and the console shows what it leads to.
    Proved,
    /// The fault is there; the console said too little to be sure that it came to it.
    Fits,
    /// The fault is not there, though it could have been seen.
    Refuted,
}

/// Something that a lint saw in the content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// The lint: a heading of doc/lints.md.
    pub lint: &'static str,
    /// What was looked at.
    pub at: String,
    /// What was seen there.
    pub saw: String,
}

/// A cause that the console alone would have allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RuledOut {
    /// The cause's id.
    pub id: &'static str,
    /// One line.
    pub title: &'static str,
}

impl Explanation {
    /// Holds the findings against what was booted. The command line of the log counts where it is
    /// whole: that is what this boot was given.
    #[must_use]
    pub fn checked(mut self, mut subject: Subject) -> Self {
        if self.outcome == Outcome::Booted {
            return self;
        }
        self.checked = true;
        if let Some(other) = self.other_kernel(&subject) {
            self.notes.push(other);
            return self;
        }
        if matches!(subject.initramfs, Given::Unknown) && self.heard.kernel_looked_for_root {
            subject.initramfs = Given::Absent;
        }
        if let Some(line) = self.heard.whole_command_line() {
            subject.set_cmdline(line);
        }
        let faults = run(&subject, &Levels::default()).findings;
        Comparison { subject: &subject, faults: &faults, explanation: &self }.decide().apply(self)
    }

    /// Where the log is of another kernel than the content's, nothing can be told from that.
    fn other_kernel(&self, subject: &Subject) -> Option<String> {
        let there = subject.kernel.as_ref()?.release()?;
        let ran = self.heard.kernel.as_deref().filter(|ran| *ran != there)?;
        Some(format!(
            "The log is of Linux {ran}, and the kernel that was given is {there}: the content is not \
             that of this boot, and was not compared."
        ))
    }
}

/// A log and a content, side by side.
struct Comparison<'a> {
    explanation: &'a Explanation,
    subject: &'a Subject,
    faults: &'a [Fault],
}

/// What follows from a comparison.
#[derive(Debug, Default)]
struct Decision {
    findings: Vec<Finding>,
    ruled_out: Vec<RuledOut>,
    notes: Vec<String>,
}

impl Comparison<'_> {
    fn decide(&self) -> Decision {
        let (refuted, open): (Vec<&Finding>, Vec<&Finding>) =
            self.explanation.findings.iter().partition(|finding| self.is_refuted(finding));
        let mut proved = self.proved(&open);
        proved.sort_by_key(|finding| Reverse(finding.weight));
        let ruled_out = |finding: &&Finding| RuledOut { id: finding.id, title: finding.title };
        let mut decision =
            Decision { ruled_out: refuted.iter().map(ruled_out).collect(), ..Decision::default() };
        let fitting = || self.fitting(&open).into_iter();
        decision.findings = match proved.is_empty() {
            false => proved,
            true => fitting().chain(open.iter().map(|finding| (*finding).clone())).collect(),
        };
        if let (true, Some(top)) = (decision.findings.is_empty(), refuted.first()) {
            decision.contradict(top);
        }
        decision.notes.extend(self.others(&decision.findings));
        decision
    }

    fn is_refuted(&self, finding: &Finding) -> bool {
        let related = |fault: &Fault| {
            fault.cause.is_some_and(|cause| cause == finding.id || same(cause, finding.id))
        };
        is_decidable(finding.id, self.subject, self.explanation.heard.on_real_root)
            && !self.faults.iter().any(related)
    }

    fn proved(&self, open: &[&Finding]) -> Vec<Finding> {
        let mut proved: Vec<Finding> = Vec::new();
        for fault in self.faults {
            let Some(finding) = self.proof(fault, open) else { continue };
            match proved.iter_mut().find(|known| known.id == finding.id) {
                Some(known) => known.content = merged(known.content.take(), finding.content),
                None => proved.push(finding),
            }
        }
        proved
    }

    /// The finding that a fault proves.
    fn proof(&self, fault: &Fault, open: &[&Finding]) -> Option<Finding> {
        let cause = fault.cause?;
        let said = self.explanation.heard.all(&fault.console);
        let is_error = fault.severity == Severity::Error;
        let own = open.iter().position(|finding| finding.id == cause);
        let top = open.first().map(|finding| finding.confidence);
        // A certain finding that the content cannot judge gives way only to words that were said.
        let may_overrule = said.is_some() || top != Some(Confidence::Certain);
        if let Some(rank) = own {
            let is_enough = rank == 0 || said.is_some() || is_error;
            let is_enough = is_enough || top == Some(Confidence::Possible);
            let holds = is_enough && (rank == 0 || may_overrule);
            return holds.then(|| proven(open[rank], fault));
        }
        if let Some(named) = open.iter().find(|finding| same(cause, finding.id)) {
            return is_error.then(|| proven(named, fault));
        }
        let replaces = open.first().is_some_and(|finding| deeper(cause, finding.id));
        let explains = said.is_some() && top != Some(Confidence::Certain);
        (is_error && (replaces || explains))
            .then(|| self.added(fault, said.unwrap_or_default(), Verdict::Proved))?
    }

    /// Where the console fell silent, the first fault that the boot may have come to.
    fn fitting(&self, open: &[&Finding]) -> Option<Finding> {
        let heard = &self.explanation.heard;
        let silent = !heard.panicked
            && self.explanation.findings.iter().all(|finding| means_silence(finding.id));
        let ahead = |fault: &&Fault| {
            let symptom = fault.cause.and_then(catalogue::symptom);
            let is_new = open.iter().all(|finding| Some(finding.id) != fault.cause);
            // Before the kernel has spoken, what keeps it from speaking is no less likely for being a warning.
            let mutes = heard.kernel.is_none() && fault.cause.is_some_and(means_silence);
            (fault.severity == Severity::Error || mutes)
                && is_new
                && symptom.is_some_and(|symptom| symptom.stage >= heard.reached)
        };
        let fault = self.faults.iter().filter(|_| silent).find(ahead)?;
        self.added(fault, Vec::new(), Verdict::Fits)
    }

    /// A finding that the log alone did not have.
    fn added(&self, fault: &Fault, said: Vec<&Quote>, verdict: Verdict) -> Option<Finding> {
        let symptom = catalogue::symptom(fault.cause?)?;
        let top = self.explanation.findings.first();
        let evidence = match top {
            Some(top) if said.is_empty() => top.evidence.clone(),
            _ => said.iter().map(|q| Evidence { line: q.line, text: q.text.clone() }).collect(),
        };
        Some(Finding {
            id: symptom.id,
            title: symptom.title,
            cause: cause(symptom, fault),
            remedy: symptom.remedy.iter().map(|step| self.explanation.heard.fill(step)).collect(),
            evidence,
            confidence: match verdict {
                Verdict::Proved => Confidence::Certain,
                _ => Confidence::Likely,
            },
            stage: self.stage(symptom, top),
            content: merged(None, Some(Content { verdict, saw: vec![sight(fault)] })),
            weight: top.map_or(0, |top| top.weight),
        })
    }

    /// Where a boot ended depends on its log, where that tells.
    fn stage(&self, symptom: &Symptom, top: Option<&Finding>) -> Stage {
        match top {
            Some(top) if symptom.stage_of.is_some() => top.stage,
            _ => symptom.stage,
        }
    }

    /// The errors that the boot did not come to, or that are no reason for its end.
    fn others(&self, findings: &[Finding]) -> Vec<String> {
        let told = |fault: &Fault| {
            let saw = findings.iter().filter_map(|finding| finding.content.as_ref());
            saw.flat_map(|content| &content.saw).any(|sight| *sight == self::sight(fault))
        };
        let errors = self.faults.iter().filter(|fault| fault.severity == Severity::Error);
        let others = errors.filter(|fault| !told(fault));
        others.map(|f| format!("Besides, {}: {} [{}].", f.at, f.saw, f.id)).collect()
    }
}

impl Decision {
    /// The console says what the content contradicts: that is told, not hidden.
    fn contradict(&mut self, top: &Finding) {
        self.ruled_out.retain(|ruled_out| ruled_out.id != top.id);
        self.notes.push(
            "The content that was given has no such fault: either it is not what was booted, or it \
             was damaged on its way into the machine (by the loader, in memory, as a stale copy)."
                .into(),
        );
        let content = Some(Content { verdict: Verdict::Refuted, saw: Vec::new() });
        let confidence = Confidence::Possible;
        self.findings.push(Finding { confidence, content, ..top.clone() });
    }

    fn apply(self, mut explanation: Explanation) -> Explanation {
        if let Some(first) = self.findings.first() {
            explanation.outcome = Outcome::Failed;
            explanation.stage = first.stage;
            explanation.suspicious.clear();
        }
        explanation.findings = self.findings;
        explanation.ruled_out = self.ruled_out;
        explanation.notes.extend(self.notes);
        explanation
    }
}

fn proven(finding: &Finding, fault: &Fault) -> Finding {
    let content = Some(Content { verdict: Verdict::Proved, saw: vec![sight(fault)] });
    Finding { confidence: Confidence::Certain, content, ..finding.clone() }
}

fn sight(fault: &Fault) -> Sight {
    Sight { lint: fault.id, at: fault.at.clone(), saw: fault.saw.clone() }
}

fn merged(known: Option<Content>, more: Option<Content>) -> Option<Content> {
    match (known, more) {
        (Some(mut known), Some(more)) => {
            known.saw.extend(more.saw);
            Some(known)
        }
        (known, more) => known.or(more),
    }
}

/// The cause in general, or what was seen where that names something of a log.
fn cause(symptom: &Symptom, fault: &Fault) -> String {
    let mut is_general = true;
    let text = catalogue::fill(symptom.cause, |_, otherwise| {
        is_general &= otherwise.is_some();
        otherwise.unwrap_or_default().to_owned()
    });
    match is_general {
        true => text,
        false => format!("{}: {}.", fault.at, fault.saw),
    }
}
