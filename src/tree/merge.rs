//! Merging trees, one on top of the other, in order.
//!
//! Directories merge. A path below a symbolic link to a directory goes where the link leads inside the
//! tree, and a directory where such a link is leaves the link alone: so dpkg unpacks packages onto a
//! system whose `lib` is `usr/lib`. What is the same on both sides is no conflict.

use std::collections::BTreeMap;
use std::str::FromStr;

use super::{Kind, Node, NodeId, Tree, TreeError, TreePath};
use crate::error::{Context, Result};

/// What happens where both trees describe a path, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Conflict {
    /// It is an error.
    #[default]
    Refuse,
    /// What is on top wins.
    Replace,
    /// What was there first wins.
    Keep,
}

impl FromStr for Conflict {
    type Err = ConflictError;

    /// Reads `refuse`, `replace` and `keep`.
    fn from_str(text: &str) -> Result<Self, ConflictError> {
        match text {
            "refuse" => Ok(Conflict::Refuse),
            "replace" => Ok(Conflict::Replace),
            "keep" => Ok(Conflict::Keep),
            _ => Err(ConflictError(text.into())),
        }
    }
}

/// The text says of no conflict what happens.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is none of refuse, replace and keep")]
pub struct ConflictError(String);

/// How trees are merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Of files, links and devices, and of a directory and anything else.
    pub files: Conflict,
    /// Of two directories with other modes, owners or attributes; of other times the later one wins
    /// silently, because no two sources have the same.
    pub directories: Conflict,
}

impl Options {
    /// What is on top wins, always: layers.
    pub const REPLACE: Options =
        Options { files: Conflict::Replace, directories: Conflict::Replace };

    /// As dpkg does with packages: two with the same file are an error, and the first one's directories
    /// stay as they are.
    pub const PACKAGES: Options = Options { files: Conflict::Refuse, directories: Conflict::Keep };
}

/// Why trees do not merge.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Both describe a path.
    #[error("`/{path}` is there already, as another {was}")]
    Differs {
        /// Where.
        path: TreePath,
        /// What kind of thing was there.
        was: &'static str,
    },
    /// Different kinds.
    #[error("`/{path}` is a {was} there, and a {is} on top")]
    Kinds {
        /// Where.
        path: TreePath,
        /// What was there.
        was: &'static str,
        /// What is on top.
        is: &'static str,
    },
    /// Two directories with other modes or owners.
    #[error("the directory `/{path}` is {was} there, and {is} on top")]
    Directories {
        /// Where.
        path: TreePath,
        /// Mode and owner there.
        was: String,
        /// Mode and owner on top.
        is: String,
    },
    /// No place for it.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl Tree {
    /// Puts another tree on top of this one. After an error this one is half merged.
    ///
    /// # Errors
    /// A conflict that `options` refuse ([`MergeError`]), or a content that cannot be compared.
    pub fn merge(&mut self, top: &Tree, options: Options) -> Result<()> {
        // Hard links among what was placed; what was kept or equal keeps its own.
        let mut placed: BTreeMap<NodeId, TreePath> = BTreeMap::new();
        for entry in top.iter() {
            let is_directory = matches!(entry.node.kind, Kind::Directory);
            if is_directory && top.is_implied(entry.path) {
                self.imply(entry.path)?;
                continue;
            }
            let path = self.resolve(entry.path).map_err(MergeError::from)?;
            let wins = match is_directory {
                true => self.admit_directory(&path, entry.node, options)?,
                false => self.admit(&path, entry.node, options.files)?,
            };
            match (wins, placed.get(&entry.id)) {
                (None, _) => {
                    // The same file was there: what is linked to it on top is linked to that one.
                    if !is_directory && options.files == Conflict::Refuse {
                        placed.entry(entry.id).or_insert(path);
                    }
                }
                (Some(path), Some(first)) => {
                    self.remove(&path);
                    self.link(path, first).map_err(MergeError::from)?;
                }
                (Some(path), None) => {
                    self.replace(path.clone(), entry.node.clone()).map_err(MergeError::from)?;
                    if !is_directory {
                        placed.insert(entry.id, path);
                    }
                }
            }
        }
        Ok(())
    }

    /// Makes sure that there is a directory, or a link to one; what is in the way shows itself when
    /// something below it is placed.
    fn imply(&mut self, path: &TreePath) -> Result<(), MergeError> {
        let path = self.resolve(path)?;
        match self.get(&path) {
            Some(_) => Ok(()),
            None => Ok(self.insert_implied(path)?),
        }
    }

    /// Where a directory goes, if anywhere.
    fn admit_directory(
        &self,
        path: &TreePath,
        node: &Node,
        options: Options,
    ) -> Result<Option<TreePath>, MergeError> {
        let Some(was) = self.get(path) else { return Ok(Some(path.clone())) };
        match &was.kind {
            Kind::Directory => {}
            Kind::Symlink(_) if self.leads_to_directory(path)? => return Ok(None),
            other => return settle(path, options.files, || kinds(path, other, &node.kind)),
        }
        let described = |n: &Node| {
            let m = &n.metadata;
            (m.mode, m.uid, m.gid, m.xattrs.clone())
        };
        let is_same = described(was) == described(node);
        if self.is_implied(path) || (is_same && options.directories != Conflict::Keep) {
            return Ok(Some(path.clone()));
        }
        if is_same {
            return Ok(None);
        }
        let shown = |n: &Node| {
            let m = &n.metadata;
            format!("{:04o} {}:{}", m.mode, m.uid, m.gid)
        };
        settle(path, options.directories, || MergeError::Directories {
            path: path.clone(),
            was: shown(was),
            is: shown(node),
        })
    }

    /// Where something that is no directory goes, if anywhere.
    fn admit(&self, path: &TreePath, node: &Node, conflict: Conflict) -> Result<Option<TreePath>> {
        let Some(was) = self.get(path) else { return Ok(Some(path.clone())) };
        if conflict == Conflict::Refuse && is_same(was, node, path)? {
            return Ok(None);
        }
        Ok(settle(path, conflict, || match was.kind.name() == node.kind.name() {
            true => MergeError::Differs { path: path.clone(), was: was.kind.name() },
            false => kinds(path, &was.kind, &node.kind),
        })?)
    }

    fn leads_to_directory(&self, path: &TreePath) -> Result<bool, TreeError> {
        let end = self.resolve_fully(path)?;
        Ok(self.get(&end).is_some_and(|n| matches!(n.kind, Kind::Directory)))
    }
}

