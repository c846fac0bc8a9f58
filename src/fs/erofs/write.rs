//! Writes a plan: inodes and data side by side, each in their order, and the superblock last, which
//! says who the image is: a hash of all that was written.

use std::io::{self, ErrorKind};

use sha2::{Digest, Sha256};

use super::directory;
use super::inode::{self, Chunks, Inode, Layout, SLOT};
use super::plan::{Item, Plan, Shape};
use super::superblock::{BLOCK, BLOCK_LOG, OFFSET, Superblock};
use super::xattr;
use crate::bytes::Guid;
use crate::error::{Context, Result};
use crate::fs::device;
use crate::fs::stream::{self, Stream};
use crate::tree::{Content, ContentReader, Kind};
use crate::volume::Volume;

/// The block of a chunk that is zero.
const HOLE: u32 = u32::MAX;

/// How much of a file is read at once.
const READ: usize = 1 << 20;

impl Plan<'_> {
    /// Writes the image to the start of a volume, all bytes of which are zero; its length, a multiple of
    /// 4 KiB. `progress` hears of the bytes of files that were read.
    ///
    /// # Errors
    /// Where a file cannot be read or changed, the volume is too small, or any I/O error.
    pub fn write(&self, volume: &Volume<'_>, progress: &dyn Fn(u64)) -> Result<u64> {
        let (uuid, end) = stream::write(volume, BLOCK, |inodes| {
            stream::write(volume, BLOCK, |data| {
                let (end, hash) = (self.data, Sha256::new());
                let mut writer =
                    Writer { plan: self, inodes, data, end, hash, checksum: 0, buffer: Vec::new() };
                for (number, item) in (1..).zip(&self.items) {
                    writer.item(number, item)?;
                    if let Kind::File(content) = &item.node.kind {
                        progress(content.len());
                    }
                }
                writer.finish()
            })
        })?;
        let superblock = self.superblock(uuid, end).encode();
        volume.write_all_at(&superblock, OFFSET).context(|| "writing the filesystem")?;
        Ok(end)
    }

    /// What the superblock says of an image of a length.
    fn superblock(&self, uuid: Guid, end: u64) -> Superblock {
        let mut label = [0; 16];
        label[..self.options.label.len()].copy_from_slice(&self.options.label);
        let (uuid, time) = (self.options.uuid.unwrap_or(uuid), self.options.time);
        Superblock {
            root: self.number(0),
            inodes: self.items.len() as u64,
            time: (time.seconds, time.nanoseconds),
            block_log: BLOCK_LOG,
            blocks: (end / BLOCK) as u32,
            metadata: 0,
            xattrs: 0,
            uuid: uuid.to_bytes(),
            label,
            has_chunks: self.items.iter().any(|item| matches!(item.shape, Shape::Chunks(_))),
        }
    }

    /// The number of an item's inode.
    fn number(&self, item: usize) -> u64 {
        self.items[item].place / SLOT
    }
}

/// A plan on its way into a volume.
struct Writer<'p, 's> {
    plan: &'p Plan<'p>,
    /// Inodes and what is behind them.
    inodes: &'s mut Stream,
    data: &'s mut Stream,
    /// Where the next data go.
    end: u64,
    /// Of inodes, and of what checksums say about the data.
    hash: Sha256,
    /// CRC-32C of the data of the present item.
    checksum: u32,
    buffer: Vec<u8>,
}

impl Writer<'_, '_> {
    fn item(&mut self, number: u32, item: &Item<'_>) -> Result<()> {
        let block = (self.end / BLOCK) as u32;
        let is_stored = item.size >= BLOCK || item.shape == Shape::Plain && item.size > 0;
        let block = if is_stored { block } else { 0 };
        self.checksum = 0;
        let (layout, behind) = match (&item.node.kind, item.shape) {
            (Kind::File(content), Shape::Chunks(log)) => {
                (Layout::Chunks(Chunks { log, indexes: false }), self.chunks(item, content, log)?)
            }
            (_, Shape::Inline) => (Layout::Inline(block), self.whole(item)?),
            _ => (Layout::Plain(block), self.whole(item)?),
        };
        let metadata = &item.node.metadata;
        let attributes = xattr::encode(&metadata.xattrs);
        let inode = Inode {
            mode: item.node.st_mode(),
            xattr_len: attributes.len() as u64,
            size: item.size,
            layout,
            device: device_number(&item.node.kind),
            number,
            uid: metadata.uid,
            gid: metadata.gid,
            mtime: Some((metadata.mtime.seconds, metadata.mtime.nanoseconds)),
            links: item.links,
            len: inode::LEN,
        };
        let bytes = [&inode.encode()[..], &attributes, &behind].concat();
        self.hash.update(&bytes);
        self.hash.update(self.checksum.to_le_bytes());
        self.inodes.put(item.place, &bytes)
    }

