//! Checks of the text: is it recognised, and is it YAML?

use super::{Check, Document, Format, Sight};
use crate::seed::Part;
use crate::seed::yaml::{Node, Place, Value};

const START: Place = Place { line: 1, column: 1 };

pub(super) const CHECKS: &[Check] = &[
    Check::error(
        "byte-order-mark",
        "the first line is recognised",
        "save the file as UTF-8 without a byte order mark",
        |document| match document.bytes.starts_with("\u{feff}".as_bytes()) {
            true => {
                let saw = "a byte order mark stands before the first line, which is then not recognised";
                vec![Sight::at(START, saw)]
            }
            false => Vec::new(),
        },
    ),
    Check::error(
        "not-utf-8",
        "the text is UTF-8",
        "save the file as UTF-8",
        |document| match std::str::from_utf8(&document.bytes) {
            Err(error) if document.format != Format::Gzip => {
                let before = String::from_utf8_lossy(&document.bytes[..error.valid_up_to()]);
                vec![Sight::at(place_after(&before), "a byte here is no UTF-8")]
            }
            _ => Vec::new(),
        },
    ),
    Check::error(
        "first-line",
        "user-data and vendor-data begin with a line that cloud-init knows",
        "begin with `#cloud-config`, with nothing else in the line; scripts begin with `#!`",
        first_line,
    ),
    Check::error(
        "space-before-first-line",
        "the first line is the first line",
        "delete what stands before the first line",
        |document| {
            let is_known = matches!(document.part, Part::UserData | Part::VendorData)
                && ![Format::Unknown, Format::Gzip, Format::Mime].contains(&document.format);
            match is_known && document.text.starts_with(char::is_whitespace) {
                true => {
                    let saw = "white space stands before the first line: `cloud-init schema` refuses \
                               it, and a script does not start";
                    vec![Sight::at(START, saw)]
                }
                false => Vec::new(),
            }
        },
    )
    .warning(),
    Check::error(
        "tab",
        "lines are indented with blanks",
        "indent with blanks: YAML allows no tabs there",
        |document| tabs(document).into_iter().map(|at| Sight::at(at, "a tab indents this line")).collect(),
    ),
    Check::error(
        "yaml",
        "the text is YAML",
        "correct the text at this place, or just before it",
        |document| match document.error() {
            // It would be the tab, said otherwise.
            Some(error) if tabs(document).is_empty() => {
                vec![Sight::at(error.place, format!("this is no YAML: {}", error.why))]
            }
            _ => Vec::new(),
        },
    ),
    Check::error(
        "duplicate-key",
        "every key of a mapping is there once",
        "keep one of them: cloud-init takes the last and says nothing",
        |document| {
            let mut sights = Vec::new();
            document.root().into_iter().for_each(|root| duplicates(root, &mut sights));
            sights
        },
    ),
    Check::error(
        "carriage-return",
        "lines end as Linux has it",
        "convert the file with dos2unix",
        |document| match document.text.find("\r\n") {
            Some(at) if document.format == Format::Other => {
                let saw = "lines end with CR LF: Linux looks for an interpreter whose name ends with CR";
                vec![Sight::at(place_after(&document.text[..at]), saw)]
            }
            _ => Vec::new(),
        },
    ),
    Check::error(
        "carriage-return-yaml",
        "files that the text writes have the line ends of Linux",
        "convert the file with dos2unix",
        |document| match document.text.find("\r\n") {
            Some(at) if ![Format::Other, Format::Gzip, Format::Mime].contains(&document.format) => {
                vec![Sight::at(place_after(&document.text[..at]), "lines end with CR LF")]
            }
            _ => Vec::new(),
        },
    )
    .warning(),
];

fn first_line(document: &Document) -> Vec<Sight> {
    if document.format != Format::Unknown || document.bytes.starts_with("\u{feff}".as_bytes()) {
        return Vec::new();
    }
    let line = document.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let letters: String = line.to_lowercase().chars().filter(char::is_ascii_alphabetic).collect();
    let saw = match &letters[..] {
        "" if line.is_empty() => "it is empty, and cloud-init says that it cannot handle it".into(),
        "cloudconfig" | "cloudinit" => {
            format!(
                "`{}` is not `#cloud-config`, so cloud-init ignores the file",
                line.escape_debug()
            )
        }
        _ => "the first line is none that cloud-init knows, so it ignores the file".into(),
    };
    vec![Sight::at(START, saw)]
}

/// Where lines are indented with a tab, outside of text blocks; the first ones.
fn tabs(document: &Document) -> Vec<Place> {
    // Where it is YAML nevertheless, the tab is in a text.
    if document.error().is_none() {
        return Vec::new();
    }
    let lines = document.text.lines().enumerate();
    let tab = |(index, line): (usize, &str)| {
        let indent = line.len() - line.trim_start().len();
        let column = line[..indent].find('\t')? + 1;
        Some(Place { line: index + 1, column }).filter(|_| !line.trim().is_empty())
    };
    lines.filter_map(tab).take(3).collect()
}

/// The place of what follows a text.
fn place_after(text: &str) -> Place {
    let last = text.rsplit('\n').next().unwrap_or_default();
    Place { line: text.matches('\n').count() + 1, column: last.chars().count() + 1 }
}

fn duplicates(node: &Node, sights: &mut Vec<Sight>) {
    let mut seen: std::collections::BTreeMap<&str, Place> = std::collections::BTreeMap::new();
    for (key, value) in node.entries() {
        if let Some(name) = key.text()
            && let Some(first) = seen.insert(name, key.place)
        {
            let saw = format!("`{}` is also in line {}", name.escape_debug(), first.line);
            sights.push(Sight::of(key, saw));
        }
        duplicates(value, sights);
    }
    if let Value::List(elements) = &node.value {
        elements.iter().for_each(|element| duplicates(element, sights));
    }
}