fn settle(
    path: &TreePath,
    conflict: Conflict,
    error: impl FnOnce() -> MergeError,
) -> Result<Option<TreePath>, MergeError> {
    match conflict {
        Conflict::Refuse => Err(error()),
        Conflict::Replace => Ok(Some(path.clone())),
        Conflict::Keep => Ok(None),
    }
}

fn kinds(path: &TreePath, was: &Kind, is: &Kind) -> MergeError {
    MergeError::Kinds { path: path.clone(), was: was.name(), is: is.name() }
}

/// Whether two nodes are the same but for their time.
fn is_same(a: &Node, b: &Node, path: &TreePath) -> Result<bool> {
    let (m, n) = (&a.metadata, &b.metadata);
    if (m.mode, m.uid, m.gid, &m.xattrs) != (n.mode, n.uid, n.gid, &n.xattrs) {
        return Ok(false);
    }
    Ok(match (&a.kind, &b.kind) {
        (Kind::File(a), Kind::File(b)) => {
            a.is_same(b).context(|| format!("comparing both files `/{path}`"))?
        }
        (a, b) => a.is_same_but_for_content(b),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::tree::Time;
    use crate::tree::samples::{file, path, tree};

    fn names(tree: &Tree) -> Vec<String> {
        tree.iter().skip(1).map(|e| e.path.to_string()).collect()
    }

    fn text(tree: &Tree, at: &str) -> Vec<u8> {
        match &tree.get(&path(at)).expect("there").kind {
            Kind::File(content) => content.read().expect("reads"),
            other => panic!("a {}", other.name()),
        }
    }

    fn refusal(base: &mut Tree, top: &Tree) -> MergeError {
        let error = base.merge(top, Options::default()).expect_err("a conflict");
        error.downcast_ref::<MergeError>().expect("of merging").clone()
    }

    #[test]
    fn packages_go_through_the_links_of_a_merged_usr() {
        let directory = Node::directory(0o755, Time::EPOCH);
        let link = Node::symlink("usr/lib", Time::EPOCH);
        let mut base = tree(&[("usr/lib", directory.clone()), ("lib", link)]);
        let top = tree(&[("lib", directory), ("lib/systemd/a", file("a")), ("lib/b", file("b"))]);
        base.merge(&top, Options::PACKAGES).expect("merges");
        let wanted = ["lib", "usr", "usr/lib", "usr/lib/b", "usr/lib/systemd", "usr/lib/systemd/a"];
        assert_eq!(names(&base), wanted);
        assert!(matches!(base.get(&path("lib")).expect("there").kind, Kind::Symlink(_)));
    }

    #[test]
    fn nothing_is_placed_outside_by_a_link() {
        let mut base = tree(&[("out", Node::symlink("../../..", Time::EPOCH))]);
        base.merge(&tree(&[("out/etc/x", file("x"))]), Options::default()).expect("merges");
        assert_eq!(names(&base), ["etc", "etc/x", "out"]);
    }

    #[test]
    fn a_conflict_is_an_error_or_an_explicit_choice() {
        let base = || tree(&[("etc/x", file("old")), ("d", Node::directory(0o700, Time::EPOCH))]);
        let top = tree(&[("etc/x", file("new"))]);
        let differs = MergeError::Differs { path: path("etc/x"), was: "file" };
        assert_eq!(refusal(&mut base(), &top), differs);
        base().merge(&base(), Options::default()).expect("what is the same is no conflict");
        for (files, wins) in [(Conflict::Keep, "old"), (Conflict::Replace, "new")] {
            let mut merged = base();
            merged.merge(&top, Options { files, ..Options::default() }).expect("merges");
            assert_eq!(text(&merged, "etc/x"), wins.as_bytes());
        }
        let over = tree(&[("etc", file(""))]);
        let kinds = MergeError::Kinds { path: path("etc"), was: "directory", is: "file" };
        assert_eq!(refusal(&mut base(), &over), kinds);
        let mut replaced = base();
        replaced.merge(&over, Options::REPLACE).expect("merges");
        assert_eq!(names(&replaced), ["d", "etc"]);
    }

    #[test]
    fn two_owners_of_a_directory_are_a_conflict_but_filled_in_parents_never_are() {
        let mut mine = Node::directory(0o755, Time::EPOCH);
        mine.metadata.uid = 7;
        let mut base = tree(&[("etc", mine.clone())]);
        base.merge(&tree(&[("etc/x", file("x"))]), Options::default()).expect("only implied");
        assert_eq!(base.get(&path("etc")).expect("there").metadata.uid, 7);
        let other = tree(&[("etc", Node::directory(0o755, Time::EPOCH))]);
        let error = refusal(&mut base, &other).to_string();
        assert_eq!(error, "the directory `/etc` is 0755 7:0 there, and 0755 0:0 on top");
        let mut base = tree(&[("etc/x", file("x"))]);
        base.merge(&tree(&[("etc", mine)]), Options::PACKAGES).expect("described at last");
        assert_eq!(base.get(&path("etc")).expect("there").metadata.uid, 7);
    }

    #[test]
    fn hard_links_stay_linked() {
        let mut top = tree(&[("a", file("1"))]);
        top.link(path("b"), &path("a")).expect("linked");
        let mut base = tree(&[("b", file("old"))]);
        base.merge(&top, Options::REPLACE).expect("merges");
        let ids: Vec<_> = base.iter().skip(1).map(|e| e.id).collect();
        assert_eq!(ids[0], ids[1]);
        assert_eq!(text(&base, "b"), b"1");
        let mut same = tree(&[("a", file("1"))]);
        same.merge(&top, Options::default()).expect("merges");
        assert_eq!(same.digest().expect("in memory"), top.digest().expect("in memory"));
    }

    /// Trees over few names, so that they collide.
    fn any_tree() -> impl Strategy<Value = Tree> {
        let node = prop_oneof![
            "[xy]".prop_map(|t| file(&t)),
            Just(Node::directory(0o755, Time::EPOCH)),
            "(/|../)?[ab](/[ab])?".prop_map(|t| Node::symlink(t, Time::EPOCH)),
        ];
        let entry = ("[ab](/[ab]){0,3}", node);
        proptest::collection::vec(entry, 0..8).prop_map(|entries| {
            let mut tree = Tree::new(Time::EPOCH);
            for (at, node) in entries {
                // What does not fit stays out.
                let _ = tree.insert(path(&at), node);
            }
            tree
        })
    }

    proptest! {
        #[test]
        fn a_merged_tree_is_sound(base in any_tree(), top in any_tree()) {
            for options in [Options::default(), Options::PACKAGES, Options::REPLACE] {
                let mut merged = base.clone();
                if merged.merge(&top, options).is_err() {
                    continue;
                }
                for entry in merged.iter().skip(1) {
                    let parent = entry.path.parent().and_then(|p| merged.get(&p));
                    prop_assert!(parent.is_some_and(|n| matches!(n.kind, Kind::Directory)));
                }
                // A link that is placed can lead the second merge elsewhere.
                let has_links = merged.iter().any(|e| matches!(e.node.kind, Kind::Symlink(_)));
                let again = merged.clone();
                if !has_links && merged.merge(&top, options).is_ok() {
                    prop_assert_eq!(names(&again), names(&merged), "merging twice adds nothing");
                }
            }
        }

        #[test]
        fn merging_into_nothing_gives_the_same_tree(top in any_tree()) {
            let mut merged = Tree::new(Time::EPOCH);
            let clean = top.iter().all(|e| top.resolve(e.path).as_ref() == Ok(e.path));
            prop_assume!(clean);
            merged.merge(&top, Options::default()).expect("nothing is in the way");
            prop_assert_eq!(merged.digest().expect("in memory"), top.digest().expect("in memory"));
        }
    }
}
