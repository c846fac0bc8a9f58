//! Which filesystem a volume holds, with its label, id and size, without opening it.
//!
//! Those that the guest's init knows are told apart by its table (`bootwright_init::superblock`);
//! this adds their sizes and states, ISO 9660, and what is on a partition but no filesystem.
//! Sources: the kernel's `Documentation/filesystems`, `squashfs_fs.h`, `erofs_fs.h`, ECMA-119.

use crate::bytes::{le16, le32, le64};
use crate::volume::Window;

/// What the superblock of a volume says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Superblock {
    /// The kernel's name of the filesystem.
    pub fstype: &'static str,
    /// Its id as `UUID=` writes it; empty where it has none.
    pub uuid: String,
    /// Its label; empty where it has none.
    pub label: String,
    /// Bytes that it takes, where its superblock says so.
    pub size: Option<u64>,
    /// Bytes of it that are free, where its superblock says so.
    pub free: Option<u64>,
    /// More that is worth knowing: a name and a value each.
    pub facts: Vec<(&'static str, String)>,
}

/// What can be on a partition besides filesystems: offset, magic, name.
const OTHERS: [(u64, &[u8], &str); 5] = [
    (0, b"LUKS\xba\xbe", "crypto_LUKS"),
    (512 + 24, b"LVM2 001", "LVM2_member"),
    (4096 - 10, b"SWAPSPACE2", "swap"),
    (3, b"NTFS    ", "ntfs"),
    (1024, b"\x10\x20\xf5\xf2", "f2fs"),
];

/// The names of squashfs' compressors by number (`squashfs_fs.h`).
const SQUASHFS_COMPRESSION: [&str; 7] = ["?", "gzip", "lzma", "lzo", "xz", "lz4", "zstd"];

/// Where ISO 9660's first volume descriptor is.
const ISO_DESCRIPTOR: u64 = 16 * 2048;

impl Superblock {
    /// What a volume holds; `None` where it is nothing that is known, or cannot be read.
    pub fn probe(window: &Window) -> Option<Superblock> {
        let mut read_at = |offset, buffer: &mut [u8]| window.read_exact_at(buffer, offset).is_ok();
        if let Some(found) = bootwright_init::superblock::probe(&mut read_at)
            && found.fstype != "iso9660"
        {
            let mut superblock = Superblock {
                fstype: found.fstype,
                uuid: found.uuid.to_string(),
                label: found.label.to_string(),
                ..Superblock::default()
            };
            superblock.add_facts(window);
            return Some(superblock);
        }
        let other = OTHERS.iter().find(|(offset, magic, _)| has(window, *offset, magic));
        match other {
            Some((_, _, fstype)) => Some(Superblock { fstype, ..Superblock::default() }),
            None => iso9660(window),
        }
    }

    fn add_facts(&mut self, window: &Window) {
        let head = window.bytes(0, 2048).unwrap_or_default();
        match self.fstype {
            "ext2" | "ext3" | "ext4" => self.ext(head.get(1024..).unwrap_or_default()),
            "squashfs" => self.squashfs(&head),
            "erofs" => self.erofs(head.get(1024..).unwrap_or_default()),
            "vfat" => self.size = fat_size(&head),
            _ => {}
        }
    }

    /// `struct ext4_super_block`.
    fn ext(&mut self, sb: &[u8]) {
        let (u16_at, u32_at) =
            (|at| le16(sb, at).unwrap_or(0), |at| u64::from(le32(sb, at).unwrap_or(0)));
        let shift = u32_at(24).min(6);
        let is_64_bit = u32_at(96) & 0x80 != 0;
        let high = |at| if is_64_bit { u32_at(at) << 32 } else { 0 };
        let (block, blocks) = (1024 << shift, u32_at(4) | high(0x150));
        let free = u32_at(12) | high(0x158);
        self.size = u64::checked_mul(blocks, block);
        let state = match u16_at(58) {
            state if state & 2 != 0 => "has errors",
            _ if u32_at(96) & 4 != 0 => "needs its journal replayed",
            state if state & 1 != 0 => "clean",
            _ => "not unmounted cleanly",
        };
        self.fact("state", state);
        self.fact("block size", block.to_string());
        self.free = free.checked_mul(block);
        self.fact("free", crate::size::Size(free.saturating_mul(block)).to_string());
        self.fact("features", features(u32_at(92), u32_at(96), u32_at(100)));
    }

