//! The configuration that a kernel carries in itself (`CONFIG_IKCONFIG`): gzip between two markers in
//! its unpacked image.
//!
//! Source: the kernel's `kernel/configs.c` and `scripts/extract-ikconfig`. The payload is unpacked as a
//! stream and searched, not kept.

use std::io::Read;

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
/// `None` for a compression that is not known (lzo, or none).
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
/// Where the payload is damaged, or in a compression that is not read.
pub fn find(file: &Window, kernel: &BzImage) -> Result<Option<Vec<u8>>> {
    let (offset, len) = kernel.payload;
    let part = file.part(offset, len);
    let Some((format, _)) = payload(file, kernel)? else {
        return Err(Error::new("its payload is in a compression that is not read"));
    };
    let mut input = Ahead::new(part.reader());
    let mut stream = format.member_reader(&mut input)?.take(KERNEL_MAX);
    let packed = search(&mut stream).context(|| format!("unpacking its payload ({format})"))?;
    let Some(packed) = packed else { return Ok(None) };
    let mut text = Vec::new();
    let member = flate2::read::GzDecoder::new(&packed[..]);
    member.take(CONFIG_MAX as u64).read_to_end(&mut text).context(|| "unpacking its config")?;
    Ok(Some(text))
}

/// The same, read.
///
/// # Errors
/// As [`find`], or where the text is no configuration.
pub fn config(file: &Window, kernel: &BzImage) -> Result<Option<Config>> {
    let text = find(file, kernel)?;
    Ok(text.map(|text| Config::parse(&text)).transpose()?)
}

/// What stands between the markers of a stream.
fn search(stream: &mut impl Read) -> Result<Option<Vec<u8>>> {
    let mut window: Vec<u8> = Vec::with_capacity(2 * CHUNK);
    let mut chunk = vec![0; CHUNK];
    let mut started = false;
    loop {
        let n = stream.read(&mut chunk)?;
        if n == 0 {
            return Ok(None);
        }
        window.extend_from_slice(&chunk[..n]);
        if !started {
            match position(&window, START) {
                Some(at) => (started, _) = (true, window.drain(..at + START.len())),
                // A marker may be cut in two.
                None => drop(window.drain(..window.len().saturating_sub(START.len() - 1))),
            }
        }
        if started {
            if let Some(end) = position(&window, END) {
                window.truncate(end);
                return Ok(Some(window));
            }
            if window.len() > CONFIG_MAX {
                return Ok(None);
            }
        }
    }
}

fn position(bytes: &[u8], marker: &[u8]) -> Option<usize> {
    aho_corasick::AhoCorasick::new([marker]).ok()?.find(bytes).map(|found| found.start())
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
