//! The GRUB core image: `BOOTX64.EFI`, and what a BIOS starts from an ISO, made of GRUB's kernel and the
//! modules of the lists in `grub/`.
//!
//! It is what `grub-mkimage` of GRUB 2.06 makes of the same files, byte for byte (for a BIOS: once it is
//! unpacked); neither that program nor any other is run.
//!
//! The prefix has no device, so GRUB completes it with the partition that the firmware started it
//! from (GRUB manual, "prefix"); nothing has to be searched. On a CD there is no such partition: GRUB
//! looks for the volume, and into the image of the ESP that is a file on it.

use std::fs;
use std::path::Path;

use super::bios_image;
use super::dependencies;
use super::embedded::{self, Object};
use super::kernel_image::KernelImage;
use crate::arch::Arch;
use crate::efi::program::{CODE, DATA, Program, Section};
use crate::error::{Context, Result, shown};

/// Where GRUB looks for its configuration: below the root of the partition that holds it.
pub const PREFIX: &str = "/EFI/BOOT";

/// The table of modules: a line is a name and, after `#`, the reason.
const MODULES: &str = include_str!("../../grub/modules");

/// The configuration that is embedded in the core image and run before grub.cfg is looked for, so
/// that a missing grub.cfg is reported, and the rescue prompt answers, on ttyS0 too. It is read by
/// the rescue parser (GRUB, `grub-core/kern/rescue_parser.c`), which knows neither `if` nor comments.
const EARLY_CONFIG: &str = include_str!("../../grub/early.cfg");

/// The modules of an ISO's core image besides those, and what its configuration says besides.
const ISO_MODULES: &str = include_str!("../../grub/iso-modules");
const ISO_EARLY_CONFIG: &str = include_str!("../../grub/iso-early.cfg");

/// The modules of the core image that a BIOS starts from an ISO, besides those of every ISO.
const ISO_BIOS_MODULES: &str = include_str!("../../grub/iso-bios-modules");

/// Bytes of an address on a 64-bit platform.
const POINTER_LEN: usize = 8;

/// What GRUB is started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// The ESP of a disk.
    Disk,
    /// An ISO, in whatever drive.
    Iso,
    /// An ISO, by a BIOS.
    IsoBios,
}

impl Medium {
    /// The modules that the core image is made of, without those that they need.
    pub fn modules(self) -> impl Iterator<Item = &'static str> {
        let (some, more) = match self {
            Medium::Disk => (MODULES, ""),
            Medium::Iso => (MODULES, ISO_MODULES),
            Medium::IsoBios => (ISO_BIOS_MODULES, ISO_MODULES),
        };
        names(some).chain(names(more))
    }

    /// The embedded configuration.
    pub fn early_config(self) -> String {
        let more = if self == Medium::Disk { "" } else { ISO_EARLY_CONFIG };
        [EARLY_CONFIG, more].concat()
    }
}

/// The names of a table of modules.
fn names(table: &'static str) -> impl Iterator<Item = &'static str> {
    let names =
        table.lines().map(|line| line.split_once('#').map_or(line, |(name, _)| name).trim());
    names.filter(|name| !name.is_empty())
}

/// Makes the core image in memory: the same bytes for the same GRUB.
///
/// `folder` holds GRUB's kernel and modules for `arch` (`x86_64-efi`), `medium` is what it will be started
/// from.
///
/// # Errors
/// Where a module is missing, or GRUB's kernel cannot be linked.
pub fn build(folder: &Path, arch: &Arch, medium: Medium) -> Result<Vec<u8>> {
    let kernel = folder.join("kernel.img");
    let linked = KernelImage::link(&read(&kernel)?, arch);
    let linked = linked.context(|| format!("linking {}", shown(&kernel)))?;
    let objects = objects(folder, medium)?;
    let section = |name, bytes, characteristics| Section { name, bytes, characteristics };
    let program = Program {
        machine: arch.pe_machine,
        entry: linked.entry,
        sections: vec![
            section(".text", linked.code, CODE),
            section(".data", linked.data, DATA),
            section("mods", embedded::mods(POINTER_LEN, objects), DATA),
        ],
        pointers: linked.pointers,
    };
    Ok(program.to_bytes())
}

/// Makes the core image that a BIOS starts from an ISO, of GRUB's files for `i386-pc` in `folder`.
///
/// # Errors
/// Where a file is missing or is not what its name says.
pub fn build_bios(folder: &Path) -> Result<Vec<u8>> {
    let file = |name: &str| read(&folder.join(name));
    let parts = bios_image::Parts {
        cd_boot: file("cdboot.img")?,
        disk_boot: file("diskboot.img")?,
        decompressor: file("lzma_decompress.img")?,
        kernel: file("kernel.img")?,
    };
    let image = parts.image(objects(folder, Medium::IsoBios)?);
    image.context(|| format!("making the GRUB core image of {}", shown(folder)))
}

/// What a core image brings: modules with what they need, configuration, prefix.
fn objects(folder: &Path, medium: Medium) -> Result<Vec<Object>> {
    let list = folder.join("moddep.lst");
    let list = fs::read_to_string(&list).context(|| format!("reading {}", shown(&list)))?;
    let wanted: Vec<_> = medium.modules().collect();
    let modules = dependencies::closure(&list, &wanted).into_iter();
    let files = modules.map(|name| read(&folder.join(format!("{name}.mod"))));
    let mut objects = files.map(|file| file.map(Object::Module)).collect::<Result<Vec<_>>>()?;
    objects.push(Object::Config(medium.early_config()));
    objects.push(Object::Prefix(PREFIX.into()));
    Ok(objects)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).context(|| format!("reading {}", shown(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_a_reason() {
        let lines = MODULES
            .lines()
            .chain(ISO_MODULES.lines())
            .chain(ISO_BIOS_MODULES.lines())
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let reason = line.split_once('#').map(|(_, reason)| reason.trim());
            assert!(reason.is_some_and(|r| r.len() > 10), "no reason in `{line}`");
        }
        assert!(Medium::Disk.modules().any(|m| m == "linux"));
    }

    #[test]
    fn the_early_config_has_commands_only() {
        let word = |line: &'static str| line.split(' ').next().unwrap_or_default();
        let commands = |text: &'static str| text.lines().map(word).collect::<Vec<_>>();
        assert_eq!(commands(EARLY_CONFIG), ["serial", "terminal_input"]);
        assert_eq!(commands(ISO_EARLY_CONFIG), ["search.file", "loopback", "set", "set"]);
    }

    #[test]
    fn a_missing_module_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let refusal = || {
            let error = build(folder.path(), &crate::arch::X86_64, Medium::Disk);
            error.expect_err("something is missing").to_string()
        };
        assert!(refusal().contains("kernel.img: no such file"), "{}", refusal());
        let kernel = include_bytes!("kernel_image/fixture/kernel.o");
        fs::write(folder.path().join("kernel.img"), kernel).expect("written");
        assert!(refusal().contains("moddep.lst"), "{}", refusal());
        fs::write(folder.path().join("moddep.lst"), "").expect("written");
        assert!(refusal().contains("part_gpt.mod"), "{}", refusal());
    }
}
