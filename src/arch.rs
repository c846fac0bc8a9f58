//! The single table of per-architecture names.
//!
//! Sources: UEFI 2.10 §3.5.1.1 (removable-media file names), PE/COFF machine types, ELF machine
//! numbers, UAPI.2 Discoverable Partitions Specification (type GUIDs), GRUB's target names.

use crate::bytes::Guid;

/// Everything that is called differently on another architecture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arch {
    /// The name that the kernel and QEMU use.
    pub name: &'static str,
    /// The name that Go, and so container images, use.
    pub go: &'static str,
    /// File name in `\EFI\BOOT` that firmware starts from removable media.
    pub efi_file: &'static str,
    /// `IMAGE_FILE_HEADER.Machine` of an EFI program.
    pub pe_machine: u16,
    /// `e_machine` of an ELF program.
    pub elf_machine: u16,
    /// GRUB's target and platform, and the name of its module folder.
    pub grub_target: &'static str,
    /// The system emulator.
    pub qemu: &'static str,
    /// QEMU's machine type with PCIe and pflash.
    pub machine: &'static str,
    /// The first serial port, as the kernel calls it.
    pub serial: &'static str,
    /// Partition type of the root filesystem, `SD_GPT_ROOT_*`.
    pub root_type: Guid,
}

/// x86-64, the only architecture that is built so far.
pub const X86_64: Arch = Arch {
    name: "x86_64",
    go: "amd64",
    efi_file: "BOOTX64.EFI",
    pe_machine: 0x8664,
    elf_machine: 62,
    grub_target: "x86_64-efi",
    qemu: "qemu-system-x86_64",
    machine: "q35",
    serial: "ttyS0",
    root_type: Guid::new(0x4f68_bce3_e8cd_4db1_96e7_fbca_f984_b709),
};

/// GRUB's target of a PC's BIOS, and the name of its module folder.
pub const BIOS_GRUB_TARGET: &str = "i386-pc";

/// Partition type of the EFI System Partition, `SD_GPT_ESP`; sgdisk's code EF00.
pub const SD_GPT_ESP: Guid = Guid::new(0xc12a_7328_f81f_11d2_ba4b_00a0_c93e_c93b);
