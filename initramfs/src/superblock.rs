//! Which filesystem a device holds, with its label and id, for `LABEL=`, `UUID=` and the mount.
//!
//! A table of the filesystems that a root or its neighbours may have. It tells them apart; it does
//! not check them. Left out: FAT's label in the root directory (only the one in the boot sector is
//! read), LVM, LUKS, RAID.

use crate::ReadAt;
use crate::guid::Guid;
use crate::text::Text;

/// What is on a device.
#[derive(Debug, Clone, Copy)]
pub struct Superblock {
    /// The kernel's name of the filesystem.
    pub fstype: &'static str,
    /// Its id as `UUID=` writes it; empty where the format has none.
    pub uuid: Text<37>,
    /// Its label; empty where there is none.
    pub label: Text<257>,
}

/// A format: all magics must be there.
struct Format {
    fstype: &'static str,
    magics: &'static [(u64, &'static [u8])],
    uuid: Option<(u64, Id)>,
    /// Offset and length.
    label: Option<(u64, usize)>,
}

/// How an id is stored.
#[derive(Clone, Copy)]
enum Id {
    /// Sixteen bytes in printed order.
    Guid,
    /// FAT's 32-bit serial number, printed `1234-ABCD`.
    Serial,
}

const FORMATS: [Format; 8] = [
    Format {
        fstype: "ext4",
        magics: &[(EXT + 56, &[0x53, 0xef])],
        uuid: Some((EXT + 104, Id::Guid)),
        label: Some((EXT + 120, 16)),
    },
    Format { fstype: "squashfs", magics: &[(0, b"hsqs")], uuid: None, label: None },
    Format {
        fstype: "erofs",
        magics: &[(1024, &[0xe2, 0xe1, 0xf5, 0xe0])],
        uuid: Some((1024 + 48, Id::Guid)),
        label: Some((1024 + 64, 16)),
    },
    Format {
        fstype: "xfs",
        magics: &[(0, b"XFSB")],
        uuid: Some((32, Id::Guid)),
        label: Some((108, 12)),
    },
    Format {
        fstype: "btrfs",
        magics: &[(0x1_0040, b"_BHRfS_M")],
        uuid: Some((0x1_0020, Id::Guid)),
        label: Some((0x1_012b, 256)),
    },
    Format {
        fstype: "vfat",
        magics: &[(510, &[0x55, 0xaa]), (82, b"FAT32   ")],
        uuid: Some((67, Id::Serial)),
        label: Some((71, 11)),
    },
    Format {
        fstype: "vfat",
        // FAT12 and FAT16 share the rest.
        magics: &[(510, &[0x55, 0xaa]), (54, b"FAT1")],
        uuid: Some((39, Id::Serial)),
        label: Some((43, 11)),
    },
    // ECMA-119: the primary descriptor is at block 16.
    Format {
        fstype: "iso9660",
        magics: &[(0x8000, b"\x01CD001")],
        uuid: None,
        label: Some((0x8028, 32)),
    },
];

/// Where the superblock of ext2, ext3 and ext4 starts (`Documentation/filesystems/ext4/super.rst`).
const EXT: u64 = 1024;

/// What the boot sector of a FAT without a label says.
const FAT_NO_LABEL: &[u8] = b"NO NAME";

/// Reads what a device holds; `None` where it is none of these or cannot be read.
pub fn probe(device: &mut ReadAt<'_>) -> Option<Superblock> {
    let format = FORMATS.iter().find(|format| format.is_on(device))?;
    let fstype = match format.fstype {
        "ext4" => ext_generation(device)?,
        other => other,
    };
    Some(Superblock { fstype, uuid: format.read_uuid(device), label: format.read_label(device) })
}

impl Format {
    fn is_on(&self, device: &mut ReadAt<'_>) -> bool {
        self.magics.iter().all(|(offset, magic)| {
            let mut found = [0; 8];
            let found = &mut found[..magic.len()];
            device(*offset, found) && found == *magic
        })
    }

    fn read_uuid(&self, device: &mut ReadAt<'_>) -> Text<37> {
        let mut stored = [0; 16];
        let Some((offset, id)) = self.uuid else { return Text::new() };
        if !device(offset, &mut stored) {
            return Text::new();
        }
        match id {
            Id::Guid => Text::of(format_args!("{}", Guid::from_bytes(stored))),
            Id::Serial => {
                let [a, b, c, d, ..] = stored;
                Text::of(format_args!("{d:02X}{c:02X}-{b:02X}{a:02X}"))
            }
        }
    }

    /// Padding, NULs or blanks, is no part of a label.
    fn read_label(&self, device: &mut ReadAt<'_>) -> Text<257> {
        let mut stored = [0; 256];
        let Some((offset, len)) = self.label else { return Text::new() };
        let stored = &mut stored[..len];
        if !device(offset, stored) {
            return Text::new();
        }
        let label = stored.split(|&b| b == 0).next().unwrap_or_default().trim_ascii_end();
        match self.fstype == "vfat" && label == FAT_NO_LABEL {
            true => Text::new(),
            false => Text::from(label),
        }
    }
}

