//! The configuration that a kernel carries (`CONFIG_IKCONFIG`): gzip between two markers in the
//! unpacked image.
//!
//! Source: the kernel's `kernel/configs.c` and `scripts/extract-ikconfig`.

use std::io::Read;

use aho_corasick::AhoCorasick;

use super::bzimage::BzImage;
use super::config::{CONFIG_MAX, Config};
use super::payload::{self, CHUNK};
use crate::error::{Context, Error, Result};
use crate::volume::Window;

/// What stands before and after it.
const START: &[u8] = b"IKCFG_ST";
const END: &[u8] = b"IKCFG_ED";

/// The configuration, as text; `None` where the kernel has none in itself.
///
/// # Errors
/// Where the payload is damaged before it, or in a compression that is not read.
pub fn find(file: &Window, kernel: &BzImage) -> Result<Option<Vec<u8>>> {
    let Some((format, _)) = payload::compression(file, kernel)? else {
        return Err(Error::new("its payload is in a compression that is not read"));
    };
    let mut search = Search::new()?;
    payload::unpack(file, kernel, format, |chunk| {
        search.push(chunk);
        !search.is_done
    })?;
    search.text()
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
pub(super) struct Search {
    markers: [AhoCorasick; 2],
    /// What is still looked into.
    window: Vec<u8>,
    is_started: bool,
    is_done: bool,
}

impl Search {
    pub(super) fn new() -> Result<Self> {
        let marker = |bytes: &[u8]| AhoCorasick::new([bytes]).context(|| "looking for its config");
        let markers = [marker(START)?, marker(END)?];
        let window = Vec::with_capacity(2 * CHUNK);
        Ok(Search { markers, window, is_started: false, is_done: false })
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
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
    pub(super) fn text(&self) -> Result<Option<Vec<u8>>> {
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
    use super::super::payload::tests::kernel;
    use super::*;
    use crate::compress::{Format, compress, gzip};

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
