//! The compressed payload of a kernel: the vmlinux that it unpacks to, and what can be seen in that.
//!
//! Source: the kernel's `scripts/Makefile.lib`, whose `size_append` puts the unpacked length behind every
//! stream but gzip's, which has it as its end. The payload is unpacked as a stream and searched, not kept.

use std::io::Read;

use super::bzimage::BzImage;
use super::driver_names::{self, DriverNames};
use super::ikconfig;
use crate::bytes::le32;
use crate::compress::{Ahead, Format, SNIFF_LENGTH};
use crate::error::{Context, Error, Result};
use crate::volume::Window;

/// The most that a payload is unpacked to.
pub(super) const KERNEL_MAX: u64 = 1 << 30;

/// Bytes that are unpacked at once.
pub(super) const CHUNK: usize = 256 << 10;

/// How the payload of a kernel is compressed, and the bytes that it unpacks to, which stand behind it;
/// `None` for a compression that is not known (or none).
///
/// # Errors
/// Where the file cannot be read.
pub fn compression(file: &Window, kernel: &BzImage) -> Result<Option<(Format, u64)>> {
    let (offset, len) = kernel.payload;
    let head = file.bytes(offset, SNIFF_LENGTH)?;
    let tail = file.bytes((offset + len).saturating_sub(4), 4)?;
    let unpacked = u64::from(le32(&tail, 0).unwrap_or(0));
    // The kernel's own gzip has no odd flags, and its lzma no size: what sniffs as such is such.
    Ok(Format::sniff(&head).map(|format| (format, unpacked)))
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
    /// The names of drivers in it.
    pub drivers: DriverNames,
}

/// Unpacks a payload to its end; `None` for a compression that is not known (or none).
///
/// # Errors
/// Where it is damaged, or not as long as it says.
pub fn unpacked(file: &Window, kernel: &BzImage) -> Result<Option<Unpacked>> {
    let Some((format, said)) = compression(file, kernel)? else { return Ok(None) };
    let (mut search, mut drivers) = (ikconfig::Search::new()?, driver_names::Search::new()?);
    let (mut start, mut len) = ([0; 4], 0);
    unpack(file, kernel, format, |chunk| {
        for (at, &byte) in (len..4).zip(chunk) {
            start[at as usize] = byte;
        }
        len += chunk.len() as u64;
        search.push(chunk);
        drivers.push(chunk);
        true
    })?;
    // A stream of lz4 that lacks whole blocks is sound as far as it goes.
    if len != said {
        return Err(Error::new(format!("it unpacks to {len} bytes, and says that it has {said}")));
    }
    // A configuration that is damaged keeps no kernel from running.
    let config = search.text().unwrap_or_default();
    Ok(Some(Unpacked { is_elf: start == *b"\x7fELF", len, config, drivers: drivers.names() }))
}

/// Unpacks a payload, chunk by chunk, until its end or until the receiver has seen enough.
pub(super) fn unpack(
    file: &Window,
    kernel: &BzImage,
    format: Format,
    mut receive: impl FnMut(&[u8]) -> bool,
) -> Result<()> {
    let (offset, len) = kernel.payload;
    let len = if format == Format::Gzip { len } else { len.saturating_sub(4) };
    let mut input = Ahead::new(file.part(offset, len).reader());
    let mut stream = format.member_reader(&mut input)?.take(KERNEL_MAX);
    let mut chunk = vec![0; CHUNK];
    let doing = || format!("unpacking its payload ({format})");
    loop {
        match stream.read(&mut chunk).context(doing)? {
            0 => return Ok(()),
            n if receive(&chunk[..n]) => {}
            _ => return Ok(()),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::compress::compress;

    pub(in crate::kernel) fn kernel(payload: &[u8]) -> (Window, BzImage) {
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
            stub: None,
        };
        (Window::from(bytes), kernel)
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
}
