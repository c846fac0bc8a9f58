//! What can be wrong with an initramfs, and what the kernel says about it (`init/initramfs.c`,
//! `lib/decompress_*.c`).

use crate::initramfs::segment::Encoding;

/// What is wrong with an initramfs at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// A compressed stream ends too early.
    Truncated(Encoding),
    /// A compressed stream is damaged.
    Corrupt(Encoding),
    /// The checksum of a gzip member is wrong; the kernel does not look.
    BadCrc,
    /// An xz stream with a check that the kernel does not have: its name.
    XzCheck(&'static str),
    /// A zstd frame that wants a window of so many bytes.
    ZstdWindow(u64),
    /// lz4's frame format, which the kernel does not read.
    Lz4Frame,
    /// Nothing that the kernel knows, where the first archive should be.
    NotAnArchive,
    /// An ELF file, a filesystem or the like there: what it is.
    Other(&'static str),
    /// Nothing that the kernel knows behind an archive.
    JunkAfter,
    /// A plain archive at an offset that is no multiple of 4.
    Misaligned {
        /// Whether it follows a plain archive.
        after_plain: bool,
    },
    /// Something other than an archive in a compressed stream, behind one.
    JunkInside,
    /// A tar archive in a compressed stream or plain.
    Tar,
    /// cpio's old binary format.
    CpioBinary,
    /// cpio's `070707`.
    CpioOdc,
    /// A compressed stream in a compressed stream.
    Twice(Encoding),
    /// A header that is none.
    NoMagic,
    /// A `070702` entry whose data does not add up.
    BadChecksum(Vec<u8>),
    /// The archive ends without its trailer; the last entry was cut short or not.
    NoTrailer {
        /// Whether a file lacks its end.
        cut: bool,
        /// The last entry.
        last: Vec<u8>,
        /// Whether it is in a compressed stream.
        compressed: bool,
    },
    /// Longer than what is judged here.
    TooLong,
}

impl Fault {
    /// What the kernel says behind `Initramfs unpacking failed: `; `None` where it says nothing.
    pub fn message(&self) -> Option<&'static str> {
        Some(match self {
            Fault::Truncated(Encoding::Gzip) => "read error",
            Fault::Truncated(Encoding::Xz) => "XZ-compressed data is corrupt",
            Fault::Truncated(Encoding::Zstd) => "ZSTD-compressed data is truncated",
            // Words that differ between decoders and kernels, or none (lz4, lzo).
            Fault::Truncated(_) => return None,
            Fault::Corrupt(_) => "",
            Fault::XzCheck(_) => "Input was encoded with settings that are not supported",
            Fault::ZstdWindow(_) => "Out of memory while allocating ZSTD_DStream",
            Fault::Misaligned { after_plain: true } => "broken padding",
            Fault::Misaligned { after_plain: false } => {
                "invalid magic at start of compressed archive"
            }
            Fault::Lz4Frame | Fault::NotAnArchive | Fault::JunkAfter | Fault::Other(_) => {
                "invalid magic at start of compressed archive"
            }
            Fault::JunkInside => "junk within compressed archive",
            Fault::Tar | Fault::CpioBinary | Fault::Twice(_) | Fault::NoMagic => "no cpio magic",
            Fault::CpioOdc => "incorrect cpio method used: use -H newc option",
            Fault::BadChecksum(_) => "bad data checksum",
            Fault::NoTrailer { compressed: true, .. } => "junk at the end of compressed archive",
            Fault::NoTrailer { .. } | Fault::BadCrc | Fault::TooLong => return None,
        })
    }

    /// Whether files may be missing afterwards.
    pub fn is_fatal(&self) -> bool {
        match self {
            Fault::BadCrc | Fault::JunkAfter | Fault::JunkInside | Fault::BadChecksum(_) => false,
            Fault::NoTrailer { cut, .. } => *cut,
            _ => true,
        }
    }
}
