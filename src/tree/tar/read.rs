//! Reading a tar: from member to member by their headers; contents stay where they are.
//!
//! Every number that an archive gives is checked against the archive's own length, and names together
//! have a limit, so that a small archive cannot ask for much memory.

use std::io::Read;
use std::path::Path;

use super::error::{MAX_MEMBERS, MAX_NAMES, TarError};
use super::header::{self, BLOCK, Header};
use super::pax::Records;
use super::sparse;
use crate::error::{Context, Result, shown};
use crate::tree::{
    Content, Kind, Metadata, Node, Notice, Section, Source, Spool, Time, Tree, TreeError, TreePath,
};

/// The longest extended header: room for the largest attribute (64 KiB) many times over.
const MAX_RECORDS: u64 = 1 << 20;

/// The largest file: that of ext4 with blocks of 4 KiB.
const MAX_FILE: u64 = 16 << 40;

/// A member of a tar.
#[derive(Debug, Clone)]
pub struct Entry {
    /// Where it goes.
    pub path: TreePath,
    /// What it is.
    pub item: Item,
    /// An ACL that the archive has as text only.
    pub has_text_acl: bool,
}

/// What a member is.
#[derive(Debug, Clone)]
pub enum Item {
    /// Something of its own.
    Node(Node),
    /// Another name for an earlier member.
    HardLink(TreePath),
}

/// Whether bytes start as a tar does: a header with a right checksum.
pub fn is_tar(start: &[u8]) -> bool {
    start.first_chunk().is_some_and(|block| Header(*block).is_sound())
}

/// Reads the archive that a host file holds, in any compression; `tell` is told how many more bytes of
/// a compressed one are read.
///
/// # Errors
/// Where it cannot be read or holds what must not be ([`TarError`], [`TreeError`]).
pub fn read(path: &Path, tell: &dyn Fn(u64)) -> Result<Source> {
    let doing = || format!("reading the archive {}", shown(path));
    let section = Section::host(path).context(doing)?;
    let section = section.decompressed(&mut None, tell).context(doing)?;
    tree(&section).context(doing)
}

/// Reads an archive, in any compression, from a stream such as standard input.
///
/// # Errors
/// As [`read`].
pub fn read_stream(stream: impl Read) -> Result<Source> {
    let doing = || "reading the archive from a stream";
    let spooled = || Spool::new()?.add_unpacked(stream, &|_| ());
    tree(&spooled().context(doing)?).context(doing)
}

/// Some writers leave the mark out; whoever reads a pipe cannot tell that from an archive that was cut off.
const UNMARKED: &str =
    "the archive has no mark at its end: if it was cut off there, something is missing";

/// The tree of an archive. A member that comes again replaces the earlier one, as when it is unpacked.
pub(in crate::tree) fn tree(section: &Section) -> Result<Source> {
    let mut source = Source { tree: Tree::new(Time::EPOCH), notices: Vec::new() };
    let mut members = entries(section);
    for entry in &mut members {
        let entry = entry?;
        if entry.has_text_acl {
            let what = "its ACL, which the archive has as text only".into();
            source.notices.push(Notice::Lost(entry.path.clone(), what));
        }
        place(&mut source, entry)?;
    }
    if members.is_unmarked {
        source.notices.push(Notice::Advice(UNMARKED));
    }
    section.check()?;
    Ok(source)
}

fn place(source: &mut Source, entry: Entry) -> Result<(), TreeError> {
    let (tree, path) = (&mut source.tree, entry.path);
    let there = tree.get(&path).map(|n| matches!(n.kind, Kind::Directory));
    let is_itself = matches!(&entry.item, Item::HardLink(target) if *target == path);
    // A directory merges, or is in the way, which is an error; other things are replaced.
    if there == Some(false) && !is_itself {
        tree.remove(&path);
        source.notices.push(Notice::Replaced(path.clone()));
    }
    match entry.item {
        Item::Node(node) => tree.insert(path, node),
        Item::HardLink(target) => tree.link(path, &target),
    }
}

/// The members of an uncompressed archive, in its order.
pub fn entries(section: &Section) -> Entries<'_> {
    Entries {
        section,
        at: 0,
        window: Window::default(),
        global: Records::default(),
        names: 0,
        members: 0,
        last_parent: None,
        is_over: false,
        is_unmarked: false,
    }
}

/// See [`entries`].
pub struct Entries<'a> {
    section: &'a Section,
    /// Where the next header is.
    at: u64,
    window: Window,
    /// Records that hold for all members that follow.
    global: Records,
    names: usize,
    members: usize,
    last_parent: Option<TreePath>,
    is_over: bool,
    /// Whether it ended behind a member, without the zeros that POSIX wants there.
    is_unmarked: bool,
}

