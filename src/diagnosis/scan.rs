//! One pass over the lines: which patterns stand in them, with the first few places of each.
//!
//! Text that was hard-wrapped on its way here is looked at once more, joined with what stood before
//! it. All that is kept is bounded, whatever the size of the log.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::catalogue;
use super::marks::{MARKS, Mark};
use super::pattern::{Captures, Pattern, plain_quotes};
use crate::boot::log::Line;
use crate::boot::milestone;

/// A line that is kept as evidence.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Quote {
    /// The number of the line.
    pub(super) line: u64,
    /// Its text, cut to [`QUOTE_MAX`] characters.
    pub(super) text: String,
}

/// The longest evidence, in characters.
const QUOTE_MAX: usize = 300;

impl Quote {
    pub(super) fn new(line: u64, text: &str) -> Self {
        let mut quote = Quote { line, text: String::new() };
        quote.set(line, text);
        quote
    }

    /// Takes another line, in the same buffer.
    pub(super) fn set(&mut self, line: u64, text: &str) {
        let text = text.trim_end();
        // Few lines are so long that their characters have to be counted.
        let end = match text.len() > QUOTE_MAX {
            true => text.char_indices().nth(QUOTE_MAX).map_or(text.len(), |(end, _)| end),
            false => text.len(),
        };
        self.line = line;
        self.text.clear();
        self.text.push_str(&text[..end]);
    }
}

/// Where a pattern stood.
#[derive(Debug, Clone)]
pub(super) struct Hits {
    /// How often.
    pub(super) count: u64,
    /// The first places.
    pub(super) first: Vec<Quote>,
    /// What its names stood for at the first place.
    pub(super) captures: Captures,
}

/// How many places of a pattern are kept.
const PLACES: usize = 3;

/// The patterns that were found, by text.
pub(super) type Found = BTreeMap<&'static str, Hits>;

/// Whom a pattern belongs to.
#[derive(Debug, Clone, Copy)]
enum Owner {
    Catalogue(&'static str),
    Fact(Mark),
    /// A word that a milestone may have.
    Milestone,
}

/// All patterns, behind one automaton for their needles.
struct Index {
    needles: AhoCorasick,
    /// For each needle, its patterns.
    patterns: Vec<Vec<(Pattern, Owner)>>,
}

static INDEX: LazyLock<Option<Index>> = LazyLock::new(|| {
    let own = catalogue::patterns().map(|text| (text, Owner::Catalogue(text)));
    let facts = MARKS.iter().map(|(mark, text)| (*text, Owner::Fact(*mark)));
    let mut by_needle: BTreeMap<&'static str, Vec<(Pattern, Owner)>> = BTreeMap::new();
    for needle in milestone::needles() {
        by_needle.entry(needle).or_default().push((Pattern::new(needle), Owner::Milestone));
    }
    for (text, owner) in own.chain(facts) {
        let pattern = Pattern::new(text);
        by_needle.entry(pattern.needle()).or_default().push((pattern, owner));
    }
    let needles = AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(by_needle.keys())
        .ok()?;
    Some(Index { needles, patterns: by_needle.into_values().collect() })
});

/// What a scan of one line gave for the facts.
pub(super) type Marks = Vec<(Mark, Captures)>;

/// What a scan of one line gave.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    /// For the facts.
    pub(super) marks: Marks,
    /// Whether it may prove a milestone.
    pub(super) milestone: bool,
    /// The whole message that the line ends, where another had interrupted it.
    pub(super) resumed: Option<String>,
    /// Whether the line may be the rest of what stands before it.
    pub(super) continues: bool,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy)]
struct Place<'a> {
    line: u64,
    text: &'a str,
}

/// Which matches count.
#[derive(Debug, Clone, Copy, Default)]
struct Only {
    /// Those that reach beyond so many bytes.
    after: usize,
    /// Those at the start of the message.
    anchored: bool,
}

