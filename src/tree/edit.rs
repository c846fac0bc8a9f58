//! Edits on top of a tree: single changes that a person writes down.
//!
//! Each does exactly what it says or is an error: what is to be changed must be there, what is to be
//! made must not be, and only `Replace` takes anything's place. Parents are followed through the tree's own
//! symbolic links, never outside.

use super::{Kind, Node, Tree, TreeError, TreePath};
use crate::error::{Context, Result};

/// One change.
#[derive(Debug, Clone)]
pub enum Edit {
    /// Places something new: a file, directory, link or device. A directory may be there already and
    /// gets the metadata.
    Add(TreePath, Node),
    /// Places something, whatever is there.
    Replace(TreePath, Node),
    /// Takes something away, with all that is below it.
    Remove(TreePath),
    /// Sets the permission bits (0 to 0o7777), of all below too if so wanted; links have none.
    Chmod(TreePath, u16, Recurse),
    /// Sets owner and group, of all below too if so wanted.
    Chown(TreePath, u32, u32, Recurse),
    /// Gives a file a second name: the new one, then the old.
    Link(TreePath, TreePath),
    /// Sets an extended attribute, or takes it away.
    Xattr(TreePath, Vec<u8>, Option<Vec<u8>>),
}

/// How far a change reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Recurse {
    /// The path alone.
    #[default]
    No,
    /// The path and all that is below it.
    Yes,
}

impl Edit {
    /// Makes the change.
    ///
    /// # Errors
    /// Where it cannot be made as it is written.
    pub fn apply(&self, tree: &mut Tree) -> Result<()> {
        self.make(tree).context(|| format!("{} `/{}`", self.doing(), self.path()))
    }

    fn make(&self, tree: &mut Tree) -> Result<(), TreeError> {
        let path = tree.resolve(self.path())?;
        match self {
            Edit::Add(_, node) => tree.insert(path, node.clone()),
            Edit::Replace(_, node) => tree.replace(path, node.clone()),
            Edit::Remove(_) => match tree.remove(&path) {
                true => Ok(()),
                false => Err(TreeError::Missing(path)),
            },
            Edit::Chmod(_, mode, recurse) => change(tree, &path, *recurse, |node| {
                if !matches!(node.kind, Kind::Symlink(_)) {
                    node.metadata.mode = mode & 0o7777;
                }
            }),
            Edit::Chown(_, uid, gid, recurse) => change(tree, &path, *recurse, |node| {
                (node.metadata.uid, node.metadata.gid) = (*uid, *gid);
            }),
            Edit::Link(_, existing) => {
                let existing = tree.resolve(existing)?;
                tree.link(path, &existing)
            }
            Edit::Xattr(_, name, value) => change(tree, &path, Recurse::No, |node| {
                match value {
                    Some(value) => node.metadata.xattrs.insert(name.clone(), value.clone()),
                    None => node.metadata.xattrs.remove(name),
                };
            }),
        }
    }

    fn path(&self) -> &TreePath {
        match self {
            Edit::Add(path, _)
            | Edit::Replace(path, _)
            | Edit::Remove(path)
            | Edit::Chmod(path, ..)
            | Edit::Chown(path, ..)
            | Edit::Link(path, _)
            | Edit::Xattr(path, ..) => path,
        }
    }

    fn doing(&self) -> &'static str {
        match self {
            Edit::Add(..) => "adding",
            Edit::Replace(..) => "replacing",
            Edit::Remove(_) => "removing",
            Edit::Chmod(..) => "setting the mode of",
            Edit::Chown(..) => "setting the owner of",
            Edit::Link(..) => "linking",
            Edit::Xattr(..) => "setting an attribute of",
        }
    }
}

/// Makes a change to what is at a path, or to all below too.
fn change(
    tree: &mut Tree,
    path: &TreePath,
    recurse: Recurse,
    mut change_node: impl FnMut(&mut Node),
) -> Result<(), TreeError> {
    let reach = if recurse == Recurse::Yes { usize::MAX } else { 1 };
    let paths: Vec<_> = tree.below(path).take(reach).map(|e| e.path.clone()).collect();
    if paths.first() != Some(path) {
        return Err(TreeError::Missing(path.clone()));
    }
    paths.iter().filter_map(|p| tree.get_mut(p).map(&mut change_node)).for_each(drop);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Time;
    use crate::tree::samples::{file, path};

    /// `lib` is a link, as on every Debian.
    fn sample() -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        for edit in [
            Edit::Add(path("usr/lib/a"), file("a")),
            Edit::Add(path("lib"), Node::symlink("usr/lib", Time::EPOCH)),
            Edit::Add(path("etc/hostname"), file("demo\n")),
        ] {
            edit.apply(&mut tree).expect("free");
        }
        tree
    }

    #[test]
    fn edits_follow_the_trees_own_links() {
        let mut tree = sample();
        Edit::Add(path("lib/b"), file("b")).apply(&mut tree).expect("free");
        assert!(tree.get(&path("usr/lib/b")).is_some());
        Edit::Link(path("lib/c"), path("lib/a")).apply(&mut tree).expect("linked");
        Edit::Remove(path("lib/a")).apply(&mut tree).expect("there");
        assert!(tree.get(&path("usr/lib/c")).is_some() && tree.get(&path("usr/lib/a")).is_none());
        Edit::Remove(path("lib")).apply(&mut tree).expect("the link itself");
        assert!(tree.get(&path("usr/lib/b")).is_some());
    }

    #[test]
    fn a_change_reaches_as_far_as_it_says() {
        let mut tree = sample();
        Edit::Chown(path("usr"), 1, 2, Recurse::Yes).apply(&mut tree).expect("there");
        Edit::Chmod(path("usr/lib"), 0o750, Recurse::No).apply(&mut tree).expect("there");
        let of = |p: &str| tree.get(&path(p)).expect("there").metadata.clone();
        assert_eq!((of("usr/lib/a").uid, of("usr/lib/a").gid, of("etc").uid), (1, 2, 0));
        assert_eq!((of("usr/lib").mode, of("usr/lib/a").mode), (0o750, 0o644));
        let name = b"user.x".to_vec();
        Edit::Xattr(path("etc"), name.clone(), Some(vec![1])).apply(&mut tree).expect("there");
        assert_eq!(tree.get(&path("etc")).expect("there").metadata.xattrs[&name], [1]);
        Edit::Xattr(path("etc"), name, None).apply(&mut tree).expect("there");
        assert!(tree.get(&path("etc")).expect("there").metadata.xattrs.is_empty());
    }

    #[test]
    fn what_cannot_be_done_says_what_and_why() {
        let mut tree = sample();
        let mut refusal = |edit: Edit| edit.apply(&mut tree).expect_err("refused").to_string();
        assert_eq!(
            refusal(Edit::Add(path("lib/a"), file(""))),
            "adding `/lib/a`: `/usr/lib/a` is there already, as a file"
        );
        assert_eq!(refusal(Edit::Remove(path("nope"))), "removing `/nope`: `/nope` is not there");
        assert_eq!(
            refusal(Edit::Chmod(path("nope"), 0, Recurse::Yes)),
            "setting the mode of `/nope`: `/nope` is not there"
        );
        Edit::Replace(path("etc"), file("now a file")).apply(&mut tree).expect("replaced");
        assert!(tree.get(&path("etc/hostname")).is_none());
    }
}
