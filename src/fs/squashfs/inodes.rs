//! The tables of inodes and directories, built from the tree once the contents are written: children
//! before their directory, whose entries say where they are.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::contents::{Contents, Stored};
use super::directory;
use super::inode::{Body, DIRECTORY_EXTRA, Directory, Inode};
use super::metadata::{Metadata, Place};
use super::plan::{Plan, seconds};
use super::xattr::Xattrs;
use crate::error::Result;
use crate::fs::device;
use crate::tree::{Entry, Kind, LinkCounts, Node, NodeId, TreePath};

/// Both tables.
pub(super) struct Tables<'t> {
    /// The inodes, packed.
    pub(super) inodes: Vec<u8>,
    /// The directories, packed.
    pub(super) directories: Vec<u8>,
    /// The root directory's inode.
    pub(super) root: Place,
    /// By number, from 1: where each inode is.
    pub(super) places: Vec<Place>,
    /// The attributes that inodes refer to.
    pub(super) xattrs: Xattrs<'t>,
}

/// A directory whose entries are being gathered.
struct Open<'t> {
    path: &'t TreePath,
    node: &'t Node,
    number: u32,
    subdirectories: u32,
    entries: Vec<directory::Entry<'t>>,
}

/// Tables in the making.
struct Builder<'p, 't, 'e> {
    plan: &'p Plan<'t>,
    contents: &'p Contents,
    inodes: Metadata<'e>,
    directories: Metadata<'e>,
    xattrs: Xattrs<'t>,
    places: Vec<Place>,
    /// How many numbers were given.
    numbers: u32,
    names: LinkCounts,
    /// Where nodes are that have several names.
    linked: BTreeMap<NodeId, (Place, u32)>,
    open: Vec<Open<'t>>,
}

impl<'t> Tables<'t> {
    /// Builds them; `inodes` and `directories` are empty streams.
    ///
    /// # Errors
    /// Where the compressor fails.
    pub(super) fn build(
        plan: &Plan<'t>,
        contents: &Contents,
        inodes: Metadata<'_>,
        directories: Metadata<'_>,
    ) -> Result<Tables<'t>> {
        let mut builder = Builder {
            plan,
            contents,
            inodes,
            directories,
            xattrs: Xattrs::default(),
            places: vec![Place::default(); plan.inodes as usize],
            numbers: 0,
            names: plan.tree.link_counts(),
            linked: BTreeMap::new(),
            open: Vec::new(),
        };
        for entry in plan.tree.iter() {
            while builder.open.last().is_some_and(|open| !entry.path.starts_with(open.path)) {
                builder.close()?;
            }
            builder.entry(&entry)?;
        }
        let mut root = Place::default();
        while !builder.open.is_empty() {
            root = builder.close()?;
        }
        Ok(Tables {
            inodes: builder.inodes.finish()?.0,
            directories: builder.directories.finish()?.0,
            root,
            places: builder.places,
            xattrs: builder.xattrs,
        })
    }
}

impl<'t> Builder<'_, 't, '_> {
    fn entry(&mut self, entry: &Entry<'t>) -> Result<()> {
        let (path, node) = (entry.path, entry.node);
        if let Kind::Directory = node.kind {
            let number = self.number();
            self.open.push(Open { path, node, number, subdirectories: 0, entries: Vec::new() });
            return Ok(());
        }
        let body = body(self.contents, entry);
        let kind = body.kind();
        let (place, number) = match self.linked.get(&entry.id) {
            Some(&linked) => linked,
            None => {
                let (number, links) = (self.number(), self.names[entry.id]);
                let place = self.inode(node, number, links, body)?;
                if links > 1 {
                    self.linked.insert(entry.id, (place, number));
                }
                (place, number)
            }
        };
        self.name(path, place, number, kind);
        Ok(())
    }

    /// Writes the innermost directory, whose entries are all there; where its inode is.
    fn close(&mut self) -> Result<Place> {
        let Some(open) = self.open.pop() else { return Ok(Place::default()) };
        let at = self.directories.place();
        let (len, index) = directory::write(&open.entries, &mut self.directories)?;
        // The root is in no directory: its parent has a number that no inode has.
        let parent = self.open.last().map_or(self.plan.inodes + 1, |parent| parent.number);
        let (start, len) = (at.start as u32, len + DIRECTORY_EXTRA);
        let body = Body::Directory(Directory { start, offset: at.offset, len, parent, index });
        let kind = body.kind();
        let place = self.inode(open.node, open.number, 2 + open.subdirectories, body)?;
        if let Some(parent) = self.open.last_mut() {
            parent.subdirectories += 1;
        }
        self.name(open.path, place, open.number, kind);
        Ok(place)
    }

    /// Puts a name into the innermost directory.
    fn name(&mut self, path: &'t TreePath, inode: Place, number: u32, kind: u16) {
        if let Some(open) = self.open.last_mut() {
            open.entries.push(directory::Entry { name: path.name(), inode, number, kind });
        }
    }

    fn number(&mut self) -> u32 {
        self.numbers += 1;
        self.numbers
    }

    fn inode(&mut self, node: &'t Node, number: u32, links: u32, body: Body<'_>) -> Result<Place> {
        let metadata = &node.metadata;
        let inode = Inode {
            mode: metadata.mode,
            uid: self.plan.ids.index(metadata.uid),
            gid: self.plan.ids.index(metadata.gid),
            mtime: seconds(metadata.mtime),
            number,
            links,
            xattrs: self.xattrs.index(&metadata.xattrs),
            body,
        };
        let place = self.inodes.place();
        self.inodes.put(&inode.encode())?;
        self.places[number as usize - 1] = place;
        Ok(place)
    }
}

/// What the inode of an entry is.
fn body<'b>(contents: &'b Contents, entry: &Entry<'b>) -> Body<'b> {
    let number = |major: u32, minor: u32| device::encode(major, minor).unwrap_or(0);
    match &entry.node.kind {
        Kind::Directory => Body::Directory(Directory::default()),
        Kind::File(_) => {
            Body::File(contents.stored(entry.id).map(Stored::file).unwrap_or_default())
        }
        Kind::Symlink(target) => Body::Symlink(Cow::Borrowed(target)),
        Kind::BlockDevice { major, minor } => Body::BlockDevice(number(*major, *minor)),
        Kind::CharDevice { major, minor } => Body::CharDevice(number(*major, *minor)),
        Kind::Fifo => Body::Fifo,
        Kind::Socket => Body::Socket,
    }
}
