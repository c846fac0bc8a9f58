//! The id and the name of one partition, read from its disk's GPT or MBR.
//!
//! UEFI specification 2.10, chapter 5.3. The kernel has accepted the table before it made the
//! partition, so neither checksums nor ranges are checked again. Left out: the backup GPT (the
//! kernel uses it only when told `gpt`), and the partitions inside an MBR's extended one, which have
//! the numbers that the kernel gave them.

use crate::ReadAt;
use crate::guid::Guid;
use crate::text::Text;

/// Room for a partition name: 36 UTF-16 units, at most three bytes of UTF-8 each, and a NUL.
pub const NAME_ROOM: usize = 109;

/// What the table says about a partition.
#[derive(Debug, Clone, Copy)]
pub struct Partition {
    /// What `PARTUUID=` means: a GUID in lower case, or `ssssssss-pp` of an MBR.
    pub uuid: Text<37>,
    /// What `PARTLABEL=` means, in UTF-8; an MBR has none.
    pub name: Text<NAME_ROOM>,
}

/// Offset of the signature of an MBR disk, of the four entries, of the type in an entry.
const MBR_SIGNATURE: usize = 440;
const MBR_ENTRIES: usize = 446;
const MBR_ENTRY_LEN: usize = 16;
const MBR_ENTRY_TYPE: usize = 4;

/// The MBR type that says that there is a GPT.
const TYPE_PROTECTIVE: u8 = 0xee;

/// Reads what the table of a disk with sectors of `sector_size` bytes says about the partition
/// with this number, counted from 1.
pub fn read(disk: &mut ReadAt<'_>, sector_size: u32, number: u32) -> Option<Partition> {
    let mut mbr = [0; 512];
    if !disk(0, &mut mbr) || !mbr.ends_with(&[0x55, 0xaa]) {
        return None;
    }
    let mut entries = mbr[MBR_ENTRIES..].chunks_exact(MBR_ENTRY_LEN);
    match entries.any(|entry| entry[MBR_ENTRY_TYPE] == TYPE_PROTECTIVE) {
        true => read_gpt(disk, sector_size, number),
        false => {
            let signature = u32::from_le_bytes(field(&mbr, MBR_SIGNATURE)?);
            let uuid = Text::of(format_args!("{signature:08x}-{number:02x}"));
            Some(Partition { uuid, name: Text::new() })
        }
    }
}

/// The header is in the second sector, and says where the entries are and how long each is.
fn read_gpt(disk: &mut ReadAt<'_>, sector_size: u32, number: u32) -> Option<Partition> {
    let mut header = [0; 92];
    if !disk(sector_size.into(), &mut header) || !header.starts_with(b"EFI PART") {
        return None;
    }
    let entries_lba = u64::from_le_bytes(field(&header, 72)?);
    let entry_count = u32::from_le_bytes(field(&header, 80)?);
    let entry_len = u32::from_le_bytes(field(&header, 84)?);
    let idx = number.checked_sub(1).filter(|idx| *idx < entry_count)?;
    let start = entries_lba.checked_mul(sector_size.into())?;
    let mut entry = [0; 128];
    let offset = start.checked_add(u64::from(idx) * u64::from(entry_len))?;
    if !disk(offset, &mut entry) {
        return None;
    }
    let guid = Guid::from_mixed_endian(field(&entry, 16)?);
    Some(Partition { uuid: Text::of(format_args!("{guid}")), name: name(&entry[56..]) })
}

/// UTF-16 up to the first NUL; what is no UTF-16 becomes U+FFFD.
fn name(stored: &[u8]) -> Text<NAME_ROOM> {
    let units = stored.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
    let mut name = Text::new();
    for c in char::decode_utf16(units.take_while(|unit| *unit != 0)) {
        let c = c.unwrap_or(char::REPLACEMENT_CHARACTER);
        name.push(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    name
}

fn field<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::ToString;
    use std::vec;
    use std::vec::Vec;

    fn read_slice(
        disk: &[u8],
        sector_size: u32,
        number: u32,
    ) -> Option<(Text<37>, Text<NAME_ROOM>)> {
        let mut at =
            |offset: u64, buffer: &mut [u8]| crate::superblock::copy_at(disk, offset, buffer);
        read(&mut at, sector_size, number).map(|p| (p.uuid, p.name))
    }

    fn gpt_disk(sector: usize) -> Vec<u8> {
        let mut disk = vec![0; sector * 8];
        disk[446 + 4] = 0xee;
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk[sector..sector + 8].copy_from_slice(b"EFI PART");
        disk[sector + 72] = 2;
        disk[sector + 80] = 4;
        disk[sector + 84] = 128;
        let entry = &mut disk[2 * sector + 128..];
        entry[16..32].copy_from_slice(&core::array::from_fn::<u8, 16, _>(|i| i as u8));
        for (idx, unit) in "slim-rööt".encode_utf16().enumerate() {
            entry[56 + 2 * idx..][..2].copy_from_slice(&unit.to_le_bytes());
        }
        disk
    }

    #[test]
    fn a_gpt_entry_is_found_with_both_sector_sizes() {
        for sector in [512, 4096] {
            let (uuid, name) =
                read_slice(&gpt_disk(sector), sector as u32, 2).expect("it is there");
            assert_eq!(uuid.to_string(), "03020100-0504-0706-0809-0a0b0c0d0e0f");
            assert_eq!(name.to_string(), "slim-rööt");
            assert!(read_slice(&gpt_disk(sector), sector as u32, 5).is_none());
            assert!(read_slice(&gpt_disk(sector), sector as u32, 0).is_none());
        }
    }

    #[test]
    fn an_mbr_partition_is_named_by_signature_and_number() {
        let mut disk = [0; 512];
        disk[440..444].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        disk[510..].copy_from_slice(&[0x55, 0xaa]);
        let (uuid, name) = read_slice(&disk, 512, 12).expect("it is there");
        assert_eq!((uuid.to_string().as_str(), name.is_empty()), ("deadbeef-0c", true));
        assert!(read_slice(&[0; 512], 512, 1).is_none());
    }

    proptest! {
        #[test]
        fn any_table_is_read(junk in prop::collection::vec(any::<u8>(), 80), number: u32, at in 0usize..80) {
            let mut disk = gpt_disk(512);
            disk[512 + 8..512 + 88].copy_from_slice(&junk);
            disk[at] ^= 0xff;
            read_slice(&disk, 512, number);
        }
    }
}
