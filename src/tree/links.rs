//! How many paths name each node: what hard links are told by.

use std::ops::{Index, IndexMut};

use super::{NodeId, Tree};

/// The number of paths of each node; 0 of a node that lost its last one.
#[derive(Debug, Clone, Default)]
pub struct LinkCounts(Vec<u32>);

impl LinkCounts {
    pub(super) fn of(tree: &Tree) -> Self {
        let mut counts = vec![0; tree.nodes.len()];
        tree.entries.values().for_each(|id| counts[id.0] += 1);
        LinkCounts(counts)
    }

    /// The nodes that have a path.
    pub fn named(&self) -> impl Iterator<Item = NodeId> {
        let named = self.0.iter().enumerate().filter(|(_, count)| **count > 0);
        named.map(|(id, _)| NodeId(id))
    }
}

impl Index<NodeId> for LinkCounts {
    type Output = u32;

    fn index(&self, id: NodeId) -> &u32 {
        &self.0[id.0]
    }
}

impl IndexMut<NodeId> for LinkCounts {
    fn index_mut(&mut self, id: NodeId) -> &mut u32 {
        &mut self.0[id.0]
    }
}
