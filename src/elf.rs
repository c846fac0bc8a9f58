//! ELF as far as the questions go that are asked before a file is placed: for which machine it is,
//! whether it is all there, what it asks for when it is started, and what a named section holds.
//!
//! Source: the System V ABI, chapter 4 and 5; `goblin` decodes the structures. Files for other machines,
//! of 32 bits and big-endian ones are read too, for looking at them; symbols, relocations and versions are not.

use goblin::container::{Container, Ctx, Endian};
use goblin::elf::dynamic::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB};
use goblin::elf::header::{
    EI_CLASS, EI_DATA, ELFCLASS32, ELFCLASS64, ELFDATA2LSB, ELFDATA2MSB, ELFMAG,
};
use goblin::elf::header::{ET_DYN, ET_EXEC, ET_REL, Header};
use goblin::elf::program_header::{PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, ProgramHeader};
use goblin::elf::section_header::{SHT_NOBITS, SectionHeader};

use crate::arch::Arch;
use crate::bytes::{le32, le64};
use crate::error::shown_bytes;

/// Why an ELF file is not what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ElfError {
    /// Another kind of file.
    #[error("it is not an ELF file")]
    NotElf,
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// Starts with `#!`.
    #[error("it is a script for `{0}`, not a program")]
    Script(String),
    /// 32-bit or big-endian.
    #[error("it is a 32-bit or big-endian ELF file")]
    Class,
    /// For other machines.
    #[error("it is for ELF machine {found}, not for {arch} (machine {wanted})")]
    Machine {
        /// `e_machine`.
        found: u16,
        /// That of the architecture.
        wanted: u16,
        /// The architecture.
        arch: &'static str,
    },
    /// The end is missing.
    #[error("it is truncated: it has {has} bytes and needs {needs}")]
    Truncated {
        /// Bytes that are there.
        has: u64,
        /// Bytes that its headers speak of.
        needs: u64,
    },
    /// A header that contradicts itself.
    #[error("its {0} is damaged")]
    Damaged(&'static str),
    /// `e_type` says something else.
    #[error("it is no {wanted} (its ELF type is {found})")]
    Type {
        /// `e_type`.
        found: u16,
        /// What was asked for.
        wanted: &'static str,
    },
    /// A program that starts through an interpreter.
    #[error("it is dynamically linked (asks for {0}), which the image does not have")]
    Interpreter(String),
    /// A program that needs a library.
    #[error("it is dynamically linked (needs {0}), which the image does not have")]
    Needs(String),
    /// Nothing to run.
    #[error("its entry point {0:#x} is in no part that is loaded as code")]
    Entry(u64),
}

/// How a static program is placed in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Static {
    /// At the addresses that it was linked for.
    Fixed,
    /// Anywhere: a static PIE. The kernel loads it without an interpreter; it must relocate itself,
    /// as those of glibc and musl do, which cannot be seen from outside.
    Pie,
}

/// An ELF file whose headers are there.
#[derive(Debug)]
pub struct Elf<'a> {
    bytes: &'a [u8],
    header: Header,
    /// Its word size and byte order.
    ctx: Ctx,
    programs: Vec<ProgramHeader>,
    sections: Vec<SectionHeader>,
}

impl<'a> Elf<'a> {
    /// Reads the headers of a 64-bit little-endian file for an architecture; everything that they speak of
    /// must be there.
    ///
    /// # Errors
    /// Where it is no such file, for another machine, damaged or truncated.
    pub fn parse(bytes: &'a [u8], arch: &Arch) -> Result<Self, ElfError> {
        let ctx = identify(bytes)?;
        if !ctx.container.is_big() || !ctx.le.is_little() {
            return Err(ElfError::Class);
        }
        let header = header(bytes)?;
        if header.e_machine != arch.elf_machine {
            let (found, wanted) = (header.e_machine, arch.elf_machine);
            return Err(ElfError::Machine { found, wanted, arch: arch.name });
        }
        Elf::whole(bytes, header, ctx)
    }

    /// The same of a file for any machine.
    ///
    /// # Errors
    /// Where it is no ELF file, damaged or truncated.
    pub fn read(bytes: &'a [u8]) -> Result<Self, ElfError> {
        let ctx = identify(bytes)?;
        Elf::whole(bytes, header(bytes)?, ctx)
    }

