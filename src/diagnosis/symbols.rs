//! The functions of a kernel by address, from its `vmlinux` or `System.map`: what names the raw
//! addresses of old kernels' traces, and of kernels without CONFIG_KALLSYMS.
//!
//! Sources: `nm`'s output format, the System V ABI's symbol table (decoded by `goblin`), and
//! `kernel/kallsyms.c` for `name+offset/size`. Modules, inlined functions and source lines are left out.

use goblin::container::Ctx;
use goblin::elf::header::Header;
use goblin::elf::section_header::{SHT_SYMTAB, SectionHeader};
use goblin::elf::sym::{STT_FUNC, Symtab};
use thiserror::Error;

/// What is wrong with a file of symbols.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SymbolError {
    /// It is no ELF file, or one whose tables are damaged.
    #[error("not a vmlinux: no ELF file with whole section and symbol tables")]
    NotElf,
    /// It has no symbol table, or one without functions.
    #[error(
        "there are no functions in it: it is stripped, a placeholder, or not the uncompressed kernel"
    )]
    NoFunctions,
}

/// The functions of a kernel.
#[derive(Debug, Clone)]
pub struct Symbols {
    /// Address and name, by address; each address once.
    functions: Vec<(u64, String)>,
}

/// Further behind the last function than this is nothing of it.
const LAST_MAX: u64 = 1 << 16;

impl Symbols {
    /// Reads a `System.map`, as `nm` writes it.
    ///
    /// # Errors
    /// Where there is no function in it.
    pub fn of_system_map(bytes: &[u8]) -> Result<Self, SymbolError> {
        let text = String::from_utf8_lossy(bytes);
        Symbols::new(text.lines().filter_map(|line| {
            let mut words = line.split_whitespace();
            let address = u64::from_str_radix(words.next()?, 16).ok()?;
            let is_code = matches!(words.next()?, "t" | "T" | "w" | "W");
            is_code.then_some((address, words.next()?.to_owned()))
        }))
    }

    /// Reads the symbol table of a `vmlinux`, 32 or 64 bits, of any byte order.
    ///
    /// # Errors
    /// Where it is no ELF file, or has no functions.
    pub fn of_vmlinux(bytes: &[u8]) -> Result<Self, SymbolError> {
        let damaged = |_| SymbolError::NotElf;
        let header: Header = goblin::elf::Elf::parse_header(bytes).map_err(damaged)?;
        let container = header.container().map_err(damaged)?;
        let ctx = Ctx::new(container, header.endianness().map_err(damaged)?);
        let offset = usize::try_from(header.e_shoff).map_err(|_| SymbolError::NotElf)?;
        let count = usize::from(header.e_shnum);
        let sections = SectionHeader::parse(bytes, offset, count, ctx).map_err(damaged)?;
        let table = sections.iter().find(|section| section.sh_type == SHT_SYMTAB);
        let table = table.ok_or(SymbolError::NoFunctions)?;
        let names = sections.get(table.sh_link as usize).ok_or(SymbolError::NotElf)?;
        let range = |section: &SectionHeader| {
            let start = usize::try_from(section.sh_offset).ok()?;
            bytes.get(start..start.checked_add(usize::try_from(section.sh_size).ok()?)?)
        };
        let names = range(names).ok_or(SymbolError::NotElf)?;
        // Not goblin's string table, which takes it for granted that names are UTF-8.
        let name = |at: usize| {
            let name = names.get(at..)?.split(|&b| b == 0).next()?;
            Some(String::from_utf8_lossy(name).into_owned())
        };
        let data = range(table).ok_or(SymbolError::NotElf)?;
        let size = usize::try_from(table.sh_entsize).unwrap_or_default().max(1);
        let symbols = Symtab::parse(data, 0, data.len() / size, ctx).map_err(damaged)?;
        let functions = symbols.iter().filter(|symbol| symbol.st_type() == STT_FUNC);
        Symbols::new(functions.filter_map(|symbol| Some((symbol.st_value, name(symbol.st_name)?))))
    }

    fn new(functions: impl Iterator<Item = (u64, String)>) -> Result<Self, SymbolError> {
        let mut functions: Vec<(u64, String)> =
            functions.filter(|(address, name)| *address != 0 && !name.is_empty()).collect();
        functions.sort();
        functions.dedup_by_key(|(address, _)| *address);
        match functions.is_empty() {
            true => Err(SymbolError::NoFunctions),
            false => Ok(Symbols { functions }),
        }
    }

