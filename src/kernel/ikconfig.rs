//! The compressed payload of a kernel, and the configuration that it carries (`CONFIG_IKCONFIG`): gzip
//! between two markers in the unpacked image.
//!
//! Source: the kernel's `kernel/configs.c`, `scripts/extract-ikconfig` and `scripts/Makefile.lib`, whose
//! `size_append` puts the unpacked length behind every stream but gzip's, which has it as its end. The
//! payload is unpacked as a stream and searched, not kept.

use std::io::Read;

use aho_corasick::AhoCorasick;

use super::bzimage::BzImage;
use super::config::{CONFIG_MAX, Config};
use crate::bytes::le32;
use crate::compress::{Ahead, Format, SNIFF_LENGTH};
use crate::error::{Context, Error, Result};
use crate::volume::Window;

/// What stands before and after it.
const START: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";

/// The most that a payload is unpacked to.
const KERNEL_MAX: u64 = 1 << 30;

/// Bytes that are unpacked at once.
const CHUNK: usize = 256 << 10;

/// How the payload of a kernel is compressed, and the bytes that it unpacks to, which stand behind it;
/// `None` for a compression that is not known (or none).
///
/// # Errors
/// Where the file cannot be read.
pub fn payload(file: &Window, kernel: &BzImage) -> Result<Option<(Format, u64)>> {
    let (offset, len) = kernel.payload;
    let head = file.bytes(offset, SNIFF_LENGTH)?;
    let tail = file.bytes((offset + len).saturating_sub(4), 4)?;
    let unpacked = u64::from(le32(&tail, 0).unwrap_or(0));
    // The kernel's own gzip has no odd flags, and its lzma no size: what sniffs as such is such.
    Ok(Format::sniff(&head).map(|format| (format, unpacked)))
}

/// The configuration, as text; `None` where the kernel has none in itself.
///
/// # Errors
/// Where the payload is damaged before it, or in a compression that is not read.
pub fn find(file: &Window, kernel: &BzImage) -> Result<Option<Vec<u8>>> {
    let Some((format, _)) = payload(file, kernel)? else {
        return Err(Error::new("its payload is in a compression that is not read"));
    };
    let mut search = Search::new()?;
    unpack(file, kernel, format, &mut search, |search| search.is_done)?;
    search.text()
}

/// What the whole of a payload holds.
#[derive(Debug)]
pub struct Unpacked {
    /// Whether it is a vmlinux.
    pub is_elf: bool,
    /// How many bytes it has.
    pub len: u64,
    /// The configuration in it, as text.
    pub config: Option<Vec<u8>>,
}

/// Unpacks a payload to its end; `None` for a compression that is not known (or none).
///
/// # Errors
/// Where it is damaged, or not as long as it says.
pub fn unpacked(file: &Window, kernel: &BzImage) -> Result<Option<Unpacked>> {
    let Some((format, said)) = payload(file, kernel)? else { return Ok(None) };
    let mut search = Search::new()?;
    unpack(file, kernel, format, &mut search, |_| false)?;
    // A stream of lz4 that lacks whole blocks is sound as far as it goes.
    if search.len != said {
        let len = search.len;
        return Err(Error::new(format!("it unpacks to {len} bytes, and says that it has {said}")));
    }
    let (is_elf, len) = (search.start == *b"\x7fELF", search.len);
    // A configuration that is damaged keeps no kernel from running.
    Ok(Some(Unpacked { is_elf, len, config: search.text().unwrap_or_default() }))
}

/// Unpacks a payload into a search, until its end or that of interest.
fn unpack(
    file: &Window,
    kernel: &BzImage,
    format: Format,
    search: &mut Search,
    enough: impl Fn(&Search) -> bool,
) -> Result<()> {
    let (offset, len) = kernel.payload;
    let len = if format == Format::Gzip { len } else { len.saturating_sub(4) };
    let mut input = Ahead::new(file.part(offset, len).reader());
    let mut stream = format.member_reader(&mut input)?.take(KERNEL_MAX);
    let mut chunk = vec![0; CHUNK];
    let doing = || format!("unpacking its payload ({format})");
    while !enough(search) {
        match stream.read(&mut chunk).context(doing)? {
            0 => break,
            n => search.push(&chunk[..n]),
        }
    }
    Ok(())
}

/// The same, read.
///
/// # Errors
/// As [`find`], or where the text is no configuration.
pub fn config(file: &Window, kernel: &BzImage) -> Result<Option<Config>> {
    let text = find(file, kernel)?;
    Ok(text.map(|text| Config::parse(&text)).transpose()?)
}

/// Looks for the markers in a stream, and keeps what is between them.
struct Search {
    markers: [AhoCorasick; 2],
    /// The first bytes.
    start: [u8; 4],
    /// How many bytes there were.
    len: u64,
    /// What is still looked into.
    window: Vec<u8>,
    is_started: bool,
    is_done: bool,
}

