//! Reads a FAT volume: its boot sector, its directories with long names, its files.
//!
//! Specification: fatgen103. Nothing that the volume states is trusted: a chain of clusters that goes
//! round or leaves the volume is an error, and no more is read than was asked for. Names are matched
//! without regard to ASCII case, as firmware does it. Left out: the backup boot sector, the second
//! table, times of creation and access.
//!
//! Not the `fatfs` crate, which judges this in the tests: a damaged cluster number overflows in it,
//! and a chain that goes round keeps it busy for ever.

mod chain;
mod free;
mod unpack;

use super::Kind;
use crate::bytes::{le16, le32};
use crate::error::{Context, Result};
use crate::fs::{Entry, EntryKind};
use crate::tree::{Time, TreePath};
use crate::volume::Window;

/// Bytes of a directory entry.
const ENTRY_SIZE: usize = 32;
/// The longest directory: 65,536 entries.
const DIRECTORY_MAX: u64 = 65_536 * ENTRY_SIZE as u64;
/// `ATTR_LONG_NAME`.
const LONG_NAME: u8 = 0x0f;
/// `ATTR_VOLUME_ID`.
const VOLUME_ID: u8 = 0x08;
/// `ATTR_DIRECTORY`.
const DIRECTORY: u8 = 0x10;

/// What is wrong with a volume.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FatReadError {
    /// The first sector is no boot sector of FAT.
    #[error("it is no FAT volume: its boot sector has {0}")]
    BootSector(&'static str),
    /// A chain of clusters that leaves the volume or ends too early.
    #[error("the chain of clusters that starts at {0} is damaged")]
    Chain(u32),
    /// A directory larger than any.
    #[error("the directory at cluster {0} is longer than 65,536 entries")]
    Directory(u32),
}

/// A FAT volume that was opened.
#[derive(Debug, Clone)]
pub struct Fat {
    window: Window,
    /// FAT12, FAT16 or FAT32.
    pub kind: Kind,
    /// `BPB_BytsPerSec`.
    pub sector: u32,
    /// Bytes of a cluster.
    pub cluster_size: u64,
    /// How many clusters there are.
    pub clusters: u32,
    /// Bytes of the volume, as its boot sector has it.
    pub size: u64,
    /// `BS_VolID`, FAT's UUID.
    pub serial: u32,
    /// `BS_VolLab`, without trailing spaces.
    pub label: String,
    table: Window,
    data_offset: u64,
    root: Root,
}

/// Where the root directory is.
#[derive(Debug, Clone, Copy)]
enum Root {
    /// FAT32: a chain like any.
    Chain(u32),
    /// FAT12 and FAT16: a range in front of the clusters.
    Range(u64, u64),
}

/// A file or directory and where it starts.
#[derive(Debug, Clone)]
struct Found {
    entry: Entry,
    cluster: u32,
    modified: Time,
}

impl Fat {
    /// Reads the boot sector.
    ///
    /// # Errors
    /// Where it is none, or cannot be read.
    pub fn open(window: &Window) -> Result<Self> {
        let boot = window.bytes(0, 512)?;
        Ok(Fat::from_boot_sector(&boot, window)?)
    }

    fn from_boot_sector(boot: &[u8], window: &Window) -> Result<Self, FatReadError> {
        let bad = FatReadError::BootSector;
        if boot.get(510..512) != Some(&[0x55, 0xaa]) {
            return Err(bad("no signature"));
        }
        let u8_at = |at: usize| boot.get(at).copied().unwrap_or(0);
        let u16_at = |at| u32::from(le16(boot, at).unwrap_or(0));
        let u32_at = |at| le32(boot, at).unwrap_or(0);
        let either = |short: u32, long: u32| u64::from(if short == 0 { long } else { short });
        let (sector, per_cluster) = (u16_at(11), u32::from(u8_at(13)));
        if !sector.is_power_of_two() || !(512..=4096).contains(&sector) {
            return Err(bad("sectors of an impossible size"));
        }
        if !per_cluster.is_power_of_two() {
            return Err(bad("clusters of an impossible size"));
        }
        let (reserved, tables) = (u64::from(u16_at(14)), u64::from(u8_at(16)));
        let (table, sectors) = (either(u16_at(22), u32_at(36)), either(u16_at(19), u32_at(32)));
        if reserved == 0 || tables == 0 || table == 0 {
            return Err(bad("no file allocation table"));
        }
        let root_len = u64::from(u16_at(17)) * ENTRY_SIZE as u64;
        let bytes = u64::from(sector);
        let root_offset = (reserved + tables * table) * bytes;
        let data_offset = root_offset + root_len.next_multiple_of(bytes);
        let (cluster_size, size) = (bytes * u64::from(per_cluster), sectors * bytes);
        let clusters = size.saturating_sub(data_offset) / cluster_size;
        let clusters = u32::try_from(clusters).map_err(|_| bad("more clusters than FAT32 has"))?;
        let kind = match clusters {
            0..4085 => Kind::Fat12,
            4085..65_525 => Kind::Fat16,
            _ => Kind::Fat32,
        };
        let extended = if kind == Kind::Fat32 { 64 } else { 36 };
        let named = u8_at(extended + 2) == 0x29;
        let label = boot.get(extended + 7..extended + 18).filter(|_| named).unwrap_or_default();
        Ok(Fat {
            kind,
            sector,
            cluster_size,
            clusters,
            size,
            serial: if named { u32_at(extended + 3) } else { 0 },
            label: oem(label.trim_ascii_end()),
            table: window.part(reserved * bytes, table * bytes),
            data_offset,
            root: match kind {
                Kind::Fat32 => Root::Chain(u32_at(44)),
                _ => Root::Range(root_offset, root_len),
            },
            window: window.clone(),
        })
    }

