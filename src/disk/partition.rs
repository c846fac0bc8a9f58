//! What a partition says about itself: its type, and the attribute bits of its table entry.
//!
//! Sources: UEFI 2.10 §5.3.3 (bits 0 to 2), UAPI.2 Discoverable Partitions Specification (types and
//! bits 59 to 63).

use std::fmt;
use std::ops::BitOr;

use serde::{Serialize, Serializer};

use crate::arch::{SD_GPT_ESP, X86_64};
use crate::bytes::Guid;

/// `SD_GPT_XBOOTLDR`, the extended boot loader partition.
pub const SD_GPT_XBOOTLDR: Guid = Guid::new(0xbc13_c2ff_59e6_4262_a352_b275_fd6f_7172);
/// `SD_GPT_LINUX_GENERIC`: a Linux filesystem that is mounted by explicit configuration.
pub const SD_GPT_LINUX_GENERIC: Guid = Guid::new(0x0fc6_3daf_8483_4772_8e79_3d69_d847_7de4);
/// `SD_GPT_SWAP`.
pub const SD_GPT_SWAP: Guid = Guid::new(0x0657_fd6d_a4ab_43c4_84e5_0933_c84b_4f4f);
/// `SD_GPT_HOME`.
pub const SD_GPT_HOME: Guid = Guid::new(0x933a_c7e1_2eb4_4f13_b844_0e14_e2ae_f915);
/// Where GRUB's BIOS core image lies; sgdisk's code EF02.
pub const BIOS_BOOT: Guid = Guid::new(0x2168_6148_6449_6e6f_744e_6565_6445_4649);
/// Microsoft basic data, which most tools give to any FAT or NTFS.
pub const BASIC_DATA: Guid = Guid::new(0xebd0_a0a2_b9e5_4433_87c0_68b6_b726_99c7);

/// Microsoft reserved: Windows keeps room for its own there.
const RESERVED: Guid = Guid::new(0xe3c9_e316_0b5c_4db8_817d_f92d_f002_15ae);
/// Windows' recovery environment.
const RECOVERY: Guid = Guid::new(0xde94_bba4_06d1_4d40_a16a_bfd5_0179_d6ac);

/// What a person calls each type.
const TYPE_NAMES: &[(Guid, &str)] = &[
    (SD_GPT_ESP, "EFI System"),
    (X86_64.root_type, "Linux root (x86-64)"),
    (SD_GPT_XBOOTLDR, "Linux extended boot"),
    (SD_GPT_LINUX_GENERIC, "Linux filesystem"),
    (SD_GPT_SWAP, "Linux swap"),
    (SD_GPT_HOME, "Linux home"),
    (BIOS_BOOT, "BIOS boot"),
    (BASIC_DATA, "Microsoft basic data"),
    (RESERVED, "Microsoft reserved"),
    (RECOVERY, "Windows recovery"),
];

/// What a person calls a partition type; `None` for one that is not in our table.
pub fn type_name(type_guid: Guid) -> Option<&'static str> {
    TYPE_NAMES.iter().find(|(guid, _)| *guid == type_guid).map(|(_, name)| *name)
}

/// The attribute bits of a partition entry, joined with `|`.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes(
    /// The bits as they are stored.
    pub u64,
);

impl Attributes {
    /// No attribute.
    pub const NONE: Attributes = Attributes(0);
    /// Bit 2: what legacy BIOS boot code (syslinux' `gptmbr.bin`) looks for.
    pub const LEGACY_BIOS_BOOTABLE: Attributes = Attributes(1 << 2);
    /// Bit 59: the filesystem is grown to the partition when it is mounted.
    pub const GROWFS: Attributes = Attributes(1 << 59);
    /// Bit 60: mounted read-only.
    pub const READ_ONLY: Attributes = Attributes(1 << 60);
    /// Bit 63: not discovered and mounted automatically.
    pub const NO_AUTO: Attributes = Attributes(1 << 63);

    /// Whether every bit of `other` is set.
    pub const fn contains(self, other: Attributes) -> bool {
        self.0 & other.0 == other.0
    }
}

/// What each known attribute is called.
const ATTRIBUTE_NAMES: &[(Attributes, &str)] = &[
    (Attributes::LEGACY_BIOS_BOOTABLE, "legacy-bios-bootable"),
    (Attributes::GROWFS, "growfs"),
    (Attributes::READ_ONLY, "read-only"),
    (Attributes::NO_AUTO, "no-auto"),
];

impl BitOr for Attributes {
    type Output = Attributes;

    fn bitor(self, other: Attributes) -> Attributes {
        Attributes(self.0 | other.0)
    }
}

impl fmt::Display for Attributes {
    /// Names joined by commas; bits without a name as one hexadecimal number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = ATTRIBUTE_NAMES.iter().filter(|(bit, _)| self.contains(*bit));
        let rest = ATTRIBUTE_NAMES.iter().fold(self.0, |bits, (bit, _)| bits & !bit.0);
        let mut words: Vec<String> = known.map(|(_, name)| name.to_string()).collect();
        if rest != 0 {
            words.push(format!("{rest:#x}"));
        }
        f.write_str(&words.join(","))
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Attributes({self})")
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_print_by_name_and_keep_unknown_bits() {
        let both = Attributes::GROWFS | Attributes::LEGACY_BIOS_BOOTABLE | Attributes(1);
        assert_eq!(both.to_string(), "legacy-bios-bootable,growfs,0x1");
        assert!(both.contains(Attributes::GROWFS) && !both.contains(Attributes::NO_AUTO));
        assert_eq!(Attributes::NONE.to_string(), "");
    }

    #[test]
    fn types_have_names() {
        assert_eq!(type_name(SD_GPT_ESP), Some("EFI System"));
        assert_eq!(type_name(Guid::new(1)), None);
    }
}
