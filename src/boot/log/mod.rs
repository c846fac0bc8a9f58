//! A serial console's bytes as clean lines, incrementally and in bounded memory.
//!
//! Line numbers are those of the raw bytes (1-based, counted by LF), so that an editor finds them.
//! One raw line can hold several messages, because consoles are shared: a carriage return, a cursor
//! movement or a kernel timestamp in its middle starts a new [`Line`] with the same number.
//! A log that is larger than [`KEPT_BYTES`] loses its middle, never its start or its end.

mod decode;
mod encoding;
mod escape;
pub mod prefix;

use std::collections::VecDeque;
use std::time::Duration;

pub use decode::{Decoder, LINE_MAX};

/// How many bytes of text a [`Log`] keeps from the start, and again from the end.
pub const KEPT_BYTES: usize = 8 << 20;

/// One message of the console, without escape sequences, control characters and line end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// The number of the raw line that it stands on, from 1.
    pub number: u64,
    /// When its first byte arrived, since the start of the machine; `None` for a saved file.
    pub at: Option<Duration>,
    /// The kernel's timestamp, where the line carries one.
    pub kernel_time: Option<Duration>,
    /// The kernel's log level, where the line carries one (`<6>`).
    pub level: Option<u8>,
    text: String,
    message: usize,
}

impl Line {
    /// A line from clean text; the prefixes are parsed off.
    pub fn new(number: u64, at: Option<Duration>, text: impl Into<String>) -> Self {
        let mut line = Line { number, at, text: text.into(), ..Line::default() };
        let prefix = prefix::parse(&line.text);
        line.adopt(prefix);
        line
    }

    /// The whole clean line, with its timestamp and other prefixes.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line without timestamps, levels, callers, host and `kernel:`, and leading blanks.
    pub fn message(&self) -> &str {
        &self.text[self.message..]
    }

    /// Where in [`Line::text`] the message starts, in bytes.
    pub fn message_offset(&self) -> usize {
        self.message
    }

    /// Takes another text, in the same buffer.
    fn set(&mut self, text: &str, prefix: prefix::Prefix) {
        self.text.clear();
        self.text.push_str(text);
        self.adopt(prefix);
    }

    /// Becomes another line, in the same buffer.
    pub(crate) fn copy(&mut self, other: &Line) {
        self.text.clear();
        self.text.push_str(&other.text);
        (self.number, self.at) = (other.number, other.at);
        (self.kernel_time, self.level) = (other.kernel_time, other.level);
        self.message = other.message;
    }

    fn adopt(&mut self, prefix: prefix::Prefix) {
        self.kernel_time = prefix.kernel_time;
        self.level = prefix.level;
        self.message = prefix.length;
    }
}

/// The lines so far of a console that may still be talking.
#[derive(Debug, Clone, Default)]
pub struct Log {
    decoder: Decoder,
    kept: Kept,
}

#[derive(Debug, Clone, Default)]
struct Kept {
    head: Vec<Line>,
    head_bytes: usize,
    dropped: u64,
    tail: VecDeque<Line>,
    tail_bytes: usize,
}

impl Log {
    /// An empty log.
    pub fn new() -> Self {
        Log::default()
    }

    /// A complete log, as saved in a file.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let mut log = Log::new();
        log.push(bytes, None);
        log.finish();
        log
    }

    /// Takes the next bytes of the console, cut anywhere, and when they arrived.
    pub fn push(&mut self, bytes: &[u8], at: Option<Duration>) {
        let Log { decoder, kept } = self;
        decoder.push(bytes, at, &mut |line| kept.add(line));
    }

    /// Says that nothing follows: an unfinished last line becomes a line.
    pub fn finish(&mut self) {
        let Log { decoder, kept } = self;
        decoder.finish(&mut |line| kept.add(line));
    }

    /// The lines that are kept, in order.
    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &Line> {
        self.kept.head.iter().chain(&self.kept.tail)
    }

    /// How many lines there have been, kept or not; a position for [`Log::since`].
    pub fn count(&self) -> u64 {
        self.kept.head.len() as u64 + self.kept.dropped + self.kept.tail.len() as u64
    }

    /// The kept lines from a position on, as [`Log::count`] gave it.
    pub fn since(&self, position: u64) -> impl Iterator<Item = &Line> {
        let head = self.kept.head.len();
        let from_head = usize::try_from(position).unwrap_or(head).min(head);
        let before_tail = head as u64 + self.kept.dropped;
        let from_tail = usize::try_from(position.saturating_sub(before_tail)).unwrap_or(usize::MAX);
        self.kept.head[from_head..].iter().chain(self.kept.tail.iter().skip(from_tail))
    }

    /// The unfinished last line, which is how a prompt looks; `None` at the start of a line.
    pub fn partial(&self) -> Option<Line> {
        self.decoder.partial()
    }

    /// The last lines that have text, oldest first, the unfinished one included.
    pub fn last(&self, n: usize) -> Vec<Line> {
        let partial = self.partial().into_iter();
        let mut last: Vec<Line> = partial.chain(self.lines().rev().cloned()).take(n).collect();
        last.reverse();
        last
    }

    /// How many lines of the middle were let go to bound the memory.
    pub fn dropped(&self) -> u64 {
        self.kept.dropped
    }
}

