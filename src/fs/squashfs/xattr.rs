//! Extended attributes: sets of names and values, each stored once however many inodes have it.

use std::collections::BTreeMap;

use super::codec::Encoder;
use super::cursor::Cursor;
use super::image::Image;
use super::metadata::{Metadata, Place};
use super::table;
use crate::error::Result;
use crate::fs::ReadError;

/// Prefixes of names by their numbers; others cannot be stored.
const PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];

/// The bit of a prefix whose value is elsewhere, with a reference in its place.
const IS_ELSEWHERE: u16 = 0x100;

/// Attributes of a set at most: Linux lists no more than 64 KiB of names.
const SET_MAX: u32 = 4096;

/// The longest name, with its prefix (Linux `XATTR_NAME_MAX`).
const NAME_MAX: usize = 255;

/// The longest value (Linux `XATTR_SIZE_MAX`).
const VALUE_MAX: usize = 64 << 10;

/// A node's attributes, by full name.
pub(super) type Set = BTreeMap<Vec<u8>, Vec<u8>>;

/// The number of a name's prefix, and the rest of the name; `None` where there is no such prefix.
fn split(name: &[u8]) -> Option<(u16, &[u8])> {
    let numbered = (0..).zip(PREFIXES);
    numbered.into_iter().find_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?)))
}

/// Whether squashfs has a place for an attribute of this name.
pub(super) fn is_storable(name: &[u8]) -> bool {
    split(name).is_some()
}

/// Whether names and values are as short as Linux wants them.
pub(super) fn fits(set: &Set) -> bool {
    set.iter().all(|(name, value)| name.len() <= NAME_MAX && value.len() <= VALUE_MAX)
}

/// All sets of a tree.
#[derive(Debug, Default)]
pub(super) struct Xattrs<'t> {
    numbers: BTreeMap<&'t Set, u32>,
    sets: Vec<&'t Set>,
}

impl<'t> Xattrs<'t> {
    /// The number of a set, which it gets the first time; `None` where nothing in it can be stored.
    pub(super) fn index(&mut self, set: &'t Set) -> Option<u32> {
        if !set.keys().any(|name| is_storable(name)) {
            return None;
        }
        Some(*self.numbers.entry(set).or_insert_with(|| {
            self.sets.push(set);
            (self.sets.len() - 1) as u32
        }))
    }

    /// Appends names, values and their table to what starts at `base` of the image; where the table's
    /// head is, `None` where nobody has attributes.
    ///
    /// # Errors
    /// Where the compressor fails.
    pub(super) fn append(
        &self,
        image: &mut Vec<u8>,
        base: u64,
        encoder: &mut Encoder,
    ) -> Result<Option<u64>> {
        if self.sets.is_empty() {
            return Ok(None);
        }
        let start = base + image.len() as u64;
        let mut metadata = Metadata::new(encoder);
        let mut lookup = Vec::with_capacity(self.sets.len() * 16);
        for set in &self.sets {
            let (count, bytes) = encode(set);
            lookup.extend(metadata.place().reference().to_le_bytes());
            lookup.extend(count.to_le_bytes());
            lookup.extend((bytes.len() as u32).to_le_bytes());
            metadata.put(&bytes)?;
        }
        image.extend(metadata.finish()?.0);
        // `struct squashfs_xattr_id_table` stands between the blocks and the list of them.
        let mut tail = Vec::new();
        let at = base + image.len() as u64;
        let list = table::append(&mut tail, at, encoder, &lookup)?;
        let blocks = (list - at) as usize;
        image.extend_from_slice(&tail[..blocks]);
        let head = base + image.len() as u64;
        image.extend(start.to_le_bytes());
        image.extend((self.sets.len() as u32).to_le_bytes());
        image.extend([0; 4]);
        image.extend_from_slice(&tail[blocks..]);
        Ok(Some(head))
    }
}

/// How many attributes of a set are stored, and their names and values.
fn encode(set: &Set) -> (u32, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut count = 0;
    for (name, value) in set {
        let Some((prefix, name)) = split(name) else { continue };
        bytes.extend(u16::to_le_bytes(prefix));
        bytes.extend((name.len() as u16).to_le_bytes());
        bytes.extend_from_slice(name);
        bytes.extend((value.len() as u32).to_le_bytes());
        bytes.extend_from_slice(value);
        count += 1;
    }
    (count, bytes)
}

/// The set of a number. Prefixes that Linux does not know are left out.
///
/// # Errors
/// Where the image is damaged or unreadable.
pub(super) fn read(image: &Image, index: u32) -> Result<Set, ReadError> {
    let (start, reference, count) = image.xattrs(index)?;
    if count > SET_MAX {
        return Err(ReadError::AttributeTable(index));
    }
    let mut cursor = Cursor::new(image, start, Place::from_reference(reference))?;
    let mut set = Set::new();
    for _ in 0..count {
        let (kind, len) = (cursor.u16()?, cursor.u16()?);
        let name = cursor.take(len.into())?;
        let value = value(&mut cursor, index)?;
        let value = match kind & IS_ELSEWHERE {
            0 => value,
            _ => {
                let place =
                    crate::bytes::le64(&value, 0).ok_or(ReadError::AttributeTable(index))?;
                let mut there = Cursor::new(image, start, Place::from_reference(place))?;
                self::value(&mut there, index)?
            }
        };
        if let Some(prefix) = PREFIXES.get(usize::from(kind & !IS_ELSEWHERE)) {
            set.insert([prefix, &name[..]].concat(), value);
        }
    }
    Ok(set)
}

fn value(cursor: &mut Cursor<'_>, index: u32) -> Result<Vec<u8>, ReadError> {
    match cursor.u32()? as usize {
        len if len > VALUE_MAX => Err(ReadError::AttributeTable(index)),
        len => cursor.take(len),
    }
}
