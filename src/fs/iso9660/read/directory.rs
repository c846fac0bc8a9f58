//! The entries of a directory: its records, with what Rock Ridge says of them.

use super::super::error::IsoReadError;
use super::super::record::{DIRECTORY, HEAD, MULTI_EXTENT};
use super::super::time;
use super::said::Said;
use super::{BLOCK_SIZE, Iso9660, Names, field32};
use crate::error::Result;
use crate::fs::{Entry, EntryKind};
use crate::tree::{Kind, Time};

/// Where CD-XA's fields end, behind which Rock Ridge may begin.
const XA_LEN: usize = 14;
/// File flag of a file that is not shown; it is shown here.
const ASSOCIATED: u8 = 0x04;

/// A file or directory and where its sections are: first block and length in bytes.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) sections: Vec<(u32, u32)>,
    /// When it was modified.
    pub(super) modified: Time,
    /// What it is, where it is no file, directory or symlink.
    pub(super) special: Option<Kind>,
    /// A number that all names of it share, where it has several; 0 where they share its place only.
    pub(super) serial: Option<u32>,
}

impl Found {
    /// What a record says without Rock Ridge.
    fn of(record: &RawRecord<'_>, names: Names) -> Self {
        let is_directory = record.flags & DIRECTORY != 0;
        let kind = if is_directory { EntryKind::Directory } else { EntryKind::File };
        let size = if is_directory { 0 } else { u64::from(record.extent.1) };
        Found {
            entry: Entry::new(plain_name(record.identifier, names), kind, size),
            sections: vec![record.extent],
            modified: record.recorded,
            special: None,
            serial: None,
        }
    }

    /// The extent of a directory, which has one.
    pub(super) fn first(&self) -> (u32, u32) {
        self.sections.first().copied().unwrap_or((0, 0))
    }
}

/// A directory record.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawRecord<'a> {
    extent: (u32, u32),
    recorded: Time,
    flags: u8,
    identifier: &'a [u8],
    pub(super) system_use: &'a [u8],
}

impl Iso9660 {
    /// How much each record has in front of its entries, where the first of the root says that there is
    /// Rock Ridge.
    pub(super) fn rock_ridge(&self) -> Result<Option<usize>> {
        let bytes = self.directory_bytes(self.root)?;
        let Some((first, _)) = record_at(&bytes, 0) else { return Ok(None) };
        for start in [0, XA_LEN] {
            let system_use = first.system_use.get(start..).unwrap_or_default();
            if let [b'S', b'P', 7..=255, _, 0xbe, 0xef, skip, ..] = system_use {
                return Ok(Some((*skip).into()));
            }
        }
        Ok(None)
    }

    /// What is in a directory, but for itself and its parent.
    pub(super) fn directory(&self, extent: (u32, u32)) -> Result<Vec<Found>> {
        let bytes = self.directory_bytes(extent)?;
        let mut found: Vec<Found> = Vec::new();
        let (mut at, mut goes_on) = (0, false);
        while let Some(&len) = bytes.get(at) {
            if len == 0 {
                // No record lies across blocks: the rest of this one is empty.
                at = (at + 1).next_multiple_of(BLOCK_SIZE.min(self.block_size) as usize);
                continue;
            }
            let (record, next) =
                record_at(&bytes, at).ok_or(IsoReadError::Directory(extent.0, at))?;
            at = next;
            match found.last_mut() {
                Some(last) if goes_on => {
                    last.entry.size += u64::from(record.extent.1);
                    last.sections.push(record.extent);
                }
                _ => found.extend(self.found(&record)?),
            }
            goes_on = record.flags & MULTI_EXTENT != 0 && !found.is_empty();
        }
        Ok(found)
    }

