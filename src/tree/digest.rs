//! One hash over all that a tree is: the same for the same tree, whatever source it came from.

use std::collections::BTreeMap;
use std::io::Read;

use sha2::{Digest, Sha256};

use super::{Content, Kind, NodeId, Tree};
use crate::error::{Context, Result};

impl Tree {
    /// SHA-256 over paths, kinds, metadata, links and contents, in the tree's own order.
    ///
    /// # Errors
    /// Where the content of a file cannot be read.
    pub fn digest(&self) -> Result<[u8; 32]> {
        self.hash(content)
    }

    /// As [`Tree::digest`], with the lengths of contents only: no file is read.
    pub fn digest_of_metadata(&self) -> [u8; 32] {
        // Nothing is read that could fail.
        self.hash(|_, _| Ok(())).unwrap_or_default()
    }

    fn hash(&self, content: fn(&mut Sha256, &Content) -> Result<()>) -> Result<[u8; 32]> {
        let mut hasher = Sha256::new();
        let mut first_seen: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (index, entry) in self.iter().enumerate() {
            field(&mut hasher, entry.path.as_bytes());
            let first = *first_seen.entry(entry.id).or_insert(index);
            hasher.update((first as u64).to_le_bytes());
            if first != index {
                continue;
            }
            let metadata = &entry.node.metadata;
            hasher.update(entry.node.st_mode().to_le_bytes());
            hasher.update(metadata.uid.to_le_bytes());
            hasher.update(metadata.gid.to_le_bytes());
            hasher.update(metadata.mtime.seconds.to_le_bytes());
            hasher.update(metadata.mtime.nanoseconds.to_le_bytes());
            hasher.update((metadata.xattrs.len() as u64).to_le_bytes());
            for (name, value) in &metadata.xattrs {
                field(&mut hasher, name);
                field(&mut hasher, value);
            }
            kind(&mut hasher, &entry.node.kind, content)
                .context(|| format!("reading {}", entry.path))?;
        }
        Ok(hasher.finalize().into())
    }
}

/// Bytes with their length in front, so that no two lists of fields hash alike.
fn field(hasher: &mut Sha256, bytes: &[u8]) {
    hasher.update((bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}

fn kind(
    hasher: &mut Sha256,
    kind: &Kind,
    content: fn(&mut Sha256, &Content) -> Result<()>,
) -> Result<()> {
    match kind {
        Kind::Directory | Kind::Fifo | Kind::Socket => {}
        Kind::Symlink(target) => field(hasher, target),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            hasher.update(major.to_le_bytes());
            hasher.update(minor.to_le_bytes());
        }
        Kind::File(of) => {
            hasher.update(of.len().to_le_bytes());
            content(hasher, of)?;
        }
    }
    Ok(())
}

/// The bytes of a file.
fn content(hasher: &mut Sha256, content: &Content) -> Result<()> {
    let mut reader = content.open()?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(()),
            n => hasher.update(&buffer[..n]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Content, Node, Time, Tree};
    use crate::tree::samples::path;

    fn tree(names: &[&str], mode: u16) -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        for name in names {
            let content = Content::from(b"x".to_vec());
            tree.insert(path(name), Node::file(mode, Time::EPOCH, content)).expect("free");
        }
        tree
    }

    #[test]
    fn the_digest_is_of_the_tree_and_not_of_its_making() {
        let digest = |t: &Tree| t.digest().expect("in memory");
        assert_eq!(digest(&tree(&["a", "b"], 0o644)), digest(&tree(&["b", "a"], 0o644)));
        assert_ne!(digest(&tree(&["a", "b"], 0o644)), digest(&tree(&["a", "b"], 0o600)));
        assert_ne!(digest(&tree(&["a", "b"], 0o644)), digest(&tree(&["a", "c"], 0o644)));
        let mut linked = tree(&["a"], 0o644);
        linked.link(path("b"), &path("a")).expect("linked");
        assert_ne!(digest(&tree(&["a", "b"], 0o644)), digest(&linked));
    }

    #[test]
    fn without_contents_only_their_lengths_count() {
        let with = |text: &str| {
            let mut tree = Tree::new(Time::EPOCH);
            let content = Content::from(text.as_bytes().to_vec());
            tree.insert(path("f"), Node::file(0o644, Time::EPOCH, content)).expect("free");
            tree
        };
        let (one, two, longer) = (with("one"), with("two"), with("longer"));
        assert_eq!(one.digest_of_metadata(), two.digest_of_metadata());
        assert_ne!(one.digest_of_metadata(), longer.digest_of_metadata());
        assert_ne!(one.digest().expect("in memory"), two.digest().expect("in memory"));
    }
}
