//! Writing a tar: ustar headers, pax records only where a header has no room, sorted, so that the same
//! tree always gives the same bytes. Files are written with their holes filled.

use std::collections::BTreeMap;
use std::io::Write;

use super::header::{self, BLOCK, Header};
use super::pax;
use crate::error::{Context, Error, Result};
use crate::tree::member::{self, Member};
use crate::tree::{Content, Entry, Kind, NodeId, Notice, Tree, TreePath};
use crate::volume::Volume;

/// The end: two blocks of zeros.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Writes a tree as an uncompressed tar; sockets are left out, with a notice.
///
/// # Errors
/// Where a content cannot be read or the sink cannot be written.
pub fn write(tree: &Tree, sink: &mut impl Write) -> Result<Vec<Notice>> {
    member::write(members(tree), BLOCK as u64, sink)?;
    Ok(lost(tree))
}

/// As [`write`], to the start of a volume, all bytes of which are zero, by all processors; `progress` hears
/// of the bytes.
///
/// # Errors
/// As [`write`].
pub fn write_to(tree: &Tree, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<Vec<Notice>> {
    member::copy(members(tree), BLOCK as u64, volume, progress)?;
    Ok(lost(tree))
}

/// What has no place in a tar.
fn lost(tree: &Tree) -> Vec<Notice> {
    let sockets = tree.iter().filter(|entry| is_socket(entry));
    sockets.map(|entry| Notice::Socket(entry.path.clone())).collect()
}

fn is_socket(entry: &Entry<'_>) -> bool {
    matches!(entry.node.kind, Kind::Socket)
}

fn members(tree: &Tree) -> impl Iterator<Item = Result<Member<'_>>> + Send {
    let mut first_names: BTreeMap<NodeId, &TreePath> = BTreeMap::new();
    let is_left_out =
        |entry: &Entry<'_>| is_socket(entry) || entry.path.is_root() && tree.is_implied(entry.path);
    let members = tree.iter().filter(move |entry| !is_left_out(entry)).map(move |entry| {
        let first = match entry.node.kind {
            Kind::Directory => entry.path,
            _ => first_names.entry(entry.id).or_insert(entry.path),
        };
        let link = (first != entry.path).then_some(first);
        member(entry, link).context(|| format!("writing `/{}` into a tar", entry.path))
    });
    members.chain([Ok(Member { head: END.into(), content: None })])
}

/// A member: its records, its header, its content.
fn member<'t>(entry: Entry<'t>, link: Option<&TreePath>) -> Result<Member<'t>> {
    let (kind, target, content, device) = described(entry, link);
    let size = content.map_or(0, Content::len);
    let mut name = entry.path.as_bytes().to_vec();
    if entry.path.is_root() {
        name = b".".to_vec();
    }
    if matches!(entry.node.kind, Kind::Directory) {
        name.push(b'/');
    }
    let m = &entry.node.metadata;
    let mut header = Header::new(kind);
    let mut records = Vec::new();
    let mut record = |fits: bool, key: &[u8], value: &[u8]| {
        if !fits {
            pax::push(&mut records, key, value);
        }
    };
    let is_text = |bytes: &[u8]| std::str::from_utf8(bytes).is_ok();
    // Records are UTF-8 unless this says that they are bytes.
    record(is_text(&name) && is_text(target), b"hdrcharset", b"BINARY");
    record(header.set_text(header::NAME, &name), b"path", &name);
    record(header.set_text(header::LINK, target), b"linkpath", target);
    header.set_number(header::MODE, m.mode.into());
    let mut number = |field, key: &[u8], value: i64| {
        record(header.set_number(field, value), key, value.to_string().as_bytes());
    };
    number(header::UID, b"uid", m.uid.into());
    number(header::GID, b"gid", m.gid.into());
    number(header::SIZE, b"size", i64::try_from(size)?);
    let time_fits = header.set_number(header::MTIME, m.mtime.seconds) && m.mtime.nanoseconds == 0;
    record(time_fits, b"mtime", m.mtime.to_string().as_bytes());
    if !header.set_number(header::MAJOR, device.0.into())
        || !header.set_number(header::MINOR, device.1.into())
    {
        return Err(Error::new("its device numbers have no room in a tar"));
    }
    for (name, value) in m.xattrs.iter().filter(|_| link.is_none()) {
        record(false, &pax::xattr_key(name), value);
    }
    let mut head = Vec::new();
    if !records.is_empty() {
        head = extended(records, entry.path)?;
    }
    header.seal();
    head.extend_from_slice(&header.0);
    Ok(Member { head, content })
}

/// Type, target, content and device of a member.
fn described<'t, 'l>(
    entry: Entry<'t>,
    link: Option<&'l TreePath>,
) -> (u8, &'l [u8], Option<&'t Content>, (u32, u32))
where
    't: 'l,
{
    if let Some(first) = link {
        return (b'1', first.as_bytes(), None, (0, 0));
    }
    match &entry.node.kind {
        Kind::Directory => (b'5', b"", None, (0, 0)),
        Kind::File(content) => (b'0', b"", Some(content), (0, 0)),
        Kind::Symlink(target) => (b'2', target, None, (0, 0)),
        Kind::CharDevice { major, minor } => (b'3', b"", None, (*major, *minor)),
        Kind::BlockDevice { major, minor } => (b'4', b"", None, (*major, *minor)),
        Kind::Fifo | Kind::Socket => (b'6', b"", None, (0, 0)),
    }
}

/// The extended header; its own name is what tools that know no pax would unpack it as.
fn extended(mut records: Vec<u8>, path: &TreePath) -> Result<Vec<u8>> {
    let mut header = Header::new(b'x');
    header.set_text(header::NAME, &[b"PaxHeaders/", path.name()].concat());
    for (field, value) in [(header::MODE, 0o644), (header::UID, 0), (header::GID, 0)] {
        header.set_number(field, value);
    }
    header.set_number(header::MTIME, 0);
    header.set_number(header::SIZE, i64::try_from(records.len())?);
    header.seal();
    records.resize(records.len().next_multiple_of(BLOCK), 0);
    Ok([&header.0[..], &records].concat())
}
