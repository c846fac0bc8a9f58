//! lz4's legacy frame, the one that the kernel reads: a magic, then blocks that each say their length.
//!
//! Source: `lz4_Frame_format.md`, "Legacy frame", and the kernel's `lib/decompress_unlz4.c`, which takes
//! a length of zero, as padding has it, for the end. Written here because the decoder of a stream reads
//! past the end of the frame, and the writer does not know it.

use std::io::{self, BufRead, Read};

use lz4_flex::block;

use super::ahead::Ahead;

/// What a frame starts with.
pub(super) const MAGIC: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// Bytes that a block unpacks to, but for the last.
pub(super) const BLOCK_SIZE: usize = 8 << 20;

/// Reads one frame, and no byte more.
pub(super) struct Decoder<'a, R> {
    input: &'a mut Ahead<R>,
    block: Vec<u8>,
    position: usize,
    state: State,
}

enum State {
    /// The magic was not read yet.
    Start,
    Blocks,
    End,
}

impl<'a, R: Read> Decoder<'a, R> {
    pub(super) fn new(input: &'a mut Ahead<R>) -> Self {
        Decoder { input, block: Vec::new(), position: 0, state: State::Start }
    }

    /// Unpacks the next block.
    fn fill(&mut self) -> io::Result<()> {
        if let State::Start = self.state {
            let mut magic = [0; 4];
            self.input.read_exact(&mut magic)?;
            if magic != MAGIC {
                return Err(damaged());
            }
            self.state = State::Blocks;
        }
        // The end is only known from what follows, which is not ours to take.
        let Some(len) = self.peek_len()? else {
            (self.state, self.position) = (State::End, 0);
            self.block.clear();
            return Ok(());
        };
        self.input.read_exact(&mut [0; 4])?;
        let mut packed = Vec::new();
        self.input.by_ref().take(len as u64).read_to_end(&mut packed)?;
        if packed.len() < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        // What the last block left is overwritten: zeroing it again would cost as much as unpacking.
        self.block.resize(BLOCK_SIZE, 0);
        let unpacked = block::decompress_into(&packed, &mut self.block).map_err(|_| damaged())?;
        self.block.truncate(unpacked);
        self.position = 0;
        Ok(())
    }

    /// The length of the block that follows; `None` where the frame ends.
    fn peek_len(&mut self) -> io::Result<Option<usize>> {
        let len = self.input.fill_buf()?.first_chunk::<4>();
        Ok(len.and_then(|len| plausible(*len)))
    }
}

/// A length that a block can have; anything else starts something else.
fn plausible(len: [u8; 4]) -> Option<usize> {
    let len = u32::from_le_bytes(len) as usize;
    (len != 0 && len <= block::get_maximum_output_size(BLOCK_SIZE)).then_some(len)
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the lz4 stream is damaged")
}

impl<R: Read> Read for Decoder<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.position == self.block.len() && !matches!(self.state, State::End) {
            self.fill()?;
        }
        let n = (self.block.len() - self.position).min(buffer.len());
        buffer[..n].copy_from_slice(&self.block[self.position..][..n]);
        self.position += n;
        Ok(n)
    }
}
