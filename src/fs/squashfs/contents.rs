//! The contents of files: cut into blocks, packed by all threads, and written in order, each file's
//! blocks side by side. No more than a few blocks for each thread are ever in memory.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::thread;

use super::duplicates::Duplicates;
use super::fragment::{BlockSize, Fragment};
use super::inode;
use super::options::Options;
use super::press::Press;
use crate::error::{Context, Result};
use crate::tree::{Content, NodeId};
use crate::volume::Volume;

/// Where a file's bytes went.
#[derive(Debug, Default)]
pub(super) struct Stored {
    start: u64,
    len: u64,
    sparse: u64,
    fragment: Option<(u32, u32)>,
    blocks: Vec<BlockSize>,
}

impl Stored {
    /// As its inode says it.
    pub(super) fn file(&self) -> inode::File<'_> {
        let Stored { start, len, sparse, fragment, ref blocks } = *self;
        // The kernel counts what is left: it may not be nothing.
        let sparse = sparse.min(len.saturating_sub(1));
        inode::File { start, len, sparse, fragment, blocks }
    }
}

/// What was written.
#[derive(Debug, Default)]
pub(super) struct Contents {
    files: Vec<Stored>,
    /// By node: which of the files has its bytes.
    numbers: BTreeMap<NodeId, usize>,
    /// The blocks of short files.
    pub(super) fragments: Vec<Fragment>,
    /// Where the next byte of the image goes.
    pub(super) end: u64,
}

impl Contents {
    /// Where the bytes of a node are.
    pub(super) fn stored(&self, id: NodeId) -> Option<&Stored> {
        self.files.get(*self.numbers.get(&id)?)
    }

    /// Writes files from an offset of the volume on; `progress` hears of the bytes that were read.
    ///
    /// # Errors
    /// Where a file cannot be read or changes, the volume is too small, or any I/O error.
    pub(super) fn write<'t>(
        files: impl Iterator<Item = (NodeId, &'t Content)>,
        volume: &Volume<'_>,
        start: u64,
        options: &Options,
        progress: &dyn Fn(u64),
    ) -> Result<Contents> {
        thread::scope(|scope| {
            let mut writer = Writer {
                press: Press::start(scope, options)?,
                volume,
                block_size: options.block_size as usize,
                fragment: Vec::new(),
                duplicates: Duplicates::default(),
                contents: Contents { end: start, ..Contents::default() },
            };
            for (id, content) in files {
                writer.file(id, content)?;
                progress(content.len());
            }
            writer.finish()
        })
    }
}

/// What a block is for.
enum Use {
    /// A file and which of its blocks it is.
    Block(usize, usize),
    /// The fragment of this number.
    Fragment(usize),
}

/// Contents on their way into a volume.
struct Writer<'v, 't> {
    press: Press<Use>,
    volume: &'v Volume<'v>,
    block_size: usize,
    /// The fragment that is being filled.
    fragment: Vec<u8>,
    duplicates: Duplicates<'t>,
    contents: Contents,
}

