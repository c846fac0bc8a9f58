//! Extended attributes behind an inode: a head, and entries of name and value, each at a multiple of
//! four bytes. Sets that several inodes share (`h_shared_count`) are only read.

use std::collections::BTreeMap;

use crate::bytes::{le16, le32};
use crate::fs::ReadError;

/// What names begin with, by number; the two of POSIX ACLs are whole names.
const PREFIXES: [(u8, &[u8]); 6] = [
    (1, b"user."),
    (2, b"system.posix_acl_access"),
    (3, b"system.posix_acl_default"),
    (4, b"trusted."),
    (5, b"lustre."),
    (6, b"security."),
];

/// Bytes of the head (`struct erofs_xattr_ibody_header`).
const HEAD: usize = 12;

/// Bytes of an entry before its name (`struct erofs_xattr_entry`).
const ENTRY: usize = 4;

/// The longest name without its prefix, and the longest value.
const NAME_MAX: usize = 255;
const VALUE_MAX: usize = u16::MAX as usize;

/// The most that an inode can count: words after the head in 16 bits.
const LEN_MAX: usize = HEAD + 4 * (u16::MAX as usize - 1);

/// A node's attributes, by full name.
pub(super) type Set = BTreeMap<Vec<u8>, Vec<u8>>;

/// The number of a name's prefix, and the rest of the name; `None` where there is no such prefix.
fn split(name: &[u8]) -> Option<(u8, &[u8])> {
    let fits = |(number, prefix): &(u8, &[u8])| {
        let rest = name.strip_prefix(*prefix)?;
        // The whole names leave nothing, the others something.
        (prefix.ends_with(b".") != rest.is_empty()).then_some((*number, rest))
    };
    PREFIXES.iter().find_map(fits)
}

/// Whether there is a place for an attribute of this name.
pub(super) fn is_storable(name: &[u8]) -> bool {
    split(name).is_some()
}

/// Whether names, values and all of them together are short enough.
pub(super) fn fits(set: &Set) -> bool {
    let is_short =
        |(name, value): (&Vec<u8>, &Vec<u8>)| name.len() <= NAME_MAX && value.len() <= VALUE_MAX;
    set.iter().all(is_short) && len(set) <= LEN_MAX as u64
}

/// Bytes that [`encode`] makes of a set.
pub(super) fn len(set: &Set) -> u64 {
    let entry = |(name, value): (&Vec<u8>, &Vec<u8>)| {
        split(name).map(|(_, rest)| (ENTRY + rest.len() + value.len()).next_multiple_of(4))
    };
    let mut lens = set.iter().filter_map(entry).peekable();
    let head = if lens.peek().is_some() { HEAD } else { 0 };
    (head + lens.sum::<usize>()) as u64
}

/// What stands behind the inode: nothing where nothing of the set can be stored.
pub(super) fn encode(set: &Set) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in set {
        let Some((number, rest)) = split(name) else { continue };
        bytes.resize(bytes.len().max(HEAD), 0);
        bytes.extend([rest.len() as u8, number]);
        bytes.extend((value.len() as u16).to_le_bytes());
        bytes.extend_from_slice(rest);
        bytes.extend_from_slice(value);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
    bytes
}

/// What the bytes behind the inode of a number say; `shared` gives what follows a place among the
/// shared entries.
///
/// # Errors
/// Where they are damaged.
pub(super) fn decode(
    bytes: &[u8],
    number: u64,
    shared: impl Fn(u32) -> Result<Vec<u8>, ReadError>,
) -> Result<Set, ReadError> {
    let damaged = || ReadError::Attributes(number);
    let mut set = Set::new();
    let count = usize::from(*bytes.get(4).ok_or_else(damaged)?);
    for index in 0..count {
        let id = le32(bytes, HEAD + 4 * index).ok_or_else(damaged)?;
        entry(&shared(id)?, &mut set).ok_or_else(damaged)?;
    }
    let mut left = bytes.get(HEAD + 4 * count..).ok_or_else(damaged)?;
    // What is left may be padding.
    while left.len() > ENTRY && left[..ENTRY] != [0; ENTRY] {
        let len = entry(left, &mut set).ok_or_else(damaged)?;
        left = left.get(len..).unwrap_or_default();
    }
    Ok(set)
}

/// Adds the entry that bytes begin with; its length, padded. What Linux does not know is left out.
fn entry(bytes: &[u8], set: &mut Set) -> Option<usize> {
    let (name_len, value_len) = (usize::from(*bytes.first()?), usize::from(le16(bytes, 2)?));
    let name = bytes.get(ENTRY..ENTRY + name_len)?;
    let end = ENTRY + name_len + value_len;
    let value = bytes.get(ENTRY + name_len..end)?;
    if let Some((_, prefix)) = PREFIXES.iter().find(|(number, _)| *number == bytes[1]) {
        set.insert([prefix, name].concat(), value.into());
    }
    Some(end.next_multiple_of(4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[(&str, &[u8])]) -> Set {
        names.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect()
    }

    #[test]
    fn a_set_comes_back_without_what_has_no_place() {
        let all = set(&[
            ("security.capability", &[1; 20]),
            ("system.posix_acl_access", &[2, 0, 0, 0]),
            ("system.posix_acl_access2", b"no such name"),
            ("system.other", b""),
            ("user.empty", b""),
            ("user.", b"no name"),
        ]);
        let bytes = encode(&all);
        assert_eq!(bytes.len() as u64, len(&all));
        let mut wanted = all.clone();
        wanted.retain(|name, _| is_storable(name));
        assert_eq!(wanted.len(), 3);
        let none = |_| Err(ReadError::Attributes(0));
        assert_eq!(decode(&bytes, 1, none).expect("sound"), wanted);
        assert!(encode(&set(&[("system.other", b"")])).is_empty());
    }

    #[test]
    fn shared_entries_are_read() {
        let one = encode(&set(&[("user.one", b"1")]));
        let bytes = [&[0; 4][..], &[1], &[0; 7], &5u32.to_le_bytes(), &one[HEAD..]].concat();
        let two = encode(&set(&[("user.two", b"2")]));
        let shared = |id| {
            assert_eq!(id, 5);
            Ok(two[HEAD..].to_vec())
        };
        let wanted = set(&[("user.one", b"1"), ("user.two", b"2")]);
        assert_eq!(decode(&bytes, 1, shared).expect("sound"), wanted);
        assert!(decode(&bytes[..11], 1, |_| Ok(Vec::new())).is_err());
    }
}
