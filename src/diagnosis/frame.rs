//! What programs put around the lines of a log that they hand on: line numbers, the name of a
//! container, Markdown, JSON; and several lines in one, as pages and cloud consoles give them.

use crate::boot::log::{LINE_MAX, Line};

/// The text of a line of this number, without a number, a container's name, backticks or JSON
/// around it.
pub(super) fn without(text: &str, number: u64) -> String {
    let text = json(text);
    let text = after_number(&text, number).or_else(|| after_name(&text)).unwrap_or(&text);
    let inner = text.strip_prefix('`').map(|rest| rest.trim_end().trim_end_matches('`'));
    inner.unwrap_or(text).to_owned()
}

/// `  342<tab>`, `342: `, `342. `, `342 | `, `342:` and the text behind it.
fn after_number(text: &str, line: u64) -> Option<&str> {
    let rest = text.trim_start();
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..=7).contains(&digits).then_some(())?;
    let (number, rest) = rest.split_at(digits);
    if let Some(after) = rest.trim_start_matches(' ').strip_prefix('|') {
        return Some(after.strip_prefix(' ').unwrap_or(after));
    }
    let bare = rest.strip_prefix(':').filter(|after| {
        // Clocks and the numbers of devices have colons too.
        number.parse() == Ok(line) || !after.starts_with(|c: char| c.is_ascii_digit())
    });
    [": ", ". ", "\t"].iter().find_map(|mark| rest.strip_prefix(mark)).or(bare)
}

/// `name_1  | ` and the text behind it.
fn after_name(text: &str) -> Option<&str> {
    let (name, after) = text.split_once('|')?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"_.-".contains(&b);
    let name = name.strip_suffix(' ')?.trim_end();
    (!name.is_empty() && name.len() <= 40 && name.bytes().all(is_name)).then_some(())?;
    Some(after.strip_prefix(' ').unwrap_or(after))
}

/// The keys under which programs put a line of a log.
const KEYS: [&str; 5] =
    ["\"log\":", "\"message\":", "\"MESSAGE\":", "\"textPayload\":", "\"Output\":"];

/// A JSON string that is a whole line, or stands under one of the [`KEYS`]; other text as it is.
fn json(text: &str) -> String {
    let trimmed = text.trim();
    let keyed = KEYS.iter().find_map(|key| Some(trimmed.split_once(key)?.1.trim_start()));
    let is_string = trimmed.starts_with('"');
    let Some(inner) = keyed.or(is_string.then_some(trimmed)).and_then(|s| s.strip_prefix('"'))
    else {
        return text.to_owned();
    };
    let mut out = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => match chars.next() {
                Some('n' | 'r') | None => {}
                Some('t') => out.push('\t'),
                Some('"') => out.push('"'),
                Some('\\') => out.push('\\'),
                Some(other) => out.extend(['\\', other]),
            },
            c => out.push(c),
        }
    }
    out
}

/// What separates lines that came as one, and how often it has to stand in a raw line: a script that
/// the console shows can have a few of the one that C has.
const SEPARATORS: [(&str, usize); 5] =
    [("\\r\\n", 1), ("\\n", 3), ("<br/>", 1), ("<br />", 1), ("<br>", 1)];

/// Takes lines that hold several apart.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// The start of a piece that goes on in the next line, because the line was too long for one.
    held: Option<(u64, String)>,
    /// How often each of the [`SEPARATORS`] has been seen in this raw line.
    number: u64,
    seen: [usize; SEPARATORS.len()],
}

impl Pieces {
    /// Hands the lines of a line to the sink.
    pub(super) fn take(&mut self, line: &Line, sink: &mut dyn FnMut(&Line)) {
        let held = self.flush(line.number, sink);
        if held.is_none() && !self.holds_several(line) {
            return sink(line);
        }
        let mut text = held.unwrap_or_default() + line.text();
        for (separator, _) in SEPARATORS {
            text = text.replace(separator, "\n");
        }
        let is_cut = line.text().len() + 4 > LINE_MAX;
        let last = text.rfind('\n').map_or(0, |at| at + 1);
        if is_cut && text.len() - last < LINE_MAX {
            self.held = Some((line.number, text.split_off(last)));
        }
        let pieces = text.split('\n').filter(|piece| !piece.trim().is_empty());
        pieces.for_each(|piece| sink(&Line::new(line.number, line.at, piece)));
    }

    /// Hands out what is held, or returns it where this line continues it.
    fn flush(&mut self, number: u64, sink: &mut dyn FnMut(&Line)) -> Option<String> {
        let (held, text) = self.held.take()?;
        if held == number {
            return Some(text);
        }
        sink(&Line::new(held, None, text));
        None
    }

    /// Whether a line holds several: one look at its bytes tells for nearly all that it does not.
    fn holds_several(&mut self, line: &Line) -> bool {
        if memchr::memchr2(b'\\', b'<', line.text().as_bytes()).is_none() {
            return false;
        }
        if std::mem::replace(&mut self.number, line.number) != line.number {
            self.seen = Default::default();
        }
        let mut several = false;
        for ((separator, least), seen) in SEPARATORS.iter().zip(&mut self.seen) {
            let here = line.text().matches(separator).count();
            *seen += here;
            several |= here > 0 && *seen >= *least;
        }
        several
    }

    /// Hands out what is left at the end of a log.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&Line)) {
        self.flush(0, sink);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(texts: &[&str]) -> Vec<(u64, String)> {
        let mut pieces = Pieces::default();
        let mut out = Vec::new();
        let mut sink = |line: &Line| out.push((line.number, line.text().to_owned()));
        for (number, text) in (1..).zip(texts) {
            pieces.take(&Line::new(number, None, *text), &mut sink);
        }
        pieces.finish(&mut sink);
        out
    }

    #[test]
    fn several_lines_in_one_are_taken_apart() {
        let one = |text: &str| (1, text.to_owned());
        assert_eq!(taken(&["a\\r\\nb\\r\\nc\\r\\n"]), [one("a"), one("b"), one("c")]);
        assert_eq!(taken(&["a<br/>b<br/>c<br/>d"]), [one("a"), one("b"), one("c"), one("d")]);
        assert_eq!(taken(&["printf 'a\\n'"]), [one("printf 'a\\n'")]);
    }

    #[test]
    fn a_piece_that_a_long_line_cuts_is_whole_again() {
        let mut pieces = Pieces::default();
        let mut out = Vec::new();
        let long = format!("a<br>b<br>c<br>{}", "x".repeat(LINE_MAX - 15));
        for text in [long.as_str(), "yz<br>d"] {
            pieces.take(&Line::new(7, None, text), &mut |line| out.push(line.text().to_owned()));
        }
        pieces.finish(&mut |line| out.push(line.text().to_owned()));
        assert!(out[3].ends_with("xyz") && out[3].len() == LINE_MAX - 13, "{}", out[3].len());
        assert_eq!(out[4], "d");
    }
}