    /// What a directory holds, in its own order, without `.` and `..`.
    ///
    /// # Errors
    /// Where the path is no directory, or the volume is damaged or unreadable.
    pub fn list(&self, path: &TreePath) -> Result<Vec<Entry>> {
        Ok(self.directory(path)?.into_iter().map(|found| found.entry).collect())
    }

    /// What is at a path; `None` where nothing is.
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
        let found = self.find(path)?.filter(|found| matches!(found.entry.kind, EntryKind::File));
        let found = found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotFound))?;
        let len = found.entry.size.min(max);
        if len == 0 {
            return Ok(Vec::new());
        }
        self.chain_bytes(found.cluster, len)
    }

    fn find(&self, path: &TreePath) -> Result<Option<Found>> {
        let Some(parent) = path.parent() else { return Ok(Some(self.root_entry())) };
        let Some(holder) = self.find(&parent)? else { return Ok(None) };
        if !matches!(holder.entry.kind, EntryKind::Directory) {
            return Ok(None);
        }
        let entries = self.directory_at(holder.cluster)?;
        Ok(entries.into_iter().find(|found| found.entry.name.eq_ignore_ascii_case(path.name())))
    }

    fn root_entry(&self) -> Found {
        let cluster = if let Root::Chain(cluster) = self.root { cluster } else { 0 };
        Found {
            entry: Entry::new(Vec::new(), EntryKind::Directory, 0),
            cluster,
            modified: Time::EPOCH,
        }
    }

    fn directory(&self, path: &TreePath) -> Result<Vec<Found>> {
        let found = self.find(path)?;
        let found = found.filter(|found| matches!(found.entry.kind, EntryKind::Directory));
        let found = found.ok_or_else(|| std::io::Error::from(std::io::ErrorKind::NotADirectory))?;
        self.directory_at(found.cluster)
    }

    fn directory_at(&self, cluster: u32) -> Result<Vec<Found>> {
        let bytes = match self.root {
            Root::Range(offset, len) if cluster == 0 => {
                self.window.bytes(offset, len.min(DIRECTORY_MAX) as usize)?
            }
            Root::Chain(root) if cluster == 0 => self.directory_bytes(root)?,
            _ => self.directory_bytes(cluster)?,
        };
        Ok(entries(&bytes))
    }

    /// A directory's clusters: its length is only known from its chain.
    fn directory_bytes(&self, cluster: u32) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut next = Some(cluster);
        while let Some(cluster_now) = next {
            if bytes.len() as u64 >= DIRECTORY_MAX {
                return Err(FatReadError::Directory(cluster).into());
            }
            let at = self.place(cluster_now).ok_or(FatReadError::Chain(cluster))?;
            let chunk = self.window.bytes(at, self.cluster_size as usize)?;
            if (chunk.len() as u64) < self.cluster_size {
                return Err(FatReadError::Chain(cluster).into());
            }
            bytes.extend(chunk);
            next = self.next(cluster_now).context(|| "reading the file allocation table")?;
        }
        Ok(bytes)
    }

    /// Where a cluster is; `None` for a number that no cluster has.
    fn place(&self, cluster: u32) -> Option<u64> {
        let index = cluster.checked_sub(2).filter(|&index| index < self.clusters)?;
        Some(self.data_offset + u64::from(index) * self.cluster_size)
    }

    /// The cluster after this one; `None` at the end of a chain, and where a number is none.
    fn next(&self, cluster: u32) -> std::io::Result<Option<u32>> {
        let mut raw = [0; 4];
        let at = u64::from(cluster);
        let (offset, len) = match self.kind {
            Kind::Fat12 => (at + at / 2, 2),
            Kind::Fat16 => (at * 2, 2),
            Kind::Fat32 => (at * 4, 4),
        };
        self.table.read_exact_at(&mut raw[..len], offset)?;
        let value = u32::from_le_bytes(raw);
        let (value, end) = match self.kind {
            Kind::Fat12 if cluster % 2 == 1 => (value >> 4, 0xff8),
            Kind::Fat12 => (value & 0xfff, 0xff8),
            Kind::Fat16 => (value, 0xfff8),
            Kind::Fat32 => (value & 0x0fff_ffff, 0x0fff_fff8),
        };
        Ok(Some(value).filter(|&value| value < end))
    }
}