impl<'t> Writer<'_, 't> {
    fn file(&mut self, id: NodeId, content: &'t Content) -> Result<()> {
        let number = self.contents.files.len();
        let stored = match content.len() {
            0 => Stored::default(),
            len if len < self.block_size as u64 => {
                let mut bytes = vec![0; len as usize];
                content.open()?.read_exact(&mut bytes).context(|| "reading a file")?;
                let likeness = (len, crc32fast::hash(&bytes));
                if let Some(equal) = self.duplicates.find(likeness, content, number)? {
                    self.contents.numbers.insert(id, equal);
                    return Ok(());
                }
                Stored { len, fragment: Some(self.fragment(&bytes)?), ..Stored::default() }
            }
            len => return self.long_file(id, content, len),
        };
        self.contents.files.push(stored);
        self.contents.numbers.insert(id, number);
        Ok(())
    }

    /// Puts a short file into a fragment: the fragment's number, and the offset in it.
    fn fragment(&mut self, bytes: &[u8]) -> Result<(u32, u32)> {
        if self.fragment.len() + bytes.len() > self.block_size {
            self.close_fragment()?;
        }
        let offset = self.fragment.len() as u32;
        self.fragment.extend_from_slice(bytes);
        Ok((self.contents.fragments.len() as u32, offset))
    }

    fn close_fragment(&mut self) -> Result<()> {
        if !self.fragment.is_empty() {
            let fragment = std::mem::take(&mut self.fragment);
            self.fragment.reserve(self.block_size);
            let number = self.contents.fragments.len();
            self.contents.fragments.push(Fragment::default());
            self.submit(fragment, Use::Fragment(number))?;
        }
        Ok(())
    }

    /// Stores a file that has at least a whole block, which is read once, where it has data.
    fn long_file(&mut self, id: NodeId, content: &'t Content, len: u64) -> Result<()> {
        let size = self.block_size as u64;
        let number = self.contents.files.len();
        let reader = content.open()?;
        let mut ranges =
            content.data_ranges()?.into_iter().map(|(at, len)| at..at + len).peekable();
        let count = len.div_ceil(size) as usize;
        let blocks = vec![BlockSize::HOLE; count];
        self.contents.files.push(Stored { len, blocks, ..Stored::default() });
        for index in 0..count {
            let block = index as u64 * size..len.min((index as u64 + 1) * size);
            let mut bytes = Vec::new();
            if holds_data(&mut ranges, &block) {
                bytes.resize((block.end - block.start) as usize, 0);
                reader.read_at(&mut bytes, block.start).context(|| "reading a file")?;
            }
            // Zeros are a hole, whether or not the source has one there.
            if bytes.iter().all(|&byte| byte == 0) {
                bytes.clear();
            }
            if index == 0 {
                let likeness = (len, crc32fast::hash(&bytes));
                if let Some(equal) = self.duplicates.find(likeness, content, number)? {
                    self.contents.files.pop();
                    self.contents.numbers.insert(id, equal);
                    return Ok(());
                }
            }
            match bytes.is_empty() {
                true => self.contents.files[number].sparse += block.end - block.start,
                false => self.submit(bytes, Use::Block(number, index))?,
            }
        }
        self.contents.numbers.insert(id, number);
        reader.check()
    }

    /// Gives a block to the threads; those that are packed by now are written.
    fn submit(&mut self, bytes: Vec<u8>, label: Use) -> Result<()> {
        while self.press.is_full() {
            self.write_oldest()?;
        }
        self.press.take(bytes, label)
    }

    /// Writes the oldest block; whether there was one.
    fn write_oldest(&mut self) -> Result<bool> {
        let Some((pressed, label)) = self.press.give()? else { return Ok(false) };
        let contents = &mut self.contents;
        let written = self.volume.write_all_at(&pressed.bytes, contents.end);
        written.context(|| "writing squashfs")?;
        let size = BlockSize::new(pressed.bytes.len(), pressed.is_packed);
        match label {
            Use::Block(file, index) => {
                let file = &mut contents.files[file];
                // The start of an image is its superblock: no block is at 0.
                if file.start == 0 {
                    file.start = contents.end;
                }
                file.blocks[index] = size;
            }
            Use::Fragment(number) => {
                contents.fragments[number] = Fragment { start: contents.end, size };
            }
        }
        contents.end += pressed.bytes.len() as u64;
        Ok(true)
    }

    fn finish(mut self) -> Result<Contents> {
        self.close_fragment()?;
        while self.write_oldest()? {}
        Ok(self.contents)
    }
}

/// Whether a block has any of the data, whose ranges are sorted; those that end before it are dropped.
fn holds_data(
    ranges: &mut std::iter::Peekable<impl Iterator<Item = Range<u64>>>,
    block: &Range<u64>,
) -> bool {
    while ranges.next_if(|range| range.end <= block.start).is_some() {}
    ranges.peek().is_some_and(|range| range.start < block.end)
}
