//! An image as a tree: every directory once, every inode once, within what the image's length can
//! account for.

use std::collections::{HashMap, HashSet};

use super::error::ReadError;
use super::metadata::Place;
use super::read::{Found, Squashfs};
use crate::fs::budget::Budget;
use crate::tree::{Kind, Node, Source, Time, Tree, TreePath};

/// A tree in the making.
struct Walk<'s> {
    of: &'s Squashfs,
    tree: Tree,
    budget: Budget,
    /// Directories that were reached.
    directories: HashSet<u64>,
    /// By inode that has several names: the first of them.
    first_names: HashMap<u64, TreePath>,
    /// Directories whose names were not looked at yet.
    open: Vec<(TreePath, Found)>,
}

/// All of an image.
pub(super) fn tree(of: &Squashfs) -> Result<Source, ReadError> {
    let mut walk = Walk {
        of,
        tree: Tree::new(Time::EPOCH),
        budget: Budget::new(of.image.len()),
        directories: HashSet::new(),
        first_names: HashMap::new(),
        open: Vec::new(),
    };
    walk.place(TreePath::root(), of.root()?)?;
    while let Some((path, directory)) = walk.open.pop() {
        for named in of.names(&directory, &walk.budget)? {
            let path = path.join(&named.name)?.within_limits()?;
            walk.budget.take_name(path.as_bytes().len())?;
            walk.name(path, named.inode)?;
        }
    }
    Ok(Source { tree: walk.tree, notices: Vec::new() })
}

impl Walk<'_> {
    fn name(&mut self, path: TreePath, place: Place) -> Result<(), ReadError> {
        if let Some(first) = self.first_names.get(&place.reference()) {
            return Ok(self.tree.link(path, first)?);
        }
        let found = self.of.inode(place)?;
        if !found.is_directory() && found.inode.links > 1 {
            self.first_names.insert(place.reference(), path.clone());
        }
        self.place(path, found)
    }

    fn place(&mut self, path: TreePath, found: Found) -> Result<(), ReadError> {
        let reference = found.place.reference();
        let node = self.of.node(&path, &found)?;
        self.budget.take(weight(&node))?;
        if !found.is_directory() {
            return Ok(self.tree.insert(path, node)?);
        }
        if !self.directories.insert(reference) {
            return Err(ReadError::Directory(reference));
        }
        self.tree.insert(path.clone(), node)?;
        self.open.push((path, found));
        Ok(())
    }
}

/// Bytes that a node takes beside what all take.
fn weight(node: &Node) -> usize {
    let xattrs = node.metadata.xattrs.iter().map(|(name, value)| 64 + name.len() + value.len());
    let target = match &node.kind {
        Kind::Symlink(target) => target.len(),
        _ => 0,
    };
    target + xattrs.sum::<usize>()
}
