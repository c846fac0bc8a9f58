//! How much memory what an image holds may take: an image that is small and asks for much is damaged,
//! or meant to harm.

use std::cell::Cell;

/// Bytes of memory for each byte of an image: a name that takes three bytes in a packed image still has
/// room for its path and its node.
const FOR_EACH_BYTE: u64 = 64;

/// What every image may take.
const AT_LEAST: u64 = 64 << 20;

/// What is about a name in a tree: path, node, metadata.
const NAME_COST: u64 = 256;

/// Memory that is left for one image.
#[derive(Debug)]
pub(super) struct Budget(Cell<u64>);

/// An image asks for more than its length can account for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it holds more than its length can account for: it is damaged, or made to exhaust memory")]
pub struct Exhausted;

impl Budget {
    /// What an image of so many bytes may take.
    pub(super) fn new(image_len: u64) -> Self {
        Budget(Cell::new(image_len.saturating_mul(FOR_EACH_BYTE).saturating_add(AT_LEAST)))
    }

    /// Takes bytes.
    ///
    /// # Errors
    /// Where there are not so many left.
    pub(super) fn take(&self, bytes: usize) -> Result<(), Exhausted> {
        let left = self.0.get().checked_sub(bytes as u64).ok_or(Exhausted)?;
        self.0.set(left);
        Ok(())
    }

    /// Takes what a name with its node costs.
    ///
    /// # Errors
    /// As [`Budget::take`].
    pub(super) fn take_name(&self, path_len: usize) -> Result<(), Exhausted> {
        self.take(NAME_COST as usize + path_len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_image_cannot_ask_for_much() {
        let budget = Budget::new(10);
        assert_eq!(budget.take(AT_LEAST as usize), Ok(()));
        assert_eq!(budget.take_name(400), Err(Exhausted));
        assert_eq!(budget.take_name(100), Ok(()));
        assert_eq!(budget.take(640), Err(Exhausted));
    }
}
