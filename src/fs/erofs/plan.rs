//! The plan of an image: every inode with its place, what is lost, and every refusal, before a byte is
//! written. Files are not read for it: places follow from lengths alone, so that a tree has the same
//! image whatever source it came from.

use std::collections::BTreeMap;

use super::directory::{self, Entry, NAME_MAX};
use super::inode::{self, SLOT};
use super::options::Options;
use super::refusal::Refusal;
use super::superblock::{BLOCK, BLOCK_LOG};
use super::xattr;
use crate::error::shown_bytes;
use crate::fs::device;
use crate::fs::link_target::{self, TARGET_MAX};
use crate::size::Size;
use crate::tree::{self, Content, Kind, LinkCounts, Node, NodeId, Notice, Tree, TreePath};

/// The most that 32 bits of blocks can count.
pub(super) const SIZE_MAX: u64 = u32::MAX as u64 * BLOCK;

/// Files from this length on are stored in chunks, those that are zero not at all.
const CHUNKED_FROM: u64 = 1 << 20;

/// The size of chunks above that of blocks, as a logarithm: 64 KiB.
const CHUNK_LOG: u32 = 4;

/// Chunks of a file at most; a longer file has larger ones.
const CHUNKS_MAX: u64 = 1 << 16;

/// An image that is possible, ready to be written.
#[derive(Debug)]
pub struct Plan<'t> {
    pub(super) options: Options,
    /// In the order of their places, the root first.
    pub(super) items: Vec<Item<'t>>,
    /// Where data start: behind all inodes.
    pub(super) data: u64,
    /// What the image will not have as the tree has it.
    pub notices: Vec<Notice>,
}

/// An inode.
#[derive(Debug)]
pub(super) struct Item<'t> {
    /// What it is.
    pub(super) node: &'t Node,
    /// Its offset in the image.
    pub(super) place: u64,
    /// How many names it has; a directory's own two and those of its subdirectories.
    pub(super) links: u32,
    /// Bytes of what it holds.
    pub(super) size: u64,
    /// Where these are.
    pub(super) shape: Shape,
    /// The names in a directory, sorted, with `.` and `..`.
    pub(super) entries: Vec<Entry<'t>>,
}

/// Where the data of an inode are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// In blocks.
    Plain,
    /// What fills no block is behind the inode.
    Inline,
    /// In chunks, larger than a block by this logarithm.
    Chunks(u32),
}

/// Looks whether a tree can become an image.
///
/// # Errors
/// Where tree and options do not go together.
pub fn plan<'t>(tree: &'t Tree, options: &Options) -> Result<Plan<'t>, Refusal> {
    if options.label.len() > 16 {
        return Err(Refusal::Label(options.label.len()));
    }
    let mut builder = Builder { links: tree.link_counts(), ..Builder::default() };
    // The directories that lead to the present entry, outermost first.
    let mut open: Vec<(&TreePath, usize)> = Vec::new();
    for entry in tree.iter() {
        while open.last().is_some_and(|(path, _)| !entry.path.starts_with(path)) {
            open.pop();
        }
        let item = builder.item(&entry)?;
        let is_directory = matches!(entry.node.kind, Kind::Directory);
        builder.name(open.last().map_or(item, |(_, parent)| *parent), item, &entry);
        if is_directory {
            open.push((entry.path, item));
        }
    }
    builder.finish(options)
}

/// A plan in the making.
#[derive(Default)]
struct Builder<'t> {
    items: Vec<Item<'t>>,
    links: LinkCounts,
    /// The items of nodes that have several names.
    linked: BTreeMap<NodeId, usize>,
    notices: Vec<Notice>,
}

impl<'t> Builder<'t> {
    /// The item of an entry, made unless another name has made it.
    fn item(&mut self, entry: &tree::Entry<'t>) -> Result<usize, Refusal> {
        if entry.path.name().len() > NAME_MAX {
            return Err(Refusal::NameTooLong(entry.path.clone(), entry.path.name().len()));
        }
        if let Some(&item) = self.linked.get(&entry.id) {
            return Ok(item);
        }
        let size = size(entry)?;
        let names = self.links[entry.id];
        let is_directory = matches!(entry.node.kind, Kind::Directory);
        self.notices.extend(losses(entry));
        self.items.push(Item {
            node: entry.node,
            place: 0,
            links: if is_directory { 2 } else { names },
            size,
            shape: Shape::Plain,
            entries: Vec::new(),
        });
        let item = self.items.len() - 1;
        if names > 1 {
            self.linked.insert(entry.id, item);
        }
        Ok(item)
    }

