//! An image that is read: its superblock, the blocks that were unpacked last, and its tables.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use super::codec;
use super::compressor::Compressor;
use super::fragment::{BlockSize, Fragment};
use super::metadata::{self, METADATA_SIZE};
use super::superblock::{NO_TABLE, SUPERBLOCK_SIZE, Superblock};
use crate::bytes::{le16, le32, le64};
use crate::fs::ReadError;
use crate::volume::Window;

/// Blocks of metadata that are kept: names and inodes of a directory are mostly side by side.
const METADATA_KEPT: usize = 64;

/// Fragments that are kept: short files follow each other.
const FRAGMENTS_KEPT: usize = 4;

/// An unpacked block of metadata.
#[derive(Debug)]
pub(super) struct Block {
    /// What it unpacked to.
    pub(super) bytes: Vec<u8>,
    /// Where the next one is in the image.
    pub(super) next: u64,
}

/// Blocks by their offset in the image, the last used one last.
#[derive(Debug)]
struct Kept<T> {
    blocks: Mutex<VecDeque<(u64, Arc<T>)>>,
    most: usize,
}

impl<T> Kept<T> {
    fn new(most: usize) -> Self {
        Kept { blocks: Mutex::default(), most }
    }

    /// The block at an offset, made where it is not there.
    fn get(
        &self,
        at: u64,
        make: impl FnOnce() -> Result<T, ReadError>,
    ) -> Result<Arc<T>, ReadError> {
        // A thread that panicked left the list as it was.
        let lock = || self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, block)) = lock().iter().rev().find(|(place, _)| *place == at) {
            return Ok(Arc::clone(block));
        }
        let block = Arc::new(make()?);
        let mut blocks = lock();
        if blocks.len() == self.most {
            blocks.pop_front();
        }
        blocks.push_back((at, Arc::clone(&block)));
        Ok(block)
    }
}

/// An image that was opened.
#[derive(Debug)]
pub(super) struct Image {
    window: Window,
    /// What its superblock says.
    pub(super) superblock: Superblock,
    compressor: Compressor,
    ids: Vec<u32>,
    metadata: Kept<Block>,
    fragments: Kept<Vec<u8>>,
}

impl Image {
    /// Reads superblock and owners.
    ///
    /// # Errors
    /// Where they are damaged or unreadable, or the compressor is not known.
    pub(super) fn open(window: &Window) -> Result<Self, ReadError> {
        let head = window.bytes(0, SUPERBLOCK_SIZE as usize)?;
        let superblock = Superblock::decode(&head)?;
        let compressor = Compressor::from_id(superblock.compressor)
            .ok_or(ReadError::Compressor(superblock.compressor))?;
        let mut image = Image {
            window: window.part(0, superblock.len),
            superblock,
            compressor,
            ids: Vec::new(),
            metadata: Kept::new(METADATA_KEPT),
            fragments: Kept::new(FRAGMENTS_KEPT),
        };
        for index in 0..u32::from(image.superblock.ids) {
            let id = image.entry::<4>(image.superblock.id_table, index)?;
            image.ids.push(u32::from_le_bytes(id));
        }
        Ok(image)
    }

    /// Bytes of the image, as far as they are there.
    pub(super) fn len(&self) -> u64 {
        self.window.len()
    }

    /// The owner or group of a number.
    pub(super) fn id(&self, index: u16) -> Option<u32> {
        self.ids.get(usize::from(index)).copied()
    }

    /// The block of metadata at an offset of the image.
    pub(super) fn metadata(&self, at: u64) -> Result<Arc<Block>, ReadError> {
        self.metadata.get(at, || {
            let damaged = || ReadError::Metadata(at);
            let head = le16(&self.window.bytes(at, 2)?, 0).ok_or_else(damaged)?;
            let (len, is_plain) = metadata::header(head);
            let packed = self.bytes(at + 2, len).ok_or_else(damaged)?;
            let bytes = match is_plain {
                true => packed,
                false => {
                    codec::unpack(self.compressor, &packed, METADATA_SIZE).ok_or_else(damaged)?
                }
            };
            match bytes.is_empty() {
                true => Err(damaged()),
                false => Ok(Block { bytes, next: at + 2 + len as u64 }),
            }
        })
    }

    /// An entry of a table whose list of blocks is at an offset; entries do not straddle blocks.
    pub(super) fn entry<const N: usize>(
        &self,
        list: u64,
        index: u32,
    ) -> Result<[u8; N], ReadError> {
        let damaged = || ReadError::Table(list);
        let offset = u64::from(index) * N as u64;
        let pointer = list.checked_add(offset / METADATA_SIZE as u64 * 8).ok_or_else(damaged)?;
        let pointer = le64(&self.window.bytes(pointer, 8)?, 0).ok_or_else(damaged)?;
        let block = self.metadata(pointer)?;
        let within = (offset % METADATA_SIZE as u64) as usize;
        let entry = block.bytes.get(within..within + N).and_then(|bytes| bytes.first_chunk());
        entry.copied().ok_or_else(damaged)
    }

    /// Where a set of attributes is, and how many it has.
    pub(super) fn xattrs(&self, index: u32) -> Result<(u64, u64, u32), ReadError> {
        /// Of the head, before the list of blocks.
        const HEAD: u64 = 16;
        let table = self.superblock.xattr_table;
        let head = self.window.bytes(table, HEAD as usize)?;
        let (Some(start), Some(count)) = (le64(&head, 0), le32(&head, 8)) else {
            return Err(ReadError::Table(table));
        };
        if table == NO_TABLE || index >= count {
            return Err(ReadError::Table(table));
        }
        let entry = self.entry::<16>(table + HEAD, index)?;
        let (place, count) = (le64(&entry, 0).unwrap_or(0), le32(&entry, 8).unwrap_or(0));
        Ok((start, place, count))
    }

    /// A block of a file that has so many bytes when it is unpacked; no more than a block of data.
    pub(super) fn data(&self, at: u64, size: BlockSize, len: usize) -> Result<Vec<u8>, ReadError> {
        let damaged = || ReadError::Block(at);
        let bytes = self.unpacked(at, size).ok_or_else(damaged)?;
        Some(bytes).filter(|bytes| bytes.len() == len).ok_or_else(damaged)
    }

    /// The fragment of a number.
    pub(super) fn fragment(&self, number: u32) -> Result<Arc<Vec<u8>>, ReadError> {
        if number >= self.superblock.fragments {
            return Err(ReadError::Table(self.superblock.fragment_table));
        }
        let entry = self.entry::<16>(self.superblock.fragment_table, number)?;
        let Fragment { start, size } = Fragment::decode(entry);
        let unpack = || self.unpacked(start, size).ok_or(ReadError::Block(start));
        self.fragments.get(start, unpack)
    }

    fn unpacked(&self, at: u64, size: BlockSize) -> Option<Vec<u8>> {
        let most = self.superblock.block_size as usize;
        let packed = Some(size.len()).filter(|len| *len <= most)?;
        let packed = self.bytes(at, packed)?;
        match size.is_plain() {
            true => Some(packed),
            false => codec::unpack(self.compressor, &packed, most),
        }
    }

    /// Exactly so many bytes.
    fn bytes(&self, at: u64, len: usize) -> Option<Vec<u8>> {
        let bytes = self.window.bytes(at, len).ok()?;
        (bytes.len() == len).then_some(bytes)
    }
}
