//! VDI, VirtualBox' format, version 1.1 (VirtualBox `VDICore.h`, QEMU `block/vdi.c`).
//!
//! A header, a table with an entry for each block of 1 MiB, the blocks. Left out: differencing and undo
//! images, which stand on others by id and not by name, and blocks of other sizes with extra bytes.

use super::FormatError;
use super::convert::{Identity, Piece, Writer};
use super::pages::Pages;
use super::span::{Place, Span};
use crate::bytes::{Guid, le32, le64};
use crate::error::Result;
use crate::size::{MIB, align_up};
use crate::volume::{Volume, Window};

/// What every image starts with, padded with zeros to 64 bytes.
const TEXT: &[u8] = b"<<< Oracle VM VirtualBox Disk Image >>>\n";

/// Bytes of everything in front of the table.
const HEADER: u64 = 512;

/// Bytes of a block.
const BLOCK: u64 = MIB;

/// Entries of the table whose block is not there.
const UNALLOCATED: u32 = u32::MAX;
const ZERO: u32 = u32::MAX - 1;

/// Bytes of a page of the host: what is a hole in the disk is one in the file.
const PAGE: u64 = 4096;

/// Blocks of a disk: where the first of them is, behind the table, has 32 bits.
const BLOCKS_MAX: u64 = ((1 << 32) - PAGE - HEADER) / 4;

/// What the header says, and where the blocks are.
#[derive(Debug)]
pub struct Map {
    /// Bytes of the disk.
    pub size: u64,
    /// Whether all blocks are there.
    pub is_fixed: bool,
    /// The image's id.
    pub id: Guid,
    pages: Pages,
    table: u64,
    data: u64,
    block: u64,
}

impl Map {
    /// The map of what is in a file.
    ///
    /// # Errors
    /// Where the header is damaged, cut off, or of a kind that is not read.
    pub fn open(file: &Window) -> Result<Map, FormatError> {
        let head = file.bytes(0, HEADER as usize).unwrap_or_default();
        if head.len() < HEADER as usize {
            return Err(FormatError::CutOff { what: "the header", offset: head.len() as u64 });
        }
        let u32_at = |at| le32(&head, at).unwrap_or(0);
        if u32_at(68) >> 16 != 1 {
            return Err(FormatError::unsupported("its version of VDI is not known here"));
        }
        let is_fixed = match u32_at(76) {
            1 => false,
            2 => true,
            _ => return Err(FormatError::unsupported("it stands on another image, by id only")),
        };
        let damaged = |what, offset| Err(FormatError::Damaged { what, offset });
        let (size, block) = (le64(&head, 368).unwrap_or(0), u64::from(u32_at(376)));
        if !block.is_power_of_two() || block < PAGE || u32_at(380) != 0 {
            return damaged("a size of blocks that is not read", 376);
        }
        if size > i64::MAX as u64 || u64::from(u32_at(384)) < size.div_ceil(block) {
            return damaged("a table of blocks that is too short for the disk", 384);
        }
        let (table, data) = (u64::from(u32_at(340)), u64::from(u32_at(344)));
        if table % 4 != 0 {
            return damaged("the offset of the table of blocks", 340);
        }
        let id =
            head[392..].first_chunk().map_or(Guid::default(), |id| Guid::from_mixed_endian(*id));
        Ok(Map { size, is_fixed, id, pages: Pages::new(file), table, data, block })
    }

    /// Where the disk's bytes from `offset` on are.
    ///
    /// # Errors
    /// Where the table is cut off.
    pub fn span(&self, offset: u64) -> Result<Span, FormatError> {
        let at = self.table + offset / self.block * 4;
        let entry = u32::from_le_bytes(self.pages.field(at, "an entry of the block table")?);
        let skip = offset % self.block;
        let place = match entry {
            UNALLOCATED => Place::Unallocated,
            ZERO => Place::Zero,
            number => Place::Stored(self.data + u64::from(number) * self.block + skip),
        };
        Ok(Span { len: self.block - skip, place })
    }
}

