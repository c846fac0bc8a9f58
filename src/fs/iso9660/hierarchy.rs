//! The tree as the volume has it: an inventory of what Rock Ridge says of each entry, and two
//! hierarchies of directories over it, the primary one and Joliet's.

use std::collections::BTreeMap;

use super::error::IsoError;
use super::files::Files;
use super::name::{Naming, identifiers, sort_key};
use super::record::{self, Record};
use super::rock_ridge::{self, Attributes};
use super::susp::Continuations;
use super::{BLOCK_SIZE, blocks_of};
use crate::tree::{Kind, Node, NodeId, Tree, TreePath};

/// Most directories: their numbers have 16 bits.
const DIRECTORIES_MAX: usize = 65_535;

/// One path of the tree.
pub(super) struct Item<'t> {
    pub(super) path: &'t TreePath,
    pub(super) node: &'t Node,
    pub(super) id: NodeId,
    /// Names of this node; of a directory, what POSIX counts.
    pub(super) links: u32,
    /// The same for all names of a node.
    pub(super) serial: u32,
}

/// All paths of the tree, sorted, the root first.
pub(super) struct Inventory<'t> {
    pub(super) items: Vec<Item<'t>>,
    /// What is directly in each directory.
    children: Vec<Vec<usize>>,
}

impl<'t> Inventory<'t> {
    /// Lists the tree.
    ///
    /// # Errors
    /// Where there are more directories than a path table numbers.
    pub(super) fn of(tree: &'t Tree) -> Result<Self, IsoError> {
        let counts = tree.link_counts();
        let (mut items, mut serials, mut places) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut children: Vec<Vec<usize>> = Vec::new();
        for entry in tree.iter() {
            let index = items.len();
            let next = serials.len() as u32 + 1;
            let serial = *serials.entry(entry.id).or_insert(next);
            let links = counts[entry.id];
            items.push(Item { path: entry.path, node: entry.node, id: entry.id, links, serial });
            children.push(Vec::new());
            if let Some(parent) = entry.path.parent() {
                let holder = places.get(&parent).copied().unwrap_or(0);
                children[holder].push(index);
            }
            if matches!(entry.node.kind, Kind::Directory) {
                places.insert(entry.path.clone(), index);
            }
        }
        if places.len() > DIRECTORIES_MAX {
            return Err(IsoError::Directories(places.len()));
        }
        for &index in places.values() {
            let is_directory = |&&child: &&usize| matches!(items[child].node.kind, Kind::Directory);
            let below = children[index].iter().filter(is_directory).count();
            items[index].links = 2 + below as u32;
        }
        Ok(Inventory { items, children })
    }
}

/// One directory of a hierarchy.
pub(super) struct Directory {
    /// Its item.
    pub(super) item: usize,
    /// Its parent, in the hierarchy's order; the root is its own.
    pub(super) parent: usize,
    /// What its parent calls it.
    pub(super) identifier: Vec<u8>,
    /// Its first block and its length, once it is placed.
    pub(super) extent: (u32, u32),
    children: Vec<Child>,
}

struct Child {
    item: usize,
    identifier: Vec<u8>,
    /// Which directory it is.
    directory: Option<usize>,
}

/// All directories, those of each level sorted by their parents and then by their identifiers, as a
/// path table wants them (ECMA-119 6.9.1).
pub(super) struct Hierarchy {
    pub(super) naming: Naming,
    pub(super) directories: Vec<Directory>,
    /// Where Rock Ridge goes on that does not fit into a record: first block.
    continuations: u32,
}

impl Hierarchy {
    /// Names everything.
    ///
    /// # Errors
    /// Never yet: what cannot be named is named otherwise.
    pub(super) fn new(inventory: &Inventory<'_>, naming: Naming) -> Result<Self, IsoError> {
        let root =
            Directory { item: 0, parent: 0, identifier: vec![0], extent: (0, 0), children: vec![] };
        let mut directories = vec![root];
        let mut index = 0;
        while index < directories.len() {
            let mut children = named(inventory, directories[index].item, naming);
            for child in &mut children {
                if !matches!(inventory.items[child.item].node.kind, Kind::Directory) {
                    continue;
                }
                child.directory = Some(directories.len());
                directories.push(Directory {
                    item: child.item,
                    parent: index,
                    identifier: child.identifier.clone(),
                    extent: (0, 0),
                    children: Vec::new(),
                });
            }
            directories[index].children = children;
            index += 1;
        }
        Ok(Hierarchy { naming, directories, continuations: 0 })
    }

