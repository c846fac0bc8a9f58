//! An initramfs unpacked as the kernel unpacks it: as far as it goes, with what the kernel says where
//! it stops, and with what it drops without a word.
//!
//! Source: `init/initramfs.c` and `lib/decompress_*.c` of the kernel. Contents are kept in memory as far
//! as they are few, else in a temporary file; a stream is left at [`UNPACKED_MAX`] bytes, so that one of a
//! few bytes that never ends costs neither memory nor time.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::compress::Ahead;
use crate::error::{Result, shown_bytes};
use crate::initramfs::newc::{self, Reader};
use crate::initramfs::segment::{Census, Encoding, sniff_as_kernel};
use crate::tree::{Kind, Node, Time, Tree, TreePath};

mod contents;
mod fault;
mod stream;

pub use fault::Fault;

use contents::Contents;
use stream::Stream;

/// The most that is unpacked; what is longer is not judged.
pub const UNPACKED_MAX: u64 = 2 << 30;

/// What became of an initramfs.
#[derive(Debug)]
pub struct Unpacked {
    /// The files that are there afterwards, with those that the kernel has by itself.
    pub tree: Tree,
    /// The archives that were met.
    pub segments: Vec<Segment>,
    /// Bytes of all files together.
    pub size: u64,
    /// Where the kernel stopped, or what it passes over; the first is what stopped it.
    pub faults: Vec<(usize, Fault)>,
    /// Entries that the kernel drops because their directory has no entry before them.
    pub orphans: Vec<Vec<u8>>,
}

/// One archive of an initramfs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    /// Where it starts.
    pub offset: usize,
    /// How it is stored.
    pub encoding: Encoding,
    /// How many entries it has.
    pub entries: usize,
}

/// Unpacks an initramfs, as far as it goes.
///
/// # Errors
/// Where there is no room for what it unpacks to.
pub fn unpack(initramfs: &[u8]) -> Result<Unpacked> {
    let mut work = Work::new();
    let mut at = 0;
    while at < initramfs.len() {
        let rest = &initramfs[at..];
        if rest[0] == 0 {
            at += rest.iter().position(|&b| b != 0).unwrap_or(rest.len());
            continue;
        }
        match work.segment(rest, at)? {
            Some(len) => at += len.max(1),
            None => break,
        }
    }
    Ok(work.unpacked)
}

/// Which file names share a node: device, inode.
type Links = BTreeMap<(u32, u32, u32), TreePath>;

struct Work {
    unpacked: Unpacked,
    links: Links,
    /// How many bytes more are unpacked.
    left: u64,
    census: Census,
    contents: Contents,
}

impl Work {
    /// The kernel's own first archive (`usr/default_cpio_list`) is there before any other.
    fn new() -> Self {
        let mut tree = Tree::new(Time::EPOCH);
        let builtin = [
            (&b"dev"[..], Node::directory(0o755, Time::EPOCH)),
            (b"dev/console", Node::char_device(0o600, Time::EPOCH, 5, 1)),
            (b"root", Node::directory(0o700, Time::EPOCH)),
        ];
        for (path, node) in builtin {
            // Three paths that differ cannot be in each other's way.
            let _ = TreePath::new(path).map(|path| tree.insert(path, node));
        }
        let unpacked = Unpacked {
            tree,
            segments: Vec::new(),
            size: 0,
            faults: Vec::new(),
            orphans: Vec::new(),
        };
        let (census, contents) = (Census::default(), Contents::default());
        Work { unpacked, links: Links::new(), left: UNPACKED_MAX, census, contents }
    }

    fn fault(&mut self, at: usize, fault: Fault) {
        self.unpacked.faults.push((at, fault));
    }

