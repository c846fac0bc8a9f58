//! What is to be stored, as far as it does not depend on where: inodes with their numbers, links
//! and the blocks that each needs.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rayon::iter::{IntoParallelRefMutIterator, ParallelIterator};

use super::directory::{Directory, Entry, NAME_MAX};
use super::geometry::Demand;
use super::inode::{FAST_LINK_MAX, LINK_MAX, device_map, file_type};
use super::options::Options;
use super::refusal::Refusal;
use super::superblock::{FIRST_INODE, JOURNAL_INODE, RESIZE_INODE, ROOT_INODE};
use super::xattr::Xattrs;
use crate::error::Result;
use crate::fs::link_target::{self, TARGET_MAX};
use crate::size::Size;
use crate::tree::{self, Content, Kind, Metadata, NodeId, Tree, TreePath};

/// What e2fsck puts files into whose directories are lost, with room for them.
const LOST_AND_FOUND: &[u8] = b"lost+found";
/// mke2fs makes it this large, because e2fsck does not like to allocate.
const LOST_AND_FOUND_SIZE: usize = 16 << 10;

/// Blocks of a file that hold data, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Run {
    /// The first, counted within the file.
    pub(super) logical: u64,
    /// How many.
    pub(super) len: u64,
}

/// One inode.
#[derive(Debug)]
pub(super) struct Item<'t> {
    /// Its number.
    pub(super) number: u32,
    /// Kind and permission bits.
    pub(super) mode: u16,
    /// Owner, time, attributes.
    pub(super) metadata: Cow<'t, Metadata>,
    /// Its names; a directory's own two and those of its subdirectories.
    pub(super) links: u32,
    /// Whether its attributes need a block.
    pub(super) xattr_block: bool,
    /// What it holds.
    pub(super) body: Body<'t>,
}

