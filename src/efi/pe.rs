//! PE/COFF as UEFI firmware loads it: is this file a program that it will start?
//!
//! Sources: Microsoft's PE format, UEFI 2.10 §2.1.1; `goblin` decodes the structures. Imports,
//! relocations and debug data are not read, and signatures are seen but not verified.

use goblin::pe::header::{Header, PE_MAGIC, SIZEOF_COFF_HEADER};
use goblin::pe::optional_header::{MAGIC_64, OptionalHeader};
use goblin::pe::section_table::SectionTable;
use goblin::pe::subsystem::IMAGE_SUBSYSTEM_EFI_APPLICATION;

use crate::arch::Arch;
use crate::bytes::{le16, le32};
use crate::error::shown_bytes;

/// A DOS header, whose last field points to the PE header.
const DOS_HEADER_LEN: usize = 64;

/// A row of the section table.
const SECTION_HEADER_LEN: u64 = 40;

/// An EFI program that firmware of the architecture starts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EfiProgram {
    /// Where it is entered, relative to where it is loaded.
    pub entry: u32,
    /// Bytes of memory that it is loaded to.
    pub image_size: u32,
    /// Its sections, in the order of the table.
    pub sections: Vec<Section>,
    /// Whether it carries a signature for Secure Boot.
    pub signed: bool,
}

/// A section: a range of the file that is loaded to a range of memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name, up to 8 bytes: `.text`.
    pub name: String,
    /// Offset in the file.
    pub offset: u32,
    /// Bytes in the file.
    pub len: u32,
    /// Address in memory, relative to where the program is loaded.
    pub address: u32,
    /// Bytes in memory; what the file does not have is zero.
    pub size: u32,
}

/// Why firmware would not start a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeError {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// No `MZ` and `PE`.
    #[error("it is not a PE file, the format of EFI programs")]
    NotPe,
    /// The end is missing.
    #[error("it is truncated: it has {has} bytes and needs {needs}")]
    Truncated {
        /// Bytes that are there.
        has: u64,
        /// Bytes that its headers speak of.
        needs: u64,
    },
    /// For other machines.
    #[error("it is for PE machine {found:#06x}, not for {arch} ({wanted:#06x})")]
    Machine {
        /// `Machine`.
        found: u16,
        /// That of the architecture.
        wanted: u16,
        /// The architecture.
        arch: &'static str,
    },
    /// 32-bit, or an object file.
    #[error("it is not PE32+, the 64-bit form of PE")]
    NotPe32Plus,
    /// A Windows program, a driver.
    #[error("its subsystem is {0}, not 10 (EFI application)")]
    Subsystem(u16),
    /// A header that contradicts itself.
    #[error("its {0} is damaged")]
    Damaged(&'static str),
    /// Nothing is loaded.
    #[error("it has no sections")]
    NoSections,
    /// A section where the headers are.
    #[error("its section {0} overlaps the headers")]
    InHeaders(String),
    /// Two sections at one place in memory.
    #[error("its sections {0} and {1} overlap in memory")]
    Overlap(String, String),
    /// A section past the program's end in memory.
    #[error("its section {0} is outside the memory that it asks for")]
    OutsideImage(String),
    /// Nothing to run.
    #[error("its entry point {0:#x} is in none of its sections")]
    Entry(u32),
}

impl EfiProgram {
    /// Checks a whole file.
    ///
    /// # Errors
    /// Where firmware of this architecture would not start it.
    pub fn parse(file: &[u8], arch: &Arch) -> Result<Self, PeError> {
        let pe = pe_offset(file)?;
        let header = Header::parse(file).map_err(|_| PeError::Damaged("PE header"))?;
        let coff = &header.coff_header;
        if coff.machine != arch.pe_machine {
            let (found, wanted) = (coff.machine, arch.pe_machine);
            return Err(PeError::Machine { found, wanted, arch: arch.name });
        }
        let optional = header.optional_header.as_ref().ok_or(PeError::NotPe32Plus)?;
        check_kind(optional)?;
        let (has, at) = (file.len() as u64, table_offset(pe, coff.size_of_optional_header));
        let table_end = at + u64::from(coff.number_of_sections) * SECTION_HEADER_LEN;
        match table_end.max(certificates(optional).unwrap_or(0)) {
            needs if needs > has => return Err(PeError::Truncated { has, needs }),
            _ => {}
        }
        let rows = coff.sections(file, &mut (at as usize));
        let rows = rows.map_err(|_| PeError::Damaged("section table"))?;
        let fields = &optional.windows_fields;
        let program = EfiProgram {
            entry: optional.standard_fields.address_of_entry_point,
            image_size: fields.size_of_image,
            sections: rows.iter().map(Section::from).collect(),
            signed: certificates(optional).is_some(),
        };
        program.check(table_end.max(fields.size_of_headers.into()), has)?;
        Ok(program)
    }

