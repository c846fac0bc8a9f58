//! What other people posted, and what others could: each excerpt of `tests/excerpts/` has its cause at
//! the top, and where it names a stage as well, that too.

use super::explain;
use super::explain::Outcome;
use crate::boot::log::Log;

const POSTED: &str = include_str!("../../tests/excerpts/posted.txt");
const PUBLIC: &str = include_str!("../../tests/excerpts/public.txt");
const THREADS: &str = include_str!("../../tests/excerpts/threads.txt");
const TRACKERS: &str = include_str!("../../tests/excerpts/trackers.txt");
const WRITTEN: &str = include_str!("../../tests/excerpts/written.txt");
const SPELLINGS: &str = include_str!("../../tests/excerpts/spellings.txt");
const HEALTHY: &str = include_str!("../../tests/excerpts/healthy.txt");

fn check(excerpts: &str, least: usize) {
    let excerpts = excerpts.split("\n%% ").skip(1).filter_map(|excerpt| excerpt.split_once('\n'));
    let excerpts: Vec<(&str, &str)> = excerpts.collect();
    assert!(excerpts.len() >= least, "only {}", excerpts.len());
    let mut wrong = Vec::new();
    for (head, text) in excerpts {
        let found = explain(&Log::from_bytes(text.as_bytes()));
        let ids: Vec<&str> = found.findings.iter().map(|finding| finding.id).collect();
        let top = match found.outcome {
            Outcome::Booted if head.starts_with('+') => "+",
            _ => ids.first().copied().unwrap_or("-"),
        };
        let mut words = head.split(' ');
        let cause = words.next();
        let stage = words.next().filter(|word| !word.starts_with('('));
        if cause != Some(top) || stage.is_some_and(|stage| stage != found.stage.id()) {
            wrong.push(format!("{head}: {} {ids:?}", found.stage));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_others_posted_has_its_cause_at_the_top() {
    check(POSTED, 70);
    check(PUBLIC, 55);
    check(THREADS, 79);
    check(TRACKERS, 131);
}

#[test]
fn what_others_could_post_has_its_cause_at_the_top() {
    check(WRITTEN, 55);
    check(SPELLINGS, 85);
}

#[test]
fn what_is_well_has_no_finding_however_it_sounds() {
    check(HEALTHY, 104);
}
