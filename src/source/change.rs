//! Changes that a person writes down, on the command line or in a spec, to be made on top of what the
//! sources give.
//!
//! They are [`Edit`]s in words: paths and numbers as text, contents as text or as files of the host. Left
//! out: names that are not UTF-8, and times, which are those of the host's files or of the build.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::attribute::{Device, Mode, Owner};
use crate::error::{Context, Error, Result, shown};
use crate::tree::merge::Options;
use crate::tree::{Content, Edit, Kind, Node, Recurse, Time, Tree, TreePath, dir};

/// Permission bits where a new file or node has no other.
const FILE_MODE: u16 = 0o644;
const DIRECTORY_MODE: u16 = 0o755;
const DEVICE_MODE: u16 = 0o600;

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Change {
    /// Places a host file, link or directory with all that is in it; it belongs to root. Nothing else
    /// may be at its paths.
    Add {
        /// The host's path.
        from: PathBuf,
        /// Where it goes; with a slash at the end it keeps its name there.
        path: String,
    },
    /// Writes a file, whatever is there; a file that is there keeps its mode and owner.
    Write {
        /// Where.
        path: String,
        /// Its text, to which a line break is added where it has none at its end.
        text: String,
        /// Its mode.
        mode: Option<Mode>,
    },
    /// Takes something away, with all that is below it.
    Remove {
        /// What.
        path: String,
    },
    /// Makes a directory, unless it is there.
    Mkdir {
        /// Where.
        path: String,
        /// Its mode; one that is there keeps its own where nothing is said.
        mode: Option<Mode>,
    },
    /// Makes a symbolic link.
    Symlink {
        /// Where.
        path: String,
        /// Where it leads.
        target: String,
    },
    /// Makes a device or a named pipe.
    Mknod {
        /// Where.
        path: String,
        /// What.
        device: Device,
        /// Its mode.
        mode: Option<Mode>,
    },
    /// Sets the mode.
    Chmod {
        /// Of what.
        path: String,
        /// The mode.
        mode: Mode,
        /// Of all that is below it too.
        #[serde(default)]
        recurse: bool,
    },
    /// Sets owner and group.
    Chown {
        /// Of what.
        path: String,
        /// To whom.
        owner: Owner,
        /// Of all that is below it too.
        #[serde(default)]
        recurse: bool,
    },
}

impl Change {
    /// The same, with a host path that is not absolute taken from this folder.
    #[must_use]
    pub fn below(self, folder: &Path) -> Self {
        match self {
            Change::Add { from, path } => Change::Add { from: folder.join(from), path },
            other => other,
        }
    }

    /// Makes the change; what is new has this time.
    ///
    /// # Errors
    /// Where it cannot be made as it is written, or a host file cannot be read.
    pub fn apply(&self, tree: &mut Tree, time: Time) -> Result<()> {
        let recurse = |all: bool| if all { Recurse::Yes } else { Recurse::No };
        let edit = match self {
            Change::Add { from, path } => return add(tree, from, path),
            Change::Write { path, text, mode } => return write(tree, path, text, *mode, time),
            Change::Mkdir { path, mode } => return mkdir(tree, path, *mode, time),
            Change::Remove { path } => Edit::Remove(tree_path(path)?),
            Change::Symlink { path, target } => {
                Edit::Add(tree_path(path)?, Node::symlink(target.as_bytes(), time))
            }
            Change::Mknod { path, device, mode } => {
                let mode = mode.map_or(DEVICE_MODE, |mode| mode.0);
                Edit::Add(tree_path(path)?, device.node(mode, time))
            }
            Change::Chmod { path, mode, recurse: all } => {
                Edit::Chmod(tree_path(path)?, mode.0, recurse(*all))
            }
            Change::Chown { path, owner: Owner(uid, gid), recurse: all } => {
                Edit::Chown(tree_path(path)?, *uid, *gid, recurse(*all))
            }
        };
        edit.apply(tree)
    }
}

fn tree_path(text: &str) -> Result<TreePath> {
    Ok(TreePath::new(text.as_bytes())?)
}

/// Places what is at a host path, as a source would, but below a path.
fn add(tree: &mut Tree, from: &Path, path: &str) -> Result<()> {
    let doing = || format!("adding {} as `{path}`", shown(from));
    let mut added = || -> Result<()> {
        let mut place = tree_path(path)?;
        if path.ends_with('/') && !from.is_dir() {
            let name = from.file_name().unwrap_or_default();
            place = place.join(name.as_encoded_bytes())?;
        }
        let top = placed(from, &place)?;
        tree.merge(&top, Options::PACKAGES).map_err(|error| {
            error.hint(
                "remove what is there first, or make it a source of its own with --on-conflict",
            )
        })
    };
    added().context(doing)
}

/// A tree that has what is at a host path at this place, and nothing else that is described.
fn placed(from: &Path, place: &TreePath) -> Result<Tree> {
    let mut top = Tree::new(Time::EPOCH);
    if !from.is_dir() {
        let node = dir::look_up(from, &dir::Owners::Root)?;
        let node = node.ok_or_else(|| Error::new("there is no such file"))?;
        top.insert(place.clone(), node)?;
        return Ok(top);
    }
    let source = dir::read(from, &dir::Options::default())?.tree;
    top.graft(place, &source)?;
    Ok(top)
}

