//! Directories: the tree in the order of its clusters, and its entries as bytes.

use std::collections::BTreeMap;

use super::PlacedFile;
use super::error::FatError;
use super::geometry::{ENTRY_SIZE, FIRST_CLUSTER, Geometry, Kind};
use super::name::{self, Label, ShortName, UNITS_PER_ENTRY};
use super::time::Stamp;
use crate::tree::{Content, Kind as NodeKind, Tree, TreePath};

const ATTR_VOLUME_ID: u8 = 0x08;
const ATTR_DIRECTORY: u8 = 0x10;
const ATTR_ARCHIVE: u8 = 0x20;
const ATTR_LONG_NAME: u8 = 0x0f;
/// Set in the number of a name's last part, which is the first entry.
const LAST_LONG_ENTRY: u8 = 0x40;
/// Where a long-name entry has its units.
const LONG_UNIT_OFFSETS: [usize; UNITS_PER_ENTRY] = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];

/// Entries of a directory: 2 MiB of them.
const ENTRIES_MAX: u64 = 65_536;
/// Entries of the root directory: what `BPB_RootEntCnt` holds in whole sectors.
const ROOT_ENTRIES_MAX: u64 = 65_520;

/// All directories and files, the root first, parents before their children.
#[derive(Debug)]
pub(super) struct Directories {
    directories: Vec<Directory>,
    files: Vec<File>,
}

#[derive(Debug)]
struct Directory {
    path: TreePath,
    stamp: Stamp,
    /// Of the parent; the root is its own.
    parent: usize,
    label: Option<Label>,
    children: Vec<Child>,
    cluster: u32,
}

#[derive(Debug)]
struct File {
    path: TreePath,
    stamp: Stamp,
    content: Content,
    cluster: u32,
}

/// What a directory holds under a name.
#[derive(Debug)]
struct Child {
    path: TreePath,
    name: String,
    target: Target,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Directory(usize),
    File(usize),
}

impl Directories {
    /// All of a tree that FAT can hold, which has to be all of it.
    pub(super) fn from_tree(tree: &Tree, label: Option<&Label>) -> Result<Self, FatError> {
        let mut all = Directories { directories: Vec::new(), files: Vec::new() };
        let mut indices = BTreeMap::new();
        for entry in tree.iter() {
            let (path, stamp) = (entry.path.clone(), Stamp::from(entry.node.metadata.mtime));
            let parent = path.parent().and_then(|p| indices.get(&p).copied()).unwrap_or(0);
            let target = match &entry.node.kind {
                NodeKind::Directory => {
                    let label = label.copied().filter(|_| path.is_root());
                    indices.insert(path.clone(), all.directories.len());
                    all.add_directory(Directory::new(path.clone(), stamp, parent, label))
                }
                NodeKind::File(content) => all.add_file(path.clone(), stamp, content)?,
                other => return Err(FatError::Kind(path, other.name())),
            };
            if !path.is_root() {
                let name = name::check(&path)?.to_string();
                all.directories[parent].children.push(Child { path, name, target });
            }
        }
        all.directories.iter().try_for_each(Directory::check)?;
        Ok(all)
    }

    fn add_directory(&mut self, directory: Directory) -> Target {
        self.directories.push(directory);
        Target::Directory(self.directories.len() - 1)
    }

    fn add_file(
        &mut self,
        path: TreePath,
        stamp: Stamp,
        content: &Content,
    ) -> Result<Target, FatError> {
        if content.len() > u32::MAX.into() {
            return Err(FatError::FileTooLarge(path, content.len()));
        }
        self.files.push(File { path, stamp, content: content.clone(), cluster: 0 });
        Ok(Target::File(self.files.len() - 1))
    }

    /// Entries that the root directory of FAT12 and FAT16 needs, in whole sectors.
    pub(super) fn root_entries(&self) -> u32 {
        self.directories[0].entries().next_multiple_of(16) as u32
    }

    /// Clusters that everything needs.
    pub(super) fn clusters(&self, geometry: &Geometry) -> u64 {
        self.chains(geometry).sum()
    }

    /// Clusters of each directory that is a chain, then of each file.
    fn chains<'a>(&'a self, geometry: &'a Geometry) -> impl Iterator<Item = u64> + 'a {
        let directories = self.directories[root_directories(geometry)..].iter();
        let bytes = directories.map(|d| d.entries().max(1) * ENTRY_SIZE);
        let bytes = bytes.chain(self.files.iter().map(|file| file.content.len()));
        bytes.map(|bytes| bytes.div_ceil(geometry.cluster_size()))
    }

    /// Gives everything its clusters, one run after the other: directories, then files. Returns the
    /// lengths of the runs.
    pub(super) fn place(&mut self, geometry: &Geometry) -> Vec<u32> {
        // The geometry has enough clusters, so all of this is well below 2^32.
        let chains: Vec<u32> = self.chains(geometry).map(|len| len as u32).collect();
        let directories = self.directories[root_directories(geometry)..].iter_mut();
        let owners = directories.map(|d| &mut d.cluster);
        let owners = owners.chain(self.files.iter_mut().map(|f| &mut f.cluster));
        let mut next = FIRST_CLUSTER;
        for (cluster, &len) in owners.zip(&chains) {
            // An empty file has no cluster.
            *cluster = if len == 0 { 0 } else { next };
            next += len;
        }
        chains
    }

    /// The bytes of each directory with their offset, without the zeros that end it.
    pub(super) fn encode(&self, geometry: &Geometry) -> Vec<(u64, Vec<u8>)> {
        let encode = |(index, directory): (usize, &Directory)| {
            let offset = match directory.cluster {
                0 => geometry.root_offset(),
                cluster => geometry.cluster_offset(cluster),
            };
            (offset, self.entries(index))
        };
        self.directories.iter().enumerate().map(encode).collect()
    }

