//! lzop's file, the form in which the kernel takes lzo: a header, then blocks that each say what they
//! unpack to, then a length of zero.
//!
//! Sources: the kernel's `lib/decompress_unlzo.c`, which reads just this, and lzop's `conf.h` for the
//! flags. Checksums are written, and passed over when they are read, as the kernel does. Left out:
//! filters, which nobody uses for a kernel, and several files in one.

use std::io::{self, Read};

/// What a file starts with.
pub(super) const MAGIC: [u8; 9] = *b"\x89LZO\0\r\n\x1a\n";

/// The most bytes that a block unpacks to, for the kernel and for lzop alike.
const BLOCK_SIZE: usize = 256 << 10;

/// The version of lzop from which on a header has a level and the upper half of a time.
const VERSION_LEVEL: u16 = 0x0940;

/// Flags: which checksums stand before a block, and what is in the header.
const ADLER32_PLAIN: u32 = 0x1;
const ADLER32_PACKED: u32 = 0x2;
const EXTRA_FIELD: u32 = 0x40;
const CRC32_PLAIN: u32 = 0x100;
const CRC32_PACKED: u32 = 0x200;
const FILTER: u32 = 0x800;

/// Reads one file, and no byte more.
pub(super) struct Decoder<R> {
    input: R,
    block: Vec<u8>,
    position: usize,
    /// The flags of the header, once it was read.
    flags: Option<u32>,
    is_over: bool,
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(input: R) -> Self {
        Decoder { input, block: Vec::new(), position: 0, flags: None, is_over: false }
    }

    /// Unpacks the next block.
    fn fill(&mut self) -> io::Result<()> {
        self.position = 0;
        self.block.clear();
        let flags = match self.flags {
            Some(flags) => flags,
            None => self.header()?,
        };
        self.flags = Some(flags);
        let len = self.be32()? as usize;
        if len == 0 {
            self.is_over = true;
            return Ok(());
        }
        let packed_len = self.be32()? as usize;
        if len > BLOCK_SIZE || packed_len > len || packed_len == 0 {
            return Err(damaged("a block has a length that none can have"));
        }
        let stored = packed_len == len;
        let plain = (flags & (ADLER32_PLAIN | CRC32_PLAIN)).count_ones();
        let packed = (flags & (ADLER32_PACKED | CRC32_PACKED)).count_ones();
        self.skip(4 * u64::from(plain + if stored { 0 } else { packed }))?;
        let mut packed = vec![0; packed_len];
        self.input.read_exact(&mut packed)?;
        if stored {
            self.block = packed;
            return Ok(());
        }
        self.block.resize(len, 0);
        match lzokay::decompress::decompress(&packed, &mut self.block) {
            Ok(n) if n == len => Ok(()),
            Ok(_) => Err(damaged("a block is shorter than it says")),
            Err(error) => Err(damaged(&error.to_string())),
        }
    }

    /// Reads the header; its flags.
    fn header(&mut self) -> io::Result<u32> {
        let mut magic = [0; MAGIC.len()];
        self.input.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(damaged("it has no header"));
        }
        let mut version = [0; 2];
        self.input.read_exact(&mut version)?;
        let has_level = u16::from_be_bytes(version) >= VERSION_LEVEL;
        // The library's version; the version needed, the method and the level.
        self.skip(2 + if has_level { 4 } else { 1 })?;
        let flags = self.be32()?;
        // A filter; mode and time.
        self.skip(if flags & FILTER == 0 { 0 } else { 4 } + if has_level { 12 } else { 8 })?;
        let mut name_len = [0];
        self.input.read_exact(&mut name_len)?;
        // The name and the checksum of all that.
        self.skip(u64::from(name_len[0]) + 4)?;
        if flags & EXTRA_FIELD != 0 {
            let extra = self.be32()?;
            self.skip(u64::from(extra) + 4)?;
        }
        Ok(flags)
    }

    fn be32(&mut self) -> io::Result<u32> {
        let mut bytes = [0; 4];
        self.input.read_exact(&mut bytes)?;
        Ok(u32::from_be_bytes(bytes))
    }

    fn skip(&mut self, wanted: u64) -> io::Result<()> {
        let skipped = io::copy(&mut self.input.by_ref().take(wanted), &mut io::sink())?;
        if skipped < wanted { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.block.len() && !self.is_over {
            self.fill()?;
        }
        let n = (self.block.len() - self.position).min(buffer.len());
        buffer[..n].copy_from_slice(&self.block[self.position..][..n]);
        self.position += n;
        Ok(n)
    }
}

