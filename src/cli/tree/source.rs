//! Which source a word on the command line means, and reading it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::compress;
use crate::error::{Context, Error, Result, shown};
use crate::initramfs::unpack;
use crate::tree::merge::{self, Conflict};
use crate::tree::{Source, Time, Tree, TreePath, deb, dir, elf, manifest, oci, tar};
use crate::volume::Window;

/// How much of a file tells what it is.
const START: u64 = 512;

/// How sources are read.
#[derive(Debug, Clone, Args)]
pub struct SourceArgs {
    /// Owners of a directory's files: `root`, `preserve`, or ranges HOST:TREE:COUNT with commas between
    #[arg(long, default_value = "root", value_parser = owners)]
    pub owners: dir::Owners,
    /// Leave out what matches in a directory: `.git` anywhere, `var/cache/*` from its top; may be repeated
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Where a program's libraries are
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub sysroot: PathBuf,
    /// The image's name or tag, where a container archive has several
    #[arg(long, value_name = "NAME")]
    pub image: Option<String>,
    /// The architecture, in Go's words (amd64), where a container image is for several
    #[arg(long, value_name = "NAME")]
    pub image_arch: Option<String>,
    /// Do not make bin, lib and sbin links into usr when .deb packages are unpacked
    #[arg(long)]
    pub split_usr: bool,
}

/// What happens where two sources have the same path, differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnConflict {
    /// It is an error
    Refuse,
    /// The later source wins
    Replace,
    /// The earlier source wins
    Keep,
}

fn owners(text: &str) -> Result<dir::Owners, dir::MapError> {
    Ok(match text {
        "root" => dir::Owners::Root,
        "preserve" => dir::Owners::Preserve,
        map => dir::Owners::Map(map.parse()?),
    })
}

/// The kinds of sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dir,
    Tar,
    Deb,
    Oci,
    Elf,
    Initramfs,
    Manifest,
}

const KINDS: &[(&str, Kind)] = &[
    ("dir:", Kind::Dir),
    ("tar:", Kind::Tar),
    ("deb:", Kind::Deb),
    ("oci:", Kind::Oci),
    ("elf:", Kind::Elf),
    ("initramfs:", Kind::Initramfs),
    ("manifest:", Kind::Manifest),
];

impl SourceArgs {
    /// Reads a source.
    ///
    /// # Errors
    /// Where it is not clear what it is, or it cannot be read.
    pub(super) fn read(&self, word: &str) -> Result<Source> {
        if matches!(word, "-" | "tar:-") {
            return tar::read_stream(std::io::stdin().lock());
        }
        let (kind, path) = resolved(word)?;
        match kind {
            Some(kind) => self.read_as(kind, path),
            None => self.sniffed_tar(path),
        }
    }

