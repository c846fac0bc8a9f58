//! Kernel images for other machines than x86, as far as they say what they are: the `Image` of arm64 and
//! RISC-V, the zImage of 32-bit ARM, and EFI's zboot, an EFI program around a compressed `Image`.
//!
//! Sources: the kernel's `Documentation/arch/arm64/booting.rst`, `Documentation/arch/riscv/boot-image-header.rst`,
//! `arch/arm/boot/compressed/head.S`, `drivers/firmware/efi/libstub/zboot-header.S`. What a zImage unpacks
//! to is not looked into: nothing says where it is.

use std::io::Read;

use aho_corasick::AhoCorasick;

use super::ikconfig;
use super::payload::{CHUNK, KERNEL_MAX};
use crate::bytes::{le32, le64};
use crate::compress;
use crate::error::{Context, Result, shown_bytes};
use crate::volume::Window;

/// What the text that `/proc/version` shows starts with (`init/version-timestamp.c`).
const BANNER: &[u8] = b"Linux version ";

/// The longest of these texts that is shown.
const BANNER_MAX: usize = 512;

/// A kernel for another machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignImage {
    /// How the file is made up.
    pub format: &'static str,
    /// The machine; empty where the format does not say it.
    pub machine: &'static str,
    /// `image_size`: bytes of memory that it takes.
    pub memory: Option<u64>,
    /// Bytes of a page, where it says so.
    pub page_size: Option<u64>,
    /// Where what it unpacks to is, compressed: offset and length in bytes.
    payload: Option<(u64, u64)>,
    /// Whether it can be looked into.
    is_open: bool,
}

/// What is in a kernel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// What `/proc/version` will show, behind `Linux version `.
    pub version: String,
    /// The configuration in it, as text.
    pub config: Option<Vec<u8>>,
}

impl ForeignImage {
    /// The kernel whose file starts so; `None` for any other file.
    pub fn parse(head: &[u8]) -> Option<Self> {
        let has = |at: usize, magic: &[u8]| head.get(at..).is_some_and(|h| h.starts_with(magic));
        let none = ForeignImage {
            format: "Image",
            machine: "",
            memory: None,
            page_size: None,
            payload: None,
            is_open: true,
        };
        let memory = le64(head, 16).filter(|&size| size > 0);
        if has(0, b"MZ") && has(4, b"zimg") {
            let payload = Some((le32(head, 8)?.into(), le32(head, 12)?.into()));
            return Some(ForeignImage { format: "EFI zboot", payload, ..none });
        }
        if has(0x38, b"ARM\x64") {
            // Bits 1 and 2 of the flags.
            let sizes = [None, Some(4 << 10), Some(16 << 10), Some(64 << 10)];
            let page_size = sizes[(le64(head, 24)? >> 1 & 3) as usize];
            return Some(ForeignImage { machine: "AArch64", memory, page_size, ..none });
        }
        if has(0x38, b"RSC\x05") {
            return Some(ForeignImage { machine: "RISC-V", memory, ..none });
        }
        (le32(head, 0x24)? == 0x016f_2818).then_some(ForeignImage {
            format: "zImage",
            machine: "ARM",
            is_open: false,
            ..none
        })
    }

    /// Looks for what it says of itself; `None` where it cannot be looked into.
    ///
    /// # Errors
    /// Where the file cannot be read, or what it unpacks to is damaged.
    pub fn content(&self, file: &Window) -> Result<Option<Content>> {
        let stream: Box<dyn Read> = match self.payload {
            _ if !self.is_open => return Ok(None),
            None => Box::new(file.reader()),
            Some((offset, len)) => compress::reader(file.part(offset, len).reader())?,
        };
        let doing = || match self.payload {
            None => "reading it",
            Some(_) => "unpacking its payload",
        };
        search(stream.take(KERNEL_MAX)).context(doing).map(Some)
    }
}