impl Iterator for Entries<'_> {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        if self.is_over {
            return None;
        }
        let next = self.next_entry().transpose();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl Entries<'_> {
    /// The next member with all that is said in front of it; `None` at the end marker, or behind a
    /// member where the archive has none.
    fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.is_unmarked = self.at > 0 && self.at == self.section.len();
        if self.is_unmarked {
            return Ok(None);
        }
        let mut records = self.global.clone();
        loop {
            let start = self.at;
            let header = self.header()?;
            if header.is_zero() {
                return Ok(None);
            }
            let size = number(&header, header::SIZE, "size", start)?;
            self.at += BLOCK as u64;
            match header.kind() {
                b'x' => {
                    // Only the last one counts, so that a row of them does not pile up.
                    let long = (records.path, records.link);
                    records = self.global.clone();
                    records.add(&self.small(size)?).ok_or(TarError::Records(start))?;
                    records.path = records.path.or(long.0);
                    records.link = records.link.or(long.1);
                }
                b'g' => {
                    let mut all = self.global.clone();
                    all.add(&self.small(size)?).ok_or(TarError::Records(start))?;
                    // The rest makes no sense for every member, and would be copied into each.
                    let Records { uid, gid, mtime, .. } = all;
                    self.global = Records { uid, gid, mtime, ..Records::default() };
                    records = self.global.clone();
                }
                b'L' => records.path = Some(header::text(&self.small(size)?).into()),
                b'K' => records.link = Some(header::text(&self.small(size)?).into()),
                // A label of the volume: no member.
                b'V' => self.skip(size)?,
                _ => return self.entry(&header, records, size, start).map(Some),
            }
        }
    }

    fn header(&mut self) -> Result<Header> {
        let is_first = self.at == 0;
        let block = self.window.block(self.section, self.at)?;
        let header = Header(block.ok_or(match is_first {
            true => TarError::NotTar,
            false => TarError::Ends(self.at),
        })?);
        match header.is_zero() || header.is_sound() {
            true => Ok(header),
            false if is_first => Err(TarError::NotTar.into()),
            false => Err(TarError::Header(self.at).into()),
        }
    }

    fn entry(&mut self, header: &Header, records: Records, size: u64, start: u64) -> Result<Entry> {
        let name = records.path.clone().unwrap_or_else(|| header.path());
        let path = TreePath::new(&name)
            .and_then(TreePath::within_limits)
            .map_err(|e| TarError::Path(e, start))?;
        let link = records.link.clone().unwrap_or_else(|| header.link().into());
        self.charge(&path, link.len(), &records)?;
        let device = |field| -> Result<u32> {
            Ok(u32::try_from(number(header, field, "device", start)?)
                .map_err(|_| TarError::Number("device", start))?)
        };
        let (has_text_acl, size) = (records.has_acl, records.size.unwrap_or(size));
        let kind = match header.kind() {
            // Before ustar, a directory was a file whose name ends with a slash.
            0 | b'0' if name.ends_with(b"/") => Kind::Directory,
            0 | b'0' | b'7' | b'S' => Kind::File(self.content(header, &records, size, &path)?),
            b'1' => {
                let target = TreePath::new(&link)
                    .and_then(TreePath::within_limits)
                    .map_err(|e| TarError::Path(e, start))?;
                return Ok(Entry { path, item: Item::HardLink(target), has_text_acl });
            }
            b'2' => Kind::Symlink(link),
            b'3' => {
                Kind::CharDevice { major: device(header::MAJOR)?, minor: device(header::MINOR)? }
            }
            b'4' => {
                Kind::BlockDevice { major: device(header::MAJOR)?, minor: device(header::MINOR)? }
            }
            b'5' => Kind::Directory,
            b'6' => Kind::Fifo,
            other => return Err(TarError::Type { path, kind: other.into() }.into()),
        };
        let mut metadata = metadata(header, records, start)?;
        if matches!(kind, Kind::Symlink(_)) {
            // Writers disagree about it, and Linux ignores it.
            metadata.mode = 0o777;
        }
        Ok(Entry { path, item: Item::Node(Node { metadata, kind }), has_text_acl })
    }

    /// A file's content; afterwards we are behind it.
    fn content(
        &mut self,
        header: &Header,
        records: &Records,
        size: u64,
        path: &TreePath,
    ) -> Result<Content> {
        let damaged = || TarError::Sparse(path.clone());
        let mut old_map = None;
        if header.kind() == b'S' {
            let (real, map, data) =
                sparse::of_header(header, self.section, self.at).ok_or_else(damaged)?;
            self.at = data;
            old_map = Some((real, map));
        }
        let data = self.section.part(self.at, size).ok_or(TarError::Ends(self.at))?;
        self.skip(size)?;
        let (real, map, data) = match (old_map, &records.sparse) {
            (Some((real, map)), _) => (real, map, data),
            (None, sparse) if sparse.is_1 => {
                let (map, length) = sparse::of_data(&data).ok_or_else(damaged)?;
                let rest = size.checked_sub(length).ok_or_else(damaged)?;
                let data = data.part(length, rest).ok_or_else(damaged)?;
                (sparse.size.ok_or_else(damaged)?, map, data)
            }
            (None, sparse) => match &sparse.map {
                Some(numbers) => {
                    let map = sparse::of_numbers(numbers).ok_or_else(damaged)?;
                    (sparse.size.ok_or_else(damaged)?, map, data)
                }
                None => return Ok(data.content()),
            },
        };
        if real > MAX_FILE {
            return Err(TarError::Size(path.clone(), real).into());
        }
        Ok(sparse::content(&data, real, &map).ok_or_else(damaged)?)
    }

    /// The data of an extended header; afterwards we are behind it.
    fn small(&mut self, size: u64) -> Result<Vec<u8>> {
        let data = self.section.part(self.at, size).ok_or(TarError::Ends(self.at))?;
        if size > MAX_RECORDS {
            return Err(TarError::Records(self.at).into());
        }
        let mut bytes = vec![0; size as usize];
        data.read_at(&mut bytes, 0)?;
        self.skip(size)?;
        Ok(bytes)
    }

    /// Goes over data and its padding.
    fn skip(&mut self, size: u64) -> Result<(), TarError> {
        let padded = size.checked_next_multiple_of(BLOCK as u64);
        let end = padded.and_then(|n| self.at.checked_add(n)).filter(|&e| e <= self.section.len());
        self.at = end.ok_or(TarError::Ends(self.at))?;
        Ok(())
    }

    /// Counts what a member costs in memory.
    fn charge(&mut self, path: &TreePath, link: usize, records: &Records) -> Result<(), TarError> {
        let parent = path.parent();
        let is_near = parent == self.last_parent;
        // Parents that have no member of their own may have to be filled in, each with its path.
        let depth = if is_near { 1 } else { path.components().count().max(1) };
        self.last_parent = parent;
        let attributes: usize = records.xattrs.iter().map(|(k, v)| k.len() + v.len()).sum();
        self.names += path.as_bytes().len() * depth + link + attributes;
        self.members += 1;
        match self.names > MAX_NAMES || self.members > MAX_MEMBERS {
            true => Err(TarError::TooMany),
            false => Ok(()),
        }
    }
}

