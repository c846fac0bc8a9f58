//! What divides a disk, as firmware and kernel see it: they look for a GPT only where an MBR protects
//! one (UEFI 2.10 §5.2.3; Linux `block/partitions/efi.c`). A GPT that an older use of the disk left
//! behind is nobody's, however good its checksums are.

use std::io;

use super::{gpt, mbr};
use crate::volume::Volume;

/// What divides the disk.
#[derive(Debug)]
pub enum Table {
    /// A GUID partition table. Only where nothing else divides the disk, it is one that no MBR protects.
    Gpt(gpt::Table),
    /// A master boot record that protects a GPT which neither copy is good of.
    DamagedGpt(gpt::ReadError),
    /// A master boot record.
    Mbr(Vec<mbr::Record>),
    /// Nothing: one volume, or what is not known.
    None,
}

impl Table {
    /// Reads the table of a disk. `is_volume` says whether the whole disk is a filesystem: its boot
    /// sector ends like an MBR.
    ///
    /// # Errors
    /// Where the first sector cannot be read.
    pub fn read(disk: &Volume<'_>, is_volume: impl FnOnce() -> bool) -> io::Result<Table> {
        let mut first = [0; mbr::MBR_SIZE];
        let there = disk.len().min(mbr::MBR_SIZE as u64) as usize;
        disk.read_exact_at(&mut first[..there], 0)?;
        if mbr::is_protective(&first) {
            return Ok(gpt::read(disk).map_or_else(Table::DamagedGpt, Table::Gpt));
        }
        if is_volume() {
            return Ok(Table::None);
        }
        Ok(match mbr::records(&first) {
            Some(records) => Table::Mbr(records),
            None => gpt::read(disk).map_or(Table::None, Table::Gpt),
        })
    }
}
