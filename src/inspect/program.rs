//! A PE file: an EFI program, a unified kernel image with its sections, a GRUB core image.

use super::{Item, content, signature};
use crate::efi::header::Headers;
use crate::error::{Result, shown_bytes};
use crate::fs::FileSystem;
use crate::grub::embedded::Embedded;
use crate::grub::script::Script;
use crate::tree::TreePath;
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
const TEXTS: [&str; 5] = [".osrel", ".cmdline", ".uname", ".profile", ".pcrpkey"];

/// The section with the components that can be revoked by their generation, in every signed program.
const SBAT: &str = ".sbat";

/// Sections of a unified kernel image that are looked into.
const FILES: [&str; 6] = [".linux", ".initrd", ".ucode", ".dtb", ".splash", ".pcrsig"];

/// What systemd's programs say of themselves stands between these in `.sdmagic`.
const SDMAGIC: [&str; 2] = ["#### LoaderInfo: ", " ####"];

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
    item = item.fact("program", title(&headers, window)?);
    item = item.fact("machine", named(&MACHINES, headers.machine));
    item = item.fact("subsystem", named(&SUBSYSTEMS, headers.subsystem));
    let is_uki = item.kind == "uki";
    for name in TEXTS.into_iter().filter(|_| is_uki) {
        item = item.fact(name.trim_start_matches('.'), text(&headers, window, name)?);
    }
    item = item.fact("sbat", text(&headers, window, SBAT)?);
    if item.kind == "grub" {
        item = grub(item, &headers, window, depth)?;
    }
    item = signature::add(item, &headers, window)?;
    sections(item, &headers, window, depth)
}

fn named(table: &[(u16, &str)], number: u16) -> String {
    let found = table.iter().find(|(n, _)| *n == number);
    found.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}

/// What the program calls itself: systemd's in a section of its own, others in the last line of their
/// SBAT, which is that of the distribution.
fn title(headers: &Headers, window: &Window) -> Result<String> {
    let magic = text(headers, window, ".sdmagic")?;
    let magic = magic.strip_prefix(SDMAGIC[0]).and_then(|rest| rest.strip_suffix(SDMAGIC[1]));
    if let Some(name) = magic {
        return Ok(name.to_owned());
    }
    let sbat = text(headers, window, SBAT)?;
    let row = sbat.lines().rfind(|row| !row.starts_with("sbat,"));
    let fields: Vec<_> = row.unwrap_or_default().split(',').collect();
    Ok(match fields[..] {
        [_, _, vendor, package, version, ..] => format!("{package} {version} ({vendor})"),
        _ => String::new(),
    })
}

/// A section of text; empty where there is none.
fn text(headers: &Headers, window: &Window, name: &str) -> Result<String> {
    let Some(section) = headers.section(window, name) else { return Ok(String::new()) };
    let bytes = section.bytes(0, TEXT_MAX)?;
    let text = bytes.split(|&b| b == 0).next().unwrap_or_default();
    let lines = text.split(|&b| b == b'\n').map(shown_bytes).filter(|line| !line.is_empty());
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

/// Adds the sections; those of a unified kernel image are looked into.
fn sections(mut item: Item, headers: &Headers, window: &Window, depth: usize) -> Result<Item> {
    let is_uki = item.kind == "uki";
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

/// What is embedded in a GRUB core image.
fn grub(item: Item, headers: &Headers, window: &Window, depth: usize) -> Result<Item> {
    let bytes = window.bytes(0, GRUB_MAX)?;
    let Some(embedded) = Embedded::read(&bytes, &headers.sections) else {
        return Ok(item.problem("its `mods` section is not GRUB's"));
    };
    let config = embedded.config.unwrap_or_default();
    let mut item = item.fact("prefix", embedded.prefix.unwrap_or_default());
    item = item.fact("embedded config", lines(&config)).fact("modules", embedded.modules);
    for (line, complaint) in Script::parse(&config).complaints {
        item = item.problem(format!("line {line} of its embedded config: {complaint}"));
    }
    Ok(match Embedded::memdisk(&bytes, &headers.sections) {
        Some((offset, len)) => {
            let memdisk = window.part(offset, len);
            let found = content("memdisk", &memdisk, depth + 1)?;
            let config = memdisk_config(&memdisk).unwrap_or_default();
            item.child(found.at(offset, len).fact("grub.cfg", lines(&config)))
        }
        None => item,
    })
}

/// The configuration in an embedded filesystem, which distributions have there; none where it has none.
fn memdisk_config(memdisk: &Window) -> Option<String> {
    let system = FileSystem::open(memdisk).ok()??;
    let text = system.read(&TreePath::new(b"grub.cfg").ok()?, TEXT_MAX as u64).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

/// Text of several lines with everything odd in it escaped, and tabs as wide as they are meant.
fn lines(text: &str) -> String {
    let text = text.replace('\t', "    ");
    text.lines().map(|line| shown_bytes(line.as_bytes())).collect::<Vec<_>>().join("\n")
}