fn number(
    header: &Header,
    field: std::ops::Range<usize>,
    what: &'static str,
    at: u64,
) -> Result<u64, TarError> {
    let number = header.number(field).and_then(|n| u64::try_from(n).ok());
    number.ok_or(TarError::Number(what, at))
}

fn metadata(header: &Header, records: Records, at: u64) -> Result<Metadata, TarError> {
    let id = |record: Option<u64>, field, what| {
        let id = record.map_or_else(|| number(header, field, what, at), Ok)?;
        u32::try_from(id).map_err(|_| TarError::Number(what, at))
    };
    let seconds = header.number(header::MTIME).ok_or(TarError::Number("time", at))?;
    Ok(Metadata {
        mode: (number(header, header::MODE, "mode", at)? & 0o7777) as u16,
        uid: id(records.uid, header::UID, "owner")?,
        gid: id(records.gid, header::GID, "group")?,
        mtime: records.mtime.unwrap_or(Time::from_seconds(seconds)),
        xattrs: records.xattrs,
    })
}

/// A piece of the archive around the last header, so that small files need no call each.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    const SIZE: usize = 64 << 10;

    /// The block at an offset; `None` where the archive has no whole block there.
    fn block(&mut self, section: &Section, at: u64) -> Result<Option<[u8; BLOCK]>> {
        let in_window = |w: &Window| {
            let offset = usize::try_from(at.checked_sub(w.at)?).ok()?;
            w.bytes.get(offset..)?.first_chunk().copied()
        };
        if let Some(block) = in_window(self) {
            return Ok(Some(block));
        }
        self.bytes.resize(Window::SIZE, 0);
        let n = section.read_at(&mut self.bytes, at)?;
        self.bytes.truncate(n);
        self.at = at;
        Ok(in_window(self))
    }
}