impl Search {
    fn new() -> Result<Self> {
        let marker = |bytes: &[u8]| AhoCorasick::new([bytes]).context(|| "looking for its config");
        let markers = [marker(START)?, marker(END)?];
        let window = Vec::with_capacity(2 * CHUNK);
        Ok(Search { markers, start: [0; 4], len: 0, window, is_started: false, is_done: false })
    }

    fn push(&mut self, chunk: &[u8]) {
        for (at, &byte) in (self.len..4).zip(chunk) {
            self.start[at as usize] = byte;
        }
        self.len += chunk.len() as u64;
        if self.is_done {
            return;
        }
        self.window.extend_from_slice(chunk);
        if !self.is_started {
            match self.markers[0].find(&self.window) {
                Some(found) => (self.is_started, _) = (true, self.window.drain(..found.end())),
                // A marker may be cut in two.
                None => {
                    let keep = self.window.len().saturating_sub(START.len() - 1);
                    self.window.drain(..keep);
                }
            }
        }
        if self.is_started {
            let end = self.markers[1].find(&self.window).map(|found| found.start());
            self.window.truncate(end.unwrap_or(self.window.len()));
            self.is_done = end.is_some() || self.window.len() > CONFIG_MAX;
        }
    }

    /// What was between the markers, unpacked; `None` where nothing was.
    fn text(&self) -> Result<Option<Vec<u8>>> {
        if !self.is_done || self.window.len() > CONFIG_MAX {
            return Ok(None);
        }
        let mut text = Vec::new();
        let member = flate2::read::GzDecoder::new(&self.window[..]);
        member.take(CONFIG_MAX as u64).read_to_end(&mut text).context(|| "unpacking its config")?;
        Ok(Some(text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compress::{compress, gzip};

    fn kernel(payload: &[u8]) -> (Window, BzImage) {
        let bytes = [&vec![0; 512][..], payload, &[0; 4]].concat();
        let kernel = BzImage {
            version: String::new(),
            protocol: (2, 15),
            relocatable: true,
            flags: crate::kernel::bzimage::LoadFlags(1),
            cmdline_size: 2047,
            handover_offset: None,
            init_size: 0,
            payload: (512, payload.len() as u64 + 4),
            needs: 0,
            signed: false,
        };
        (Window::from(bytes), kernel)
    }

    #[test]
    fn the_config_is_found_wherever_it_is_in_the_payload() {
        let text = b"CONFIG_EFI_STUB=y\nCONFIG_RD_ZSTD=y\n";
        for before in [0, CHUNK - 4, 3 * CHUNK] {
            let image = [&vec![7; before][..], START, &gzip(9, text), END, &[1; 100]].concat();
            for format in [Format::Zstd, Format::Gzip, Format::Xz, Format::Lz4Legacy] {
                let packed = compress(format, 1, &image).expect("compressed");
                let (file, kernel) = kernel(&packed);
                let found = find(&file, &kernel).expect("sound").expect("there");
                assert_eq!(found, text, "{format} after {before}");
            }
        }
    }

    #[test]
    fn a_whole_payload_is_judged_with_the_length_behind_it() {
        let vmlinux = [b"\x7fELF", &[7; 99_999][..]].concat();
        for format in [Format::Zstd, Format::Gzip, Format::Xz, Format::Lz4Legacy] {
            let packed = compress(format, 1, &vmlinux).expect("compressed");
            // Of gzip's own end the last four bytes are the length.
            let said = (vmlinux.len() as u32).to_le_bytes();
            let payload = match format {
                Format::Gzip => packed[..packed.len() - 4].to_vec(),
                _ => packed,
            };
            let (_, kernel) = kernel(&payload);
            let bytes = |said: [u8; 4]| [&[0; 512][..], &payload, &said].concat();
            let judge = |bytes: Vec<u8>| unpacked(&Window::from(bytes), &kernel);
            let found = judge(bytes(said)).expect("sound").expect("known");
            assert!(found.is_elf && found.len == vmlinux.len() as u64, "{format}");
            assert!(judge(bytes([9; 4])).is_err(), "{format}");
            let mut damaged = bytes(said);
            damaged[512 + payload.len() / 2..512 + payload.len()].fill(0xff);
            assert!(judge(damaged).is_err(), "{format}");
        }
    }

    #[test]
    fn a_kernel_without_config_and_one_that_is_damaged_are_told_apart() {
        let packed = compress(Format::Zstd, 1, &vec![7; 100_000]).expect("compressed");
        let (file, sound) = kernel(&packed);
        assert!(find(&file, &sound).expect("sound").is_none());
        let (file, cut) = kernel(&packed[..packed.len() / 2]);
        assert!(find(&file, &cut).is_err());
        let (file, unknown) = kernel(b"who knows");
        assert!(find(&file, &unknown).is_err());
    }
}