    /// What a record says; `None` for those that are no entries of their own.
    fn found(&self, record: &RawRecord<'_>) -> Result<Option<Found>> {
        if matches!(record.identifier, [0 | 1]) || record.flags & ASSOCIATED != 0 {
            return Ok(None);
        }
        let mut found = Found::of(record, self.names);
        if self.names == Names::RockRidge {
            let says = self.says(record)?;
            if says.is_relocated {
                return Ok(None);
            }
            self.apply(says, &mut found)?;
        }
        let is_name = !found.entry.name.is_empty()
            && ![&b"."[..], b".."].contains(&&found.entry.name[..])
            && !found.entry.name.iter().any(|b| [0, b'/'].contains(b));
        Ok(Some(found).filter(|_| is_name))
    }

    /// A directory as it says itself what it is: by its first record.
    pub(super) fn own(&self, block: u32) -> Result<Found> {
        let bytes = self.window.bytes(self.place(block), BLOCK_SIZE as usize)?;
        let (record, _) = record_at(&bytes, 0).ok_or(IsoReadError::Directory(block, 0))?;
        let mut found = Found::of(&record, self.names);
        if self.names == Names::RockRidge {
            self.apply(self.says(&record)?, &mut found)?;
        }
        // It has no name there, and is nothing else.
        found.entry.name.clear();
        (found.entry.kind, found.entry.size) = (EntryKind::Directory, 0);
        Ok(found)
    }

    fn apply(&self, says: Said, found: &mut Found) -> Result<()> {
        let entry = &mut found.entry;
        if !says.name.is_empty() {
            entry.name.clone_from(&says.name);
        }
        entry.owner = says.owner();
        found.modified = says.modified.unwrap_or(found.modified);
        found.serial = says.serial;
        found.special = says.special();
        // The record is right about directories: others have no entries to list.
        match &found.special {
            Some(special) => entry.kind = EntryKind::Special(special.name()),
            None if says.is_symlink() => {
                entry.kind = EntryKind::Symlink(says.target.unwrap_or_default());
            }
            None => {}
        }
        if let Some(block) = says.child {
            // The record that stands here is a file's; the directory says itself how long it is.
            let head = self.window.bytes(self.place(block), BLOCK_SIZE as usize)?;
            let own = record_at(&head, 0).ok_or(IsoReadError::Directory(block, 0))?.0;
            (entry.kind, found.sections) = (EntryKind::Directory, vec![own.extent]);
        }
        if entry.kind != EntryKind::File {
            entry.size = 0;
        }
        Ok(())
    }
}

/// The record at an offset, and where the next one is.
fn record_at(bytes: &[u8], at: usize) -> Option<(RawRecord<'_>, usize)> {
    let len = usize::from(*bytes.get(at)?);
    let record = bytes.get(at..at + len).filter(|record| record.len() > HEAD)?;
    let end = HEAD + usize::from(record[HEAD - 1]);
    let identifier = record.get(HEAD..end)?;
    // The extent begins with extended attributes, where there are some.
    let block = field32(record, 2)?.checked_add(record[1].into())?;
    let system_use = record.get(end.next_multiple_of(2)..).unwrap_or_default();
    let (extent, flags) = ((block, field32(record, 10)?), record[25]);
    let recorded = time::from_short(&record[18..25]).unwrap_or(Time::EPOCH);
    Some((RawRecord { extent, recorded, flags, identifier, system_use }, at + len))
}

/// A name as ECMA-119 or Joliet has it, without its version and the dot of no extension.
fn plain_name(identifier: &[u8], names: Names) -> Vec<u8> {
    let text = match names {
        Names::Joliet => {
            let units = identifier.chunks_exact(2).map(|c| u16::from_be_bytes([c[0], c[1]]));
            String::from_utf16_lossy(&units.collect::<Vec<_>>())
        }
        _ => String::from_utf8_lossy(identifier).to_ascii_lowercase(),
    };
    let text = text.split_once(';').map_or(&text[..], |(name, _)| name);
    match names {
        Names::Joliet => text.into(),
        _ => text.trim_end_matches('.').into(),
    }
}
