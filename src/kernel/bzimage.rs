//! bzImage: the x86 kernel image that GRUB and UEFI firmware start.
//!
//! Source: the kernel's `Documentation/arch/x86/boot.rst`. Read is what says whether this image will
//! boot here: the setup header, and of the PE header that makes it an EFI program the machine and
//! the place of the signature. Older ones and those of 32 bits can be looked at too. The payload is not
//! unpacked, the signature not verified.

use std::io::Read;
use std::path::Path;

use crate::arch::X86_64;
use crate::bytes::{le16, le32};
use crate::error::Result;
use crate::volume;

/// The setup code has at most 255 sectors behind the boot sector: more of a file is never read.
pub const HEAD_MAX: usize = 256 * SECTOR_SIZE;

/// The protocol counts in sectors of this size.
const SECTOR_SIZE: usize = 512;

/// The end of the setup header's last field that is read.
const HEADER_END: usize = 0x268;

/// The protocol versions with which fields came: `relocatable_kernel`, `cmdline_size`, the payload,
/// `init_size`, and what tells a 64-bit kernel from others (`xloadflags`).
const VERSION_RELOCATABLE: u16 = 0x0205;
const VERSION_CMDLINE_SIZE: u16 = 0x0206;
const VERSION_PAYLOAD: u16 = 0x0208;
const VERSION_INIT_SIZE: u16 = 0x020a;
const VERSION_XLOADFLAGS: u16 = 0x020c;

/// `IMAGE_NT_OPTIONAL_HDR32_MAGIC`: PE32, whose optional header is shorter than that of PE32+.
const PE32: u16 = 0x10b;

/// What the setup header and the PE header say; zero and empty where a protocol is too old to say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BzImage {
    /// `kernel_version`: release, builder and build time, as `uname -rv` has them; empty where the
    /// image has none.
    pub version: String,
    /// The boot protocol, major and minor: 2.15 is `(2, 15)`.
    pub protocol: (u8, u8),
    /// `relocatable_kernel`: whether it runs at other addresses than its preferred one.
    pub relocatable: bool,
    /// `xloadflags`.
    pub flags: LoadFlags,
    /// `cmdline_size`: the longest command line in bytes, without its NUL.
    pub cmdline_size: u32,
    /// `handover_offset`: where the EFI handover entry is, in kernels that still have one.
    pub handover_offset: Option<u32>,
    /// `init_size`: bytes of memory that it needs while it starts.
    pub init_size: u32,
    /// Offset of the compressed payload in the file, and its length.
    pub payload: (u64, u64),
    /// Bytes of the file that belong to the kernel, with its signature.
    pub needs: u64,
    /// Whether it carries a signature for Secure Boot.
    pub signed: bool,
    /// The machine of the PE header that makes it an EFI program, where it is one.
    pub stub: Option<u16>,
}

/// `xloadflags`: the `XLF_*` bits of boot.rst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LoadFlags(
    /// The bits.
    pub u16,
);

impl LoadFlags {
    /// `XLF_KERNEL_64`: it has a 64-bit entry point.
    pub const fn is_64_bit(self) -> bool {
        self.0 & 1 != 0
    }

    /// `XLF_CAN_BE_LOADED_ABOVE_4G`.
    pub const fn above_4g(self) -> bool {
        self.0 & 1 << 1 != 0
    }

    /// `XLF_EFI_HANDOVER_64`.
    pub const fn efi_handover_64(self) -> bool {
        self.0 & 1 << 3 != 0
    }
}

