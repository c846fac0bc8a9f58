//! Ids that formats want to be unique, from what is on the disk: the same disk has the same ids.

use sha2::{Digest, Sha256};

use crate::bytes::Guid;

/// A digest of the blocks of a disk, and of what they are written as.
///
/// Of each block two checksums go in, which every CPU has instructions for: ids have to differ between
/// images, not to withstand an attacker, and a digest of all bytes would take longer than the conversion.
#[derive(Debug, Clone)]
pub struct Identity(Sha256);

impl Identity {
    /// The identity of an empty disk of this size.
    pub(super) fn new(size: u64) -> Self {
        Identity(Sha256::new().chain_update(b"bootwright disk").chain_update(size.to_be_bytes()))
    }

    /// The checksums of a block.
    pub(super) fn of_block(bytes: &[u8]) -> [u8; 8] {
        let sums = [crc32fast::hash(bytes), crc32c::crc32c(bytes)];
        (u64::from(sums[0]) << 32 | u64::from(sums[1])).to_be_bytes()
    }

    /// Adds a block, in the disk's order.
    pub(super) fn add(&mut self, block: u64, sums: [u8; 8]) {
        self.0.update(block.to_be_bytes());
        self.0.update(sums);
    }

    /// The id for a purpose.
    pub fn guid(&self, purpose: &str) -> Guid {
        let digest = self.0.clone().chain_update(purpose).finalize();
        let bits = digest.first_chunk().map_or(0, |bytes| u128::from_be_bytes(*bytes));
        Guid::custom(bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_content_place_size_and_purpose() {
        let of = |size, block, bytes: &[u8]| {
            let mut identity = Identity::new(size);
            identity.add(block, Identity::of_block(bytes));
            identity
        };
        let one = of(512, 0, b"x");
        assert_eq!(one.guid("disk"), of(512, 0, b"x").guid("disk"));
        for other in [of(512, 0, b"y"), of(512, 1, b"x"), of(1024, 0, b"x")] {
            assert_ne!(one.guid("disk"), other.guid("disk"));
        }
        assert_ne!(one.guid("disk"), one.guid("file"));
    }
}
