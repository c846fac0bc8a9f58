//! GRUB's `kernel.img`, linked: an ELF object in, code and data at the addresses that an EFI program gives
//! them out.
//!
//! Sources: System V ABI, chapter 4, and its AMD64 supplement §4.4 (relocation types); `goblin` decodes
//! the structures. What GRUB's build for EFI uses is applied: 64-bit addresses, which the firmware moves,
//! and 32-bit distances, which it need not; anything else is an error with its number.

use goblin::elf::reloc::{R_X86_64_64, R_X86_64_PC32, R_X86_64_PLT32};
use goblin::elf::section_header::{SHF_ALLOC, SHF_EXECINSTR, SHN_ABS, SHN_UNDEF, SHT_NOBITS};
use goblin::elf::{Reloc, SectionHeader, Sym};

use crate::arch::Arch;
use crate::efi::program::{ALIGNMENT, HEADERS_LEN};
use crate::elf::{Elf, ElfError};

/// The most memory that code and data may take: GRUB's own have 120 KiB.
const LEN_MAX: u64 = 16 << 20;

/// Where GRUB is entered.
const ENTRY: &str = "_start";

/// Why `kernel.img` cannot be linked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// No ELF object of this machine.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// A program or a library.
    #[error("it is linked already: kernel.img of an EFI platform is a relocatable object")]
    Linked,
    /// Something that contradicts itself.
    #[error("its {0} is damaged")]
    Damaged(&'static str),
    /// More than any kernel.img has.
    #[error("its sections take {0} bytes of memory")]
    Large(u64),
    /// A name that nothing has.
    #[error("it needs the symbol `{0}`, which it does not have")]
    Undefined(String),
    /// A relocation that is not known here.
    #[error("its relocation at {offset:#x} has type {kind}, which is not supported")]
    Relocation {
        /// The address in its section.
        offset: u64,
        /// The type of the AMD64 supplement.
        kind: u32,
    },
    /// A distance that does not fit into 32 bits.
    #[error("the target of its relocation at {0:#x} is too far away")]
    Far(u64),
    /// No `_start`.
    #[error("it has no symbol `_start`")]
    NoEntry,
}

/// Code and data with every address in them filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelImage {
    /// Code, from [`HEADERS_LEN`] on; whole pages.
    pub code: Vec<u8>,
    /// Constants and variables behind it, those that start as zero too; whole pages.
    pub data: Vec<u8>,
    /// The address of `_start`.
    pub entry: u32,
    /// The addresses of the pointers that the firmware moves.
    pub pointers: Vec<u32>,
}

impl KernelImage {
    /// Links the object.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn link(object: &[u8], arch: &Arch) -> Result<Self, LinkError> {
        if !Elf::parse(object, arch)?.is_relocatable() {
            return Err(LinkError::Linked);
        }
        let elf =
            goblin::elf::Elf::parse(object).map_err(|_| LinkError::Damaged("symbol table"))?;
        let places = Places::new(&elf.section_headers)?;
        let mut memory = places.filled(&elf.section_headers, object)?;
        let mut pointers = Vec::new();
        for (index, relocations) in &elf.shdr_relocs {
            let target = elf.section_headers.get(*index).map(|s| s.sh_info as usize);
            let Some(base) = target.and_then(|target| places.of(target)) else { continue };
            for relocation in relocations.iter() {
                let symbol = places.value_of(&elf, relocation.r_sym)?;
                let at = base
                    .checked_add(relocation.r_offset)
                    .ok_or(LinkError::Damaged("relocation table"))?;
                apply(&mut memory, at, symbol, &relocation)?;
                if relocation.r_type == R_X86_64_64 {
                    pointers.push(at as u32);
                }
            }
        }
        let is_entry = |sym: &Sym| elf.strtab.get_at(sym.st_name) == Some(ENTRY);
        let entry = elf.syms.iter().find(is_entry).ok_or(LinkError::NoEntry)?;
        let entry = places.value(&entry).ok_or(LinkError::NoEntry)? as u32;
        let data = memory.split_off((places.data - u64::from(HEADERS_LEN)) as usize);
        Ok(KernelImage { code: memory, data, entry, pointers })
    }
}