    fn entries(&self, index: usize) -> Vec<u8> {
        let directory = &self.directories[index];
        let mut bytes = Vec::with_capacity((directory.entries() * ENTRY_SIZE) as usize);
        if let Some(label) = directory.label {
            bytes.extend(entry(&label.0, ATTR_VOLUME_ID, directory.stamp, 0, 0));
        }
        if index != 0 {
            let parent = &self.directories[directory.parent];
            // To its children the root is cluster 0, also on FAT32.
            let above = if directory.parent == 0 { 0 } else { parent.cluster };
            let own = (directory.stamp, directory.cluster);
            bytes.extend(entry(b".          ", ATTR_DIRECTORY, own.0, own.1, 0));
            bytes.extend(entry(b"..         ", ATTR_DIRECTORY, parent.stamp, above, 0));
        }
        let names: Vec<&str> = directory.children.iter().map(|c| c.name.as_str()).collect();
        for (child, alias) in directory.children.iter().zip(name::aliases(&names)) {
            if name::long_entries(&child.name) > 0 {
                bytes.extend(long_entries(&child.name, &alias));
            }
            bytes.extend(self.child_entry(child.target, &alias));
        }
        bytes
    }

    fn child_entry(&self, target: Target, alias: &ShortName) -> [u8; ENTRY_SIZE as usize] {
        match target {
            Target::Directory(index) => {
                let directory = &self.directories[index];
                entry(&alias.0, ATTR_DIRECTORY, directory.stamp, directory.cluster, 0)
            }
            Target::File(index) => {
                let file = &self.files[index];
                let size = file.content.len() as u32;
                entry(&alias.0, ATTR_ARCHIVE, file.stamp, file.cluster, size)
            }
        }
    }

    /// The files that have bytes, with their places.
    pub(super) fn into_files(self, geometry: &Geometry) -> Vec<PlacedFile> {
        let files = self.files.into_iter().filter(|file| file.cluster != 0);
        let placed = |File { path, content, cluster, .. }| PlacedFile {
            path,
            content,
            offset: geometry.cluster_offset(cluster),
        };
        files.map(placed).collect()
    }
}

impl Directory {
    fn new(path: TreePath, stamp: Stamp, parent: usize, label: Option<Label>) -> Self {
        Directory { path, stamp, parent, label, children: Vec::new(), cluster: 0 }
    }

    /// How many entries it has.
    fn entries(&self) -> u64 {
        let own = if self.path.is_root() { usize::from(self.label.is_some()) } else { 2 };
        let children = self.children.iter().map(|child| 1 + name::long_entries(&child.name));
        (own + children.sum::<usize>()) as u64
    }

    /// That its names differ, and that it is not too large.
    fn check(&self) -> Result<(), FatError> {
        let mut seen = BTreeMap::new();
        for child in &self.children {
            if let Some(other) = seen.insert(name::folded(&child.name), &child.path) {
                return Err(FatError::SameName(other.clone(), child.path.clone()));
            }
        }
        let most = if self.path.is_root() { ROOT_ENTRIES_MAX } else { ENTRIES_MAX };
        match self.entries() {
            entries if entries > most => {
                Err(FatError::DirectoryTooLarge(self.path.clone(), entries, most))
            }
            _ => Ok(()),
        }
    }
}

/// How many directories, the root being the first, are not a chain of clusters.
fn root_directories(geometry: &Geometry) -> usize {
    usize::from(geometry.kind != Kind::Fat32)
}

/// A short entry, with the one time for creation, access and writing.
fn entry(
    name: &[u8; 11],
    attributes: u8,
    stamp: Stamp,
    cluster: u32,
    size: u32,
) -> [u8; ENTRY_SIZE as usize] {
    let mut entry = [0; ENTRY_SIZE as usize];
    let (date, time) = (stamp.date.to_le_bytes(), stamp.time.to_le_bytes());
    entry[0..11].copy_from_slice(name);
    entry[11] = attributes;
    entry[14..16].copy_from_slice(&time);
    entry[16..18].copy_from_slice(&date);
    entry[18..20].copy_from_slice(&date);
    entry[20..22].copy_from_slice(&((cluster >> 16) as u16).to_le_bytes());
    entry[22..24].copy_from_slice(&time);
    entry[24..26].copy_from_slice(&date);
    entry[26..28].copy_from_slice(&(cluster as u16).to_le_bytes());
    entry[28..32].copy_from_slice(&size.to_le_bytes());
    entry
}

/// The long-name entries of a name, its last part first.
fn long_entries(name: &str, alias: &ShortName) -> Vec<u8> {
    let units: Vec<u16> = name.encode_utf16().collect();
    let parts: Vec<&[u16]> = units.chunks(UNITS_PER_ENTRY).collect();
    let mut bytes = Vec::with_capacity(parts.len() * ENTRY_SIZE as usize);
    for (index, part) in parts.iter().enumerate().rev() {
        let last = if index + 1 == parts.len() { LAST_LONG_ENTRY } else { 0 };
        let mut entry = [0; ENTRY_SIZE as usize];
        entry[0] = (index as u8 + 1) | last;
        entry[11] = ATTR_LONG_NAME;
        entry[13] = alias.checksum();
        // A zero ends a name that does not fill its last entry; ones follow it.
        let padded = part.iter().copied().chain([0]).chain(std::iter::repeat(0xffff));
        for (offset, unit) in LONG_UNIT_OFFSETS.into_iter().zip(padded) {
            entry[offset..offset + 2].copy_from_slice(&unit.to_le_bytes());
        }
        bytes.extend(entry);
    }
    bytes
}
