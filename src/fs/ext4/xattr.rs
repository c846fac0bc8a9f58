//! Extended attributes: in the inode after its fields, or in one block.
//!
//! Reference: kernel Documentation/filesystems/ext4/attributes.rst. Blocks are not shared between
//! inodes, and values do not get inodes of their own (`ea_inode`).

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::checksum::Checksum;
use super::put;
use crate::bytes::{le16, le32};

/// `h_magic`
pub(super) const MAGIC: u32 = 0xea02_0000;
/// `struct ext4_xattr_header`
pub(super) const HEADER_SIZE: usize = 32;
/// `struct ext4_xattr_entry` without the name.
pub(super) const ENTRY_SIZE: usize = 16;
/// What follows the last entry.
const END_SIZE: usize = 4;
/// The bytes of an inode after its fields, magic included.
pub(super) const INLINE_SIZE: usize = 96;

/// `e_name_index` by the prefix that it stands for; whole names first.
pub(super) const PREFIXES: [(&[u8], u8); 6] = [
    (b"system.posix_acl_access", 2),
    (b"system.posix_acl_default", 3),
    (b"user.", 1),
    (b"trusted.", 4),
    (b"security.", 6),
    (b"system.", 7),
];

/// Why an inode cannot have these attributes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum XattrError {
    /// The name begins with no namespace that ext4 has.
    #[error("`{0}` is in no namespace that ext4 has: user, trusted, security or system")]
    Namespace(String),
    /// The name is longer than the format's byte can say.
    #[error("`{0}` is longer than 255 bytes")]
    Name(String),
    /// The value is not what Linux gives for an ACL.
    #[error("the value of `{0}` is no POSIX ACL of version 2")]
    Acl(String),
    /// Together they need more than the inode and one block have.
    #[error("extended attributes need {needed} bytes beside the inode, a block has {room}")]
    Room {
        /// What those that are not in the inode need.
        needed: usize,
        /// What a block has for them.
        room: usize,
    },
}

/// One attribute as it is stored.
#[derive(Debug)]
struct Attribute<'t> {
    index: u8,
    name: &'t [u8],
    value: Cow<'t, [u8]>,
}

/// The attributes of an inode, by where they go.
#[derive(Debug)]
pub(super) struct Xattrs<'t> {
    inline: Vec<Attribute<'t>>,
    block: Vec<Attribute<'t>>,
}

impl<'t> Xattrs<'t> {
    /// Decides which attributes are in the inode (as many as fit, in order) and which in a block.
    pub(super) fn new(
        xattrs: &'t BTreeMap<Vec<u8>, Vec<u8>>,
        block_size: usize,
    ) -> Result<Self, XattrError> {
        let mut all: Vec<_> =
            xattrs.iter().map(|(name, value)| attribute(name, value)).collect::<Result<_, _>>()?;
        // The kernel searches blocks in this order.
        all.sort_by_key(|a| (a.index, a.name.len(), a.name));
        // The header in the inode is the magic alone.
        let mut left = INLINE_SIZE - 4 - END_SIZE;
        let (mut inline, mut block) = (Vec::new(), Vec::new());
        for attribute in all {
            match left.checked_sub(attribute.size()) {
                Some(rest) => {
                    left = rest;
                    inline.push(attribute);
                }
                None => block.push(attribute),
            }
        }
        let needed = block.iter().map(Attribute::size).sum();
        let room = block_size - HEADER_SIZE - END_SIZE;
        match needed <= room {
            true => Ok(Xattrs { inline, block }),
            false => Err(XattrError::Room { needed, room }),
        }
    }

    /// Whether a block is needed.
    pub(super) fn has_block(&self) -> bool {
        !self.block.is_empty()
    }

    /// What stands in the inode after its fields: zeroes where it has none.
    pub(super) fn inline(&self) -> [u8; INLINE_SIZE] {
        let mut room = [0; INLINE_SIZE];
        if !self.inline.is_empty() {
            put(&mut room, 0, MAGIC.to_le_bytes());
            // Offsets count from the first entry on. No hash: nobody shares what is in an inode.
            put_attributes(&mut room[4..], 0, &self.inline, |_| 0);
        }
        room
    }

    /// The block, which is at `place` in the volume. `seed` is the filesystem's checksum.
    pub(super) fn render(&self, place: u64, block_size: usize, seed: Checksum) -> Vec<u8> {
        let mut block = vec![0; block_size];
        put(&mut block, 0, MAGIC.to_le_bytes());
        // h_refcount, h_blocks
        put(&mut block, 4, 1u32.to_le_bytes());
        put(&mut block, 8, 1u32.to_le_bytes());
        put_attributes(&mut block, HEADER_SIZE, &self.block, Attribute::hash);
        let hash = self.block.iter().fold(0u32, |h, a| h.rotate_left(16) ^ a.hash());
        put(&mut block, 12, hash.to_le_bytes());
        let checksum = seed.with(&place.to_le_bytes()).with(&block).value();
        put(&mut block, 16, checksum.to_le_bytes());
        block
    }
}

