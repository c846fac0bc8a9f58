//! Reads an ISO 9660 volume: by its Rock Ridge names where it has them, else by Joliet's, else by the
//! plain ones, in lower case and without their version, as Linux shows them.
//!
//! Nothing that the volume states is trusted: no directory is longer than the volume, continuation
//! areas that go round end after [`HOPS_MAX`]. Relocated directories (`CL`, `RE`) are found where they
//! belong. Left out: zisofs, extended attribute records, interleaved files.

mod directory;
mod said;
#[cfg(test)]
mod tests;
mod unpack;

use super::descriptor::{JOLIET_LEVEL_3, MAGIC, PRIMARY, SUPPLEMENTARY, TERMINATOR};
use super::el_torito::{self, BootEntry};
use super::error::IsoReadError;
use super::{BLOCK_SIZE, SYSTEM_AREA};
use crate::bytes::{le16, le32};
use crate::error::{Context, Result};
use crate::fs::{Entry, EntryKind};
use crate::tree::TreePath;
use crate::volume::Window;
use directory::Found;

/// The most volume descriptors that are looked at.
const DESCRIPTORS_MAX: u64 = 64;
/// The longest directory: a million short names.
const DIRECTORY_MAX: u64 = 64 << 20;
/// How often the entries of one record go on elsewhere, as Linux has it.
const HOPS_MAX: usize = 32;

/// Whose names are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Names {
    /// Rock Ridge's.
    RockRidge,
    /// Joliet's.
    Joliet,
    /// Those of ECMA-119.
    Plain,
}

/// A volume that was opened.
#[derive(Debug, Clone)]
pub struct Iso9660 {
    window: Window,
    /// Whose names are shown.
    pub names: Names,
    /// Whether there are Joliet names, shown or not.
    pub has_joliet: bool,
    /// The volume identifier, without trailing blanks.
    pub label: String,
    /// Bytes of a logical block.
    pub block_size: u64,
    /// Blocks of the volume.
    pub blocks: u32,
    /// The boot catalog.
    pub boot: Vec<BootEntry>,
    /// First block and length of the root directory.
    root: (u32, u32),
    /// Bytes of a record's system use in front of its first entry.
    skip: usize,
}

/// The little-endian half of a number that is recorded twice.
pub(super) fn field32(bytes: &[u8], at: usize) -> Option<u32> {
    le32(bytes, at)
}

impl Iso9660 {
    /// Reads the volume descriptors and the boot catalog.
    ///
    /// # Errors
    /// Where there are none, they are damaged, or cannot be read.
    pub fn open(window: &Window) -> Result<Self> {
        let descriptors = descriptors(window)?;
        let find = |kind: u8| descriptors.iter().find(move |d| d[0] == kind);
        let primary = find(PRIMARY).ok_or(IsoReadError::NoPrimary)?;
        let mut volume = Iso9660::of(primary, window)?;
        let catalog = descriptors.iter().find_map(|d| el_torito::catalog_of(d));
        if let Some(block) = catalog {
            let at = u64::from(block) * BLOCK_SIZE;
            volume.boot = el_torito::decode(&window.bytes(at, BLOCK_SIZE as usize)?);
        }
        // Level 1 and 2 end with `@` and `C`; what is in use differs in nothing else.
        let is_joliet = |d: &&Vec<u8>| {
            d[0] == SUPPLEMENTARY && d[88..90] == JOLIET_LEVEL_3[..2] && b"@CE".contains(&d[90])
        };
        let joliet = descriptors.iter().find(is_joliet);
        volume.has_joliet = joliet.is_some();
        if let Some(skip) = volume.rock_ridge()? {
            volume.skip = skip;
            volume.names = Names::RockRidge;
        } else if let Some(joliet) = joliet {
            volume.root = root_of(joliet)?;
            volume.names = Names::Joliet;
        }
        Ok(volume)
    }

    /// What the primary descriptor says.
    fn of(primary: &[u8], window: &Window) -> Result<Self, IsoReadError> {
        let block_size = u64::from(le16(primary, 128).unwrap_or(0));
        if ![512, 1024, 2048].contains(&block_size) {
            return Err(IsoReadError::Descriptor("blocks of an impossible size"));
        }
        let label = String::from_utf8_lossy(&primary[40..72]);
        Ok(Iso9660 {
            window: window.clone(),
            names: Names::Plain,
            has_joliet: false,
            label: label.trim_end_matches([' ', '\0']).into(),
            block_size,
            blocks: field32(primary, 80).unwrap_or(0),
            boot: Vec::new(),
            root: root_of(primary)?,
            skip: 0,
        })
    }

