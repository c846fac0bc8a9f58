//! A Debian package (deb(5), format 2.0): an `ar` archive of `debian-binary`, a control archive and
//! a data archive, which is a tar in gzip, xz, zstd, bzip2 or nothing.
//!
//! Left out: the control archive (apt has verified and resolved the package already) and format 0.9. Unlike
//! `tree::deb`, which indexes what it unpacked, this streams: an emulator is written once.

use std::io::{self, Read};

use crate::compress;
use crate::error::{Context, Result, shown_bytes};

const AR_MAGIC: &[u8; 8] = b"!<arch>\n";
const AR_HEADER_SIZE: usize = 60;

/// What is wrong with the bytes of a package.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DebError {
    /// It does not start as an `ar` archive.
    #[error("it is no Debian package: it does not start with `!<arch>`")]
    Magic,
    /// A member's header does not end with its two magic bytes, or has no decimal length.
    #[error("the member header at offset {0} is damaged")]
    Header(u64),
    /// The first member is not `debian-binary` of a format 2.
    #[error("its format is `{0}`, but only 2.0 is read")]
    Version(String),
    /// No `data.tar` follows.
    #[error("it has no data archive")]
    NoData,
    /// A path of the data archive would leave the folder that it is unpacked into.
    #[error("its entry `{}` leaves the package's tree", shown_bytes(.0))]
    Escapes(Vec<u8>),
    /// A device, a fifo or an unknown type.
    #[error("its entry `{}` is of tar's type `{}`, which no package needs", shown_bytes(.0), *.1 as char)]
    Type(Vec<u8>, u8),
}

/// What an entry of the data archive is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A file: its bytes are read from the entry.
    File,
    /// A directory.
    Directory,
    /// A symbolic link with its target as it is written.
    Symlink(Vec<u8>),
    /// Another name of an earlier file, given by its path.
    HardLink(Vec<u8>),
}

/// One entry of the data archive, positioned at its content.
pub struct Entry<'a> {
    /// Where it goes: components joined by `/`, without a leading `./`, `.` or `..`; empty for the root.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: Kind,
    /// The lower twelve bits of the mode.
    pub mode: u32,
    /// Numeric owner.
    pub uid: u64,
    /// Numeric group.
    pub gid: u64,
    /// Modification time in seconds since 1970.
    pub mtime: u64,
    /// Length of a file's content in bytes.
    pub size: u64,
    content: &'a mut dyn Read,
}

impl Read for Entry<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.content.read(buffer)
    }
}

/// Shows `entry_fn` every entry of the package's data archive, in the archive's order.
///
/// # Errors
/// Where the package is damaged or has an entry that must not be ([`DebError`]), or `entry_fn` fails.
pub fn for_each(
    package: impl Read,
    mut entry_fn: impl FnMut(&mut Entry<'_>) -> Result<()>,
) -> Result<()> {
    let mut archive = tar::Archive::new(data(package)?);
    for raw in archive.entries()? {
        let mut raw = raw.context(|| "reading its data archive")?;
        let path = inside(&raw.path_bytes())?;
        let Some(kind) = kind(&raw, &path)? else { continue };
        let header = raw.header();
        let (mode, mtime) = (header.mode()? & 0o7777, header.mtime()?);
        let (uid, gid) = (header.uid()?, header.gid()?);
        let size = raw.size();
        let mut entry = Entry { path, kind, mode, uid, gid, mtime, size, content: &mut raw };
        entry_fn(&mut entry)?;
    }
    // tar ends before the stream does: the rest holds the compressor's checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).context(|| "reading its data archive")?;
    Ok(())
}

/// What a header of tar says; `None` for one that describes no file.
fn kind<R: Read>(raw: &tar::Entry<'_, R>, path: &[u8]) -> Result<Option<Kind>> {
    use tar::EntryType;
    let target = || raw.link_name_bytes().unwrap_or_default().into_owned();
    Ok(Some(match raw.header().entry_type() {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Directory,
        EntryType::Symlink => Kind::Symlink(target()),
        EntryType::Link => Kind::HardLink(inside(&target())?),
        EntryType::XGlobalHeader => return Ok(None),
        other => return Err(DebError::Type(path.into(), other.as_byte()).into()),
    }))
}

/// A path as archives write it, made relative and free of `.`; one with `..` or NUL is refused.
fn inside(path: &[u8]) -> Result<Vec<u8>, DebError> {
    let meaningful = |c: &&[u8]| !c.is_empty() && *c != b".";
    let components: Vec<_> = path.split(|&b| b == b'/').filter(meaningful).collect();
    match components.contains(&&b".."[..]) || path.contains(&0) {
        true => Err(DebError::Escapes(path.into())),
        false => Ok(components.join(&b'/')),
    }
}

/// The decompressed data archive: walks the members of `ar` up to it.
fn data<'a>(mut package: impl Read + 'a) -> Result<Box<dyn Read + 'a>> {
    let mut magic = [0; AR_MAGIC.len()];
    package.read_exact(&mut magic).map_err(|_| DebError::Magic)?;
    if magic != *AR_MAGIC {
        return Err(DebError::Magic.into());
    }
    let mut offset = magic.len() as u64;
    let mut is_first = true;
    while let Some((name, size)) = member(&mut package, offset)? {
        if is_first {
            check_version(&name, &mut package, size)?;
        } else if name.starts_with("data.tar") {
            return compress::reader(package.take(size));
        } else {
            io::copy(&mut (&mut package).take(size), &mut io::sink())?;
        }
        // Members start at even offsets.
        io::copy(&mut (&mut package).take(size % 2), &mut io::sink())?;
        offset += AR_HEADER_SIZE as u64 + size + size % 2;
        is_first = false;
    }
    Err(DebError::NoData.into())
}

