//! The content of a regular file, by reference: it is read when it is written somewhere, once.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{Context, Error, Result, shown};
use crate::volume::Volume;

/// Where the bytes of a regular file are.
#[derive(Debug, Clone)]
pub enum Content {
    /// In memory: literal files, small generated ones.
    Bytes(Arc<[u8]>),
    /// A range of a host file.
    Host(HostFile),
}

/// A range of a host file as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct HostFile {
    path: Arc<Path>,
    offset: u64,
    len: u64,
    /// Whether all of it is allocated, so that nobody needs to look for holes.
    dense: bool,
    stamp: Stamp,
}

/// What changes when somebody writes to a file or puts another in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    mtime: (i64, i64),
}

impl From<&Metadata> for Stamp {
    fn from(m: &Metadata) -> Self {
        Stamp {
            device: m.dev(),
            inode: m.ino(),
            size: m.size(),
            mtime: (m.mtime(), m.mtime_nsec()),
        }
    }
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
        let path = path.into();
        let metadata = path.metadata().context(|| format!("reading {}", shown(&path)))?;
        if !metadata.is_file() {
            return Err(
                Error::new("not a regular file").context(format!("reading {}", shown(&path)))
            );
        }
        let (len, stamp) = (metadata.len(), Stamp::from(&metadata));
        // st_blocks is in units of 512 bytes, whatever the filesystem's blocks are.
        let dense = metadata.blocks() >= len.div_ceil(512);
        Ok(Content::Host(HostFile { path: path.into(), offset: 0, len, dense, stamp }))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            Content::Bytes(bytes) => bytes.len() as u64,
            Content::Host(file) => file.len,
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
        match self {
            Content::Bytes(bytes) => Ok(ContentReader::Bytes(bytes)),
            Content::Host(file) => {
                Ok(ContentReader::Host { file: file.open()?, of: file, position: 0 })
            }
        }
    }

    /// All of it in memory: for files that are known to be small.
    ///
    /// # Errors
    /// As [`Content::open`], or where reading fails.
    pub fn read(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(self.len() as usize);
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
                    .copy_from(&open, file.offset + from, to, len)
                    .context(|| format!("copying {}", shown(&file.path)))?;
                file.check(&open)
            }
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
            Content::Host(file) if file.dense && file.len > 0 => Ok(vec![(0, file.len)]),
            Content::Host(file) => file.data_ranges(),
        }
    }

    /// How a message calls it.
    fn name(&self) -> String {
        match self {
            Content::Bytes(_) => "a literal file".into(),
            Content::Host(file) => shown(&file.path),
        }
    }
}

impl HostFile {
    fn open(&self) -> Result<File> {
        let file = File::open(&self.path).context(|| format!("reading {}", shown(&self.path)))?;
        self.check(&file)?;
        Ok(file)
    }

    /// Whether the file is still the one that was looked at.
    fn check(&self, file: &File) -> Result<()> {
        let now = file.metadata().context(|| format!("reading {}", shown(&self.path)))?;
        match Stamp::from(&now) == self.stamp {
            true => Ok(()),
            false => Err(Error::new("it changed while it was being read")
                .context(format!("reading {}", shown(&self.path)))),
        }
    }

    fn data_ranges(&self) -> Result<Vec<(u64, u64)>> {
        use rustix::fs::{SeekFrom, seek};
        use rustix::io::Errno;
        let (file, end) = (self.open()?, self.offset + self.len);
        let mut ranges = Vec::new();
        let mut position = self.offset;
        while position < end {
            let start = match seek(&file, SeekFrom::Data(position)) {
                Ok(start) if start < end => start,
                Ok(_) | Err(Errno::NXIO) => break,
                // A filesystem that knows no holes: all of it is data.
                Err(_) => return Ok(vec![(0, self.len)]),
            };
            let stop = seek(&file, SeekFrom::Hole(start)).unwrap_or(end).min(end);
            ranges.push((start - self.offset, stop - start));
            position = stop;
        }
        Ok(ranges)
    }
}

/// Reads a [`Content`] from start to end; a host file that changes or ends early is an error.
#[derive(Debug)]
pub enum ContentReader<'a> {
    /// What is left of bytes in memory.
    Bytes(&'a [u8]),
    /// An open host file.
    Host {
        /// The open file.
        file: File,
        /// Which range of it.
        of: &'a HostFile,
        /// How much was read.
        position: u64,
    },
}

impl Read for ContentReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            ContentReader::Bytes(left) => left.read(buffer),
            ContentReader::Host { file, of, position } => {
                let wanted = (of.len - *position).min(buffer.len() as u64) as usize;
                let n = file.read_at(&mut buffer[..wanted], of.offset + *position)?;
                if n == 0 && wanted > 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter"));
                }
                *position += n as u64;
                if *position == of.len {
                    of.check(file).map_err(|e| io::Error::other(e.to_string()))?;
                }
                Ok(n)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
    fn a_directory_is_no_content() {
        let error = Content::host("/").expect_err("a directory").to_string();
        assert_eq!(error, "reading /: not a regular file");
    }
}
