//! `rootflags=` into what mount(2) wants: flag bits, and data for the filesystem.
//!
//! The generic options are flags of the system call, and a filesystem refuses them in its data; all
//! others are the filesystem's own. Values are the kernel's ABI (`include/uapi/linux/mount.h`).

use crate::text::Text;

/// Read-only.
pub const MS_RDONLY: u32 = 1;

/// Option, bits that it sets, bits that it clears.
const GENERIC: [(&[u8], u32, u32); 20] = [
    (b"defaults", 0, 0),
    (b"ro", MS_RDONLY, 0),
    (b"rw", 0, MS_RDONLY),
    (b"nosuid", 2, 0),
    (b"suid", 0, 2),
    (b"nodev", 4, 0),
    (b"dev", 0, 4),
    (b"noexec", 8, 0),
    (b"exec", 0, 8),
    (b"sync", 16, 0),
    (b"async", 0, 16),
    (b"dirsync", 128, 0),
    (b"noatime", 1 << 10, 0),
    (b"atime", 0, 1 << 10),
    (b"nodiratime", 1 << 11, 0),
    (b"diratime", 0, 1 << 11),
    (b"relatime", 1 << 21, 0),
    (b"norelatime", 0, 1 << 21),
    (b"strictatime", 1 << 24, 0),
    (b"lazytime", 1 << 25, 0),
];

/// Room for the data of a filesystem, in bytes, its NUL included; the kernel takes a page.
pub const DATA_ROOM: usize = 512;

/// Splits comma-separated options into flags, starting from `flags`, and the filesystem's own.
pub fn split(options: &[u8], mut flags: u32) -> (u32, Text<DATA_ROOM>) {
    let mut data = Text::new();
    for option in options.split(|&b| b == b',').filter(|option| !option.is_empty()) {
        match GENERIC.iter().find(|(name, ..)| *name == option) {
            Some((_, set, clear)) => flags = flags & !clear | set,
            None => {
                if !data.is_empty() {
                    data.push(b",");
                }
                data.push(option);
            }
        }
    }
    (flags, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generic_options_are_flags_and_the_rest_is_data() {
        let (flags, data) = split(b"noatime,subvol=@root,,rw,compress=zstd:1", MS_RDONLY);
        assert_eq!(flags, 1 << 10);
        assert_eq!(data.as_bytes(), b"subvol=@root,compress=zstd:1");
    }
}
