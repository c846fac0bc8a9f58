//! The content of a regular file, by reference: it is read when it is written somewhere, once.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use super::host::HostFile;
use super::packed::Packed;
use super::stored::{self, ReadAt, Stored};
use crate::error::{Context, Error, Result, shown};
use crate::size::Size;
use crate::volume::Volume;

/// The most that is read into memory at once: a sparse file may say that it has more than there is memory.
const IN_MEMORY_MAX: u64 = 1 << 30;

/// Where the bytes of a regular file are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory: literal files, small generated ones.
    Bytes(Arc<[u8]>),
    /// The whole of a host file, which is opened when it is needed.
    Host(HostFile),
    /// Ranges of an archive that is kept open.
    Packed(Packed),
    /// A file that is made when it is read.
    Stored(Arc<dyn Stored>),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Content::Bytes(bytes.into())
    }
}

impl Content {
    /// The whole of a host file, which must stay as it is until it has been written.
    ///
    /// # Errors
    /// Where it is missing, unreadable or no regular file.
    pub fn host(path: impl Into<PathBuf>) -> Result<Self> {
        Ok(Content::Host(HostFile::new(path)?))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Host(file) => file.len(),
            Content::Packed(packed) => packed.len(),
            Content::Stored(stored) => stored.size(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Opens it for reading from the start.
    ///
    /// # Errors
    /// Where the host file cannot be opened or is not the file that it was.
    pub fn open(&self) -> Result<ContentReader<'_>> {
        let source = match self {
            Content::Bytes(bytes) => Source::Bytes(bytes),
            Content::Host(of) => Source::Host { file: of.open()?, of },
            Content::Packed(packed) => Source::Packed(packed),
            Content::Stored(stored) => Source::Stored(stored.open()?),
        };
        Ok(ContentReader { source, len: self.len(), position: 0 })
    }

    /// Fills a buffer from an offset on; one look, after reading, tells whether the file is the one that was
    /// looked at.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading fails.
    pub(super) fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> Result<()> {
        let reader = match self {
            Content::Host(of) => {
                let source = Source::Host { file: of.open_unchecked()?, of };
                ContentReader { source, len: self.len(), position: 0 }
            }
            _ => self.open()?,
        };
        let read = reader.read_exact_at(buffer, offset);
        // Why it was not all there, where that is known.
        reader.check()?;
        read.context(|| format!("reading {}", self.name()))
    }

    /// All of it in memory, where that is not more than any program or archive has.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading fails.
    pub fn read(&self) -> Result<Vec<u8>> {
        if self.len() > IN_MEMORY_MAX {
            let why = format!(
                "it has {}, and at most {} are read",
                Size(self.len()),
                Size(IN_MEMORY_MAX)
            );
            return Err(Error::new(why).context(format!("reading {}", self.name())));
        }
        let mut bytes = Vec::new();
        self.open()?.read_to_end(&mut bytes).context(|| format!("reading {}", self.name()))?;
        Ok(bytes)
    }

    /// Copies the range `from..from + len` to an offset of a volume: in the host's kernel for a host file.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading or writing fails.
    pub fn copy_to(&self, volume: &Volume<'_>, to: u64, from: u64, len: u64) -> Result<()> {
        match self {
            Content::Bytes(bytes) => {
                let range = &bytes[from as usize..(from + len) as usize];
                Ok(volume.write_all_at(range, to)?)
            }
            Content::Host(file) => {
                let open = file.open()?;
                volume
                    .copy_from(&open, from, to, len)
                    .context(|| format!("copying {}", shown(file.path())))?;
                file.check(&open)
            }
            Content::Packed(packed) => packed.copy_to(volume, to, from, len),
            Content::Stored(stored) => stored::copy(&**stored, volume, to, from, len),
        }
    }

    /// The ranges (offset, length) that hold data, in order; what is between them is zero.
    ///
    /// # Errors
    /// As [`Content::open`].
    pub fn data_ranges(&self) -> Result<Vec<(u64, u64)>> {
        match self {
            Content::Bytes(bytes) if bytes.is_empty() => Ok(Vec::new()),
            Content::Bytes(bytes) => Ok(vec![(0, bytes.len() as u64)]),
            Content::Host(file) => file.data_ranges(),
            Content::Packed(packed) => Ok(packed.data_ranges()),
            Content::Stored(stored) => stored.data_ranges(),
        }
    }

    /// Whether both have the same bytes.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading fails.
    pub fn is_same(&self, other: &Content) -> Result<bool> {
        if self.len() != other.len() {
            return Ok(false);
        }
        let (mut left, mut right) = (self.open()?, other.open()?);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        loop {
            a.clear();
            b.clear();
            let chunk = |reader: &mut ContentReader<'_>, bytes: &mut Vec<u8>| {
                reader.by_ref().take(64 << 10).read_to_end(bytes)
            };
            let n = chunk(&mut left, &mut a).context(|| format!("reading {}", self.name()))?;
            chunk(&mut right, &mut b).context(|| format!("reading {}", other.name()))?;
            if n == 0 || a != b {
                return Ok(a == b);
            }
        }
    }