/// Looks for every pattern in a message; hits of the catalogue are noted, those of the facts are
/// returned.
fn search(message: &str, only: Only, place: Place<'_>, found: &mut Found) -> Scanned {
    let mut scanned = Scanned::default();
    let Some(index) = INDEX.as_ref() else { return scanned };
    let plain = plain_quotes(message);
    let mut seen: Vec<usize> = Vec::new();
    for hit in index.needles.find_overlapping_iter(plain.as_ref()) {
        let needle = hit.pattern().as_usize();
        if seen.contains(&needle) {
            continue;
        }
        seen.push(needle);
        for (pattern, owner) in &index.patterns[needle] {
            if only.anchored && !pattern.is_anchored() {
                continue;
            }
            let before = plain.get(..only.after).filter(|_| only.after > 0);
            // What stood before the joint is known, except that a value may now be longer.
            let longer = matches!(owner, Owner::Fact(_)) && pattern.is_open();
            if !longer && before.is_some_and(|before| pattern.captures(before).is_some()) {
                continue;
            }
            // What stands behind the joint has been counted with its own line.
            let behind = plain.get(only.after..).filter(|_| before.is_some());
            if !longer && behind.is_some_and(|behind| pattern.captures(behind).is_some()) {
                continue;
            }
            let Some(captures) = pattern.captures(&plain) else { continue };
            match *owner {
                Owner::Fact(mark) => scanned.marks.push((mark, captures)),
                Owner::Milestone => scanned.milestone = true,
                Owner::Catalogue(text) => note(found, text, place, captures),
            }
        }
    }
    scanned
}

fn note(found: &mut Found, text: &'static str, place: Place<'_>, captures: Captures) {
    let fresh = || Hits { count: 0, first: Vec::new(), captures };
    let hits = found.entry(text).or_insert_with(fresh);
    hits.count += 1;
    if hits.first.len() < PLACES && hits.first.last().is_none_or(|last| last.line != place.line) {
        hits.first.push(Quote::new(place.line, place.text));
    }
}

/// Adds what was found in a line to what was found before it.
pub(super) fn merge(found: &mut Found, more: Found) {
    for (text, new) in more {
        match found.get_mut(text) {
            None => _ = found.insert(text, new),
            Some(hits) => {
                hits.count += new.count;
                let room = PLACES - hits.first.len().min(PLACES);
                hits.first.extend(new.first.into_iter().take(room));
            }
        }
    }
}

/// Joins what was hard-wrapped.
#[derive(Debug, Clone, Default)]
pub(super) struct Wrapped {
    /// The number of the line that the text began on.
    line: u64,
    text: String,
    /// How long the last line of it was.
    width: usize,
    /// The blanks before its first line, which a page may have put before each.
    margin: usize,
    /// Where the last of its lines begin: their numbers and offsets.
    starts: Vec<(u64, usize)>,
    /// The longest line so far: text that was wrapped fills its lines up to that.
    widest: usize,
    /// The last message, and what a message on the same raw line cut off before that.
    last: (u64, String),
    interrupted: Option<(u64, String)>,
}

/// After so many lines a message that was interrupted does not go on.
const RESUMED_WITHIN: u64 = 4;
/// How many lines may have begun a message.
const STARTS: usize = 3;
/// The narrowest column at which text is wrapped.
const WRAP_MIN: usize = 56;
/// More than this is never joined, in bytes.
const JOINED_MAX: usize = 1024;
/// Only what people paste is wrapped, and that is short: a long log is not slowed down.
const WRAPPED_LINES: u64 = 20_000;

