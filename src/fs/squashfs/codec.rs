//! Packing and unpacking one block with each compressor.

use flate2::{Compress, Compression, FlushCompress, Status};
use liblzma::stream::{Action, Check, Filters, LzmaOptions, Stream};
use lz4_flex::block;

use super::compressor::Compressor;
use crate::error::{Context, Error, Result};

/// What xz may add to a block that it cannot pack: headers, index, check.
const XZ_OVERHEAD: usize = 1024;

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
