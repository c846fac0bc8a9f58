//! Following symbolic links inside a root, as the kernel does for a process whose root it is: an
//! absolute target starts at that root, and `..` never leads above it.

use super::{TreeError, TreePath};

/// How many links Linux follows in one path (`MAXSYMLINKS`).
const MAX_LINKS: usize = 40;

/// Where a path leads when symbolic links are followed; `target_of` says what link is at a path,
/// where one is. The last component is followed only if `last`.
///
/// # Errors
/// More than 40 links, a path that is too long, or what `target_of` says.
pub(super) fn follow<E: From<TreeError>>(
    path: &TreePath,
    last: bool,
    mut target_of: impl FnMut(&TreePath) -> Result<Option<Vec<u8>>, E>,
) -> Result<TreePath, E> {
    let mut left: Vec<Vec<u8>> = path.components().rev().map(<[u8]>::to_vec).collect();
    let mut reached = TreePath::root();
    let mut links = 0;
    while let Some(name) = left.pop() {
        if name == b".." {
            reached = reached.parent().unwrap_or_default();
            continue;
        }
        let next =
            reached.join(&name).and_then(TreePath::within_limits).map_err(TreeError::from)?;
        let target = if left.is_empty() && !last { None } else { target_of(&next)? };
        let Some(target) = target else {
            reached = next;
            continue;
        };
        links += 1;
        if links > MAX_LINKS {
            return Err(TreeError::Loop(path.clone()).into());
        }
        if target.starts_with(b"/") {
            reached = TreePath::root();
        }
        let names = target.rsplit(|&b| b == b'/').filter(|c| !c.is_empty() && *c != b".");
        left.extend(names.map(<[u8]>::to_vec));
    }
    Ok(reached)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::samples::path;
    use crate::tree::{Node, Time, Tree};

    fn resolved(links: &[(&str, &str)], of: &str) -> Result<String, TreeError> {
        let mut tree = Tree::new(Time::EPOCH);
        for (at, to) in links {
            tree.insert(path(at), Node::symlink(*to, Time::EPOCH)).expect("free");
        }
        tree.resolve(&path(of)).map(|p| p.to_string())
    }

    #[test]
    fn parents_are_followed_and_the_last_name_is_not() {
        let links = [("lib", "usr/lib"), ("usr/lib/a", "/opt/./a"), ("last", "usr")];
        assert_eq!(resolved(&links, "lib/x"), Ok("usr/lib/x".into()));
        assert_eq!(resolved(&links, "lib/a/x/y"), Ok("opt/a/x/y".into()));
        assert_eq!(resolved(&links, "last"), Ok("last".into()));
    }

    #[test]
    fn nothing_leads_outside_and_loops_end() {
        let links = [("up", "../../.."), ("etc/up", ".."), ("a", "b"), ("b", "a")];
        assert_eq!(resolved(&links, "up/etc/passwd"), Ok("etc/passwd".into()));
        assert_eq!(resolved(&links, "etc/up/x"), Ok("x".into()));
        assert_eq!(resolved(&links, "a/x"), Err(TreeError::Loop(path("a/x"))));
    }
}