    /// The section of this name.
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|s| s.name == name)
    }

    /// What the section of this name holds, of the file that this was parsed from; without the padding
    /// of the file, where the section says how much of it is meant.
    pub fn content<'f>(&self, file: &'f [u8], name: &str) -> Option<&'f [u8]> {
        let section = self.section(name)?;
        let (start, len) = (section.offset as usize, section.len.min(section.size) as usize);
        file.get(start..start.checked_add(len)?)
    }

    /// Whether the sections are where they can be: behind the headers, in a file of `has` bytes, in
    /// the image's memory, side by side, one of them with the entry point.
    fn check(&self, headers: u64, has: u64) -> Result<(), PeError> {
        let Some(needs) = self.sections.iter().map(|s| s.in_file().1).max() else {
            return Err(PeError::NoSections);
        };
        if needs > has {
            return Err(PeError::Truncated { has, needs });
        }
        for section in &self.sections {
            let name = || section.name.clone();
            let in_headers = section.len > 0 && section.in_file().0 < headers;
            if in_headers || section.in_memory().0 < headers {
                return Err(PeError::InHeaders(name()));
            }
            if section.in_memory().1 > u64::from(self.image_size) {
                return Err(PeError::OutsideImage(name()));
            }
        }
        self.check_overlap()?;
        match self.sections.iter().any(|s| s.holds(self.entry)) {
            true => Ok(()),
            false => Err(PeError::Entry(self.entry)),
        }
    }

    fn check_overlap(&self) -> Result<(), PeError> {
        let mut sorted: Vec<_> = self.sections.iter().collect();
        sorted.sort_by_key(|s| s.address);
        let overlap = |pair: &&[&Section]| pair[0].in_memory().1 > pair[1].in_memory().0;
        match sorted.windows(2).find(overlap) {
            Some(pair) => Err(PeError::Overlap(pair[0].name.clone(), pair[1].name.clone())),
            None => Ok(()),
        }
    }
}

impl Section {
    /// The range of the file: start and end.
    fn in_file(&self) -> (u64, u64) {
        let start = u64::from(self.offset);
        // A section without bytes in the file may have any offset.
        (start, if self.len == 0 { 0 } else { start + u64::from(self.len) })
    }

    /// The range of memory: start and end.
    fn in_memory(&self) -> (u64, u64) {
        let start = u64::from(self.address);
        (start, start + u64::from(self.size))
    }

    fn holds(&self, address: u32) -> bool {
        let (start, end) = self.in_memory();
        (start..end).contains(&address.into())
    }
}

impl From<&SectionTable> for Section {
    fn from(row: &SectionTable) -> Self {
        let name = row.name.split(|&b| b == 0).next().unwrap_or_default();
        Section {
            name: shown_bytes(name),
            offset: row.pointer_to_raw_data,
            len: row.size_of_raw_data,
            address: row.virtual_address,
            // Some linkers leave it 0 and mean the size in the file.
            size: if row.virtual_size == 0 { row.size_of_raw_data } else { row.virtual_size },
        }
    }
}

/// Where the PE header is, in a file that is long enough to have one.
fn pe_offset(file: &[u8]) -> Result<usize, PeError> {
    if file.is_empty() {
        return Err(PeError::Empty);
    }
    if !file.starts_with(b"MZ") {
        return Err(PeError::NotPe);
    }
    let truncated =
        |needs: usize| PeError::Truncated { has: file.len() as u64, needs: needs as u64 };
    let pe = le32(file, DOS_HEADER_LEN - 4).ok_or(truncated(DOS_HEADER_LEN))? as usize;
    match le32(file, pe) {
        Some(PE_MAGIC) => {}
        Some(_) => return Err(PeError::NotPe),
        None => return Err(truncated(pe.saturating_add(4))),
    }
    let optional_len = le16(file, pe + 20).unwrap_or(0);
    match table_offset(pe, optional_len) as usize {
        needs if needs > file.len() => Err(truncated(needs)),
        _ => Ok(pe),
    }
}

/// Where the section table is: behind the signature, the COFF header and the optional header.
fn table_offset(pe: usize, optional_len: u16) -> u64 {
    (pe + 4 + SIZEOF_COFF_HEADER) as u64 + u64::from(optional_len)
}

fn check_kind(optional: &OptionalHeader) -> Result<(), PeError> {
    if optional.standard_fields.magic != MAGIC_64 {
        return Err(PeError::NotPe32Plus);
    }
    match optional.windows_fields.subsystem {
        IMAGE_SUBSYSTEM_EFI_APPLICATION => Ok(()),
        other => Err(PeError::Subsystem(other)),
    }
}

