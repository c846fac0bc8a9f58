//! Files with equal contents, which are stored once.

use std::collections::HashMap;

use crate::error::Result;
use crate::tree::Content;

/// What equal files have in common for sure: their length, and the CRC-32 of their first block.
pub(super) type Likeness = (u64, u32);

/// The files that were stored, by what they look like.
#[derive(Default)]
pub(super) struct Duplicates<'t> {
    seen: HashMap<Likeness, Vec<(&'t Content, usize)>>,
}

impl<'t> Duplicates<'t> {
    /// The number of a file that was stored and has the same bytes, which are compared; this one is
    /// remembered by `number` otherwise.
    ///
    /// # Errors
    /// Where one of the files cannot be read.
    pub(super) fn find(
        &mut self,
        likeness: Likeness,
        content: &'t Content,
        number: usize,
    ) -> Result<Option<usize>> {
        let alike = self.seen.entry(likeness).or_default();
        for &(other, its_number) in alike.iter() {
            if content.is_same(other)? {
                return Ok(Some(its_number));
            }
        }
        alike.push((content, number));
        Ok(None)
    }
}