/// What an inode holds.
#[derive(Debug)]
pub(super) enum Body<'t> {
    /// The room behind the group descriptors.
    Resize,
    /// The journal.
    Journal,
    /// A directory, and the number of its parent.
    Directory(Directory<'t>, u32),
    /// A file, and which of its blocks hold data.
    File(&'t Content, Box<[Run]>),
    /// A link whose target is in the inode.
    FastLink(&'t [u8]),
    /// A link whose target has a block.
    SlowLink(&'t [u8]),
    /// A device, as the inode's map says it.
    Device([u8; 60]),
    /// A fifo or a socket.
    Nothing,
}

/// All inodes, by number.
#[derive(Debug)]
pub(super) struct Inventory<'t> {
    /// Sorted by number; those of the filesystem itself first.
    pub(super) items: Vec<Item<'t>>,
}

/// An inventory in the making.
struct Builder<'t, 'o> {
    options: &'o Options,
    items: Vec<Item<'t>>,
    /// By item: path and entries so far of a directory; empty for all others.
    directories: Vec<(Option<&'t TreePath>, Vec<Entry<'t>>)>,
    /// Items of nodes that have several names.
    linked: BTreeMap<NodeId, usize>,
}

impl<'t> Inventory<'t> {
    /// Takes stock of a tree.
    pub(super) fn new(tree: &'t Tree, options: &Options) -> Result<Self> {
        let mut builder = Builder::new(options);
        let counts = tree.link_counts();
        // The directories that lead to the present entry, outermost first.
        let mut open: Vec<(&TreePath, usize)> = Vec::new();
        for entry in tree.iter() {
            while open.last().is_some_and(|(path, _)| !entry.path.starts_with(path)) {
                open.pop();
            }
            let item = builder.item(&entry, counts[entry.id])?;
            if let Some(&(_, parent)) = open.last() {
                builder.name(parent, item, &entry)?;
            }
            if matches!(entry.node.kind, Kind::Directory) {
                open.push((entry.path, item));
            }
        }
        builder.finish()
    }

    /// How many inodes are in use: all up to the last.
    pub(super) fn used(&self) -> u64 {
        self.items.last().map_or(0, |item| item.number.into())
    }

    /// What decides the geometry.
    pub(super) fn demand(&self) -> Demand {
        let blocks = |item: &Item<'_>| {
            item.body.runs(0).iter().map(|run| run.len).sum::<u64>() + u64::from(item.xattr_block)
        };
        Demand { inodes: self.used(), blocks: self.items.iter().map(blocks).sum() }
    }
}

impl<'t, 'o> Builder<'t, 'o> {
    /// With the inodes that every filesystem has. What the root is comes later, from the tree.
    fn new(options: &'o Options) -> Self {
        let mut builder = Builder {
            options,
            items: Vec::new(),
            directories: Vec::new(),
            linked: BTreeMap::new(),
        };
        let own = |mode| Cow::Owned(Metadata::new(mode, options.time));
        let directory = || Body::Directory(Directory::default(), ROOT_INODE);
        for (number, mode, links, body) in [
            (ROOT_INODE, 0o040_755, 2, directory()),
            (RESIZE_INODE, 0o100_600, 1, Body::Resize),
            (JOURNAL_INODE, 0o100_600, 1, Body::Journal),
            (FIRST_INODE, 0o040_700, 2, directory()),
        ] {
            let metadata = own(mode & 0o7777);
            builder.push(Item { number, mode, metadata, links, xattr_block: false, body });
        }
        builder
    }

    /// Index of the root directory, and of lost+found.
    const ROOT: usize = 0;
    const LOST_AND_FOUND: usize = 3;

    fn push(&mut self, item: Item<'t>) -> usize {
        self.items.push(item);
        self.directories.push((None, Vec::new()));
        self.items.len() - 1
    }

    /// The item of an entry, made unless another name has made it.
    fn item(&mut self, entry: &tree::Entry<'t>, names: u32) -> Result<usize> {
        if let Some(&item) = self.linked.get(&entry.id) {
            return Ok(item);
        }
        let own = self.own(entry)?;
        let number = own.map_or(self.next_number()?, |own| self.items[own].number);
        let item = self.describe(entry, names, number)?;
        let is_directory = matches!(item.body, Body::Directory(..));
        let index = match own {
            Some(own) => {
                self.items[own] = item;
                own
            }
            None => self.push(item),
        };
        if is_directory {
            self.directories[index].0 = Some(entry.path);
        }
        if names > 1 {
            self.linked.insert(entry.id, index);
        }
        Ok(index)
    }

    /// The item of the filesystem itself that an entry of the tree describes.
    fn own(&self, entry: &tree::Entry<'t>) -> Result<Option<usize>, Refusal> {
        match (entry.path.as_bytes(), &entry.node.kind) {
            (b"", _) => Ok(Some(Self::ROOT)),
            (LOST_AND_FOUND, Kind::Directory) => Ok(Some(Self::LOST_AND_FOUND)),
            (LOST_AND_FOUND, other) => Err(Refusal::LostAndFound(other.name())),
            _ => Ok(None),
        }
    }

    fn describe(&self, entry: &tree::Entry<'t>, names: u32, number: u32) -> Result<Item<'t>> {
        let (path, node) = (entry.path, entry.node);
        let is_directory = matches!(node.kind, Kind::Directory);
        if !is_directory && names > LINK_MAX {
            return Err(Refusal::TooManyLinks(path.clone(), names).into());
        }
        let xattrs = Xattrs::new(&node.metadata.xattrs, self.options.block_size as usize)
            .map_err(|error| Refusal::Xattrs(path.clone(), error))?;
        Ok(Item {
            number,
            mode: node.st_mode(),
            metadata: Cow::Borrowed(&node.metadata),
            links: if is_directory { 2 } else { names },
            xattr_block: xattrs.has_block(),
            body: self.body(path, &node.kind)?,
        })
    }

    /// The inode number after the last.
    fn next_number(&self) -> Result<u32> {
        let last = self.items.last().map_or(0, |item| item.number);
        Ok(last.checked_add(1).ok_or_else(|| Refusal::Inodes(u64::from(last) + 1))?)
    }

    /// Puts an entry into its directory.
    fn name(&mut self, parent: usize, item: usize, entry: &tree::Entry<'t>) -> Result<()> {
        let name = entry.path.name();
        if name.len() > NAME_MAX {
            return Err(Refusal::NameTooLong(entry.path.clone(), name.len()).into());
        }
        let (inode, file_type) = (self.items[item].number, file_type(&entry.node.kind));
        self.directories[parent].1.push(Entry { name, inode, file_type, hash: 0 });
        let parent_number = self.items[parent].number;
        if let Body::Directory(_, above) = &mut self.items[item].body {
            *above = parent_number;
            self.items[parent].links += 1;
        }
        Ok(())
    }

    fn body(&self, path: &TreePath, kind: &'t Kind) -> Result<Body<'t>> {
        Ok(match kind {
            Kind::Directory => Body::Directory(Directory::default(), ROOT_INODE),
            Kind::File(content) => self.file(path, content)?,
            Kind::Symlink(target) => self.link(path, target)?,
            Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
                let map = device_map(*major, *minor);
                Body::Device(map.ok_or_else(|| Refusal::Device(path.clone(), *major, *minor))?)
            }
            Kind::Fifo | Kind::Socket => Body::Nothing,
        })
    }

    fn file(&self, path: &TreePath, content: &'t Content) -> Result<Body<'t>> {
        let block_size = u64::from(self.options.block_size);
        let most = u64::from(u32::MAX) * block_size;
        if content.len() > most {
            let (size, most) = (Size(content.len()), Size(most));
            return Err(Refusal::FileTooLarge(path.clone(), size, most).into());
        }
        // Where its data are is looked up for all files together.
        Ok(Body::File(content, Box::default()))
    }

    fn link(&self, path: &TreePath, target: &'t [u8]) -> Result<Body<'t>, Refusal> {
        // The kernel wants room for a NUL.
        let most = self.options.block_size as usize - 1;
        match target.len() {
            _ if !link_target::is_possible(target, most) => {
                Err(Refusal::LinkTarget(path.clone(), most.min(TARGET_MAX)))
            }
            ..=FAST_LINK_MAX => Ok(Body::FastLink(target)),
            _ => Ok(Body::SlowLink(target)),
        }
    }

    /// Lays the directories out.
    fn finish(mut self) -> Result<Inventory<'t>> {
        self.add_lost_and_found();
        self.find_holes()?;
        let (block_size, seed) = (self.options.block_size as usize, self.options.hash_seed);
        for (i, (path, entries)) in self.directories.into_iter().enumerate() {
            let at_least = match i {
                Self::LOST_AND_FOUND => LOST_AND_FOUND_SIZE / block_size,
                _ => 1,
            };
            if let Body::Directory(directory, _) = &mut self.items[i].body {
                let count = entries.len();
                *directory =
                    Directory::new(entries, at_least, block_size, seed).ok_or_else(|| {
                        let path = path.cloned().unwrap_or_default();
                        Refusal::DirectoryTooLarge(path, count)
                    })?;
            }
        }
        Ok(Inventory { items: self.items })
    }

    /// Finds out which blocks of files hold data.
    fn find_holes(&mut self) -> Result<()> {
        let block_size = u64::from(self.options.block_size);
        self.items.par_iter_mut().try_for_each(|item| {
            if let Body::File(content, found) = &mut item.body {
                *found = runs(&content.stored_ranges()?, block_size);
            }
            Ok(())
        })
    }

    /// Names lost+found in the root directory, unless the tree did.
    fn add_lost_and_found(&mut self) {
        let entries = &mut self.directories[Self::ROOT].1;
        if let Err(place) = entries.binary_search_by_key(&LOST_AND_FOUND, |entry| entry.name) {
            let (inode, file_type) = (FIRST_INODE, file_type(&Kind::Directory));
            entries.insert(place, Entry { name: LOST_AND_FOUND, inode, file_type, hash: 0 });
            self.items[Self::ROOT].links += 1;
        }
    }
}

impl Body<'_> {
    /// The blocks that it needs in a filesystem whose journal has so many.
    pub(super) fn runs(&self, journal_blocks: u64) -> Cow<'_, [Run]> {
        let whole = |len| Cow::Owned(vec![Run { logical: 0, len }]);
        match self {
            Body::Journal if journal_blocks > 0 => whole(journal_blocks),
            Body::Directory(directory, _) => whole(directory.blocks() as u64),
            Body::File(_, runs) => Cow::Borrowed(runs),
            Body::SlowLink(_) => whole(1),
            _ => Cow::Borrowed(&[]),
        }
    }
}

/// Ranges of bytes as runs of whole blocks, which do not overlap or adjoin.
fn runs(ranges: &[(u64, u64)], block_size: u64) -> Box<[Run]> {
    let mut runs: Vec<Run> = Vec::new();
    for &(offset, len) in ranges {
        let (logical, end) = (offset / block_size, (offset + len).div_ceil(block_size));
        match runs.last_mut() {
            Some(last) if last.logical + last.len >= logical => last.len = end - last.logical,
            _ => runs.push(Run { logical, len: end - logical }),
        }
    }
    runs.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_become_whole_blocks() {
        let seen = runs(&[(0, 1), (1000, 100), (5000, 10), (9000, 2000)], 1024);
        let run = |logical, len| Run { logical, len };
        assert_eq!(*seen, [run(0, 2), run(4, 1), run(8, 3)]);
    }
}