    /// Unpacks the archive that `rest` starts with; its length, or `None` where the kernel stops.
    fn segment(&mut self, rest: &[u8], at: usize) -> Result<Option<usize>> {
        let first = self.unpacked.segments.is_empty();
        let Some(encoding) = sniff_as_kernel(rest) else {
            self.fault(at, unknown(rest, first));
            return Ok(None);
        };
        if encoding == Encoding::Newc && !at.is_multiple_of(4) {
            // Behind a plain archive another part of the kernel looks at the padding.
            let last = self.unpacked.segments.last();
            let after_plain = last.is_some_and(|segment| segment.encoding == Encoding::Newc);
            self.fault(at, Fault::Misaligned { after_plain });
            return Ok(None);
        }
        self.unpacked.segments.push(Segment { offset: at, encoding, entries: 0 });
        let Some(format) = encoding.format() else {
            // It is in memory already: nothing of it can be too long.
            return self.archive(&mut stream::of(rest, u64::MAX), at, false);
        };
        if let Some(fault) = stream::refused(rest, encoding) {
            self.fault(at, fault);
            return Ok(None);
        }
        let mut input = Ahead::new(rest);
        let mut stream = stream::of(format.member_reader(&mut input)?, self.left);
        self.stream(&mut stream, at)?;
        let end = stream::end(&mut stream, encoding);
        self.left -= stream.taken().min(self.left);
        if end == Some(Fault::TooLong) {
            // At least so much, whichever file it is of.
            self.unpacked.size = self.unpacked.size.max(UNPACKED_MAX);
        }
        drop(stream);
        let len = input.taken() as usize;
        let end = end.or_else(|| stream::without_end(&rest[len..], encoding));
        Ok(self.ended(at, end).then_some(len))
    }

    /// Judges a segment by how its stream ended; whether the kernel goes on behind it.
    fn ended(&mut self, at: usize, end: Option<Fault>) -> bool {
        let Some(end) = end else {
            return self.unpacked.faults.iter().all(|(place, _)| *place != at);
        };
        // What was damaged so that it still unpacks is damaged all the same.
        let is_broken = |(place, fault): &(usize, Fault)| *place == at && fault.is_fatal();
        let fault = match end {
            Fault::BadCrc if self.unpacked.faults.iter().any(is_broken) => {
                Fault::Corrupt(Encoding::Gzip)
            }
            fault => fault,
        };
        let stops = fault != Fault::BadCrc;
        // What a cut stream did to the archive in it is no fault of its own.
        self.unpacked.faults.retain(|(place, _)| *place != at || !stops);
        self.fault(at, fault);
        !stops
    }

    /// The archives in a decompressed stream, with zeros between them.
    fn stream(&mut self, stream: &mut Stream<'_>, place: usize) -> Result<()> {
        let mut first = true;
        loop {
            let ahead = stream::ahead(stream);
            match ahead {
                [] => return Ok(()),
                [0, ..] if !first => {
                    let zeros = ahead.iter().position(|&b| b != 0).unwrap_or(ahead.len());
                    stream.consume(zeros);
                }
                [b'0', ..] => {
                    if self.archive(stream, place, true)?.is_none() {
                        return Ok(());
                    }
                }
                _ => {
                    let fault = if first { inside(ahead) } else { Fault::JunkInside };
                    self.fault(place, fault);
                    return Ok(());
                }
            }
            first = false;
        }
    }