    /// Reads sources and merges them in order; packages side by side are unpacked together.
    ///
    /// # Errors
    /// As [`SourceArgs::read`], or where they conflict.
    pub(super) fn read_all(&self, words: &[String], on_conflict: OnConflict) -> Result<Source> {
        let policy = match on_conflict {
            OnConflict::Refuse => Conflict::Refuse,
            OnConflict::Replace => Conflict::Replace,
            OnConflict::Keep => Conflict::Keep,
        };
        let options = merge::Options { files: policy, directories: policy };
        let mut whole: Option<Source> = None;
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let mut source = match package(word) {
                Some(first) => {
                    let mut packages = vec![first];
                    while let Some(next) = words.peek().and_then(|word| package(word)) {
                        packages.push(next);
                        words.next();
                    }
                    deb::read(&packages, deb::Options { merge_usr: !self.split_usr })?
                }
                None => self.read(word)?,
            };
            whole = Some(match whole {
                None => source,
                Some(mut whole) => {
                    let merged = whole.tree.merge(&source.tree, options);
                    merged.context(|| format!("merging {word}")).map_err(with_hint)?;
                    whole.notices.append(&mut source.notices);
                    whole
                }
            });
        }
        whole.ok_or_else(|| Error::new("no source"))
    }

    fn read_as(&self, kind: Kind, path: &Path) -> Result<Source> {
        let plain = |tree| Source { tree, notices: Vec::new() };
        match kind {
            Kind::Dir => self.directory(path),
            Kind::Tar => tar::read(path),
            Kind::Deb => deb::read(&[path.into()], deb::Options { merge_usr: !self.split_usr }),
            Kind::Oci => {
                let layout = match path.is_dir() {
                    true => dir::read(path, &dir::Options::default())?,
                    false => tar::read(path)?,
                };
                self.image(path, &layout.tree)
            }
            Kind::Elf => self.closure(path),
            Kind::Initramfs => {
                initramfs(path).context(|| format!("reading {}", shown(path))).map(plain)
            }
            Kind::Manifest => {
                let doing = || format!("reading the manifest {}", shown(path));
                let text = std::fs::read(path).context(doing)?;
                let base = path.parent().unwrap_or(Path::new(""));
                manifest::read(&text, base, Time::EPOCH).context(doing).map(plain)
            }
        }
    }

    fn directory(&self, path: &Path) -> Result<Source> {
        let excludes = self.exclude.clone();
        dir::read(path, &dir::Options { owners: self.owners.clone(), excludes })
    }

    /// A tar, which is a container image where it looks like one.
    fn sniffed_tar(&self, path: &Path) -> Result<Source> {
        let source = tar::read(path)?;
        match oci::is_layout(&source.tree) {
            true => self.image(path, &source.tree),
            false => Ok(source),
        }
    }

    fn image(&self, path: &Path, layout: &Tree) -> Result<Source> {
        let (name, architecture) = (self.image.clone(), self.image_arch.clone());
        let image = oci::read(layout, &oci::Options { name, architecture });
        Ok(image.context(|| format!("reading the image {}", shown(path)))?.source)
    }

    /// A program: a path inside the sysroot.
    fn closure(&self, path: &Path) -> Result<Source> {
        let path = match self.sysroot == Path::new("/") {
            true => std::path::absolute(path)?,
            false => path.into(),
        };
        let program = TreePath::new(path.as_os_str().as_encoded_bytes())?;
        elf::closure(elf::Sysroot::Host(&self.sysroot), &[program])
    }
}

fn with_hint(error: Error) -> Error {
    error.hint("`--on-conflict replace` lets the later source win, `keep` the earlier one")
}

/// The kind that a word says or that its content shows; none is a tar, or nothing that is known.
fn resolved(word: &str) -> Result<(Option<Kind>, &Path)> {
    for (prefix, kind) in KINDS {
        if let Some(path) = word.strip_prefix(prefix) {
            return Ok((Some(*kind), Path::new(path)));
        }
    }
    let path = Path::new(word);
    Ok((sniffed(path).context(|| format!("reading {}", shown(path)))?, path))
}

fn sniffed(path: &Path) -> Result<Option<Kind>> {
    if path.is_dir() {
        let is_image = path.join("oci-layout").is_file() && path.join("index.json").is_file();
        return Ok(Some(if is_image { Kind::Oci } else { Kind::Dir }));
    }
    let mut start = Vec::new();
    File::open(path)?.take(START).read_to_end(&mut start)?;
    if compress::Format::sniff(&start).is_some() {
        start.clear();
        compress::reader(File::open(path)?)?.take(START).read_to_end(&mut start)?;
    }
    Ok(match &start[..] {
        start if start.starts_with(b"!<arch>\n") => Some(Kind::Deb),
        start if start.starts_with(b"\x7fELF") => Some(Kind::Elf),
        start if start.starts_with(b"07070") => Some(Kind::Initramfs),
        start if start.starts_with(b"#!") => Some(Kind::Elf),
        start if tar::is_tar(start) || start.iter().all(|&b| b == 0) => None,
        _ => {
            let error = Error::new("it is no archive, image, package or program that is known");
            return Err(error.hint("write the kind in front, as in `manifest:FILE`"));
        }
    })
}

/// The path of a package, where a word is one.
fn package(word: &str) -> Option<PathBuf> {
    match resolved(word) {
        Ok((Some(Kind::Deb), path)) => Some(path.into()),
        _ => None,
    }
}

/// All archives of an initramfs, the later ones on top, as the kernel unpacks them.
fn initramfs(path: &Path) -> Result<Tree> {
    let unpacked = unpack(&Window::open(path)?)?;
    match unpacked.problem {
        None => Ok(unpacked.tree),
        Some(problem) => Err(problem.into()),
    }
}
