//! newc (`070701`, and `070702` with checksums), the only cpio format that the kernel unpacks.
//!
//! Source: the kernel's `Documentation/driver-api/early-userspace/buffer-format.rst`.
//!
//! Why our own and not the `cpio` crate (it is a judge in the tests): its names are `String`s, so a
//! name that is not UTF-8 cannot be written; it truncates lengths to 32 bits silently; a member that
//! ends early is an archive that is broken from there on, without an error; and its `write_cpio`
//! numbers the inodes itself, so it cannot say that two names are one file.
//!
//! What the format leaves out: nanoseconds (dropped) and extended attributes (dropped, as every cpio
//! does: PID 1 is root and needs no file capabilities). What it cannot say otherwise is refused with
//! the path, never clamped: the kernel drops such an entry without a word.

mod read;
mod unpack;
mod write;

pub use read::{Entry, ReadError, Reader, SkipFn};
pub use unpack::node;
pub(super) use unpack::{Links, place};
pub use unpack::{UnpackError, unpack, unpack_from};
pub use write::{Unfit, write, write_to};

/// Length of the header: a magic of 6 characters and 13 fields of 8.
pub const HEADER_LEN: usize = 110;

/// The magic of an archive without checksums.
pub const MAGIC: &[u8; 6] = b"070701";

/// The magic of an archive whose `c_check` is the sum of each file's bytes.
pub const MAGIC_CRC: &[u8; 6] = b"070702";

/// The name of the entry that ends an archive, and with it the kernel's table of hard links.
pub const TRAILER: &[u8] = b"TRAILER!!!";

/// Header, data and the archive itself are padded to this.
pub const ALIGNMENT: u64 = 4;

/// The longest name or symlink target, with its NUL (`PATH_MAX` of Linux).
pub const PATH_MAX: usize = 4096;

/// The fields after the magic, in the order in which they are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// `c_ino`: with the device numbers, what hard links share.
    pub ino: u32,
    /// `c_mode`: `st_mode`, kind and permissions.
    pub mode: u32,
    /// `c_uid`.
    pub uid: u32,
    /// `c_gid`.
    pub gid: u32,
    /// `c_nlink`: names are hard links only where this is at least 2.
    pub nlink: u32,
    /// `c_mtime`: seconds since 1970.
    pub mtime: u32,
    /// `c_filesize`: bytes of data: a file's content, a symlink's target.
    pub filesize: u32,
    /// `c_maj` of the device that the file was on.
    pub dev_major: u32,
    /// `c_min` of the device that the file was on.
    pub dev_minor: u32,
    /// `c_rmaj`: major number of a device node.
    pub rdev_major: u32,
    /// `c_rmin`: minor number of a device node.
    pub rdev_minor: u32,
    /// `c_namesize`: length of the name with its NUL.
    pub namesize: u32,
    /// `c_chksum`: the sum of all data bytes in `070702`, else 0.
    pub check: u32,
}

/// The fields' names in buffer-format.rst, in order, for messages.
const FIELDS: [&str; 13] = [
    "c_ino",
    "c_mode",
    "c_uid",
    "c_gid",
    "c_nlink",
    "c_mtime",
    "c_filesize",
    "c_maj",
    "c_min",
    "c_rmaj",
    "c_rmin",
    "c_namesize",
    "c_chksum",
];

impl Header {
    /// The values in the order in which they are stored.
    fn values(&self) -> [u32; 13] {
        [
            self.ino,
            self.mode,
            self.uid,
            self.gid,
            self.nlink,
            self.mtime,
            self.filesize,
            self.dev_major,
            self.dev_minor,
            self.rdev_major,
            self.rdev_minor,
            self.namesize,
            self.check,
        ]
    }

    /// The inverse of [`Header::values`].
    fn from_values(v: [u32; 13]) -> Self {
        let [ino, mode, uid, gid, nlink, mtime, filesize, ..] = v;
        let [.., dev_major, dev_minor, rdev_major, rdev_minor, namesize, check] = v;
        Header {
            ino,
            mode,
            uid,
            gid,
            nlink,
            mtime,
            filesize,
            dev_major,
            dev_minor,
            rdev_major,
            rdev_minor,
            namesize,
            check,
        }
    }
}

/// How many zero bytes bring `len` to the alignment.
const fn padding(len: u64) -> usize {
    (len.next_multiple_of(ALIGNMENT) - len) as usize
}

#[cfg(test)]
mod tests;
