//! The plan of an image: what it counts, what it loses, and every refusal, before a byte is written.

use std::collections::BTreeSet;

use super::ids::Ids;
use super::options::Options;
use super::refusal::Refusal;
use super::xattr;
use crate::error::shown_bytes;
use crate::fs::device;
use crate::fs::link_target::{self, TARGET_MAX};
use crate::size::Size;
use crate::tree::{Content, Entry, Kind, NodeId, Notice, Time, Tree};

/// The longest name (Linux `NAME_MAX`).
const NAME_MAX: usize = 255;

/// Blocks of a file at most: a list of 64 MiB, for a file of 2 TiB in blocks of the usual size. What
/// has more is a mistake or malice.
pub(super) const BLOCKS_MAX: u64 = 1 << 24;

/// An image that is possible, ready to be written.
#[derive(Debug)]
pub struct Plan<'t> {
    pub(super) tree: &'t Tree,
    pub(super) options: Options,
    pub(super) ids: Ids,
    pub(super) inodes: u32,
    /// What the image will not have as the tree has it.
    pub notices: Vec<Notice>,
}

/// Looks whether a tree can become an image; files are not read.
///
/// # Errors
/// Where tree and options do not go together.
pub fn plan<'t>(tree: &'t Tree, options: &Options) -> Result<Plan<'t>, Refusal> {
    check(options)?;
    let (mut nodes, mut notices) = (BTreeSet::new(), Vec::new());
    for entry in tree.iter() {
        let name = entry.path.name().len();
        if name > NAME_MAX {
            return Err(Refusal::NameTooLong(entry.path.clone(), name));
        }
        if nodes.insert(entry.id) {
            check_node(&entry, options)?;
            notices.extend(losses(&entry));
        }
    }
    // The root's parent has a number that no inode has.
    let inodes = u32::try_from(nodes.len()).ok().filter(|&count| count < u32::MAX);
    let inodes = inodes.ok_or(Refusal::Inodes(nodes.len()))?;
    Ok(Plan { tree, options: options.clone(), ids: Ids::new(tree)?, inodes, notices })
}

impl<'t> Plan<'t> {
    /// Each file once, in the order of the tree.
    pub(super) fn files(&self) -> impl Iterator<Item = (NodeId, &'t Content)> {
        let mut seen = BTreeSet::new();
        self.tree.iter().filter_map(move |entry| match &entry.node.kind {
            Kind::File(content) => seen.insert(entry.id).then_some((entry.id, content)),
            _ => None,
        })
    }
}

/// A time as an inode has it: seconds from 1970 to 2106.
pub(super) fn seconds(time: Time) -> u32 {
    time.seconds.clamp(0, u32::MAX.into()) as u32
}

fn check(options: &Options) -> Result<(), Refusal> {
    let (compressor, level) = (options.compressor, options.level);
    if !options.block_size.is_power_of_two() || !(4096..=1 << 20).contains(&options.block_size) {
        return Err(Refusal::BlockSize(options.block_size));
    }
    match compressor.levels().contains(&level) {
        true => Ok(()),
        false => Err(Refusal::Level { compressor, level }),
    }
}

fn check_node(entry: &Entry<'_>, options: &Options) -> Result<(), Refusal> {
    let path = || entry.path.clone();
    if !xattr::fits(&entry.node.metadata.xattrs) {
        return Err(Refusal::Xattr(path()));
    }
    match &entry.node.kind {
        Kind::Symlink(target) if !link_target::is_possible(target, TARGET_MAX) => {
            Err(Refusal::LinkTarget(path()))
        }
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            match device::encode(*major, *minor) {
                Some(_) => Ok(()),
                None => Err(Refusal::Device(path(), *major, *minor)),
            }
        }
        Kind::File(content) => match BLOCKS_MAX * u64::from(options.block_size) {
            most if content.len() > most => {
                Err(Refusal::FileTooLarge(path(), Size(content.len()), Size(most)))
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}

/// What of a node has no place in an image. Fractions of a second are not worth a word.
fn losses(entry: &Entry<'_>) -> Vec<Notice> {
    let metadata = &entry.node.metadata;
    let lost = |what| Notice::Lost(entry.path.clone(), what);
    let names = metadata.xattrs.keys().filter(|name| !xattr::is_storable(name));
    let mut losses: Vec<_> =
        names.map(|name| lost(format!("the attribute {}", shown_bytes(name)))).collect();
    if i64::from(seconds(metadata.mtime)) != metadata.mtime.seconds {
        losses.push(lost(format!("its time {}: squashfs has 1970 to 2106", metadata.mtime)));
    }
    losses
}
