//! Which blocks each inode gets: journal and directories first, then files, in the order of their
//! numbers.

use super::allocator::Allocator;
use super::extent::{self, Extent};
use super::geometry::Geometry;
use super::inventory::{Body, Inventory, Item};
use super::layout::Layout;

/// The blocks of one inode.
#[derive(Debug, Default)]
pub(super) struct Placed {
    /// Where its content is.
    pub(super) extents: Vec<Extent>,
    /// Blocks of the extent tree outside the inode; of the resize inode, its double-indirect block.
    pub(super) map: Vec<u64>,
    /// The block of its extended attributes.
    pub(super) xattrs: Option<u64>,
}

/// The blocks of all inodes.
#[derive(Debug)]
pub(super) struct Placement {
    /// By item of the inventory.
    pub(super) placed: Vec<Placed>,
    /// Every block in front of this one is in use, and behind it only metadata.
    pub(super) cursor: u64,
    /// Blocks that were not there; a plan with any is none.
    pub(super) missing: u64,
}

impl Placement {
    /// Places an inventory into what a layout leaves, so that `reserve` blocks stay free.
    pub(super) fn new(
        inventory: &Inventory<'_>,
        geometry: &Geometry,
        layout: &Layout,
        reserve: u64,
    ) -> Self {
        let all = geometry.first_block..geometry.blocks;
        let mut allocator = Allocator::new(all, &layout.taken);
        let mut placed: Vec<Placed> = Vec::new();
        placed.resize_with(inventory.items.len(), Placed::default);
        for first in [true, false] {
            for (item, placed) in inventory.items.iter().zip(&mut placed) {
                if is_first(&item.body) == first {
                    place(item, placed, geometry, &mut allocator);
                }
            }
        }
        let cursor = allocator.cursor();
        allocator.take(reserve, |_, _| {});
        let beyond = layout.end().saturating_sub(geometry.blocks);
        Placement { placed, cursor, missing: allocator.missing() + beyond }
    }
}

/// Whether it stands in front of all files, where e2fsck and `ls` find it at once, and where
/// shrinking a filesystem does not have to move it.
pub(super) fn is_first(body: &Body<'_>) -> bool {
    matches!(body, Body::Resize | Body::Journal | Body::Directory(..))
}

fn place(item: &Item<'_>, placed: &mut Placed, geometry: &Geometry, from: &mut Allocator<'_>) {
    if item.xattr_block {
        from.take(1, |at, _| placed.xattrs = Some(at));
    }
    for run in item.body.runs(geometry.journal_blocks).iter() {
        let mut logical = run.logical;
        from.take(run.len, |at, len| {
            extent::append(&mut placed.extents, logical, at, len);
            logical += len;
        });
    }
    let map = match item.body {
        Body::Resize => usize::from(geometry.spare_descriptor_blocks > 0),
        _ => extent::tree_blocks(placed.extents.len(), geometry.block_size as usize),
    };
    from.take(map as u64, |at, len| placed.map.extend(at..at + len));
}
