//! What tests make trees of.

use super::{Content, Node, Time, Tree, TreePath};

/// A path that is one.
pub(crate) fn path(text: &str) -> TreePath {
    TreePath::new(text.as_bytes()).expect("a good path")
}

/// A file of this text.
pub(crate) fn file(text: &str) -> Node {
    Node::file(0o644, Time::EPOCH, Content::from(text.as_bytes().to_vec()))
}

/// A tree of these.
pub(crate) fn tree(nodes: &[(&str, Node)]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    for (at, node) in nodes {
        tree.insert(path(at), node.clone()).expect("free");
    }
    tree
}
