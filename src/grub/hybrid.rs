//! The boot code of an ISO's first sector, by which a BIOS starts the same bytes from a disk or a USB
//! stick: GRUB's `boot_hybrid.img`, told where the core image is.
//!
//! Source: GRUB, `grub-core/boot/i386/pc/boot.S` (built with `HYBRID_BOOT`). The code loads the sector
//! that follows `cdboot.img` in El Torito's image, and that loads the rest. Partition records and
//! signature of the sector are left as they are.

use std::fs;
use std::path::Path;

use crate::error::{Context, Error, Result, shown};

/// Bytes of code that an MBR has room for: behind it are the disk's signature and the records.
pub const BOOT_CODE_SIZE: usize = 440;

/// Where the code has the sector that it loads (`GRUB_BOOT_MACHINE_KERNEL_SECTOR`).
const SECTOR_FIELD: usize = 0x1b0;

/// Sectors of `cdboot.img`, which only a CD drive starts.
const CDBOOT_SECTORS: u64 = 4;

/// The code of GRUB's hybrid MBR, from the folder of its BIOS modules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HybridBoot([u8; BOOT_CODE_SIZE]);

impl HybridBoot {
    /// Reads it.
    ///
    /// # Errors
    /// Where it cannot be read or is too short.
    pub fn open(folder: &Path) -> Result<Self> {
        let path = folder.join("boot_hybrid.img");
        let reading = || format!("reading {}", shown(&path));
        let bytes = fs::read(&path).context(reading)?;
        let code = bytes.first_chunk().ok_or_else(|| Error::new("it is no sector"));
        Ok(HybridBoot(*code.context(reading)?))
    }

    /// The code for El Torito's image at this byte of the disk, which is the start of a sector.
    pub fn code(&self, image: u64) -> [u8; BOOT_CODE_SIZE] {
        let mut code = self.0;
        let sector = image / 512 + CDBOOT_SECTORS;
        code[SECTOR_FIELD..SECTOR_FIELD + 8].copy_from_slice(&sector.to_le_bytes());
        code
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_knows_its_core_image() {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("boot_hybrid.img"), [0xeb; 512]).expect("written");
        let code = HybridBoot::open(folder.path()).expect("there").code(40 * 2048);
        assert_eq!(code[..SECTOR_FIELD], [0xeb; SECTOR_FIELD]);
        assert_eq!(code[SECTOR_FIELD..], 164u64.to_le_bytes());
        fs::write(folder.path().join("boot_hybrid.img"), [0; 8]).expect("written");
        let error = HybridBoot::open(folder.path()).expect_err("too short").to_string();
        assert!(error.ends_with("boot_hybrid.img: it is no sector"), "{error}");
    }
}
