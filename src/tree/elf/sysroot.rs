//! Where a program and its libraries are looked for: a host directory or a tree.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Context, Result, shown};
use crate::tree::follow::follow;
use crate::tree::{Content, Kind, Node, Tree, TreePath, dir};

/// A root directory that is looked into, but not copied as a whole.
#[derive(Debug, Clone, Copy)]
pub enum Sysroot<'a> {
    /// A directory of the host, perhaps `/`; what is taken belongs to root.
    Host(&'a Path),
    /// A tree from any source.
    Tree(&'a Tree),
}

/// Where a path leads.
pub(super) struct Found {
    /// The path without any symbolic link in it.
    pub(super) real: TreePath,
    /// The links on the way, in order.
    pub(super) links: Vec<TreePath>,
    /// What is there.
    pub(super) node: Node,
}

impl Sysroot<'_> {
    /// What is at a path, whose parents are no links; a link itself.
    pub(super) fn node(&self, path: &TreePath) -> Result<Option<Node>> {
        match self {
            Sysroot::Tree(tree) => Ok(tree.get(path).cloned()),
            Sysroot::Host(root) => {
                dir::look_up(&root.join(OsStr::from_bytes(path.as_bytes())), &dir::Owners::Root)
            }
        }
    }

    /// Follows a path through all links; `None` where nothing is.
    pub(super) fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let mut links = Vec::new();
        let real = follow(path, true, |at| {
            let target = match self.node(at)?.map(|node| node.kind) {
                Some(Kind::Symlink(target)) => target,
                _ => return Ok::<_, crate::error::Error>(None),
            };
            links.push(at.clone());
            Ok(Some(target))
        })?;
        Ok(self.node(&real)?.map(|node| Found { real, links, node }))
    }

    /// The content of a file, through all links.
    pub(super) fn file(&self, path: &TreePath) -> Result<Option<Content>> {
        Ok(self.find(path)?.and_then(|found| match found.node.kind {
            Kind::File(content) => Some(content),
            _ => None,
        }))
    }

    /// The names in a directory, sorted; none where it is no directory.
    pub(super) fn names(&self, directory: &TreePath) -> Result<Vec<Vec<u8>>> {
        let Some(found) = self.find(directory)? else { return Ok(Vec::new()) };
        if !matches!(found.node.kind, Kind::Directory) {
            return Ok(Vec::new());
        }
        match self {
            Sysroot::Tree(tree) => {
                let depth = found.real.components().count() + 1;
                let below = tree.below(&found.real);
                let children = below.filter(|e| e.path.components().count() == depth);
                Ok(children.map(|e| e.path.name().to_vec()).collect())
            }
            Sysroot::Host(root) => {
                let place = root.join(OsStr::from_bytes(found.real.as_bytes()));
                let doing = || format!("reading {}", shown(&place));
                let mut names = Vec::new();
                for entry in place.read_dir().context(doing)? {
                    names.push(entry.context(doing)?.file_name().into_encoded_bytes());
                }
                names.sort();
                Ok(names)
            }
        }
    }
}