impl Kept {
    fn add(&mut self, line: &Line) {
        // What a line costs beyond its text counts too, or short lines would be unbounded.
        let cost = |line: &Line| line.text.len() + size_of::<Line>();
        if self.tail.is_empty() && self.head_bytes < KEPT_BYTES {
            self.head_bytes += cost(line);
            self.head.push(line.clone());
            return;
        }
        self.tail_bytes += cost(line);
        self.tail.push_back(line.clone());
        while self.tail_bytes > KEPT_BYTES
            && let Some(oldest) = self.tail.pop_front()
        {
            self.tail_bytes -= cost(&oldest);
            self.dropped += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn texts(log: &Log) -> Vec<(u64, String)> {
        log.lines().map(|line| (line.number, line.text().to_owned())).collect()
    }

    #[test]
    fn escapes_and_carriage_returns_are_gone_and_numbers_are_raw() {
        let log = Log::from_bytes(
            b"\x1b[2J\x1b[01;01HBdsDxe: loading\r\n\n\x1b[0mWelcome\x1b]0;t\x07 x\r\r\n",
        );
        assert_eq!(texts(&log), [(1, "BdsDxe: loading".into()), (3, "Welcome x".into())]);
    }

    #[test]
    fn one_raw_line_can_hold_several_messages() {
        let log = Log::from_bytes(b"Loading ... [    2.500000] raid6: x\rdone\n");
        let expected = ["Loading ... ", "[    2.500000] raid6: x", "done"];
        let lines: Vec<&str> = log.lines().map(Line::text).collect();
        assert_eq!(lines, expected);
        assert!(log.lines().all(|line| line.number == 1));
    }

    #[test]
    fn a_prompt_is_visible_before_its_line_ends() {
        let mut log = Log::new();
        log.push(b"error\r\ngrub rescue> ", Some(Duration::from_secs(3)));
        let partial = log.partial().expect("there is a prompt");
        assert_eq!((partial.number, partial.text()), (2, "grub rescue> "));
        assert_eq!(partial.at, Some(Duration::from_secs(3)));
        assert_eq!(log.count(), 1);
    }

    #[test]
    fn utf_16_captures_are_read() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("Linux version 6\r\nü\n".encode_utf16().flat_map(u16::to_le_bytes));
        assert_eq!(
            texts(&Log::from_bytes(&bytes)),
            [(1, "Linux version 6".into()), (2, "ü".into())]
        );
    }

    #[test]
    fn a_stream_without_line_ends_stays_bounded() {
        let mut log = Log::new();
        let block = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            log.push(&block, None);
        }
        let kept: usize = log.lines().map(|line| line.text().len()).sum();
        assert!(kept <= 2 * KEPT_BYTES && log.dropped() > 0, "{kept}");
        assert!(log.lines().all(|line| line.text().len() <= LINE_MAX && line.number == 1));
    }

    #[test]
    fn positions_survive_the_dropped_middle() {
        let mut log = Log::new();
        for n in 0..300_000 {
            log.push(format!("line {n}\n").as_bytes(), None);
        }
        assert_eq!(log.count(), 300_000);
        let seen: Vec<u64> = log.since(299_998).map(|line| line.number).collect();
        assert_eq!(seen, [299_999, 300_000]);
    }

    proptest! {
        #[test]
        fn how_the_bytes_are_cut_does_not_matter(
            bytes in proptest::collection::vec(prop_oneof![
                Just(0x1b), Just(b'['), Just(b'\r'), Just(b'\n'), Just(0), Just(0xc3), Just(b']'), any::<u8>()
            ], 0..300),
            cut in 1usize..20,
        ) {
            let whole = Log::from_bytes(&bytes);
            let mut pieces = Log::new();
            for piece in bytes.chunks(cut) {
                pieces.push(piece, None);
            }
            pieces.finish();
            prop_assert_eq!(texts(&whole), texts(&pieces));
        }
    }
}
