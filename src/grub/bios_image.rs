//! The core image that a BIOS starts from an ISO, as El Torito says: two boot sectors, a decompressor, and
//! GRUB's kernel with its objects, compressed.
//!
//! Sources: GRUB's `include/grub/offsets.h` (fields of `lzma_decompress.img`) and its boot sectors;
//! `grub-mkimage -O i386-pc-eltorito` makes the same of the same files but for how well LZMA packs. What is
//! written to a disk's first sectors (blocklists, Reed-Solomon codes) is left out.

use goblin::elf::header::{EM_386, ET_EXEC};
use goblin::elf::program_header::PT_LOAD;

use super::embedded::{self, Object};
use crate::compress;
use crate::error::Result;

/// Where GRUB's kernel is linked to run.
const KERNEL_ADDRESS: u64 = 0x9000;

/// Where the boot sector loads the image to, and where memory may belong to the BIOS.
const LOAD_ADDRESS: usize = 0x8200;
const MEMORY_END: usize = 0x7_8000;

/// Fields of the decompressor: how long what follows it is, and how long what that becomes.
const COMPRESSED_LEN: usize = 8;
const KERNEL_LEN: usize = 12;

/// The field of `diskboot.img` that says how many sectors follow it.
const SECTOR: usize = 512;
const SECTOR_COUNT: usize = SECTOR - 4;

/// What the decompressor is compiled for.
const DICTIONARY: u32 = 1 << 16;

/// Bytes of an address.
const POINTER_LEN: usize = 4;

/// Why no image can be made of GRUB's files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BiosImageError {
    /// Something else than GRUB's kernel for a BIOS.
    #[error("kernel.img is no 32-bit program that is linked for {KERNEL_ADDRESS:#x}")]
    Kernel,
    /// A boot sector or the decompressor has another length.
    #[error("{0} does not have the length that it should")]
    Len(&'static str),
    /// More than fits below the memory of the BIOS.
    #[error("the core image has {0} bytes, and a BIOS has room for {max}", max = MEMORY_END - LOAD_ADDRESS)]
    Large(usize),
}

/// GRUB's files for a BIOS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// `cdboot.img`: the sector that El Torito loads, which loads the rest.
    pub cd_boot: Vec<u8>,
    /// `diskboot.img`: what a disk would be loaded with; a CD passes over it.
    pub disk_boot: Vec<u8>,
    /// `lzma_decompress.img`.
    pub decompressor: Vec<u8>,
    /// `kernel.img`.
    pub kernel: Vec<u8>,
}

impl Parts {
    /// The image with these objects.
    ///
    /// # Errors
    /// See [`BiosImageError`].
    pub fn image(&self, objects: Vec<Object>) -> Result<Vec<u8>> {
        let kernel = [self.loaded_kernel()?, &embedded::mods(POINTER_LEN, objects)].concat();
        let packed = compress::raw_lzma(DICTIONARY, &kernel)?;
        let mut decompressor = self.decompressor.clone();
        let mut put = |at: usize, len: usize| {
            let field =
                decompressor.get_mut(at..at + 4).ok_or(BiosImageError::Len("lzma_decompress.img"));
            field.map(|field| field.copy_from_slice(&(len as u32).to_le_bytes()))
        };
        put(COMPRESSED_LEN, packed.len())?;
        put(KERNEL_LEN, kernel.len())?;
        let core = [decompressor, packed].concat();
        if core.len() > MEMORY_END - LOAD_ADDRESS {
            return Err(BiosImageError::Large(core.len()).into());
        }
        let mut disk_boot = self.disk_boot.clone();
        if disk_boot.len() != SECTOR {
            return Err(BiosImageError::Len("diskboot.img").into());
        }
        let sectors = core.len().div_ceil(SECTOR) as u16;
        disk_boot[SECTOR_COUNT..SECTOR_COUNT + 2].copy_from_slice(&sectors.to_le_bytes());
        Ok([&self.cd_boot[..], &disk_boot, &core].concat())
    }

    /// What of the kernel is loaded; memory that starts as zero is not in it.
    fn loaded_kernel(&self) -> Result<&[u8], BiosImageError> {
        let elf = goblin::elf::Elf::parse(&self.kernel).map_err(|_| BiosImageError::Kernel)?;
        let is_kernel = elf.header.e_machine == EM_386 && elf.header.e_type == ET_EXEC;
        let load = elf.program_headers.iter().find(|p| is_kernel && p.p_type == PT_LOAD);
        let load = load.filter(|p| p.p_vaddr == KERNEL_ADDRESS).ok_or(BiosImageError::Kernel)?;
        self.kernel.get(load.file_range()).ok_or(BiosImageError::Kernel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bytes::{le16, le32};

    fn parts() -> Parts {
        Parts {
            cd_boot: vec![1; 2048],
            disk_boot: vec![2; SECTOR],
            decompressor: vec![3; 64],
            kernel: include_bytes!("kernel_image/fixture/bios.img").to_vec(),
        }
    }

    #[test]
    fn the_kernel_comes_back_from_behind_the_decompressor() {
        let image = parts().image(vec![Object::Prefix("/boot".into())]).expect("it is made");
        assert_eq!((image[0], image[2048], le16(&image, 2048 + SECTOR_COUNT)), (1, 2, Some(1)));
        let core = &image[2048 + SECTOR..];
        let (packed, len) = (le32(core, COMPRESSED_LEN), le32(core, KERNEL_LEN));
        assert_eq!(packed.map(|len| len as usize), Some(core.len() - 64));
        let mut kernel = vec![0; len.expect("there") as usize];
        let options = liblzma::stream::LzmaOptions::new_preset(9).expect("a preset");
        let mut filters = liblzma::stream::Filters::new();
        let mut decoder =
            liblzma::stream::Stream::new_raw_decoder(filters.lzma1(&options)).expect("made");
        let action = liblzma::stream::Action::Run;
        decoder.process(&core[64..], &mut kernel, action).expect("unpacks");
        assert_eq!((&kernel[8..13], &kernel[0x24..0x28]), (&b"GRUB\0"[..], &b"mimg"[..]));
        assert_eq!((le32(&kernel, 0x28), le32(&kernel, 0x2c)), (Some(12), Some(12 + 8 + 8)));
        assert_eq!(kernel[0x30..], *b"\x03\0\0\0\x10\0\0\0/boot\0\0\0");
    }

    #[test]
    fn what_is_no_part_of_grub_is_refused() {
        let refusal = |parts: Parts| parts.image(Vec::new()).expect_err("refused").to_string();
        let kernel = b"GRUB".to_vec();
        assert_eq!(refusal(Parts { kernel, ..parts() }), BiosImageError::Kernel.to_string());
        let efi = include_bytes!("kernel_image/fixture/kernel.o").to_vec();
        assert_eq!(refusal(Parts { kernel: efi, ..parts() }), BiosImageError::Kernel.to_string());
        let short = Parts { decompressor: vec![0; 8], ..parts() };
        assert_eq!(refusal(short), "lzma_decompress.img does not have the length that it should");
        let long = Parts { decompressor: vec![0; MEMORY_END], ..parts() };
        assert!(refusal(long).contains("a BIOS has room for 458240"));
    }
}
