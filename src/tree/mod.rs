//! `Tree`: a filesystem as a value: owners, modes, times, devices, xattrs, hard links, and contents
//! by reference.
//!
//! It is the only thing that sources, archives and filesystems share; no source knows a sink. Paths
//! are bytes. Whatever order entries come in, they are kept sorted, parents first.

mod content;
mod digest;
mod node;
mod path;

pub use content::{Content, ContentReader, HostFile};
pub use node::{Kind, Metadata, Node, Time};
pub use path::{PathError, TreePath};

use std::collections::BTreeMap;

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
    #[error("`{0}` is there already, as a {1}")]
    Exists(TreePath, &'static str),
    /// A parent is a file, a link or a device.
    #[error("`{0}` cannot hold entries: it is a {1}")]
    NotADirectory(TreePath, &'static str),
    /// A hard link to nothing.
    #[error("`{0}` is not there")]
    Missing(TreePath),
    /// Directories have one name.
    #[error("`{0}` is a directory, which cannot have hard links")]
    DirectoryLink(TreePath),
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
            return Ok(());
        }
        self.make_parents(&path)?;
        self.entries.insert(path, NodeId(self.nodes.len()));
        self.nodes.push(node);
        Ok(())
    }

    /// Gives an existing node a second name.
    ///
    /// # Errors
    /// Where the node is missing or a directory, or the new path is taken.
    pub fn link(&mut self, path: TreePath, existing: &TreePath) -> Result<(), TreeError> {
        let id = *self.entries.get(existing).ok_or_else(|| TreeError::Missing(existing.clone()))?;
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
        let before = self.entries.len();
        self.entries.retain(|p, _| p.is_root() || !p.starts_with(path));
        before != self.entries.len()
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
    pub fn link_counts(&self) -> BTreeMap<NodeId, u32> {
        let mut counts = BTreeMap::new();
        self.entries.values().for_each(|&id| *counts.entry(id).or_default() += 1);
        counts
    }

    fn make_parents(&mut self, path: &TreePath) -> Result<(), TreeError> {
        let Some(parent) = path.parent() else { return Ok(()) };
        match self.entries.get(&parent) {
            Some(id) => match &self.nodes[id.0].kind {
                Kind::Directory => Ok(()),
                other => Err(TreeError::NotADirectory(parent, other.name())),
            },
            None => {
                self.make_parents(&parent)?;
                self.entries.insert(parent, NodeId(self.nodes.len()));
                self.nodes.push(Node { metadata: self.implied.clone(), kind: Kind::Directory });
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).expect("a good path")
    }

    fn file(content: &str) -> Node {
        Node::file(0o644, Time::EPOCH, Content::from(content.as_bytes().to_vec()))
    }

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
        assert_eq!(tree.link_counts()[&ids[0]], 2);
        assert!(tree.remove(&path("a")));
        assert!(tree.get(&path("d/b")).is_some());
    }
}
