//! An explanation for people and for programs.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::content::Verdict;
use super::explain::{Confidence, Explanation, Finding, Outcome};
use crate::boot::timeline::Entry;

/// Where a symptom is described.
pub(super) const PAGE: &str = "doc/symptoms.md";

struct Milestones<'a>(&'a [Entry]);

#[derive(serde::Serialize)]
struct Passed<'a> {
    name: crate::boot::milestone::Milestone,
    line: u64,
    time: Option<f64>,
    text: &'a str,
}

impl Serialize for Milestones<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|entry| Passed {
            name: entry.milestone,
            line: entry.line,
            time: entry.kernel_time.or(entry.at).map(|time| time.as_secs_f64()),
            text: &entry.detail,
        }))
    }
}

impl Serialize for Explanation {
    /// The object that doc/explain.schema.json describes.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_struct("Explanation", 8)?;
        object.serialize_field("outcome", &self.outcome)?;
        object.serialize_field("stage", &self.stage)?;
        object.serialize_field("milestones", &Milestones(&self.milestones))?;
        object.serialize_field("findings", &self.findings)?;
        object.serialize_field("decoded", &self.decoded)?;
        object.serialize_field("suspicious", &self.suspicious)?;
        object.serialize_field("ruled_out", &self.ruled_out)?;
        object.serialize_field("notes", &self.notes)?;
        object.end()
    }
}

impl Explanation {
    /// One sentence: what became of the boot.
    pub fn summary(&self) -> String {
        let last = match self.milestones.last() {
            Some(entry) => {
                format!(
                    "the last milestone is \"{}\" (line {})",
                    entry.milestone.title(),
                    entry.line
                )
            }
            None => "no milestone of a boot is in it".into(),
        };
        match (self.outcome, self.findings.first()) {
            (Outcome::Booted, _) => format!("It booted: {last}."),
            (_, Some(finding)) => {
                format!("{} (at the stage {}; {last}).", finding.title, self.stage)
            }
            (_, None) => format!(
                "Unknown: nothing in this log matches a known symptom; {last}, at the stage {}.",
                self.stage
            ),
        }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.summary())?;
        for (index, finding) in self.findings.iter().enumerate() {
            write!(f, "\n{}", Shown { finding, is_first: index == 0 })?;
        }
        if !self.ruled_out.is_empty() {
            let ids: Vec<&str> = self.ruled_out.iter().map(|ruled_out| ruled_out.id).collect();
            writeln!(f, "\nRuled out by the content: {}.", ids.join(", "))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        if !self.decoded.is_empty() {
            writeln!(f, "\nIn words:")?;
        }
        for decoded in &self.decoded {
            writeln!(f, "  line {}: {}", decoded.line, decoded.meaning)?;
        }
        if !self.suspicious.is_empty() {
            writeln!(f, "\nThe lines that look worst:")?;
        }
        for evidence in &self.suspicious {
            writeln!(f, "  {:>6} | {}", evidence.line, evidence.text)?;
        }
        Ok(())
    }
}

struct Shown<'a> {
    finding: &'a Finding,
    is_first: bool,
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let finding = self.finding;
        let verdict = finding.content.as_ref().map(|content| content.verdict);
        let how = match (verdict, finding.confidence, self.is_first) {
            (Some(Verdict::Proved), ..) => "proved: ",
            (_, Confidence::Certain, _) => "",
            (_, Confidence::Likely, _) => "likely: ",
            (_, Confidence::Possible, true) => "perhaps: ",
            (_, Confidence::Possible, false) => "or perhaps: ",
        };
        writeln!(f, "{how}{} [{}]", finding.title, finding.id)?;
        writeln!(f, "  {}", finding.cause)?;
        if !self.is_first {
            return writeln!(f, "  See {PAGE}#{}", finding.id);
        }
        for evidence in &finding.evidence {
            writeln!(f, "  {:>6} | {}", evidence.line, evidence.text)?;
        }
        for sight in finding.content.iter().flat_map(|content| &content.saw) {
            writeln!(f, "  in the content: {}: {}", sight.at, sight.saw)?;
        }
        writeln!(f, "  What to do:")?;
        for step in finding.remedy {
            writeln!(f, "    - {step}")?;
        }
        writeln!(f, "  See {PAGE}#{}", finding.id)
    }
}
