//! From words to a tree: which source each means, reading it, and merging several in order.
//!
//! The command line and a spec name sources by the same words, so both mean the same tree.

mod attribute;
mod change;
mod disk;
mod modules;
mod word;

pub use attribute::{ChangeError, Device, Mode, Owner};
pub use change::Change;
pub use word::{Kind, Word};

use std::path::{Path, PathBuf};

use crate::error::{Context, Error, Result, shown};
use crate::initramfs::unpack;
use crate::tree::merge::{self, Conflict};
use crate::tree::{Notice, Source, Time, Tree, TreePath, deb, dir, elf, manifest, oci, tar};
use crate::volume::{Window, whole};

/// How sources are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Owners of a directory's files.
    pub owners: dir::Owners,
    /// Globs of what is left out of a directory, as [`dir::Options`] has them.
    pub excludes: Vec<String>,
    /// Where a program and its libraries are.
    pub sysroot: PathBuf,
    /// The image's name, where a container archive has several.
    pub image: Option<String>,
    /// Go's name of the architecture, where a container image is for several.
    pub architecture: Option<String>,
    /// Leave `bin`, `lib` and `sbin` of packages as they are, instead of links into `usr`.
    pub split_usr: bool,
    /// `lib/modules/RELEASE` of the kernel that will boot what is read, where one is known.
    pub kernel_modules: Option<PathBuf>,
}

impl Default for Reading {
    fn default() -> Self {
        Reading {
            owners: dir::Owners::Root,
            excludes: Vec::new(),
            sysroot: "/".into(),
            image: None,
            architecture: None,
            split_usr: false,
            kernel_modules: None,
        }
    }
}

/// What a source gives beside its files: how it wants to be started.
#[derive(Debug, Clone)]
pub enum Start {
    /// As a container of this image.
    Image(oci::Config, oci::Platform),
    /// This program.
    Program(TreePath),
}

/// What sources come to.
#[derive(Debug, Clone)]
pub struct Taken {
    /// The merged tree.
    pub tree: Tree,
    /// What is not in it, in the order of the sources.
    pub notices: Vec<Notice>,
    /// How the last source that says so wants to be started.
    pub start: Option<Start>,
}

impl Taken {
    fn new(source: Source, start: Option<Start>) -> Self {
        Taken { tree: source.tree, notices: source.notices, start }
    }
}

impl Reading {
    /// Reads one source; `tell` is told how many more bytes of what is compressed are read.
    ///
    /// # Errors
    /// Where it is not clear what it is, or it cannot be read.
    pub fn read(&self, word: &Word, tell: &dyn Fn(u64)) -> Result<Taken> {
        let plain = |source| Taken::new(source, None);
        if word.is_stdin() {
            return tar::read_stream(std::io::stdin().lock()).map(plain);
        }
        let path = &word.path;
        match word.resolved()? {
            None => self.sniffed_tar(path, tell),
            Some(Kind::Dir) => self.directory(path).map(plain),
            Some(Kind::Tar) => tar::read(path, tell).map(plain),
            Some(Kind::Deb) => self.packages(&packages_at(path)?, tell).map(plain),
            Some(Kind::Oci) => {
                let layout = match path.is_dir() {
                    true => dir::read(path, &dir::Options::default())?,
                    false => tar::read(path, tell)?,
                };
                self.image(path, &layout.tree, tell)
            }
            Some(Kind::Elf) => self.closure(path),
            Some(Kind::Initramfs) => initramfs(path).map(plain),
            Some(Kind::Disk) => disk::read(path).map(plain),
            Some(Kind::Manifest) => manifest(path).map(plain),
            Some(Kind::Modules) => modules::read(path, self.kernel_modules.as_deref()).map(plain),
        }
    }

