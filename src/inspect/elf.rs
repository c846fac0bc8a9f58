//! An ELF file: a program with what it asks for, a library, or a kernel module.

use super::{Item, signature};
use crate::bytes::le16;
use crate::elf::{Elf, ElfError, Static};
use crate::error::{Result, shown_bytes};
use crate::volume::Window;

/// The largest file that is looked into; a larger one is described by its header alone.
const FILE_MAX: u64 = 1 << 30;

/// The machines that a user may meet, by `e_machine`.
const MACHINES: [(u16, &str); 10] = [
    (3, "i386"),
    (8, "MIPS"),
    (20, "PowerPC"),
    (21, "PowerPC 64"),
    (22, "S/390"),
    (40, "ARM"),
    (62, "x86-64"),
    (183, "AArch64"),
    (243, "RISC-V"),
    (258, "LoongArch"),
];

/// What `e_type` is called.
const TYPES: [(u16, &str); 4] =
    [(1, "relocatable"), (2, "program"), (3, "program or library"), (4, "core dump")];

/// What a module says of itself that is shown, by its key in `.modinfo`.
const MODINFO: [&str; 6] = ["name", "description", "license", "vermagic", "depends", "version"];

pub(super) fn inspect(window: &Window) -> Result<Item> {
    let head = window.bytes(0, 64)?;
    let mut item = Item::new("elf");
    let is_big_endian = head.get(5) == Some(&2);
    let half = |at| le16(&head, at).map_or(0, |v| if is_big_endian { v.swap_bytes() } else { v });
    item = item.fact("class", if head.get(4) == Some(&1) { "32-bit" } else { "64-bit" });
    item = item.fact("machine", machine(half(18)));
    item = item.fact("type", named(&TYPES, half(16)));
    if window.len() > FILE_MAX {
        return Ok(item.fact("note", "too large to be looked into"));
    }
    let bytes = window.bytes(0, FILE_MAX as usize)?;
    match Elf::read(&bytes) {
        Ok(elf) if elf.is_relocatable() => Ok(relocatable(item, &elf, &bytes)),
        Ok(elf) if elf.is_program() => Ok(program(item, &elf)),
        Ok(_) => Ok(item),
        Err(error) => Ok(item.problem(error.to_string())),
    }
}

/// The name of a machine, by `e_machine`.
pub(super) fn machine(number: u16) -> String {
    named(&MACHINES, number)
}

fn named(table: &[(u16, &str)], number: u16) -> String {
    let found = table.iter().find(|(n, _)| *n == number);
    found.map_or_else(|| number.to_string(), |(_, name)| (*name).to_owned())
}

fn program(item: Item, elf: &Elf<'_>) -> Item {
    let texts = |list: Vec<&[u8]>| list.into_iter().map(shown_bytes).collect::<Vec<_>>();
    let item = match elf.static_program() {
        Ok(Static::Fixed) => item.fact("linked", "static"),
        Ok(Static::Pie) if elf.libraries().is_empty() => item.fact("linked", "static PIE"),
        Ok(_) | Err(ElfError::Interpreter(_) | ElfError::Needs(_)) => {
            item.fact("linked", "dynamic")
        }
        Err(error) => item.fact("note", error.to_string()),
    };
    let item = item.fact("interpreter", elf.interpreter().map(shown_bytes).unwrap_or_default());
    let item = item.fact("needed", texts(elf.libraries()));
    item.fact("library path", texts(elf.library_path()))
}

fn relocatable(mut item: Item, elf: &Elf<'_>, bytes: &[u8]) -> Item {
    let Some(modinfo) = elf.section(b".modinfo") else { return item };
    item.kind = "module";
    for key in MODINFO {
        let fields = modinfo.split(|&b| b == 0).map(shown_bytes);
        let value = |field: String| Some(field.strip_prefix(key)?.strip_prefix('=')?.to_owned());
        item = item.fact(key, fields.filter_map(value).next().unwrap_or_default());
    }
    signature::add_of_module(item, bytes)
}
