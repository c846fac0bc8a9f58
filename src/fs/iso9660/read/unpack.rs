//! A volume as a tree. Without Rock Ridge all is root's and everybody may read and execute it, as Linux
//! mounts it.

use std::collections::{HashMap, HashSet};

use super::super::error::IsoReadError;
use super::directory::Found;
use super::{Iso9660, Names};
use crate::error::Result;
use crate::fs::budget::Budget;
use crate::fs::{EntryKind, Owner};
use crate::tree::{Content, Extent, Kind, Metadata, Node, Section, Source, Time, Tree, TreePath};

/// What Linux gives whoever mounts a volume without owners.
const ANYBODY: Owner = Owner { mode: 0o555, uid: 0, gid: 0 };

/// A tree in the making.
struct Walk<'v> {
    volume: &'v Iso9660,
    /// All of the window, which contents are parts of.
    section: Section,
    tree: Tree,
    budget: Budget,
    /// By the serial number and the first block of a file with several names: the first of them.
    first_names: HashMap<(u32, u32), TreePath>,
    /// First blocks of the directories that were reached.
    reached: HashSet<u32>,
    open: Vec<(TreePath, (u32, u32))>,
}

impl Iso9660 {
    /// All of it; files stay where they are until they are read.
    ///
    /// # Errors
    /// Where the volume is damaged or unreadable, or holds more than its length can account for.
    pub fn tree(&self) -> Result<Source> {
        let mut walk = Walk {
            volume: self,
            section: Section::window(self.window.clone(), "the ISO 9660 volume"),
            tree: Tree::new(Time::EPOCH),
            budget: Budget::new(self.window.len()),
            first_names: HashMap::new(),
            reached: HashSet::new(),
            open: Vec::new(),
        };
        walk.place(TreePath::root(), &self.top()?)?;
        while let Some((path, extent)) = walk.open.pop() {
            for found in self.directory(extent)? {
                let path = path.join(&found.entry.name)?.within_limits()?;
                walk.budget.take_name(path.as_bytes().len())?;
                walk.place(path, &found)?;
            }
        }
        Ok(Source { tree: walk.tree, notices: Vec::new() })
    }
}

impl Walk<'_> {
    fn place(&mut self, path: TreePath, found: &Found) -> Result<()> {
        if found.entry.is_directory() {
            if !self.reached.insert(found.first().0) {
                return Err(IsoReadError::Directory(found.first().0, 0).into());
            }
            self.open.push((path.clone(), found.first()));
        } else if let Some(serial) = found.serial.filter(|&s| s != 0 || found.entry.size > 0) {
            let file = (serial, found.first().0);
            if let Some(first) = self.first_names.get(&file) {
                return Ok(self.tree.link(path, first)?);
            }
            self.first_names.insert(file, path.clone());
        }
        Ok(self.tree.insert(path, self.node(found)?)?)
    }

    fn node(&self, found: &Found) -> Result<Node> {
        let kind = match (&found.entry.kind, &found.special) {
            (_, Some(special)) => special.clone(),
            (EntryKind::Directory, None) => Kind::Directory,
            (EntryKind::Symlink(target), None) => {
                self.budget.take(target.len())?;
                Kind::Symlink(target.clone())
            }
            (EntryKind::File | EntryKind::Special(_), None) => Kind::File(self.content(found)?),
        };
        let Owner { mode, uid, gid } = match self.volume.names {
            Names::RockRidge => found.entry.owner.unwrap_or(ANYBODY),
            Names::Joliet | Names::Plain => ANYBODY,
        };
        let metadata = Metadata { uid, gid, ..Metadata::new(mode, found.modified) };
        Ok(Node { metadata, kind })
    }

    fn content(&self, found: &Found) -> Result<Content> {
        let (mut at, mut runs) = (0, Vec::new());
        for &(block, len) in &found.sections {
            let len = u64::from(len);
            runs.push(Extent { at, from: self.volume.place(block), len });
            at += len;
        }
        let content = self.section.sparse(at, &runs);
        content.ok_or_else(|| IsoReadError::File(found.first().0).into())
    }
}
