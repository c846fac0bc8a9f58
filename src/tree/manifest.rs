//! The kernel's text format for an initramfs (`usr/gen_init_cpio.c`), read and written: a line an entry,
//! as [`Word::usage`] has them.
//!
//! Words are split at spaces and tabs, so no name can have one; `#` starts a comment line. Left out:
//! environment variables in locations, because a build must not depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Content, Entry, HostFile, Kind, Metadata, Node, Notice, PathError, Time};
use super::{Tree, TreeError, TreePath};
use crate::error::{Context, Error, Result, shown_bytes};

/// The first word of a line: what kind of entry it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Word {
    File,
    Directory,
    Device,
    Symlink,
    Fifo,
    Socket,
}

impl Word {
    const ALL: [Word; 6] =
        [Word::File, Word::Directory, Word::Device, Word::Symlink, Word::Fifo, Word::Socket];

    /// How its line is written.
    const fn usage(self) -> &'static str {
        match self {
            Word::File => "file NAME LOCATION MODE UID GID [HARDLINK...]",
            Word::Directory => "dir NAME MODE UID GID",
            Word::Device => "nod NAME MODE UID GID b|c MAJOR MINOR",
            Word::Symlink => "slink NAME TARGET MODE UID GID",
            Word::Fifo => "pipe NAME MODE UID GID",
            Word::Socket => "sock NAME MODE UID GID",
        }
    }

    fn text(self) -> &'static str {
        self.usage().split(' ').next().unwrap_or_default()
    }

    /// The word that a line begins with.
    fn of(text: &[u8]) -> Option<Word> {
        Word::ALL.into_iter().find(|word| word.text().as_bytes() == text)
    }
}

/// What becomes of times.
const NO_TIMES: &str = "a manifest has no times: those of all but files are lost";

/// Whether a text's first line that says something is an entry.
pub fn is_manifest(start: &[u8]) -> bool {
    let lines = start.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_start);
    let first = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let word = first.and_then(|line| line.split(u8::is_ascii_whitespace).next());
    word.and_then(Word::of).is_some()
}

/// What is wrong with a line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// The first word.
    #[error("line {line}: `{}` is no kind of entry: use file, dir, nod, slink, pipe or sock", shown_bytes(.word))]
    Kind {
        /// Counted from 1.
        line: usize,
        /// The word.
        word: Vec<u8>,
    },
    /// Too few or too many words.
    #[error("line {line}: write `{usage}`")]
    Words {
        /// Counted from 1.
        line: usize,
        /// What it should be.
        usage: &'static str,
    },
    /// A mode, owner or device that is no number.
    #[error("line {line}: `{}` is not {what}", shown_bytes(.word))]
    Number {
        /// Counted from 1.
        line: usize,
        /// The word.
        word: Vec<u8>,
        /// What should be there.
        what: &'static str,
    },
    /// A name.
    #[error("line {line}: {error}")]
    Path {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        error: PathError,
    },
    /// A name that is taken, or a parent that is no directory.
    #[error("line {line}: {error}")]
    Place {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        error: TreeError,
    },
    /// A `$`, which gen_init_cpio would replace.
    #[error("line {line}: variables such as `{}` are not replaced: write the path", shown_bytes(.word))]
    Variable {
        /// Counted from 1.
        line: usize,
        /// The word.
        word: Vec<u8>,
    },
}

/// Reads a manifest. A location that is not absolute is below `base`. Files have their own times, all
/// else gets `time`.
///
/// # Errors
/// A line that cannot be read ([`ManifestError`]), or a file that is not there.
pub fn read(text: &[u8], base: &Path, time: Time) -> Result<Tree> {
    let mut tree = Tree::new(time);
    for (index, text) in text.split(|&b| b == b'\n').enumerate() {
        let words = text.split(u8::is_ascii_whitespace).filter(|w| !w.is_empty());
        let line = Line { number: index + 1, words: words.collect(), base, time };
        match line.words.first() {
            Some(word) if !word.starts_with(b"#") => line.add_to(&mut tree)?,
            _ => {}
        }
    }
    Ok(tree)
}

struct Line<'a> {
    number: usize,
    words: Vec<&'a [u8]>,
    base: &'a Path,
    time: Time,
}

