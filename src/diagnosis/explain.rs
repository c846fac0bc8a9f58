//! A log to findings: one pass over it, then the rules of the catalogue over what the pass found.

use serde::Serialize;

use super::boot::Boot;
use super::catalogue::Stage;
use super::clean::Cleaner;
use super::content::{Content, RuledOut};
use super::heard::Heard;
use super::scan::{Found, Quote, Wrapped};
use super::symbols::Symbols;
use crate::boot::log::{Line, Log};
use crate::boot::milestone;
use crate::boot::timeline::Entry;

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
    /// What to do, a step each, with the names of this log.
    pub remedy: Vec<String>,
    /// The lines that show it, in order.
    pub evidence: Vec<Evidence>,
    /// How sure it is.
    pub confidence: Confidence,
    /// Where the boot ended because of it.
    pub stage: Stage,
    /// What the content of what was booted says of it; `None` where nobody looked, or it tells nothing.
    pub content: Option<Content>,
    #[serde(skip)]
    pub(super) weight: u8,
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
    /// What the console alone would have allowed, and the content does not.
    pub ruled_out: Vec<RuledOut>,
    /// What else was to be said once the content was looked at, a sentence each.
    pub notes: Vec<String>,
    /// Whether the content of what was booted has been looked at.
    pub(super) checked: bool,
    /// What a comparison with the content needs of the log.
    pub(super) heard: Heard,
}

impl Explanation {
    /// Adds the names of functions to a trace of raw addresses.
    #[must_use]
    pub fn named(mut self, symbols: &Symbols) -> Self {
        let moved = self.heard.kernel_offset;
        let name = |quote: &Quote| {
            let meaning = symbols.line(&quote.text, moved)?;
            Some(Decoded { line: quote.line, text: quote.text.clone(), meaning })
        };
        self.decoded.extend(self.heard.addresses.iter().filter_map(name));
        self.decoded.sort_by_key(|decoded| decoded.line);
        self
    }
}

/// Explains a log that is at hand.
pub fn explain(log: &Log) -> Explanation {
    let (mut cleaner, mut explainer) = (Cleaner::default(), Explainer::default());
    let partial = log.partial();
    for line in log.lines().chain(&partial) {
        cleaner.take(line, &mut |line| explainer.take(line));
    }
    cleaner.finish(&mut |line| explainer.take(line));
    explainer.finish()
}

/// A log can hold several boots, one after the other; at most two are kept.
#[derive(Debug, Default)]
pub(super) struct Explainer {
    before: Option<Explanation>,
    boot: Boot,
    wrapped: Wrapped,
}

impl Explainer {
    /// Takes the next line, cleaned.
    pub(super) fn take(&mut self, line: &Line) {
        let mut found = Found::new();
        let scanned = self.wrapped.search(line, &mut found);
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
        self.boot.take(line, &scanned, found);
    }

    /// The last boot that tells something; a kernel that only saves the crashed one's memory is none.
    pub(super) fn finish(self) -> Explanation {
        let is_dump = self.boot.facts.argument("elfcorehdr").is_some();
        let last = self.boot.finish();
        match self.before {
            Some(before) if is_dump || last.outcome == Outcome::Unknown => before,
            _ => last,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
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
    fn a_line_that_speaks_for_itself_is_not_shown_joined_with_another() {
        let lines = [
            "error: /boot/vmlinuz-5.4.0-42-generic cannot be read at all.",
            "error: you need to load the kernel first.",
        ];
        let found = explained(&lines.join("\n"));
        let shown: Vec<_> = found.findings[0].evidence.iter().map(|e| e.text.as_str()).collect();
        assert_eq!(shown, lines);
    }

    #[test]
    fn the_json_has_what_the_schema_demands() {
        let schema = include_str!("../../doc/explain.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).expect("sound");
        let required = |of: &serde_json::Value| -> Vec<String> {
            of["required"]
                .as_array()
                .expect("sound")
                .iter()
                .map(|v| v.as_str().expect("sound").into())
                .collect()
        };
        let keys = |of: &serde_json::Value| -> Vec<String> {
            of.as_object().expect("sound").keys().cloned().collect()
        };
        let found = explained(
            "[    1.000000] Run /init as init process\n[    2.000000] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b\n",
        );
        let json = serde_json::to_value(&found).expect("sound");
        let object = &schema["$defs"]["explanation"];
        let mut wanted = required(object);
        wanted.sort();
        assert_eq!(keys(&json), wanted);
        assert_eq!(required(&object["properties"]["ruled_out"]["items"]), ["id", "title"]);
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
            let _ = (found.to_string(), serde_json::to_string(&found).expect("sound"));
        }
    }
}
