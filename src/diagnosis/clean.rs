//! Undoes what mail, chat and web pages do to logs: quotation marks at the start of lines, HTML
//! entities and tags, escape sequences in caret or backslash notation or without their ESC, what a
//! word processor makes of dots, dashes and blanks, and the frames of [`super::frame`].

use std::borrow::Cow;

use super::frame::{self, Pieces};
use crate::boot::log::Line;

/// Cleans the lines of a log, one after the other.
#[derive(Debug, Default)]
pub(super) struct Cleaner {
    pieces: Pieces,
    fences: u64,
}

/// Marks the start and the end of a log in a text that was written with Markdown.
const FENCE: &str = "```";

impl Cleaner {
    /// Hands what the next line holds of the log to the sink.
    pub(super) fn take(&mut self, line: &Line, sink: &mut dyn FnMut(&Line)) {
        let Cleaner { pieces, fences } = self;
        pieces.take(line, &mut |line| pass(line, fences, sink));
    }

    /// Hands out what is left at the end of a log.
    pub(super) fn finish(&mut self, sink: &mut dyn FnMut(&Line)) {
        let Cleaner { pieces, fences } = self;
        pieces.finish(&mut |line| pass(line, fences, sink));
    }
}

fn pass(line: &Line, fences: &mut u64, sink: &mut dyn FnMut(&Line)) {
    if line.text().trim_start().starts_with(FENCE) {
        *fences += 1;
    }
    // What somebody writes below a log is not of it.
    if *fences == 0 || !fences.is_multiple_of(2) {
        sink(&clean(line));
    }
}

/// The line as the console printed it, as far as that can be told; borrowed where it is unchanged.
fn clean(line: &Line) -> Cow<'_, Line> {
    let text = line.text();
    if !is_suspect(text) {
        return Cow::Borrowed(line);
    }
    let text = without_escapes(&without_entities(text));
    let text = typewritten(without_quotes(&text));
    let text = after_colon(frame::without(&text, line.number));
    match text == line.text() {
        true => Cow::Borrowed(line),
        false => Cow::Owned(Line::new(line.number, line.at, text)),
    }
}

/// Whether there is anything to undo: cheap looks, because nearly all lines are as they were.
fn is_suspect(text: &str) -> bool {
    let bytes = text.as_bytes();
    let start = bytes.iter().find(|b| !b.is_ascii_whitespace());
    start.is_some_and(|b| matches!(b, b'>' | b'`' | b'"' | b'{' | b'-') || b.is_ascii_digit())
        || text.starts_with(GRUB_ERROR)
        || text.trim_start().starts_with(GRUB_ECHO)
        || text.trim_start_matches(['.', '/']).starts_with(GRUB_SOURCE)
        || MARKS.iter().any(|[a, b, c]| memchr::memchr3(*a, *b, *c, bytes).is_some())
        || next_sequence(text).is_some()
}

/// What pages and programs leave behind.
const MARKS: [[u8; 3]; 3] = [[b'&', b'<', b'^'], [b'\\', b'|', 0xc2], [0xe2, 0xef, 0xef]];

const ENTITIES: [(&str, &str); 8] = [
    ("&lt;", "<"),
    ("&gt;", ">"),
    ("&quot;", "\""),
    ("&#34;", "\""),
    ("&#39;", "'"),
    ("&#x27;", "'"),
    ("&nbsp;", " "),
    // Last, or `&amp;lt;` would be unescaped twice.
    ("&amp;", "&"),
];

fn without_entities(text: &str) -> String {
    let mut text = text.to_owned();
    if text.contains("<br") || text.contains("</") || text.starts_with("<p") {
        text = without_tags(&text);
    }
    if text.contains('&') {
        for (entity, plain) in ENTITIES {
            text = text.replace(entity, plain);
        }
    }
    text
}

/// Drops `<br/>`, `<span class="x">` and the like; `<6>` and `</TASK>` are no tags of a page.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let tag = rest[at..].find('>').map(|end| &rest[at..=at + end]);
        let name = tag.map(|tag| tag.trim_start_matches(['<', '/'])).unwrap_or_default();
        let is_tag = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.len() < 120;
        let skip = if is_tag { tag.map_or(1, str::len) } else { 0 };
        out.push_str(&rest[..at]);
        match skip {
            0 => {
                out.push('<');
                rest = &rest[at + 1..];
            }
            skip => rest = &rest[at + skip..],
        }
    }
    out.push_str(rest);
    out
}

/// How ESC is written where the byte itself was lost.
const ESCAPES: [&str; 9] =
    ["^[[", "\\x1b[", "\\x1B[", "\\033[", "\\e[", "#033[", "\\u001b[", "\\u001B[", "\u{241b}["];

