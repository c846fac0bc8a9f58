//! What divides the disk that is to grow, and which of its parts is the last.

use crate::disk::gpt::{self, Header};
use crate::disk::mbr;
use crate::disk::table::Table as DiskTable;
use crate::error::{Context, Error, Result};
use crate::volume::Volume;

/// MBR: types of partitions that have others in them.
const EXTENDED: [u8; 3] = [0x05, 0x0f, 0x85];

/// A part of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    /// Its number from 1; `None` where there is no table.
    pub(super) number: Option<u32>,
    /// PARTLABEL, or what an MBR calls the type.
    pub(super) name: String,
    /// Its first byte.
    pub(super) offset: u64,
    /// Its length in bytes.
    pub(super) len: u64,
}

impl Part {
    pub(super) fn end(&self) -> u64 {
        self.offset + self.len
    }
}

/// Which table there is.
#[derive(Debug)]
pub(super) enum Kind {
    Gpt(gpt::Table, Header),
    Mbr,
    None,
}

/// The table with its parts in the order of their offsets.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) kind: Kind,
    pub(super) parts: Vec<Part>,
}

impl Table {
    /// Reads the table of a disk; one without a table is one part.
    pub(super) fn read(disk: &Volume<'_>) -> Result<Table> {
        let mut first = [0; mbr::MBR_SIZE];
        disk.read_exact_at(&mut first, 0).context(|| "reading the first sector")?;
        let unusable = |error: Error| {
            let error = error.context("reading the partition table");
            Err(error.hint("repair it first, for example with sgdisk"))
        };
        let table = match DiskTable::read(disk, || is_volume(disk))? {
            // Nothing is written on the word of a table that nobody else reads.
            DiskTable::Gpt(_) if !mbr::is_protective(&first) => {
                return unusable(Error::new(
                    "the GPT has no protective MBR, so nobody looks for it",
                ));
            }
            DiskTable::Gpt(table) => Table::of_gpt(disk, table)?,
            DiskTable::DamagedGpt(error) => return unusable(error.into()),
            DiskTable::Mbr(records) => Table::of_mbr(&records)?,
            DiskTable::None => Table::whole(disk.len()),
        };
        table.check(disk.len())?;
        Ok(table)
    }

    fn of_gpt(disk: &Volume<'_>, table: gpt::Table) -> Result<Table> {
        let header = gpt::header_of(disk, &table).context(|| "reading the partition table")?;
        let part = |entry: &gpt::Entry| {
            let (offset, len) = entry.range(table.sector);
            Part { number: Some(entry.number), name: entry.name.clone(), offset, len }
        };
        let parts = table.entries.iter().map(part).collect();
        Ok(Table { parts, kind: Kind::Gpt(table, header) }.sorted())
    }

    fn of_mbr(records: &[mbr::Record]) -> Result<Table> {
        if let Some(extended) = records.iter().find(|record| EXTENDED.contains(&record.os_type)) {
            let number = extended.number;
            return Err(Error::new(format!(
                "partition {number} is an extended one, and logical partitions are not grown here"
            ))
            .hint(format!(
                "make the disk longer (`truncate -s +20G IMAGE`, `qemu-img resize IMAGE +20G`), then in the guest \
                 `parted /dev/vda resizepart {number} 100%`, the same for the logical partition, and `resize2fs`"
            )));
        }
        let part = |record: &mbr::Record| Part {
            number: Some(record.number),
            name: mbr::type_name(record.os_type).unwrap_or_default().into(),
            offset: u64::from(record.first) * 512,
            len: u64::from(record.sectors) * 512,
        };
        Ok(Table { kind: Kind::Mbr, parts: records.iter().map(part).collect() }.sorted())
    }

    fn whole(len: u64) -> Table {
        let part = Part { number: None, name: String::new(), offset: 0, len };
        Table { kind: Kind::None, parts: vec![part] }
    }

    fn sorted(mut self) -> Table {
        self.parts.sort_by_key(|part| part.offset);
        self
    }

    /// Nothing is done with a disk whose parts are not where they can be.
    fn check(&self, len: u64) -> Result<()> {
        let overlap = self.parts.windows(2).find(|pair| pair[0].end() > pair[1].offset);
        if let Some([a, b]) = overlap {
            let number = |part: &Part| part.number.unwrap_or(0);
            let (a, b) = (number(a), number(b));
            return Err(Error::new(format!("partitions {a} and {b} overlap")));
        }
        match self.parts.last() {
            None => Err(Error::new("the disk has no partition")),
            Some(last) if last.end() > len => {
                Err(Error::new("the last partition ends behind the end of the image"))
            }
            Some(_) => Ok(()),
        }
    }

    /// Bytes of the disk as the table has it; `None` where it does not say.
    pub(super) fn size(&self) -> Option<u64> {
        match &self.kind {
            Kind::Gpt(table, header) => {
                let last = header.alternate_lba.max(header.my_lba);
                last.checked_add(1)?.checked_mul(table.sector)
            }
            Kind::Mbr | Kind::None => None,
        }
    }
}

/// Whether the disk is a filesystem itself, whose boot sector ends like an MBR.
fn is_volume(disk: &Volume<'_>) -> bool {
    super::filesystem(disk).is_some()
}
