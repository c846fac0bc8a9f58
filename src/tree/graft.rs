//! A tree below a path of another.

use std::collections::BTreeMap;

use super::{Tree, TreeError, TreePath};

impl Tree {
    /// Places all of another tree below a path; what is one file there is one here. The other's root
    /// becomes what is at the path, unless that is this tree's own root.
    ///
    /// # Errors
    /// Where something other is in a place, or a parent is no directory.
    pub fn graft(&mut self, below: &TreePath, other: &Tree) -> Result<(), TreeError> {
        let mut first_names = BTreeMap::new();
        for entry in other.iter().filter(|e| !(e.path.is_root() && below.is_root())) {
            let path = match entry.path.is_root() {
                true => below.clone(),
                false => below.join(entry.path.as_bytes())?,
            };
            match first_names.get(&entry.id) {
                Some(first) => self.link(path, first)?,
                None => {
                    self.insert(path.clone(), entry.node.clone())?;
                    first_names.insert(entry.id, path);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::tree::{Content, Node, Time, Tree, TreePath};

    #[test]
    fn hard_links_come_along_and_a_root_keeps_its_own_attributes() {
        let path = |text: &str| TreePath::new(text.as_bytes()).expect("good");
        let mut other = Tree::new(Time::from_seconds(7));
        let node = Node::file(0o644, Time::EPOCH, Content::from(b"x".to_vec()));
        other.insert(path("a/b"), node).expect("free");
        other.link(path("c"), &path("a/b")).expect("free");
        let (mut here, mut root) = (Tree::new(Time::EPOCH), Tree::new(Time::EPOCH));
        here.graft(&path("deep/er"), &other).expect("free");
        root.graft(&TreePath::root(), &other).expect("free");
        let ids = |tree: &Tree, names: [&str; 2]| {
            names.map(|name| tree.below(&path(name)).next().map(|entry| entry.id))
        };
        let [a, b] = ids(&here, ["deep/er/a/b", "deep/er/c"]);
        assert!(a.is_some() && a == b);
        let time =
            |tree: &Tree, name: &str| tree.get(&path(name)).map(|n| n.metadata.mtime.seconds);
        assert_eq!(
            (time(&here, "deep/er"), time(&here, ""), time(&root, "")),
            (Some(7), Some(0), Some(0))
        );
        assert!(here.graft(&path("deep/er"), &other).is_err());
    }
}
