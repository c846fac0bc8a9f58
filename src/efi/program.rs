//! Writes an EFI program: PE headers, and sections that are loaded where they are in the file.
//!
//! Sources: Microsoft's PE format; UEFI 2.10 §2.1.1. The image base is 0, so the base relocations move
//! the program to wherever the firmware has room. Imports, exports, resources, debug data, symbols and
//! signatures are never written.

use super::relocations;

/// Sections start at multiples of this, in memory and in the file: a page, so that a loader may give each
/// its own protection.
pub const ALIGNMENT: u32 = 4096;

/// Bytes of the headers: the first section starts behind them.
pub const HEADERS_LEN: u32 = ALIGNMENT;

/// `Characteristics` of a section with code, and of one with data that may change.
pub const CODE: u32 = 0x6000_0020;
/// See [`CODE`].
pub const DATA: u32 = 0xc000_0040;
const DISCARDABLE: u32 = 0x4200_0040;

/// Where the PE signature is: behind a DOS header and the program that tells DOS what this is not.
const PE_OFFSET: usize = 128;
const COFF_LEN: usize = 24;
const OPTIONAL_LEN: usize = 240;
const SECTION_LEN: usize = 40;

/// Executable, without line numbers, symbols and debug data.
const CHARACTERISTICS: u16 = 0x020e;

/// `TimeDateStamp`: 2015-01-01, which GRUB's own writer has in every image.
const TIME: u32 = 0x54a4_8e00;

/// `Magic` of PE32+, `Subsystem` of an EFI application.
const PE32_PLUS: u16 = 0x20b;
const EFI_APPLICATION: u16 = 10;

/// Stack and heap, reserved and committed; firmware does not ask.
const MEMORY: u64 = 0x1_0000;

/// `NumberOfRvaAndSizes`, and which of them is the base relocation table.
const DIRECTORIES: u32 = 16;
const BASE_RELOCATION: usize = 5;

/// A section to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its name: 8 bytes at most.
    pub name: &'static str,
    /// What it holds; filled up with zeros to [`ALIGNMENT`].
    pub bytes: Vec<u8>,
    /// [`CODE`] or [`DATA`].
    pub characteristics: u32,
}

/// An EFI program to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// `Machine`.
    pub machine: u16,
    /// The address at which it is entered, relative to the start of the file.
    pub entry: u32,
    /// Its sections, one after the other from [`HEADERS_LEN`] on.
    pub sections: Vec<Section>,
    /// The addresses of 8-byte pointers that the loader adds its base to, relative to the start of the file.
    pub pointers: Vec<u32>,
}

impl Program {
    /// The file.
    pub fn to_bytes(mut self) -> Vec<u8> {
        self.pointers.sort_unstable();
        let bytes = relocations::table(&self.pointers, ALIGNMENT as usize);
        self.sections.push(Section { name: ".reloc", bytes, characteristics: DISCARDABLE });
        let rows = self.rows();
        let mut file = self.headers(&rows);
        for (section, (offset, len)) in self.sections.iter().zip(rows) {
            file.extend(&section.bytes);
            file.resize((offset + len) as usize, 0);
        }
        file
    }

    /// Where each section is: offset and length in bytes, in the file and in memory.
    fn rows(&self) -> Vec<(u32, u32)> {
        let mut offset = HEADERS_LEN;
        let place = |section: &Section| {
            let len = (section.bytes.len() as u32).next_multiple_of(ALIGNMENT);
            offset += len;
            (offset - len, len)
        };
        self.sections.iter().map(place).collect()
    }

    fn headers(&self, rows: &[(u32, u32)]) -> Vec<u8> {
        let mut headers = vec![0; HEADERS_LEN as usize];
        headers[..PE_OFFSET].copy_from_slice(&dos_header());
        let (coff, rest) = headers[PE_OFFSET..].split_at_mut(COFF_LEN);
        let (optional, table) = rest.split_at_mut(OPTIONAL_LEN);
        self.fill_coff(coff);
        self.fill_optional(optional, rows);
        for (row, (section, place)) in
            table.chunks_exact_mut(SECTION_LEN).zip(self.sections.iter().zip(rows))
        {
            fill_row(row, section, *place);
        }
        headers
    }