fn damaged(how: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the lzo stream is damaged: {how}"))
}

/// Writes a file without name, mode and time, so that it depends on nothing but the bytes.
pub(super) fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    // lzop 1.04 and LZO 2.10, needed 0.940; LZO1X-999 at its highest level; only the plain checksum.
    let mut header = [0x1040u16, 0x20a0, VERSION_LEVEL].map(u16::to_be_bytes).concat();
    header.extend([3, 9]);
    header.extend([ADLER32_PLAIN, 0, 0, 0].map(u32::to_be_bytes).concat());
    header.push(0);
    let mut file = [&MAGIC[..], &header, &adler32(&header).to_be_bytes()].concat();
    for block in bytes.chunks(BLOCK_SIZE) {
        let packed = lzokay::compress::compress(block);
        let packed = packed.map_err(|error| io::Error::other(error.to_string()))?;
        // What does not become smaller is stored as it is.
        let packed = if packed.len() < block.len() { &packed[..] } else { block };
        let lengths = [block.len() as u32, packed.len() as u32, adler32(block)];
        file.extend(lengths.map(u32::to_be_bytes).concat());
        file.extend_from_slice(packed);
    }
    file.extend([0; 4]);
    Ok(file)
}

/// RFC 1950 §8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (mut low, mut high) = (1u32, 0u32);
    // So many bytes cannot make the sums overflow.
    for chunk in bytes.chunks(5552) {
        for &byte in chunk {
            low += u32::from(byte);
            high += low;
        }
        (low, high) = (low % BASE, high % BASE);
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpacked(file: &[u8]) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        Decoder::new(file).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    #[test]
    fn the_checksum_is_that_of_zlib() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        assert_eq!(adler32(&[255; 100_000]), 0x149a_302c);
    }

    #[test]
    fn blocks_come_back_packed_and_stored() {
        let packs: Vec<u8> = (0..600_000u32).map(|n| (n / 1000) as u8).collect();
        let noise: Vec<u8> =
            (0..5000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        for bytes in [packs, noise, Vec::new()] {
            assert_eq!(unpacked(&compress(&bytes).expect("packed")).expect("sound"), bytes);
        }
    }

    #[test]
    fn a_file_of_lzop_itself_is_read() {
        // lzop -1 of "hello, hello, hello, hello\n", with name, mode and time.
        let file = b"\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0\x09\x40\x01\x05\x03\0\0\x01\0\0\x81\xa4\
            \x12\xce\xa6\0\0\0\0\0\x05hello\0\0\0\0\0\0\0\x05\0\0\0\x05\x06\x2c\x02\x15hello\0\0\0\0";
        assert_eq!(unpacked(file).expect("sound"), b"hello");
    }

    #[test]
    fn damage_is_an_error_and_lengths_are_bounded() {
        let file = compress(&[7; 1000]).expect("packed");
        for cut in 0..file.len() {
            assert!(unpacked(&file[..cut]).is_err(), "{cut}");
        }
        let at = MAGIC.len() + 25 + 4;
        let mut huge = file.clone();
        huge[at..at + 4].copy_from_slice(&[0xff; 4]);
        assert!(unpacked(&huge).is_err());
    }
}