/// The next member's name and length in bytes; `None` at the end.
fn member(package: &mut impl Read, offset: u64) -> Result<Option<(String, u64)>> {
    let mut header = Vec::with_capacity(AR_HEADER_SIZE);
    package.by_ref().take(AR_HEADER_SIZE as u64).read_to_end(&mut header)?;
    if header.is_empty() {
        return Ok(None);
    }
    let fields = header.get(..AR_HEADER_SIZE).filter(|h| h.ends_with(b"`\n"));
    let fields = fields.ok_or(DebError::Header(offset))?;
    let text = |range: std::ops::Range<usize>| String::from_utf8_lossy(&fields[range]);
    let size = text(48..58).trim_end().parse().map_err(|_| DebError::Header(offset))?;
    Ok(Some((text(0..16).trim_end().trim_end_matches('/').to_owned(), size)))
}

fn check_version(name: &str, package: &mut impl Read, size: u64) -> Result<()> {
    let mut text = String::new();
    package.take(size.min(64)).read_to_string(&mut text)?;
    match name == "debian-binary" && text.starts_with("2.") {
        true => Ok(()),
        false => Err(DebError::Version(text.lines().next().unwrap_or_default().into()).into()),
    }
}

/// Packages that the tests write.
#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// An `ar` archive of these members.
    pub(in crate::assets) fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = AR_MAGIC.to_vec();
        for (name, content) in members {
            bytes.extend(format!("{name:<16}{:<32}{:<10}`\n", 0, content.len()).bytes());
            bytes.extend(*content);
            bytes.extend((content.len() % 2 == 1).then_some(b'\n'));
        }
        bytes
    }

    /// A package with these entries: path as it stands in the header, type, link target, content.
    pub(in crate::assets) fn deb(entries: &[(&str, tar::EntryType, &str, &str)]) -> Vec<u8> {
        let mut data = tar::Builder::new(Vec::new());
        for (path, kind, target, content) in entries {
            let mut header = tar::Header::new_gnu();
            let gnu = header.as_gnu_mut().expect("gnu");
            // Written by hand: the crate refuses the paths that a hostile package has.
            gnu.name[..path.len()].copy_from_slice(path.as_bytes());
            gnu.linkname[..target.len()].copy_from_slice(target.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o4755);
            header.set_uid(0);
            header.set_gid(0);
            header.set_mtime(0);
            header.set_size(content.len() as u64);
            header.set_cksum();
            data.append(&header, content.as_bytes()).expect("a Vec takes it");
        }
        let data = data.into_inner().expect("a Vec takes it");
        let data = liblzma::encode_all(&data[..], 0).expect("xz");
        ar(&[("debian-binary", b"2.0\n"), ("control.tar", b"odd"), ("data.tar.xz", &data)])
    }
}

#[cfg(test)]
mod tests {
    use super::testing::{ar, deb};
    use super::*;
    use tar::EntryType;

    fn list(package: &[u8]) -> Result<Vec<(String, Kind, String)>> {
        let mut seen = Vec::new();
        for_each(package, |entry| {
            let mut content = String::new();
            entry.read_to_string(&mut content)?;
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            seen.push((path, entry.kind.clone(), content));
            Ok(())
        })?;
        Ok(seen)
    }

    fn refusal(package: &[u8]) -> DebError {
        let error = list(package).expect_err("refused");
        error.downcast_ref::<DebError>().expect("a refusal of the codec").clone()
    }

    #[test]
    fn entries_come_in_order_with_their_content() {
        let package = deb(&[
            ("./", EntryType::Directory, "", ""),
            ("./usr/bin/x", EntryType::Regular, "", "hello"),
            ("./usr/bin/y", EntryType::Link, "./usr/bin/x", ""),
            ("./usr/bin/z", EntryType::Symlink, "/etc/alternatives/z", ""),
        ]);
        let seen = list(&package).expect("reads");
        assert_eq!(seen[0], (String::new(), Kind::Directory, String::new()));
        assert_eq!(seen[1], ("usr/bin/x".into(), Kind::File, "hello".into()));
        assert_eq!(seen[2].1, Kind::HardLink(b"usr/bin/x".into()));
        assert_eq!(seen[3].1, Kind::Symlink(b"/etc/alternatives/z".into()));
    }

    #[test]
    fn what_leaves_the_tree_or_is_a_device_is_refused() {
        let up = deb(&[("./a/../../etc/passwd", EntryType::Regular, "", "x")]);
        assert_eq!(refusal(&up), DebError::Escapes(b"./a/../../etc/passwd".into()));
        let link = deb(&[("x", EntryType::Link, "../x", "")]);
        assert_eq!(refusal(&link), DebError::Escapes(b"../x".into()));
        let device = deb(&[("dev/sda", EntryType::Block, "", "")]);
        assert_eq!(refusal(&device), DebError::Type(b"dev/sda".into(), b'4'));
    }

    #[test]
    fn damage_is_named() {
        assert_eq!(refusal(b"PK\x03\x04"), DebError::Magic);
        assert_eq!(refusal(&ar(&[("debian-binary", b"0.93\n")])), DebError::Version("0.93".into()));
        assert_eq!(refusal(&ar(&[("debian-binary", b"2.0\n")])), DebError::NoData);
        let mut damaged = ar(&[("debian-binary", b"2.0\n"), ("data.tar", b"")]);
        damaged.truncate(100);
        assert_eq!(refusal(&damaged), DebError::Header(72));
        let whole = deb(&[("x", EntryType::Regular, "", "hello")]);
        assert!(list(&whole[..whole.len() - 8]).is_err(), "a cut package");
    }
}
