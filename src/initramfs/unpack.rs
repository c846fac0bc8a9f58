//! A whole initramfs as one tree, as the kernel unpacks its segments one over the other.
//!
//! A name leads through symlinks that are there already, inside the tree and never out of it; a name with
//! `..` is refused. Two things differ from the kernel: a parent without an entry is filled in, and what the
//! kernel passes over without a word is an error. Data goes to an anonymous temporary file, not to memory.

use super::newc::{Entry, Links, PATH_MAX, UnpackError, node, place};
use super::segment::{self, Data, Segment, SegmentError};
use crate::error::{Context, Error, Result, shown_bytes};
use crate::size::Size;
use crate::tree::{Content, Kind, Spool, Time, Tree, TreePath};
use crate::volume::Window;

/// Files up to here are kept in memory.
const SMALL: u32 = 4096;

/// Bytes of such files at most: what comes then goes to the temporary file too.
const SMALL_TOTAL: u64 = 256 << 20;

/// Bytes of all files at most. The kernel unpacks into memory, and a machine that has less panics; what
/// asks for more is a mistake, or a few bytes that unpack to a full disk.
const TOTAL_MAX: u64 = 16 << 30;
/// What an initramfs unpacks to.
#[derive(Debug)]
pub struct Unpacked {
    /// Everything that is there at the end.
    pub tree: Tree,
    /// The segments that it came from.
    pub segments: Vec<Segment>,
    /// Why it ends before the file does.
    pub problem: Option<SegmentError>,
}

/// Unpacks every segment; damage ends it and is part of the result.
///
/// # Errors
/// Where a name leaves the tree, two entries cannot both be there, or data cannot be spooled.
pub fn unpack(initramfs: &Window) -> Result<Unpacked> {
    let mut layers = Layers {
        tree: Tree::new(Time::EPOCH),
        links: Links::new(),
        archive: 0,
        spool: Spool::new()?,
        bytes: 0,
    };
    let walk = segment::walk(initramfs, &mut |place, entry, data| {
        let shown = || format!("unpacking {}", shown_bytes(&entry.name));
        layers.add(place.archive, entry, data).context(shown)
    })?;
    Ok(Unpacked { tree: layers.tree, segments: walk.segments, problem: walk.problem })
}

/// What was unpacked so far.
struct Layers {
    tree: Tree,
    /// The hard links of the present archive: its trailer ends them.
    links: Links,
    archive: usize,
    spool: Spool,
    /// How many bytes they had.
    bytes: u64,
}

impl Layers {
    fn add(&mut self, archive: usize, entry: &Entry, data: &mut Data<'_, '_>) -> Result<()> {
        self.charge(entry)?;
        if archive != self.archive {
            (self.archive, self.links) = (archive, Links::new());
        }
        let offset = entry.offset;
        let path = TreePath::new(&entry.name);
        let path = path.map_err(|source| UnpackError::Path { offset, source })?;
        let path = self.tree.resolve(&path)?;
        let target = match entry.header.mode & 0o170_000 {
            0o120_000 => data.head(PATH_MAX as u64)?,
            _ => Vec::new(),
        };
        let mut node = node(entry, target)?;
        if let Kind::File(content) = &mut node.kind {
            *content = self.content(entry, data)?;
        }
        // What is of another kind makes room, as the kernel has it, but not a directory that holds something.
        let is_directory = |kind: &Kind| matches!(kind, Kind::Directory);
        if let Some(old) = self.tree.get(&path)
            && is_directory(&node.kind)
            && !is_directory(&old.kind)
        {
            self.tree.remove(&path);
        }
        let placed = place(&mut self.tree, &mut self.links, entry, path, node);
        Ok(placed.map_err(|source| UnpackError::Conflict { offset, source })?)
    }

    /// Counts bytes, where an initramfs can have so many; the walk counts the entries.
    fn charge(&mut self, entry: &Entry) -> Result<()> {
        self.bytes += u64::from(entry.header.filesize);
        match self.bytes {
            ..=TOTAL_MAX => Ok(()),
            _ => Err(Error::new(format!("it unpacks to over {}", Size(TOTAL_MAX)))),
        }
    }

