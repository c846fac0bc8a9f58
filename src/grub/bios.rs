//! The GRUB core image that a BIOS starts from an ISO, as El Torito has it: `cdboot.img`, which a CD drive
//! starts, and the image behind it, which `boot_hybrid.img` starts from a disk.
//!
//! It is made by grub-mkimage, the one program that an image still takes bytes from: a BIOS' core image is
//! of 32-bit modules, compressed by LZMA. An ISO for UEFI alone needs none.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::path::Path;

use super::core_image::{ISO_MODULES, Medium, PREFIX, names};
use crate::command::Command;
use crate::error::{Context, Result, shown};

/// The modules besides those that every ISO's core image has.
const BIOS_MODULES: &str = include_str!("../../grub/iso-bios-modules");

/// grub-mkimage's name of what a BIOS loads from a CD.
const TARGET: &str = "i386-pc-eltorito";

/// Makes it in memory: the same bytes for the same GRUB.
///
/// `mkimage` is the program, `folder` holds GRUB's modules for a BIOS (`i386-pc`).
///
/// # Errors
/// Where a module is missing, the program cannot be started or ends with an error.
pub fn build(mkimage: &Command, folder: &Path) -> Result<Vec<u8>> {
    let modules = || names(BIOS_MODULES).chain(names(ISO_MODULES));
    for module in modules() {
        let path = folder.join(format!("{module}.mod"));
        File::open(&path).context(|| format!("reading {}", shown(&path)))?;
    }
    let temporary = || tempfile::tempfile().context(|| "creating a temporary file");
    let (mut config, mut image) = (temporary()?, temporary()?);
    let text = Medium::Iso.early_config();
    config.write_all(text.as_bytes()).context(|| "writing a temporary file")?;
    mkimage
        .clone()
        .args(["-O", TARGET, "-p", PREFIX])
        .args(["-c", &path_of(&config), "-o", &path_of(&image), "-d"])
        .arg(folder)
        .args(modules())
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
        let lines = BIOS_MODULES.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
        for line in lines {
            let reason = line.split_once('#').map(|(_, reason)| reason.trim());
            assert!(reason.is_some_and(|r| r.len() > 10), "no reason in `{line}`");
        }
        assert!(names(BIOS_MODULES).any(|m| m == "biosdisk"));
    }

    #[test]
    fn a_missing_module_is_named() {
        let error = build(&Command::new("grub-mkimage"), Path::new("/nowhere"));
        let text = error.expect_err("the folder is not there").to_string();
        assert!(text.starts_with("reading /nowhere/biosdisk.mod: "), "{text}");
    }
}