    /// `struct squashfs_super_block`.
    fn squashfs(&mut self, sb: &[u8]) {
        self.size = le64(sb, 40);
        let compression = usize::from(le16(sb, 20).unwrap_or(0));
        self.fact("compression", *SQUASHFS_COMPRESSION.get(compression).unwrap_or(&"?"));
        self.fact("inodes", le32(sb, 4).unwrap_or(0).to_string());
        self.fact("block size", le32(sb, 12).unwrap_or(0).to_string());
        self.fact(
            "version",
            format!("{}.{}", le16(sb, 28).unwrap_or(0), le16(sb, 30).unwrap_or(0)),
        );
    }

    /// `struct erofs_super_block`.
    fn erofs(&mut self, sb: &[u8]) {
        let shift = sb.get(12).copied().unwrap_or(0).min(16);
        self.size = le32(sb, 36).map(|blocks| u64::from(blocks) << shift);
        self.fact("inodes", le64(sb, 16).unwrap_or(0).to_string());
        self.fact("block size", (1u32 << shift).to_string());
    }

    fn fact(&mut self, name: &'static str, value: impl Into<String>) {
        self.facts.push((name, value.into()));
    }
}

/// `BPB_BytsPerSec`, `BPB_TotSec16` and where that is zero `BPB_TotSec32` (fatgen103).
fn fat_size(boot_sector: &[u8]) -> Option<u64> {
    let sectors = match le16(boot_sector, 19)? {
        0 => le32(boot_sector, 32)?,
        few => few.into(),
    };
    Some(u64::from(sectors) * u64::from(le16(boot_sector, 11)?))
}

/// ECMA-119 §8.4: the primary volume descriptor.
fn iso9660(window: &Window) -> Option<Superblock> {
    let descriptor = window.bytes(ISO_DESCRIPTOR, 2048).ok()?;
    if descriptor.get(1..6) != Some(b"CD001") {
        return None;
    }
    let text = |range: std::ops::Range<usize>| {
        let bytes = descriptor.get(range).unwrap_or_default();
        crate::error::shown_bytes(bytes.trim_ascii_end())
    };
    let blocks = u64::from(le32(&descriptor, 80)?);
    let boots = has(window, ISO_DESCRIPTOR + 2048 + 1, b"CD001\x01EL TORITO SPECIFICATION");
    let mut found = Superblock {
        fstype: "iso9660",
        label: text(40..72),
        size: blocks.checked_mul(u64::from(le16(&descriptor, 128)?)),
        ..Superblock::default()
    };
    found.fact("system", text(8..40));
    found.fact("El Torito boot record", if boots { "yes" } else { "no" });
    Some(found)
}

fn has(window: &Window, offset: u64, magic: &[u8]) -> bool {
    window.bytes(offset, magic.len()).is_ok_and(|bytes| bytes == magic)
}

