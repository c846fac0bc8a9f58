//! What a module says of itself: the `.modinfo` section, NUL-separated `key=value`.
//!
//! Source: the kernel's `include/linux/module.h` (MODULE_INFO) and `scripts/mod/modpost.c`.

use super::normalised;
use crate::arch::Arch;
use crate::elf::{Elf, ElfError};
use crate::error::shown_bytes;

/// Why a file is not a module of this kernel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModuleError {
    /// No ELF file of this machine, or damaged.
    #[error(transparent)]
    Elf(#[from] ElfError),
    /// An ELF file, but no module.
    #[error("it is no kernel module: {0}")]
    NoModule(&'static str),
    /// The file of another module.
    #[error("it holds the module `{0}`")]
    Name(String),
    /// Built for another kernel.
    #[error("it is for kernel {found}, not for {wanted}")]
    Release {
        /// First word of its `vermagic`.
        found: String,
        /// The kernel that is to load it.
        wanted: String,
    },
}

/// What dependencies are resolved with. Names are normalised.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Modinfo {
    /// Its name; kernels before 4.9 do not store it.
    pub name: Option<String>,
    /// The release of the kernel that it was built for.
    pub release: String,
    /// Modules whose symbols it uses.
    pub depends: Vec<String>,
    /// Modules or aliases to load before it, where they are there.
    pub softdep_pre: Vec<String>,
    /// Files of `lib/firmware` that it may ask for.
    pub firmware: Vec<String>,
    /// What it is asked for by: patterns of devices, `fs-vfat`.
    pub aliases: Vec<String>,
}

impl Modinfo {
    /// Reads it from a module that is not compressed.
    ///
    /// # Errors
    /// Where the file is no module for this architecture, or is truncated.
    pub fn parse(module: &[u8], arch: &Arch) -> Result<Self, ModuleError> {
        let elf = Elf::parse(module, arch)?;
        if !elf.is_relocatable() {
            return Err(ModuleError::NoModule("a program or library"));
        }
        let section = elf.section(b".modinfo").ok_or(ModuleError::NoModule("no .modinfo"))?;
        let mut info = Modinfo::default();
        for field in section.split(|&b| b == 0) {
            info.take(&shown_bytes(field));
        }
        match info.release.is_empty() {
            true => Err(ModuleError::NoModule("no vermagic")),
            false => Ok(info),
        }
    }

    fn take(&mut self, field: &str) {
        let names = |list: &str, separator: char| {
            let names = list.split(separator).map(str::trim).filter(|name| !name.is_empty());
            names.map(normalised).collect::<Vec<_>>()
        };
        match field.split_once('=') {
            Some(("name", name)) => self.name = Some(normalised(name)),
            Some(("depends", list)) => self.depends = names(list, ','),
            Some(("vermagic", magic)) => {
                self.release = magic.split(' ').next().unwrap_or_default().into();
            }
            // `pre: a b post: c`
            Some(("softdep", list)) => {
                let pre = list.split("post:").next().unwrap_or_default();
                let pre = pre.trim().strip_prefix("pre:").unwrap_or_default();
                self.softdep_pre.extend(names(pre, ' '));
            }
            Some(("firmware", name)) => self.firmware.push(name.into()),
            Some(("alias", pattern)) => self.aliases.push(pattern.into()),
            _ => {}
        }
    }
}