    /// Stores what an inode holds but for what is inline, which is given back.
    fn whole(&mut self, item: &Item<'_>) -> Result<Vec<u8>> {
        match &item.node.kind {
            Kind::File(content) => self.file(item, content),
            Kind::Symlink(target) => self.store(item, target),
            Kind::Directory => {
                let bytes = directory::encode(&item.entries, |item| self.plan.number(item));
                self.store(item, &bytes)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// A file that is short enough to be read at once.
    fn file(&mut self, item: &Item<'_>, content: &Content) -> Result<Vec<u8>> {
        let mut bytes = std::mem::take(&mut self.buffer);
        bytes.resize(item.size as usize, 0);
        if !bytes.is_empty() {
            let reader = content.open()?;
            read(&reader, &mut bytes, 0)?;
            reader.check()?;
        }
        let tail = self.store(item, &bytes);
        self.buffer = bytes;
        tail
    }

    fn store(&mut self, item: &Item<'_>, bytes: &[u8]) -> Result<Vec<u8>> {
        let inline = match item.shape {
            Shape::Inline => bytes.len() % BLOCK as usize,
            _ => 0,
        };
        let (whole, tail) = bytes.split_at(bytes.len() - inline);
        self.append(whole)?;
        Ok(tail.into())
    }

    /// A long file, read where it has data; its list of chunks.
    fn chunks(&mut self, item: &Item<'_>, content: &Content, log: u32) -> Result<Vec<u8>> {
        let (size, reader) = (BLOCK << log, content.open()?);
        let ranges = content.data_ranges()?;
        let mut ranges = ranges.into_iter().map(|(at, len)| at..at + len).peekable();
        let mut list = Vec::new();
        for index in 0..item.chunks(log) {
            let chunk = index * size..item.size.min((index + 1) * size);
            while ranges.next_if(|range| range.end <= chunk.start).is_some() {}
            let holds_data = ranges.peek().is_some_and(|range| range.start < chunk.end);
            let block = if holds_data { self.chunk(&reader, chunk)? } else { HOLE };
            list.extend(block.to_le_bytes());
        }
        reader.check()?;
        Ok(list)
    }

    /// Stores a chunk unless it is zero: it may be large, where the file is. Its block.
    fn chunk(&mut self, reader: &ContentReader<'_>, range: std::ops::Range<u64>) -> Result<u32> {
        let (start, before) = (self.end, self.checksum);
        let mut bytes = std::mem::take(&mut self.buffer);
        let mut is_zero = true;
        for at in range.clone().step_by(READ) {
            bytes.resize((range.end - at).min(READ as u64) as usize, 0);
            read(reader, &mut bytes, at)?;
            is_zero &= bytes.iter().all(|&byte| byte == 0);
            if !is_zero {
                // What was zero up to here is passed: the volume is zero.
                self.end = start + (at - range.start);
                self.append(&bytes)?;
            }
        }
        self.buffer = bytes;
        if is_zero {
            (self.end, self.checksum) = (start, before);
            return Ok(HOLE);
        }
        self.checksum = crc32c::crc32c_append(self.checksum, &start.to_le_bytes());
        Ok((start / BLOCK) as u32)
    }

    /// Appends data, padded to whole blocks.
    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.checksum = crc32c::crc32c_append(self.checksum, bytes);
        self.data.put(self.end, bytes)?;
        self.end += bytes.len() as u64;
        let padding = self.end.next_multiple_of(BLOCK) - self.end;
        self.data.put(self.end, &[0; BLOCK as usize][..padding as usize])?;
        self.end += padding;
        Ok(())
    }

    /// Ends the last block; the identity of it all, and where it ends.
    fn finish(self) -> Result<(Guid, u64)> {
        if self.end == self.plan.data {
            // Nothing follows that would make the last block of inodes a whole one.
            let last = self.inodes.end();
            self.inodes.put(last, &vec![0; (self.end - last) as usize])?;
        }
        let hash = self.hash.finalize();
        Ok((Guid::custom(u128::from_be_bytes(std::array::from_fn(|i| hash[i]))), self.end))
    }
}

/// Reads exactly so many bytes.
fn read(reader: &ContentReader<'_>, buffer: &mut [u8], at: u64) -> Result<()> {
    let n = reader.read_at(buffer, at).context(|| "reading a file")?;
    match n == buffer.len() {
        true => Ok(()),
        false => Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
    }
}

/// The number of a device, 0 of all else.
fn device_number(kind: &Kind) -> u32 {
    match kind {
        Kind::CharDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            device::encode(*major, *minor).unwrap_or(0)
        }
        _ => 0,
    }
}