/// Features that ext2 and ext3 have, so that anything else makes it ext4: file types, recovery and
/// meta block groups of `s_feature_incompat`; sparse superblocks, large files and B-tree directories
/// of `s_feature_ro_compat`.
const EXT3_INCOMPAT: u32 = 0x2 | 0x4 | 0x10;
const EXT3_RO_COMPAT: u32 = 0x1 | 0x2 | 0x4;
/// A journal that another filesystem keeps here, which is nothing to mount.
const INCOMPAT_JOURNAL_DEVICE: u32 = 0x8;
/// `s_feature_compat`: has a journal.
const COMPAT_JOURNAL: u32 = 0x4;

/// ext2, ext3 or ext4, by the features in use.
fn ext_generation(device: &mut ReadAt<'_>) -> Option<&'static str> {
    let mut features = [0; 12];
    if !device(EXT + 92, &mut features) {
        return None;
    }
    let word = |idx: usize| u32::from_le_bytes(core::array::from_fn(|i| features[idx * 4 + i]));
    let (compat, incompat, ro_compat) = (word(0), word(1), word(2));
    if incompat & INCOMPAT_JOURNAL_DEVICE != 0 {
        return None;
    }
    if incompat & !EXT3_INCOMPAT != 0 || ro_compat & !EXT3_RO_COMPAT != 0 {
        return Some("ext4");
    }
    Some(if compat & COMPAT_JOURNAL != 0 { "ext3" } else { "ext2" })
}

/// Reads from a slice as from a device, for tests.
#[cfg(test)]
pub(crate) fn copy_at(device: &[u8], offset: u64, buffer: &mut [u8]) -> bool {
    let start = usize::try_from(offset).unwrap_or(usize::MAX);
    let found = device.get(start..).and_then(|rest| rest.get(..buffer.len()));
    found.map(|bytes| buffer.copy_from_slice(bytes)).is_some()
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::string::{String, ToString};
    use std::vec;
    use std::vec::Vec;

    /// A device with these bytes at these offsets.
    fn device(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut device = vec![0; 0x1_1000];
        for (offset, bytes) in parts {
            device[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        device
    }

    fn probed(device: &[u8]) -> Option<(&'static str, String, String)> {
        let found = probe(&mut |offset, buffer| copy_at(device, offset, buffer))?;
        Some((found.fstype, found.uuid.to_string(), found.label.to_string()))
    }

    const ID: &[u8] = b"\x01\x23\x45\x67\x89\xab\xcd\xef\x00\x11\x22\x33\x44\x55\x66\x77";
    const ID_TEXT: &str = "01234567-89ab-cdef-0011-223344556677";

    #[test]
    fn formats_are_told_apart_with_label_and_id() {
        type Parts<'a> = &'a [(usize, &'a [u8])];
        let cases: [(Parts<'_>, &str, &str, &str); 7] = [
            (&[(0, b"hsqs")], "squashfs", "", ""),
            (&[(0x8000, b"\x01CD001\x01"), (0x8028, b"LIVE    ")], "iso9660", "", "LIVE"),
            (
                &[(1024, &[0xe2, 0xe1, 0xf5, 0xe0]), (1072, ID), (1088, b"image")],
                "erofs",
                ID_TEXT,
                "image",
            ),
            (&[(0, b"XFSB"), (32, ID), (108, b"twelve bytes")], "xfs", ID_TEXT, "twelve bytes"),
            (
                &[(0x1_0040, b"_BHRfS_M"), (0x1_0020, ID), (0x1_012b, b"a b")],
                "btrfs",
                ID_TEXT,
                "a b",
            ),
            (
                &[(510, &[0x55, 0xaa]), (82, b"FAT32   "), (67, &ID[..4]), (71, b"ESP        ")],
                "vfat",
                "6745-2301",
                "ESP",
            ),
            (
                &[(510, &[0x55, 0xaa]), (54, b"FAT16   "), (39, &ID[..4]), (43, b"NO NAME    ")],
                "vfat",
                "6745-2301",
                "",
            ),
        ];
        for (parts, fstype, uuid, label) in cases {
            let found = probed(&device(parts)).expect(fstype);
            assert_eq!(found, (fstype, uuid.into(), label.into()));
        }
        assert_eq!(probed(&device(&[])), None);
        assert_eq!(probed(&[]), None);
    }

    #[test]
    fn features_make_the_generation_of_ext() {
        let ext = |compat: u8, incompat: u8, ro_compat: u8| {
            let features = [compat, 0, 0, 0, incompat, 0, 0, 0, ro_compat];
            probed(&device(&[
                (1080, &[0x53, 0xef]),
                (1116, &features),
                (1144, b"sixteen bytes ok"),
            ]))
        };
        assert_eq!(ext(0x38, 0x2, 0x3), Some(("ext2", zero(), "sixteen bytes ok".into())));
        assert_eq!(ext(0x3c, 0x6, 0x3).map(|e| e.0), Some("ext3"));
        assert_eq!(ext(0x3c, 0x42, 0x3).map(|e| e.0), Some("ext4"));
        assert_eq!(ext(0x38, 0x2, 0x13).map(|e| e.0), Some("ext4"));
        assert_eq!(ext(0, 0x8, 0), None);
    }

    fn zero() -> String {
        "00000000-0000-0000-0000-000000000000".into()
    }

    proptest! {
        #[test]
        fn any_device_is_read(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            probed(&bytes);
            let mut ext = bytes;
            if ext.len() > 1082 {
                ext[1080..1082].copy_from_slice(&[0x53, 0xef]);
                probed(&ext);
            }
        }
    }
}