    /// One newc archive; its length, or `None` where the kernel stops in it.
    fn archive(
        &mut self,
        stream: &mut Stream<'_>,
        place: usize,
        compressed: bool,
    ) -> Result<Option<usize>> {
        let (mut offset, mut last) = (0, Vec::new());
        loop {
            let head = stream::head(stream);
            let mut reader = Reader::at(&mut *stream, offset);
            let entry = match reader.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Ok(Some(reader.offset() as usize)),
                Err(newc::ReadError::Truncated { .. }) => {
                    let cut = head.iter().any(|&b| b != 0);
                    self.fault(place, Fault::NoTrailer { cut, last, compressed });
                    return Ok(None);
                }
                Err(_) => {
                    self.fault(place, header(&head, offset == 0));
                    return Ok(None);
                }
            };
            if !self.census.has_room_for(&entry) {
                self.fault(place, Fault::TooLong);
                return Ok(None);
            }
            last.clone_from(&entry.name);
            let data = self.contents.read(&mut reader, &entry)?;
            offset = reader.offset();
            let fault = match data {
                None => Some(Fault::NoTrailer { cut: true, last: last.clone(), compressed }),
                // The kernel looks once the file is written, and stops.
                Some((node, sound)) => {
                    self.place(&entry, node);
                    (!sound).then(|| Fault::BadChecksum(last.clone()))
                }
            };
            if let Some(fault) = fault {
                self.fault(place, fault);
                return Ok(None);
            }
        }
    }

    /// Puts an entry where the kernel would, or drops it as the kernel would.
    fn place(&mut self, entry: &newc::Entry, node: Option<Node>) {
        if let Some(segment) = self.unpacked.segments.last_mut() {
            segment.entries += 1;
        }
        self.unpacked.size += u64::from(entry.header.filesize);
        let Ok(path) = TreePath::new(&entry.name) else { return };
        let tree = &mut self.unpacked.tree;
        let is_directory = |node: &Node| matches!(node.kind, Kind::Directory);
        let parent = path.parent().unwrap_or_default();
        if !tree.get(&parent).is_some_and(is_directory) && !through_link(tree, &parent) {
            self.unpacked.orphans.push(entry.name.clone());
            return;
        }
        let Some(node) = node else { return };
        // A directory that holds something cannot be replaced, everything else can.
        match tree.get(&path) {
            Some(old) if is_directory(old) && !is_directory(&node) => return,
            Some(old) if !is_directory(old) => drop(tree.remove(&path)),
            _ => {}
        }
        let header = &entry.header;
        let key = (header.dev_major, header.dev_minor, header.ino);
        let is_file = matches!(node.kind, Kind::File(_));
        if header.nlink >= 2 && is_file {
            if let Some(first) = self.links.get(&key).filter(|first| tree.get(first).is_some()) {
                let first = first.clone();
                let linked = tree.link(path, &first).is_ok();
                if let Some(shared) = tree.get_mut(&first).filter(|_| linked && header.filesize > 0)
                {
                    *shared = node;
                }
                return;
            }
            self.links.insert(key, path.clone());
        }
        // What is in the way now is what the kernel leaves there too.
        let _ = tree.insert(path, node);
    }
}

/// Whether a directory is reached through a symlink in the archive, which the kernel follows.
fn through_link(tree: &Tree, path: &TreePath) -> bool {
    let mut at = Some(path.clone());
    while let Some(path) = at {
        match tree.get(&path).map(|node| &node.kind) {
            Some(Kind::Symlink(_)) => return true,
            Some(_) => return false,
            None => at = path.parent(),
        }
    }
    false
}

/// What bytes are that start like no archive.
fn unknown(bytes: &[u8], first: bool) -> Fault {
    let at = |offset: usize, magic: &[u8]| {
        bytes.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    };
    match () {
        () if at(0, &[0x04, 0x22, 0x4d, 0x18]) => Fault::Lz4Frame,
        () if !first => Fault::JunkAfter,
        () if at(257, b"ustar") => Fault::Other("a tar archive"),
        () if at(0, &[0xc7, 0x71]) || at(0, &[0x71, 0xc7]) => Fault::Other("a binary cpio archive"),
        () if at(0, b"\x7fELF") => Fault::Other("an ELF file"),
        () if at(0, b"MZ") => Fault::Other("a kernel or another EFI program"),
        () if at(0, b"PK\x03\x04") => Fault::Other("a zip archive"),
        () if at(0, b"hsqs") => Fault::Other("a squashfs filesystem"),
        () if at(0x438, &[0x53, 0xef]) => Fault::Other("an ext2, ext3 or ext4 filesystem"),
        () => Fault::NotAnArchive,
    }
}

/// What a decompressed stream is that does not start with `0`.
fn inside(bytes: &[u8]) -> Fault {
    match sniff_as_kernel(bytes).filter(|encoding| *encoding != Encoding::Newc) {
        Some(encoding) => Fault::Twice(encoding),
        None if bytes.starts_with(&[0xc7, 0x71]) || bytes.starts_with(&[0x71, 0xc7]) => {
            Fault::CpioBinary
        }
        None if bytes.get(257..).is_some_and(|rest| rest.starts_with(b"ustar")) => Fault::Tar,
        None => Fault::NoMagic,
    }
}

/// What a header is that is none.
fn header(bytes: &[u8], first: bool) -> Fault {
    match bytes {
        _ if bytes.starts_with(b"070707") => Fault::CpioOdc,
        _ if first && bytes.get(257..).is_some_and(|rest| rest.starts_with(b"ustar")) => Fault::Tar,
        _ => Fault::NoMagic,
    }
}

/// A few names for a message, and how many more there are.
pub(super) fn named(names: &[Vec<u8>]) -> String {
    let shown: Vec<_> = names.iter().take(3).map(|name| shown_bytes(name)).collect();
    match names.len().saturating_sub(3) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