    /// Reads sources and merges them in order; packages side by side are unpacked together.
    ///
    /// # Errors
    /// As [`Reading::read`], or where they conflict.
    pub fn read_all(
        &self,
        words: &[Word],
        on_conflict: Conflict,
        tell: &dyn Fn(u64),
    ) -> Result<Taken> {
        let options = merge::Options { files: on_conflict, directories: on_conflict };
        let mut whole: Option<Taken> = None;
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let mut taken = match package(word) {
                Some(first) => {
                    let mut packages = packages_at(&first)?;
                    while let Some(next) = words.peek().and_then(|word| package(word)) {
                        packages.extend(packages_at(&next)?);
                        words.next();
                    }
                    Taken::new(self.packages(&packages, tell)?, None)
                }
                None => self.read(word, tell)?,
            };
            whole = Some(match whole {
                None => taken,
                Some(mut whole) => {
                    let merged = whole.tree.merge(&taken.tree, options);
                    let merging = || format!("merging {}", shown(&word.path));
                    merged.context(merging).map_err(with_hint)?;
                    whole.notices.append(&mut taken.notices);
                    whole.start = taken.start.or(whole.start);
                    whole
                }
            });
        }
        whole.ok_or_else(|| Error::new("no source"))
    }

    fn directory(&self, path: &Path) -> Result<Source> {
        let excludes = self.excludes.clone();
        dir::read(path, &dir::Options { owners: self.owners.clone(), excludes })
    }

    fn packages(&self, paths: &[PathBuf], tell: &dyn Fn(u64)) -> Result<Source> {
        deb::read(paths, deb::Options { merge_usr: !self.split_usr }, tell)
    }

    /// A tar, which is a container image where it looks like one.
    fn sniffed_tar(&self, path: &Path, tell: &dyn Fn(u64)) -> Result<Taken> {
        let source = tar::read(path, tell)?;
        match oci::is_layout(&source.tree) {
            true => self.image(path, &source.tree, tell),
            false => Ok(Taken::new(source, None)),
        }
    }

    fn image(&self, path: &Path, layout: &Tree, tell: &dyn Fn(u64)) -> Result<Taken> {
        let (name, architecture) = (self.image.clone(), self.architecture.clone());
        let image = oci::read(layout, &oci::Options { name, architecture }, tell);
        let image = image.context(|| format!("reading the image {}", shown(path)))?;
        Ok(Taken::new(image.source, Some(Start::Image(image.config, image.platform))))
    }

    /// A program: a path inside the sysroot.
    fn closure(&self, path: &Path) -> Result<Taken> {
        let path = match self.sysroot == Path::new("/") {
            true => std::path::absolute(path)?,
            false => path.into(),
        };
        let program = TreePath::new(path.as_os_str().as_encoded_bytes())?;
        let sysroot = elf::Sysroot::Host(&self.sysroot);
        let source = elf::closure(sysroot, std::slice::from_ref(&program))?;
        Ok(Taken::new(source, Some(Start::Program(program))))
    }
}

fn with_hint(error: Error) -> Error {
    error.hint("`--on-conflict replace` lets the later source win, `keep` the earlier one")
}

/// The package at a path, or all of a folder, in the order of their names.
fn packages_at(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.into()]);
    }
    let doing = || format!("looking for packages in {}", shown(path));
    let entries = std::fs::read_dir(path).context(doing)?;
    let paths =
        entries.map(|entry| Ok(entry.context(doing)?.path())).collect::<Result<Vec<_>>>()?;
    let mut packages: Vec<_> =
        paths.into_iter().filter(|path| path.extension().is_some_and(|e| e == "deb")).collect();
    packages.sort();
    match packages.is_empty() {
        true => Err(Error::new("there is no `*.deb`").context(doing())),
        false => Ok(packages),
    }
}

/// Bytes of the host's files that sources are in; of a directory and of what cannot be read, none.
pub fn len(words: &[Word]) -> u64 {
    let len = |path: &Path| match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => metadata.len(),
        _ => 0,
    };
    let of = |word: &Word| match package(word) {
        Some(path) => packages_at(&path).unwrap_or_default().iter().map(|path| len(path)).sum(),
        None => len(&word.path),
    };
    words.iter().map(of).sum()
}

/// Where a package or a folder of packages is, where a word is one.
fn package(word: &Word) -> Option<PathBuf> {
    match word.is_stdin() {
        true => None,
        false => matches!(word.resolved(), Ok(Some(Kind::Deb))).then(|| word.path.clone()),
    }
}

/// All archives of an initramfs, the later ones on top, as the kernel unpacks them.
fn initramfs(path: &Path) -> Result<Source> {
    let read = || -> Result<Tree> {
        let unpacked = unpack(&Window::open(path)?)?;
        match unpacked.problem {
            None if unpacked.segments.is_empty() => Err(Error::new("there is no archive in it")),
            None => Ok(unpacked.tree),
            Some(problem) => Err(problem.into()),
        }
    };
    let tree = read().context(|| format!("reading {}", shown(path)))?;
    Ok(Source { tree, notices: Vec::new() })
}

fn manifest(path: &Path) -> Result<Source> {
    let doing = || format!("reading the manifest {}", shown(path));
    let text = whole(path, manifest::TEXT_MAX)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let tree = manifest::read(&text, base, Time::EPOCH).context(doing)?;
    Ok(Source { tree, notices: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_packages_is_all_of_them_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = packages_at(folder.path()).expect_err("none").to_string();
        assert!(error.ends_with("there is no `*.deb`"), "{error}");
        for name in ["b_1_all.deb", "a_1_amd64.deb", "lock"] {
            std::fs::write(folder.path().join(name), "").expect("written");
        }
        let found = packages_at(folder.path()).expect("two");
        assert_eq!(found, ["a_1_amd64.deb", "b_1_all.deb"].map(|name| folder.path().join(name)));
    }
}
