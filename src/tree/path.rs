//! A path inside a tree: bytes, relative to the root, without `.` and `..`.

use std::cmp::Ordering;
use std::fmt;

use crate::error::shown_bytes;

/// The path of an entry: components joined by `/`, no leading or trailing slash; the root is empty.
///
/// The order puts every directory directly before all that is in it.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct TreePath(Vec<u8>);

/// Why bytes are not a path inside a tree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// `..` could leave the tree.
    #[error("`{}` has a `..`, which could leave the tree", shown_bytes(.0))]
    Parent(Vec<u8>),
    /// No filesystem stores a NUL in a name.
    #[error("`{}` has a NUL byte", shown_bytes(.0))]
    Nul(Vec<u8>),
    /// No filesystem stores a name, and no system call takes a path, of such a length.
    #[error("`{}…` is too long: a name has at most 255 bytes, a path 4095", shown_bytes(.0))]
    TooLong(Vec<u8>),
}

/// The longest name in bytes (Linux `NAME_MAX`).
const NAME_MAX: usize = 255;

/// The longest path in bytes (Linux `PATH_MAX` without its NUL).
const PATH_MAX: usize = 4095;

/// Bytes that are compared at once.
const STEP: usize = 16;

impl TreePath {
    /// The root directory.
    pub const fn root() -> Self {
        TreePath(Vec::new())
    }

    /// Reads a path as archives write it: a leading `/` or `./`, doubled slashes and `.` mean nothing.
    ///
    /// # Errors
    /// Where it has a `..` or a NUL.
    pub fn new(bytes: &[u8]) -> Result<Self, PathError> {
        if bytes.contains(&0) {
            return Err(PathError::Nul(bytes.into()));
        }
        let meaningful = |c: &&[u8]| !c.is_empty() && *c != b".";
        let components: Vec<_> = bytes.split(|&b| b == b'/').filter(meaningful).collect();
        if components.contains(&&b".."[..]) {
            return Err(PathError::Parent(bytes.into()));
        }
        Ok(TreePath(components.join(&b'/')))
    }

    /// The path, where Linux can have it: what a source that is not trusted names must pass here, or
    /// one path could ask for a hundred thousand directories.
    ///
    /// # Errors
    /// Where a name has over 255 bytes or the path over 4095.
    pub fn within_limits(self) -> Result<Self, PathError> {
        match self.0.len() > PATH_MAX || self.components().any(|c| c.len() > NAME_MAX) {
            true => Err(PathError::TooLong(self.0[..self.0.len().min(40)].into())),
            false => Ok(self),
        }
    }

    /// Its names from the root on; none for the root.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.0.split(|&b| b == b'/').filter(|c| !c.is_empty())
    }

    /// The bytes, without a leading slash.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether this is the root directory.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The directory that holds it; `None` for the root.
    pub fn parent(&self) -> Option<TreePath> {
        match self.0.iter().rposition(|&b| b == b'/') {
            _ if self.is_root() => None,
            Some(slash) => Some(TreePath(self.0[..slash].into())),
            None => Some(TreePath::root()),
        }
    }

    /// The last component; empty for the root.
    pub fn name(&self) -> &[u8] {
        let start = self.0.iter().rposition(|&b| b == b'/').map_or(0, |slash| slash + 1);
        &self.0[start..]
    }

    /// Whether it is `prefix` or below it.
    pub fn starts_with(&self, prefix: &TreePath) -> bool {
        let rest = self.0.strip_prefix(&prefix.0[..]);
        prefix.is_root() || rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'/')
    }

    /// The path of an entry in this directory.
    ///
    /// # Errors
    /// As [`TreePath::new`].
    pub fn join(&self, below: &[u8]) -> Result<TreePath, PathError> {
        let whole = match self.is_root() {
            true => below.to_vec(),
            false => [&self.0[..], below].join(&b'/'),
        };
        // Most often it is one name, as directories have them.
        match below.iter().any(|b| b"/\0".contains(b)) || matches!(below, b"" | b"." | b"..") {
            true => TreePath::new(&whole),
            false => Ok(TreePath(whole)),
        }
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most paths that are compared begin alike; whole steps compare in one instruction.
        let steps = self.0.chunks_exact(STEP).zip(other.0.chunks_exact(STEP));
        let start = steps.take_while(|(a, b)| a == b).count() * STEP;
        let (a, b) = (&self.0[start..], &other.0[start..]);
        let alike = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        // NUL is in no name, so a slash that counts as NUL sorts before every byte of a name.
        let next = |rest: &[u8]| rest.get(alike).map(|&byte| if byte == b'/' { 0 } else { byte });
        next(a).cmp(&next(b))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&shown_bytes(&self.0))
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_normalised_and_cannot_leave() {
        let text = |bytes: &[u8]| TreePath::new(bytes).map(|p| p.to_string());
        assert_eq!(text(b"/a//b/./c/"), Ok("a/b/c".into()));
        assert_eq!(text(b"./"), Ok(String::new()));
        assert_eq!(text(b"a/../../etc"), Err(PathError::Parent(b"a/../../etc".into())));
        assert_eq!(text(b"a\0b"), Err(PathError::Nul(b"a\0b".into())));
        let limited = |bytes: &[u8]| TreePath::new(bytes).and_then(TreePath::within_limits);
        assert!(matches!(limited(&[b'a'; 256]), Err(PathError::TooLong(_))));
        assert!(matches!(limited(&b"a/".repeat(2049)), Err(PathError::TooLong(_))));
        assert!(limited(&b"a/".repeat(2000)).is_ok());
    }

    #[test]
    fn parent_name_and_prefix() {
        let path = TreePath::new(b"usr/bin/sh").expect("good");
        assert_eq!(path.name(), b"sh");
        assert_eq!(path.parent().map(|p| p.to_string()), Some("usr/bin".into()));
        assert!(path.starts_with(&TreePath::new(b"usr").expect("good")));
        assert!(!path.starts_with(&TreePath::new(b"us").expect("good")));
        assert_eq!(TreePath::root().parent(), None);
    }
}
