//! The metadata region: a table of items, and the five that every disk has.

use super::TABLE;
use super::header::Region;
use crate::bytes::{Guid, le16, le32, le64};
use crate::format::FormatError;
use crate::size::MIB;
use crate::volume::Window;

/// Items.
const FILE_PARAMETERS: Guid = Guid::new(0xcaa1_6737_fa36_4d43_b3b6_33f0_aa44_e76b);
const DISK_SIZE: Guid = Guid::new(0x2fa5_4224_cd1b_4876_b211_5dbe_d83b_f4b8);
const DISK_ID: Guid = Guid::new(0xbeca_12ab_b2e6_4523_93ef_c309_e000_c746);
const LOGICAL_SECTOR: Guid = Guid::new(0x8141_bf1d_a96f_4709_ba47_f233_a8fa_ab5f);
const PHYSICAL_SECTOR: Guid = Guid::new(0xcda3_48c7_445d_4471_9cc9_e988_5251_c556);

/// What a differencing disk stands on; that it is one, its parameters say.
const PARENT_LOCATOR: Guid = Guid::new(0xa8d3_5f2d_b30b_454d_abf7_d3d8_4834_ab0c);

/// All that MS-VHDX 2.6.2 has; a reader must refuse what is required besides (2.6.1.2).
const KNOWN: [Guid; 6] =
    [FILE_PARAMETERS, DISK_SIZE, DISK_ID, LOGICAL_SECTOR, PHYSICAL_SECTOR, PARENT_LOCATOR];

/// Flags of an item: a reader must know it; it is about the disk and not the file.
const REQUIRED: u32 = 4;
const OF_DISK: u32 = 2;

/// The largest disk.
pub(super) const SIZE_MAX: u64 = 64 << 40;

/// What the items say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Metadata {
    /// Bytes of a block: a power of two from 1 to 256 MiB.
    pub(super) block: u64,
    /// Whether blocks are never given back: a fixed disk.
    pub(super) is_fixed: bool,
    /// Bytes of the disk.
    pub(super) size: u64,
    /// Bytes of a sector as the guest sees it.
    pub(super) sector: u64,
    /// The disk's id.
    pub(super) id: Guid,
}

impl Metadata {
    pub(super) fn read(file: &Window, region: Region) -> Result<Metadata, FormatError> {
        let table = file.bytes(region.offset, TABLE as usize).unwrap_or_default();
        if table.len() < TABLE as usize || !table.starts_with(b"metadata") {
            let what = "the table of metadata";
            return Err(FormatError::Damaged { what, offset: region.offset });
        }
        let count = le16(&table, 10).unwrap_or(0).min(2047).into();
        let entries = || table[32..].chunks_exact(32).take(count);
        let is_known = |entry: &&[u8]| KNOWN.iter().any(|id| entry[..16] == id.to_mixed_endian());
        let is_required = |entry: &&[u8]| le32(entry, 24).unwrap_or(0) & REQUIRED != 0;
        if entries().any(|entry| is_required(&entry) && !is_known(&entry)) {
            let text = "it has metadata that a reader has to know, and is not known here";
            return Err(FormatError::unsupported(text));
        }
        let item = |id: Guid| -> Result<Vec<u8>, FormatError> {
            let entry = entries().find(|entry| entry[..16] == id.to_mixed_endian());
            let what = "an item of metadata that is not there";
            let entry = entry.ok_or(FormatError::Damaged { what, offset: region.offset })?;
            let at = region.offset + u64::from(le32(entry, 16).unwrap_or(0));
            Ok(file.bytes(at, 16).unwrap_or_default())
        };
        let parameters = item(FILE_PARAMETERS)?;
        let flags = le32(&parameters, 4).unwrap_or(0);
        if flags & 2 != 0 {
            return Err(FormatError::unsupported("it is a differencing disk, which is not read"));
        }
        let metadata = Metadata {
            block: le32(&parameters, 0).unwrap_or(0).into(),
            is_fixed: flags & 1 != 0,
            size: le64(&item(DISK_SIZE)?, 0).unwrap_or(0),
            sector: le32(&item(LOGICAL_SECTOR)?, 0).unwrap_or(0).into(),
            id: item(DISK_ID)?
                .first_chunk()
                .map_or(Guid::default(), |id| Guid::from_mixed_endian(*id)),
        };
        metadata.check(region)
    }

    fn check(self, region: Region) -> Result<Self, FormatError> {
        let is_block = self.block.is_power_of_two() && (MIB..=256 * MIB).contains(&self.block);
        let is_sector = matches!(self.sector, 512 | 4096);
        match is_block && is_sector && self.size <= SIZE_MAX {
            true => Ok(self),
            false => {
                let what = "metadata that cannot be: block, sector or disk size";
                Err(FormatError::Damaged { what, offset: region.offset })
            }
        }
    }

    /// The bytes of the region, as far as it is used.
    pub(super) fn encode(&self) -> Vec<u8> {
        let physical = 4096u32;
        let mut parameters = (self.block as u32).to_le_bytes().to_vec();
        parameters.extend(u32::from(self.is_fixed).to_le_bytes());
        let items = [
            (FILE_PARAMETERS, REQUIRED, parameters),
            (DISK_SIZE, REQUIRED | OF_DISK, self.size.to_le_bytes().to_vec()),
            (DISK_ID, REQUIRED | OF_DISK, self.id.to_mixed_endian().to_vec()),
            (LOGICAL_SECTOR, REQUIRED | OF_DISK, (self.sector as u32).to_le_bytes().to_vec()),
            (PHYSICAL_SECTOR, REQUIRED | OF_DISK, physical.to_le_bytes().to_vec()),
        ];
        let mut bytes = vec![0; TABLE as usize];
        bytes[..8].copy_from_slice(b"metadata");
        bytes[10..12].copy_from_slice(&(items.len() as u16).to_le_bytes());
        for (index, (id, flags, content)) in items.iter().enumerate() {
            let offset = bytes.len() as u32;
            let entry = &mut bytes[32 + index * 32..][..32];
            entry[..16].copy_from_slice(&id.to_mixed_endian());
            entry[16..20].copy_from_slice(&offset.to_le_bytes());
            entry[20..24].copy_from_slice(&(content.len() as u32).to_le_bytes());
            entry[24..28].copy_from_slice(&flags.to_le_bytes());
            bytes.extend(content);
        }
        bytes
    }
}
