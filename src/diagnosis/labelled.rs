//! Every labelled log of `tests/logs/`: right stage, right top cause, and no finding where all is well.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::explain::Outcome;
use super::{Explanation, explain_reader};

struct Labelled {
    id: String,
    expect: BTreeMap<String, String>,
    path: PathBuf,
}

impl Labelled {
    fn text(&self, key: &str) -> Option<&str> {
        self.expect.get(key).map(String::as_str)
    }

    /// What the log alone tells, or else the label.
    fn told(&self, key: &str) -> &str {
        self.text(&format!("alone_{key}")).or(self.text(key)).unwrap_or_default()
    }
}

fn labelled() -> Vec<Labelled> {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    let entries = std::fs::read_dir(&logs).expect("readable");
    let folders = entries.map(|entry| entry.expect("readable").path()).filter(|path| path.is_dir());
    let mut all: Vec<Labelled> = folders
        .map(|path| {
            let toml = std::fs::read_to_string(path.join("expect.toml")).expect("readable");
            let pairs = toml.lines().filter_map(|line| line.split_once(" = \""));
            let pairs = pairs.map(|(key, value)| (key.into(), value.trim_end_matches('"').into()));
            let id = path.file_name().expect("readable").to_string_lossy().into_owned();
            Labelled { id, expect: pairs.collect(), path: path.join("console.log") }
        })
        .collect();
    all.sort_by(|a, b| a.id.cmp(&b.id));
    assert!(all.len() >= 300, "only {} logs in {}", all.len(), logs.display());
    all
}

fn explained(bytes: &[u8]) -> Explanation {
    explain_reader(bytes).expect("readable")
}

fn top(found: &Explanation) -> &str {
    found.findings.first().map_or("none", |finding| finding.id)
}

#[test]
fn every_labelled_log_is_explained() {
    let mut wrong = Vec::new();
    let mut right = 0;
    let all = labelled();
    for log in &all {
        let found = explained(&std::fs::read(&log.path).expect("readable"));
        let told = (log.told("stage"), log.told("cause"));
        if (found.stage.id(), top(&found)) != told {
            wrong.push(format!("{}: {told:?}, not {:?}", log.id, (found.stage.id(), top(&found))));
        }
        right += usize::from(top(&found) == log.text("cause").unwrap_or_default());
        let healthy = top(&found) == "none" && found.outcome == Outcome::Booted;
        let failed = top(&found) != "none" && found.outcome == Outcome::Failed;
        assert!(healthy || failed, "{}: {:?}", log.id, found.outcome);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // What no rule on the words alone can better is marked in the labels; this must not grow silently.
    assert!(right * 100 >= all.len() * 85, "{right} of {} true causes are at the top", all.len());
}

type Change = fn(&str) -> String;

/// What happens to logs on their way: each is a change that must not change the finding.
const CHANGES: &[(&str, Change)] = &[
    ("quoted", |text| text.lines().map(|line| format!("> {line}\n")).collect()),
    ("as HTML", |text| {
        let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<pre>\n{}</pre>", escaped.replace('"', "&quot;"))
    }),
    ("with callers", |text| text.replace("] ", "][    T1] ")),
    ("in caret notation", |text| text.replace('\x1b', "^[")),
    ("numbered", |text| {
        (1..).zip(text.lines()).map(|(n, line)| format!("{n:5}\t{line}\n")).collect()
    }),
    ("from a container", |text| text.lines().map(|line| format!("vm_1  | {line}\n")).collect()),
    ("from the journal", |text| {
        text.lines().map(|line| format!("Nov 21 10:00:00 box kernel: {line}\n")).collect()
    }),
    ("in a question", |text| format!("Help!\n\n```\n{text}\n```\n\nWhat is wrong?\n")),
    ("typeset", |text| text.replace("  ", "\u{a0} ").replace("...", "…")),
];

#[test]
fn how_a_log_came_here_does_not_matter() {
    let mut wrong = Vec::new();
    for log in labelled() {
        let text =
            String::from_utf8_lossy(&std::fs::read(&log.path).expect("readable")).into_owned();
        for (name, change) in CHANGES {
            let found = explained(change(&text).as_bytes());
            if top(&found) != log.told("cause") {
                wrong.push(format!(
                    "{} {name}: {}, not {}",
                    log.id,
                    top(&found),
                    log.told("cause")
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn text_that_was_wrapped_at_80_columns_is_mostly_understood() {
    let all = labelled();
    let mut right = 0;
    for log in &all {
        let text =
            String::from_utf8_lossy(&std::fs::read(&log.path).expect("readable")).into_owned();
        let wrapped: String = text.lines().map(wrap).collect();
        right += usize::from(top(&explained(wrapped.as_bytes())) == log.told("cause"));
    }
    assert!(right * 100 >= all.len() * 95, "{right} of {}", all.len());
}

fn wrap(line: &str) -> String {
    let line: Vec<char> = line.trim_end_matches('\r').chars().collect();
    match line.is_empty() {
        true => "\n".into(),
        false => {
            line.chunks(80).map(|piece| piece.iter().chain(&['\n']).collect::<String>()).collect()
        }
    }
}

#[test]
fn the_page_of_symptoms_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/symptoms.md");
    let there = std::fs::read_to_string(page).unwrap_or_default();
    let now = super::document::symptoms_markdown();
    assert!(there == now, "doc/symptoms.md is old: `cargo xtask docs` writes it");
}
