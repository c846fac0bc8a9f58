//! A tree as a newc archive: sorted, parents first, and nothing in it that the tree does not say.

use std::collections::BTreeMap;
use std::io::Write;

use super::{ALIGNMENT, Header, MAGIC, PATH_MAX, TRAILER, padding};
use crate::error::{Context, Result};
use crate::tree::member::{self, Member};
use crate::tree::{Entry, Kind, LinkCounts, NodeId, Notice, Tree, TreePath};
use crate::volume::Volume;

/// `NAME_MAX` of Linux: the longest component of a name.
const NAME_MAX: usize = 255;

/// Numbers of a device node that fit into the kernel's `dev_t`: 12 bits major, 20 bits minor.
const DEVICE_MAX: (u32, u32) = ((1 << 12) - 1, (1 << 20) - 1);

/// What becomes of times.
const WHOLE_SECONDS: &str = "newc has whole seconds: the fractions of times are cut off";

/// Why an entry cannot be in an initramfs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// `c_filesize` has 32 bits.
    #[error("it has {0} bytes, and newc holds files of less than 4 GiB")]
    Size(u64),
    /// `c_mtime` has 32 bits and no sign.
    #[error("its time, {0} s after 1970, is not between 1970 and 2106, which newc can hold")]
    Time(i64),
    /// The kernel skips such an entry.
    #[error("its name has {0} bytes, and the kernel takes no more than {max}", max = PATH_MAX - 1)]
    Name(usize),
    /// The kernel skips such an entry.
    #[error("a part of its name has {0} bytes, and the kernel takes no more than {NAME_MAX}")]
    Component(usize),
    /// It would end the archive.
    #[error("a name that cpio reserves for the end of the archive")]
    Reserved,
    /// The kernel skips such an entry.
    #[error("its target has {0} bytes, and the kernel takes 1 to {max}", max = PATH_MAX - 1)]
    Target(usize),
    /// The kernel would cut the target there.
    #[error("its target has a NUL byte")]
    TargetNul,
    /// The kernel would make another device.
    #[error("there is no device {0}:{1}: a major number has 12 bits, a minor number 20")]
    Device(u32, u32),
}

/// Writes a tree as one archive, with its trailer, padded to 4 bytes; what it has no place for.
///
/// The root directory is the entry `.`, other names have no leading slash. Inodes are numbered from
/// 1 in the order of the entries. Of the names of a hard-linked file the last carries the data, as
/// GNU cpio writes it and the kernel reads it. It is not padded to the 512 bytes of a tape block:
/// the kernel asks for 4, and an archive of whole blocks is no better for anyone.
///
/// # Errors
/// Where the archive or the kernel cannot hold an entry ([`Unfit`]), a content cannot be read in
/// full, or the sink fails.
pub fn write(tree: &Tree, sink: &mut impl Write) -> Result<Vec<Notice>> {
    member::write(members(tree), ALIGNMENT, sink)?;
    Ok(lost(tree))
}

/// As [`write`], to the start of a volume, all bytes of which are zero, by all processors; `progress` hears
/// of the bytes.
///
/// # Errors
/// As [`write`].
pub fn write_to(tree: &Tree, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<Vec<Notice>> {
    member::copy(members(tree), ALIGNMENT, volume, progress)?;
    Ok(lost(tree))
}

/// What has no place in an initramfs.
fn lost(tree: &Tree) -> Vec<Notice> {
    let is_cut = |entry: Entry<'_>| entry.node.metadata.mtime.nanoseconds != 0;
    let cut = tree.iter().any(is_cut).then_some(Notice::Advice(WHOLE_SECONDS));
    cut.into_iter().chain(Notice::attributes(tree)).collect()
}

fn members(tree: &Tree) -> impl Iterator<Item = Result<Member<'_>>> + Send {
    let mut names = Names { left: tree.link_counts(), inodes: BTreeMap::new() };
    let members = tree.iter().map(move |entry| {
        member(&entry, &mut names).context(|| format!("packing {}", shown(&entry)))
    });
    let trailer = Header { nlink: 1, ..Header::default() };
    members.chain([Ok(Member { head: head(trailer, TRAILER), content: None })])
}

