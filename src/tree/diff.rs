//! What differs between two trees: added, removed, and changed by size, content and attribute.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use super::{Calendar, Entry, Kind, NodeId, Time, Tree, TreePath};
use crate::error::{Context, Result, shown_bytes};

/// What differs at one path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Where.
    #[serde(serialize_with = "as_text")]
    pub path: TreePath,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// How two trees differ at a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum What {
    /// Only the second tree has it.
    Added,
    /// Only the first tree has it.
    Removed,
    /// Both have it, with these changes.
    Changed {
        /// At least one.
        changes: Vec<Change>,
    },
}

/// A single change: what it was, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "of", rename_all = "kebab-case")]
pub enum Change {
    /// Another kind of thing; what else differs follows from that.
    Kind {
        /// In the first tree.
        was: &'static str,
        /// In the second.
        is: &'static str,
    },
    /// The length of a file in bytes.
    Size {
        /// In the first tree.
        was: u64,
        /// In the second.
        is: u64,
    },
    /// The bytes of a file of the same length.
    Content,
    /// The target of a symbolic link.
    Target {
        /// In the first tree.
        was: String,
        /// In the second.
        is: String,
    },
    /// The numbers of a device.
    Device {
        /// In the first tree, major and minor.
        was: (u32, u32),
        /// In the second.
        is: (u32, u32),
    },
    /// The permission bits.
    Mode {
        /// In the first tree.
        was: u16,
        /// In the second.
        is: u16,
    },
    /// User and group.
    Owner {
        /// In the first tree.
        was: (u32, u32),
        /// In the second.
        is: (u32, u32),
    },
    /// The modification time.
    Time {
        /// In the first tree.
        #[serde(serialize_with = "as_seconds")]
        was: Time,
        /// In the second.
        #[serde(serialize_with = "as_seconds")]
        is: Time,
    },
    /// An extended attribute: added, removed or of another value.
    Attribute {
        /// Its name.
        name: String,
    },
    /// The other names of the same file.
    Links {
        /// The first name in the first tree.
        was: String,
        /// In the second.
        is: String,
    },
}

/// What counts as a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Times of modification do not count.
    pub ignore_times: bool,
}

/// Compares two trees, in the order of their paths.
///
/// # Errors
/// Where the content of a file cannot be read; only files of equal length are.
pub fn diff(first: &Tree, second: &Tree, options: Options) -> Result<Vec<Difference>> {
    let names = (first_names(first), first_names(second));
    let (mut left, mut right) = (first.iter().peekable(), second.iter().peekable());
    let mut differences = Vec::new();
    let mut say = |entry: Entry<'_>, what| {
        differences.push(Difference { path: entry.path.clone(), what });
    };
    loop {
        let order = match (left.peek(), right.peek()) {
            (None, None) => return Ok(differences),
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(a), Some(b)) => a.path.cmp(b.path),
        };
        let was = if order.is_le() { left.next() } else { None };
        let is = if order.is_ge() { right.next() } else { None };
        match (was, is) {
            (Some(a), Some(b)) => {
                let mut changes =
                    changes(a, b, options).context(|| format!("comparing `/{}`", a.path))?;
                if names.0[&a.id] != names.1[&b.id] {
                    let text = |p: &TreePath| p.to_string();
                    let (was, is) = (text(names.0[&a.id]), text(names.1[&b.id]));
                    changes.push(Change::Links { was, is });
                }
                if !changes.is_empty() {
                    say(a, What::Changed { changes });
                }
            }
            (Some(a), None) => say(a, What::Removed),
            (None, Some(b)) => say(b, What::Added),
            (None, None) => {}
        }
    }
}

fn first_names(tree: &Tree) -> BTreeMap<NodeId, &TreePath> {
    let mut names = BTreeMap::new();
    for entry in tree.iter() {
        names.entry(entry.id).or_insert(entry.path);
    }
    names
}

fn changes(a: Entry<'_>, b: Entry<'_>, options: Options) -> Result<Vec<Change>> {
    let mut changes = Vec::new();
    changes.extend(of_kinds(&a.node.kind, &b.node.kind)?);
    let (m, n) = (&a.node.metadata, &b.node.metadata);
    if m.mode != n.mode {
        changes.push(Change::Mode { was: m.mode, is: n.mode });
    }
    if (m.uid, m.gid) != (n.uid, n.gid) {
        changes.push(Change::Owner { was: (m.uid, m.gid), is: (n.uid, n.gid) });
    }
    if m.mtime != n.mtime && !options.ignore_times {
        changes.push(Change::Time { was: m.mtime, is: n.mtime });
    }
    let names: std::collections::BTreeSet<_> = m.xattrs.keys().chain(n.xattrs.keys()).collect();
    let differing = names.into_iter().filter(|name| m.xattrs.get(*name) != n.xattrs.get(*name));
    changes.extend(differing.map(|name| Change::Attribute { name: shown_bytes(name) }));
    Ok(changes)
}

