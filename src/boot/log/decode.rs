//! Bytes to lines, incrementally: one pass, no allocation a line, at most [`LINE_MAX`] bytes held.

use std::borrow::Cow;
use std::time::Duration;

use super::Line;
use super::encoding::Encoding;
use super::escape::{Escape, Step};
use super::prefix;

/// The longest line, in bytes of clean text; a longer one goes on in a further [`Line`] with the
/// same number.
pub const LINE_MAX: usize = 4096;

/// Turns the bytes of a console into [`Line`]s as they come.
#[derive(Debug, Clone, Default)]
pub struct Decoder {
    encoding: Encoding,
    lines: Lines,
}

#[derive(Debug, Clone)]
struct Lines {
    /// The number of the raw line that is being read.
    number: u64,
    /// When the message that is being read began to arrive.
    at: Option<Duration>,
    /// Its clean bytes so far.
    bytes: Vec<u8>,
    escape: Option<Escape>,
    /// A CR was read; only what follows it says whether it ends the line.
    carriage_return: bool,
    /// Handed to the sink, again and again.
    line: Line,
}

impl Default for Lines {
    fn default() -> Self {
        Lines {
            number: 1,
            at: None,
            bytes: Vec::new(),
            escape: None,
            carriage_return: false,
            line: Line::default(),
        }
    }
}

impl Decoder {
    /// Takes the next bytes and hands each message that is complete to the sink. Messages without
    /// text are left out, but counted in the numbers.
    pub fn push(&mut self, bytes: &[u8], at: Option<Duration>, sink: &mut dyn FnMut(&Line)) {
        let Decoder { encoding, lines } = self;
        encoding.decode(bytes, &mut |bytes| lines.push(bytes, at, sink));
    }

    /// Hands the unfinished last message to the sink.
    pub fn finish(&mut self, sink: &mut dyn FnMut(&Line)) {
        let Decoder { encoding, lines } = self;
        encoding.finish(&mut |bytes| lines.push(bytes, None, sink));
        lines.emit(sink);
    }

    /// The unfinished last message, where it has text.
    pub fn partial(&self) -> Option<Line> {
        let text = String::from_utf8_lossy(&self.lines.bytes);
        let start = last_message(&text);
        let text = &text[start..];
        (!text.trim().is_empty()).then(|| Line::new(self.lines.number, self.lines.at, text))
    }
}

impl Lines {
    fn push(&mut self, mut bytes: &[u8], at: Option<Duration>, sink: &mut dyn FnMut(&Line)) {
        while let Some(&first) = bytes.first() {
            let plain = match self.escape.is_none() && !self.carriage_return {
                true => plain_length(bytes),
                false => 0,
            };
            if plain == 0 {
                self.special(first, at, sink);
                bytes = &bytes[1..];
                continue;
            }
            let (text, rest) = bytes.split_at(plain);
            bytes = match self.bytes.is_empty().then(|| line_end(rest)).flatten() {
                Some(end) if plain <= LINE_MAX => {
                    self.at = at;
                    self.say(text, sink);
                    self.number += 1;
                    &rest[end..]
                }
                _ => {
                    self.extend(text, at, sink);
                    rest
                }
            };
        }
    }

    fn extend(&mut self, mut text: &[u8], at: Option<Duration>, sink: &mut dyn FnMut(&Line)) {
        while !text.is_empty() {
            if self.bytes.is_empty() {
                self.at = at;
            }
            let (now, later) = text.split_at(text.len().min(LINE_MAX - self.bytes.len()));
            self.bytes.extend_from_slice(now);
            text = later;
            if self.bytes.len() == LINE_MAX {
                self.cut(sink);
            }
        }
    }

    fn special(&mut self, byte: u8, at: Option<Duration>, sink: &mut dyn FnMut(&Line)) {
        if let Some(escape) = &mut self.escape {
            match escape.step(byte) {
                Step::More => return,
                Step::Done => return self.escape = None,
                Step::Moved => {
                    self.escape = None;
                    return self.emit(sink);
                }
                Step::Text => self.escape = None,
            }
        }
        match byte {
            b'\n' => {
                self.emit(sink);
                self.number += 1;
            }
            b'\r' => self.carriage_return = true,
            0x1b => self.escape = Some(Escape::default()),
            0x08 => _ = self.bytes.pop(),
            _ if !is_plain(byte) => {}
            _ => {
                if std::mem::take(&mut self.carriage_return) {
                    self.emit(sink);
                }
                self.extend(&[byte], at, sink);
            }
        }
    }

    /// Hands out what a long line holds, but not the start of its last message, where it has several.
    fn cut(&mut self, sink: &mut dyn FnMut(&Line)) {
        let start = match std::str::from_utf8(&self.bytes) {
            Ok(text) => last_message(text),
            Err(_) => 0,
        };
        let rest = match start {
            0 => Vec::new(),
            start => self.bytes.split_off(start),
        };
        self.emit(sink);
        self.bytes = rest;
    }

    /// Hands what was read to the sink, and starts anew.
    fn emit(&mut self, sink: &mut dyn FnMut(&Line)) {
        self.carriage_return = false;
        let mut bytes = std::mem::take(&mut self.bytes);
        self.say(&bytes, sink);
        bytes.clear();
        self.bytes = bytes;
    }

    /// Hands text to the sink, cut where a kernel timestamp shows that a further message begins.
    fn say(&mut self, bytes: &[u8], sink: &mut dyn FnMut(&Line)) {
        // Valid text, which is nearly all, is borrowed after one fast check.
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Cow::Borrowed(text),
            Err(_) => String::from_utf8_lossy(bytes),
        };
        let mut rest: &str = &text;
        while !rest.trim_ascii().is_empty() {
            let prefix = prefix::parse(rest);
            let end = prefix::next_message(rest, &prefix).unwrap_or(rest.len());
            let (message, after) = rest.split_at(end);
            if !message.trim_ascii().is_empty() {
                self.line.number = self.number;
                self.line.at = self.at;
                self.line.set(message, prefix);
                sink(&self.line);
            }
            rest = after;
        }
    }
}

/// How long the end of a line is that a text starts with. A line that is at hand with its end is read
/// where it stands: nearly all are.
fn line_end(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'\n', ..] => Some(1),
        [b'\r', b'\n', ..] => Some(2),
        _ => None,
    }
}

/// Where the last message of a text starts.
fn last_message(text: &str) -> usize {
    let mut start = 0;
    loop {
        let rest = &text[start..];
        match prefix::next_message(rest, &prefix::parse(rest)) {
            Some(next) => start += next,
            None => return start,
        }
    }
}

/// How many bytes at the start are plain. Whole blocks are looked at first, without an exit in the
/// middle, so that the compiler can compare many bytes at once.
fn plain_length(bytes: &[u8]) -> usize {
    const BLOCK: usize = 32;
    let is_all_plain = |block: &&[u8]| block.iter().fold(true, |all, &b| all & is_plain(b));
    let whole = bytes.chunks_exact(BLOCK).take_while(is_all_plain).count() * BLOCK;
    let rest = &bytes[whole..];
    whole + rest.iter().position(|&b| !is_plain(b)).unwrap_or(rest.len())
}

/// Text that needs no look: neither control characters nor what can begin a sequence. The C1
/// controls (0x80 to 0x9f) are not looked for, because they are the inner bytes of UTF-8.
fn is_plain(byte: u8) -> bool {
    (byte == b'\t') | ((byte >= 0x20) & (byte != 0x7f))
}
