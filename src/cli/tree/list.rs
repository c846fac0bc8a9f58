//! Listing a tree: as `ls -l` does, or as JSON.

use serde::Serialize;

use crate::cli::terminal;
use crate::error::{Result, shown_bytes};
use crate::tree::{Calendar, Entry, Kind, NodeId, Tree, TreePath};

/// Prints what is at a path and below; whether anything is.
pub(super) fn text(tree: &Tree, below: &TreePath) -> Result<bool> {
    let counts = tree.link_counts();
    let rows: Vec<_> = tree.below(below).map(|e| Row::new(e, counts[e.id])).collect();
    let width = |column: fn(&Row) -> usize| rows.iter().map(column).max().unwrap_or(0);
    let (links, size) = (width(|r| r.links.len()), width(|r| r.size.len()));
    let owner = width(|r| r.owner.len());
    let line = |r: &Row| {
        format!(
            "{} {:>links$} {:<owner$} {:>size$} {} {}",
            r.mode, r.links, r.owner, r.size, r.time, r.name
        )
    };
    terminal::say_all(&rows.iter().map(line).collect::<Vec<_>>())?;
    Ok(!rows.is_empty())
}

/// A line of the text.
struct Row {
    mode: String,
    links: String,
    owner: String,
    size: String,
    time: String,
    name: String,
}

impl Row {
    fn new(entry: Entry<'_>, links: u32) -> Self {
        let m = &entry.node.metadata;
        let plus = if m.xattrs.is_empty() { ' ' } else { '+' };
        let size = match &entry.node.kind {
            Kind::File(content) => content.len().to_string(),
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                format!("{major},{minor}")
            }
            _ => "-".into(),
        };
        let target = match &entry.node.kind {
            Kind::Symlink(target) => format!(" -> {}", shown_bytes(target)),
            _ => String::new(),
        };
        Row {
            mode: format!("{}{plus}", letters(entry.node.st_mode())),
            links: links.to_string(),
            owner: format!("{}:{}", m.uid, m.gid),
            size,
            time: Calendar::from(m.mtime).to_string(),
            name: format!("/{}{target}", entry.path),
        }
    }
}

/// `st_mode` as `ls` writes it: `-rwsr-xr-x`.
fn letters(mode: u16) -> String {
    let kind = match mode & 0o170_000 {
        0o010_000 => 'p',
        0o020_000 => 'c',
        0o040_000 => 'd',
        0o060_000 => 'b',
        0o120_000 => 'l',
        0o140_000 => 's',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

/// An entry as JSON.
#[derive(Debug, Serialize)]
struct Object {
    path: String,
    kind: &'static str,
    mode: String,
    uid: u32,
    gid: u32,
    /// Decimal seconds since 1970.
    mtime: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<(u32, u32)>,
    /// The first name of the same file, where it has several.
    #[serde(skip_serializing_if = "Option::is_none")]
    link_of: Option<String>,
    /// Names of attributes and their values in hexadecimal.
    #[serde(skip_serializing_if = "std::collections::BTreeMap::is_empty")]
    xattrs: std::collections::BTreeMap<String, String>,
}

/// Prints one array; whether anything is in it.
pub(super) fn json(tree: &Tree, below: &TreePath) -> Result<bool> {
    let mut first_names = std::collections::BTreeMap::<NodeId, &TreePath>::new();
    for entry in tree.iter() {
        first_names.entry(entry.id).or_insert(entry.path);
    }
    let objects: Vec<_> = tree.below(below).map(|e| object(e, first_names[&e.id])).collect();
    terminal::say(serde_json::to_string_pretty(&objects)?)?;
    Ok(!objects.is_empty())
}

fn object(entry: Entry<'_>, first: &TreePath) -> Object {
    let m = &entry.node.metadata;
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect();
    Object {
        path: format!("/{}", entry.path),
        kind: entry.node.kind.name(),
        mode: format!("{:04o}", m.mode),
        uid: m.uid,
        gid: m.gid,
        mtime: m.mtime.to_string(),
        size: match &entry.node.kind {
            Kind::File(content) => Some(content.len()),
            _ => None,
        },
        target: match &entry.node.kind {
            Kind::Symlink(target) => Some(shown_bytes(target)),
            _ => None,
        },
        device: match entry.node.kind {
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                Some((major, minor))
            }
            _ => None,
        },
        link_of: (first != entry.path).then(|| format!("/{first}")),
        xattrs: m.xattrs.iter().map(|(name, value)| (shown_bytes(name), hex(value))).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_ls_does() {
        assert_eq!(letters(0o104_755), "-rwsr-xr-x");
        assert_eq!(letters(0o041_777), "drwxrwxrwt");
        assert_eq!(letters(0o102_644), "-rw-r-Sr--");
        assert_eq!(letters(0o120_777), "lrwxrwxrwx");
    }
}