    /// How a message calls it.
    pub(super) fn name(&self) -> String {
        match self {
            Content::Bytes(_) => "a literal file".into(),
            Content::Host(file) => shown(file.path()),
            Content::Packed(packed) => packed.name().into(),
            Content::Stored(stored) => stored.name(),
        }
    }
}

/// Reads a [`Content`] from start to end, or anywhere; a host file that changes or ends early is an
/// error.
#[derive(Debug)]
pub struct ContentReader<'a> {
    source: Source<'a>,
    len: u64,
    position: u64,
}

/// What a reader has open.
#[derive(Debug)]
enum Source<'a> {
    Bytes(&'a [u8]),
    Host { file: File, of: &'a HostFile },
    Packed(&'a Packed),
    Stored(Box<dyn ReadAt + 'a>),
}

impl ContentReader<'_> {
    /// Reads what is at an offset; fewer bytes than the buffer has only at the end.
    ///
    /// # Errors
    /// Any I/O error; `UnexpectedEof` where the file became shorter.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let wanted = self.len.saturating_sub(offset).min(buffer.len() as u64) as usize;
        let mut filled = 0;
        while filled < wanted {
            let n = self.read_some(&mut buffer[filled..wanted], offset + filled as u64)?;
            filled += n;
        }
        Ok(filled)
    }

    /// Fills the buffer from an offset on.
    ///
    /// # Errors
    /// As [`ContentReader::read_at`]; `UnexpectedEof` where the buffer reaches past the end.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match self.read_at(buffer, offset)? {
            n if n == buffer.len() => Ok(()),
            _ => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Reads at least a byte of a range that lies inside.
    fn read_some(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let n = match &self.source {
            Source::Bytes(bytes) => {
                bytes.get(offset as usize..).unwrap_or_default().read(buffer)?
            }
            Source::Host { file, .. } => file.read_at(buffer, offset)?,
            Source::Packed(packed) => packed.read_at(buffer, offset)?,
            Source::Stored(stored) => stored.read_at(buffer, offset)?,
        };
        match n {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter")),
            n => Ok(n),
        }
    }

    /// Whether what was read is what was looked at; who reads to the end in order need not ask.
    ///
    /// # Errors
    /// Where it changed.
    pub fn check(&self) -> Result<()> {
        match &self.source {
            Source::Bytes(_) | Source::Stored(_) => Ok(()),
            Source::Host { file, of } => of.check(file),
            Source::Packed(packed) => packed.check(),
        }
    }
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.read_at(buffer, self.position)?;
        self.position += n as u64;
        if self.position == self.len {
            self.check().map_err(|e| io::Error::other(e.to_string()))?;
        }
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Extent, Spool};
    use std::io::Write;

    #[test]
    fn a_host_file_is_read_as_it_was_and_a_change_is_an_error() {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"first").expect("written");
        let content = Content::host(file.path()).expect("it is there");
        assert_eq!(content.read().expect("unchanged"), b"first");
        file.write_all(b" and more").expect("written");
        let error = content.read().expect_err("it grew").to_string();
        assert!(error.ends_with("it changed while it was being read"), "{error}");
    }

    #[test]
    fn holes_are_seen() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.as_file().set_len(1 << 20).expect("extended");
        FileExt::write_all_at(file.as_file(), b"x", 512 << 10).expect("written");
        let ranges = Content::host(file.path()).expect("there").data_ranges().expect("readable");
        assert!(ranges.iter().map(|r| r.1).sum::<u64>() < 1 << 20, "{ranges:?}");
        assert!(
            ranges.iter().any(|&(at, len)| (at..at + len).contains(&(512 << 10))),
            "{ranges:?}"
        );
    }

    #[test]
    fn what_no_memory_holds_is_refused_before_it_is_read() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.as_file().set_len(3 << 40).expect("sparse");
        let error = Content::host(file.path()).expect("there").read().expect_err("too large");
        assert!(error.to_string().ends_with("it has 3 TiB, and at most 1 GiB are read"), "{error}");
    }

    #[test]
    fn a_file_that_hides_its_length_is_refused() {
        let error = Content::host("/proc/version").expect_err("its length is 0").to_string();
        assert!(error.contains("before it is read"), "{error}");
        let empty = tempfile::NamedTempFile::new().expect("a temporary file");
        assert!(Content::host(empty.path()).expect("there").is_empty());
    }

    #[test]
    fn a_directory_is_no_content() {
        let error = Content::host("/").expect_err("a directory").to_string();
        assert_eq!(error, "reading /: not a regular file");
    }

    #[test]
    fn ranges_of_an_archive_are_read_and_copied_with_their_holes() {
        let mut spool = Spool::new().expect("a spool");
        spool.add(&b"before"[..]).expect("added");
        let section = spool.add(&b"0123456789"[..]).expect("added");
        assert_eq!(section.content().read().expect("reads"), b"0123456789");
        let runs = [Extent { at: 2, from: 8, len: 2 }, Extent { at: 6, from: 0, len: 1 }];
        let sparse = section.sparse(8, &runs).expect("inside");
        assert_eq!(sparse.read().expect("reads"), b"\0\x0089\0\x000\0");
        assert!(sparse.is_same(&sparse.read().expect("reads").into()).expect("compares"));
        let target = tempfile::tempfile().expect("a temporary file");
        let volume = Volume::new(&target, 0, 8);
        volume.write_all_at(b"xxxxxxxx", 0).expect("written");
        sparse.copy_to(&volume, 1, 1, 6).expect("copied");
        let mut seen = [0; 8];
        volume.read_exact_at(&mut seen, 0).expect("there");
        assert_eq!(&seen, b"x\x0089\0\x000x");
    }

    #[test]
    fn runs_that_overlap_or_leave_are_refused() {
        let section = Spool::new().expect("a spool").add(&b"0123456789"[..]).expect("added");
        let run = |at, from, len| Extent { at, from, len };
        for bad in [
            &[run(0, 0, 11)][..],
            &[run(0, 5, 6)],
            &[run(15, 0, 6)],
            &[run(0, 0, 4), run(3, 4, 1)],
            &[run(u64::MAX, 0, 2)],
            &[run(0, u64::MAX, 2)],
        ] {
            assert!(section.sparse(20, bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn zeros_that_are_spooled_take_no_room() {
        let mut spool = Spool::new().expect("a spool");
        let section = spool.add(io::repeat(0).take(10 << 20)).expect("added");
        assert_eq!(section.len(), 10 << 20);
        let data: u64 = section.content().data_ranges().expect("known").iter().map(|r| r.1).sum();
        assert!(data < 1 << 20, "{data}");
    }
}