fn without_escapes(text: &str) -> String {
    let mut text = text.to_owned();
    for written in ESCAPES {
        if text.contains(written) {
            text = text.replace(written, "[");
        }
    }
    while let Some(plain) = text.strip_prefix("^M").or_else(|| text.strip_suffix("^M")) {
        text = plain.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some((at, length)) = next_sequence(rest) {
        out.push_str(&rest[..at]);
        rest = &rest[at + length..];
    }
    out.push_str(rest);
    out
}

/// Where the next sequence that lost its ESC stands, and its length.
fn next_sequence(text: &str) -> Option<(usize, usize)> {
    memchr::memchr_iter(b'[', text.as_bytes()).find_map(|at| Some((at, sequence(&text[at..])?)))
}

/// The length of `[0;32m`, `[K` or `[?25h` at the start of a text.
fn sequence(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let n = bytes[1..].iter().take_while(|b| b.is_ascii_digit() || b";?".contains(b)).count();
    match (n, bytes.get(n + 1)?) {
        (1.., b'm' | b'h' | b'l' | b'H' | b'J' | b'K') | (0, b'm' | b'K') => Some(n + 2),
        _ => None,
    }
}

/// What a word processor or a page made of dots, dashes and blanks.
const TYPESET: [(char, &str); 7] = [
    ('\u{a0}', " "),
    ('\u{202f}', " "),
    ('…', "..."),
    ('：', ": "),
    ('–', "-"),
    ('—', "-"),
    // Invisible: a page may break a line here.
    ('\u{200b}', ""),
];

fn typewritten(mut text: String) -> String {
    if !text.is_ascii() {
        for (typeset, typed) in TYPESET {
            text = text.replace(typeset, typed);
        }
    }
    text
}

/// How GRUB begins its errors, and a blank behind it.
const GRUB_ERROR: &str = "error:";
/// How it says what it is about to do.
const GRUB_ECHO: &str = "Loading ";
/// How it names the place in its source that an error comes from.
const GRUB_SOURCE: &str = "grub-core/";

/// People who copy from a screen by hand leave out the blank, or the word.
fn after_colon(text: String) -> String {
    // What GRUB echoes before an error may stand in the same line.
    if let Some(at) = text.find(GRUB_ERROR).filter(|_| text.trim_start().starts_with(GRUB_ECHO)) {
        return text[at..].to_owned();
    }
    match text.strip_prefix(GRUB_ERROR) {
        Some(rest) if !rest.starts_with(' ') => format!("{GRUB_ERROR} {rest}"),
        None if text.trim_start_matches(['.', '/']).starts_with(GRUB_SOURCE) => {
            format!("{GRUB_ERROR} {text}")
        }
        _ => text,
    }
}

/// Drops `> `, `| ` and `>> ` at the start.
fn without_quotes(text: &str) -> String {
    let mut rest = text;
    while let Some(after) = rest.trim_start().strip_prefix(['>', '|']) {
        rest = after.strip_prefix(' ').unwrap_or(after);
    }
    // An entry of a list, if what stands in it is quoted.
    let entry = rest.trim_start().strip_prefix("- ");
    entry.filter(|entry| entry.starts_with(['"', '`'])).unwrap_or(rest).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_and_mails_are_undone() {
        for (text, plain) in [
            ("> [    1.000000] Kernel panic", "[    1.000000] Kernel panic"),
            (">> > text", "text"),
            ("a &lt;TASK&gt; &amp;quot;", "a <TASK> &quot;"),
            ("[[0;32m  OK  [0m] Reached", "[  OK  ] Reached"),
            ("^[[0;1;31mFAILED^[[0m", "FAILED"),
            ("panic<br/>", "panic"),
            ("^Merror: x^M", "error: x"),
            (" <TASK>", " <TASK>"),
            (" </TASK>", " </TASK>"),
            ("<6>[    1.000000] text", "<6>[    1.000000] text"),
            ("array[0] of", "array[0] of"),
            ("Kernel panic – not syncing: a\u{a0}b…", "Kernel panic - not syncing: a b..."),
            ("  342\terror: x", "error: x"),
            ("342:error: x", "error: x"),
            ("10:20:30 error: x", "10:20:30 error: x"),
            ("vm_1  | error: x", "error: x"),
            ("`error: x`", "error: x"),
            ("\"error: \\\"x\\\"\",", "error: \"x\""),
            ("{\"log\":\"error: x\\n\",\"stream\":\"stdout\"}", "error: x"),
            ("0800         8388608 sda", "0800         8388608 sda"),
            ("error:no such disk", "error: no such disk"),
            ("- \"error: x\"", "error: x"),
            ("Loading Linux ... error: x", "error: x"),
            ("../../grub-core/kern/mm.c:1:x", "error: ../../grub-core/kern/mm.c:1:x"),
            ("error：no such disk", "error: no such disk"),
            ("plain", "plain"),
        ] {
            assert_eq!(clean(&Line::new(1, None, text)).text(), plain, "{text}");
        }
    }
}
