//! What a source leaves out or changes: said as values, so that the caller decides who hears it.

use std::collections::BTreeSet;
use std::fmt;

use super::{Tree, TreePath};
use crate::error::shown_bytes;

/// What a source gives.
#[derive(Debug, Clone)]
pub struct Source {
    /// What is in it.
    pub tree: Tree,
    /// What is not, in the order of the source.
    pub notices: Vec<Notice>,
}

/// Something that a source or sink did not carry over as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// A socket, which exists only while its program runs.
    Socket(TreePath),
    /// A member of an archive that was replaced by a later one of the same path.
    Replaced(TreePath),
    /// A package's script, which was not run: package and script.
    Script(String, String),
    /// What a person should know who made it so.
    Advice(&'static str),
    /// Something that another asks for, and that is not in the source: path and who.
    Missing(TreePath, String),
    /// A sink that has no such thing, or an ordinary user who may not make it: path and what.
    Lost(TreePath, String),
}

impl Notice {
    /// The attributes of a tree, for a sink that has none.
    pub(crate) fn attributes(tree: &Tree) -> impl Iterator<Item = Notice> {
        let mut seen = BTreeSet::new();
        tree.iter().filter(move |entry| seen.insert(entry.id)).flat_map(|entry| {
            let lost = |name: &Vec<u8>| {
                let what = format!("its attribute {}", shown_bytes(name));
                Notice::Lost(entry.path.clone(), what)
            };
            entry.node.metadata.xattrs.keys().map(lost)
        })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Notice::Socket(path) => write!(f, "`/{path}` is a socket: left out"),
            Notice::Replaced(path) => write!(f, "`/{path}` comes more than once: the last is used"),
            Notice::Script(package, script) => {
                let package = shown_bytes(package.as_bytes());
                write!(f, "the {script} of {package} was not run")
            }
            Notice::Advice(sentence) => f.write_str(sentence),
            Notice::Missing(path, who) => write!(f, "{who} asks for `/{path}`, which is not there"),
            Notice::Lost(path, what) => write!(f, "`/{path}` loses {what}"),
        }
    }
}
