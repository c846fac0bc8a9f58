//! Owners and groups: one table of both, which inodes refer to by number.

use std::collections::BTreeMap;

use super::refusal::Refusal;
use crate::tree::Tree;

/// As many as the superblock can count.
const IDS_MAX: usize = u16::MAX as usize;

/// The numbers of all owners and groups, in their own order.
#[derive(Debug, Default)]
pub(super) struct Ids(BTreeMap<u32, u16>);

impl Ids {
    /// Those of a tree.
    ///
    /// # Errors
    /// Where there are too many.
    pub(super) fn new(tree: &Tree) -> Result<Self, Refusal> {
        let mut ids = BTreeMap::new();
        for entry in tree.iter() {
            let metadata = &entry.node.metadata;
            ids.insert(metadata.uid, 0);
            ids.insert(metadata.gid, 0);
        }
        if ids.len() > IDS_MAX {
            return Err(Refusal::Ids(ids.len()));
        }
        ids.values_mut().zip(0..).for_each(|(index, n)| *index = n);
        Ok(Ids(ids))
    }

    /// The number of an owner or group of the tree.
    pub(super) fn index(&self, id: u32) -> u16 {
        self.0.get(&id).copied().unwrap_or(0)
    }

    /// How many there are.
    pub(super) fn len(&self) -> u16 {
        self.0.len() as u16
    }

    /// The entries of the table.
    pub(super) fn encode(&self) -> Vec<u8> {
        self.0.keys().flat_map(|id| id.to_le_bytes()).collect()
    }
}
