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
use crate::volume::Window;

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
    /// Reads one source.
    ///
    /// # Errors
    /// Where it is not clear what it is, or it cannot be read.
    pub fn read(&self, word: &Word) -> Result<Taken> {
        let plain = |source| Taken::new(source, None);
        if word.is_stdin() {
            return tar::read_stream(std::io::stdin().lock()).map(plain);
        }
        let path = &word.path;
        match word.resolved()? {
            None => self.sniffed_tar(path),
            Some(Kind::Dir) => self.directory(path).map(plain),
            Some(Kind::Tar) => tar::read(path).map(plain),
            Some(Kind::Deb) => self.packages(std::slice::from_ref(path)).map(plain),
            Some(Kind::Oci) => {
                let layout = match path.is_dir() {
                    true => dir::read(path, &dir::Options::default())?,
                    false => tar::read(path)?,
                };
                self.image(path, &layout.tree)
            }
            Some(Kind::Elf) => self.closure(path),
            Some(Kind::Initramfs) => initramfs(path).map(plain),
            Some(Kind::Disk) => disk::read(path).map(plain),
            Some(Kind::Manifest) => manifest(path).map(plain),
            Some(Kind::Modules) => modules::read(path).map(plain),
        }
    }

    /// Reads sources and merges them in order; packages side by side are unpacked together.
    ///
    /// # Errors
    /// As [`Reading::read`], or where they conflict.
    pub fn read_all(&self, words: &[Word], on_conflict: Conflict) -> Result<Taken> {
        let options = merge::Options { files: on_conflict, directories: on_conflict };
        let mut whole: Option<Taken> = None;
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let mut taken = match package(word) {
                Some(first) => {
                    let mut packages = vec![first];
                    while let Some(next) = words.peek().and_then(|word| package(word)) {
                        packages.push(next);
                        words.next();
                    }
                    Taken::new(self.packages(&packages)?, None)
                }
                None => self.read(word)?,
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

    fn packages(&self, paths: &[PathBuf]) -> Result<Source> {
        deb::read(paths, deb::Options { merge_usr: !self.split_usr })
    }

    /// A tar, which is a container image where it looks like one.
    fn sniffed_tar(&self, path: &Path) -> Result<Taken> {
        let source = tar::read(path)?;
        match oci::is_layout(&source.tree) {
            true => self.image(path, &source.tree),
            false => Ok(Taken::new(source, None)),
        }
    }

    fn image(&self, path: &Path, layout: &Tree) -> Result<Taken> {
        let (name, architecture) = (self.image.clone(), self.architecture.clone());
        let image = oci::read(layout, &oci::Options { name, architecture });
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

/// The path of a package, where a word is one.
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
            None => Ok(unpacked.tree),
            Some(problem) => Err(problem.into()),
        }
    };
    let tree = read().context(|| format!("reading {}", shown(path)))?;
    Ok(Source { tree, notices: Vec::new() })
}

fn manifest(path: &Path) -> Result<Source> {
    let doing = || format!("reading the manifest {}", shown(path));
    let text = std::fs::read(path).context(doing)?;
    let base = path.parent().unwrap_or(Path::new(""));
    let tree = manifest::read(&text, base, Time::EPOCH).context(doing)?;
    Ok(Source { tree, notices: Vec::new() })
}