    /// What a directory holds, in its own order, without `.` and `..`.
    ///
    /// # Errors
    /// Where the path is no directory, or the volume is damaged or unreadable.
    pub fn list(&self, path: &TreePath) -> Result<Vec<Entry>> {
        let found = self.find(path)?.filter(|found| found.entry.is_directory());
        let found = found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotADirectory))?;
        Ok(self.directory(found.first())?.into_iter().map(|found| found.entry).collect())
    }

    /// What is at a path, which is not followed where it is a symlink; `None` where nothing is.
    ///
    /// # Errors
    /// Where the volume is damaged or unreadable.
    pub fn entry(&self, path: &TreePath) -> Result<Option<Entry>> {
        Ok(self.find(path)?.map(|found| found.entry))
    }

    /// The first bytes of a file, at most `max`.
    ///
    /// # Errors
    /// Where there is no such file, or the volume is damaged or unreadable.
    pub fn read(&self, path: &TreePath, max: u64) -> Result<Vec<u8>> {
        let found = self.find(path)?.filter(|found| found.entry.kind == EntryKind::File);
        let found = found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
        let mut bytes = Vec::new();
        for &(block, len) in &found.sections {
            let wanted = u64::from(len).min(max - bytes.len() as u64);
            let read = self.window.bytes(self.place(block), wanted as usize)?;
            if (read.len() as u64) < wanted {
                return Err(IsoReadError::File(block).into());
            }
            bytes.extend(read);
        }
        Ok(bytes)
    }

    /// Where a file is, for each of its sections: offset and length in bytes; `None` where there is no
    /// such file.
    ///
    /// # Errors
    /// Where the volume is damaged or unreadable.
    pub fn sections(&self, path: &TreePath) -> Result<Option<Vec<(u64, u64)>>> {
        let found = self.find(path)?.filter(|found| found.entry.kind == EntryKind::File);
        let at = |&(block, len): &(u32, u32)| (self.place(block), u64::from(len));
        Ok(found.map(|found| found.sections.iter().map(at).collect()))
    }

    /// The root directory.
    fn top(&self) -> Result<Found> {
        Ok(Found { sections: vec![self.root], ..self.own(self.root.0)? })
    }

    fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let mut found = self.top()?;
        for name in path.components() {
            if !found.entry.is_directory() {
                return Ok(None);
            }
            let entries = self.directory(found.first())?;
            match entries.into_iter().find(|below| below.entry.name == name) {
                Some(below) => found = below,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// The offset of a block.
    fn place(&self, block: u32) -> u64 {
        u64::from(block) * self.block_size
    }

    /// The bytes of a directory.
    fn directory_bytes(&self, (block, len): (u32, u32)) -> Result<Vec<u8>> {
        let len = u64::from(len);
        let bytes = self.window.bytes(self.place(block), len.min(DIRECTORY_MAX) as usize)?;
        match bytes.len() as u64 == len {
            true => Ok(bytes),
            false => Err(IsoReadError::Directory(block, bytes.len()).into()),
        }
    }
}

/// The volume descriptors up to their terminator.
fn descriptors(window: &Window) -> Result<Vec<Vec<u8>>> {
    let mut descriptors = Vec::new();
    for number in 0..DESCRIPTORS_MAX {
        let at = (u64::from(SYSTEM_AREA) + number) * BLOCK_SIZE;
        let descriptor =
            window.bytes(at, BLOCK_SIZE as usize).context(|| "reading the volume descriptors")?;
        let is_whole = descriptor.len() as u64 == BLOCK_SIZE;
        if !is_whole || descriptor[1..7] != MAGIC[..] || descriptor[0] == TERMINATOR {
            break;
        }
        descriptors.push(descriptor);
    }
    match descriptors.is_empty() {
        true => Err(IsoReadError::NoDescriptor.into()),
        false => Ok(descriptors),
    }
}

/// First block and length of the root directory of a descriptor.
fn root_of(descriptor: &[u8]) -> Result<(u32, u32), IsoReadError> {
    let record = &descriptor[156..190];
    let is_directory = record[25] & super::record::DIRECTORY != 0;
    match (field32(record, 2), field32(record, 10)) {
        (Some(block), Some(len)) if is_directory && len > 0 => Ok((block, len)),
        _ => Err(IsoReadError::Descriptor("no root directory")),
    }
}
