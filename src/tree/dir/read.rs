//! Reading a host directory.
//!
//! What decides is in the directory alone: not its order, the umask, or who reads. Left out: times of
//! access and change, inode flags, and the host's own labels (see the attributes' table).

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use super::{Owners, xattr};
use crate::error::{Context, Error, Result, shown};
use crate::tree::{Content, HostFile, Kind, Metadata, Node, Notice, Source, Time, Tree, TreePath};

/// Names that are looked at together: few enough that they take no memory to speak of.
const BATCH: usize = 4096;

/// Threads that look at them, and what each looks at at least.
const THREADS_MAX: usize = 8;
const SHARE_MIN: usize = 128;

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
    let mut walk = Walk { root: &root, excludes: &excludes, entries: walk(&root) };
    let mut read = Read {
        source: Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() },
        first_names: HashMap::new(),
    };
    loop {
        let found = walk.some()?;
        if found.is_empty() {
            return Ok(read.source);
        }
        for (found, looked) in found.iter().zip(look_at(&found, &options.owners)) {
            let (metadata, node) = looked?;
            read.place(&found.path, &metadata, node)?;
        }
    }
}

fn walk(root: &Path) -> walkdir::IntoIter {
    WalkDir::new(root).sort_by_file_name().into_iter()
}

/// A name that the walk found, which was not looked at yet.
struct Found {
    place: PathBuf,
    path: TreePath,
}

/// The walk through a directory.
struct Walk<'w> {
    root: &'w Path,
    excludes: &'w Excludes,
    entries: walkdir::IntoIter,
}

impl Walk<'_> {
    /// The next [`BATCH`] names; fewer at the end, and none behind it.
    fn some(&mut self) -> Result<Vec<Found>> {
        let mut found = Vec::new();
        while found.len() < BATCH {
            let Some(entry) = self.entries.next() else { break };
            let entry = entry.map_err(named)?;
            let below = entry.path().strip_prefix(self.root).unwrap_or(Path::new(""));
            let path = TreePath::new(below.as_os_str().as_bytes())?;
            if !self.excludes.have(&path) {
                found.push(Found { place: entry.into_path(), path });
            } else if entry.file_type().is_dir() {
                self.entries.skip_current_dir();
            }
        }
        Ok(found)
    }
}

/// What is at each place, which several threads look at: it is all system calls.
fn look_at(found: &[Found], owners: &Owners) -> Vec<Result<(fs::Metadata, Node)>> {
    let look = |found: &Found| {
        let reading = || format!("reading {}", shown(&found.place));
        let metadata = found.place.symlink_metadata().context(reading)?;
        let mut node = node_of(&found.place, &metadata)?;
        owners.apply(&mut node.metadata).context(|| shown(&found.place))?;
        Ok((metadata, node))
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
    let share = found.len().div_ceil(threads).max(SHARE_MIN);
    thread::scope(|scope| {
        let shares: Vec<_> = found
            .chunks(share)
            .map(|share| scope.spawn(move || share.iter().map(look).collect::<Vec<_>>()))
            .collect();
        let join = |share: thread::ScopedJoinHandle<'_, _>| {
            share.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        };
        shares.into_iter().flat_map(join).collect()
    })
}

/// A tree in the making.
struct Read {
    source: Source,
    /// By device and inode: the first name of what has several.
    first_names: HashMap<(u64, u64), TreePath>,
}

impl Read {
    fn place(&mut self, path: &TreePath, metadata: &fs::Metadata, node: Node) -> Result<()> {
        let (tree, path) = (&mut self.source.tree, path.clone());
        let identity = (metadata.dev(), metadata.ino());
        if metadata.nlink() > 1 && !metadata.is_dir() {
            if let Some(first) = self.first_names.get(&identity) {
                return Ok(tree.link(path, first)?);
            }
            self.first_names.insert(identity, path.clone());
        }
        match node.kind {
            Kind::Socket => {
                // Its other names are left out each by itself: there is nothing to link them to.
                self.first_names.remove(&identity);
                self.source.notices.push(Notice::Socket(path));
            }
            _ => tree.insert(path, node)?,
        }
        Ok(())
    }
}

/// The error of the walk as ours: the path in front, the bare cause behind.
fn named(error: walkdir::Error) -> Error {
    let path = error.path().map(|p| format!("reading {}", shown(p)));
    let cause = match error.into_io_error() {
        Some(io) => Error::from(io),
        None => Error::new("its folders make a loop"),
    };
    cause.context(path.unwrap_or_else(|| "walking".into()))
}

/// What is at a place of the host, a link itself; `None` where nothing is.
///
/// # Errors
/// Where it cannot be looked at, or its owner is in no range of the map.
pub fn look_up(path: &Path, owners: &Owners) -> Result<Option<Node>> {
    use std::io::ErrorKind::{NotADirectory, NotFound};
    let metadata = match path.symlink_metadata() {
        Ok(metadata) => metadata,
        Err(e) if matches!(e.kind(), NotFound | NotADirectory) => return Ok(None),
        Err(e) => return Err(e).context(|| format!("reading {}", shown(path))),
    };
    let mut node = node_of(path, &metadata)?;
    owners.apply(&mut node.metadata).context(|| shown(path))?;
    Ok(Some(node))
}

/// What a host file is, with its owner on the host.
///
/// # Errors
/// Where its attributes or its link's target cannot be read.
fn node_of(path: &Path, metadata: &fs::Metadata) -> Result<Node> {
    let mode = metadata.mode();
    let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
    let kind = match mode & 0o170_000 {
        0o010_000 => Kind::Fifo,
        0o020_000 => Kind::CharDevice { major, minor },
        0o040_000 => Kind::Directory,
        0o060_000 => Kind::BlockDevice { major, minor },
        0o100_000 => Kind::File(Content::Host(HostFile::seen(PathBuf::from(path), metadata))),
        0o120_000 => Kind::Symlink(link_target(path)?),
        _ => Kind::Socket,
    };
    let metadata = Metadata {
        mode: (mode & 0o7777) as u16,
        uid: metadata.uid(),
        gid: metadata.gid(),
        mtime: Time {
            seconds: metadata.mtime(),
            nanoseconds: u32::try_from(metadata.mtime_nsec()).unwrap_or(0),
        },
        xattrs: xattr::read(path)?,
    };
    Ok(Node { metadata, kind })
}

fn link_target(path: &Path) -> Result<Vec<u8>> {
    let target = fs::read_link(path).context(|| format!("reading {}", shown(path)))?;
    Ok(target.as_os_str().as_bytes().into())
}

impl Owners {
    /// Replaces the host's owners.
    fn apply(&self, metadata: &mut Metadata) -> Result<()> {
        match self {
            Owners::Root => (metadata.uid, metadata.gid) = (0, 0),
            Owners::Preserve => {}
            Owners::Map(map) => {
                let mapped = |id: u32, what: &str| {
                    let missing =
                        || Error::new(format!("its {what} {id} is in no range of the map"));
                    map.map(id).ok_or_else(missing)
                };
                metadata.uid = mapped(metadata.uid, "owner")?;
                metadata.gid = mapped(metadata.gid, "group")?;
            }
        }
        Ok(())
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
        use std::ffi::OsStr;
        !path.is_root()
            && (self.of_paths.is_match(OsStr::from_bytes(path.as_bytes()))
                || self.of_names.is_match(OsStr::from_bytes(path.name())))
    }
}
