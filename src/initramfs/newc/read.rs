//! Reads the entries of an archive one after the other; no size that it states is trusted.

use std::io::{self, Read, Write};

use super::{FIELDS, HEADER_LEN, Header, MAGIC, MAGIC_CRC, PATH_MAX, TRAILER, padding};
use crate::error::shown_bytes;

/// Why bytes are not a newc archive; offsets count from the archive's start.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Something else than a header.
    #[error("at offset {offset} is `{}` instead of a newc header, 070701 or 070702", shown_bytes(.found))]
    Magic {
        /// Where the header was due.
        offset: u64,
        /// What is there.
        found: [u8; 6],
    },
    /// A field that is not eight hexadecimal digits.
    #[error("the header at offset {offset} has a {field} that is not hexadecimal")]
    Digits {
        /// Where the header starts.
        offset: u64,
        /// The field's name in buffer-format.rst.
        field: &'static str,
    },
    /// A name that is empty, longer than the kernel takes, or not ended by a NUL.
    #[error(
        "the header at offset {offset} has a name of {size} bytes that does not end in its only NUL"
    )]
    Name {
        /// Where the header starts.
        offset: u64,
        /// `c_namesize`.
        size: u32,
    },
    /// The archive ends too early.
    #[error("the archive ends at offset {offset}, in the middle of {what}")]
    Truncated {
        /// Where the bytes end.
        offset: u64,
        /// What was being read.
        what: &'static str,
    },
    /// The data of a `070702` entry does not add up.
    #[error("`{}` has the checksum {found:08x} instead of {wanted:08x}", shown_bytes(.name))]
    Checksum {
        /// The entry.
        name: Vec<u8>,
        /// The sum of its data.
        found: u32,
        /// `c_chksum`.
        wanted: u32,
    },
    /// What a file was copied to failed.
    #[error("writing what was read")]
    Sink(#[source] io::Error),
    /// The source cannot be read.
    #[error("reading at offset {offset}")]
    Source {
        /// How far it was read.
        offset: u64,
        /// Why.
        source: io::Error,
    },
}

/// An entry: its header and name; its data is read with [`Reader::data`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where its header starts.
    pub offset: u64,
    /// The numbers.
    pub header: Header,
    /// The name as it is stored, without its NUL.
    pub name: Vec<u8>,
    /// Whether `c_chksum` means anything (`070702`).
    pub checked: bool,
}

/// Reads one archive, up to and including its trailer.
pub struct Reader<R> {
    source: R,
    /// How the source leaves out bytes that nobody asked for.
    skip_fn: SkipFn<R>,
    offset: u64,
    /// Bytes of the present entry's data that were not read, and the padding behind them.
    unread: (u64, usize),
    ended: bool,
}

/// Leaves out so many bytes of a source; returns how many there were.
pub type SkipFn<R> = fn(&mut R, u64) -> io::Result<u64>;

impl<R: Read> Reader<R> {
    /// A reader at the first header.
    pub fn new(source: R) -> Self {
        Reader::at(source, 0)
    }

    /// A reader at the header at `offset`, which the source has reached.
    pub fn at(source: R, offset: u64) -> Self {
        Reader::with_skip(source, offset, |source, wanted| {
            io::copy(&mut source.by_ref().take(wanted), &mut io::sink())
        })
    }

    /// A reader at the header at `offset` of a source that can leave out bytes without reading them.
    pub fn with_skip(source: R, offset: u64, skip_fn: SkipFn<R>) -> Self {
        Reader { source, skip_fn, offset, unread: (0, 0), ended: false }
    }

