//! A file of an image: its blocks are unpacked when they are read.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use super::cursor::Cursor;
use super::fragment::BlockSize;
use super::image::Image;
use super::inode;
use super::metadata::Place;
use super::plan::BLOCKS_MAX;
use crate::error::Result;
use crate::fs::ReadError;
use crate::tree::{ReadAt, Stored};

/// A file and where its list of blocks is.
#[derive(Debug)]
pub(super) struct StoredFile {
    /// What it is in.
    pub(super) image: Arc<Image>,
    /// As its inode says it, without the list.
    pub(super) file: inode::File<'static>,
    /// Where the list is: a block's offset in the image, and an offset in it.
    pub(super) list: Place,
    /// Its path, for messages.
    pub(super) path: String,
}

/// A file whose list of blocks was read.
#[derive(Debug)]
struct OpenFile<'a> {
    of: &'a StoredFile,
    blocks: Vec<BlockSize>,
    last: Mutex<Last>,
}

/// The block that was read last, and where the one after it is.
#[derive(Debug, Default)]
struct Last {
    bytes: Vec<u8>,
    /// How many blocks lie before `next`.
    passed: usize,
    /// Offset of the next block, from that of the first one.
    next: u64,
}

impl StoredFile {
    fn block_size(&self) -> u64 {
        self.image.superblock.block_size.into()
    }

    /// How many blocks there are; what is left is in a fragment.
    fn count(&self) -> u64 {
        match self.file.fragment {
            Some(_) => self.file.len / self.block_size(),
            None => self.file.len.div_ceil(self.block_size()),
        }
    }

    fn list(&self) -> Result<Vec<BlockSize>, ReadError> {
        let count = self.count();
        if count > BLOCKS_MAX {
            return Err(ReadError::Block(self.file.start));
        }
        let mut blocks = Vec::new();
        if count > 0 {
            let mut cursor = Cursor::new(&self.image, 0, self.list)?;
            for _ in 0..count {
                blocks.push(BlockSize(cursor.u32()?));
            }
        }
        Ok(blocks)
    }
}

impl Stored for StoredFile {
    fn name(&self) -> String {
        format!("/{} of the squashfs image", self.path)
    }

    fn size(&self) -> u64 {
        self.file.len
    }

    fn open(&self) -> Result<Box<dyn ReadAt + '_>> {
        Ok(Box::new(OpenFile { of: self, blocks: self.list()?, last: Mutex::default() }))
    }

    fn data_ranges(&self) -> Result<Vec<(u64, u64)>> {
        let (len, size) = (self.file.len, self.block_size());
        if self.file.sparse == 0 {
            return Ok(if len == 0 { Vec::new() } else { vec![(0, len)] });
        }
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        let fragment = self.file.fragment.map(|_| BlockSize(1));
        for (index, block) in (0..).zip(self.list()?.into_iter().chain(fragment)) {
            let (at, end) = (index * size, len.min((index + 1) * size));
            match ranges.last_mut() {
                _ if block == BlockSize::HOLE || at >= end => {}
                Some((start, len)) if *start + *len == at => *len = end - *start,
                _ => ranges.push((at, end - at)),
            }
        }
        Ok(ranges)
    }
}

impl ReadAt for OpenFile<'_> {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.read(buffer, offset).map_err(|error| match error {
            ReadError::Io(error) => error,
            error => io::Error::new(io::ErrorKind::InvalidData, error.to_string()),
        })
    }
}

impl OpenFile<'_> {
    fn read(&self, buffer: &mut [u8], offset: u64) -> Result<usize, ReadError> {
        let (file, size) = (&self.of.file, self.of.block_size());
        let (index, within) = ((offset / size) as usize, (offset % size) as usize);
        let len = file.len.saturating_sub(index as u64 * size).min(size) as usize;
        let copy = |bytes: &[u8], buffer: &mut [u8]| {
            let bytes = bytes.get(within..).unwrap_or_default();
            let n = bytes.len().min(buffer.len());
            buffer[..n].copy_from_slice(&bytes[..n]);
            n
        };
        let Some(&block) = self.blocks.get(index) else {
            let (number, start) = file.fragment.ok_or(ReadError::Block(file.start))?;
            let fragment = self.of.image.fragment(number)?;
            let start = start as usize;
            let bytes = fragment.get(start..start + len).ok_or(ReadError::Block(file.start))?;
            return Ok(copy(bytes, buffer));
        };
        if block == BlockSize::HOLE {
            let n = len.saturating_sub(within).min(buffer.len());
            buffer[..n].fill(0);
            return Ok(n);
        }
        // A thread that panicked left nothing half done.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.passed != index + 1 || last.bytes.is_empty() {
            let at = last.seek(&self.blocks, index).and_then(|at| file.start.checked_add(at));
            let at = at.ok_or(ReadError::Block(file.start))?;
            last.bytes = self.of.image.data(at, block, len)?;
        }
        Ok(copy(&last.bytes, buffer))
    }
}

impl Last {
    /// Passes a block; where it is, from the first one on.
    fn seek(&mut self, blocks: &[BlockSize], index: usize) -> Option<u64> {
        self.bytes = Vec::new();
        if self.passed > index {
            (self.passed, self.next) = (0, 0);
        }
        for block in blocks.get(self.passed..index)? {
            self.next = self.next.checked_add(block.len() as u64)?;
        }
        let at = self.next;
        (self.passed, self.next) = (index + 1, at.checked_add(blocks[index].len() as u64)?);
        Some(at)
    }
}
