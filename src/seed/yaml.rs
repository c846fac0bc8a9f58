//! YAML as a tree with positions, as much of it as cloud-init's files need.
//!
//! Duplicate keys are kept, so that they can be told. Aliases are opaque: what they stand for is not
//! looked into. Left out: several documents, tags, the types of plain scalars but for a few questions.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

/// The deepest nesting: no configuration has more, and it bounds the stack.
const DEPTH_MAX: usize = 100;

/// Where something is, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// A value and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Where.
    pub place: Place,
    /// What.
    pub value: Value,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A scalar; plain ones may be numbers, booleans or nothing.
    Scalar {
        /// Its text, escapes resolved.
        text: String,
        /// Whether it is written without quotes and in one line.
        is_plain: bool,
    },
    /// A list.
    List(Vec<Node>),
    /// Keys and values in their order.
    Mapping(Vec<(Node, Node)>),
    /// What an anchor elsewhere says.
    Alias,
}

/// Why a text is no YAML.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct YamlError {
    /// Where.
    pub place: Place,
    /// Why.
    pub why: String,
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.value {
            Value::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping; none of anything else.
    pub fn entries(&self) -> &[(Node, Node)] {
        match &self.value {
            Value::Mapping(entries) => entries,
            _ => &[],
        }
    }

    /// The elements of a list; none of anything else.
    pub fn elements(&self) -> &[Node] {
        match &self.value {
            Value::List(elements) => elements,
            _ => &[],
        }
    }

    /// Key and value of an entry, the last of its name, which is the one that counts.
    pub fn entry(&self, key: &str) -> Option<&(Node, Node)> {
        self.entries().iter().rev().find(|(name, _)| name.text() == Some(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// What kind of value it is, as a word in a message.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Scalar { .. } if self.is_null() => "nothing",
            Value::Scalar { .. } => "a single value",
            Value::List(_) => "a list",
            Value::Mapping(_) => "a mapping",
            Value::Alias => "an alias",
        }
    }

    /// Whether it says nothing.
    pub fn is_null(&self) -> bool {
        let Value::Scalar { text, is_plain: true } = &self.value else { return false };
        ["", "~", "null", "Null", "NULL"].contains(&&text[..])
    }

    /// What it says as a boolean of YAML 1.1, which is what cloud-init reads.
    pub fn boolean(&self) -> Option<bool> {
        let Value::Scalar { text, is_plain: true } = &self.value else { return None };
        match &text.to_ascii_lowercase()[..] {
            "true" | "yes" | "on" => Some(true),
            "false" | "no" | "off" => Some(false),
            _ => None,
        }
    }
}

/// A collection that is being read.
enum Open {
    List(Place, Vec<Node>),
    /// With a key that waits for its value.
    Mapping(Place, Vec<(Node, Node)>, Option<Node>),
}

impl Open {
    fn push(&mut self, node: Node) {
        match self {
            Open::List(_, elements) => elements.push(node),
            Open::Mapping(_, entries, key) => match key.take() {
                Some(key) => entries.push((key, node)),
                None => *key = Some(node),
            },
        }
    }

    fn close(self) -> Node {
        match self {
            Open::List(place, elements) => Node { place, value: Value::List(elements) },
            Open::Mapping(place, entries, _) => Node { place, value: Value::Mapping(entries) },
        }
    }
}

/// Reads the first document of a text; a text without any is nothing.
///
/// # Errors
/// Where it is no YAML, or nested too deep; with the place.
pub fn parse(text: &str) -> Result<Node, YamlError> {
    let (mut open, mut root): (Vec<Open>, Option<Node>) = (Vec::new(), None);
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| {
            let mark = error.marker();
            let place = Place { line: mark.line(), column: mark.col() + 1 };
            YamlError { place, why: error.info().into() }
        })?;
        let place = place(&span);
        let node = match event {
            Event::SequenceStart(..) => {
                open.push(Open::List(place, Vec::new()));
                None
            }
            Event::MappingStart(..) => {
                open.push(Open::Mapping(place, Vec::new(), None));
                None
            }
            Event::SequenceEnd | Event::MappingEnd => open.pop().map(Open::close),
            Event::Scalar(text, style, ..) => Some(scalar(place, text, style)),
            Event::Alias(_) => Some(Node { place, value: Value::Alias }),
            _ => None,
        };
        if open.len() > DEPTH_MAX {
            let why = format!("it is nested more than {DEPTH_MAX} deep");
            return Err(YamlError { place, why });
        }
        match (node, open.last_mut()) {
            (Some(node), Some(holder)) => holder.push(node),
            (Some(node), None) if root.is_none() => root = Some(node),
            _ => {}
        }
    }
    let nothing = || scalar(Place { line: 1, column: 1 }, Cow::Borrowed(""), ScalarStyle::Plain);
    Ok(root.unwrap_or_else(nothing))
}

fn place(span: &Span) -> Place {
    Place { line: span.start.line(), column: span.start.col() + 1 }
}

fn scalar(place: Place, text: Cow<'_, str>, style: ScalarStyle) -> Node {
    let is_plain = style == ScalarStyle::Plain;
    Node { place, value: Value::Scalar { text: text.into_owned(), is_plain } }
}

/// A text as a double-quoted scalar on one line, which is never taken for something else.
pub fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control()
                || matches!(c, '\u{85}' | '\u{a0}' | '\u{2028}' | '\u{2029}' | '\u{feff}') =>
            {
                quoted.push_str(&format!("\\U{:08x}", u32::from(c)));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_have_their_places_and_duplicates_stay() {
        let root = parse("#cloud-config\nusers:\n  - name: alice\n    name: bob\nx: *y\n");
        assert!(root.is_err(), "an alias of no anchor");
        let root = parse("#cloud-config\nusers: &y\n  - name: alice\n    name: bob\nx: *y\n")
            .expect("YAML");
        let users = root.get("users").expect("there").elements();
        assert_eq!(users[0].entries().len(), 2);
        let (key, value) = users[0].entry("name").expect("there");
        assert_eq!(key.place, Place { line: 4, column: 5 });
        assert_eq!(value.text(), Some("bob"));
        assert_eq!(root.get("x").map(Node::kind), Some("an alias"));
    }

    #[test]
    fn an_error_says_where() {
        let error = parse("a: 1\nb: [1\nc: 2\n").expect_err("the bracket is open");
        assert!(error.place.line >= 2, "{error:?}");
        let deep = parse(&"[".repeat(200)).expect_err("too deep");
        assert!(deep.why.contains("100 deep"), "{deep:?}");
    }

    #[test]
    fn plain_scalars_may_be_nothing_or_booleans() {
        let root = parse("a: no\nb: 'no'\nc:\nd: ~\n").expect("YAML");
        let all: Vec<_> = ["a", "b", "c", "d"].map(|key| root.get(key).expect("there")).into();
        assert_eq!(all[0].boolean(), Some(false));
        assert_eq!(all[1].boolean(), None);
        assert!(!all[1].is_null() && all[2].is_null() && all[3].is_null());
    }

    proptest! {
        #[test]
        fn quoted_text_comes_back(text in any::<String>()) {
            let root = parse(&format!("key: {}\n", quoted(&text))).expect("YAML");
            prop_assert_eq!(root.get("key").and_then(Node::text), Some(&text[..]));
        }

        #[test]
        fn no_text_panics(text in "[ \\t\\n\\[\\]{}:,&*!|>'\"%@`#a-c0-2-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