    /// Gives each directory its blocks from `next` on, and then the continuations theirs.
    ///
    /// # Errors
    /// Where a directory is too large.
    pub(super) fn place(
        &mut self,
        inventory: &Inventory<'_>,
        next: &mut u32,
    ) -> Result<(), IsoError> {
        let nothing = Files::default();
        let mut continuations = Continuations::new(0);
        for index in 0..self.directories.len() {
            let bytes = self.directory(index, inventory, &nothing, &mut continuations);
            let path = || inventory.items[self.directories[index].item].path.clone();
            let len =
                u32::try_from(bytes.len()).map_err(|_| IsoError::DirectoryTooLarge(path()))?;
            self.directories[index].extent = (*next, len);
            *next = next.checked_add(blocks_of(len.into())?).ok_or(IsoError::TooLarge)?;
        }
        self.continuations = *next;
        *next = next.checked_add(continuations.blocks()).ok_or(IsoError::TooLarge)?;
        Ok(())
    }

    /// All directories with their offsets, and the continuations.
    pub(super) fn encode(&self, inventory: &Inventory<'_>, files: &Files) -> Vec<(u64, Vec<u8>)> {
        let mut continuations = Continuations::new(self.continuations);
        let mut encoded = Vec::new();
        for (index, directory) in self.directories.iter().enumerate() {
            let bytes = self.directory(index, inventory, files, &mut continuations);
            encoded.push((u64::from(directory.extent.0) * BLOCK_SIZE, bytes));
        }
        encoded.push((u64::from(self.continuations) * BLOCK_SIZE, continuations.into_bytes()));
        encoded
    }

    /// The record of the root in its volume descriptor.
    pub(super) fn root_record(&self, inventory_time: crate::tree::Time) -> Vec<u8> {
        let root = &self.directories[0];
        Record::directory(&[0], root.extent, inventory_time).encode(&[])
    }

    /// The records of one directory.
    fn directory(
        &self,
        index: usize,
        inventory: &Inventory<'_>,
        files: &Files,
        continuations: &mut Continuations,
    ) -> Vec<u8> {
        let directory = &self.directories[index];
        let mut records = Vec::new();
        for (identifier, of) in [(&[0], directory), (&[1], &self.directories[directory.parent])] {
            let item = &inventory.items[of.item];
            let record = Record::directory(identifier, of.extent, item.node.metadata.mtime);
            let mut attributes = Attributes::of(item);
            attributes.is_volume_start = index == 0 && *identifier == [0];
            records.push(self.finish(&record, &attributes, continuations));
        }
        for child in &directory.children {
            let item = &inventory.items[child.item];
            let attributes = Attributes::of(item).named(item.path.name());
            let time = item.node.metadata.mtime;
            let sections = match child.directory {
                Some(index) => vec![self.directories[index].extent],
                None => files.sections(item),
            };
            let last = sections.len() - 1;
            for (number, &extent) in sections.iter().enumerate() {
                let record = Record {
                    is_directory: child.directory.is_some(),
                    has_more: number < last,
                    ..Record::directory(&child.identifier, extent, time)
                };
                records.push(self.finish(&record, &attributes, continuations));
            }
        }
        record::pack(&records)
    }

    /// A record with what Rock Ridge says, in the hierarchy that has it.
    fn finish(
        &self,
        record: &Record<'_>,
        attributes: &Attributes<'_>,
        continuations: &mut Continuations,
    ) -> Vec<u8> {
        let system_use = match self.naming {
            Naming::Iso => {
                let entries = rock_ridge::encode(attributes);
                continuations.fit(entries, record.room())
            }
            Naming::Joliet => Vec::new(),
        };
        record.encode(&system_use)
    }
}

/// What is in a directory, by the order of its identifiers. Joliet has no links and no devices.
fn named(inventory: &Inventory<'_>, item: usize, naming: Naming) -> Vec<Child> {
    let is_held = |&&child: &&usize| {
        let kind = &inventory.items[child].node.kind;
        naming == Naming::Iso || matches!(kind, Kind::Directory | Kind::File(_))
    };
    let held: Vec<usize> = inventory.children[item].iter().filter(is_held).copied().collect();
    let names = held.iter().map(|&child| {
        let item = &inventory.items[child];
        (item.path.name(), matches!(item.node.kind, Kind::Directory))
    });
    let identifiers = identifiers(naming, names);
    let child = |(item, identifier)| Child { item, identifier, directory: None };
    let mut children: Vec<_> = held.into_iter().zip(identifiers).map(child).collect();
    children.sort_by(|a, b| sort_key(naming, &a.identifier).cmp(sort_key(naming, &b.identifier)));
    children
}