    fn whole(bytes: &'a [u8], header: Header, ctx: Ctx) -> Result<Self, ElfError> {
        let truncated = |needs| ElfError::Truncated { has: bytes.len() as u64, needs };
        let (ph, sh) = (Table::programs(&header, ctx), Table::sections(&header, ctx));
        match ph.end().max(sh.end()) {
            needs if needs > bytes.len() as u64 => return Err(truncated(needs)),
            _ => {}
        }
        let programs = ProgramHeader::parse(bytes, ph.offset as usize, ph.count as usize, ctx)
            .map_err(|_| ElfError::Damaged("program header table"))?;
        let sections = SectionHeader::parse(bytes, sh.offset as usize, sh.count as usize, ctx)
            .map_err(|_| ElfError::Damaged("section header table"))?;
        let elf = Elf { bytes, header, ctx, programs, sections };
        match elf.needs() {
            needs if needs > bytes.len() as u64 => Err(truncated(needs)),
            _ => Ok(elf),
        }
    }

    /// `e_machine`.
    pub fn machine(&self) -> u16 {
        self.header.e_machine
    }

    /// Whether it is a relocatable object, as kernel modules are.
    pub fn is_relocatable(&self) -> bool {
        self.header.e_type == ET_REL
    }

    /// Whether it is a program (or a library, which looks the same).
    pub fn is_program(&self) -> bool {
        matches!(self.header.e_type, ET_EXEC | ET_DYN)
    }

    /// What the section of this name holds.
    pub fn section(&self, name: &[u8]) -> Option<&'a [u8]> {
        let names = self.range(self.sections.get(usize::from(self.header.e_shstrndx))?)?;
        let named = |s: &&SectionHeader| {
            let rest = names.get(s.sh_name..).unwrap_or_default();
            rest.strip_prefix(name).is_some_and(|after| after.first() == Some(&0))
        };
        self.range(self.sections.iter().find(named)?)
    }

    /// How a program that needs nothing else is linked.
    ///
    /// # Errors
    /// Where it is no program, asks for an interpreter or a library, or has no code.
    pub fn static_program(&self) -> Result<Static, ElfError> {
        let linked = match self.header.e_type {
            ET_EXEC => Static::Fixed,
            ET_DYN => Static::Pie,
            found => return Err(ElfError::Type { found, wanted: "program" }),
        };
        if let Some(path) = self.segment(PT_INTERP) {
            return Err(ElfError::Interpreter(until_nul(path)));
        }
        if let Some(library) = self.needed() {
            return Err(ElfError::Needs(library));
        }
        let entry = self.header.e_entry;
        let holds = |p: &ProgramHeader| {
            let code = p.p_type == PT_LOAD && p.p_flags & PF_X != 0;
            code && entry.checked_sub(p.p_vaddr).is_some_and(|at| at < p.p_filesz)
        };
        match self.programs.iter().any(holds) {
            true => Ok(linked),
            false => Err(ElfError::Entry(entry)),
        }
    }

    /// The program that starts it, where it is not static: an absolute path.
    pub fn interpreter(&self) -> Option<&'a [u8]> {
        let path = self.segment(PT_INTERP)?;
        path.split(|&b| b == 0).next()
    }

    /// The libraries that it asks for by name, in order.
    pub fn libraries(&self) -> Vec<&'a [u8]> {
        self.dynamic(DT_NEEDED)
    }

    /// Where it wants them looked for: `DT_RUNPATH`, or the older `DT_RPATH`; `$ORIGIN` is kept.
    pub fn library_path(&self) -> Vec<&'a [u8]> {
        let mut lists = self.dynamic(DT_RUNPATH);
        if lists.is_empty() {
            lists = self.dynamic(DT_RPATH);
        }
        lists.into_iter().flat_map(|list| list.split(|&b| b == b':')).collect()
    }

    /// The first library that the dynamic section names.
    fn needed(&self) -> Option<String> {
        self.libraries().first().map(|name| until_nul(name))
    }

    /// The texts that the dynamic section has under a tag; `?` for one that is not where it should be.
    fn dynamic(&self, tag: u64) -> Vec<&'a [u8]> {
        let dynamic = self.segment(PT_DYNAMIC).unwrap_or_default();
        let word = if self.ctx.container.is_big() { 8 } else { 4 };
        let values = |tag| {
            let entries = dynamic.chunks_exact(2 * word);
            let is = move |e: &&[u8]| self.word(e, 0) == Some(tag);
            entries.filter(is).filter_map(move |e| self.word(e, word))
        };
        let table = values(DT_STRTAB).next().zip(values(DT_STRSZ).next());
        let texts = table.and_then(|(at, size)| self.loaded(at, size)).unwrap_or_default();
        let text = |at: u64| -> Option<&'a [u8]> {
            texts.get(usize::try_from(at).ok()?..)?.split(|&b| b == 0).next()
        };
        values(tag).map(|at| text(at).unwrap_or(b"?")).collect()
    }

    /// The number at an offset, as wide as the file's addresses.
    fn word(&self, bytes: &[u8], at: usize) -> Option<u64> {
        match (self.ctx.container.is_big(), self.ctx.le.is_little()) {
            (true, true) => le64(bytes, at),
            (true, false) => le64(bytes, at).map(u64::swap_bytes),
            (false, true) => le32(bytes, at).map(u64::from),
            (false, false) => le32(bytes, at).map(|value| value.swap_bytes().into()),
        }
    }

    /// The bytes that are loaded at an address.
    fn loaded(&self, address: u64, len: u64) -> Option<&'a [u8]> {
        let holds = |p: &&ProgramHeader| {
            p.p_type == PT_LOAD && address.checked_sub(p.p_vaddr).is_some_and(|at| at < p.p_filesz)
        };
        let segment = self.programs.iter().find(holds)?;
        slice(self.bytes, segment.p_offset.checked_add(address - segment.p_vaddr)?, len)
    }

    fn segment(&self, kind: u32) -> Option<&'a [u8]> {
        let found = self.programs.iter().find(|p| p.p_type == kind)?;
        slice(self.bytes, found.p_offset, found.p_filesz)
    }

    fn range(&self, section: &SectionHeader) -> Option<&'a [u8]> {
        match section.sh_type {
            SHT_NOBITS => None,
            _ => slice(self.bytes, section.sh_offset, section.sh_size),
        }
    }

    /// Where the last byte is that a header speaks of.
    fn needs(&self) -> u64 {
        let programs = self.programs.iter().map(|p| p.p_offset.saturating_add(p.p_filesz));
        let in_file = |s: &&SectionHeader| s.sh_type != SHT_NOBITS;
        let sections = self.sections.iter().filter(in_file);
        let sections = sections.map(|s| s.sh_offset.saturating_add(s.sh_size));
        programs.chain(sections).max().unwrap_or(0)
    }
}