fn of_kinds(a: &Kind, b: &Kind) -> Result<Option<Change>> {
    Ok(match (a, b) {
        (Kind::File(a), Kind::File(b)) if a.len() != b.len() => {
            Some(Change::Size { was: a.len(), is: b.len() })
        }
        (Kind::File(a), Kind::File(b)) => (!a.is_same(b)?).then_some(Change::Content),
        (a, b) if a.is_same_but_for_content(b) => None,
        (Kind::Symlink(a), Kind::Symlink(b)) => {
            Some(Change::Target { was: shown_bytes(a), is: shown_bytes(b) })
        }
        (a, b) if a.format_bits() == b.format_bits() => {
            Some(Change::Device { was: device(a), is: device(b) })
        }
        (a, b) => Some(Change::Kind { was: a.name(), is: b.name() }),
    })
}

fn device(kind: &Kind) -> (u32, u32) {
    match kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => (*major, *minor),
        _ => (0, 0),
    }
}

impl fmt::Display for Difference {
    /// A line: `+ path`, `- path`, or `~ path: size 1 -> 2, mode 0644 -> 0600`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.what {
            What::Added => write!(f, "+ /{}", self.path),
            What::Removed => write!(f, "- /{}", self.path),
            What::Changed { changes } => {
                let changes: Vec<_> = changes.iter().map(ToString::to_string).collect();
                write!(f, "~ /{}: {}", self.path, changes.join(", "))
            }
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Kind { was, is } => write!(f, "{was} -> {is}"),
            Change::Size { was, is } => write!(f, "size {was} -> {is}"),
            Change::Content => write!(f, "content"),
            Change::Target { was, is } => write!(f, "target `{was}` -> `{is}`"),
            Change::Device { was, is } => {
                write!(f, "device {}:{} -> {}:{}", was.0, was.1, is.0, is.1)
            }
            Change::Mode { was, is } => write!(f, "mode {was:04o} -> {is:04o}"),
            Change::Owner { was, is } => {
                write!(f, "owner {}:{} -> {}:{}", was.0, was.1, is.0, is.1)
            }
            Change::Time { was, is } => write!(f, "time {} -> {}", date(*was), date(*is)),
            Change::Attribute { name } => write!(f, "attribute {name}"),
            Change::Links { was, is } => write!(f, "link of /{was} -> of /{is}"),
        }
    }
}

/// Date and time of day in UTC, with what is left of the second.
fn date(time: Time) -> String {
    let at = Calendar::from(time);
    let fraction = match time.nanoseconds {
        0 => String::new(),
        n => format!(".{n:09}").trim_end_matches('0').to_owned(),
    };
    format!("{at}:{:02}{fraction}", at.second)
}

fn as_text<S: Serializer>(path: &TreePath, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(path)
}

fn as_seconds<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Node;
    use crate::tree::samples::{file, path, tree};

    fn lines(a: &Tree, b: &Tree) -> Vec<String> {
        let differences = diff(a, b, Options::default()).expect("in memory");
        differences.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_change_is_a_line() {
        let mut changed = file("xx");
        (changed.metadata.mode, changed.metadata.uid) = (0o600, 7);
        changed.metadata.mtime = Time { seconds: 5, nanoseconds: 500_000_000 };
        changed.metadata.xattrs.insert(b"user.x".to_vec(), vec![1]);
        let device = |minor| Node::char_device(0o600, Time::EPOCH, 1, minor);
        let link = |to: &str| Node::symlink(to, Time::EPOCH);
        let a = tree(&[
            ("a", file("x")),
            ("c", file("1")),
            ("gone", file("")),
            ("kind", file("")),
            ("l", link("a")),
            ("n", device(3)),
        ]);
        let b = tree(&[
            ("a", changed),
            ("c", file("2")),
            ("kind", Node::directory(0o644, Time::EPOCH)),
            ("l", link("c")),
            ("n", device(5)),
            ("new", file("")),
        ]);
        let wanted = [
            "~ /a: size 1 -> 2, mode 0644 -> 0600, owner 0:0 -> 7:0, time 1970-01-01 00:00:00 -> 1970-01-01 00:00:05.5, attribute user.x",
            "~ /c: content",
            "- /gone",
            "~ /kind: file -> directory",
            "~ /l: target `a` -> `c`",
            "~ /n: device 1:3 -> 1:5",
            "+ /new",
        ];
        assert_eq!(lines(&a, &b), wanted);
        assert!(lines(&a, &a.clone()).is_empty());
        let json = serde_json::to_string(&diff(&a, &b, Options::default()).expect("in memory")[1]);
        let wanted = r#"{"path":"c","what":"changed","changes":[{"of":"content"}]}"#;
        assert_eq!(json.expect("plain"), wanted);
    }

    #[test]
    fn hard_links_and_times_can_be_all_that_differs() {
        let mut a = tree(&[("a", file("x"))]);
        let b = tree(&[("a", file("x")), ("b", file("x"))]);
        a.link(path("b"), &path("a")).expect("linked");
        assert_eq!(lines(&a, &b), ["~ /b: link of /a -> of /b"]);
        let mut later = file("x");
        later.metadata.mtime = Time::from_seconds(1);
        let later = tree(&[("a", later), ("b", file("x"))]);
        let ignoring = Options { ignore_times: true };
        assert_eq!(diff(&b, &later, ignoring).expect("in memory"), []);
        assert_eq!(lines(&b, &later), ["~ /a: time 1970-01-01 00:00:00 -> 1970-01-01 00:00:01"]);
    }
}