/// Why a file is not a kernel that boots here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BzImageError {
    /// Nothing at all.
    #[error("it is empty")]
    Empty,
    /// `vmlinux`, or another program.
    #[error("this is an ELF file, as vmlinux is; the bzImage is arch/x86/boot/bzImage")]
    Vmlinux,
    /// `Image` of another architecture.
    #[error("this is a kernel for {0}, not for x86-64")]
    OtherArch(&'static str),
    /// Compressed as a whole.
    #[error("this is a {0} file; a bzImage is compressed inside, not as a file")]
    Compressed(&'static str),
    /// An EFI program without a setup header.
    #[error("this is an EFI program, not a kernel: a unified kernel image or a boot loader?")]
    EfiProgram,
    /// Something else.
    #[error("this is not a bzImage: it has no boot sector with `HdrS` at offset 0x202")]
    NotBzImage,
    /// A zImage, or a protocol of the last century.
    #[error("its boot protocol is {0}.{1:02}; 2.12 (Linux 3.8) or later is needed")]
    Protocol(u8, u8),
    /// No 64-bit entry point.
    #[error("it is a 32-bit kernel, not one for x86-64")]
    NotX86_64,
    /// `CONFIG_EFI_STUB` is off.
    #[error("it has no EFI stub (CONFIG_EFI_STUB), without which it does not start from UEFI")]
    NoEfiStub,
    /// The end is missing.
    #[error("it is truncated: it has {has} bytes and needs {needs}")]
    Truncated {
        /// Bytes that are there.
        has: u64,
        /// Bytes that its header speaks of.
        needs: u64,
    },
}

impl BzImage {
    /// Looks at a kernel file; no more than [`HEAD_MAX`] bytes of it are read.
    ///
    /// # Errors
    /// Where it cannot be read, or is no kernel that boots here ([`BzImageError`]); the path is not said.
    pub fn open(path: &Path) -> Result<Self> {
        let file = volume::open(path)?;
        let len = file.metadata()?.len();
        let mut head = Vec::new();
        file.take(HEAD_MAX as u64).read_to_end(&mut head)?;
        Ok(BzImage::parse(&head, len)?)
    }

    /// Reads the headers from the first bytes of a file ([`HEAD_MAX`], or all that it has) that is
    /// `len` bytes long.
    ///
    /// # Errors
    /// Where it is no kernel that boots here.
    pub fn parse(head: &[u8], len: u64) -> Result<Self, BzImageError> {
        let kernel = BzImage::read(head)?;
        kernel.judge(len)?;
        Ok(kernel)
    }

    /// The same of any kernel for x86, also of one that does not boot here or lacks its end.
    ///
    /// # Errors
    /// Where it is none, or ends in its header.
    pub fn read(head: &[u8]) -> Result<Self, BzImageError> {
        identify(head)?;
        if head.len() < HEADER_END {
            let (has, needs) = (head.len() as u64, HEADER_END as u64);
            return Err(BzImageError::Truncated { has, needs });
        }
        let protocol = le16(head, 0x206).unwrap_or(0);
        let since = |version: u16, value: u32| if protocol < version { 0 } else { value };
        // What is past the end of the file reads as zero here, and as truncated later.
        let u8_at = |at: usize| head.get(at).copied().unwrap_or(0);
        let u16_at = |at| le16(head, at).unwrap_or(0);
        let u32_at = |at, version| since(version, le32(head, at).unwrap_or(0));
        let [minor, major] = protocol.to_le_bytes();
        let setup_len = (usize::from(u8_at(0x1f1)) + 1) * SECTOR_SIZE;
        let image_len = setup_len as u64 + u64::from(u32_at(0x1f4, 0)) * 16;
        let flags = LoadFlags(since(VERSION_XLOADFLAGS, u16_at(0x236).into()) as u16);
        let stub = Stub::find(head);
        let signature = stub.as_ref().and_then(|stub| stub.signature);
        let handover = Some(u32_at(0x264, VERSION_XLOADFLAGS));
        Ok(BzImage {
            version: version(head, u16_at(0x20e), setup_len),
            protocol: (major, minor),
            relocatable: since(VERSION_RELOCATABLE, u8_at(0x234).into()) != 0,
            flags,
            cmdline_size: u32_at(0x238, VERSION_CMDLINE_SIZE),
            handover_offset: handover.filter(|&at| at != 0 && flags.efi_handover_64()),
            init_size: u32_at(0x260, VERSION_INIT_SIZE),
            payload: (
                setup_len as u64 + u64::from(u32_at(0x248, VERSION_PAYLOAD)),
                u32_at(0x24c, VERSION_PAYLOAD).into(),
            ),
            needs: signature.map_or(image_len, |(at, size)| image_len.max(at + size)),
            signed: signature.is_some(),
            stub: stub.map(|stub| stub.machine),
        })
    }

    /// Whether it boots here, where its file has `len` bytes.
    fn judge(&self, len: u64) -> Result<(), BzImageError> {
        let (major, minor) = self.protocol;
        if u16::from_be_bytes([major, minor]) < VERSION_XLOADFLAGS {
            return Err(BzImageError::Protocol(major, minor));
        }
        if !self.flags.is_64_bit() {
            return Err(BzImageError::NotX86_64);
        }
        match self.stub {
            None => Err(BzImageError::NoEfiStub),
            Some(machine) if machine != X86_64.pe_machine => Err(BzImageError::NotX86_64),
            _ if len < self.needs => Err(BzImageError::Truncated { has: len, needs: self.needs }),
            _ => Ok(()),
        }
    }

    /// The kernel release, as `uname -r` prints it and `lib/modules` has a folder for it.
    pub fn release(&self) -> &str {
        self.version.split(' ').next().unwrap_or_default()
    }
}

/// The files that are often taken for a bzImage, by offset and bytes; the first match counts.
const OTHERS: [(usize, &[u8], BzImageError); 8] = [
    (0, b"\x7fELF", BzImageError::Vmlinux),
    // Before `MZ`, with which these start as well where they have an EFI stub.
    (0x38, b"ARM\x64", BzImageError::OtherArch("arm64")),
    (0x38, b"RSC\x05", BzImageError::OtherArch("riscv64")),
    (4, b"zimg", BzImageError::OtherArch("arm64 or riscv64 (EFI zboot)")),
    (0, &[0x1f, 0x8b], BzImageError::Compressed("gzip")),
    (0, &[0x28, 0xb5, 0x2f, 0xfd], BzImageError::Compressed("zstd")),
    (0, b"\xfd7zXZ", BzImageError::Compressed("xz")),
    (0, b"MZ", BzImageError::EfiProgram),
];

/// Whether there is a setup header; if not, what the file is instead.
fn identify(head: &[u8]) -> Result<(), BzImageError> {
    if head.is_empty() {
        return Err(BzImageError::Empty);
    }
    let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|rest| rest.starts_with(magic));
    if has(0x202, b"HdrS") && has(0x1fe, &[0x55, 0xaa]) {
        return Ok(());
    }
    match OTHERS.into_iter().find(|(at, magic, _)| has(*at, magic)) {
        // Too short to tell.
        Some((_, _, BzImageError::EfiProgram)) if head.len() < HEADER_END => {
            Err(BzImageError::Truncated { has: head.len() as u64, needs: HEADER_END as u64 })
        }
        Some((_, _, error)) => Err(error),
        None => Err(BzImageError::NotBzImage),
    }
}

