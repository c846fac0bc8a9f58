//! The lines of a log that look worst, for when nothing better can be said.

use std::collections::VecDeque;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};

use super::explain::Evidence;
use super::scan::Quote;
use crate::boot::log::Line;

/// How many are kept.
const KEPT: usize = 5;

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
pub(super) struct Suspects {
    worst: Vec<(u8, Quote)>,
    recent: VecDeque<(u64, String)>,
}

/// How many lines at the start, and again at the end, are looked at.
const SUSPECTED: usize = 4096;

impl Suspects {
    /// Takes the next line.
    pub(super) fn observe(&mut self, line: &Line) {
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
        if score == 0 || (self.worst.len() == KEPT && score < least) {
            return;
        }
        if self.worst.len() == KEPT
            && let Some(index) = self.worst.iter().position(|(score, _)| *score == least)
        {
            self.worst.remove(index);
        }
        self.worst.push((score, Quote::new(number, text)));
    }

    /// The worst lines.
    pub(super) fn lines(mut self) -> Vec<Evidence> {
        for (number, text) in std::mem::take(&mut self.recent) {
            self.judge(number, &text);
        }
        self.worst.into_iter().map(|(_, q)| Evidence { line: q.line, text: q.text }).collect()
    }
}
