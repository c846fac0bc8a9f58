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

#[test]
fn the_page_of_symptoms_is_up_to_date() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/symptoms.md");
    let there = std::fs::read_to_string(page).unwrap_or_default();
    let now = super::document::symptoms_markdown();
    assert!(there == now, "doc/symptoms.md is old: `cargo xtask docs` writes it");
}