    /// How many bytes were read; behind the trailer, the length of the archive.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The next entry, skipping what was not read of the last one; `None` after the trailer.
    ///
    /// # Errors
    /// Where there is no sound header, or the archive ends without a trailer.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ReadError> {
        if self.ended {
            return Ok(None);
        }
        self.skip_data()?;
        let offset = self.offset;
        let mut bytes = [0; HEADER_LEN];
        self.fill(&mut bytes, "a header")?;
        let (header, checked) = parse_header(&bytes, offset)?;
        let name = self.name(offset, header.namesize)?;
        self.unread = (header.filesize.into(), padding(header.filesize.into()));
        if name == TRAILER {
            self.skip_data()?;
            self.ended = true;
            return Ok(None);
        }
        Ok(Some(Entry { offset, header, name, checked }))
    }

    /// All data of the entry that [`Reader::next_entry`] gave last; memory grows with what is
    /// really there.
    ///
    /// # Errors
    /// Where the archive ends early, or the checksum of a `070702` entry is wrong.
    pub fn data(&mut self, entry: &Entry) -> Result<Vec<u8>, ReadError> {
        let mut data = Vec::new();
        self.copy(entry, &mut data)?;
        Ok(data)
    }

    /// Copies all data of the entry that [`Reader::next_entry`] gave last.
    ///
    /// # Errors
    /// As [`Reader::data`], or where the sink fails.
    pub fn copy(&mut self, entry: &Entry, sink: &mut impl Write) -> Result<(), ReadError> {
        let (wanted, pad) = self.unread;
        let mut sum = Sum { sink, sum: 0, checked: entry.checked, failed: false };
        let copied = io::copy(&mut self.source.by_ref().take(wanted), &mut sum);
        let (found, failed) = (sum.sum, sum.failed);
        let copied = copied.map_err(|source| match failed {
            true => ReadError::Sink(source),
            false => ReadError::Source { offset: self.offset, source },
        })?;
        self.offset += copied;
        self.unread.0 -= copied;
        if copied < wanted {
            return Err(ReadError::Truncated { offset: self.offset, what: "a file" });
        }
        self.unread = (0, 0);
        self.fill(&mut [0; 4][..pad], "the padding of a file")?;
        // What `head` took is not in the sum.
        let is_whole = wanted == u64::from(entry.header.filesize);
        if entry.checked && is_whole && found != entry.header.check {
            let name = entry.name.clone();
            return Err(ReadError::Checksum { name, found, wanted: entry.header.check });
        }
        Ok(())
    }

    /// The entry's data as a stream; what is not read of it is left out with the next entry. A stream
    /// that ends early is an error of the next entry, and no checksum is verified.
    pub fn stream(&mut self) -> impl Read + '_ {
        Stream { reader: self }
    }

    /// The first bytes of the entry's data, at most `max`; the rest is left out with the next entry.
    ///
    /// # Errors
    /// Where the archive ends early.
    pub fn head(&mut self, max: u64) -> Result<Vec<u8>, ReadError> {
        let wanted = max.min(self.unread.0);
        let mut head = Vec::new();
        let read = self.source.by_ref().take(wanted).read_to_end(&mut head);
        self.offset += head.len() as u64;
        self.unread.0 -= head.len() as u64;
        read.map_err(|source| ReadError::Source { offset: self.offset, source })?;
        match head.len() as u64 == wanted {
            true => Ok(head),
            false => Err(ReadError::Truncated { offset: self.offset, what: "a file" }),
        }
    }

    fn name(&mut self, offset: u64, size: u32) -> Result<Vec<u8>, ReadError> {
        let error = ReadError::Name { offset, size };
        if !(2..=PATH_MAX as u32).contains(&size) {
            return Err(error);
        }
        let mut name = vec![0; size as usize];
        self.fill(&mut name, "a name")?;
        self.fill(&mut [0; 4][..padding(HEADER_LEN as u64 + u64::from(size))], "a name")?;
        match name.iter().position(|&b| b == 0) {
            Some(nul) if nul + 1 == name.len() => name.truncate(nul),
            _ => return Err(error),
        }
        Ok(name)
    }

    /// Leaves out what was not read of the present entry's data, and the padding behind it, as
    /// [`Reader::next_entry`] does.
    ///
    /// # Errors
    /// Where the archive ends early.
    pub fn skip_data(&mut self) -> Result<(), ReadError> {
        let (data, pad) = std::mem::take(&mut self.unread);
        let wanted = data + pad as u64;
        let skipped = (self.skip_fn)(&mut self.source, wanted)
            .map_err(|source| ReadError::Source { offset: self.offset, source })?;
        self.offset += skipped;
        match skipped == wanted {
            true => Ok(()),
            false => Err(ReadError::Truncated { offset: self.offset, what: "a file" }),
        }
    }

    fn fill(&mut self, mut buffer: &mut [u8], what: &'static str) -> Result<(), ReadError> {
        while !buffer.is_empty() {
            match self.source.read(buffer) {
                Ok(0) => return Err(ReadError::Truncated { offset: self.offset, what }),
                Ok(n) => {
                    self.offset += n as u64;
                    buffer = &mut buffer[n..];
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(ReadError::Source { offset: self.offset, source }),
            }
        }
        Ok(())
    }
}

/// What is left of the present entry's data.
struct Stream<'a, R> {
    reader: &'a mut Reader<R>,
}

impl<R: Read> Read for Stream<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = self.reader.unread.0.min(buffer.len() as u64) as usize;
        if len == 0 {
            return Ok(0);
        }
        let n = self.reader.source.read(&mut buffer[..len])?;
        self.reader.offset += n as u64;
        self.reader.unread.0 -= n as u64;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(n)
    }
}

/// Adds up what goes through, where somebody wants to know.
struct Sum<'a, W> {
    sink: &'a mut W,
    sum: u32,
    checked: bool,
    /// Whether it was the sink that failed.
    failed: bool,
}

impl<W: Write> Write for Sum<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.sink.write(bytes).inspect_err(|_| self.failed = true)?;
        if self.checked {
            self.sum = bytes[..n].iter().fold(self.sum, |sum, &b| sum.wrapping_add(b.into()));
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.sink.flush()
    }
}

/// The fields, and whether the magic is that with checksums.
fn parse_header(bytes: &[u8; HEADER_LEN], offset: u64) -> Result<(Header, bool), ReadError> {
    let mut found = [0; 6];
    found.copy_from_slice(&bytes[..6]);
    if ![MAGIC, MAGIC_CRC].contains(&&found) {
        return Err(ReadError::Magic { offset, found });
    }
    let mut values = [0; 13];
    for ((value, digits), field) in values.iter_mut().zip(bytes[6..].chunks(8)).zip(FIELDS) {
        *value = hex(digits).ok_or(ReadError::Digits { offset, field })?;
    }
    Ok((Header::from_values(values), &found == MAGIC_CRC))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |value, &d| Some(value << 4 | (d as char).to_digit(16)?))
}