    /// Puts an entry into its directory; a directory gets its own two.
    fn name(&mut self, parent: usize, item: usize, entry: &tree::Entry<'t>) {
        let kind = directory::kind(&entry.node.kind);
        if parent != item {
            self.items[parent].entries.push(Entry { name: entry.path.name(), item, kind });
        }
        if matches!(entry.node.kind, Kind::Directory) {
            let own = [(&b"."[..], item), (b"..", parent)];
            self.items[item].entries = own.map(|(name, item)| Entry { name, item, kind }).into();
            self.items[parent].links += u32::from(parent != item);
        }
    }

    /// Gives every inode its place.
    fn finish(mut self, options: &Options) -> Result<Plan<'t>, Refusal> {
        let count = self.items.len();
        u32::try_from(count).map_err(|_| Refusal::Inodes(count))?;
        // The superblock has a block of its own, because its checksum covers all of that.
        let (mut end, mut data) = (BLOCK, 0);
        for item in &mut self.items {
            if matches!(item.node.kind, Kind::Directory) {
                item.entries.sort_unstable_by_key(|entry| entry.name);
                item.size = directory::size(&item.entries);
            }
            item.settle(end);
            end = item.place + item.len();
            data += item.size.next_multiple_of(BLOCK);
        }
        let start = end.next_multiple_of(BLOCK);
        match start + data {
            most if most > SIZE_MAX => Err(Refusal::TooLarge(Size(most))),
            _ => {
                let (items, notices) = (self.items, self.notices);
                Ok(Plan { options: options.clone(), items, data: start, notices })
            }
        }
    }
}

impl Item<'_> {
    /// Bytes of inode and attributes.
    pub(super) fn head(&self) -> u64 {
        inode::LEN + xattr::len(&self.node.metadata.xattrs)
    }

    /// How many chunks it has.
    pub(super) fn chunks(&self, log: u32) -> u64 {
        self.size.div_ceil(BLOCK << log)
    }

    /// Bytes that it takes among the inodes.
    fn len(&self) -> u64 {
        self.head()
            + match self.shape {
                Shape::Plain => 0,
                Shape::Inline => self.size % BLOCK,
                Shape::Chunks(log) => self.chunks(log) * 4,
            }
    }

    /// Chooses shape and place, at or behind `from`: what is inline is in one block with its inode, as
    /// Linux wants it of links, and no inode straddles blocks.
    fn settle(&mut self, from: u64) {
        let tail = self.size % BLOCK;
        self.shape = match &self.node.kind {
            Kind::File(_) if self.size >= CHUNKED_FROM => Shape::Chunks(self.chunk_log()),
            _ if tail > 0 && self.head() + tail <= BLOCK => Shape::Inline,
            _ => Shape::Plain,
        };
        let together = if self.shape == Shape::Inline { self.len() } else { inode::LEN };
        self.place = from.next_multiple_of(SLOT);
        if self.place % BLOCK + together > BLOCK {
            self.place = from.next_multiple_of(BLOCK);
        }
    }

    fn chunk_log(&self) -> u32 {
        let is_enough = |log: &u32| self.chunks(*log) <= CHUNKS_MAX;
        let most = u64::BITS - u32::from(BLOCK_LOG) - 1;
        (CHUNK_LOG..most).find(is_enough).unwrap_or(most)
    }
}

/// Bytes of what a node holds, where it can be stored; a directory's are counted later.
fn size(entry: &tree::Entry<'_>) -> Result<u64, Refusal> {
    let path = || entry.path.clone();
    if !xattr::fits(&entry.node.metadata.xattrs) {
        return Err(Refusal::Xattr(path()));
    }
    match &entry.node.kind {
        Kind::File(content) if content.len() > SIZE_MAX => {
            Err(Refusal::TooLarge(Size(content.len())))
        }
        Kind::File(content) => Ok(Content::len(content)),
        Kind::Symlink(target) if !link_target::is_possible(target, TARGET_MAX) => {
            Err(Refusal::LinkTarget(path()))
        }
        Kind::Symlink(target) => Ok(target.len() as u64),
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            let device = device::encode(*major, *minor);
            device.map(|_| 0).ok_or_else(|| Refusal::Device(path(), *major, *minor))
        }
        Kind::Directory | Kind::Fifo | Kind::Socket => Ok(0),
    }
}

/// Attributes that have no place in an image.
fn losses(entry: &tree::Entry<'_>) -> Vec<Notice> {
    let names = entry.node.metadata.xattrs.keys().filter(|name| !xattr::is_storable(name));
    let lost = |name| format!("the attribute {}", shown_bytes(name));
    names.map(|name| Notice::Lost(entry.path.clone(), lost(name))).collect()
}