/// The end of the certificate table, whose "address" is an offset in the file.
fn certificates(optional: &OptionalHeader) -> Option<u64> {
    let table = optional.data_directories.get_certificate_table()?;
    let some = table.virtual_address != 0 && table.size != 0;
    some.then(|| u64::from(table.virtual_address) + u64::from(table.size))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::X86_64;
    use proptest::prelude::*;

    const PE: usize = 64;
    const OPTIONAL: usize = PE + 24;
    const TABLE: usize = OPTIONAL + 240;

    /// An EFI program with two sections of 512 bytes and a signature of 16.
    fn program() -> Vec<u8> {
        let mut file = vec![0; 512 * 3 + 16];
        let mut put = |at: usize, bytes: &[u8]| file[at..at + bytes.len()].copy_from_slice(bytes);
        let word = |value: u32| value.to_le_bytes();
        put(0, b"MZ");
        put(DOS_HEADER_LEN - 4, &[PE as u8]);
        put(PE, b"PE\0\0\x64\x86\x02");
        put(PE + 20, &[240, 0, 0x0e, 0x02]);
        put(OPTIONAL, &[0x0b, 0x02]);
        put(OPTIONAL + 16, &word(0x1010));
        put(OPTIONAL + 56, &word(0x3000));
        put(OPTIONAL + 60, &word(512));
        put(OPTIONAL + 68, &[10]);
        put(OPTIONAL + 108, &word(16));
        put(OPTIONAL + 112 + 4 * 8, &[word(1536), word(16)].concat());
        for (row, name, at) in [(0, b".text", 1), (1, b".data", 2)] {
            put(TABLE + row * 40, name);
            let fields = [512, at * 0x1000, 512, at * 512].map(word);
            put(TABLE + row * 40 + 8, &fields.concat());
        }
        file
    }

    fn with(at: usize, bytes: &[u8]) -> Result<EfiProgram, PeError> {
        let mut file = program();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        EfiProgram::parse(&file, &X86_64)
    }

    #[test]
    fn an_efi_program_says_what_it_is() {
        let parsed = EfiProgram::parse(&program(), &X86_64).expect("sound");
        assert_eq!((parsed.entry, parsed.image_size, parsed.signed), (0x1010, 0x3000, true));
        let data = parsed.section(".data").expect("there");
        assert_eq!((data.offset, data.len, data.address, data.size), (1024, 512, 0x2000, 512));
        assert_eq!(with(OPTIONAL + 148, &[0]).map(|p| p.signed), Ok(false));
    }

    #[test]
    fn what_firmware_would_not_start_says_why() {
        assert_eq!(with(0, b"\x7fE"), Err(PeError::NotPe));
        assert_eq!(with(PE, b"XX"), Err(PeError::NotPe));
        assert_eq!(
            with(PE + 4, &[0x64, 0xaa]),
            Err(PeError::Machine { found: 0xaa64, wanted: 0x8664, arch: "x86_64" })
        );
        assert_eq!(with(OPTIONAL + 68, &[3]), Err(PeError::Subsystem(3)));
        assert_eq!(with(OPTIONAL + 16, &[0, 0x30]), Err(PeError::Entry(0x3000)));
        assert_eq!(with(PE + 6, &[0]), Err(PeError::NoSections));
        assert_eq!(with(TABLE + 20, &[0, 1]), Err(PeError::InHeaders(".text".into())));
        assert_eq!(
            with(TABLE + 52, &[0, 0x11]),
            Err(PeError::Overlap(".text".into(), ".data".into()))
        );
        assert_eq!(with(OPTIONAL + 56, &[0, 0x20]), Err(PeError::OutsideImage(".data".into())));
        assert_eq!(with(PE + 20, &[0, 0]), Err(PeError::NotPe32Plus));
    }

    #[test]
    fn a_file_without_its_end_is_refused_with_the_numbers() {
        let parse = |len: usize| EfiProgram::parse(&program()[..len], &X86_64);
        assert_eq!(parse(0), Err(PeError::Empty));
        for (has, needs) in [(10, 64), (66, 68), (300, 328), (400, 1552), (1551, 1552)] {
            assert_eq!(parse(has), Err(PeError::Truncated { has: has as u64, needs }), "{has}");
        }
        let cut = with(TABLE + 40 + 16, &[0, 3]);
        assert_eq!(cut, Err(PeError::Truncated { has: 1552, needs: 1024 + 768 }));
    }

    proptest! {
        #[test]
        fn damaged_programs_never_panic(
            damage in prop::collection::vec((0..0x200usize, any::<u8>()), 0..12),
            keep in 0..1600usize,
        ) {
            let mut file = program();
            damage.iter().for_each(|&(at, byte)| file[at] = byte);
            file.truncate(keep);
            let _ = EfiProgram::parse(&file, &X86_64);
        }

        #[test]
        fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = EfiProgram::parse(&[b"MZ", &bytes[..]].concat(), &X86_64);
        }
    }
}
