//! What other people posted: each excerpt of `tests/excerpts/posted.txt` has its cause at the top.

use super::explain;
use crate::boot::log::Log;

const EXCERPTS: &str = include_str!("../../tests/excerpts/posted.txt");

#[test]
fn what_others_posted_has_its_cause_at_the_top() {
    let excerpts = EXCERPTS.split("\n%% ").skip(1).filter_map(|excerpt| excerpt.split_once('\n'));
    let excerpts: Vec<(&str, &str)> = excerpts.collect();
    assert!(excerpts.len() >= 70, "only {}", excerpts.len());
    let mut wrong = Vec::new();
    for (head, text) in excerpts {
        let found = explain(&Log::from_bytes(text.as_bytes()));
        let ids: Vec<&str> = found.findings.iter().map(|finding| finding.id).collect();
        if head.split(' ').next() != Some(ids.first().copied().unwrap_or("-")) {
            wrong.push(format!("{head}: {ids:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
