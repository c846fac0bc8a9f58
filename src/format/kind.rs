//! The disk image formats, told apart by their magic: the one table of them.

use std::fmt;
use std::str::FromStr;

use super::refused;
use crate::bytes::le32;
use crate::error::Result;
use crate::volume::Window;

/// A disk image format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The bytes of the disk as they are; whatever has no magic.
    Raw,
    /// QEMU's copy-on-write format, version 2 or 3.
    Qcow2,
    /// Microsoft's older format, of Virtual PC, Azure and Hyper-V.
    Vhd,
    /// Hyper-V's format.
    Vhdx,
    /// VMware's sparse extent or descriptor file.
    Vmdk,
    /// VirtualBox' format.
    Vdi,
}

/// What a fixed VHD ends with and a dynamic one starts with, too.
pub(super) const VHD_COOKIE: &[u8] = b"conectix";

/// What a VDI has at offset 64.
const VDI_SIGNATURE: u32 = 0xbeda_107f;

/// Bytes from the start of a file that [`Format::sniff`] looks at.
const HEAD: usize = 72;

/// Bytes from its end.
const TAIL: u64 = 512;

impl Format {
    /// All of them.
    pub const ALL: [Format; 6] =
        [Format::Raw, Format::Qcow2, Format::Vhd, Format::Vhdx, Format::Vmdk, Format::Vdi];

    /// Its name, which its files end with too.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Qcow2 => "qcow2",
            Format::Vhd => "vhd",
            Format::Vhdx => "vhdx",
            Format::Vmdk => "vmdk",
            Format::Vdi => "vdi",
        }
    }

    /// QEMU's name of the block driver.
    pub const fn qemu_name(self) -> &'static str {
        match self {
            Format::Vhd => "vpc",
            other => other.name(),
        }
    }

    /// The format that a name of ours or QEMU's stands for.
    pub fn of_name(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|f| f.name() == name || f.qemu_name() == name)
    }

    /// The format of an image that starts with `head` (72 bytes are enough) and whose last 512
    /// bytes are `tail`: a fixed VHD differs from a raw image only there.
    pub fn sniff(head: &[u8], tail: &[u8]) -> Self {
        match head {
            [b'Q', b'F', b'I', 0xfb, ..] => Format::Qcow2,
            [b'K', b'D', b'M', b'V', ..] => Format::Vmdk,
            _ if head.starts_with(b"# Disk DescriptorFile") => Format::Vmdk,
            _ if head.starts_with(b"vhdxfile") => Format::Vhdx,
            _ if le32(head, 64) == Some(VDI_SIGNATURE) => Format::Vdi,
            _ if head.starts_with(VHD_COOKIE) || tail.starts_with(VHD_COOKIE) => Format::Vhd,
            _ => Format::Raw,
        }
    }

    /// The format of what a window holds.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn of(window: &Window) -> Result<Self> {
        let head = window.bytes(0, HEAD)?;
        let tail = window.bytes(window.len().saturating_sub(TAIL), TAIL as usize)?;
        Ok(Format::sniff(&head, &tail))
    }

    /// The format of a disk image.
    ///
    /// # Errors
    /// Where it cannot be read, or is something else that is given in a disk's place: a packed file or an
    /// archive, which may have one in it, a kernel, a text.
    pub fn of_disk(window: &Window) -> Result<Self> {
        let format = Format::of(window)?;
        if format == Format::Raw {
            refused::refuse(window)?;
        }
        Ok(format)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// No format has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no disk image format: there are raw, qcow2, vhd, vhdx, vmdk and vdi")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        Format::of_name(text).ok_or_else(|| UnknownFormat(text.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_magic() {
        let mut vdi = vec![0; 72];
        vdi[64..68].copy_from_slice(&VDI_SIGNATURE.to_le_bytes());
        let table: [(&[u8], &[u8], Format); 7] = [
            (b"QFI\xfb\0\0\0\x03", b"", Format::Qcow2),
            (b"KDMV", b"", Format::Vmdk),
            (b"vhdxfile", b"", Format::Vhdx),
            (&vdi, b"", Format::Vdi),
            (b"conectix", b"", Format::Vhd),
            (b"\xeb\x63\x90", b"conectix", Format::Vhd),
            (b"", b"", Format::Raw),
        ];
        for (head, tail, format) in table {
            assert_eq!(Format::sniff(head, tail), format, "{format:?}");
        }
        assert_eq!(Format::of(&Window::from(b"x".to_vec())).expect("in memory"), Format::Raw);
    }

    #[test]
    fn both_names_are_understood() {
        assert_eq!("vpc".parse(), Ok(Format::Vhd));
        assert_eq!("vhd".parse(), Ok(Format::Vhd));
        assert!("vhdy".parse::<Format>().is_err());
    }
}
