//! `Tree`: a filesystem as a value: owners, modes, times, devices, xattrs, hard links, and contents
//! by reference.
//!
//! It is the only thing that sources, archives and filesystems share; no source knows a sink. Paths
//! are bytes. Whatever order entries come in, they are kept sorted, parents first.

pub mod deb;
pub mod diff;
pub mod dir;
pub mod elf;
pub mod manifest;
pub mod merge;
pub mod oci;
pub mod tar;

mod calendar;
mod archive;
mod content;
pub(crate) mod copy;
mod digest;
mod edit;
mod follow;
mod graft;
mod holes;
mod host;
mod links;
pub(crate) mod member;
mod node;
mod notice;
mod packed;
mod path;
#[cfg(test)]
pub(crate) mod samples;
mod spool;
mod stored;

pub use calendar::Calendar;
pub use content::{Content, ContentReader};
pub use edit::{Edit, Recurse};
pub use holes::HOLE_SIZE;
pub use host::HostFile;
pub use links::LinkCounts;
pub use node::{Kind, Metadata, Node, Time};
pub use notice::{Notice, Source};
pub use packed::{Extent, Packed, Section, SectionReader};
pub use path::{PathError, TreePath};
pub use spool::Spool;
pub use stored::{ReadAt, Stored};

use std::collections::{BTreeMap, BTreeSet};

/// The identity of a node, shared by its hard links.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

/// A virtual filesystem tree. The root directory is always there.
#[derive(Debug, Clone)]
pub struct Tree {
    entries: BTreeMap<TreePath, NodeId>,
    nodes: Vec<Node>,
    /// Metadata of parent directories that nobody described.
    implied: Metadata,
    /// Those directories.
    undescribed: BTreeSet<NodeId>,
}

/// One path of a tree.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Where it is; the root is empty.
    pub path: &'a TreePath,
    /// Which node it names; hard links share it.
    pub id: NodeId,
    /// What it is.
    pub node: &'a Node,
}