/// Where the sections are loaded.
struct Places {
    /// The address of each section, in the order of the table; `None` for those that are not loaded.
    sections: Vec<Option<u64>>,
    /// Where data starts, and where all ends: at pages.
    data: u64,
    end: u64,
}

impl Places {
    /// Code first, then constants and variables, then what starts as zero: each in the order of the table.
    fn new(headers: &[SectionHeader]) -> Result<Self, LinkError> {
        let kind = |s: &SectionHeader| match (s.sh_flags as u32 & SHF_EXECINSTR, s.sh_type) {
            (0, SHT_NOBITS) => 2,
            (0, _) => 1,
            _ => 0,
        };
        let mut places =
            Places { sections: vec![None; headers.len()], data: 0, end: HEADERS_LEN.into() };
        for wanted in 0..3 {
            for (place, section) in places.sections.iter_mut().zip(headers) {
                if section.sh_flags as u32 & SHF_ALLOC != 0 && kind(section) == wanted {
                    let alignment = section.sh_addralign.clamp(1, ALIGNMENT.into());
                    let start = places.end.next_multiple_of(alignment);
                    *place = Some(start);
                    places.end = start.saturating_add(section.sh_size);
                    if places.end > LEN_MAX {
                        return Err(LinkError::Large(places.end));
                    }
                }
            }
            if wanted != 1 {
                places.end = places.end.next_multiple_of(ALIGNMENT.into());
            }
            if wanted == 0 {
                places.data = places.end;
            }
        }
        Ok(places)
    }

    fn of(&self, section: usize) -> Option<u64> {
        *self.sections.get(section)?
    }

    /// The sections' bytes at their places, from the end of the headers on.
    fn filled(&self, headers: &[SectionHeader], object: &[u8]) -> Result<Vec<u8>, LinkError> {
        let start = u64::from(HEADERS_LEN);
        let mut memory = vec![0; (self.end - start) as usize];
        for (place, section) in self.sections.iter().zip(headers) {
            let (Some(place), Some(range)) = (place, section.file_range()) else { continue };
            let bytes = object.get(range).ok_or(LinkError::Damaged("section table"))?;
            let at = (place - start) as usize;
            memory[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Ok(memory)
    }

    /// The address of a symbol; `None` for one of a section that is not loaded.
    fn value(&self, symbol: &Sym) -> Option<u64> {
        match symbol.st_shndx as u32 {
            SHN_ABS => Some(symbol.st_value),
            _ => self.of(symbol.st_shndx)?.checked_add(symbol.st_value),
        }
    }

    fn value_of(&self, elf: &goblin::elf::Elf<'_>, index: usize) -> Result<u64, LinkError> {
        let symbol = elf.syms.get(index).ok_or(LinkError::Damaged("relocation table"))?;
        // The first symbol stands for none.
        if index == 0 && symbol.st_shndx as u32 == SHN_UNDEF {
            return Ok(0);
        }
        let name = || elf.strtab.get_at(symbol.st_name).unwrap_or("?").to_owned();
        self.value(&symbol).ok_or_else(|| LinkError::Undefined(name()))
    }
}

/// Fills an address or a distance in: S + A, or S + A - P in the words of the ABI.
fn apply(memory: &mut [u8], at: u64, symbol: u64, relocation: &Reloc) -> Result<(), LinkError> {
    let target = symbol.wrapping_add_signed(relocation.r_addend.unwrap_or(0));
    let mut put = |bytes: &[u8]| {
        let start = at.checked_sub(HEADERS_LEN.into()).and_then(|at| usize::try_from(at).ok());
        let place = start.and_then(|start| memory.get_mut(start..)?.get_mut(..bytes.len()));
        place
            .map(|place| place.copy_from_slice(bytes))
            .ok_or(LinkError::Damaged("relocation table"))
    };
    match relocation.r_type {
        R_X86_64_64 => put(&target.to_le_bytes()),
        R_X86_64_PC32 | R_X86_64_PLT32 => {
            let distance = i32::try_from(target.wrapping_sub(at) as i64);
            put(&distance.map_err(|_| LinkError::Far(relocation.r_offset))?.to_le_bytes())
        }
        kind => Err(LinkError::Relocation { offset: relocation.r_offset, kind }),
    }
}

#[cfg(test)]
mod tests;
