//! What a program or library says to the dynamic loader (System V ABI, chapter 5): read in ranges, so
//! that a large file is not read as a whole.

use goblin::container::{Container, Ctx};
use goblin::elf::dynamic::{DT_NEEDED, DT_NULL, DT_RPATH, DT_RUNPATH, DT_SONAME, DT_STRTAB};
use goblin::elf::program_header::{PT_DYNAMIC, PT_INTERP, PT_LOAD, ProgramHeader};

use crate::error::Result;
use crate::tree::{Content, ContentReader};

/// The longest string that is read (`PATH_MAX`).
const MAX_STRING: u64 = 4096;
/// The largest dynamic section, in bytes.
const MAX_DYNAMIC: u64 = 1 << 20;
/// The most libraries that one file may need.
const MAX_NEEDED: usize = 4096;

/// What is wrong with an ELF file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ObjectError {
    /// A header or table that contradicts itself or reaches past the end.
    #[error("its {0} is damaged")]
    Damaged(&'static str),
}

/// For which machine a file is: only files of one kind load each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Machine {
    /// `e_machine`.
    pub(super) number: u16,
    /// 64-bit.
    pub(super) is_64: bool,
    /// Little-endian.
    pub(super) is_little: bool,
}

/// What the loader reads of a file.
#[derive(Debug, Clone)]
pub(super) struct Object {
    pub(super) machine: Machine,
    pub(super) interpreter: Option<Vec<u8>>,
    pub(super) needed: Vec<Vec<u8>>,
    pub(super) rpath: Option<Vec<u8>>,
    pub(super) runpath: Option<Vec<u8>>,
    pub(super) soname: Option<Vec<u8>>,
}

impl Object {
    /// Reads an ELF file; `None` where it is another kind of file.
    pub(super) fn read(content: &Content) -> Result<Option<Object>> {
        let reader = content.open()?;
        let mut start = [0; 64];
        let n = reader.read_at(&mut start, 0)?;
        if !start[..n].starts_with(b"\x7fELF") {
            return Ok(None);
        }
        let damaged = |_| ObjectError::Damaged("ELF header");
        let header = goblin::elf::Elf::parse_header(&start).map_err(damaged)?;
        let ctx =
            Ctx::new(header.container().map_err(damaged)?, header.endianness().map_err(damaged)?);
        let machine = Machine {
            number: header.e_machine,
            is_64: ctx.container == Container::Big,
            is_little: ctx.le.is_little(),
        };
        let size = ProgramHeader::size(ctx) * usize::from(header.e_phnum);
        let table = range(&reader, header.e_phoff, size as u64, "program header table")?;
        let programs = ProgramHeader::parse(&table, 0, header.e_phnum.into(), ctx)
            .map_err(|_| ObjectError::Damaged("program header table"))?;
        let file = File { reader, machine, programs };
        file.object().map(Some)
    }
}

/// An open file whose program headers were read.
struct File<'a> {
    reader: ContentReader<'a>,
    machine: Machine,
    programs: Vec<ProgramHeader>,
}

impl File<'_> {
    fn object(&self) -> Result<Object> {
        let interpreter = match self.segment(PT_INTERP) {
            Some(p) => {
                let text =
                    range(&self.reader, p.p_offset, p.p_filesz.min(MAX_STRING), "interpreter")?;
                Some(until_nul(&text).to_vec())
            }
            None => None,
        };
        let entries = self.dynamic()?;
        let strings = |tag: u64| {
            let of_tag = entries.iter().filter(move |(t, _)| *t == tag);
            of_tag.take(MAX_NEEDED).map(|&(_, offset)| self.string(&entries, offset))
        };
        let one = |tag| strings(tag).next().transpose();
        Ok(Object {
            machine: self.machine,
            interpreter,
            needed: strings(DT_NEEDED).collect::<Result<_>>()?,
            rpath: one(DT_RPATH)?,
            runpath: one(DT_RUNPATH)?,
            soname: one(DT_SONAME)?,
        })
    }

    fn segment(&self, kind: u32) -> Option<&ProgramHeader> {
        self.programs.iter().find(|p| p.p_type == kind)
    }

    /// Tags and values of the dynamic section; none where it is static.
    fn dynamic(&self) -> Result<Vec<(u64, u64)>> {
        let Some(p) = self.segment(PT_DYNAMIC) else { return Ok(Vec::new()) };
        if p.p_filesz > MAX_DYNAMIC {
            return Err(ObjectError::Damaged("dynamic section").into());
        }
        let bytes = range(&self.reader, p.p_offset, p.p_filesz, "dynamic section")?;
        let width = if self.machine.is_64 { 8 } else { 4 };
        let entries = bytes.chunks_exact(2 * width).map(|entry| {
            let (tag, value) = entry.split_at(width);
            (self.word(tag), self.word(value))
        });
        Ok(entries.take_while(|(tag, _)| *tag != DT_NULL).collect())
    }

    fn word(&self, bytes: &[u8]) -> u64 {
        let add = |n: u64, &b: &u8| n << 8 | u64::from(b);
        match self.machine.is_little {
            true => bytes.iter().rev().fold(0, add),
            false => bytes.iter().fold(0, add),
        }
    }

    /// The string at an offset of the table that the entries name.
    fn string(&self, entries: &[(u64, u64)], offset: u64) -> Result<Vec<u8>> {
        let damaged = ObjectError::Damaged("table of strings");
        let table = entries.iter().find(|(tag, _)| *tag == DT_STRTAB);
        let address =
            table.and_then(|(_, table)| table.checked_add(offset)).ok_or(damaged.clone())?;
        let holds = |p: &&ProgramHeader| {
            p.p_type == PT_LOAD && address.checked_sub(p.p_vaddr).is_some_and(|at| at < p.p_filesz)
        };
        let p = self.programs.iter().find(holds).ok_or(damaged.clone())?;
        let at = (address - p.p_vaddr).checked_add(p.p_offset).ok_or(damaged.clone())?;
        let mut bytes = vec![0; MAX_STRING as usize];
        let n = self.reader.read_at(&mut bytes, at)?;
        match bytes[..n].contains(&0) {
            true => Ok(until_nul(&bytes[..n]).to_vec()),
            false => Err(damaged.into()),
        }
    }
}

/// A range of a file that has to be there.
fn range(reader: &ContentReader<'_>, at: u64, len: u64, what: &'static str) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len as usize];
    match reader.read_at(&mut bytes, at)? as u64 == len {
        true => Ok(bytes),
        false => Err(ObjectError::Damaged(what).into()),
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|&b| b == 0).next().unwrap_or_default()
}
