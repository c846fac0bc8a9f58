//! A filesystem of inodes as a tree: every directory once, every inode once, within what the image's
//! length can account for; and what is at a path.

use std::collections::{HashMap, HashSet};
use std::io::{Error as IoError, ErrorKind, Read};

use super::budget::Budget;
use super::entry::Entry;
use super::read_error::ReadError;
use crate::error::Result;
use crate::tree::{Kind, Node, Source, Time, Tree, TreePath};

/// The reader of a filesystem whose directories refer to inodes by a number.
pub(super) trait Inodes {
    /// An inode that was read.
    type Inode;
    /// Bytes of the image, as far as they are there.
    fn len(&self) -> u64;

    /// The root directory's reference.
    fn root(&self) -> u64;

    /// The inode that a reference leads to.
    fn inode(&self, reference: u64) -> Result<Self::Inode, ReadError>;

    /// Whether an inode is a directory.
    fn is_directory(inode: &Self::Inode) -> bool;

    /// How many names an inode has.
    fn links(inode: &Self::Inode) -> u32;

    /// The names in a directory with their references, without `.` and `..`.
    fn names(
        &self,
        reference: u64,
        directory: &Self::Inode,
        budget: &Budget,
    ) -> Result<Vec<(Vec<u8>, u64)>, ReadError>;

    /// An inode as a node of a tree; what it takes beside its attributes and its target comes off the
    /// budget.
    fn node(
        &self,
        path: &TreePath,
        reference: u64,
        inode: &Self::Inode,
        budget: &Budget,
    ) -> Result<Node, ReadError>;
}

/// The inode at a path, which is not followed where it is a symlink, with its reference; `None` where
/// nothing is.
fn find<I: Inodes>(of: &I, path: &TreePath) -> Result<Option<(u64, I::Inode)>, ReadError> {
    let mut reference = of.root();
    let mut found = of.inode(reference)?;
    for name in path.components() {
        if !I::is_directory(&found) {
            return Ok(None);
        }
        let names = of.names(reference, &found, &Budget::new(of.len()))?;
        let Some((_, next)) = names.into_iter().find(|(named, _)| named == name) else {
            return Ok(None);
        };
        reference = next;
        found = of.inode(reference)?;
    }
    Ok(Some((reference, found)))
}

/// What a directory holds.
///
/// # Errors
/// Where the path is no directory, or the filesystem is damaged or unreadable.
pub(super) fn list<I: Inodes>(of: &I, path: &TreePath) -> Result<Vec<Entry>> {
    let found = find(of, path)?.filter(|(_, inode)| I::is_directory(inode));
    let (reference, inode) = found.ok_or_else(|| IoError::from(ErrorKind::NotADirectory))?;
    let names = of.names(reference, &inode, &Budget::new(of.len()))?.into_iter();
    let described = |(name, reference)| {
        let inode = of.inode(reference)?;
        Ok(Entry::of(name, &of.node(path, reference, &inode, &Budget::new(of.len()))?))
    };
    names.map(described).collect()
}

/// What is at a path, which is not followed; `None` where nothing is.
///
/// # Errors
/// Where the filesystem is damaged or unreadable.
pub(super) fn entry<I: Inodes>(of: &I, path: &TreePath) -> Result<Option<Entry>> {
    let Some((reference, inode)) = find(of, path)? else { return Ok(None) };
    Ok(Some(Entry::of(
        path.name().into(),
        &of.node(path, reference, &inode, &Budget::new(of.len()))?,
    )))
}

/// The first bytes of a file.
///
/// # Errors
/// Where there is no such file, or the filesystem is damaged or unreadable.
pub(super) fn read<I: Inodes>(of: &I, path: &TreePath, max: u64) -> Result<Vec<u8>> {
    let (reference, inode) = find(of, path)?.ok_or_else(|| IoError::from(ErrorKind::NotFound))?;
    let Kind::File(content) = of.node(path, reference, &inode, &Budget::new(of.len()))?.kind else {
        return Err(IoError::from(ErrorKind::InvalidInput).into());
    };
    let mut bytes = Vec::new();
    content.open()?.take(max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of a filesystem.
pub(super) fn tree<I: Inodes>(of: &I) -> Result<Source, ReadError> {
    let mut walk = Walk {
        of,
        tree: Tree::new(Time::EPOCH),
        budget: Budget::new(of.len()),
        directories: HashSet::new(),
        first_names: HashMap::new(),
        open: Vec::new(),
    };
    let root = of.inode(of.root())?;
    if !I::is_directory(&root) {
        return Err(ReadError::Directory(of.root()));
    }
    walk.place(TreePath::root(), of.root(), root)?;
    while let Some((path, reference, directory)) = walk.open.pop() {
        for (name, inode) in of.names(reference, &directory, &walk.budget)? {
            let path = path.join(&name)?.within_limits()?;
            walk.budget.take_name(path.as_bytes().len())?;
            walk.name(path, inode)?;
        }
    }
    Ok(Source { tree: walk.tree, notices: Vec::new() })
}

/// A tree in the making.
struct Walk<'s, I: Inodes> {
    of: &'s I,
    tree: Tree,
    budget: Budget,
    /// Directories that were reached.
    directories: HashSet<u64>,
    /// By inode that has several names: the first of them.
    first_names: HashMap<u64, TreePath>,
    /// Directories whose names were not looked at yet.
    open: Vec<(TreePath, u64, I::Inode)>,
}

impl<I: Inodes> Walk<'_, I> {
    fn name(&mut self, path: TreePath, reference: u64) -> Result<(), ReadError> {
        if let Some(first) = self.first_names.get(&reference) {
            return Ok(self.tree.link(path, first)?);
        }
        let found = self.of.inode(reference)?;
        if !I::is_directory(&found) && I::links(&found) > 1 {
            self.first_names.insert(reference, path.clone());
        }
        self.place(path, reference, found)
    }

    fn place(&mut self, path: TreePath, reference: u64, found: I::Inode) -> Result<(), ReadError> {
        let node = self.of.node(&path, reference, &found, &self.budget)?;
        self.budget.take(weight(&node))?;
        if !I::is_directory(&found) {
            return Ok(self.tree.insert(path, node)?);
        }
        if !self.directories.insert(reference) {
            return Err(ReadError::Directory(reference));
        }
        self.tree.insert(path.clone(), node)?;
        self.open.push((path, reference, found));
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