fn search(mut stream: impl Read) -> Result<Content> {
    let mut config = ikconfig::Search::new()?;
    let marker = AhoCorasick::new([BANNER]).context(|| "looking for its version")?;
    let (mut window, mut chunk) = (Vec::new(), vec![0; CHUNK]);
    let mut version = String::new();
    loop {
        let n = stream.read(&mut chunk)?;
        config.push(&chunk[..n]);
        window.extend_from_slice(&chunk[..n]);
        for found in marker.find_iter(&window) {
            // The first of them is a template without a build number: the last one counts.
            version = banner(&window[found.end()..]).unwrap_or(version);
        }
        if n == 0 {
            return Ok(Content { version, config: config.text()? });
        }
        // A text may be cut in two.
        window.drain(..window.len().saturating_sub(BANNER_MAX));
    }
}

/// The rest of a banner: a line of text that starts with a number.
fn banner(bytes: &[u8]) -> Option<String> {
    let line = &bytes[..bytes.len().min(BANNER_MAX)];
    let line = &line[..line.iter().position(|&b| b == b'\n')?];
    (line.first()?.is_ascii_digit() && !line.contains(&b'%')).then(|| shown_bytes(line))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::gzip;
    use proptest::prelude::*;

    const VERSION: &str = "6.1.0-test (me@here) #1 SMP";

    /// An arm64 `Image` with pages of 16 KiB.
    fn image(len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        bytes[16..24].copy_from_slice(&(40u64 << 20).to_le_bytes());
        bytes[24] = 2 << 1;
        bytes[0x38..0x3c].copy_from_slice(b"ARM\x64");
        let banner = format!("Linux version {VERSION}\n");
        bytes[len - 100..][..banner.len()].copy_from_slice(banner.as_bytes());
        bytes
    }

    fn content(bytes: Vec<u8>) -> Content {
        let image = ForeignImage::parse(&bytes).expect("a kernel");
        image.content(&Window::from(bytes)).expect("sound").expect("open")
    }

    #[test]
    fn an_image_says_its_machine_and_its_version_wherever_that_is() {
        let bytes = image(4096);
        let found = ForeignImage::parse(&bytes).expect("a kernel");
        assert_eq!((found.format, found.machine), ("Image", "AArch64"));
        assert_eq!((found.memory, found.page_size), (Some(40 << 20), Some(16 << 10)));
        for len in [4096, CHUNK + 60, CHUNK + 90, 2 * CHUNK] {
            assert_eq!(content(image(len)).version, VERSION, "{len}");
        }
    }

    #[test]
    fn zboot_is_looked_into_and_a_zimage_is_not() {
        let packed = gzip(6, &image(5000));
        let mut zboot = b"MZ\0\0zimg\x40\0\0\0".to_vec();
        zboot.extend((packed.len() as u32).to_le_bytes());
        zboot.resize(0x40, 0);
        zboot.extend(&packed);
        assert_eq!(content(zboot.clone()).version, VERSION);
        zboot.truncate(zboot.len() - packed.len() / 2);
        let cut = ForeignImage::parse(&zboot).expect("a kernel");
        assert!(cut.content(&Window::from(zboot)).is_err());
        let mut zimage = vec![0; 64];
        zimage[0x24..0x28].copy_from_slice(&[0x18, 0x28, 0x6f, 0x01]);
        let found = ForeignImage::parse(&zimage).expect("a kernel");
        assert_eq!((found.format, found.machine), ("zImage", "ARM"));
        assert_eq!(found.content(&Window::from(zimage)).expect("readable"), None);
        assert_eq!(ForeignImage::parse(&[0; 64]), None);
    }

    proptest! {
        #[test]
        fn damaged_kernels_never_panic(at in 0..0x40usize, byte: u8, keep in 0..5000usize) {
            let mut bytes = image(5000);
            bytes[at] = byte;
            bytes.truncate(keep);
            if let Some(found) = ForeignImage::parse(&bytes) {
                let _ = found.content(&Window::from(bytes));
            }
        }
    }
}