/// A dynamic image while it is written.
#[derive(Debug)]
pub(super) struct Image {
    size: u64,
    table: Vec<u32>,
    blocks: u32,
}

impl Image {
    pub(super) fn new(size: u64) -> Result<Self> {
        let size = align_up(size, 512);
        let blocks = size.div_ceil(BLOCK);
        if blocks > BLOCKS_MAX {
            return Err(FormatError::unsupported("the disk is too large for VDI").into());
        }
        let table = vec![UNALLOCATED; blocks as usize];
        Ok(Image { size, table, blocks: 0 })
    }

    /// Where the first block is.
    fn data(&self) -> u64 {
        align_up(HEADER + self.table.len() as u64 * 4, PAGE)
    }

    fn header(&self, identity: &Identity) -> Vec<u8> {
        let mut bytes = vec![0; HEADER as usize];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, TEXT);
        put(64, &0xbeda_107fu32.to_le_bytes());
        put(68, &0x1_0001u32.to_le_bytes());
        put(72, &400u32.to_le_bytes());
        put(76, &1u32.to_le_bytes());
        put(340, &(HEADER as u32).to_le_bytes());
        put(344, &(self.data() as u32).to_le_bytes());
        put(360, &512u32.to_le_bytes());
        put(368, &self.size.to_le_bytes());
        put(376, &(BLOCK as u32).to_le_bytes());
        put(384, &(self.table.len() as u32).to_le_bytes());
        put(388, &self.blocks.to_le_bytes());
        put(392, &identity.guid("vdi").to_mixed_endian());
        put(408, &identity.guid("vdi snapshot").to_mixed_endian());
        bytes
    }
}

impl Writer for Image {
    fn block(&self) -> u64 {
        BLOCK
    }

    fn page(&self) -> u64 {
        PAGE
    }

    fn place(&mut self, block: u64, _: Option<u64>, _: &mut Vec<Piece>) -> Result<u64> {
        let number = self.blocks;
        self.table[block as usize] = number;
        self.blocks += 1;
        Ok(self.data() + u64::from(number) * BLOCK)
    }

    fn finish(self: Box<Self>, identity: Identity, volume: &Volume<'_>) -> Result<u64> {
        let table: Vec<_> = self.table.iter().flat_map(|entry| entry.to_le_bytes()).collect();
        volume.write_all_at(&self.header(&identity), 0)?;
        volume.write_all_at(&table, HEADER)?;
        Ok(self.data() + u64::from(self.blocks) * BLOCK)
    }
}

#[cfg(test)]
mod tests {
    use super::{BLOCK, BLOCKS_MAX, Image};
    use crate::format::Disk;
    use crate::format::convert::Target;
    use crate::format::judge::{content, damaged, qemu, qemu_img, raw, sample, scratch};

    #[test]
    fn what_qemu_writes_is_read() {
        if qemu_img().is_none() {
            return;
        }
        let folder = scratch();
        let (from, to) = (folder.path().join("disk.img"), folder.path().join("disk.vdi"));
        raw(&from, &sample());
        for options in ["static=off", "static=on"] {
            qemu(&format!("convert -f raw -O vdi -o {options}"), &[&from, &to]);
            assert!(content(&to) == sample(), "{options}");
        }
        let mut bytes = std::fs::read(&to).expect("there");
        bytes[76] = 4;
        std::fs::write(&to, bytes).expect("written");
        let text = Disk::open(&to).expect_err("differencing").to_string();
        assert!(text.ends_with("disk.vdi: it stands on another image, by id only"), "{text}");
    }

    #[test]
    fn a_disk_whose_blocks_would_begin_at_4_gib_is_refused() {
        let text = Image::new((BLOCKS_MAX + 1) * BLOCK).expect_err("too large").to_string();
        assert!(text.ends_with("the disk is too large for VDI"), "{text}");
    }

    #[test]
    fn damage_never_panics() {
        damaged(Target::Vdi, 4096);
    }
}
