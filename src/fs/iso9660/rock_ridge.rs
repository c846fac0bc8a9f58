//! What Rock Ridge says of a file (RRIP 1.12, IEEE P1282): owner and mode (`PX`), time (`TF`), device
//! (`PN`), name (`NM`) and where a symlink leads to (`SL`).

use super::hierarchy::Item;
use super::number::both32;
use super::susp::{PAYLOAD_MAX, entry};
use super::time::short;
use crate::tree::{Kind, Node};

/// `NM` and `SL` flag: it goes on in the next one.
pub(super) const CONTINUE: u8 = 0x01;
/// Component flags of `SL`: `.`, `..` and the root (4.1.3.1).
pub(super) const CURRENT: u8 = 0x02;
pub(super) const PARENT: u8 = 0x04;
pub(super) const ROOT: u8 = 0x08;
/// `TF` flag: the time of the last modification is given.
const MODIFY: u8 = 0x02;

/// `ER`: identifier, descriptor and source of the extension (4.3).
const EXTENSION: [&str; 3] = [
    "IEEE_P1282",
    "THE IEEE P1282 PROTOCOL PROVIDES SUPPORT FOR POSIX FILE SYSTEM SEMANTICS",
    "PLEASE CONTACT THE IEEE STANDARDS DEPARTMENT, PISCATAWAY, NJ, USA FOR THE P1282 SPECIFICATION",
];

/// What is said of one directory record.
pub(super) struct Attributes<'a> {
    node: &'a Node,
    links: u32,
    serial: u32,
    /// `.` and `..` have none.
    name: Option<&'a [u8]>,
    /// Whether it is the first record of the root, which says that there is Rock Ridge.
    pub(super) is_volume_start: bool,
}

impl<'a> Attributes<'a> {
    /// What a record without a name says.
    pub(super) fn of(item: &Item<'a>) -> Self {
        let Item { node, links, serial, .. } = *item;
        Attributes { node, links, serial, name: None, is_volume_start: false }
    }

    /// The same with a name.
    pub(super) fn named(self, name: &'a [u8]) -> Self {
        Attributes { name: Some(name), ..self }
    }
}

/// The system use entries of a record.
pub(super) fn encode(attributes: &Attributes<'_>) -> Vec<Vec<u8>> {
    let Attributes { node, links, serial, name, is_volume_start } = attributes;
    let mut entries = Vec::new();
    if *is_volume_start {
        // Magic bytes, and nothing to skip in front of entries.
        entries.push(entry(b"SP", &[0xbe, 0xef, 0]));
    }
    let metadata = &node.metadata;
    let fields = [node.st_mode().into(), *links, metadata.uid, metadata.gid, *serial];
    entries.push(entry(b"PX", &fields.map(both32).concat()));
    entries.push(entry(b"TF", &[&[MODIFY][..], &short(metadata.mtime)].concat()));
    if let Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } = node.kind {
        entries.push(entry(b"PN", &[both32(major), both32(minor)].concat()));
    }
    if let Some(name) = name {
        let parts: Vec<&[u8]> = name.chunks(PAYLOAD_MAX - 1).collect();
        entries.extend(flagged(b"NM", &parts));
    }
    if let Kind::Symlink(target) = &node.kind {
        let parts = symlink(target);
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        entries.extend(flagged(b"SL", &parts));
    }
    if *is_volume_start {
        let lens = EXTENSION.map(|text| text.len() as u8);
        let head = [&lens[..], &[1]].concat();
        entries.push(entry(b"ER", &[head, EXTENSION.concat().into_bytes()].concat()));
    }
    entries
}

/// Entries that belong together: all but the last say that another follows.
fn flagged(signature: &[u8; 2], parts: &[&[u8]]) -> Vec<Vec<u8>> {
    let last = parts.len().saturating_sub(1);
    let flags = |number| if number < last { CONTINUE } else { 0 };
    let entry =
        |(number, part): (usize, &&[u8])| entry(signature, &[&[flags(number)], *part].concat());
    parts.iter().enumerate().map(entry).collect()
}

/// A target as components, in as many parts as entries are needed.
fn symlink(target: &[u8]) -> Vec<Vec<u8>> {
    let mut components = Vec::new();
    let mut rest = target;
    if let Some(below) = target.strip_prefix(b"/") {
        components.push(vec![ROOT, 0]);
        rest = below;
    }
    // `/` alone has no component after the root.
    if !rest.is_empty() {
        rest.split(|&b| b == b'/').for_each(|name| components.extend(component(name)));
    }
    let mut parts: Vec<Vec<u8>> = vec![Vec::new()];
    for component in components {
        match parts.last_mut() {
            Some(part) if part.len() + component.len() < PAYLOAD_MAX => part.extend(component),
            _ => parts.push(component),
        }
    }
    parts
}

/// A component record; a long name is several.
fn component(name: &[u8]) -> Vec<Vec<u8>> {
    match name {
        b"." => vec![vec![CURRENT, 0]],
        b".." => vec![vec![PARENT, 0]],
        b"" => vec![vec![0, 0]],
        name => {
            let pieces: Vec<&[u8]> = name.chunks(PAYLOAD_MAX - 3).collect();
            let last = pieces.len() - 1;
            let flags = |number| if number < last { CONTINUE } else { 0 };
            let record = |(number, piece): (usize, &&[u8])| {
                [&[flags(number), piece.len() as u8], *piece].concat()
            };
            pieces.iter().enumerate().map(record).collect()
        }
    }
}

/// The target that the payloads of `SL` entries say, one after the other.
pub(super) fn target<'a>(payloads: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut target: Vec<u8> = Vec::new();
    let mut needs_slash = false;
    for payload in payloads {
        let mut rest = payload.get(1..).unwrap_or_default();
        while let Some((&[flags, len], tail)) = rest.split_first_chunk::<2>() {
            let Some((text, tail)) = tail.split_at_checked(len.into()) else { break };
            if needs_slash {
                target.push(b'/');
            }
            match flags & !CONTINUE {
                CURRENT => target.push(b'.'),
                PARENT => target.extend(b".."),
                ROOT => target.push(b'/'),
                _ => target.extend(text),
            }
            needs_slash = flags & (CONTINUE | ROOT) == 0;
            rest = tail;
        }
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_of_every_form_come_back() {
        let long = format!("/{}/{}", "a".repeat(255), "b/".repeat(1900));
        for text in ["a", "/", "/a", "../a/./b", "a//b", "a/", "//a", "..", &long] {
            let parts = symlink(text.as_bytes());
            let payloads: Vec<_> = parts.iter().map(|part| [&[0][..], part].concat()).collect();
            assert!(payloads.iter().all(|payload| payload.len() <= PAYLOAD_MAX));
            let read = target(payloads.iter().map(Vec::as_slice));
            assert_eq!(String::from_utf8_lossy(&read), text);
        }
    }

    #[test]
    fn a_long_name_takes_several_entries() {
        let time = crate::tree::Time::EPOCH;
        let node = Node::directory(0o755, time);
        let name = [b'n'; 255];
        let attributes = Attributes {
            node: &node,
            links: 2,
            serial: 7,
            name: Some(&name),
            is_volume_start: false,
        };
        let entries = encode(&attributes);
        let names: Vec<_> = entries.iter().filter(|e| e.starts_with(b"NM")).collect();
        assert_eq!((names.len(), names[0].len(), names[0][4], names[1][4]), (2, 254, CONTINUE, 0));
        assert_eq!(entries[0].len(), 44);
    }
}