    fn fill_coff(&self, coff: &mut [u8]) {
        let mut put = |at: usize, bytes: &[u8]| coff[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, b"PE\0\0");
        put(4, &self.machine.to_le_bytes());
        put(6, &(self.sections.len() as u16).to_le_bytes());
        put(8, &TIME.to_le_bytes());
        put(20, &(OPTIONAL_LEN as u16).to_le_bytes());
        put(22, &CHARACTERISTICS.to_le_bytes());
    }

    fn fill_optional(&self, optional: &mut [u8], rows: &[(u32, u32)]) {
        let size_of = |kind: u32| -> u32 {
            let sections = self.sections.iter().zip(rows);
            sections.filter(|(s, _)| s.characteristics == kind).map(|(_, (_, len))| len).sum()
        };
        let start_of = |kind: u32| {
            let first = self.sections.iter().position(|s| s.characteristics == kind);
            first.map_or(0, |at| rows[at].0)
        };
        let (relocations, relocations_len) = rows.last().copied().unwrap_or_default();
        let mut put =
            |at: usize, bytes: &[u8]| optional[at..at + bytes.len()].copy_from_slice(bytes);
        put(0, &PE32_PLUS.to_le_bytes());
        put(4, &size_of(CODE).to_le_bytes());
        put(8, &size_of(DATA).to_le_bytes());
        put(16, &self.entry.to_le_bytes());
        put(20, &start_of(CODE).to_le_bytes());
        put(32, &ALIGNMENT.to_le_bytes());
        put(36, &ALIGNMENT.to_le_bytes());
        put(56, &(relocations + relocations_len).to_le_bytes());
        put(60, &HEADERS_LEN.to_le_bytes());
        put(68, &EFI_APPLICATION.to_le_bytes());
        for at in [72, 80, 88, 96] {
            put(at, &MEMORY.to_le_bytes());
        }
        put(108, &DIRECTORIES.to_le_bytes());
        put(112 + 8 * BASE_RELOCATION, &relocations.to_le_bytes());
        put(116 + 8 * BASE_RELOCATION, &relocations_len.to_le_bytes());
    }
}

/// A row of the section table.
fn fill_row(row: &mut [u8], section: &Section, (offset, len): (u32, u32)) {
    let mut put = |at: usize, bytes: &[u8]| row[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, section.name.as_bytes());
    for (at, value) in [(8, len), (12, offset), (16, len), (20, offset)] {
        put(at, &value.to_le_bytes());
    }
    put(36, &section.characteristics.to_le_bytes());
}

/// The DOS header, and the DOS program that every linker puts behind it.
fn dos_header() -> [u8; PE_OFFSET] {
    const HEADER: [(usize, u16); 8] = [
        (0, 0x5a4d),
        (2, 0x90),
        (4, 3),
        (8, 4),
        (12, 0xffff),
        (16, 0xb8),
        (24, 64),
        (60, PE_OFFSET as u16),
    ];
    // push cs; pop ds; mov dx, 14; mov ah, 9; int 0x21 (prints); mov ax, 0x4c01; int 0x21 (ends)
    const CODE: [u8; 14] = *b"\x0e\x1f\xba\x0e\x00\xb4\x09\xcd\x21\xb8\x01\x4c\xcd\x21";
    const TEXT: &[u8] = b"This program cannot be run in DOS mode.\r\r\n$";
    let mut header = [0; PE_OFFSET];
    for (at, value) in HEADER {
        header[at..at + 2].copy_from_slice(&value.to_le_bytes());
    }
    header[64..78].copy_from_slice(&CODE);
    header[78..78 + TEXT.len()].copy_from_slice(TEXT);
    header
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::X86_64;
    use crate::efi::pe::EfiProgram;

    #[test]
    fn what_is_written_is_a_program_for_the_firmware() {
        let section =
            |name, len, characteristics| Section { name, bytes: vec![7; len], characteristics };
        let program = Program {
            machine: X86_64.pe_machine,
            entry: HEADERS_LEN + 4,
            sections: vec![section(".text", 5000, CODE), section(".data", 10, DATA)],
            pointers: vec![0x3000],
        };
        let file = program.to_bytes();
        let read = EfiProgram::parse(&file, &X86_64).expect("firmware would start it");
        let places: Vec<_> = read.sections.iter().map(|s| (&s.name[..], s.offset, s.len)).collect();
        assert_eq!(
            places,
            [(".text", 0x1000, 0x2000), (".data", 0x3000, 0x1000), (".reloc", 0x4000, 0x1000)]
        );
        assert_eq!((read.entry, read.image_size as usize), (0x1004, file.len()));
        assert!(!read.signed);
    }
}
