//! The kernel's text format for an initramfs (`usr/gen_init_cpio.c`), read and written: a line an entry.
//!
//! ```text
//! file NAME LOCATION MODE UID GID [HARDLINK...]
//! dir NAME MODE UID GID
//! nod NAME MODE UID GID TYPE MAJOR MINOR
//! slink NAME TARGET MODE UID GID
//! pipe NAME MODE UID GID
//! sock NAME MODE UID GID
//! ```
//!
//! Words are split at spaces and tabs, so no name can have one; `#` starts a comment line. Left out:
//! environment variables in locations, because a build must not depend on them.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Content, Entry, HostFile, Kind, Metadata, Node, Notice, PathError, Time};
use super::{Tree, TreeError, TreePath};
use crate::error::{Context, Result, shown, shown_bytes};

/// The first words of lines.
const WORDS: [&[u8]; 6] = [b"file", b"dir", b"nod", b"slink", b"pipe", b"sock"];

/// Whether a text's first line that says something is an entry.
pub fn is_manifest(start: &[u8]) -> bool {
    let lines = start.split(|&b| b == b'\n').map(<[u8]>::trim_ascii_start);
    let first = lines.into_iter().find(|line| !line.is_empty() && !line.starts_with(b"#"));
    let word = first.and_then(|line| line.split(u8::is_ascii_whitespace).next());
    word.is_some_and(|word| WORDS.contains(&word))
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
        let (usage, metadata_at) = match self.words[0] {
            b"file" => ("file NAME LOCATION MODE UID GID [HARDLINK...]", 3),
            b"dir" => ("dir NAME MODE UID GID", 2),
            b"nod" => ("nod NAME MODE UID GID b|c MAJOR MINOR", 2),
            b"slink" => ("slink NAME TARGET MODE UID GID", 3),
            b"pipe" => ("pipe NAME MODE UID GID", 2),
            b"sock" => ("sock NAME MODE UID GID", 2),
            word => return Err(ManifestError::Kind { line: self.number, word: word.into() }.into()),
        };
        let wanted = usage.split(' ').filter(|w| !w.starts_with('[')).count();
        let has_more = self.words[0] == b"file" && self.words.len() > wanted;
        if self.words.len() != wanted && !has_more {
            return Err(ManifestError::Words { line: self.number, usage }.into());
        }
        let mut metadata = self.metadata(metadata_at)?;
        let kind = match self.words[0] {
            b"file" => {
                let (content, time) = self.content()?;
                metadata.mtime = time;
                Kind::File(content)
            }
            b"dir" => Kind::Directory,
            b"slink" => {
                metadata.mode = 0o777;
                Kind::Symlink(self.words[2].into())
            }
            b"nod" => self.device()?,
            b"pipe" => Kind::Fifo,
            _ => Kind::Socket,
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

/// Writes a tree as a manifest. Contents that are no host files are written into the folder
/// `contents`, which is made; attributes, and the times of all but files, have no room and are lost,
/// of which attributes are told.
///
/// # Errors
/// Where a name has white space, or something cannot be written.
pub fn write(tree: &Tree, contents: &Path, sink: &mut impl Write) -> Result<Vec<Notice>> {
    let mut links: BTreeMap<_, Vec<&TreePath>> = BTreeMap::new();
    for entry in tree.iter() {
        links.entry(entry.id).or_default().push(entry.path);
    }
    let mut notices = Vec::new();
    for (index, entry) in tree.iter().enumerate() {
        let names = &links[&entry.id];
        let is_implied_root = entry.path.is_root() && tree.is_implied(entry.path);
        if is_implied_root || names[0] != entry.path {
            continue;
        }
        for name in entry.node.metadata.xattrs.keys() {
            let what = format!("its attribute {}", shown_bytes(name));
            notices.push(Notice::Lost(entry.path.clone(), what));
        }
        let location = match &entry.node.kind {
            Kind::File(content) => Some(location(content, contents, index, entry)?),
            _ => None,
        };
        let text = line(entry, &names[1..], location.as_deref());
        sink.write_all(&text.context(|| format!("writing `{}` into a manifest", entry.path))?)?;
    }
    Ok(notices)
}

/// Where a file's content is, written there first unless it is a host file.
fn location(content: &Content, folder: &Path, index: usize, entry: Entry<'_>) -> Result<PathBuf> {
    if let Content::Host(host) = content {
        return Ok(std::path::absolute(host.path())?);
    }
    // Numbers, because names have any bytes.
    let place = std::path::absolute(folder)?.join(format!("{index:06}"));
    let doing = || format!("writing {}", shown(&place));
    std::fs::create_dir_all(folder).context(doing)?;
    let mut file = std::fs::File::create(&place).context(doing)?;
    std::io::copy(&mut content.open()?, &mut file).context(doing)?;
    let time = entry.node.metadata.mtime;
    let since = std::time::Duration::new(time.seconds.unsigned_abs(), time.nanoseconds);
    if time.seconds >= 0 {
        file.set_modified(std::time::UNIX_EPOCH + since).context(doing)?;
    }
    Ok(place)
}

fn line(entry: Entry<'_>, links: &[&TreePath], location: Option<&Path>) -> Result<Vec<u8>> {
    let m = &entry.node.metadata;
    let location = location.map(|l| l.as_os_str().as_encoded_bytes()).unwrap_or_default();
    let (word, second) = match &entry.node.kind {
        Kind::File(_) => ("file", Some(location)),
        Kind::Directory => ("dir", None),
        Kind::Symlink(target) => ("slink", Some(&target[..])),
        Kind::CharDevice { .. } | Kind::BlockDevice { .. } => ("nod", None),
        Kind::Fifo => ("pipe", None),
        Kind::Socket => ("sock", None),
    };
    let mut words = vec![word.as_bytes().to_vec(), absolute(entry.path)];
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
        return Err(crate::error::Error::new("only a file can have hard links in a manifest"));
    }
    if let Some(bad) = words.iter().find(|w| w.is_empty() || w.iter().any(u8::is_ascii_whitespace))
    {
        let text = format!("`{}` has white space, for which it has no way", shown_bytes(bad));
        return Err(crate::error::Error::new(text));
    }
    Ok([words.join(&b' '), b"\n".to_vec()].concat())
}

/// A name as gen_init_cpio's own examples write it.
fn absolute(path: &TreePath) -> Vec<u8> {
    [b"/", path.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> TreePath {
        TreePath::new(text.as_bytes()).expect("a good path")
    }

    fn refusal(text: &str) -> String {
        read(text.as_bytes(), Path::new("/"), Time::EPOCH).expect_err("refused").to_string()
    }

    #[test]
    fn every_kind_is_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::write(folder.path().join("init"), "#!/bin/sh\n").expect("written");
        let text = "# a comment\n\ndir /dev 0755 0 0\n\tnod /dev/console 0600 0 5 c 5 1\n\
                    nod /dev/sda 660 0 6 b 8 0\nslink /bin usr/bin 0777 0 0\npipe /p 0600 1 2\n\
                    sock /s 0600 0 0\nfile /init init 0755 0 0 /sbin/init /linuxrc\n";
        let tree = read(text.as_bytes(), folder.path(), Time::from_seconds(9)).expect("reads");
        let node = |p: &str| tree.get(&path(p)).expect("there");
        assert!(matches!(node("dev/console").kind, Kind::CharDevice { major: 5, minor: 1 }));
        assert!(matches!(node("dev/sda").kind, Kind::BlockDevice { major: 8, minor: 0 }));
        assert!(matches!(&node("bin").kind, Kind::Symlink(t) if t == b"usr/bin"));
        assert_eq!((node("p").metadata.uid, node("p").metadata.gid), (1, 2));
        assert_eq!(node("s").metadata.mtime, Time::from_seconds(9));
        assert!(node("init").metadata.mtime > Time::from_seconds(9), "the file's own");
        let links = tree.iter().filter(|e| matches!(e.node.kind, Kind::File(_)));
        assert_eq!(links.map(|e| e.id).collect::<std::collections::BTreeSet<_>>().len(), 1);
    }

    #[test]
    fn the_first_entry_tells_what_it_is() {
        assert!(is_manifest(b"# of a build\n\n  dir /dev 0755 0 0\n"));
        assert!(!is_manifest(b"directory of texts\n") && !is_manifest(b"# only a comment\n"));
    }

    #[test]
    fn a_bad_line_is_named() {
        for (text, error) in [
            ("\nfoo /x", "line 2: `foo` is no kind of entry"),
            ("dir /x 0755 0", "line 1: write `dir NAME MODE UID GID`"),
            ("dir /x 0799 0 0", "line 1: `0799` is not an octal mode"),
            ("dir /x 0755 root 0", "line 1: `root` is not a user's number"),
            ("nod /x 0755 0 0 x 1 1", "line 1: `x` is not `b` or `c`"),
            ("dir /a/../../x 0755 0 0", "line 1: `/a/../../x` has a `..`"),
            ("slink /a b 0777 0 0\npipe /a/b 0600 0 0", "line 2: `a` cannot hold entries"),
            ("file /x ${X}/y 0755 0 0", "line 1: variables such as `${X}/y` are not replaced"),
            ("file /x nowhere 0755 0 0", "line 1: reading /nowhere: "),
        ] {
            assert!(refusal(text).starts_with(error), "{}", refusal(text));
        }
    }

    #[test]
    fn what_cannot_be_written_is_an_error_or_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("a b"), Node::directory(0o755, Time::EPOCH)).expect("free");
        let error = write(&tree, folder.path(), &mut Vec::new()).expect_err("white space");
        assert!(error.to_string().contains("`/a b` has white space"), "{error}");
        let mut node = Node::directory(0o755, Time::EPOCH);
        node.metadata.xattrs.insert(b"user.x".to_vec(), vec![1]);
        let mut tree = Tree::new(Time::EPOCH);
        tree.insert(path("a"), node).expect("free");
        let notices = write(&tree, folder.path(), &mut Vec::new()).expect("writes");
        assert_eq!(notices, [Notice::Lost(path("a"), "its attribute user.x".into())]);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_the_same(
            entries in proptest::collection::vec(
                ("[a-c#.ä]{1,3}(/[a-c]){0,2}", 0..6u8, 0..0o10000u16, any::<u32>()), 0..12,
            ),
        ) {
            let time = Time::from_seconds(5);
            let mut tree = Tree::new(time);
            for (name, kind, mode, number) in entries {
                let Ok(at) = TreePath::new(name.as_bytes()) else { continue };
                let mut node = Node::directory(mode, time);
                (node.metadata.uid, node.metadata.gid) = (number, number / 3);
                node.kind = match kind {
                    0 => Kind::Directory,
                    1 => Kind::File(Content::from(name.into_bytes())),
                    2 => {
                        node.metadata.mode = 0o777;
                        Kind::Symlink(b"../to".to_vec())
                    }
                    3 => Kind::CharDevice { major: 1, minor: number },
                    4 => Kind::Fifo,
                    _ => Kind::Socket,
                };
                // What does not fit stays out.
                if tree.insert(at.clone(), node).is_ok() && kind == 1 {
                    let _ = tree.link(path("links").join(at.name()).expect("good"), &at);
                }
            }
            let folder = tempfile::tempdir().expect("a temporary folder");
            let mut text = Vec::new();
            write(&tree, folder.path(), &mut text).expect("writes");
            let back = read(&text, Path::new("/nowhere"), time).expect("reads");
            prop_assert_eq!(back.digest().expect("reads"), tree.digest().expect("in memory"));
        }

        #[test]
        fn any_text_is_read_or_refused(
            text in "((dir|file|nod|slink|pipe|sock|#)( [/a.0-9c-]{0,6}){0,8}\n?){0,6}",
        ) {
            let _ = read(text.as_bytes(), Path::new("/nowhere"), Time::EPOCH);
        }
    }
}
