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
    #[error("`{0}` is in {1} and in {2}, and neither replaces the other")]
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

/// Unpacks packages one on top of the other, in this order.
///
/// # Errors
/// Where one cannot be read, or two that do not replace each other have the same file.
pub fn read(packages: &[PathBuf], options: Options) -> Result<Source> {
    let mut spool = None;
    let mut read = Vec::with_capacity(packages.len());
    for path in packages {
        read.push(package(path, &mut spool).context(|| format!("reading {}", shown(path)))?);
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

/// Reads one package; what is compressed in it is unpacked into the spool.
///
/// # Errors
/// Where it is damaged ([`DebError`]) or holds what must not be.
pub fn package(path: &Path, spool: &mut Option<Spool>) -> Result<Package> {
    let file = Section::host(path)?;
    let members = members(&file)?;
    let member = |name: &'static str| {
        let found = members.iter().find(|(n, _)| n.starts_with(name.as_bytes()));
        found.map(|(_, section)| section.clone()).ok_or(DebError::Missing(name))
    };
    let version = member("debian-binary")?.start(16)?;
    if !version.starts_with(b"2.") {
        return Err(DebError::Version(version.trim_ascii().into()).into());
    }
    let control = member("control.tar")?.decompressed(spool).context(|| "reading its control")?;
    let control = tar::tree_of(&control).context(|| "reading its control")?.tree;
    let data = member("data.tar")?.decompressed(spool).context(|| "reading its data")?;
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::command::{Command, find_in_path};
    use crate::tree::{Content, dir};

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).expect("a good path")
    }

    fn tree_of(files: &[(&str, &str)]) -> Vec<u8> {
        let mut tree = Tree::new(Time::EPOCH);
        for (name, text) in files {
            let content = Content::from(text.as_bytes().to_vec());
            let parent = path(name).parent().expect("a parent");
            tree.insert(parent, Node::directory(0o755, Time::EPOCH)).expect("free");
            tree.insert(path(name), Node::file(0o644, Time::EPOCH, content)).expect("free");
        }
        let mut bytes = Vec::new();
        tar::write(&tree, &mut bytes).expect("writes");
        bytes
    }

    fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = AR_MAGIC.to_vec();
        for (name, content) in members {
            bytes.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, content.len()).bytes());
            bytes.extend(*content);
            bytes.extend((content.len() % 2 == 1).then_some(b'\n'));
        }
        bytes
    }

    /// Writes a package with this control file and these files.
    fn deb(folder: &Path, name: &str, control: &str, files: &[(&str, &str)]) -> PathBuf {
        let control = tree_of(&[("control", control), ("postinst", "#!/bin/sh\n")]);
        let data = liblzma::encode_all(&tree_of(files)[..], 0).expect("xz");
        let control = crate::compress::gzip(6, &control);
        let bytes = ar(&[
            ("debian-binary", b"2.0\n"),
            ("control.tar.gz", &control),
            ("data.tar.xz", &data),
        ]);
        let place = folder.join(format!("{name}.deb"));
        std::fs::write(&place, bytes).expect("written");
        place
    }

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().expect("a temporary folder")
    }

    fn text(tree: &Tree, at: &str) -> Vec<u8> {
        match &tree.get(&path(at)).expect("there").kind {
            Kind::File(content) => content.read().expect("reads"),
            other => panic!("a {}", other.name()),
        }
    }

    #[test]
    fn packages_are_unpacked_onto_a_merged_usr() {
        let folder = folder();
        let one = deb(folder.path(), "one", "Package: one\n", &[("lib/x/a", "a"), ("bin/b", "b")]);
        let two = deb(folder.path(), "two", "Package: two\n", &[("usr/lib/x/c", "c")]);
        let Source { tree, notices } = read(&[one, two], Options::default()).expect("reads");
        assert_eq!(text(&tree, "usr/lib/x/a"), b"a");
        assert_eq!(text(&tree, "usr/bin/b"), b"b");
        assert!(
            matches!(&tree.get(&path("lib")).expect("there").kind, Kind::Symlink(t) if t == b"usr/lib")
        );
        assert_eq!(notices[0], Notice::Script("one".into(), "postinst".into()));
    }

    #[test]
    fn who_replaces_whom_is_honoured_and_else_both_are_named() {
        let folder = folder();
        let new = |name: &str, control: &str| {
            let control = format!("Package: {name}\n{control}");
            deb(folder.path(), name, &control, &[("etc/x", name), (&format!("etc/{name}"), "")])
        };
        let old = new("old", "Description: a\n long one\n");
        let newer = new("newer", "Replaces: other,\n old (<< 2)\n");
        let stranger = new("stranger", "");
        for order in [[old.clone(), newer.clone()], [newer, old.clone()]] {
            let tree = read(&order, Options::default()).expect("reads").tree;
            assert_eq!(text(&tree, "etc/x"), b"newer");
            assert!(tree.get(&path("etc/old")).is_some());
        }
        let error = read(&[old, stranger], Options::default()).expect_err("a conflict");
        let wanted = "`etc/x` is in old and in stranger, and neither replaces the other";
        assert!(error.to_string().ends_with(wanted), "{error}");
    }

    #[test]
    fn damage_is_named() {
        let folder = folder();
        let refusal = |bytes: &[u8]| {
            let place = folder.path().join("x.deb");
            std::fs::write(&place, bytes).expect("written");
            let error = package(&place, &mut None).expect_err("refused");
            error.downcast_ref::<DebError>().expect("of packages").clone()
        };
        assert_eq!(refusal(b"PK\x03\x04"), DebError::Magic);
        assert_eq!(
            refusal(&ar(&[("debian-binary", b"0.93\n")])),
            DebError::Version(b"0.93".into())
        );
        assert_eq!(refusal(&ar(&[("debian-binary", b"2.0\n")])), DebError::Missing("control.tar"));
        let whole = ar(&[("debian-binary", b"2.0\n"), ("control.tar", b"0123456789")]);
        assert_eq!(refusal(&whole[..whole.len() - 1]), DebError::Ends(132));
        assert_eq!(refusal(&whole[..100]), DebError::Header(72));
    }

    #[test]
    fn a_package_of_dpkg_is_read_as_dpkg_unpacks_it() {
        let Some(program) = find_in_path("dpkg-deb") else {
            assert!(std::env::var_os("CI").is_none(), "dpkg-deb is missing (Debian: dpkg)");
            return eprintln!("skipped: no dpkg-deb");
        };
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir_all(at("p/DEBIAN")).expect("made");
        std::fs::create_dir_all(at("p/usr/share/doc")).expect("made");
        std::fs::write(at("p/usr/share/doc/x"), "hello").expect("written");
        std::os::unix::fs::symlink("doc/x", at("p/usr/share/l")).expect("linked");
        let control =
            "Package: p\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: p\n";
        std::fs::write(at("p/DEBIAN/control"), control).expect("written");
        let dpkg = |arguments: &[&str]| {
            let places =
                arguments.iter().map(|a| if a.starts_with('-') { (*a).into() } else { at(a) });
            Command::new(&program).args(places).run().expect("dpkg-deb runs")
        };
        for compression in ["-Zgzip", "-Zxz", "-Zzstd", "-Znone"] {
            dpkg(&["--root-owner-group", compression, "-b", "p", "p.deb"]);
            let tree = read(&[at("p.deb")], Options::default()).expect("reads").tree;
            std::fs::remove_dir_all(at("out")).ok();
            dpkg(&["-x", "p.deb", "out"]);
            let mut unpacked = dir::read(&at("out"), &dir::Options::default()).expect("reads").tree;
            unpacked.floor_times();
            assert_eq!(tree.digest().expect("reads"), unpacked.digest().expect("reads"));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn damaged_packages_are_read_or_refused(
            flips in proptest::collection::vec((0..4096usize, any::<u8>()), 1..6),
            cut in 0..8192usize,
        ) {
            let folder = folder();
            let place = deb(folder.path(), "p", "Package: p\n", &[("usr/x", "x")]);
            let mut bytes = std::fs::read(&place).expect("reads");
            for (at, value) in flips {
                let at = at % bytes.len();
                bytes[at] = value;
            }
            bytes.truncate(cut.max(1));
            std::fs::write(&place, bytes).expect("written");
            let _ = package(&place, &mut None);
        }
    }
}
