//! Who an image is: every GUID, volume id and hash seed derives from what goes in and from the seed
//! that the user gave, so that the same inputs give the same bytes and other inputs other identities.

use sha2::{Digest, Sha256};

use crate::bytes::Guid;
use crate::error::Result;
use crate::tree::Tree;

/// The hash from which all identifiers of one image derive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// The identity of an image that is made of these trees with these options.
    ///
    /// # Errors
    /// Where a file of a tree cannot be read.
    pub fn new(seed: &str, options: &str, trees: &[&Tree]) -> Result<Self> {
        let mut hasher = Sha256::new();
        for text in ["bootwright image 1", seed, options] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text);
        }
        for digest in digests(trees)? {
            hasher.update(digest);
        }
        Ok(Identity(hasher.finalize().into()))
    }

    /// The identity of a tree but for the contents of its files.
    pub fn of_metadata(options: &str, tree: &Tree) -> Self {
        let hasher = Sha256::new().chain_update(options).chain_update(tree.digest_of_metadata());
        Identity(hasher.finalize().into())
    }

    /// The GUID of the part of the image that has this name.
    pub fn guid(&self, of: &str) -> Guid {
        Guid::custom(u128::from_be_bytes(self.derive(of)))
    }

    /// A 32-bit volume id, as FAT has it.
    pub fn volume_id(&self, of: &str) -> u32 {
        u32::from_be_bytes(self.derive(of))
    }

    /// The first `N` bytes of the hash of this identity and a name.
    fn derive<const N: usize>(&self, of: &str) -> [u8; N] {
        let hash = Sha256::new().chain_update(self.0).chain_update(of).finalize();
        std::array::from_fn(|i| hash[i])
    }
}

/// Hashing reads every byte that goes in, so each tree gets a thread.
fn digests(trees: &[&Tree]) -> Result<Vec<[u8; 32]>> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = trees.iter().map(|tree| scope.spawn(|| tree.digest())).collect();
        threads.into_iter().map(join).collect()
    })
}

/// The result of a thread; its panic, if it had one, goes on here.
fn join<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Time;

    #[test]
    fn identifiers_follow_the_inputs_and_differ_by_name() {
        let tree = Tree::new(Time::EPOCH);
        let identity = |seed| Identity::new(seed, "", &[&tree]).expect("in memory");
        assert_eq!(identity("a").guid("disk"), identity("a").guid("disk"));
        assert_ne!(identity("a").guid("disk"), identity("b").guid("disk"));
        assert_ne!(identity("a").guid("disk"), identity("a").guid("root"));
        assert_ne!(identity("a").volume_id("esp"), identity("b").volume_id("esp"));
    }
}