/// Features of ext4 by the names of `mke2fs`: word (compatible, incompatible, read-only compatible),
/// bit, name.
const FEATURES: [(usize, u32, &str); 37] = [
    (0, 2, "has_journal"),
    (0, 3, "ext_attr"),
    (0, 4, "resize_inode"),
    (0, 5, "dir_index"),
    (0, 9, "sparse_super2"),
    (0, 10, "fast_commit"),
    (0, 11, "stable_inodes"),
    (0, 12, "orphan_file"),
    (1, 0, "compression"),
    (1, 1, "filetype"),
    (1, 2, "needs_recovery"),
    (1, 3, "journal_dev"),
    (1, 4, "meta_bg"),
    (1, 6, "extent"),
    (1, 7, "64bit"),
    (1, 8, "mmp"),
    (1, 9, "flex_bg"),
    (1, 10, "ea_inode"),
    (1, 13, "metadata_csum_seed"),
    (1, 14, "large_dir"),
    (1, 15, "inline_data"),
    (1, 16, "encrypt"),
    (1, 17, "casefold"),
    (2, 0, "sparse_super"),
    (2, 1, "large_file"),
    (2, 3, "huge_file"),
    (2, 4, "uninit_bg"),
    (2, 5, "dir_nlink"),
    (2, 6, "extra_isize"),
    (2, 8, "quota"),
    (2, 9, "bigalloc"),
    (2, 10, "metadata_csum"),
    (2, 12, "read-only"),
    (2, 13, "project"),
    (2, 15, "verity"),
    (2, 16, "orphan_present"),
    (2, 11, "replica"),
];

/// The names of the features that are set; bits without a name as numbers.
pub(crate) fn features(compat: u64, incompat: u64, ro_compat: u64) -> String {
    let mut words = [compat, incompat, ro_compat];
    let mut names = Vec::new();
    for (word, bit, name) in FEATURES {
        if words[word] & 1 << bit != 0 {
            words[word] &= !(1 << bit);
            names.push(name.to_owned());
        }
    }
    names.extend(words.iter().filter(|rest| **rest != 0).map(|rest| format!("{rest:#x}")));
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn volume(parts: &[(usize, &[u8])]) -> Window {
        let mut bytes = vec![0; 48 << 10];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        Window::from(bytes)
    }

    #[test]
    fn volumes_say_what_they_hold() {
        let size = 1_000_000u64.to_le_bytes();
        let squashfs = [(0, &b"hsqs"[..]), (20, &[6, 0]), (40, &size), (28, &[4, 0, 0, 0])];
        let found = Superblock::probe(&volume(&squashfs)).expect("squashfs");
        assert_eq!((found.fstype, found.size), ("squashfs", Some(1_000_000)));
        assert_eq!(found.facts[0], ("compression", "zstd".into()));

        let descriptor = ISO_DESCRIPTOR as usize;
        let iso = [
            (descriptor, &b"\x01CD001\x01"[..]),
            (descriptor + 40, b"cidata                          "),
            (descriptor + 80, &[23, 0, 0, 0]),
            (descriptor + 128, &[0, 8]),
        ];
        let found = Superblock::probe(&volume(&iso)).expect("an ISO");
        assert_eq!(
            (found.fstype, &found.label[..], found.size),
            ("iso9660", "cidata", Some(23 * 2048))
        );
        let luks = Superblock::probe(&volume(&[(0, b"LUKS\xba\xbe")])).expect("LUKS");
        assert_eq!(luks.fstype, "crypto_LUKS");
        assert_eq!(Superblock::probe(&volume(&[])), None);
        assert_eq!(Superblock::probe(&Window::from(vec![])), None);
    }

    #[test]
    fn features_have_names_and_unknown_bits_are_kept() {
        assert_eq!(features(4, 0x42, 1 << 31), "has_journal filetype extent 0x80000000");
    }

    proptest! {
        #[test]
        fn random_superblocks_never_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..2048), magic in 0..4usize
        ) {
            let mut bytes = bytes;
            let (at, magic): (usize, &[u8]) =
                [(0, &b"hsqs"[..]), (1024, &[0xe2, 0xe1, 0xf5, 0xe0]), (1080, &[0x53, 0xef]), (0, b"")][magic];
            if bytes.len() > at + 4 {
                bytes[at..at + magic.len()].copy_from_slice(magic);
            }
            let _ = Superblock::probe(&Window::from(bytes));
        }
    }
}