impl Line<'_> {
    fn add_to(&self, tree: &mut Tree) -> Result<()> {
        let first = self.words[0];
        let unknown = || ManifestError::Kind { line: self.number, word: first.into() };
        let word = Word::of(first).ok_or_else(unknown)?;
        let usage = word.usage();
        let wanted = usage.split(' ').filter(|w| !w.starts_with('[')).count();
        let has_more = word == Word::File && self.words.len() > wanted;
        if self.words.len() != wanted && !has_more {
            return Err(ManifestError::Words { line: self.number, usage }.into());
        }
        let mode = usage.split(' ').position(|w| w == "MODE").unwrap_or_default();
        let mut metadata = self.metadata(mode)?;
        let kind = match word {
            Word::File => {
                let (content, time) = self.content()?;
                metadata.mtime = time;
                Kind::File(content)
            }
            Word::Directory => Kind::Directory,
            Word::Symlink => {
                metadata.mode = 0o777;
                Kind::Symlink(self.words[2].into())
            }
            Word::Device => self.device()?,
            Word::Fifo => Kind::Fifo,
            Word::Socket => Kind::Socket,
        };
        let path = self.path(1)?;
        let placed = |e| ManifestError::Place { line: self.number, error: e };
        tree.insert(path.clone(), Node { metadata, kind }).map_err(placed)?;
        for link in wanted..self.words.len() {
            tree.link(self.path(link)?, &path).map_err(placed)?;
        }
        Ok(())
    }

    fn path(&self, word: usize) -> Result<TreePath, ManifestError> {
        let path = TreePath::new(self.words[word]).and_then(TreePath::within_limits);
        path.map_err(|error| ManifestError::Path { line: self.number, error })
    }

    fn metadata(&self, at: usize) -> Result<Metadata, ManifestError> {
        let mut metadata = Metadata::new(0, self.time);
        let mode = self.number(at, 8, "an octal mode")?;
        metadata.mode = (mode & 0o7777) as u16;
        metadata.uid = self.number(at + 1, 10, "a user's number")?;
        metadata.gid = self.number(at + 2, 10, "a group's number")?;
        Ok(metadata)
    }

    fn number(&self, at: usize, base: u32, what: &'static str) -> Result<u32, ManifestError> {
        let word = self.words[at];
        let number = std::str::from_utf8(word).ok().and_then(|w| u32::from_str_radix(w, base).ok());
        number.ok_or(ManifestError::Number { line: self.number, word: word.into(), what })
    }

    fn device(&self) -> Result<Kind, ManifestError> {
        let major = self.number(6, 10, "a device's major number")?;
        let minor = self.number(7, 10, "a device's minor number")?;
        match self.words[5] {
            b"c" => Ok(Kind::CharDevice { major, minor }),
            b"b" => Ok(Kind::BlockDevice { major, minor }),
            word => Err(ManifestError::Number {
                line: self.number,
                word: word.into(),
                what: "`b` or `c`, for a block or character device",
            }),
        }
    }

    /// The file at the location and its time.
    fn content(&self) -> Result<(Content, Time)> {
        use std::os::unix::ffi::OsStrExt;
        let word = self.words[2];
        if word.contains(&b'$') {
            return Err(ManifestError::Variable { line: self.number, word: word.into() }.into());
        }
        let location = self.base.join(std::ffi::OsStr::from_bytes(word));
        let host = HostFile::new(location).context(|| format!("line {}", self.number))?;
        let time = host.mtime();
        Ok((Content::Host(host), time))
    }
}

/// The longest text that is read: of the most entries of an initramfs, each with a long name.
pub const TEXT_MAX: u64 = 256 << 20;

/// What a tree is as a manifest.
#[derive(Debug)]
pub struct Manifest {
    /// The text.
    pub text: Vec<u8>,
    /// What has no room in it: attributes, and the times of all but files.
    pub notices: Vec<Notice>,
}

/// The manifest of a tree, whose files have their contents where `locate` says. A location with white
/// space is written as it is seen from `base`, where [`read`] looks too.
///
/// # Errors
/// Where a name has white space.
pub fn manifest(
    tree: &Tree,
    base: &Path,
    locate: impl Fn(Entry<'_>) -> PathBuf,
) -> Result<Manifest> {
    let mut links: BTreeMap<_, Vec<&TreePath>> = BTreeMap::new();
    for entry in tree.iter() {
        links.entry(entry.id).or_default().push(entry.path);
    }
    let mut words = Vec::new();
    for entry in tree.iter() {
        let names = &links[&entry.id];
        let is_implied_root = entry.path.is_root() && tree.is_implied(entry.path);
        if is_implied_root || names[0] != entry.path {
            continue;
        }
        let location = match &entry.node.kind {
            Kind::File(_) => Some(relative(&locate(entry), base)),
            _ => None,
        };
        let text = line(entry, &names[1..], location.as_deref());
        words.extend(text.context(|| format!("writing `/{}` into a manifest", entry.path))?);
    }
    Ok(Manifest { text: words, notices: lost(tree) })
}

fn lost(tree: &Tree) -> Vec<Notice> {
    let has_time = |entry: Entry<'_>| {
        let is_file = matches!(entry.node.kind, Kind::File(_));
        !is_file && entry.node.metadata.mtime != Time::EPOCH
    };
    let times = tree.iter().any(has_time).then_some(Notice::Advice(NO_TIMES));
    times.into_iter().chain(Notice::attributes(tree)).collect()
}

