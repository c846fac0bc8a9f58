//! Packing and unpacking one block with each compressor.

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Stream};
use lz4_flex::block;

use super::compressor::Compressor;
use crate::error::{Context, Error, Result};

/// What xz may add to a block that it cannot pack: headers, index, check.
const XZ_OVERHEAD: usize = 1024;

/// What a decoder of xz may take: a dictionary is at most a block, and that at most 1 MiB.
const XZ_MEMORY: u64 = 16 << 20;

/// Packs blocks, one after the other; each thread has its own.
pub(super) struct Encoder {
    state: State,
    /// What a block is packed into: allocated once.
    room: Vec<u8>,
}

/// What is worth keeping from block to block.
enum State {
    Gzip(Compress),
    /// A level, and the size of the dictionary.
    Xz(u32, u32),
    Lz4,
    Zstd(zstd::bulk::Compressor<'static>),
}

impl Encoder {
    /// An encoder for blocks of at most `block_size` bytes.
    ///
    /// # Errors
    /// Where the compressor does not know the level.
    pub(super) fn new(compressor: Compressor, level: u32, block_size: u32) -> Result<Self> {
        let state = match compressor {
            Compressor::Gzip => State::Gzip(Compress::new(Compression::new(level), true)),
            // The kernel sets aside a dictionary of a block and no more.
            Compressor::Xz => State::Xz(level, block_size),
            Compressor::Lz4 => State::Lz4,
            Compressor::Zstd => State::Zstd(zstd::bulk::Compressor::new(level as i32)?),
        };
        Ok(Encoder { state, room: Vec::new() })
    }

    /// The packed block; `None` where that is not shorter.
    ///
    /// # Errors
    /// Where the compressor fails.
    pub(super) fn pack(&mut self, bytes: &[u8]) -> Result<Option<&[u8]>> {
        let packed = self.pack_into_room(bytes).context(|| "packing a block")?;
        Ok(self.room.get(..packed).filter(|packed| packed.len() < bytes.len()))
    }

    /// How long the packed block is, which is at the start of the room; at least as long as the block
    /// where it did not get shorter.
    fn pack_into_room(&mut self, bytes: &[u8]) -> Result<usize> {
        let room = &mut self.room;
        match &mut self.state {
            State::Gzip(zlib) => {
                room.resize(bytes.len(), 0);
                zlib.reset();
                match zlib.compress(bytes, room, FlushCompress::Finish)? {
                    Status::StreamEnd => Ok(zlib.total_out() as usize),
                    Status::Ok | Status::BufError => Ok(bytes.len()),
                }
            }
            State::Xz(level, dictionary) => {
                room.clear();
                room.reserve(bytes.len() + XZ_OVERHEAD);
                let mut options = LzmaOptions::new_preset(*level)?;
                options.dict_size(*dictionary);
                let mut stream =
                    Stream::new_stream_encoder(Filters::new().lzma2(&options), Check::Crc32)?;
                match stream.process_vec(bytes, room, Action::Finish)? {
                    liblzma::stream::Status::StreamEnd => Ok(room.len()),
                    status => Err(Error::new(format!("xz stopped early: {status:?}"))),
                }
            }
            State::Lz4 => {
                room.resize(block::get_maximum_output_size(bytes.len()), 0);
                Ok(block::compress_into(bytes, room)?)
            }
            State::Zstd(zstd) => {
                room.resize(zstd::zstd_safe::compress_bound(bytes.len()), 0);
                Ok(zstd.compress_to_buffer(bytes, &mut room[..])?)
            }
        }
    }
}

/// How many bytes a byte of gzip and of lz4 can become at most (RFC 1951: 258 for two bits; lz4: 255 for a
/// byte of length).
const GZIP_RATIO: usize = 1032;
const LZ4_RATIO: usize = 255;

/// What a byte of xz, which has no bound, is expected to become.
const XZ_RATIO: usize = 16;

/// Unpacks a block; `None` where it is damaged or has more than `most` bytes. No more memory is taken than
/// the packed bytes account for.
pub(super) fn unpack(compressor: Compressor, packed: &[u8], most: usize) -> Option<Vec<u8>> {
    let room = |ratio| most.min(packed.len().saturating_mul(ratio));
    match compressor {
        Compressor::Gzip => {
            let mut bytes = Vec::with_capacity(room(GZIP_RATIO));
            let mut zlib = Decompress::new(true);
            let status = zlib.decompress_vec(packed, &mut bytes, FlushDecompress::Finish).ok()?;
            (status == Status::StreamEnd).then_some(bytes)
        }
        Compressor::Xz => {
            let mut bytes = Vec::with_capacity(room(XZ_RATIO));
            let mut stream = Stream::new_stream_decoder(XZ_MEMORY, 0).ok()?;
            loop {
                let rest = packed.get(stream.total_in() as usize..)?;
                match stream.process_vec(rest, &mut bytes, Action::Finish) {
                    Ok(liblzma::stream::Status::StreamEnd) => return Some(bytes),
                    Ok(_) if bytes.len() == bytes.capacity() && bytes.len() < most => {
                        // Of an empty block there is nothing to double.
                        let more = bytes.len().max(1).min(most - bytes.len());
                        bytes.reserve_exact(more);
                    }
                    _ => return None,
                }
            }
        }
        Compressor::Lz4 => {
            let mut bytes = vec![0; room(LZ4_RATIO)];
            let len = block::decompress_into(packed, &mut bytes).ok()?;
            bytes.truncate(len);
            Some(bytes)
        }
        Compressor::Zstd => {
            let said = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
            let room = said.map_or(most, |said| most.min(usize::try_from(said).unwrap_or(most)));
            zstd::bulk::decompress(packed, room).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_come_back_and_damage_is_seen() {
        let text: Vec<u8> = (0..30_000u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        for compressor in Compressor::ALL {
            let level = compressor.usual_level().min(3);
            let mut encoder = Encoder::new(compressor, level, 128 << 10).expect("known");
            let packed = encoder.pack(&text).expect("packs").expect("shorter").to_vec();
            assert!(unpack(compressor, &packed, text.len()).as_ref() == Some(&text));
            assert!(unpack(compressor, &packed, text.len() - 1).is_none(), "{compressor}");
            // A block of lz4 does not know where it ends.
            let half = unpack(compressor, &packed[..packed.len() / 2], text.len());
            assert!(half.is_none_or(|half| half.len() < text.len()), "{compressor}");
            assert!(unpack(compressor, &[], text.len()).is_none_or(|bytes| bytes.is_empty()));
            assert!(encoder.pack(&[1, 2, 3]).expect("packs").is_none());
        }
    }
}
