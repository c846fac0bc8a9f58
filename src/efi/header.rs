//! The headers of any PE file, for looking at one: nothing is judged, see [`super::pe`] for that.
//!
//! Sources: Microsoft's PE format; UEFI 2.10 §32.5 (`WIN_CERTIFICATE`). Only the first bytes of a file
//! and its certificate table's headers are read.

use goblin::pe::header::Header;
use goblin::pe::optional_header::MAGIC_64;

use super::pe::{PeError, Section};
use crate::bytes::{le16, le32};
use crate::error::{Context, Result, shown_bytes};
use crate::volume::Window;

/// Bytes in which the headers must be.
const HEAD_MAX: usize = 64 << 10;

/// Where the checksum is in an optional header, and the entry of the certificate table, which is the
/// fifth of the data directories, in PE32 and in PE32+.
const CHECKSUM: u64 = 64;
const TABLE_ENTRY: [u64; 2] = [96 + 4 * 8, 112 + 4 * 8];

/// Bytes of a symbol; the table of long names stands behind all of them.
const SYMBOL_LEN: u64 = 18;

/// The longest name of a section.
const NAME_MAX: usize = 64;

/// The most signatures that are counted.
const SIGNATURES_MAX: usize = 64;

/// What the headers say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headers {
    /// `Machine`.
    pub machine: u16,
    /// `Subsystem`; 10 is an EFI application, 11 and 12 are drivers.
    pub subsystem: u16,
    /// Seconds since 1970, or whatever the linker put there.
    pub time: u32,
    /// The sections, in the order of the table; nothing about them is checked.
    pub sections: Vec<Section>,
    /// The signatures: offset and length in bytes, and `wCertificateType` (2 is Authenticode).
    pub signatures: Vec<(u64, u32, u16)>,
    /// What a signature leaves out.
    pub(super) fields: Fields,
}

/// Where the fields are that a signature does not cover, and how much is in front of the sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fields {
    /// The offset of `CheckSum`, of 4 bytes.
    pub(super) checksum: u64,
    /// The offset of the certificate table's entry, of 8 bytes.
    pub(super) table_entry: u64,
    /// Bytes of the certificate table.
    pub(super) table_len: u64,
    /// `SizeOfHeaders`.
    pub(super) headers_len: u64,
}

impl Headers {
    /// Reads them.
    ///
    /// # Errors
    /// Where it is no PE file, or cannot be read.
    pub fn read(file: &Window) -> Result<Headers> {
        let head = file.bytes(0, HEAD_MAX)?;
        if !head.starts_with(b"MZ") {
            return Err(PeError::NotPe.into());
        }
        let header = Header::parse(&head).map_err(|_| PeError::Damaged("PE header"))?;
        let coff = &header.coff_header;
        let optional = header.optional_header.as_ref();
        let table = optional.and_then(|o| o.data_directories.get_certificate_table());
        let start = header.dos_header.pe_pointer as usize + 24;
        let mut at = start + usize::from(coff.size_of_optional_header);
        let rows = coff.sections(&head, &mut at).map_err(|_| PeError::Damaged("section table"))?;
        let signatures = match table {
            Some(table) => signatures(file, table.virtual_address.into(), table.size.into())
                .context(|| "reading its signatures")?,
            None => Vec::new(),
        };
        let mut sections: Vec<_> = rows.iter().map(Section::from).collect();
        let names = u64::from(coff.pointer_to_symbol_table)
            + SYMBOL_LEN * u64::from(coff.number_of_symbol_table);
        for section in &mut sections {
            if let Some(name) = long_name(file, names, &section.name)? {
                section.name = name;
            }
        }
        let is_plus = optional.is_some_and(|o| o.standard_fields.magic == MAGIC_64);
        let fields = Fields {
            checksum: start as u64 + CHECKSUM,
            table_entry: start as u64 + TABLE_ENTRY[usize::from(is_plus)],
            table_len: table.map_or(0, |table| table.size.into()),
            headers_len: optional.map_or(0, |o| o.windows_fields.size_of_headers.into()),
        };
        Ok(Headers {
            machine: coff.machine,
            subsystem: optional.map_or(0, |o| o.windows_fields.subsystem),
            time: coff.time_date_stamp,
            sections,
            signatures,
            fields,
        })
    }

    /// What a section holds: its bytes in the file, without the padding to the file's alignment.
    pub fn section(&self, file: &Window, name: &str) -> Option<Window> {
        let section = self.sections.iter().find(|section| section.name == name)?;
        Some(file.part(section.offset.into(), section.len.min(section.size).into()))
    }
}

/// The name of a section whose 8 bytes are `/` and where the name is in the table of long names.
fn long_name(file: &Window, names: u64, name: &str) -> Result<Option<String>> {
    let Some(offset) = name.strip_prefix('/').and_then(|digits| digits.parse::<u32>().ok()) else {
        return Ok(None);
    };
    let bytes = file.bytes(names.saturating_add(offset.into()), NAME_MAX)?;
    let name = bytes.split(|&b| b == 0).next().filter(|name| !name.is_empty());
    Ok(name.map(shown_bytes))
}

fn signatures(file: &Window, start: u64, len: u64) -> Result<Vec<(u64, u32, u16)>> {
    let mut found = Vec::new();
    let mut at = start;
    while at < start + len && start != 0 && found.len() < SIGNATURES_MAX {
        let head = file.bytes(at, 8)?;
        let (Some(size), Some(kind)) = (le32(&head, 0), le16(&head, 6)) else { break };
        if size < 8 {
            break;
        }
        found.push((at, size, kind));
        at += u64::from(size).next_multiple_of(8);
    }
    Ok(found)
}
