//! Directories: blocks of sorted entries (`struct erofs_dirent`), each block with its names behind the
//! entries.

use super::superblock::BLOCK;
use crate::bytes::{le16, le64};
use crate::fs::ReadError;
use crate::tree::Kind;

/// Bytes of an entry without its name.
const ENTRY: usize = 12;

/// The longest name (Linux `NAME_MAX`).
pub(super) const NAME_MAX: usize = 255;

/// A name and whose it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'t> {
    /// 1 to 255 bytes.
    pub(super) name: &'t [u8],
    /// Which of the plan's inodes.
    pub(super) item: usize,
    /// The number of its kind (`EROFS_FT_*`).
    pub(super) kind: u8,
}

/// The number of a kind.
pub(super) fn kind(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory => 2,
        Kind::CharDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}

/// Sorted entries in as many to a block as it holds.
fn blocks<'e, 't>(entries: &'e [Entry<'t>]) -> impl Iterator<Item = &'e [Entry<'t>]> {
    let mut left = entries;
    std::iter::from_fn(move || {
        let mut room = BLOCK as usize;
        let fits = |entry: &&Entry<'_>| {
            let rest = room.checked_sub(ENTRY + entry.name.len());
            room = rest.unwrap_or(room);
            rest.is_some()
        };
        let count = left.iter().take_while(fits).count();
        let (block, rest) = left.split_at(count);
        left = rest;
        (count > 0).then_some(block)
    })
}

/// Bytes of a directory: whole blocks, and what the last has.
pub(super) fn size(entries: &[Entry<'_>]) -> u64 {
    let used = |block: &[Entry<'_>]| block.iter().map(|e| (ENTRY + e.name.len()) as u64).sum();
    let last = |(count, _), block| (count + 1, used(block));
    match blocks(entries).fold((0, 0), last) {
        (0, _) => 0,
        (count, last) => (count - 1) * BLOCK + last,
    }
}

/// The bytes of a directory; `number` gives the number of an item.
pub(super) fn encode(entries: &[Entry<'_>], number: impl Fn(usize) -> u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    for block in blocks(entries) {
        bytes.resize(bytes.len().next_multiple_of(BLOCK as usize), 0);
        let mut name_at = block.len() * ENTRY;
        for entry in block {
            bytes.extend(number(entry.item).to_le_bytes());
            bytes.extend((name_at as u16).to_le_bytes());
            bytes.extend([entry.kind, 0]);
            name_at += entry.name.len();
        }
        block.iter().for_each(|entry| bytes.extend_from_slice(entry.name));
    }
    bytes
}

/// The names in a block, with their numbers, without `.` and `..`; `directory` is the number of the
/// inode.
///
/// # Errors
/// Where it is damaged.
pub(super) fn decode(
    block: &[u8],
    directory: u64,
    names: &mut Vec<(Vec<u8>, u64)>,
) -> Result<(), ReadError> {
    let damaged = || ReadError::Directory(directory);
    let name_at = |index: usize| le16(block, index * ENTRY + 8).map(usize::from);
    let first = name_at(0).ok_or_else(damaged)?;
    let count = first / ENTRY;
    if count == 0 || first % ENTRY != 0 {
        return Err(damaged());
    }
    for index in 0..count {
        let number = le64(block, index * ENTRY).ok_or_else(damaged)?;
        let start = name_at(index).ok_or_else(damaged)?;
        let end = if index + 1 < count { name_at(index + 1) } else { Some(block.len()) };
        let name = end.and_then(|end| block.get(start..end)).ok_or_else(damaged)?;
        // Behind the last name there may be NULs.
        let name = name.split(|&byte| byte == 0).next().unwrap_or_default();
        match name {
            b"." | b".." => {}
            name if name.is_empty() || name.len() > NAME_MAX => return Err(damaged()),
            name => names.push((name.into(), number)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_from_several_blocks() {
        let names: Vec<String> =
            (100..999).map(|n| format!("{n}{}", "x".repeat(n % 250))).collect();
        let entry = |(item, name)| Entry { name: str::as_bytes(name), item, kind: 1 };
        let entries: Vec<_> = names.iter().map(String::as_str).enumerate().map(entry).collect();
        let bytes = encode(&entries, |item| item as u64 + 7);
        assert_eq!(bytes.len() as u64, size(&entries));
        let mut seen = Vec::new();
        for block in bytes.chunks(BLOCK as usize) {
            decode(block, 1, &mut seen).expect("sound");
        }
        let wanted = entries.iter().map(|e| (e.name.to_vec(), e.item as u64 + 7));
        assert_eq!(seen, wanted.collect::<Vec<_>>());
        assert!(decode(&bytes[..20], 1, &mut seen).is_err());
        assert_eq!(size(&[]), 0);
    }
}