    fn content(&mut self, entry: &Entry, data: &mut Data<'_, '_>) -> Result<Content> {
        match entry.header.filesize {
            0..=SMALL if self.bytes <= SMALL_TOTAL => Ok(Content::from(data.data(entry)?)),
            _ => Ok(self.spool.add(data.stream())?.content()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::index::Index;
    use super::*;
    use crate::compress::gzip;
    use crate::initramfs::{newc, pack};
    use crate::tree::Node;

    fn path(name: &str) -> TreePath {
        TreePath::new(name.as_bytes()).expect("good")
    }

    fn archive(nodes: Vec<(&str, Node)>) -> Tree {
        let mut tree = Tree::new(Time::EPOCH);
        for (name, node) in nodes {
            tree.insert(path(name), node).expect("free");
        }
        tree
    }

    fn file(bytes: Vec<u8>) -> Node {
        Node::file(0o644, Time::EPOCH, bytes.into())
    }

    fn plain(tree: &Tree) -> Vec<u8> {
        let mut bytes = Vec::new();
        newc::write(tree, &mut bytes).expect("it fits");
        bytes
    }

    fn read(tree: &Tree, name: &str) -> Vec<u8> {
        match tree.get(&path(name)).map(|node| &node.kind) {
            Some(Kind::File(content)) => content.read().expect("readable"),
            other => panic!("{name} is {other:?}"),
        }
    }

    #[test]
    fn later_segments_go_over_earlier_ones_and_through_their_symlinks() {
        let link = Node::symlink(b"/usr/bin".to_vec(), Time::EPOCH);
        let first = archive(vec![("bin", link), ("etc/motd", file(b"early".to_vec()))]);
        let big = vec![b'x'; 100_000];
        let second =
            archive(vec![("bin/program", file(big.clone())), ("etc/motd", file(b"late".to_vec()))]);
        // As a tree cannot say it: an entry below a symlink of the first archive, without its parent.
        let mut bytes = plain(&first);
        bytes.extend(pack(&second, 6).expect("packed"));
        let unpacked = unpack(&Window::from(bytes)).expect("sound");
        assert!(unpacked.problem.is_none());
        assert_eq!(unpacked.segments.len(), 2);
        assert_eq!(read(&unpacked.tree, "etc/motd"), b"late");
        // The second archive has a directory `bin` of its own, which replaces the symlink.
        assert_eq!(read(&unpacked.tree, "bin/program"), big);
    }

    #[test]
    fn names_that_leave_the_tree_are_refused_and_links_stay_inside() {
        let outside = plain(&archive(vec![("aa/passwd", file(b"x".to_vec()))]));
        let mut bytes = outside.clone();
        let at = bytes.windows(9).position(|w| w == b"aa/passwd").expect("there");
        bytes[at..at + 2].copy_from_slice(b"..");
        let error = unpack(&Window::from(bytes)).expect_err("it leaves").to_string();
        assert!(error.contains("has a `..`"), "{error}");

        let up = Node::symlink(b"../../../etc".to_vec(), Time::EPOCH);
        let mut bytes = plain(&archive(vec![("aa", up)]));
        // Only the file's own entry: its directory's would replace the symlink.
        let start = outside.windows(9).position(|w| w == b"aa/passwd").expect("there") - 110;
        bytes.extend(&outside[start..]);
        let unpacked = unpack(&Window::from(bytes)).expect("sound");
        assert_eq!(read(&unpacked.tree, "etc/passwd"), b"x");
    }

    #[test]
    fn a_bomb_of_bytes_is_stopped() {
        let header = newc::Header { mode: 0o100_644, filesize: 1 << 31, ..newc::Header::default() };
        let entry = Entry { header, name: b"x".to_vec(), offset: 0, checked: false };
        let mut layers = Layers {
            tree: Tree::new(Time::EPOCH),
            links: Links::new(),
            archive: 0,
            spool: Spool::new().expect("a spool"),
            bytes: TOTAL_MAX - (1 << 31),
        };
        assert!(layers.charge(&entry).is_ok());
        let error = layers.charge(&entry).expect_err("too many").to_string();
        assert_eq!(error, "it unpacks to over 16 GiB");
    }

    #[test]
    fn hard_links_end_with_their_archive_also_inside_one_stream() {
        // The same device and inode numbers in both, since both were written by us.
        let linked = |text: &str, names: [&str; 2]| {
            let mut tree = archive(vec![(names[0], file(text.as_bytes().to_vec()))]);
            tree.link(path(names[1]), &path(names[0])).expect("free");
            plain(&tree)
        };
        let both = [linked("one", ["a", "b"]), linked("two", ["c", "d"])].concat();
        for bytes in [gzip(6, &both), both] {
            let window = Window::from(bytes);
            let unpacked = unpack(&window).expect("sound");
            let found = ["a", "b", "c", "d"].map(|name| read(&unpacked.tree, name));
            assert_eq!(found, [b"one", b"one", b"two", b"two"]);
            let index = Index::read(&window).expect("sound");
            let data = ["a", "b", "c", "d"].map(|name| {
                let mut data = Vec::new();
                let found = index.find(name.as_bytes()).expect("there");
                index.copy(&window, found, &mut data).expect("readable");
                data
            });
            assert_eq!(data, found);
        }
    }
}
