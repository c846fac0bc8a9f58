//! Reading a host directory.
//!
//! What decides is in the directory alone: not its order, the umask, or who reads. Left out: times of
//! access and change, inode flags, and the host's own labels (see the attributes' table).

use std::collections::HashMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use walkdir::WalkDir;

use super::{Owners, xattr};
use crate::error::{Context, Error, Result, shown};
use crate::tree::{Content, HostFile, Kind, Metadata, Node, Notice, Source, Time, Tree, TreePath};

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
    let mut source = Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() };
    let mut first_names: HashMap<(u64, u64), TreePath> = HashMap::new();
    let mut walk = WalkDir::new(&root).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let entry = entry.map_err(named)?;
        let below = entry.path().strip_prefix(&root).unwrap_or(Path::new(""));
        let path = TreePath::new(below.as_os_str().as_bytes())?;
        if excludes.have(&path) {
            if entry.file_type().is_dir() {
                walk.skip_current_dir();
            }
            continue;
        }
        let metadata = entry.metadata().map_err(named)?;
        let identity = (metadata.dev(), metadata.ino());
        if metadata.nlink() > 1 && !metadata.is_dir() {
            if let Some(first) = first_names.get(&identity) {
                source.tree.link(path, first)?;
                continue;
            }
            first_names.insert(identity, path.clone());
        }
        let mut node = node_of(entry.path(), &metadata)?;
        options.owners.apply(&mut node.metadata).context(|| shown(entry.path()))?;
        match node.kind {
            Kind::Socket => {
                // Its other names are left out each by itself: there is nothing to link them to.
                first_names.remove(&identity);
                source.notices.push(Notice::Socket(path));
            }
            _ => source.tree.insert(path, node)?,
        }
    }
    Ok(source)
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
