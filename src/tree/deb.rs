//! Debian packages (deb(5), format 2.0), unpacked without running their scripts: an `ar` of
//! `debian-binary`, a control archive and a data archive, each a tar in any compression.
//!
//! Left out: signatures (apt's matter), diversions and alternatives (which scripts make), dpkg's own
//! database.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::merge;
use super::{Kind, Node, Notice, Section, Source, Spool, Time, Tree, TreePath, tar};
use crate::error::{Context, Error, Result, shown, shown_bytes};

const AR_MAGIC: &[u8] = b"!<arch>\n";
const AR_HEADER: usize = 60;

/// Directories that a merged /usr has as links (file-hierarchy(7)).
const MERGED: &[&str] = &["bin", "lib", "lib32", "lib64", "libo32", "libx32", "sbin"];

/// The scripts that an installation would run.
const SCRIPTS: &[&str] = &["preinst", "postinst"];

/// The longest control file that is read.
const MAX_CONTROL: u64 = 1 << 20;

/// What is wrong with a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebError {
    /// It does not start as an `ar` archive.
    #[error("it is no Debian package: it does not start with `!<arch>`")]
    Magic,
    /// A member's header has no sound length or end.
    #[error("the member header at offset {0} is damaged")]
    Header(u64),
    /// A member that reaches past the end.
    #[error("it ends early: there should be more at offset {0}")]
    Ends(u64),
    /// `debian-binary` says something else.
    #[error("its format is `{}`, but only 2.0 is read", shown_bytes(.0))]
    Version(Vec<u8>),
    /// One of the three members is not there.
    #[error("it has no {0}")]
    Missing(&'static str),
    /// Two packages have a file of this name, and neither replaces the other.
    #[error("`/{0}` is in {1} and in {2}, and neither replaces the other")]
    Conflict(TreePath, String, String),
}

/// A package as it is unpacked.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its fields, such as `Package` and `Version`, in small letters; continued lines are joined.
    pub control: BTreeMap<String, String>,
    /// The scripts that it has, of `preinst` and `postinst`.
    pub scripts: Vec<&'static str>,
    /// Its files.
    pub tree: Tree,
}

/// How packages are unpacked together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Make `bin`, `lib`, `sbin` ... links into `usr` where a package has something in them, as every
    /// Debian since 12 has it and most of its packages expect.
    pub merge_usr: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { merge_usr: true }
    }
}

/// Unpacks packages one on top of the other, in this order; `tell` is told how many more compressed bytes
/// are read.
///
/// # Errors
/// Where one cannot be read, or two that do not replace each other have the same file.
pub fn read(packages: &[PathBuf], options: Options, tell: &dyn Fn(u64)) -> Result<Source> {
    let mut spool = None;
    let mut read = Vec::with_capacity(packages.len());
    for path in packages {
        read.push(package(path, &mut spool, tell).context(|| format!("reading {}", shown(path)))?);
    }
    let mut tree = Tree::new(Time::EPOCH);
    if options.merge_usr {
        read.iter().try_for_each(|package| merge_usr(&mut tree, &package.tree))?;
    }
    let mut unpacking = Unpacking { tree, owners: BTreeMap::new(), unpacked: Vec::new() };
    for (package, path) in read.into_iter().zip(packages) {
        unpacking.add(package).context(|| format!("unpacking {}", shown(path)))?;
    }
    Ok(Source { notices: unpacking.notices(), tree: unpacking.tree })
}

/// Reads one package; what is compressed in it is unpacked into the spool, and `tell` is told how many more
/// bytes of that are read.
///
/// # Errors
/// Where it is damaged ([`DebError`]) or holds what must not be.
pub fn package(path: &Path, spool: &mut Option<Spool>, tell: &dyn Fn(u64)) -> Result<Package> {
    package_of(&Section::host(path)?, spool, tell)
}

/// The same for a package that lies in something else.
///
/// # Errors
/// As [`package`].
pub fn package_of(
    file: &Section,
    spool: &mut Option<Spool>,
    tell: &dyn Fn(u64),
) -> Result<Package> {
    let members = members(file)?;
    let member = |name: &'static str| {
        let found = members.iter().find(|(n, _)| n.starts_with(name.as_bytes()));
        found.map(|(_, section)| section.clone()).ok_or(DebError::Missing(name))
    };
    let version = member("debian-binary")?.start(16)?;
    if !version.starts_with(b"2.") {
        return Err(DebError::Version(version.trim_ascii().into()).into());
    }
    let control = member("control.tar")?;
    let control = control.decompressed(spool, tell).context(|| "reading its control")?;
    let control = tar::tree_of(&control).context(|| "reading its control")?.tree;
    let data = member("data.tar")?;
    let data = data.decompressed(spool, tell).context(|| "reading its data")?;
    let tree = tar::tree_of(&data).context(|| "reading its data")?.tree;
    let has = |script: &&&str| {
        TreePath::new(script.as_bytes()).is_ok_and(|path| control.get(&path).is_some())
    };
    let scripts = SCRIPTS.iter().filter(has).copied().collect();
    Ok(Package { control: fields(&control)?, scripts, tree })
}

