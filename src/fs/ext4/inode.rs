//! Inodes of 256 bytes: owner, mode, times with nanoseconds, and the map or the short link.
//!
//! Reference: kernel Documentation/filesystems/ext4/inodes.rst. All four times are the one that the
//! tree has: what read, changed or made a file elsewhere is no property of the image.

use super::checksum::Checksum;
use super::put;
use super::xattr::INLINE_SIZE;
use crate::tree::{Kind, Time};

/// `s_inode_size`
pub(super) const INODE_SIZE: usize = 256;
/// `i_extra_isize`: fields after the first 128 bytes, up to the project id.
pub(super) const EXTRA_SIZE: u16 = 32;
/// `EXT4_EXTENTS_FL`
pub(super) const EXTENTS_FLAG: u32 = 0x8_0000;
/// `EXT4_INDEX_FL`: the directory has a hash tree.
pub(super) const INDEX_FLAG: u32 = 0x1000;
/// Links beyond which `dir_nlink` gives up counting subdirectories, and files get no more.
pub(super) const LINK_MAX: u32 = 65000;
/// Short links are stored in the inode: `i_block` with a NUL.
pub(super) const FAST_LINK_MAX: usize = 59;

/// All that an inode says.
#[derive(Debug)]
pub(super) struct Inode {
    /// Kind and permission bits.
    pub(super) mode: u16,
    /// Owner.
    pub(super) uid: u32,
    /// Group.
    pub(super) gid: u32,
    /// Length in bytes.
    pub(super) size: u64,
    /// When it was modified, and all else.
    pub(super) time: Time,
    /// Names; a directory counts its own two and those of its subdirectories.
    pub(super) links: u32,
    /// Units of 512 bytes that it occupies, map and attributes included.
    pub(super) sectors: u64,
    /// `i_flags`
    pub(super) flags: u32,
    /// `i_block`: extents, a short link, a device number.
    pub(super) map: [u8; 60],
    /// `i_file_acl`: the block of attributes, or 0.
    pub(super) xattr_block: u64,
    /// Attributes that fit.
    pub(super) xattrs: [u8; INLINE_SIZE],
}

impl Inode {
    /// The inode as it is stored; `seed` is its own checksum.
    pub(super) fn render(&self, seed: Checksum) -> [u8; INODE_SIZE] {
        let mut i = [0; INODE_SIZE];
        put(&mut i, 0x00, self.mode.to_le_bytes());
        put(&mut i, 0x02, (self.uid as u16).to_le_bytes());
        put(&mut i, 0x04, (self.size as u32).to_le_bytes());
        put(&mut i, 0x18, (self.gid as u16).to_le_bytes());
        put(&mut i, 0x1a, self.stored_links().to_le_bytes());
        put(&mut i, 0x1c, (self.sectors as u32).to_le_bytes());
        put(&mut i, 0x20, self.flags.to_le_bytes());
        put(&mut i, 0x28, self.map);
        put(&mut i, 0x68, (self.xattr_block as u32).to_le_bytes());
        put(&mut i, 0x6c, ((self.size >> 32) as u32).to_le_bytes());
        put(&mut i, 0x74, ((self.sectors >> 32) as u16).to_le_bytes());
        put(&mut i, 0x76, ((self.xattr_block >> 32) as u16).to_le_bytes());
        put(&mut i, 0x78, ((self.uid >> 16) as u16).to_le_bytes());
        put(&mut i, 0x7a, ((self.gid >> 16) as u16).to_le_bytes());
        put(&mut i, 0x80, EXTRA_SIZE.to_le_bytes());
        let (seconds, extra) = stored_time(self.time);
        // i_atime, i_ctime, i_mtime, i_crtime
        for (low, high) in [(0x08, 0x8c), (0x0c, 0x84), (0x10, 0x88), (0x90, 0x94)] {
            put(&mut i, low, seconds.to_le_bytes());
            put(&mut i, high, extra.to_le_bytes());
        }
        put(&mut i, 0xa0, self.xattrs);
        let checksum = seed.with(&i);
        put(&mut i, 0x7c, checksum.low().to_le_bytes());
        put(&mut i, 0x82, checksum.high().to_le_bytes());
        i
    }

    /// `i_links_count`; 1 says that nobody counts (`dir_nlink`).
    fn stored_links(&self) -> u16 {
        if self.links > LINK_MAX { 1 } else { self.links as u16 }
    }
}

/// Seconds, and nanoseconds with the two bits that reach from 2038 to 2446 ("Inode Timestamps").
/// What is outside 1901-12-13 to 2446-05-10 becomes the nearest time inside, as in the kernel.
fn stored_time(time: Time) -> (u32, u32) {
    const FIRST: i64 = i32::MIN as i64;
    const LAST: i64 = FIRST + (1 << 34) - 1;
    let seconds = time.seconds.clamp(FIRST, LAST);
    let nanoseconds = if seconds == time.seconds { time.nanoseconds } else { 0 };
    let epoch = (seconds - i64::from(seconds as i32)) >> 32;
    (seconds as u32, nanoseconds << 2 | epoch as u32)
}

/// `i_block` of a device: the old 16-bit number first, where it fits, else the new one second.
/// `None` where Linux has no such number (12 bits of major, 20 of minor).
pub(super) fn device_map(major: u32, minor: u32) -> Option<[u8; 60]> {
    let mut map = [0; 60];
    match (major, minor) {
        (0..=0xff, 0..=0xff) => put(&mut map, 0, (major << 8 | minor).to_le_bytes()),
        (0..=0xfff, 0..=0xf_ffff) => {
            let new = minor & 0xff | major << 8 | (minor & !0xff) << 12;
            put(&mut map, 4, new.to_le_bytes());
        }
        _ => return None,
    }
    Some(map)
}

/// The kind as directory entries have it (directory.rst, "file_type").
pub(super) fn file_type(kind: &Kind) -> u8 {
    match kind {
        Kind::File(_) => 1,
        Kind::Directory => super::directory::DIRECTORY_TYPE,
        Kind::CharDevice { .. } => 3,
        Kind::BlockDevice { .. } => 4,
        Kind::Fifo => 5,
        Kind::Socket => 6,
        Kind::Symlink(_) => 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_stored_as_the_table_of_the_documentation_has_them() {
        for (seconds, low, epoch) in [
            (-1, 0xffff_ffff, 0),
            (i64::from(i32::MIN), 0x8000_0000, 0),
            (0x7fff_ffff, 0x7fff_ffff, 0),
            (0x8000_0000, 0x8000_0000, 1),
            (0x1_0000_0000, 0, 1),
            (0x3_7fff_ffff, 0x7fff_ffff, 3),
            (i64::MAX, 0x7fff_ffff, 3),
        ] {
            assert_eq!(stored_time(Time { seconds, nanoseconds: 0 }), (low, epoch), "{seconds:#x}");
        }
        assert_eq!(stored_time(Time { seconds: 0, nanoseconds: 3 }), (0, 12));
    }

    #[test]
    fn device_numbers_have_two_forms() {
        let words = |major, minor| {
            device_map(major, minor).map(|map| (map[0], map[1], map[4], map[5], map[6], map[7]))
        };
        assert_eq!(words(8, 1), Some((1, 8, 0, 0, 0, 0)));
        assert_eq!(words(259, 0x12345), Some((0, 0, 0x45, 3, 0x31, 0x12)));
        assert_eq!(words(4096, 0), None);
    }
}
