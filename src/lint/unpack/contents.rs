//! What the entries of an initramfs hold: in memory while it is little, then in a temporary file.

use std::io::{self, Read};

use crate::error::Result;
use crate::initramfs::newc::{self, Entry, PATH_MAX, Reader};
use crate::tree::{Content, Kind, Node, Spool};

/// Bytes of files that are kept in memory: a distribution's whole initramfs.
const IN_MEMORY: u64 = 256 << 20;

/// Where the contents of files go.
#[derive(Default)]
pub(super) struct Contents {
    /// Bytes that are kept in memory.
    kept: u64,
    spool: Option<Spool>,
}

impl Contents {
    /// The node of an entry, `None` for a mode that is no kind of file, and whether its data add up to its
    /// checksum where it has one; nothing where its data are cut.
    ///
    /// # Errors
    /// Where there is no room for it.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader<impl Read>,
        entry: &Entry,
    ) -> Result<Option<(Option<Node>, bool)>> {
        let sum = entry.checked.then_some(0);
        let mut data = Data { stream: reader.stream(), sum, is_cut: false };
        // Only a file's data may be long: the kernel passes over a longer target of a symlink.
        let target = match entry.header.mode & 0o170_000 {
            0o100_000 => Vec::new(),
            _ => all(data.by_ref().take(PATH_MAX as u64)),
        };
        let mut node = newc::node(entry, target).ok();
        if let Some(Node { kind: Kind::File(content), .. }) = &mut node {
            match self.content(&mut data, entry.header.filesize.into()) {
                Ok(read) => *content = read,
                Err(_) if data.is_cut => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        // The sum is that of all data, whatever they are for.
        if entry.checked {
            let _ = io::copy(&mut data, &mut io::sink());
        }
        let (sum, is_cut) = (data.sum, data.is_cut);
        drop(data);
        if is_cut || reader.skip_data().is_err() {
            return Ok(None);
        }
        Ok(Some((node, sum.is_none_or(|sum| sum == entry.header.check))))
    }

    fn content(&mut self, data: &mut impl Read, len: u64) -> Result<Content> {
        if self.kept + len <= IN_MEMORY {
            let mut bytes = Vec::new();
            self.kept += data.read_to_end(&mut bytes)? as u64;
            return Ok(Content::from(bytes));
        }
        let spool = match &mut self.spool {
            Some(spool) => spool,
            None => self.spool.insert(Spool::new()?),
        };
        Ok(spool.add(data)?.content())
    }
}

/// All that can be had.
fn all(mut source: impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Where it ends early, the bytes before it are what there is.
    let _ = source.read_to_end(&mut bytes);
    bytes
}

/// The data of an entry on their way: their sum, and whether they ended early.
struct Data<R> {
    stream: R,
    /// Where somebody wants to know.
    sum: Option<u32>,
    is_cut: bool,
}

impl<R: Read> Read for Data<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.stream.read(buffer).inspect_err(|_| self.is_cut = true)?;
        if let Some(sum) = &mut self.sum {
            *sum = buffer[..n].iter().fold(*sum, |sum, &b| sum.wrapping_add(b.into()));
        }
        Ok(n)
    }
}