/// The entries of a directory's bytes; what is damaged in one of them costs its long name only.
fn entries(bytes: &[u8]) -> Vec<Found> {
    let mut found = Vec::new();
    let mut long = LongName::default();
    for raw in bytes.chunks_exact(ENTRY_SIZE).take_while(|raw| raw[0] != 0) {
        let attributes = raw[11];
        if raw[0] == 0xe5 {
            long = LongName::default();
        } else if attributes & LONG_NAME == LONG_NAME {
            long.push(raw);
        } else {
            let name = std::mem::take(&mut long).name(raw).unwrap_or_else(|| short_name(raw));
            if attributes & VOLUME_ID == 0 && ![".", ".."].contains(&&*name) {
                found.push(entry(raw, name));
            }
        }
    }
    found
}

fn entry(raw: &[u8], name: String) -> Found {
    let half = |at| u32::from(le16(raw, at).unwrap_or(0));
    let (kind, size) = match raw[11] & DIRECTORY {
        0 => (EntryKind::File, u64::from(le32(raw, 28).unwrap_or(0))),
        _ => (EntryKind::Directory, 0),
    };
    let (entry, cluster) = (Entry::new(name.into_bytes(), kind, size), half(20) << 16 | half(26));
    Found { entry, cluster, modified: unpack::modified(raw) }
}

/// The long name whose entries stand before a short one, last part first.
#[derive(Default)]
struct LongName {
    /// Parts as they come.
    parts: Vec<[u16; 13]>,
    /// The number that must come next, and the checksum that all must have.
    expected: u8,
    checksum: u8,
}

impl LongName {
    fn push(&mut self, raw: &[u8]) {
        let order = raw[0] & 0x3f;
        if raw[0] & 0x40 != 0 {
            *self = LongName { parts: Vec::new(), expected: order, checksum: raw[13] };
        }
        if order == 0 || order != self.expected || raw[13] != self.checksum {
            *self = LongName::default();
            return;
        }
        self.expected -= 1;
        let units = [&raw[1..11], &raw[14..26], &raw[28..32]].concat();
        let mut part = [0; 13];
        let pairs = units.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
        part.iter_mut().zip(pairs).for_each(|(unit, read)| *unit = read);
        self.parts.push(part);
    }

    /// The name, where it is whole and belongs to this short entry.
    fn name(self, raw: &[u8]) -> Option<String> {
        let short = raw.get(..11)?;
        if self.parts.is_empty() || self.expected != 0 || self.checksum != checksum(short) {
            return None;
        }
        let units: Vec<u16> = self.parts.iter().rev().flatten().copied().collect();
        let end = units.iter().position(|&unit| unit == 0).unwrap_or(units.len());
        Some(String::from_utf16_lossy(&units[..end]))
    }
}

/// The checksum of a short name that its long-name entries carry (fatgen103, `ChkSum`).
fn checksum(name: &[u8]) -> u8 {
    name.iter().fold(0u8, |sum, &byte| sum.rotate_right(1).wrapping_add(byte))
}

/// The 8.3 name, in lower case where Windows NT's bits say so.
fn short_name(raw: &[u8]) -> String {
    let lower = |bytes: &[u8], bit: u8| {
        let text = oem(bytes.trim_ascii_end());
        if raw[12] & bit != 0 { text.to_ascii_lowercase() } else { text }
    };
    let mut base = raw[..8].to_vec();
    // A name in Japanese may start with 0xe5, which marks what was deleted.
    if base[0] == 0x05 {
        base[0] = 0xe5;
    }
    let (base, extension) = (lower(&base, 0x08), lower(&raw[8..11], 0x10));
    if extension.is_empty() { base } else { format!("{base}.{extension}") }
}

/// Text in some OEM code page: what is not ASCII is replaced.
fn oem(bytes: &[u8]) -> String {
    bytes
        .iter()
        .map(|&b| if b.is_ascii() { b as char } else { char::REPLACEMENT_CHARACTER })
        .collect()
}

#[cfg(test)]
mod tests;
