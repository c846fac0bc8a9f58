//! Reading a host directory.
//!
//! What decides is in the directory alone: not its order, the umask, or who reads. Left out: times of
//! access and change, inode flags, and the host's own labels (see the attributes' table).

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use rayon::iter::{IndexedParallelIterator, IntoParallelRefIterator, ParallelIterator};
use rayon::slice::ParallelSliceMut;

use super::Owners;
use super::look::{self, Folder, Found};
use crate::error::{Context, Result, shown};
use crate::tree::{Kind, Node, NodeId, Notice, Source, Tree, TreePath};

/// How many folders are looked into at once: what is in them is held twice for a moment.
const FOLDERS: usize = 64;

/// How many names of a directory a thread looks at at least.
const SHARE_MIN: usize = 64;

/// How a directory is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Who owns what is in it.
    pub owners: Owners,
    /// Globs of what stays out, with all that is below: with a slash, against the path inside the
    /// directory (`var/cache/*`); without, against every name (`.git`, `*.o`).
    pub excludes: Vec<String>,
}

/// Reads a host directory; contents stay where they are until they are written.
///
/// # Errors
/// Where something cannot be read, vanishes meanwhile, or is owned by a number that the map does not
/// have; where a glob is none.
pub fn read(directory: &Path, options: &Options) -> Result<Source> {
    read_tree(directory, options).context(|| format!("reading the tree {}", shown(directory)))
}

fn read_tree(directory: &Path, options: &Options) -> Result<Source> {
    let excludes = Excludes::new(&options.excludes)?;
    // A root that is given as a symlink is followed; nothing below is.
    let root = directory.canonicalize()?;
    let mut read = Read::default();
    if let Some(found) = look::look(&root, &options.owners)? {
        read.place(TreePath::root(), found);
    }
    let walk = Walk { root, excludes, owners: &options.owners };
    let mut folders = vec![TreePath::root()];
    // A level after the other: there is work for all threads, and no stack that grows.
    while !folders.is_empty() {
        let mut below = Vec::new();
        for some in folders.chunks(FOLDERS) {
            let listed: Vec<_> = some.par_iter().map(|folder| walk.list(folder)).collect();
            for listed in listed {
                for (path, found) in listed? {
                    if matches!(found.node.kind, Kind::Directory) {
                        below.push(path.clone());
                    }
                    read.place(path, found);
                }
            }
        }
        folders = below;
    }
    Ok(read.finish())
}

/// The walk through a directory.
struct Walk<'w> {
    root: PathBuf,
    excludes: Excludes,
    owners: &'w Owners,
}

impl Walk<'_> {
    /// What is in a folder, sorted by name.
    fn list(&self, path: &TreePath) -> Result<Vec<(TreePath, Found)>> {
        let place = match path.is_root() {
            true => self.root.clone(),
            false => self.root.join(OsStr::from_bytes(path.as_bytes())),
        };
        let folder = Folder::open(&place)?;
        let look = |name: &CString| {
            let path = path.join(name.to_bytes())?;
            let wanted = !self.excludes.have(&path);
            wanted.then(|| Ok((path, folder.look(name, self.owners)?))).transpose()
        };
        let names = folder.names()?;
        let found: Vec<_> = names.par_iter().with_min_len(SHARE_MIN).map(look).collect();
        found.into_iter().filter_map(Result::transpose).collect()
    }
}

/// A tree in the making. Its paths are sorted once, when all are there: that is faster than to search the
/// place of each.
#[derive(Default)]
struct Read {
    entries: Vec<(TreePath, NodeId)>,
    nodes: Vec<Node>,
    /// By device and inode: what has several names.
    linked: HashMap<(u64, u64), NodeId>,
    sockets: Vec<TreePath>,
}

impl Read {
    fn place(&mut self, path: TreePath, found: Found) {
        if matches!(found.node.kind, Kind::Socket) {
            self.sockets.push(path);
            return;
        }
        let next = NodeId(self.nodes.len());
        let id = found.linked.map_or(next, |identity| *self.linked.entry(identity).or_insert(next));
        self.entries.push((path, id));
        if id == next {
            self.nodes.push(found.node);
        }
    }

    fn finish(mut self) -> Source {
        self.entries.par_sort_unstable();
        self.sockets.sort();
        let notices = self.sockets.into_iter().map(Notice::Socket).collect();
        Source { tree: Tree::from_sorted(self.entries, self.nodes), notices }
    }
}

/// The globs of what stays out.
struct Excludes {
    of_paths: GlobSet,
    of_names: GlobSet,
}

impl Excludes {
    fn new(globs: &[String]) -> Result<Self> {
        let (mut of_paths, mut of_names) = (GlobSetBuilder::new(), GlobSetBuilder::new());
        for glob in globs {
            let is_path = glob.trim_end_matches('/').contains('/');
            let pattern = glob.trim_matches('/');
            let built = GlobBuilder::new(pattern).literal_separator(true).build();
            let built = built.context(|| format!("reading the exclude `{glob}`"))?;
            if is_path {
                of_paths.add(built)
            } else {
                of_names.add(built)
            };
        }
        Ok(Excludes { of_paths: of_paths.build()?, of_names: of_names.build()? })
    }

    fn have(&self, path: &TreePath) -> bool {
        !path.is_root()
            && (self.of_paths.is_match(OsStr::from_bytes(path.as_bytes()))
                || self.of_names.is_match(OsStr::from_bytes(path.name())))
    }
}
