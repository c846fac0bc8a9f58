//! Writing a tar: ustar headers, pax records only where a header has no room, sorted, so that the same
//! tree always gives the same bytes. Files are written with their holes filled.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::header::{self, BLOCK, Header};
use super::pax;
use crate::error::{Context, Error, Result};
use crate::tree::{Content, Entry, Kind, NodeId, Notice, Tree, TreePath};

/// The end: two blocks of zeros.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// Writes a tree as an uncompressed tar; sockets are left out, with a notice.
///
/// # Errors
/// Where a content cannot be read or the sink cannot be written.
pub fn write(tree: &Tree, sink: &mut impl Write) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    let mut first_names: BTreeMap<NodeId, &TreePath> = BTreeMap::new();
    for entry in tree.iter() {
        if entry.path.is_root() && tree.is_implied(entry.path) {
            continue;
        }
        if matches!(entry.node.kind, Kind::Socket) {
            notices.push(Notice::Socket(entry.path.clone()));
            continue;
        }
        let first = match entry.node.kind {
            Kind::Directory => entry.path,
            _ => first_names.entry(entry.id).or_insert(entry.path),
        };
        let link = (first != entry.path).then_some(first);
        member(entry, link, sink).context(|| format!("writing `{}` into a tar", entry.path))?;
    }
    sink.write_all(&END)?;
    sink.flush()?;
    Ok(notices)
}

/// A member: its records, its header, its content.
fn member(entry: Entry<'_>, link: Option<&TreePath>, sink: &mut impl Write) -> Result<()> {
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
    if !records.is_empty() {
        extended(&records, entry.path, sink)?;
    }
    header.seal();
    sink.write_all(&header.0)?;
    content.map_or(Ok(()), |content| data(content, sink))
}

/// Type, target, content and device of a member.
fn described<'a>(
    entry: Entry<'a>,
    link: Option<&'a TreePath>,
) -> (u8, &'a [u8], Option<&'a Content>, (u32, u32)) {
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
fn extended(records: &[u8], path: &TreePath, sink: &mut impl Write) -> Result<()> {
    let mut header = Header::new(b'x');
    header.set_text(header::NAME, &[b"PaxHeaders/", path.name()].concat());
    for (field, value) in [(header::MODE, 0o644), (header::UID, 0), (header::GID, 0)] {
        header.set_number(field, value);
    }
    header.set_number(header::MTIME, 0);
    header.set_number(header::SIZE, i64::try_from(records.len())?);
    header.seal();
    sink.write_all(&header.0)?;
    sink.write_all(records)?;
    pad(records.len() as u64, sink)
}

/// A content and its padding.
fn data(content: &Content, sink: &mut impl Write) -> Result<()> {
    let copied = io::copy(&mut content.open()?, sink)?;
    if copied != content.len() {
        return Err(Error::new("it became shorter"));
    }
    pad(copied, sink)
}

fn pad(len: u64, sink: &mut impl Write) -> Result<()> {
    let short = len.next_multiple_of(BLOCK as u64) - len;
    Ok(sink.write_all(&END[..short as usize])?)
}