fn write(tree: &mut Tree, path: &str, text: &str, mode: Option<Mode>, time: Time) -> Result<()> {
    let mut bytes = text.as_bytes().to_vec();
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        bytes.push(b'\n');
    }
    let path = tree_path(path)?;
    let mut node = Node::file(FILE_MODE, time, Content::from(bytes));
    let place = tree.resolve(&path)?;
    if let Some(Node { metadata, kind: Kind::File(_) }) = tree.get(&place) {
        node.metadata = metadata.clone();
        node.metadata.mtime = time;
    }
    if let Some(Mode(bits)) = mode {
        node.metadata.mode = bits;
    }
    Edit::Replace(path, node).apply(tree)
}

fn mkdir(tree: &mut Tree, path: &str, mode: Option<Mode>, time: Time) -> Result<()> {
    let path = tree_path(path)?;
    let place = tree.resolve_fully(&path)?;
    let is_there = tree.get(&place).is_some_and(|node| matches!(node.kind, Kind::Directory));
    match (is_there, mode) {
        (true, None) => Ok(()),
        (true, Some(Mode(bits))) => Edit::Chmod(path, bits, Recurse::No).apply(tree),
        (false, mode) => {
            let mode = mode.map_or(DIRECTORY_MODE, |mode| mode.0);
            Edit::Add(path, Node::directory(mode, time)).apply(tree)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::from_seconds(7);

    /// A file that is not everybody's, and `lib` as a link, as on every Debian.
    fn sample() -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        let mut file = Node::file(0o640, Time::EPOCH, Content::from(b"old".to_vec()));
        file.metadata.gid = 42;
        tree.insert(tree_path("etc/shadow").expect("good"), file).expect("free");
        tree.insert(tree_path("usr/lib/a").expect("good"), Node::directory(0o700, Time::EPOCH))
            .expect("free");
        let link = Node::symlink("usr/lib", Time::EPOCH);
        tree.insert(tree_path("lib").expect("good"), link).expect("free");
        tree
    }

    /// What a change makes of the sample.
    fn changed(change: Change) -> Result<Tree> {
        let mut tree = sample();
        change.apply(&mut tree, NOW).map(|()| tree)
    }

    fn at<'t>(tree: &'t Tree, path: &str) -> &'t Node {
        tree.get(&tree_path(path).expect("good")).expect("there")
    }

    fn text(node: &Node) -> Vec<u8> {
        let Kind::File(content) = &node.kind else { panic!("it is a file") };
        content.read().expect("readable")
    }

    #[test]
    fn a_written_file_ends_in_a_line_break_and_keeps_the_owner_that_was_there() {
        let write = |path: &str, text: &str| {
            let (path, text) = (path.into(), text.into());
            changed(Change::Write { path, text, mode: None }).expect("written")
        };
        let tree = write("/etc/shadow", "root:*:1::::::");
        let node = at(&tree, "etc/shadow");
        assert_eq!(text(node), b"root:*:1::::::\n");
        assert_eq!((node.metadata.mode, node.metadata.gid), (0o640, 42));
        assert_eq!(node.metadata.mtime, NOW);
        assert_eq!(at(&write("/etc/hostname", "demo\n"), "etc/hostname").metadata.mode, 0o644);
        assert_eq!(text(at(&write("/lib", ""), "lib")), b"", "a link is replaced");
    }

    #[test]
    fn a_directory_that_is_there_stays_as_it_is() {
        let mkdir = |path: &str, mode| changed(Change::Mkdir { path: path.into(), mode });
        let mode = |tree: Result<Tree>| at(&tree.expect("made"), "usr/lib/a").metadata.mode;
        assert_eq!(mode(mkdir("/lib/a", None)), 0o700);
        assert_eq!(mode(mkdir("/lib/a", Some(Mode(0o755)))), 0o755);
        assert!(mkdir("/lib", None).is_ok(), "a link to a directory is one");
        assert!(mkdir("/etc/shadow", None).is_err());
    }

    #[test]
    fn host_files_and_folders_are_added_below_a_path() {
        let host = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(host.path().join("d")).expect("made");
        std::fs::write(host.path().join("d/f"), "x").expect("written");
        std::fs::hard_link(host.path().join("d/f"), host.path().join("d/g")).expect("linked");
        let add = |from: &str, path: &str| {
            changed(Change::Add { from: host.path().join(from), path: path.into() })
        };
        let tree = add("d", "/lib").expect("free");
        assert_eq!(text(at(&tree, "usr/lib/f")), b"x");
        let counts = tree.link_counts();
        assert!(counts.named().any(|id| counts[id] == 2), "hard links stay linked");
        assert_eq!(text(at(&add("d/f", "/etc/").expect("free"), "etc/f")), b"x");
        assert_eq!(text(at(&add("d", "/").expect("free"), "g")), b"x");
        let error = add("d/f", "/etc/shadow").expect_err("taken").to_string();
        assert!(error.ends_with("`/etc/shadow` is there already, as another file"), "{error}");
        let error = add("none", "/x").expect_err("nothing").to_string();
        assert!(error.ends_with("there is no such file"), "{error}");
    }

    #[test]
    fn links_and_devices_are_made_once() {
        let device = Change::Mknod { path: "/dev/x".into(), device: Device::Fifo, mode: None };
        let mut tree = changed(device.clone()).expect("free");
        assert!(matches!(at(&tree, "dev/x").kind, Kind::Fifo));
        assert_eq!(at(&tree, "dev/x").metadata.mode, DEVICE_MODE);
        assert!(device.apply(&mut tree, NOW).is_err(), "it is there");
        let link = Change::Symlink { path: "/lib".into(), target: "x".into() };
        assert!(changed(link).is_err(), "it is there");
    }
}