/// The PE header that makes a kernel an EFI program.
struct Stub {
    /// `Machine`.
    machine: u16,
    /// File offset and length of the certificate table.
    signature: Option<(u64, u64)>,
}

impl Stub {
    fn find(head: &[u8]) -> Option<Self> {
        let pe = le32(head, 0x3c).unwrap_or(0) as usize;
        if !head.starts_with(b"MZ") || le32(head, pe)? != u32::from_le_bytes(*b"PE\0\0") {
            return None;
        }
        // Entry 4 of the data directories, which end the optional header (PE/COFF §3.4).
        let is_plus = le16(head, pe + 24) != Some(PE32);
        let directories = pe + 24 + if is_plus { 112 } else { 96 };
        let count = le32(head, directories - 4).unwrap_or(0);
        let entry = le32(head, directories + 32).zip(le32(head, directories + 36));
        let entry = entry.filter(|&(offset, _)| count > 4 && offset != 0);
        let signature = entry.map(|(offset, len)| (offset.into(), len.into()));
        Some(Stub { machine: le16(head, pe + 4)?, signature })
    }
}

/// The text that `kernel_version` points to, 0x200 less than its offset; it is within the setup.
fn version(head: &[u8], pointer: u16, setup_len: usize) -> String {
    let setup = &head[..setup_len.min(head.len())];
    let start = usize::from(pointer) + SECTOR_SIZE;
    match setup.get(start..) {
        Some(text) if pointer != 0 => {
            let text = text.split(|&b| b == 0).next().unwrap_or_default();
            crate::error::shown_bytes(text)
        }
        _ => String::new(),
    }
}

#[cfg(test)]
pub(crate) mod tests;
