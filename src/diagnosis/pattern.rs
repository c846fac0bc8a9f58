//! The pattern language of the catalogue: literal text with `*` for anything and `{name}` for
//! anything that is worth keeping.
//!
//! A pattern stands anywhere in a message, or at its start where it begins with `^`. What `*` and
//! `{name}` stand for is as short as possible, except at the end, where it is the rest of the message.
//! Quotation marks of every kind are written `'`, because programs print them by locale, and capitals
//! count as small letters, because people who copy from a screen by hand do not keep them.

use std::borrow::Cow;

/// A compiled pattern.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    anchored: bool,
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Piece {
    Literal(&'static str),
    /// The name of what is captured; empty for `*`.
    Any(&'static str),
}

/// What the names of a pattern stood for.
pub(super) type Captures = Vec<(&'static str, String)>;

/// The longest capture that is kept, in characters.
const CAPTURE_MAX: usize = 200;

impl Pattern {
    /// Compiles a pattern; a brace without its partner is literal.
    pub(super) fn new(text: &'static str) -> Self {
        let (anchored, mut rest) = match text.strip_prefix('^') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let end = rest.find(['*', '{']).unwrap_or(rest.len());
            if end > 0 {
                pieces.push(Piece::Literal(&rest[..end]));
            }
            rest = &rest[end..];
            if let Some(after) = rest.strip_prefix('*') {
                pieces.push(Piece::Any(""));
                rest = after;
            } else if let Some((name, after)) =
                rest.strip_prefix('{').and_then(|rest| rest.split_once('}'))
            {
                pieces.push(Piece::Any(name));
                rest = after;
            } else if !rest.is_empty() {
                pieces.push(Piece::Literal(rest));
                rest = "";
            }
        }
        Pattern { anchored, pieces }
    }

    /// The literal with the most letters and digits, by which a scanner finds candidates: what else
    /// patterns have, such as `: `, stands in nearly every line.
    pub(super) fn needle(&self) -> &'static str {
        let literals = self.pieces.iter().filter_map(|piece| match piece {
            Piece::Literal(text) => Some(*text),
            Piece::Any(_) => None,
        });
        let rarity = |text: &&str| text.bytes().filter(u8::is_ascii_alphanumeric).count();
        literals.max_by_key(|text| (rarity(text), text.len())).unwrap_or_default()
    }

    /// Whether it stands at the start of a message.
    pub(super) fn is_anchored(&self) -> bool {
        self.anchored
    }

    /// Whether it ends with a value, which is as long as its message.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.pieces.last(), Some(Piece::Any(_)))
    }

    /// Matches a message whose quotation marks are [`plain_quotes`].
    pub(super) fn captures(&self, message: &str) -> Option<Captures> {
        let Some(Piece::Literal(first)) = self.pieces.first() else {
            return self.tail(&self.pieces, message);
        };
        if self.anchored {
            let message = message.trim_start();
            let start =
                message.get(..first.len()).filter(|start| start.eq_ignore_ascii_case(first));
            return self.tail(&self.pieces[1..], &message[start?.len()..]);
        }
        let at = find(message, first)?;
        self.tail(&self.pieces[1..], &message[at + first.len()..])
    }

    fn tail(&self, pieces: &[Piece], mut rest: &str) -> Option<Captures> {
        let mut captures = Captures::new();
        let mut open: Option<&'static str> = None;
        for piece in pieces {
            match *piece {
                Piece::Any(name) => open = Some(name),
                Piece::Literal(text) => {
                    let at = find(rest, text)?;
                    keep(&mut captures, open.take(), &rest[..at]);
                    rest = &rest[at + text.len()..];
                }
            }
        }
        keep(&mut captures, open, rest);
        Some(captures)
    }
}

/// Where a text stands first, in whatever letters.
fn find(message: &str, text: &str) -> Option<usize> {
    let bytes = message.as_bytes();
    let first = *text.as_bytes().first()?;
    let (small, capital) = (first.to_ascii_lowercase(), first.to_ascii_uppercase());
    memchr::memchr2_iter(small, capital, bytes).find(|&at| {
        bytes
            .get(at..at + text.len())
            .is_some_and(|here| here.eq_ignore_ascii_case(text.as_bytes()))
    })
}

fn keep(captures: &mut Captures, name: Option<&'static str>, text: &str) {
    if let Some(name) = name.filter(|name| !name.is_empty()) {
        // Not the stop at the end of its sentence.
        let text = text.trim().trim_matches('\'');
        let text = text.strip_suffix('.').filter(|text| !text.ends_with('.')).unwrap_or(text);
        captures.push((name, text.chars().take(CAPTURE_MAX).collect()));
    }
}

/// The value of a name.
pub(super) fn value<'a>(captures: &'a [(&'static str, String)], name: &str) -> Option<&'a str> {
    captures.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
}

/// The message with every quotation mark written `'`.
pub(super) fn plain_quotes(message: &str) -> Cow<'_, str> {
    // A pass over the bytes is much faster than one over the characters, and few lines have any.
    let bytes = message.as_bytes();
    let quoted = memchr::memchr3(b'`', b'"', 0xe2, bytes).or_else(|| memchr::memchr(0xc2, bytes));
    match quoted.is_some() {
        true => Cow::Owned(message.replace(['`', '"', '‘', '’', '“', '”', '´'], "'")),
        false => Cow::Borrowed(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matched(pattern: &'static str, message: &str) -> Option<Vec<String>> {
        let captures = Pattern::new(pattern).captures(&plain_quotes(message))?;
        Some(captures.into_iter().map(|(_, value)| value).collect())
    }

    #[test]
    fn names_capture_and_stars_skip() {
        let found = matched(
            "Failed to execute {init} (error -{errno})",
            "x Failed to execute /init (error -13)",
        );
        assert_eq!(found, Some(vec!["/init".into(), "13".into()]));
        let grub = "error: ../../grub-core/fs/fshelp.c:257:file `/vmlinuz' not found.";
        assert_eq!(
            matched("^error: *file '{file}' not found", grub),
            Some(vec!["/vmlinuz".into()])
        );
        assert_eq!(matched("panic: {why}", "panic: the rest "), Some(vec!["the rest".into()]));
        assert_eq!(matched("^error: ", "no error: here"), None);
        assert_eq!(matched("for {device}", "for a.device."), Some(vec!["a.device".into()]));
        assert_eq!(matched("a*b*c", "a c b"), None);
        assert_eq!(matched("^Kernel panic: {why}", " kernel Panic: No"), Some(vec!["No".into()]));
        assert_eq!(matched("file {file} not found", "file `x' not found"), Some(vec!["x".into()]));
    }

    #[test]
    fn the_needle_is_the_longest_literal() {
        assert_eq!(Pattern::new("^error: *no such device: {uuid}").needle(), "no such device: ");
    }
}
