//! An explanation for people and for programs.

use std::fmt;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::content::Verdict;
use super::explain::{Confidence, Evidence, Explanation, Finding, Outcome};
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
    /// One sentence: what became of the boot, and how sure that is.
    pub fn summary(&self) -> String {
        match (self.outcome, self.findings.first()) {
            (Outcome::Booted, _) => format!("It booted: {}.", self.last()),
            (_, Some(finding)) => format!("{}{}.", how_sure(finding), finding.title),
            (_, None) => "Unknown: nothing in this log matches a known symptom.".into(),
        }
    }

    /// How far the boot came.
    fn last(&self) -> String {
        match self.milestones.last() {
            Some(entry) => {
                let title = entry.milestone.title();
                format!("the last milestone is \"{title}\" (line {})", entry.line)
            }
            None => "no milestone of a boot was seen".into(),
        }
    }
}

fn how_sure(finding: &Finding) -> &'static str {
    let verdict = finding.content.as_ref().map(|content| content.verdict);
    match (verdict, finding.confidence) {
        (Some(Verdict::Proved), _) => "Proved: ",
        (_, Confidence::Certain) => "",
        (_, Confidence::Likely) => "Likely: ",
        (_, Confidence::Possible) => "Perhaps: ",
    }
}

impl fmt::Display for Explanation {
    /// What a person reads: the cause, the lines that show it, what to do, and what else it could be.
    /// The alternate form (`{:#}`) is for terminals: the cause is bold.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match f.alternate() {
            true => writeln!(f, "\x1b[1m{}\x1b[0m", self.summary())?,
            false => writeln!(f, "{}", self.summary())?,
        }
        if self.outcome == Outcome::Booted {
            return Ok(());
        }
        if let Some(finding) = self.findings.first() {
            writeln!(f, "  {}", finding.cause)?;
        }
        match (self.outcome, self.milestones.is_empty()) {
            (Outcome::Unknown, true) => writeln!(f, "  Is it a console log? No boot is in it.")?,
            _ => writeln!(f, "  It ends at the stage {}; {}.", self.stage, self.last())?,
        }
        if let Some(finding) = self.findings.first() {
            write!(f, "{}", Proof(finding))?;
        }
        list(f, "The lines that look worst:", &self.suspicious, numbered)?;
        list(f, "In words:", &self.decoded, |f, decoded| {
            writeln!(f, "  line {}: {}", decoded.line, decoded.meaning)
        })?;
        if let Some(finding) = self.findings.first() {
            list(f, "What to do:", &finding.remedy, |f, step| writeln!(f, "  - {step}"))?;
            writeln!(f, "  More: {PAGE}#{}", finding.id)?;
        }
        self.others(f)
    }
}

impl Explanation {
    /// What else could be, what cannot, and how to find out.
    fn others(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others = self.findings.get(1..).unwrap_or_default();
        list(f, "It could also be:", others, |f, other| {
            writeln!(f, "  {} [{}]\n    {}", other.title, other.id, other.cause)
        })?;
        if !self.ruled_out.is_empty() {
            let ids: Vec<&str> = self.ruled_out.iter().map(|ruled_out| ruled_out.id).collect();
            writeln!(f, "\nRuled out by the content: {}.", ids.join(", "))?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        if !self.checked && !others.is_empty() {
            writeln!(f, "\n{ASK}")?;
        }
        Ok(())
    }
}

/// What a log alone leaves open, the content of what was booted decides.
const ASK: &str = "To know which, show what was booted: --image DISK, or --kernel, --initramfs, \
                   --cmdline and --disk.";

/// A heading and its lines, where there are any.
fn list<T>(
    f: &mut fmt::Formatter<'_>,
    heading: &str,
    items: &[T],
    line: impl Fn(&mut fmt::Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "\n{heading}")?;
    items.iter().try_for_each(|item| line(f, item))
}

fn numbered(f: &mut fmt::Formatter<'_>, evidence: &Evidence) -> fmt::Result {
    writeln!(f, "  {:>6} | {}", evidence.line, evidence.text)
}

/// Where a finding shows: in the log, and in the content.
struct Proof<'a>(&'a Finding);

impl fmt::Display for Proof<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        list(f, "In the log:", &self.0.evidence, numbered)?;
        let saw = self.0.content.as_ref().map_or(&[][..], |content| &content.saw);
        list(f, "In what was booted:", saw, |f, sight| writeln!(f, "  {}: {}", sight.at, sight.saw))
    }
}

#[cfg(test)]
mod tests {
    use crate::boot::log::Log;
    use crate::diagnosis::explain;

    #[test]
    fn the_cause_comes_first_and_the_way_on_last() {
        let log = "[    1.000000] Run /init as init process\n[    1.100000] Failed to execute /init (error -2)\n";
        let shown = explain(&Log::from_bytes(log.as_bytes())).to_string();
        let first = shown.lines().next();
        assert_eq!(first, Some("Likely: The init script's interpreter is missing."), "{shown}");
        let order =
            ["In the log:", "In words:", "What to do:", "It could also be:", "--image DISK"];
        let places: Vec<_> = order.iter().map(|words| shown.find(words)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{shown}");
    }

    #[test]
    fn what_booted_needs_one_line() {
        let shown = explain(&Log::from_bytes(b"box login: \n")).to_string();
        assert_eq!(shown, "It booted: the last milestone is \"userspace ready\" (line 1).\n");
    }
}