impl Wrapped {
    /// Searches a line, and once more joined with the lines that it may continue.
    pub(super) fn search(&mut self, line: &Line, found: &mut Found) -> Scanned {
        let message = line.message();
        let place = Place { line: line.number, text: line.text() };
        let mut scanned = search(message, Only::default(), place, found);
        if line.number > WRAPPED_LINES {
            return scanned;
        }
        if let Some((number, whole)) = self.resumed(line) {
            let place = Place { line: number, text: &whole };
            let only = Only { after: whole.len() - line.text().len(), anchored: false };
            scanned.marks.extend(search(&whole, only, place, found).marks);
            scanned.resumed = Some(whole);
            scanned.continues = true;
        }
        let width = line.text().chars().count();
        self.widest = self.widest.max(width);
        if !self.continues(line, width) {
            (self.line, self.width) = (line.number, width);
            self.margin = line.text().len() - line.text().trim_start().len();
            self.starts.clear();
            self.text.clear();
            self.text.push_str(message);
            return scanned;
        }
        scanned.continues = true;
        let joined = self.joined(line);
        let after = self.text.len();
        let place = Place { line: self.line, text: &joined };
        let only = Only { after, anchored: false };
        scanned.marks.extend(search(&joined, only, place, found).marks);
        if let Some(spaced) = self.spaced(line) {
            let place = Place { line: self.line, text: &spaced };
            let marks = search(&spaced, only, place, found).marks;
            // Its longest form is taken, and the blank may be one too many.
            let marks = marks.into_iter().filter(|(mark, _)| *mark != Mark::CommandLine);
            scanned.marks.extend(marks);
        }
        // Whether the line before began a message of its own is not known: so that is tried too.
        for (number, start) in &self.starts {
            let Some(text) = joined.get(*start..) else { continue };
            let only = Only { after: after.saturating_sub(*start), anchored: true };
            let place = Place { line: *number, text };
            scanned.marks.extend(search(text, only, place, found).marks);
        }
        if self.starts.len() == STARTS {
            self.starts.remove(0);
        }
        self.starts.push((line.number, joined.len() - line.message().len()));
        self.text = joined;
        self.width = width;
        scanned
    }

    /// Two processors share a console: what one says can stand in the middle of what the other says.
    /// A text that was cut off so goes on in the next raw line, which has no timestamp of its own.
    fn resumed(&mut self, line: &Line) -> Option<(u64, String)> {
        let (number, text) = &mut self.last;
        let cuts = *number == line.number && line.kernel_time.is_some();
        // What a mail or a page put before a line is no message.
        if cuts && !text.trim().is_empty() {
            self.interrupted = Some((*number, text.clone()));
        }
        *number = line.number;
        text.clear();
        text.push_str(line.message());
        // The other processor may have more to say than one line.
        if !line.text()[..line.message_offset()].trim().is_empty() {
            return None;
        }
        let (number, start) = self.interrupted.take()?;
        let resumes = line.number > number && line.number - number <= RESUMED_WITHIN;
        resumes.then(|| (number, format!("{start}{}", line.text())))
    }

    /// A line that is as long as any was cut there; one that the next word would have made longer
    /// was cut between words.
    fn continues(&self, line: &Line, width: usize) -> bool {
        let word = line.message().split(' ').next().map_or(0, |word| word.chars().count());
        let bare = line.text()[..line.message_offset()].trim().is_empty();
        bare && self.widest >= WRAP_MIN
            && width <= self.widest
            && self.width + 1 + word >= self.widest
            && self.text.len() + line.text().len() < JOINED_MAX
    }

    fn joined(&self, line: &Line) -> String {
        let before = self.text.trim_end_matches('\\');
        let text = line.text();
        let margin = self.margin.min(text.len() - text.trim_start().len());
        match self.width == self.widest {
            true => format!("{before}{}", &text[margin..]),
            false => format!("{} {}", before.trim_end(), line.message()),
        }
    }

    /// A longest line may as well have ended with a word.
    fn spaced(&self, line: &Line) -> Option<String> {
        let blank = self.text.ends_with(' ') || line.text().starts_with(' ');
        (self.width == self.widest && !blank).then(|| format!("{} {}", self.text, line.text()))
    }
}
