//! Headers and region tables: where the regions are, and whether the log has to be replayed first.

use super::{BAT, HEADERS, METADATA, REGION_TABLES, TABLE, checksum};
use crate::bytes::{Guid, le16, le32, le64};
use crate::format::FormatError;
use crate::volume::Window;

/// Bytes of a header.
const HEADER: u64 = 4 << 10;

/// Where the log of an image of ours is, and its bytes.
const LOG: u64 = 1 << 20;

/// A region of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Region {
    pub(super) offset: u64,
    pub(super) len: u64,
}

/// Where everything is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Regions {
    pub(super) bat: Region,
    pub(super) metadata: Region,
}

/// Reads the younger good header, and the first good region table.
pub(super) fn read(file: &Window) -> Result<Regions, FormatError> {
    let good = HEADERS.iter().filter_map(|at| signed(file, *at, HEADER, b"head"));
    let header = good.max_by_key(|header| le64(header, 8));
    let what = "both headers, whose checksums are wrong";
    let header = header.ok_or(FormatError::Damaged { what, offset: HEADERS[0] })?;
    if le16(&header, 66) != Some(1) {
        return Err(FormatError::unsupported("its version of VHDX is not known here"));
    }
    // The log's id: none says that there is nothing to replay.
    if header[48..64].iter().any(|byte| *byte != 0) {
        let text = "it was not closed: its log has to be replayed first, by Hyper-V or by \
                    `qemu-img check -r all`";
        return Err(FormatError::unsupported(text));
    }
    let mut tables = REGION_TABLES.iter().filter_map(|at| signed(file, *at, TABLE, b"regi"));
    let what = "both region tables, whose checksums are wrong";
    let table = tables.next().ok_or(FormatError::Damaged { what, offset: REGION_TABLES[0] })?;
    regions(&table, file.len())
}

/// A structure with its signature and a good checksum.
fn signed(file: &Window, offset: u64, len: u64, signature: &[u8]) -> Option<Vec<u8>> {
    let bytes = file.bytes(offset, len as usize).ok()?;
    let is_good = bytes.len() as u64 == len
        && bytes.starts_with(signature)
        && le32(&bytes, 4) == Some(checksum(&bytes));
    is_good.then_some(bytes)
}

fn regions(table: &[u8], file: u64) -> Result<Regions, FormatError> {
    let (mut bat, mut metadata) = (None, None);
    let count = le32(table, 8).unwrap_or(0).min(2047) as usize;
    for entry in table[16..].chunks_exact(32).take(count) {
        let id = entry.first_chunk().map_or(Guid::default(), |id| Guid::from_mixed_endian(*id));
        let (offset, len) = (le64(entry, 16).unwrap_or(0), le32(entry, 24).unwrap_or(0).into());
        let region = Region { offset, len };
        match id {
            BAT => bat = Some(region),
            METADATA => metadata = Some(region),
            _ if le32(entry, 28).unwrap_or(0) & 1 != 0 => {
                let text = format!("it needs the region {id}, which is not known here");
                return Err(FormatError::unsupported(text));
            }
            _ => {}
        }
    }
    let (Some(bat), Some(metadata)) = (bat, metadata) else {
        let what = "a region table without a block table or metadata";
        return Err(FormatError::Damaged { what, offset: REGION_TABLES[0] });
    };
    for Region { offset, len } in [bat, metadata] {
        if offset % (64 << 10) != 0 || offset.checked_add(len).is_none_or(|end| end > file) {
            return Err(FormatError::CutOff { what: "a region", offset });
        }
    }
    Ok(Regions { bat, metadata })
}

/// The file's start up to the log: creator, both headers, both region tables.
pub(super) fn encode(regions: &Regions, file_write: Guid, data_write: Guid) -> Vec<u8> {
    let mut bytes = vec![0; LOG as usize];
    bytes[..8].copy_from_slice(b"vhdxfile");
    let creator = "bootwright".encode_utf16().flat_map(u16::to_le_bytes);
    bytes[8..].iter_mut().zip(creator).for_each(|(to, from)| *to = from);
    for (number, at) in HEADERS.iter().enumerate() {
        let mut header = vec![0; HEADER as usize];
        header[..4].copy_from_slice(b"head");
        header[8..16].copy_from_slice(&(number as u64).to_le_bytes());
        header[16..32].copy_from_slice(&file_write.to_mixed_endian());
        header[32..48].copy_from_slice(&data_write.to_mixed_endian());
        header[66..68].copy_from_slice(&1u16.to_le_bytes());
        header[68..72].copy_from_slice(&(LOG as u32).to_le_bytes());
        header[72..80].copy_from_slice(&LOG.to_le_bytes());
        put(&mut bytes, *at, header);
    }
    for at in REGION_TABLES {
        let mut table = vec![0; TABLE as usize];
        table[..4].copy_from_slice(b"regi");
        table[8..12].copy_from_slice(&2u32.to_le_bytes());
        for (index, (id, region)) in
            [(BAT, regions.bat), (METADATA, regions.metadata)].iter().enumerate()
        {
            let entry = &mut table[16 + index * 32..][..32];
            entry[..16].copy_from_slice(&id.to_mixed_endian());
            entry[16..24].copy_from_slice(&region.offset.to_le_bytes());
            entry[24..28].copy_from_slice(&(region.len as u32).to_le_bytes());
            entry[28] = 1;
        }
        put(&mut bytes, at, table);
    }
    bytes
}

/// Signs a structure and puts it into the file's start.
fn put(bytes: &mut [u8], at: u64, mut structure: Vec<u8>) {
    let sum = checksum(&structure);
    structure[4..8].copy_from_slice(&sum.to_le_bytes());
    bytes[at as usize..][..structure.len()].copy_from_slice(&structure);
}
