//! The entries of a directory: its records, and what Rock Ridge says in them.

use super::super::error::IsoReadError;
use super::super::record::{DIRECTORY, HEAD, MULTI_EXTENT};
use super::super::{rock_ridge, susp};
use super::{BLOCK_SIZE, HOPS_MAX, Iso9660, Names, field32};
use crate::error::Result;
use crate::fs::{Entry, EntryKind, Owner};

/// Where CD-XA's fields end, behind which Rock Ridge may begin.
const XA_LEN: usize = 14;
/// File flag of a file that is not shown; it is shown here.
const ASSOCIATED: u8 = 0x04;

/// A file or directory and where its sections are: first block and length in bytes.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) entry: Entry,
    pub(super) sections: Vec<(u32, u32)>,
}

impl Found {
    /// The extent of a directory, which has one.
    pub(super) fn first(&self) -> (u32, u32) {
        self.sections.first().copied().unwrap_or((0, 0))
    }
}

/// A directory record.
#[derive(Debug, Clone, Copy)]
struct RawRecord<'a> {
    extent: (u32, u32),
    flags: u8,
    identifier: &'a [u8],
    system_use: &'a [u8],
}

/// What Rock Ridge says of a record.
#[derive(Debug, Default)]
struct RockRidge {
    name: Vec<u8>,
    /// `st_mode` and owner.
    owner: Option<(u32, u32, u32)>,
    target: Option<Vec<u8>>,
    /// Where the directory is that was relocated from here.
    child: Option<u32>,
    /// Whether it was relocated to here.
    is_relocated: bool,
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
        let is_directory = record.flags & DIRECTORY != 0;
        let kind = if is_directory { EntryKind::Directory } else { EntryKind::File };
        let size = if is_directory { 0 } else { u64::from(record.extent.1) };
        let name = plain_name(record.identifier, self.names);
        let mut found =
            Found { entry: Entry::new(name, kind, size), sections: vec![record.extent] };
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

    fn apply(&self, says: RockRidge, found: &mut Found) -> Result<()> {
        let entry = &mut found.entry;
        if !says.name.is_empty() {
            entry.name = says.name;
        }
        if let Some((mode, uid, gid)) = says.owner {
            entry.owner = Some(Owner { mode: (mode & 0o7777) as u16, uid, gid });
            entry.kind = match mode & 0o170_000 {
                0o120_000 => EntryKind::Symlink(says.target.unwrap_or_default()),
                0o020_000 => EntryKind::Special("character device"),
                0o060_000 => EntryKind::Special("block device"),
                0o010_000 => EntryKind::Special("fifo"),
                0o140_000 => EntryKind::Special("socket"),
                // The record is right about directories: others have no entries to list.
                _ => entry.kind.clone(),
            };
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

    /// What the entries of a record say, wherever they go on.
    fn says(&self, record: &RawRecord<'_>) -> Result<RockRidge> {
        let mut area = record.system_use.get(self.skip..).unwrap_or_default().to_vec();
        let (mut says, mut links) = (RockRidge::default(), Vec::new());
        for _ in 0..HOPS_MAX {
            let (entries, next) = susp::entries(&area);
            for (signature, payload) in entries {
                match &signature {
                    b"NM" => says.name.extend(payload.get(1..).unwrap_or_default()),
                    b"PX" => says.owner = owner(payload),
                    b"SL" => links.push(payload.to_vec()),
                    b"CL" => says.child = field32(payload, 0),
                    b"RE" => says.is_relocated = true,
                    _ => {}
                }
            }
            let Some((block, offset, len)) = next else { break };
            let at = self.place(block).saturating_add(offset.into());
            area = self.window.bytes(at, len.min(BLOCK_SIZE as u32) as usize)?;
        }
        if !links.is_empty() {
            says.target = Some(rock_ridge::target(links.iter().map(Vec::as_slice)));
        }
        Ok(says)
    }
}

/// Mode, owner and group of `PX`.
fn owner(payload: &[u8]) -> Option<(u32, u32, u32)> {
    Some((field32(payload, 0)?, field32(payload, 16)?, field32(payload, 24)?))
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
    Some((RawRecord { extent, flags, identifier, system_use }, at + len))
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