/// The members of an `ar` archive: their names and bytes.
fn members(file: &Section) -> Result<Vec<(Vec<u8>, Section)>> {
    if file.start(AR_MAGIC.len())? != AR_MAGIC {
        return Err(DebError::Magic.into());
    }
    let mut members = Vec::new();
    let mut at = AR_MAGIC.len() as u64;
    while at < file.len() {
        let mut header = [0; AR_HEADER];
        if file.read_at(&mut header, at)? < AR_HEADER || !header.ends_with(b"`\n") {
            return Err(DebError::Header(at).into());
        }
        let size =
            std::str::from_utf8(&header[48..58]).ok().and_then(|s| s.trim_end().parse().ok());
        let size: u64 = size.ok_or(DebError::Header(at))?;
        let start = at + AR_HEADER as u64;
        let section = file.part(start, size).ok_or(DebError::Ends(start))?;
        let name = header[..16].trim_ascii_end();
        members.push((name.strip_suffix(b"/").unwrap_or(name).to_vec(), section));
        // A package has three members; a file full of empty ones is not kept in memory.
        if members.len() > 64 {
            return Err(DebError::Header(at).into());
        }
        // Members start at even offsets.
        at = start + size + size % 2;
    }
    Ok(members)
}

/// The fields of the control file (deb-control(5)).
fn fields(control: &Tree) -> Result<BTreeMap<String, String>> {
    let path = TreePath::new(b"control")?;
    let content = match control.get(&path).map(|node| &node.kind) {
        Some(Kind::File(content)) if content.len() <= MAX_CONTROL => content.read()?,
        _ => return Err(DebError::Missing("control file of a sensible size").into()),
    };
    let mut fields: BTreeMap<String, String> = BTreeMap::new();
    let mut last = None;
    for line in String::from_utf8_lossy(&content).lines() {
        match (line.starts_with([' ', '\t']), line.split_once(':')) {
            (true, _) => {
                if let Some(value) = last.as_ref().and_then(|name| fields.get_mut(name)) {
                    value.push(' ');
                    value.push_str(line.trim());
                }
            }
            (false, Some((name, value))) => {
                let name = name.to_ascii_lowercase();
                fields.insert(name.clone(), value.trim().into());
                last = Some(name);
            }
            (false, None) => {}
        }
    }
    Ok(fields)
}

impl Package {
    /// Its name, empty where it does not say one.
    pub fn name(&self) -> &str {
        self.control.get("package").map_or("", String::as_str)
    }

    /// Whether it may take over files of a package of this name; versions are not compared.
    fn replaces(&self, name: &str) -> bool {
        let relations = self.control.get("replaces").map_or("", String::as_str);
        let names = relations
            .split([',', '|'])
            .filter_map(|r| r.split([' ', '(', ':']).find(|w| !w.is_empty()));
        names.into_iter().any(|n| n == name)
    }
}

/// Makes the links that a package needs whose files are in `bin`, `lib` ...
fn merge_usr(tree: &mut Tree, package: &Tree) -> Result<()> {
    for name in MERGED {
        let (at, usr) = (TreePath::new(name.as_bytes())?, format!("usr/{name}"));
        let is_directory = |n: &Node| matches!(n.kind, Kind::Directory);
        if package.get(&at).is_some_and(is_directory) && tree.get(&at).is_none() {
            tree.insert(at, Node::symlink(usr.clone(), Time::EPOCH))?;
            tree.insert(TreePath::new(usr.as_bytes())?, Node::directory(0o755, Time::EPOCH))?;
        }
    }
    Ok(())
}

/// A system that packages are being unpacked onto.
struct Unpacking {
    tree: Tree,
    /// Which package each file, link or device came from.
    owners: BTreeMap<TreePath, usize>,
    /// Name, replaced names, and scripts of those that are there.
    unpacked: Vec<Package>,
}

impl Unpacking {
    fn add(&mut self, mut package: Package) -> Result<()> {
        let mut files = Vec::new();
        for entry in package.tree.iter().filter(|e| !matches!(e.node.kind, Kind::Directory)) {
            files.push((entry.path.clone(), self.tree.resolve(entry.path)?));
        }
        let mut kept = Vec::new();
        for (path, place) in &files {
            let Some(&other) = self.owners.get(place) else { continue };
            let other = &self.unpacked[other];
            if package.replaces(other.name()) {
                self.tree.remove(place);
            } else if other.replaces(package.name()) {
                kept.push(place);
                package.tree.remove(path);
            }
        }
        let merged = self.tree.merge(&package.tree, merge::Options::PACKAGES);
        merged.map_err(|error| self.explained(error, &package))?;
        let places = files.iter().map(|(_, place)| place).filter(|place| !kept.contains(place));
        self.owners.extend(places.map(|place| (place.clone(), self.unpacked.len())));
        // Its files are in the tree now.
        package.tree = Tree::new(Time::EPOCH);
        self.unpacked.push(package);
        Ok(())
    }

    /// Says which package a conflict is with, where it is with one.
    fn explained(&self, error: Error, package: &Package) -> Error {
        use merge::MergeError::{Differs, Kinds};
        match error.downcast_ref() {
            Some(Differs { path, .. } | Kinds { path, .. }) => match self.owners.get(path) {
                Some(&other) => {
                    let (one, two) = (self.unpacked[other].name(), package.name());
                    DebError::Conflict(path.clone(), one.into(), two.into()).into()
                }
                None => error,
            },
            _ => error,
        }
    }

    fn notices(&self) -> Vec<Notice> {
        let of = |p: &Package| {
            let name = p.name().to_owned();
            p.scripts
                .iter()
                .map(move |s| Notice::Script(name.clone(), (*s).into()))
                .collect::<Vec<_>>()
        };
        self.unpacked.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests;
