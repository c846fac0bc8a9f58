//! A disk made larger in place, offline: the image, its backup GPT, its last partition, and the ext4 in
//! that.
//!
//! [`plan`] reads and decides, and writes nothing; [`Plan::run`] does it, with a barrier between all that
//! must not overtake each other: the image is lengthened, the backup table is written at its new end, then
//! the primary, then the filesystem ([`crate::fs::ext4::grow`]). Each state in between is one that
//! boots: a disk with room behind its last partition, a partition with room behind its filesystem.
//! [`finish`] completes what was interrupted in the filesystem's own journal.
//!
//! Left out: partitions that are not the last, logical partitions, filesystems other than ext2 to ext4,
//! and making anything smaller.

mod picture;
mod table;
mod wish;

pub use picture::Picture;
pub use wish::Wish;

use self::table::{Kind, Part, Table};
use super::{gpt, mbr};
use crate::error::{Context, Error, Result};
use crate::fs::ext4::grow::{self as ext4, GrowRefusal, Growth};
use crate::size::{MIB, Size};
use crate::volume::Volume;

/// How much more than was wished an interrupted growth may seem to have added: what alignment and tables take.
const TOLERANCE: u64 = 2 * MIB;

/// What else is to be known.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How large the disk is to become.
    pub wish: Wish,
    /// Whether the filesystem stays as it is.
    pub partition_only: bool,
}

/// What will be done.
#[derive(Debug)]
pub struct Plan {
    sizes: (u64, u64),
    parts: Vec<Part>,
    last: Part,
    tables: Tables,
    filesystem: Filesystem,
}

/// What is written of the partition table.
#[derive(Debug)]
enum Tables {
    Gpt(gpt::Regrown),
    Mbr(Vec<u8>),
    None,
}