/// A header table: where it is and how many entries of which size it has.
struct Table {
    offset: u64,
    count: u64,
    entry: u64,
}

impl Table {
    fn programs(header: &Header, ctx: Ctx) -> Self {
        let (offset, count) = (header.e_phoff, header.e_phnum.into());
        Table { offset, count, entry: ProgramHeader::size(ctx) as u64 }
    }

    fn sections(header: &Header, ctx: Ctx) -> Self {
        let (offset, count) = (header.e_shoff, header.e_shnum.into());
        Table { offset, count, entry: SectionHeader::size(ctx) as u64 }
    }

    fn end(&self) -> u64 {
        match self.count {
            0 => 0,
            count => self.offset.saturating_add(count * self.entry),
        }
    }
}

fn header(bytes: &[u8]) -> Result<Header, ElfError> {
    let truncated = |_| ElfError::Truncated { has: bytes.len() as u64, needs: 64 };
    goblin::elf::Elf::parse_header(bytes).map_err(truncated)
}

/// What the first bytes say: word size and byte order.
fn identify(bytes: &[u8]) -> Result<Ctx, ElfError> {
    if bytes.is_empty() {
        return Err(ElfError::Empty);
    }
    if let Some(line) = bytes.strip_prefix(b"#!") {
        let line = line.split(|&b| b == b'\n').next().unwrap_or_default();
        // The kernel reads no more than 255 bytes of it either.
        let line = &line[..line.len().min(255)];
        return Err(ElfError::Script(shown_bytes(line.trim_ascii())));
    }
    if !bytes.starts_with(ELFMAG) {
        return Err(ElfError::NotElf);
    }
    let (Some(&class), Some(&data)) = (bytes.get(EI_CLASS), bytes.get(EI_DATA)) else {
        return Err(ElfError::Truncated { has: bytes.len() as u64, needs: 64 });
    };
    let container = match class {
        ELFCLASS64 => Container::Big,
        ELFCLASS32 => Container::Little,
        _ => return Err(ElfError::Class),
    };
    let order = match data {
        ELFDATA2LSB => Endian::Little,
        ELFDATA2MSB => Endian::Big,
        _ => return Err(ElfError::Class),
    };
    Ok(Ctx::new(container, order))
}

fn slice(bytes: &[u8], offset: u64, len: u64) -> Option<&[u8]> {
    let start = usize::try_from(offset).ok()?;
    bytes.get(start..start.checked_add(usize::try_from(len).ok()?)?)
}

/// Text that ends at a NUL, short enough for a message.
fn until_nul(bytes: &[u8]) -> String {
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    shown_bytes(&text[..text.len().min(255)])
}

#[cfg(test)]
pub(crate) mod tests;
