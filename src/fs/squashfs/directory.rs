//! The entries of a directory: runs of up to 256 behind a header (`struct squashfs_dir_header`,
//! `squashfs_dir_entry`), and the index of a long directory (`squashfs_dir_index`).

use super::cursor::Cursor;
use super::image::Image;
use super::inode::{DIRECTORY_EXTRA, Directory};
use super::metadata::{METADATA_SIZE, Metadata, Place};
use crate::error::Result;
use crate::fs::ReadError;
use crate::fs::budget::Budget;

/// Entries behind a header at most.
const RUN_MAX: usize = 256;

/// The longest index: its length has 16 bits.
const INDEX_MAX: usize = u16::MAX as usize;

/// A name and the inode that has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry<'t> {
    /// 1 to 255 bytes.
    pub(super) name: &'t [u8],
    /// Where the inode is.
    pub(super) inode: Place,
    /// The inode's number.
    pub(super) number: u32,
    /// Its kind, as [`super::inode::Body::kind`] says it.
    pub(super) kind: u16,
}

/// A place in a long directory from which on a name may be.
#[derive(Debug, Clone)]
pub(super) struct IndexEntry {
    /// Offset of a header from the start of the directory.
    at: u32,
    /// Packed offset of the header's block in the table of directories.
    start: u32,
    /// The first name behind it.
    name: Vec<u8>,
}

impl IndexEntry {
    /// Its bytes behind the inode.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + self.name.len());
        for field in [self.at, self.start, self.name.len() as u32 - 1] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend_from_slice(&self.name);
        bytes
    }
}

/// Appends the entries of a directory, which are sorted: their length, and the index of a directory
/// that is longer than a block.
///
/// # Errors
/// Where the compressor fails.
pub(super) fn write(
    entries: &[Entry<'_>],
    table: &mut Metadata<'_>,
) -> Result<(u32, Vec<IndexEntry>)> {
    let (mut len, mut indexed, mut index) = (0, 0, Vec::new());
    for run in runs(entries) {
        // An index of every run would be as long as the directory: one for each block will do.
        if len - indexed >= METADATA_SIZE && index.len() < INDEX_MAX {
            let start = table.place().start as u32;
            index.push(IndexEntry { at: len as u32, start, name: run[0].name.into() });
            indexed = len;
        }
        let bytes = encode(run);
        table.put(&bytes)?;
        len += bytes.len();
    }
    Ok((len as u32, index))
}

/// Entries that can stand behind one header: their inodes are in one block, with numbers that are near
/// to the first one's. Runs are short enough that a block has a few.
fn runs<'e, 't>(entries: &'e [Entry<'t>]) -> impl Iterator<Item = &'e [Entry<'t>]> {
    let mut left = entries;
    std::iter::from_fn(move || {
        let first = left.first()?;
        let is_near = |entry: &&Entry<'_>| {
            let apart = i64::from(entry.number) - i64::from(first.number);
            entry.inode.start == first.inode.start && i16::try_from(apart).is_ok()
        };
        let count = left.iter().take(RUN_MAX).take_while(is_near).count();
        let (run, rest) = left.split_at(count);
        left = rest;
        Some(run)
    })
}

/// A header and its entries, of which there is at least one.
fn encode(run: &[Entry<'_>]) -> Vec<u8> {
    let (first, count) = (run[0], run.len() as u32);
    let mut bytes = Vec::with_capacity(12 + run.len() * 32);
    for field in [count - 1, first.inode.start as u32, first.number] {
        bytes.extend(field.to_le_bytes());
    }
    for entry in run {
        let apart = (i64::from(entry.number) - i64::from(first.number)) as u16;
        for field in [entry.inode.offset, apart, entry.kind, entry.name.len() as u16 - 1] {
            bytes.extend(field.to_le_bytes());
        }
        bytes.extend_from_slice(entry.name);
    }
    bytes
}

/// The names of a directory, whose inode is at `place`, with references to their inodes.
///
/// # Errors
/// Where the image is damaged or unreadable, or the names take more than what is left of the budget.
pub(super) fn read(
    image: &Image,
    directory: &Directory,
    place: Place,
    budget: &Budget,
) -> Result<Vec<(Vec<u8>, u64)>, ReadError> {
    let damaged = || ReadError::Directory(place.reference());
    let mut left = directory.len.checked_sub(DIRECTORY_EXTRA).ok_or_else(damaged)?;
    let mut names = Vec::new();
    if left == 0 {
        return Ok(names);
    }
    let start = Place { start: directory.start.into(), offset: directory.offset };
    let mut cursor = Cursor::new(image, image.superblock.directory_table, start)?;
    while left > 0 {
        let (count, start, _number) = (cursor.u32()?, cursor.u32()?, cursor.u32()?);
        left = left.checked_sub(12).filter(|_| count < RUN_MAX as u32).ok_or_else(damaged)?;
        for _ in 0..=count {
            let (offset, _apart, _kind) = (cursor.u16()?, cursor.u16()?, cursor.u16()?);
            let len = u32::from(cursor.u16()?) + 1;
            left = left.checked_sub(8 + len).ok_or_else(damaged)?;
            let name = cursor.take(len as usize)?;
            budget.take(size_of::<(Vec<u8>, u64)>() + name.len())?;
            names.push((name, Place { start: start.into(), offset }.reference()));
        }
    }
    Ok(names)
}
