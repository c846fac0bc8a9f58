//! The GRUB core image: `BOOTX64.EFI`, made by grub-mkimage from the list in `grub/modules`.
//!
//! The prefix has no device, so GRUB completes it with the partition that the firmware started it
//! from (GRUB manual, "prefix"); nothing has to be searched. On a CD there is no such partition: GRUB
//! looks for the volume, and into the image of the ESP that is a file on it.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use crate::arch::Arch;
use crate::command::Command;
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

/// What GRUB is started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// The ESP of a disk.
    Disk,
    /// An ISO, in whatever drive.
    Iso,
}

impl Medium {
    /// The table of modules.
    fn modules(self) -> impl Iterator<Item = &'static str> {
        let more = if self == Medium::Iso { ISO_MODULES } else { "" };
        modules().chain(names(more))
    }

    /// The embedded configuration.
    fn early_config(self) -> String {
        let more = if self == Medium::Iso { ISO_EARLY_CONFIG } else { "" };
        [EARLY_CONFIG, more].concat()
    }
}

/// The modules that every core image is made of.
pub fn modules() -> impl Iterator<Item = &'static str> {
    names(MODULES)
}

/// The names of a table of modules.
fn names(table: &'static str) -> impl Iterator<Item = &'static str> {
    let names =
        table.lines().map(|line| line.split_once('#').map_or(line, |(name, _)| name).trim());
    names.filter(|name| !name.is_empty())
}

/// Makes the core image in memory: the same bytes for the same GRUB.
///
/// `mkimage` is the program, `folder` holds GRUB's modules for `arch` (`x86_64-efi`), `medium` is what it
/// will be started from.
///
/// # Errors
/// Where a module is missing, the program cannot be started or ends with an error.
pub fn build(mkimage: &Command, folder: &Path, arch: &Arch, medium: Medium) -> Result<Vec<u8>> {
    for module in medium.modules() {
        let path = folder.join(format!("{module}.mod"));
        File::open(&path).context(|| format!("reading {}", shown(&path)))?;
    }
    let mut config = tempfile::tempfile().context(|| "creating a temporary file")?;
    config.write_all(medium.early_config().as_bytes()).context(|| "writing a temporary file")?;
    let mut image = tempfile::tempfile().context(|| "creating a temporary file")?;
    mkimage
        .clone()
        .args(["-O", arch.grub_target, "-p", PREFIX])
        .args(["-c", &path_of(&config), "-o", &path_of(&image), "-d"])
        .arg(folder)
        .args(medium.modules())
        .run()
        .context(|| format!("making the GRUB core image from {}", shown(folder)))?;
    let mut bytes = Vec::new();
    image.read_to_end(&mut bytes).context(|| "reading the GRUB core image")?;
    Ok(bytes)
}

/// The path under which another process opens one of our open files. grub-mkimage seeks in its
/// config and syncs its output, so neither can be a pipe; an anonymous file leaves nothing behind,
/// whatever ends us.
fn path_of(file: &File) -> String {
    format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_module_has_a_reason() {
        let lines = MODULES
            .lines()
            .chain(ISO_MODULES.lines())
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let reason = line.split_once('#').map(|(_, reason)| reason.trim());
            assert!(reason.is_some_and(|r| r.len() > 10), "no reason in `{line}`");
        }
        assert!(modules().any(|m| m == "linux"));
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
        let error = build(
            &Command::new("grub-mkimage"),
            Path::new("/nowhere"),
            &crate::arch::X86_64,
            Medium::Disk,
        );
        let text = error.expect_err("the folder is not there").to_string();
        assert!(text.starts_with("reading /nowhere/part_gpt.mod: "), "{text}");
    }
}