/// What the nodes of the tree are called so far.
struct Names {
    /// How many names of a node are still to come.
    left: LinkCounts,
    /// The inode and link count of nodes that have had their first name.
    inodes: BTreeMap<NodeId, (u32, u32)>,
}

impl Names {
    /// Gives a node its next name: its inode, its link count, and whether this is the last name.
    fn next(&mut self, id: NodeId) -> (u32, u32, bool) {
        self.left[id] -= 1;
        let left = self.left[id];
        // A tree has less than 2^32 entries: each is many bytes in memory.
        let new = (self.inodes.len() as u32 + 1, left + 1);
        let &mut (inode, count) = self.inodes.entry(id).or_insert(new);
        (inode, count, left == 0)
    }
}

fn member<'t>(entry: &Entry<'t>, names: &mut Names) -> Result<Member<'t>> {
    let (name, meta) = (archive_name(entry.path)?, &entry.node.metadata);
    let (ino, count, last) = names.next(entry.id);
    let time = meta.mtime.seconds;
    let mut header = Header {
        ino,
        mode: entry.node.st_mode().into(),
        uid: meta.uid,
        gid: meta.gid,
        nlink: count,
        mtime: u32::try_from(time).map_err(|_| Unfit::Time(time))?,
        ..Header::default()
    };
    match &entry.node.kind {
        // Its own name and its `.`; subdirectories are not counted, as gen_init_cpio does it.
        Kind::Directory => header.nlink = 2,
        &Kind::CharDevice { major, minor } | &Kind::BlockDevice { major, minor } => {
            if major > DEVICE_MAX.0 || minor > DEVICE_MAX.1 {
                return Err(Unfit::Device(major, minor).into());
            }
            (header.rdev_major, header.rdev_minor) = (major, minor);
        }
        Kind::Symlink(target) => {
            header.filesize = target_len(target)?;
            // The kernel links no symlinks, so that each name needs the target.
            let mut head = head(header, name);
            head.extend_from_slice(target);
            return Ok(Member { head, content: None });
        }
        Kind::File(content) if last => {
            let len = content.len();
            header.filesize = u32::try_from(len).map_err(|_| Unfit::Size(len))?;
            return Ok(Member { head: head(header, name), content: Some(content) });
        }
        Kind::File(_) | Kind::Fifo | Kind::Socket => {}
    }
    Ok(Member { head: head(header, name), content: None })
}

/// The name in the archive, if the kernel takes it.
fn archive_name(path: &TreePath) -> Result<&[u8], Unfit> {
    let name = match path.as_bytes() {
        b"" => b".",
        name => name,
    };
    let longest = name.split(|&b| b == b'/').map(<[u8]>::len).max().unwrap_or(0);
    match name {
        TRAILER => Err(Unfit::Reserved),
        _ if name.len() >= PATH_MAX => Err(Unfit::Name(name.len())),
        _ if longest > NAME_MAX => Err(Unfit::Component(longest)),
        _ => Ok(name),
    }
}

fn target_len(target: &[u8]) -> Result<u32, Unfit> {
    match target.len() {
        len @ 1..PATH_MAX if !target.contains(&0) => Ok(len as u32),
        1..PATH_MAX => Err(Unfit::TargetNul),
        len => Err(Unfit::Target(len)),
    }
}

/// Header and name, with the name's padding.
fn head(mut header: Header, name: &[u8]) -> Vec<u8> {
    // At most PATH_MAX, see `archive_name`.
    header.namesize = name.len() as u32 + 1;
    let mut bytes = MAGIC.to_vec();
    let values = header.values();
    bytes.extend(values.iter().flat_map(|value| format!("{value:08X}").into_bytes()));
    bytes.extend_from_slice(name);
    bytes.push(0);
    bytes.resize(bytes.len() + padding(bytes.len() as u64), 0);
    bytes
}

fn shown(entry: &Entry<'_>) -> String {
    match entry.path.is_root() {
        true => "/".into(),
        false => entry.path.to_string(),
    }
}