/// A location with white space, as seen from the manifest, where it may have none.
fn relative(location: &Path, base: &Path) -> PathBuf {
    let has_space = |path: &Path| has_space(path.as_os_str().as_encoded_bytes());
    match location.strip_prefix(base) {
        Ok(seen) if has_space(location) && !seen.as_os_str().is_empty() => seen.into(),
        _ => location.into(),
    }
}

fn has_space(word: &[u8]) -> bool {
    word.iter().any(u8::is_ascii_whitespace)
}

/// The files of a tree, a name of each, whose contents are to be written beside its manifest: those that
/// are no files of this host, or are in the folder that this replaces.
pub fn loose<'a>(tree: &'a Tree, folder: &Path) -> Vec<Entry<'a>> {
    let replaced = folder.canonicalize().ok();
    let stays = |host: &HostFile| match (&replaced, host.path().canonicalize()) {
        (Some(folder), Ok(path)) => !path.starts_with(folder),
        _ => true,
    };
    let is_loose = |entry: &Entry<'_>| match &entry.node.kind {
        Kind::File(Content::Host(host)) => !stays(host),
        kind => matches!(kind, Kind::File(_)),
    };
    let mut seen = BTreeSet::new();
    tree.iter().filter(is_loose).filter(|entry| seen.insert(entry.id)).collect()
}

/// Writes a file's content, with its time, which a manifest has no room for.
///
/// # Errors
/// Where it cannot be read or written.
pub fn write_content(content: &Content, time: Time, place: &Path) -> Result<()> {
    let mut file = std::fs::File::create_new(place)?;
    std::io::copy(&mut content.open()?, &mut file)?;
    let since = std::time::Duration::new(time.seconds.unsigned_abs(), time.nanoseconds);
    if time.seconds >= 0 {
        file.set_modified(std::time::UNIX_EPOCH + since)?;
    }
    Ok(())
}

fn line(entry: Entry<'_>, links: &[&TreePath], location: Option<&Path>) -> Result<Vec<u8>> {
    let m = &entry.node.metadata;
    let location = location.map(|l| l.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let (word, second) = match &entry.node.kind {
        Kind::File(_) => (Word::File, Some(location)),
        Kind::Directory => (Word::Directory, None),
        Kind::Symlink(target) => (Word::Symlink, Some(&target[..])),
        Kind::CharDevice { .. } | Kind::BlockDevice { .. } => (Word::Device, None),
        Kind::Fifo => (Word::Fifo, None),
        Kind::Socket => (Word::Socket, None),
    };
    let mut words = vec![word.text().into(), absolute(entry.path)];
    words.extend(second.map(<[u8]>::to_vec));
    words.extend([format!("{:04o}", m.mode), m.uid.to_string(), m.gid.to_string()].map(Vec::from));
    let device = match &entry.node.kind {
        Kind::CharDevice { major, minor } => Some((b"c", major, minor)),
        Kind::BlockDevice { major, minor } => Some((b"b", major, minor)),
        _ => None,
    };
    if let Some((letter, major, minor)) = device {
        words.extend([letter.to_vec(), major.to_string().into(), minor.to_string().into()]);
    }
    if matches!(entry.node.kind, Kind::File(_)) {
        words.extend(links.iter().map(|l| absolute(l)));
    } else if !links.is_empty() {
        return Err(Error::new("only a file can have hard links in a manifest"));
    }
    if let Some(bad) = words.iter().find(|word| word.is_empty() || has_space(word)) {
        let text = format!("`{}` has white space, for which it has no way", shown_bytes(bad));
        return Err(Error::new(text));
    }
    Ok([words.join(&b' '), b"\n".to_vec()].concat())
}

/// A name as gen_init_cpio's own examples write it.
fn absolute(path: &TreePath) -> Vec<u8> {
    [b"/", path.as_bytes()].concat()
}

#[cfg(test)]
mod tests;
