//! Boots made in memory, sound ones and broken ones.

use crate::tree::{Content, Node, Time, Tree, TreePath};

/// A tree of files: path, mode, content; `->target` is a symlink.
pub(crate) fn tree(files: &[(&str, u16, &[u8])]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    for (path, mode, content) in files {
        let node = match content.strip_prefix(b"->") {
            Some(target) => Node::symlink(target, Time::EPOCH),
            None => Node::file(*mode, Time::EPOCH, Content::from(content.to_vec())),
        };
        tree.insert(TreePath::new(path.as_bytes()).expect("good"), node).expect("free");
    }
    tree
}
