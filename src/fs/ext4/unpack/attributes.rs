//! The extended attributes of an inode: those behind its fields, and those in a block.

use std::collections::BTreeMap;

use super::image::Image;
use super::inode::Inode;
use crate::bytes::{le16, le32};
use crate::fs::ReadError;
use crate::fs::ext4::xattr::{ENTRY_SIZE, HEADER_SIZE, MAGIC, PREFIXES};

/// Names and values.
type Set = BTreeMap<Vec<u8>, Vec<u8>>;

/// `EXT4_ACL_VERSION`, and the version of the same ACL as an attribute's value.
const ACL_VERSIONS: (u32, u32) = (1, 2);
/// Entries of an ACL for a certain user (2) or group (8) have an id.
const NAMED: [u16; 2] = [2, 8];
/// `ACL_UNDEFINED_ID`
const NO_ID: u32 = u32::MAX;

/// All of them by full name.
///
/// # Errors
/// Where they are damaged or unreadable.
pub(super) fn read(image: &Image, inode: &Inode) -> Result<Set, ReadError> {
    let damaged = || ReadError::Attributes(inode.number.into());
    let mut set = Set::new();
    if le32(inode.tail(), 0) == Some(MAGIC) {
        // Offsets count from the first entry on.
        let entries = &inode.tail()[4..];
        gather(entries, entries, &mut set).ok_or_else(damaged)?;
    }
    if inode.attributes != 0 {
        let block = image.block(inode.attributes)?.ok_or_else(damaged)?;
        let entries = block.get(HEADER_SIZE..).filter(|_| le32(&block, 0) == Some(MAGIC));
        gather(entries.ok_or_else(damaged)?, &block, &mut set).ok_or_else(damaged)?;
    }
    Ok(set)
}

/// Entries, whose values are in `values`; `None` where one is damaged.
fn gather(mut entries: &[u8], values: &[u8], set: &mut Set) -> Option<()> {
    while le32(entries, 0).is_some_and(|start| start != 0) {
        let (len, index) = (usize::from(entries[0]), entries[1]);
        let name = entries.get(ENTRY_SIZE..ENTRY_SIZE + len)?;
        let (at, size) = (usize::from(le16(entries, 2)?), le32(entries, 8)? as usize);
        let value = values.get(at..at.checked_add(size)?)?;
        let prefix = PREFIXES.iter().find(|(_, number)| *number == index);
        if let Some((prefix, number)) = prefix {
            let value = match number {
                2 | 3 => acl(value)?,
                _ => value.into(),
            };
            set.insert([prefix, name].concat(), value);
        }
        entries = entries.get((ENTRY_SIZE + len).next_multiple_of(4)..)?;
    }
    Some(())
}

/// An ACL as Linux gives it.
fn acl(stored: &[u8]) -> Option<Vec<u8>> {
    let (version, mut entries) = (le32(stored, 0)?, stored.get(4..)?);
    if version != ACL_VERSIONS.0 {
        return None;
    }
    let mut value = ACL_VERSIONS.1.to_le_bytes().to_vec();
    while !entries.is_empty() {
        let is_named = NAMED.contains(&le16(entries, 0)?);
        let (entry, rest) = entries.split_at_checked(if is_named { 8 } else { 4 })?;
        value.extend_from_slice(entry);
        if !is_named {
            value.extend(NO_ID.to_le_bytes());
        }
        entries = rest;
    }
    Some(value)
}
