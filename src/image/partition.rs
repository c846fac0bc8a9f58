//! One partition of an image, and the way into its filesystem.

use crate::arch::{SD_GPT_ESP, X86_64};
use crate::bytes::Guid;
use crate::disk::partition::{Attributes, type_name};
use crate::disk::{gpt, mbr};
use crate::error::{Context, Result};
use crate::fs::FileSystem;
use crate::fs::superblock::Superblock;
use crate::image::Table;
use crate::volume::Window;

/// A partition, or the whole of an image without a table.
#[derive(Debug, Clone)]
pub struct Partition {
    /// Its number from 1; `None` for an image without a table.
    pub number: Option<u32>,
    /// What it holds; cut off where the image ends.
    pub window: Window,
    /// Bytes that the table gives it.
    pub len: u64,
    /// GPT: the type GUID.
    pub type_guid: Option<Guid>,
    /// GPT: PARTUUID.
    pub unique_guid: Option<Guid>,
    /// GPT: PARTLABEL.
    pub name: String,
    /// GPT: attribute bits.
    pub attributes: Attributes,
    /// MBR: the type, and whether it is active.
    pub mbr: Option<(u8, bool)>,
}

/// The partitions of a table; the whole where there is none but a filesystem.
pub(super) fn of(table: &Table, window: &Window) -> Vec<Partition> {
    match table {
        Table::Gpt(table) => {
            let partition = |entry: &gpt::Entry| Partition::from_gpt(entry, table.sector, window);
            table.entries.iter().map(partition).collect()
        }
        Table::Mbr(records) => records.iter().map(|r| Partition::from_mbr(r, window)).collect(),
        Table::DamagedGpt(_) => Vec::new(),
        Table::None => Some(Partition::whole(window))
            .filter(|whole| whole.superblock().is_some())
            .into_iter()
            .collect(),
    }
}

impl Partition {
    fn new(number: Option<u32>, window: Window, len: u64) -> Self {
        Partition {
            number,
            window,
            len,
            type_guid: None,
            unique_guid: None,
            name: String::new(),
            attributes: Attributes::NONE,
            mbr: None,
        }
    }

    /// All of a disk.
    pub(super) fn whole(disk: &Window) -> Self {
        Partition::new(None, disk.clone(), disk.len())
    }

    fn from_gpt(entry: &gpt::Entry, sector: u64, disk: &Window) -> Self {
        let (offset, len) = entry.range(sector);
        Partition {
            type_guid: Some(entry.type_guid),
            unique_guid: Some(entry.unique_guid),
            name: entry.name.clone(),
            attributes: entry.attributes,
            ..Partition::new(Some(entry.number), disk.part(offset, len), len)
        }
    }

    fn from_mbr(record: &mbr::Record, disk: &Window) -> Self {
        let (offset, len) = (u64::from(record.first) * 512, u64::from(record.sectors) * 512);
        Partition {
            mbr: Some((record.os_type, record.active)),
            ..Partition::new(Some(record.number), disk.part(offset, len), len)
        }
    }

    /// Its first byte on the disk.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Whether it reaches past the end of the image.
    pub fn is_cut_off(&self) -> bool {
        self.window.len() < self.len
    }

    /// Whether its type is that of an EFI System Partition.
    pub fn is_esp(&self) -> bool {
        self.type_guid == Some(SD_GPT_ESP) || self.mbr.is_some_and(|(t, _)| t == mbr::EFI_SYSTEM)
    }

    /// Whether its type is that of a root filesystem of x86-64.
    pub fn is_root(&self) -> bool {
        self.type_guid == Some(X86_64.root_type)
    }

    /// What its type is called, or its number or GUID.
    pub fn type_text(&self) -> String {
        match (self.type_guid, self.mbr) {
            (Some(guid), _) => type_name(guid).map_or_else(|| guid.to_string(), str::to_owned),
            (None, Some((os_type, _))) => {
                mbr::type_name(os_type).map_or_else(|| format!("{os_type:#04x}"), str::to_owned)
            }
            (None, None) => String::new(),
        }
    }

    /// What its superblock says; `None` where there is none that is known.
    pub fn superblock(&self) -> Option<Superblock> {
        Superblock::probe(&self.window)
    }

    /// The kernel's name of its filesystem.
    pub fn fstype(&self) -> Option<&'static str> {
        self.superblock().map(|found| found.fstype)
    }

    /// Its filesystem; `None` where it is none whose files are read.
    ///
    /// # Errors
    /// Where it is damaged or unreadable.
    pub fn filesystem(&self) -> Result<Option<FileSystem>> {
        FileSystem::open(&self.window).context(|| self.title())
    }

    /// How a message calls it.
    pub fn title(&self) -> String {
        match self.number {
            Some(number) => format!("partition {number}"),
            None => "the volume".into(),
        }
    }
}
