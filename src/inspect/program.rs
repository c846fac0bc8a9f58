//! A PE file: an EFI program, a unified kernel image with its sections, a GRUB core image.

use super::{Item, content};
use crate::arch::X86_64;
use crate::efi::header::Headers;
use crate::efi::pe::EfiProgram;
use crate::error::{Result, shown_bytes};
use crate::grub::embedded::Embedded;
use crate::volume::Window;

/// The machines that UEFI knows (PE/COFF `IMAGE_FILE_MACHINE_*`).
const MACHINES: [(u16, &str); 7] = [
    (0x14c, "i386"),
    (0x1c2, "ARM Thumb"),
    (0x200, "Itanium"),
    (0x5064, "RISC-V 64"),
    (0x6264, "LoongArch 64"),
    (0x8664, "x86-64"),
    (0xaa64, "AArch64"),
];

/// The subsystems of UEFI.
const SUBSYSTEMS: [(u16, &str); 4] = [
    (10, "EFI application"),
    (11, "EFI boot service driver"),
    (12, "EFI runtime driver"),
    (13, "EFI ROM"),
];

/// Sections of a unified kernel image that are text (UAPI.5).
const TEXTS: [&str; 5] = [".osrel", ".cmdline", ".uname", ".sbat", ".pcrpkey"];

/// Sections of a unified kernel image that are looked into.
const FILES: [&str; 4] = [".linux", ".initrd", ".ucode", ".dtb"];

/// The longest text that is shown.
const TEXT_MAX: usize = 16 << 10;

/// The largest GRUB core image that is read.
const GRUB_MAX: usize = 64 << 20;

pub(super) fn inspect(window: &Window, depth: usize) -> Result<Item> {
    let headers = match Headers::read(window) {
        Ok(headers) => headers,
        Err(error) => return Ok(Item::new("pe").problem(error.to_string())),
    };
    let has = |name: &str| headers.sections.iter().any(|section| section.name == name);
    let is_efi = SUBSYSTEMS.iter().any(|(number, _)| *number == headers.subsystem);
    let mut item = Item::new(match (has(".linux"), has("mods"), is_efi) {
        (true, ..) => "uki",
        (_, true, _) => "grub",
        (_, _, true) => "efi-program",
        _ => "pe",
    });
    item = item.fact("machine", named(&MACHINES, headers.machine));
    item = item.fact("subsystem", named(&SUBSYSTEMS, headers.subsystem));
    item = item.fact("signatures", headers.signatures.len() as u64);
    let is_uki = item.kind == "uki";
    for name in TEXTS.iter().filter(|name| is_uki || **name == ".sbat") {
        item = text(item, &headers, window, name)?;
    }
    if item.kind == "grub" {
        item = grub(item, window)?;
    }
    for section in &headers.sections {
        let part = window.part(section.offset.into(), section.len.min(section.size).into());
        let mut found = match is_uki && FILES.contains(&&*section.name) {
            true => content(&section.name, &part, depth + 1)?,
            false => Item::new("section").named(section.name.clone()),
        };
        (found.offset, found.size) = (Some(section.offset.into()), Some(section.len.into()));
        if u64::from(section.offset) + u64::from(section.len) > window.len() {
            found = found.problem("it reaches past the end of the file");
        }
        item = item.child(found);
    }
    Ok(item)
}

fn named(table: &[(u16, &str)], number: u16) -> String {
    let found = table.iter().find(|(n, _)| *n == number);
    found.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}

/// Adds a section of text.
fn text(item: Item, headers: &Headers, window: &Window, name: &'static str) -> Result<Item> {
    let Some(section) = headers.section(window, name) else { return Ok(item) };
    let bytes = section.bytes(0, TEXT_MAX)?;
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    let lines = text.split(|&b| b == b'\n').map(shown_bytes).filter(|line| !line.is_empty());
    Ok(item.fact(name.trim_start_matches('.'), lines.collect::<Vec<_>>().join("\n")))
}

/// What is embedded in a GRUB core image.
fn grub(item: Item, window: &Window) -> Result<Item> {
    let bytes = window.bytes(0, GRUB_MAX)?;
    let found =
        EfiProgram::parse(&bytes, &X86_64).map(|program| Embedded::read(&bytes, &program, &X86_64));
    Ok(match found {
        Ok(Some(embedded)) => item
            .fact("prefix", embedded.prefix.unwrap_or_default())
            .fact("embedded config", lines(&embedded.config.unwrap_or_default()))
            .fact("memdisk", embedded.memdisk)
            .fact("modules", embedded.modules),
        Ok(None) => item.problem("its `mods` section is not GRUB's"),
        Err(error) => item.problem(error.to_string()),
    })
}

/// Text of several lines with everything odd in it escaped.
fn lines(text: &str) -> String {
    text.lines().map(|line| shown_bytes(line.as_bytes())).collect::<Vec<_>>().join("\n")
}