impl Attribute<'_> {
    /// Bytes of its entry and its value.
    fn size(&self) -> usize {
        ENTRY_SIZE + self.name.len().next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    /// `e_hash`: of the name's bytes and the value's words.
    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0u32, |h, &byte| h.rotate_left(5) ^ u32::from(byte));
        self.value.chunks(4).fold(name, |h, chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            h.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Entries from `at` on, values from the end of the room back.
fn put_attributes<'a>(
    room: &mut [u8],
    at: usize,
    attributes: &'a [Attribute<'a>],
    hash: impl Fn(&'a Attribute<'a>) -> u32,
) {
    let (mut at, mut end) = (at, room.len());
    for attribute in attributes {
        let value = &attribute.value;
        end -= value.len().next_multiple_of(4);
        let offset = if value.is_empty() { 0 } else { end };
        put(room, at, [attribute.name.len() as u8, attribute.index]);
        put(room, at + 2, (offset as u16).to_le_bytes());
        put(room, at + 8, (value.len() as u32).to_le_bytes());
        put(room, at + 12, hash(attribute).to_le_bytes());
        at += ENTRY_SIZE;
        room[at..at + attribute.name.len()].copy_from_slice(attribute.name);
        room[end..end + value.len()].copy_from_slice(value);
        at += attribute.name.len().next_multiple_of(4);
    }
}

/// An attribute by its full name, with the value as ext4 stores it.
fn attribute<'t>(name: &'t [u8], value: &'t [u8]) -> Result<Attribute<'t>, XattrError> {
    let shown = || crate::error::shown_bytes(name);
    let matches = |prefix: &[u8]| match prefix.ends_with(b".") {
        true => name.len() > prefix.len() && name.starts_with(prefix),
        false => name == prefix,
    };
    let found = PREFIXES.iter().find(|(prefix, _)| matches(prefix));
    let (prefix, index) = *found.ok_or_else(|| XattrError::Namespace(shown()))?;
    let name = &name[prefix.len()..];
    if name.len() > 255 {
        return Err(XattrError::Name(shown()));
    }
    let value = match index {
        2 | 3 => Cow::Owned(acl(value).ok_or_else(|| XattrError::Acl(shown()))?),
        _ => Cow::Borrowed(value),
    };
    Ok(Attribute { index, name, value })
}

/// An ACL as ext4 stores it (`struct ext4_acl_header`, version 1: ids only where they count), from
/// what Linux gives (`struct posix_acl_xattr_header`, version 2).
fn acl(value: &[u8]) -> Option<Vec<u8>> {
    /// `ACL_USER` and `ACL_GROUP`
    const WITH_ID: [u16; 2] = [0x02, 0x08];
    let entries = value.get(4..).filter(|entries| entries.len().is_multiple_of(8))?;
    if le32(value, 0)? != 2 {
        return None;
    }
    let mut stored = 1u32.to_le_bytes().to_vec();
    for entry in entries.chunks(8) {
        let len = if WITH_ID.contains(&le16(entry, 0)?) { 8 } else { 4 };
        stored.extend(&entry[..len]);
    }
    Some(stored)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattrs(list: &[(&str, &[u8])]) -> BTreeMap<Vec<u8>, Vec<u8>> {
        list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()
    }

    #[test]
    fn the_inode_is_filled_first_and_a_block_takes_the_rest() {
        let small = xattrs(&[("user.a", &[1; 60])]);
        assert!(!Xattrs::new(&small, 1024).expect("fits").has_block());
        let large = xattrs(&[("user.a", &[1; 60]), ("user.b", &[1; 900])]);
        assert!(Xattrs::new(&large, 1024).expect("fits").has_block());
        let too_large = xattrs(&[("user.b", &[1; 1000])]);
        let error = Xattrs::new(&too_large, 1024).expect_err("over a block");
        assert_eq!(error, XattrError::Room { needed: 1020, room: 988 });
    }

    #[test]
    fn names_are_refused_with_their_reason() {
        let error = |name, value| {
            Xattrs::new(&xattrs(&[(name, value)]), 1024).expect_err("no such attribute")
        };
        assert_eq!(error("user.", b""), XattrError::Namespace("user.".into()));
        assert_eq!(error("os2.x", b""), XattrError::Namespace("os2.x".into()));
        let name = "system.posix_acl_access";
        assert_eq!(error(name, b"\x01\0\0\0"), XattrError::Acl(name.into()));
    }

    #[test]
    fn acls_keep_only_the_ids_that_count() {
        let given = [2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255, 2, 0, 4, 0, 232, 3, 0, 0];
        let stored = [1, 0, 0, 0, 1, 0, 6, 0, 2, 0, 4, 0, 232, 3, 0, 0];
        assert_eq!(acl(&given).as_deref(), Some(&stored[..]));
        assert_eq!(acl(&given[..19]), None);
    }
}