    /// `do_exit+0x30/0x120`: the function, how far in it, and how far the next one.
    pub fn name(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|(start, _)| *start <= address);
        let (start, name) = self.functions.get(after.checked_sub(1)?)?;
        let offset = address - start;
        match self.functions.get(after) {
            Some((next, _)) => Some(format!("{name}+{offset:#x}/{:#x}", next - start)),
            None => (offset < LAST_MAX).then(|| format!("{name}+{offset:#x}")),
        }
    }

    /// What the raw addresses of a line of a trace are, with the kernel moved by `moved` bytes; `None`
    /// where it has none that is known, or names them itself.
    pub(super) fn line(&self, text: &str, moved: u64) -> Option<String> {
        if text.contains("+0x") {
            return None;
        }
        let named = addresses(text).filter_map(|address| {
            let name = self.name(address.checked_sub(moved)?)?;
            Some(format!("{address:#x} is {name}"))
        });
        let mut named: Vec<String> = named.collect();
        named.dedup();
        (!named.is_empty()).then(|| named.join("; "))
    }
}

/// The words of a line that look like addresses: eight or sixteen hexadecimal digits.
fn addresses(text: &str) -> impl Iterator<Item = u64> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter_map(|word| {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        matches!(digits.len(), 8 | 16).then(|| u64::from_str_radix(digits, 16).ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MAP: &[u8] = b"0000000000000000 A fixed_percpu_data\nffffffff81000000 T _stext\n\
        ffffffff81001000 t do_one_initcall\nffffffff81001200 T kernel_init\nffffffff82000000 D data\n";

    #[test]
    fn addresses_get_the_names_of_a_system_map() {
        let symbols = Symbols::of_system_map(MAP).expect("functions");
        assert_eq!(
            symbols.name(0xffff_ffff_8100_1010).as_deref(),
            Some("do_one_initcall+0x10/0x200")
        );
        assert_eq!(symbols.name(0xffff_ffff_8100_1204).as_deref(), Some("kernel_init+0x4"));
        assert_eq!((symbols.name(0x1000), symbols.name(u64::MAX)), (None, None));
        let line = |text| symbols.line(text, 0x1000_0000);
        let raw = " [<ffffffff91001010>] ? 0xffffffff91001204";
        assert_eq!(
            line(raw).as_deref(),
            Some(
                "0xffffffff91001010 is do_one_initcall+0x10/0x200; 0xffffffff91001204 is kernel_init+0x4"
            )
        );
        assert_eq!(line("[<ffffffff91001010>] do_one_initcall+0x10/0x200"), None);
    }

    #[test]
    fn what_has_no_functions_is_said() {
        assert_eq!(Symbols::of_system_map(b"hello\n").unwrap_err(), SymbolError::NoFunctions);
        assert_eq!(Symbols::of_vmlinux(b"\x7fELF").unwrap_err(), SymbolError::NotElf);
        let stripped = crate::elf::tests::image(2, 0, &[(1, 1, b"\x90", 0)], &[]);
        assert!(Symbols::of_vmlinux(&stripped).is_err());
    }

    /// A 64-bit ELF file of nothing but a symbol table with one function.
    fn vmlinux() -> Vec<u8> {
        let names = b"\0do_exit\0";
        let symbol = [&1u32.to_le_bytes()[..], &[2, 0, 1, 0], &0x1000u64.to_le_bytes(), &[0; 8]];
        let symbol = symbol.concat();
        let section = |kind: u32, link: u32, at: u64, len: u64, entry: u64| {
            let words = [0u64, 0, at, len].map(u64::to_le_bytes).concat();
            let tail = [&link.to_le_bytes()[..], &[0; 4], &[0; 8], &entry.to_le_bytes()].concat();
            [&0u32.to_le_bytes()[..], &kind.to_le_bytes(), &words, &tail].concat()
        };
        let table = [
            section(0, 0, 0, 0, 0),
            section(2, 2, 64, 24, 24),
            section(3, 0, 88, names.len() as u64, 0),
        ];
        let offset = 64 + 24 + names.len() as u64;
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(16, 0);
        header.extend([2, 0, 62, 0, 1, 0, 0, 0]);
        header.extend([0; 16]);
        header.extend(offset.to_le_bytes());
        header.extend([0, 0, 0, 0, 64, 0, 56, 0, 0, 0, 64, 0, 3, 0, 0, 0]);
        [header, symbol, names.to_vec(), table.concat()].concat()
    }

    #[test]
    fn the_symbol_table_of_a_vmlinux_is_read() {
        let symbols = Symbols::of_vmlinux(&vmlinux()).expect("a function");
        assert_eq!(symbols.name(0x1010).as_deref(), Some("do_exit+0x10"));
    }

    proptest! {
        #[test]
        fn damaged_files_are_errors(
            at in 0usize..280, value: u8, cut in 0usize..300
        ) {
            let mut bytes = vmlinux();
            bytes[at] = value;
            bytes.truncate(bytes.len().saturating_sub(cut));
            let _ = Symbols::of_vmlinux(&bytes);
        }
    }
}