/// Why an entry cannot be placed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// Something else is there already.
    #[error("`/{0}` is there already, as a {1}")]
    Exists(TreePath, &'static str),
    /// A parent is a file, a link or a device.
    #[error("`/{0}` cannot hold entries: it is a {1}")]
    NotADirectory(TreePath, &'static str),
    /// Nothing is at a path.
    #[error("`/{0}` is not there")]
    Missing(TreePath),
    /// A hard link to nothing.
    #[error("`/{0}` is a hard link to `/{1}`, which is not there")]
    LinkToNothing(TreePath, TreePath),
    /// Directories have one name.
    #[error("`/{0}` is a directory, which cannot have hard links")]
    DirectoryLink(TreePath),
    /// Symbolic links that lead to each other.
    #[error("`/{0}` is reached through more symlinks than Linux follows")]
    Loop(TreePath),
    /// What symbolic links lead to is no path.
    #[error(transparent)]
    Path(#[from] PathError),
}

impl Tree {
    /// An empty tree: a root directory of mode 0755, owned by root, with this modification time,
    /// which parents that are filled in get too.
    pub fn new(time: Time) -> Self {
        let implied = Metadata::new(0o755, time);
        let root = Node { metadata: implied.clone(), kind: Kind::Directory };
        Tree {
            entries: BTreeMap::from([(TreePath::root(), NodeId(0))]),
            nodes: vec![root],
            implied,
            undescribed: BTreeSet::from([NodeId(0)]),
        }
    }

    /// Places a node; missing parents are filled in. A directory over a directory replaces its
    /// metadata and keeps what is in it.
    ///
    /// # Errors
    /// Where something other is at the path, or a parent is no directory.
    pub fn insert(&mut self, path: TreePath, node: Node) -> Result<(), TreeError> {
        if let Some(&NodeId(old)) = self.entries.get(&path) {
            let (was, is) = (&mut self.nodes[old], node);
            if !matches!((&was.kind, &is.kind), (Kind::Directory, Kind::Directory)) {
                return Err(TreeError::Exists(path, was.kind.name()));
            }
            was.metadata = is.metadata;
            self.undescribed.remove(&NodeId(old));
            return Ok(());
        }
        self.make_parents(&path)?;
        self.entries.insert(path, NodeId(self.nodes.len()));
        self.nodes.push(node);
        Ok(())
    }

    /// A tree whose paths were found in order: sorted, each in a directory that stands before it, the root
    /// first. It searches no place for any of them.
    fn from_sorted(entries: Vec<(TreePath, NodeId)>, nodes: Vec<Node>) -> Self {
        let implied = Metadata::new(0o755, Time::EPOCH);
        let entries = entries.into_iter().collect();
        Tree { entries, nodes, implied, undescribed: BTreeSet::new() }
    }

    /// As [`Tree::insert`], and takes away what is in the way at the path itself.
    ///
    /// # Errors
    /// Where a parent is no directory.
    pub fn replace(&mut self, path: TreePath, node: Node) -> Result<(), TreeError> {
        let both_directories = matches!(node.kind, Kind::Directory)
            && self.get(&path).is_some_and(|n| matches!(n.kind, Kind::Directory));
        if !both_directories {
            self.remove(&path);
        }
        self.insert(path, node)
    }

    /// Gives an existing node a second name.
    ///
    /// # Errors
    /// Where the node is missing or a directory, or the new path is taken.
    pub fn link(&mut self, path: TreePath, existing: &TreePath) -> Result<(), TreeError> {
        let Some(&id) = self.entries.get(existing) else {
            return Err(TreeError::LinkToNothing(path, existing.clone()));
        };
        if matches!(self.nodes[id.0].kind, Kind::Directory) {
            return Err(TreeError::DirectoryLink(existing.clone()));
        }
        if let Some(&old) = self.entries.get(&path) {
            return Err(TreeError::Exists(path, self.nodes[old.0].kind.name()));
        }
        self.make_parents(&path)?;
        self.entries.insert(path, id);
        Ok(())
    }

    /// Takes a path and everything below it away; whether anything was there. The root stays.
    pub fn remove(&mut self, path: &TreePath) -> bool {
        let doomed: Vec<_> = self.below(path).map(|e| e.path.clone()).collect();
        for path in doomed.iter().filter(|p| !p.is_root()) {
            self.entries.remove(path);
        }
        !doomed.is_empty()
    }

    /// The entry at a path and all entries below it, sorted.
    pub fn below(&self, path: &TreePath) -> impl Iterator<Item = Entry<'_>> {
        let inside = path.clone();
        let range = self.entries.range(path.clone()..);
        let range = range.take_while(move |(p, _)| p.starts_with(&inside));
        range.map(|(path, &id)| Entry { path, id, node: &self.nodes[id.0] })
    }

    /// Whether a directory is there only because something below it is: nobody described it.
    pub fn is_implied(&self, path: &TreePath) -> bool {
        self.entries.get(path).is_some_and(|id| self.undescribed.contains(id))
    }

    /// Cuts the fractions of a second off all times, as formats without them do.
    pub fn floor_times(&mut self) {
        self.nodes.iter_mut().for_each(|n| n.metadata.mtime.nanoseconds = 0);
    }

    /// Brings times that are later than `latest` back to it, as `SOURCE_DATE_EPOCH` asks for.
    pub fn clamp_times(&mut self, latest: Time) {
        self.nodes.iter_mut().for_each(|n| n.metadata.mtime = n.metadata.mtime.min(latest));
    }

    /// How many paths it has, the root included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing but the root is there.
    pub fn is_empty(&self) -> bool {
        self.entries.len() == 1
    }

    /// The bytes of all files; of a file with several names, once.
    pub fn content_len(&self) -> u64 {
        self.link_counts().named().map(|id| self.node(id).kind.content_len()).sum()
    }

    /// The path at which an entry lands when its parents are followed through symbolic links, as a
    /// kernel that has the tree as its root does; the last component is not followed. Parents that
    /// are missing stay as they are.
    ///
    /// # Errors
    /// Where the links make a loop or a path that is too long.
    pub fn resolve(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        follow::follow(path, false, |at| Ok(self.link_target(at)))
    }

    /// As [`Tree::resolve`], with the last component followed too.
    ///
    /// # Errors
    /// As [`Tree::resolve`].
    pub fn resolve_fully(&self, path: &TreePath) -> Result<TreePath, TreeError> {
        follow::follow(path, true, |at| Ok(self.link_target(at)))
    }

    fn link_target(&self, path: &TreePath) -> Option<Vec<u8>> {
        match &self.get(path)?.kind {
            Kind::Symlink(target) => Some(target.clone()),
            _ => None,
        }
    }

    /// What is at a path.
    pub fn get(&self, path: &TreePath) -> Option<&Node> {
        self.entries.get(path).map(|id| &self.nodes[id.0])
    }

    /// What is at a path, to change it.
    pub fn get_mut(&mut self, path: &TreePath) -> Option<&mut Node> {
        self.entries.get(path).map(|id| &mut self.nodes[id.0])
    }

    /// The node of an identity that [`Entry::id`] gave.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// All entries, sorted, parents before their children, the root first.
    pub fn iter(&self) -> impl Iterator<Item = Entry<'_>> {
        self.entries.iter().map(|(path, &id)| Entry { path, id, node: &self.nodes[id.0] })
    }

    /// How many paths name each node that has a path.
    pub fn link_counts(&self) -> LinkCounts {
        LinkCounts::of(self)
    }

    fn make_parents(&mut self, path: &TreePath) -> Result<(), TreeError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.entries.get(&parent) {
            Some(id) => match &self.nodes[id.0].kind {
                Kind::Directory => Ok(()),
                other => Err(TreeError::NotADirectory(parent, other.name())),
            },
            None => self.insert_implied(parent),
        }
    }

    /// Makes a directory that nobody described, where nothing is yet.
    fn insert_implied(&mut self, path: TreePath) -> Result<(), TreeError> {
        self.make_parents(&path)?;
        self.undescribed.insert(NodeId(self.nodes.len()));
        self.entries.insert(path, NodeId(self.nodes.len()));
        self.nodes.push(Node { metadata: self.implied.clone(), kind: Kind::Directory });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::samples::{file, path};

    #[test]
    fn parents_are_filled_in_and_order_does_not_matter() {
        let mut tree = Tree::new(Time::EPOCH);
        for name in ["usr/bin/sh", "usr-local", "usr/bin-old", "a"] {
            tree.insert(path(name), file("x")).expect("free");
        }
        let paths: Vec<_> = tree.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(paths, ["", "a", "usr", "usr/bin", "usr/bin/sh", "usr/bin-old", "usr-local"]);
    }

    #[test]
    fn conflicts_are_refused_and_directories_merge() {
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("etc/x"), file("1")).expect("free");
        assert_eq!(
            tree.insert(path("etc/x"), file("2")),
            Err(TreeError::Exists(path("etc/x"), "file"))
        );
        assert_eq!(
            tree.insert(path("etc/x/y"), file("2")),
            Err(TreeError::NotADirectory(path("etc/x"), "file"))
        );
        tree.insert(path("etc"), Node::directory(0o700, Time::EPOCH)).expect("directories merge");
        assert_eq!(tree.get(&path("etc")).map(|n| n.metadata.mode), Some(0o700));
        assert!(tree.get(&path("etc/x")).is_some());
    }

    #[test]
    fn hard_links_share_a_node_and_outlive_each_other() {
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("a"), file("x")).expect("free");
        tree.link(path("d/b"), &path("a")).expect("linked");
        let ids: Vec<_> =
            tree.iter().filter(|e| matches!(e.node.kind, Kind::File(_))).map(|e| e.id).collect();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(tree.link_counts()[ids[0]], 2);
        assert!(tree.remove(&path("a")));
        assert!(!tree.remove(&path("a")));
        assert!(tree.get(&path("d/b")).is_some());
    }

    #[test]
    fn what_nobody_described_is_known() {
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("usr/bin/sh"), file("x")).expect("free");
        assert!(tree.is_implied(&path("usr")) && !tree.is_implied(&path("usr/bin/sh")));
        tree.insert(path("usr"), Node::directory(0o700, Time::EPOCH)).expect("directories merge");
        assert!(!tree.is_implied(&path("usr")) && tree.is_implied(&path("usr/bin")));
    }

    #[test]
    fn removing_takes_what_is_below_and_nothing_else() {
        let mut tree = Tree::new(Time::EPOCH);
        for name in ["a/b/c", "a/b-c", "a/bc", "b"] {
            tree.insert(path(name), file("x")).expect("free");
        }
        assert!(tree.remove(&path("a/b")));
        let paths: Vec<_> = tree.iter().map(|e| e.path.to_string()).collect();
        assert_eq!(paths, ["", "a", "a/b-c", "a/bc", "b"]);
        tree.replace(path("a"), file("now a file")).expect("replaced");
        assert_eq!(tree.len(), 3);
    }
}
