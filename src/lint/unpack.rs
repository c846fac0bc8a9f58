//! An initramfs unpacked as the kernel unpacks it: as far as it goes, with what the kernel says where
//! it stops, and with what it drops without a word.
//!
//! Source: `init/initramfs.c` and `lib/decompress_*.c` of the kernel. Contents are kept in memory, up
//! to [`UNPACKED_MAX`] bytes.

use crate::error::shown_bytes;
use crate::initramfs::newc::{self, Reader};
use crate::initramfs::segment::{Encoding, sniff_as_kernel};
use crate::tree::{Kind, Node, Time, Tree, TreePath};
mod fault;
mod stream;

pub use fault::Fault;

use std::collections::BTreeMap;

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
pub fn unpack(initramfs: &[u8]) -> Unpacked {
    let mut work = Work::new();
    let mut at = 0;
    while at < initramfs.len() {
        let rest = &initramfs[at..];
        if rest[0] == 0 {
            at += rest.iter().position(|&b| b != 0).unwrap_or(rest.len());
            continue;
        }
        match work.segment(rest, at) {
            Some(len) if work.unpacked.size <= UNPACKED_MAX => at += len.max(1),
            _ => break,
        }
    }
    work.unpacked
}

/// Which file names share a node: device, inode.
type Links = BTreeMap<(u32, u32, u32), TreePath>;

struct Work {
    unpacked: Unpacked,
    links: Links,
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
        Work { unpacked, links: Links::new() }
    }

    fn fault(&mut self, at: usize, fault: Fault) {
        self.unpacked.faults.push((at, fault));
    }

    /// Unpacks the archive that `rest` starts with; its length, or `None` where the kernel stops.
    fn segment(&mut self, rest: &[u8], at: usize) -> Option<usize> {
        let first = self.unpacked.segments.is_empty();
        let Some(encoding) = sniff_as_kernel(rest) else {
            self.fault(at, unknown(rest, first));
            return None;
        };
        if encoding == Encoding::Newc && !at.is_multiple_of(4) {
            // Behind a plain archive another part of the kernel looks at the padding.
            let last = self.unpacked.segments.last();
            let after_plain = last.is_some_and(|segment| segment.encoding == Encoding::Newc);
            self.fault(at, Fault::Misaligned { after_plain });
            return None;
        }
        self.unpacked.segments.push(Segment { offset: at, encoding, entries: 0 });
        if encoding == Encoding::Newc {
            return self.archive(rest, at, false);
        }
        if let Some(fault) = stream::refused(rest, encoding) {
            self.fault(at, fault);
            return None;
        }
        let stream = stream::decompress(rest, encoding);
        self.stream(&stream.bytes, at);
        if stream.bytes.len() as u64 > UNPACKED_MAX {
            self.fault(at, Fault::TooLong);
            return None;
        }
        match stream.fault {
            Some(fault) => {
                // What was damaged so that it still unpacks is damaged all the same.
                let is_broken = |(place, fault): &(usize, Fault)| *place == at && fault.is_fatal();
                let fault = match fault {
                    Fault::BadCrc if self.unpacked.faults.iter().any(is_broken) => {
                        Fault::Corrupt(encoding)
                    }
                    fault => fault,
                };
                let stops = fault != Fault::BadCrc;
                // What a cut stream did to the archive in it is no fault of its own.
                self.unpacked.faults.retain(|(place, _)| *place != at || !stops);
                self.fault(at, fault);
                (!stops).then_some(stream.len)
            }
            None if self.unpacked.faults.iter().any(|(place, _)| *place == at) => None,
            None => Some(stream.len),
        }
    }

    /// The archives in a decompressed stream, with zeros between them.
    fn stream(&mut self, bytes: &[u8], place: usize) {
        let mut at = 0;
        let mut first = true;
        while at < bytes.len() {
            let rest = &bytes[at..];
            match rest {
                [0, ..] if !first => {
                    at += rest.iter().position(|&b| b != 0).unwrap_or(rest.len());
                }
                [b'0', ..] => match self.archive(rest, place, true) {
                    Some(len) => at += len.max(1),
                    None => return,
                },
                _ if first => return self.fault(place, inside(rest)),
                _ => return self.fault(place, Fault::JunkInside),
            }
            first = false;
        }
    }

    /// One newc archive; its length, or `None` where the kernel stops in it.
    fn archive(&mut self, bytes: &[u8], place: usize, compressed: bool) -> Option<usize> {
        let mut reader = Reader::new(bytes);
        let mut last = Vec::new();
        loop {
            let before = reader.offset() as usize;
            let entry = match reader.next_entry() {
                Ok(Some(entry)) => entry,
                Ok(None) => return Some(reader.offset() as usize),
                Err(newc::ReadError::Truncated { .. }) => {
                    let cut = before < bytes.len() && bytes[before..].iter().any(|&b| b != 0);
                    self.fault(place, Fault::NoTrailer { cut, last, compressed });
                    return None;
                }
                Err(_) => {
                    self.fault(place, header(&bytes[before.min(bytes.len())..], before == 0));
                    return None;
                }
            };
            last.clone_from(&entry.name);
            let data = match reader.data(&entry) {
                Ok(data) => data,
                // The kernel looks once the file is written, and stops.
                Err(newc::ReadError::Checksum { name, .. }) => {
                    let len = entry.header.filesize as usize;
                    let start = entry.offset as usize + newc::HEADER_LEN;
                    let start = (start + entry.header.namesize as usize).next_multiple_of(4);
                    let data = bytes.get(start..start + len).unwrap_or_default();
                    self.place(&entry, data.to_vec());
                    self.fault(place, Fault::BadChecksum(name));
                    return None;
                }
                Err(_) => {
                    self.fault(place, Fault::NoTrailer { cut: true, last, compressed });
                    return None;
                }
            };
            self.place(&entry, data);
        }
    }

    /// Puts an entry where the kernel would, or drops it as the kernel would.
    fn place(&mut self, entry: &newc::Entry, data: Vec<u8>) {
        if let Some(segment) = self.unpacked.segments.last_mut() {
            segment.entries += 1;
        }
        self.unpacked.size += data.len() as u64;
        let Ok(path) = TreePath::new(&entry.name) else { return };
        let tree = &mut self.unpacked.tree;
        let is_directory = |node: &Node| matches!(node.kind, Kind::Directory);
        let parent = path.parent().unwrap_or_default();
        if !tree.get(&parent).is_some_and(is_directory) && !through_link(tree, &parent) {
            self.unpacked.orphans.push(entry.name.clone());
            return;
        }
        let Ok(node) = newc::node(entry, data) else { return };
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
