//! The starts that tell how a segment is stored: what its readers want to see, and what the kernel
//! looks at, which is less.

use super::{Encoding, FORMATS};
use crate::compress::Format;
use crate::initramfs::newc::{MAGIC, MAGIC_CRC};

/// How bytes are stored, from the first [`SNIFF_LENGTH`](crate::compress::SNIFF_LENGTH) of them.
pub fn sniff(head: &[u8]) -> Option<Encoding> {
    if head.starts_with(MAGIC) || head.starts_with(MAGIC_CRC) {
        return Some(Encoding::Newc);
    }
    // lz4's own frame is none of them: the kernel does not know it.
    let format = Format::sniff(head);
    let known = FORMATS.iter().find(|(_, known)| Some(*known) == format);
    known.map(|(encoding, _)| *encoding)
}

/// What the kernel looks at to tell how bytes are stored (`lib/decompress.c`, `init/initramfs.c`): less
/// than [`sniff`], so that it takes for gzip what then turns out to be none.
const KERNEL_MAGICS: [(&[u8], Encoding); 9] = [
    (b"0", Encoding::Newc),
    (&[0x1f, 0x8b], Encoding::Gzip),
    (&[0x1f, 0x9e], Encoding::Gzip),
    (&[0x28, 0xb5], Encoding::Zstd),
    (&[0xfd, 0x37], Encoding::Xz),
    (&[0x5d, 0x00], Encoding::Lzma),
    (&[0x42, 0x5a], Encoding::Bzip2),
    (&[0x02, 0x21], Encoding::Lz4),
    (&[0x89, 0x4c], Encoding::Lzo),
];

/// How the kernel takes bytes to be stored, sound or not.
pub fn sniff_as_kernel(head: &[u8]) -> Option<Encoding> {
    let known = KERNEL_MAGICS.iter().find(|(magic, _)| head.starts_with(magic));
    known.map(|(_, encoding)| *encoding)
}