/// What becomes of the last partition's content.
#[derive(Debug)]
enum Filesystem {
    /// It grows.
    Grows(&'static str, Box<Growth>),
    /// It is as large as it can be.
    Full(&'static str),
    /// It stays, for this reason.
    Stays(Option<&'static str>, &'static str),
}

/// Plans to make a disk larger.
///
/// # Errors
/// Where it would become smaller, its table cannot be read or grown, or its filesystem is dirty,
/// damaged, or cannot become so large.
pub fn plan(disk: &Volume<'_>, options: Options) -> Result<Plan> {
    let table = Table::read(disk)?;
    let last = table.parts.last().cloned().ok_or_else(|| Error::new("no partition"))?;
    let content = disk.part(last.offset, last.len);
    let fstype = filesystem(&content);
    let is_ext = matches!(fstype, Some("ext2" | "ext3" | "ext4")) && !options.partition_only;
    if is_ext && ext4::is_interrupted(&content).is_ok_and(|is| is) {
        return Err(Error::new("an earlier growth was interrupted in its last step")
            .hint("grow it without --dry-run: that step is completed first"));
    }
    let size = wished(disk, &table, &last, options, is_ext)?;
    let grown = Part { len: grown_end(&table, &last, size) - last.offset, ..last.clone() };
    let filesystem = match (is_ext, fstype) {
        (true, Some(name)) => {
            let growth = ext4::plan(&disk.part(grown.offset, grown.len));
            match growth.map_err(GrowRefusal::into_error).context(|| title(&last))? {
                Some(growth) => Filesystem::Grows(name, Box::new(growth)),
                None => Filesystem::Full(name),
            }
        }
        (_, fstype) => Filesystem::Stays(fstype, advice(fstype, options.partition_only)),
    };
    let is_settled = grown == last && table.size().is_none_or(|there| there == size);
    let tables = match (&table.kind, last.number) {
        _ if is_settled => Tables::None,
        (Kind::Gpt(table, _), Some(number)) => {
            let end = grown.end() / table.sector;
            Tables::Gpt(gpt::regrow(disk, table, size, number, end)?)
        }
        (Kind::Mbr, Some(number)) => Tables::Mbr(regrown_mbr(disk, number, grown.len)?),
        _ => Tables::None,
    };
    Ok(Plan { sizes: (disk.len(), size), parts: table.parts, last: grown, tables, filesystem })
}

/// How large the disk is to be. What an interrupted growth by so much had reached counts as reached.
fn wished(
    disk: &Volume<'_>,
    table: &Table,
    last: &Part,
    options: Options,
    is_ext: bool,
) -> Result<u64> {
    let has = disk.len();
    let size = match options.wish {
        Wish::Fill => has,
        Wish::To(size) => size.0,
        Wish::By(more) => {
            let added = has.saturating_sub(settled(disk, table, last, is_ext)?);
            let of_this_wish = more.0..=more.0.saturating_add(TOLERANCE);
            match of_this_wish.contains(&added) {
                true => has,
                false => has.saturating_add(more.0),
            }
        }
    };
    if size < has {
        let [mut there, mut asked] = [has, size].map(|bytes| Size(bytes).to_string());
        if there == asked {
            [there, asked] = [has, size].map(|bytes| format!("{bytes} bytes"));
        }
        let text = format!("the disk has {there}, {asked} would be less");
        return Err(Error::new(text).hint(
            "a disk is never made smaller in place: build an image of the same files with less room, \
             or take the files out with `bootwright tree convert`",
        ));
    }
    let sector = match &table.kind {
        Kind::Gpt(table, _) => table.sector,
        _ => 512,
    };
    match size <= i64::MAX as u64 {
        true => Ok(size.next_multiple_of(sector)),
        false => Err(Error::new(format!("{} are more than any file has", Size(size)))),
    }
}

/// Bytes that the disk had at least when its filesystem, or else its table, last filled it.
fn settled(disk: &Volume<'_>, table: &Table, last: &Part, is_ext: bool) -> Result<u64> {
    let there = table.size().unwrap_or(disk.len());
    if !is_ext {
        return Ok(there);
    }
    let filled = Part { len: grown_end(table, last, disk.len()) - last.offset, ..last.clone() };
    let growth = ext4::plan(&disk.part(filled.offset, filled.len));
    Ok(match growth.map_err(GrowRefusal::into_error).context(|| title(last))? {
        Some(growth) => last.offset + growth.sizes().0,
        None => there,
    })
}

/// Where the last part ends on a disk of this size; never before it does now.
fn grown_end(table: &Table, last: &Part, size: u64) -> u64 {
    let end = match &table.kind {
        Kind::Gpt(table, header) => gpt::usable_end(header, table.sector, size) * table.sector,
        Kind::Mbr => size.min(last.offset + u64::from(u32::MAX) * 512),
        Kind::None => return size,
    };
    // As long as alignment asks for, and whole blocks of any filesystem.
    (end / MIB * MIB).max(last.end())
}

fn regrown_mbr(disk: &Volume<'_>, number: u32, len: u64) -> Result<Vec<u8>> {
    let mut first = vec![0; mbr::MBR_SIZE];
    disk.read_exact_at(&mut first, 0)?;
    let sectors = u32::try_from(len / 512);
    let sectors = sectors.map_err(|_| Error::new("an MBR cannot have so large a partition"))?;
    mbr::set_sectors(&mut first, number, sectors);
    Ok(first)
}

/// The kernel's name of the filesystem of a volume; `None` where it is none that is known.
fn filesystem(volume: &Volume<'_>) -> Option<&'static str> {
    let mut read_at = |at, buffer: &mut [u8]| volume.read_exact_at(buffer, at).is_ok();
    bootwright_init::superblock::probe(&mut read_at).map(|found| found.fstype)
}

/// What is to be done with a filesystem that is not grown here.
fn advice(fstype: Option<&str>, is_wished: bool) -> &'static str {
    match fstype {
        _ if is_wished => {
            "stays as it is; resize2fs or its like in the guest makes it fill the partition"
        }
        Some("xfs") => "stays as it is; `xfs_growfs /` in the guest makes it fill the partition",
        Some("btrfs") => {
            "stays as it is; `btrfs filesystem resize max /` in the guest makes it fill the partition"
        }
        Some("squashfs" | "erofs" | "iso9660") => "stays as it is: it is only ever written whole",
        Some(_) => "stays as it is: only ext2, ext3 and ext4 are grown here",
        None => "has no filesystem that is known, and stays as it is",
    }
}

/// How messages call a part.
fn title(part: &Part) -> String {
    match part.number {
        Some(number) => format!("growing partition {number}"),
        None => "growing the filesystem".into(),
    }
}

/// Completes a growth that was interrupted in the filesystem's journal; whether there was one.
///
/// # Errors
/// Where the disk cannot be read or written.
pub fn finish(disk: &Volume<'_>) -> Result<bool> {
    let table = Table::read(disk)?;
    let Some(last) = table.parts.last() else { return Ok(false) };
    let content = disk.part(last.offset, last.len);
    match filesystem(&content) {
        Some("ext2" | "ext3" | "ext4") => match ext4::finish(&content) {
            Ok(did) => Ok(did),
            Err(GrowRefusal::Io(error)) => Err(error.into()),
            // The plan says what is wrong with it.
            Err(_) => Ok(false),
        },
        _ => Ok(false),
    }
}

impl Plan {
    /// Bytes of the disk before and after.
    pub fn sizes(&self) -> (u64, u64) {
        self.sizes
    }

    /// Whether there is nothing to do.
    pub fn is_done(&self) -> bool {
        let has_tables = !matches!(self.tables, Tables::None);
        let grows = matches!(self.filesystem, Filesystem::Grows(..));
        self.sizes.0 == self.sizes.1 && !has_tables && !grows
    }

    /// Does it: `lengthen` gives the image so many bytes; `disk` is a window of that length onto it.
    ///
    /// # Errors
    /// Any I/O error. The disk then boots as before, and growing again completes it.
    pub fn run(&self, disk: &Volume<'_>, lengthen: impl FnOnce(u64) -> Result<()>) -> Result<()> {
        if self.sizes.1 > self.sizes.0 {
            lengthen(self.sizes.1)?;
        }
        match &self.tables {
            Tables::Gpt(tables) => {
                disk.write_all_at(&tables.backup.bytes, tables.backup.offset)?;
                disk.sync()?;
                disk.write_all_at(&tables.primary.bytes, tables.primary.offset)?;
                disk.sync()?;
                if let Some((at, len)) = tables.waste {
                    disk.zero(at, len)?;
                }
            }
            Tables::Mbr(first) => {
                disk.write_all_at(first, 0)?;
                disk.sync()?;
            }
            Tables::None => {}
        }
        if let Filesystem::Grows(_, growth) = &self.filesystem {
            let content = disk.part(self.last.offset, self.last.len);
            growth.apply(&content).map_err(GrowRefusal::into_error)?;
        }
        Ok(disk.sync()?)
    }
}

#[cfg(test)]
mod tests;
