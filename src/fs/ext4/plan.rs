//! The plan of a filesystem: all numbers, places and refusals, before a byte is written.

use super::geometry::Geometry;
use super::inventory::Inventory;
use super::layout::Layout;
use super::options::{Inodes, Options, Size};
use super::placement::Placement;
use super::refusal::Refusal;
use crate::error::Result;
use crate::size;
use crate::tree::Tree;

/// Blocks at most: extents have 48 bits for their numbers.
const MAX_BLOCKS: u64 = 1 << 48;

/// A filesystem that fits, ready to be written.
#[derive(Debug)]
pub struct Plan<'t> {
    pub(super) options: Options,
    pub(super) inventory: Inventory<'t>,
    pub(super) geometry: Geometry,
    pub(super) layout: Layout,
    pub(super) placement: Placement,
}

/// Plans the filesystem of a tree. Host files are looked at, for their holes, and not read.
///
/// # Errors
/// A [`Refusal`] where the tree, the options or the size do not go together; a host file that
/// cannot be opened.
pub fn plan<'t>(tree: &'t Tree, options: &Options) -> Result<Plan<'t>> {
    check(options)?;
    let inventory = Inventory::new(tree, options)?;
    if let Inodes::Count(given) = options.inodes
        && u64::from(given) < inventory.used()
    {
        return Err(Refusal::TooFewInodes { needed: inventory.used(), given: given.into() }.into());
    }
    let Attempt { geometry, layout, placement, .. } = match options.size {
        Size::Auto { reserve } => Attempt::smallest(&inventory, options, reserve)?,
        Size::Fixed(size) => Attempt::fixed(&inventory, options, size)?,
    };
    Ok(Plan { options: options.clone(), inventory, geometry, layout, placement })
}

impl Plan<'_> {
    /// The bytes of the filesystem, a whole number of blocks.
    pub fn size(&self) -> u64 {
        self.geometry.blocks * self.geometry.block_size
    }

    /// The bytes that are in use, metadata and journal included.
    pub fn used(&self) -> u64 {
        (self.geometry.blocks - self.free_blocks()) * self.geometry.block_size
    }

    /// How many inodes there are.
    pub fn inodes(&self) -> u64 {
        self.geometry.inodes()
    }

    /// How many of them are in use.
    pub fn used_inodes(&self) -> u64 {
        self.inventory.used()
    }

    /// Blocks of all groups that are not in use.
    pub(super) fn free_blocks(&self) -> u64 {
        let rest = self.placement.cursor..self.geometry.blocks;
        rest.end.saturating_sub(rest.start) - self.layout.taken_in(&rest)
    }
}

fn check(options: &Options) -> Result<(), Refusal> {
    match options {
        Options { block_size, .. } if ![1024, 2048, 4096].contains(block_size) => {
            Err(Refusal::BlockSize(*block_size))
        }
        Options { label, .. } if label.len() > 16 => Err(Refusal::Label(label.len())),
        Options { reserved_percent, .. } if *reserved_percent > 50 => {
            Err(Refusal::Reserved(*reserved_percent))
        }
        _ => Ok(()),
    }
}

/// A filesystem of some number of blocks, and how many more it needs.
struct Attempt {
    geometry: Geometry,
    layout: Layout,
    placement: Placement,
    lacks: u64,
}

impl Attempt {
    /// Places everything into so many blocks, of which `reserve` are to stay free.
    fn new(
        inventory: &Inventory<'_>,
        options: &Options,
        blocks: u64,
        reserve: u64,
    ) -> Result<Self, Refusal> {
        let size = size::Size(blocks.saturating_mul(options.block_size.into()));
        if blocks > MAX_BLOCKS {
            return Err(Refusal::TooLarge(size));
        }
        let geometry = Geometry::new(blocks, inventory.demand(), options);
        if !geometry.is_sane() {
            return Err(Refusal::TooLarge(size));
        }
        if geometry.inodes() > u32::MAX.into() {
            return Err(Refusal::Inodes(geometry.inodes()));
        }
        let inodes = match options.inodes {
            Inodes::Count(count) => inventory.used().max(count.into()),
            Inodes::Auto | Inodes::Ratio(_) => inventory.used(),
        };
        let layout = Layout::new(&geometry);
        let placement = Placement::new(inventory, &geometry, &layout, reserve);
        let lacks = placement.missing.max(geometry.lacks_for(inodes));
        Ok(Attempt { geometry, layout, placement, lacks })
    }

    /// Grows from too few blocks until nothing is missing: what is added for files needs more
    /// metadata, which is added the next time.
    fn smallest(
        inventory: &Inventory<'_>,
        options: &Options,
        reserve: u64,
    ) -> Result<Self, Refusal> {
        let reserve = reserve.div_ceil(options.block_size.into());
        let mut blocks = inventory.demand().blocks + reserve;
        loop {
            let attempt = Attempt::new(inventory, options, blocks, reserve)?;
            blocks += match attempt.lacks {
                0 => attempt.geometry.last_group_lacks(),
                lacks => lacks,
            };
            if blocks == attempt.geometry.blocks {
                return Ok(attempt);
            }
        }
    }

    /// As many blocks as a size has; without a last group that is too short to be of use.
    fn fixed(inventory: &Inventory<'_>, options: &Options, given: u64) -> Result<Self, Refusal> {
        let mut blocks = given / u64::from(options.block_size);
        if blocks > inventory.demand().blocks {
            let geometry = Geometry::new(blocks.min(MAX_BLOCKS), inventory.demand(), options);
            if geometry.last_group_lacks() > 0 {
                blocks = geometry.group(geometry.groups() - 1).start;
            }
            let attempt = Attempt::new(inventory, options, blocks, 0)?;
            if attempt.lacks == 0 {
                return Ok(attempt);
            }
        }
        let geometry = Attempt::smallest(inventory, options, 0)?.geometry;
        let needed = size::Size(geometry.blocks * geometry.block_size);
        Err(Refusal::TooSmall { needed, given: size::Size(given) })
    }
}
