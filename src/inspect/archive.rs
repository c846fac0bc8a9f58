//! An initramfs: its segments, and what is worth knowing about what is in them.

use std::collections::BTreeMap;

use super::Item;
use crate::arch::X86_64;
use crate::elf::{Elf, ElfError, Static};
use crate::error::{Error, Result, shown_bytes};
use crate::initramfs::newc::Entry;
use crate::initramfs::segment::{self, Data, Segment};
use crate::volume::Window;

/// The largest `/init` that is looked into.
const INIT_MAX: u64 = 64 << 20;

/// Where the kernel looks for microcode in a plain segment (`Documentation/arch/x86/microcode.rst`).
const MICROCODE: [(&[u8], &str); 2] = [
    (b"kernel/x86/microcode/GenuineIntel.bin", "Intel"),
    (b"kernel/x86/microcode/AuthenticAMD.bin", "AMD"),
];

/// What is collected on the way through.
#[derive(Default)]
struct Seen {
    /// By segment.
    microcode: BTreeMap<usize, Vec<String>>,
    bytes: u64,
    kernels: BTreeMap<String, u64>,
    firmware: u64,
    init: Option<(String, Vec<String>)>,
}

pub(super) fn inspect(window: &Window) -> Result<Item> {
    let mut seen = Seen::default();
    let walk =
        segment::walk(window, &mut |place, entry, data| seen.take(place.segment, entry, data))?;
    let mut item = Item::new("initramfs");
    let entries: u64 = walk.segments.iter().map(|s| s.entries).sum();
    item = item.fact("entries", entries).fact("bytes of files", seen.bytes);
    item = match seen.init {
        Some((init, needs)) => item.fact("init", init).fact("init needs", needs),
        None => item.fact("init", "none"),
    };
    let kernel = |(release, count): (&String, &u64)| format!("{count} for {release}");
    item =
        item.fact("kernel modules", seen.kernels.iter().map(kernel).collect::<Vec<_>>().join(", "));
    if seen.firmware > 0 {
        item = item.fact("firmware files", seen.firmware);
    }
    for (index, segment) in walk.segments.iter().enumerate() {
        item = item.child(show(segment, seen.microcode.get(&index)));
    }
    Ok(match walk.problem {
        Some(problem) => item.problem(Error::from(problem).to_string()),
        None => item,
    })
}

fn show(segment: &Segment, microcode: Option<&Vec<String>>) -> Item {
    let kind = if microcode.is_some() { "microcode" } else { "segment" };
    let item = Item::new(kind).at(segment.offset, segment.len);
    let item = item.fact("encoding", segment.encoding.to_string());
    let item = item.fact("entries", segment.entries).fact("unpacked bytes", segment.unpacked);
    item.fact("for", microcode.cloned().unwrap_or_default())
}

impl Seen {
    fn take(&mut self, segment: usize, entry: &Entry, data: &mut Data<'_, '_>) -> Result<()> {
        let name = entry.name.strip_prefix(b"./").unwrap_or(&entry.name);
        let name = name.strip_prefix(b"/").unwrap_or(name);
        let is_file = entry.header.mode & 0o170_000 == 0o100_000;
        if is_file {
            self.bytes += u64::from(entry.header.filesize);
        }
        if let Some((_, vendor)) = MICROCODE.iter().find(|(path, _)| *path == name) {
            self.microcode.entry(segment).or_default().push((*vendor).into());
        }
        if let Some(release) = module_release(name) {
            *self.kernels.entry(shown_bytes(release)).or_default() += 1;
        }
        let is_firmware =
            name.starts_with(b"lib/firmware/") || name.starts_with(b"usr/lib/firmware/");
        self.firmware += u64::from(is_file && is_firmware);
        if name == b"init" {
            self.init = Some(init(entry, data)?);
        }
        Ok(())
    }
}

/// The kernel release of a module's path.
fn module_release(name: &[u8]) -> Option<&[u8]> {
    let name = name.strip_prefix(b"usr/").unwrap_or(name).strip_prefix(b"lib/modules/")?;
    let file = name.rsplit(|&b| b == b'/').next()?;
    let is_module = file.windows(3).any(|w| w == b".ko");
    is_module.then(|| name.split(|&b| b == b'/').next()).flatten()
}

/// What `/init` is, and what it asks for.
fn init(entry: &Entry, data: &mut Data<'_, '_>) -> Result<(String, Vec<String>)> {
    let head = data.head(INIT_MAX)?;
    let mode = entry.header.mode;
    let text = match mode & 0o170_000 {
        0o120_000 => format!("symlink to {}", shown_bytes(&head)),
        0o100_000 => return Ok(program(&head, mode)),
        _ => "no file".into(),
    };
    Ok((text, Vec::new()))
}

fn program(bytes: &[u8], mode: u32) -> (String, Vec<String>) {
    let not = if mode & 0o111 == 0 { ", not executable" } else { "" };
    let (text, needs) = match Elf::read(bytes) {
        Ok(elf) => {
            let (text, needs) = linked(&elf);
            let for_machine = match elf.machine() {
                machine if machine == X86_64.elf_machine => String::new(),
                machine => format!(", for {}", super::elf::machine(machine)),
            };
            (format!("{text}{for_machine}"), needs)
        }
        Err(ElfError::Script(interpreter)) => (format!("script for {interpreter}"), Vec::new()),
        Err(error) => (error.to_string(), Vec::new()),
    };
    (format!("{text}{not}"), needs)
}

/// How a program is linked, and the libraries that it asks for.
fn linked(elf: &Elf<'_>) -> (String, Vec<String>) {
    match elf.static_program() {
        Ok(Static::Fixed) => ("static ELF".into(), Vec::new()),
        Ok(Static::Pie) => ("static PIE".into(), Vec::new()),
        Err(ElfError::Interpreter(_) | ElfError::Needs(_)) => {
            let interpreter = elf.interpreter().map(shown_bytes).unwrap_or_default();
            let libraries = elf.libraries().into_iter().map(shown_bytes).collect();
            (format!("dynamic ELF, started by {interpreter}"), libraries)
        }
        Err(error) => (format!("ELF, but {error}"), Vec::new()),
    }
}
