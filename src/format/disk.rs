//! A disk image of any format as the disk that a guest sees: random access, extent map, backing chain.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::span::{Extent, ExtentKind, Packed, Place, Span};
use super::{Format, FormatError, qcow2, vdi, vhd, vhdx, vmdk};
use crate::error::{Context, Result, shown};
use crate::volume::{Storage, Window};

mod chain;

/// Unpacked clusters that are kept for reads of less than a cluster.
const UNPACKED_MAX: usize = 16;

/// Bytes of what is stored in one piece for which it pays to ask the host for holes.
const HOLES_MIN: u64 = 256 << 10;

/// A disk, whatever format its image has.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: Window,
    map: Map,
    size: u64,
    backing: Option<Box<Disk>>,
    /// Clusters that were unpacked, the last one last.
    unpacked: Mutex<VecDeque<(u64, Arc<Vec<u8>>)>>,
}

/// From an offset of the disk to a place, one variant a format.
#[derive(Debug)]
pub(super) enum Map {
    Raw,
    Qcow2(Box<qcow2::Map>),
    Vhd(Box<vhd::Map>),
    Vhdx(Box<vhdx::Map>),
    Vmdk(Box<vmdk::Map>),
    Vdi(Box<vdi::Map>),
}

impl Map {
    fn open(format: Format, file: &Window) -> Result<Map, FormatError> {
        Ok(match format {
            Format::Raw => Map::Raw,
            Format::Qcow2 => Map::Qcow2(Box::new(qcow2::Map::open(file)?)),
            Format::Vhd => Map::Vhd(Box::new(vhd::Map::open(file)?)),
            Format::Vhdx => Map::Vhdx(Box::new(vhdx::Map::open(file)?)),
            Format::Vmdk => Map::Vmdk(Box::new(vmdk::Map::open(file)?)),
            Format::Vdi => Map::Vdi(Box::new(vdi::Map::open(file)?)),
        })
    }

    fn size(&self, file: &Window) -> u64 {
        match self {
            Map::Raw => file.len(),
            Map::Qcow2(map) => map.header().size,
            Map::Vhd(map) => map.footer().size,
            Map::Vhdx(map) => map.size(),
            Map::Vmdk(map) => map.size(),
            Map::Vdi(map) => map.size,
        }
    }
}

impl Disk {
    /// Opens an image with its backing chain. A backing file's format is the recorded one, and what its
    /// own first bytes say only where none is recorded.
    ///
    /// # Errors
    /// Where a file of the chain is missing, cut off, damaged, of a kind that is not read, or backs
    /// itself.
    pub fn open(path: &Path) -> Result<Disk> {
        chain::open(path, None)
    }

    /// Opens an image of this format with its backing chain, whatever its first bytes say.
    ///
    /// # Errors
    /// As [`Disk::open`].
    pub fn open_as(path: &Path, format: Format) -> Result<Disk> {
        chain::open(path, Some(format))
    }

    /// Opens one image alone; what it leaves to its backing file reads as zeros.
    ///
    /// # Errors
    /// As [`Disk::open`], but for backing files.
    pub fn without_backing(path: &Path, file: Window, format: Option<Format>) -> Result<Disk> {
        let format = match format {
            Some(format) => format,
            None => Format::of_disk(&file)?,
        };
        let map = Map::open(format, &file)?;
        let size = map.size(&file);
        let (path, unpacked) = (path.into(), Mutex::default());
        Ok(Disk { path, file, map, size, backing: None, unpacked })
    }

    /// The file that it was opened from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes of that file.
    pub fn file(&self) -> &Window {
        &self.file
    }

    /// Its format.
    pub fn format(&self) -> Format {
        match self.map {
            Map::Raw => Format::Raw,
            Map::Qcow2(_) => Format::Qcow2,
            Map::Vhd(_) => Format::Vhd,
            Map::Vhdx(_) => Format::Vhdx,
            Map::Vmdk(_) => Format::Vmdk,
            Map::Vdi(_) => Format::Vdi,
        }
    }

    /// What tells where its bytes are.
    pub(super) fn map(&self) -> &Map {
        &self.map
    }

    /// Whether it leaves something to an image that was not opened with it.
    pub fn is_incomplete(&self) -> bool {
        let stands_on = matches!(&self.map, Map::Qcow2(map) if map.header().backing.is_some());
        stands_on && self.backing.is_none()
    }

    /// Bytes of the disk that the guest sees.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// What it leaves to another image.
    pub fn backing(&self) -> Option<&Disk> {
        self.backing.as_deref()
    }

    /// What it leaves to another image, alone.
    pub fn into_backing(self) -> Option<Disk> {
        self.backing.map(|backing| *backing)
    }

    /// The whole disk as a window, as readers of partition tables and filesystems take it.
    pub fn into_window(self) -> Window {
        match self.map {
            Map::Raw => self.file,
            _ => {
                let size = self.size;
                Window::new(self, size)
            }
        }
    }

    /// Fills `buffer` from `offset` on.
    ///
    /// # Errors
    /// `UnexpectedEof` past the disk's end, `InvalidData` where the image is damaged, any I/O error.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let (mut done, mut offset) = (0, offset);
        while done < buffer.len() {
            let span = self.span(offset)?;
            let len = span.len.min((buffer.len() - done) as u64) as usize;
            let part = &mut buffer[done..done + len];
            match span.place {
                Place::Stored(at) => self.file.read_exact_at(part, at)?,
                Place::Packed(packed) => self.read_packed(part, packed)?,
                Place::Zero => part.fill(0),
                Place::Unallocated => self.read_backing(part, offset)?,
            }
            done += len;
            offset += len as u64;
        }
        Ok(())
    }

    fn read_backing(&self, part: &mut [u8], offset: u64) -> io::Result<()> {
        let Some(backing) = &self.backing else {
            part.fill(0);
            return Ok(());
        };
        // A backing file may be shorter: what it does not have is zero.
        let there = backing.size.saturating_sub(offset).min(part.len() as u64) as usize;
        part[there..].fill(0);
        match there {
            0 => Ok(()),
            _ => backing.read_exact_at(&mut part[..there], offset),
        }
    }

    fn read_packed(&self, part: &mut [u8], packed: Packed) -> io::Result<()> {
        let skip = packed.skip as usize;
        if skip == 0 && part.len() as u64 == packed.cluster {
            return self.unpack(packed, part);
        }
        if let Some((_, cluster)) = self.kept().iter().find(|(at, _)| *at == packed.offset) {
            part.copy_from_slice(&cluster[skip..skip + part.len()]);
            return Ok(());
        }
        let mut cluster = vec![0; packed.cluster as usize];
        self.unpack(packed, &mut cluster)?;
        part.copy_from_slice(&cluster[skip..skip + part.len()]);
        let mut kept = self.kept();
        if kept.len() == UNPACKED_MAX {
            kept.pop_front();
        }
        kept.push_back((packed.offset, Arc::new(cluster)));
        Ok(())
    }

    fn kept(&self) -> std::sync::MutexGuard<'_, VecDeque<(u64, Arc<Vec<u8>>)>> {
        self.unpacked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unpack(&self, packed: Packed, cluster: &mut [u8]) -> io::Result<()> {
        let bytes = self.file.bytes(packed.offset, packed.len as usize)?;
        Ok(packed.codec.unpack(&bytes, cluster, packed.offset)?)
    }

    /// Where this image has what is at `offset`, which is on the disk; the span ends with the disk.
    pub(super) fn span(&self, offset: u64) -> io::Result<Span> {
        let mut span = match &self.map {
            Map::Raw => Span { len: self.size - offset, place: Place::Stored(offset) },
            Map::Qcow2(map) => map.span(offset)?,
            Map::Vhd(map) => map.span(offset)?,
            Map::Vhdx(map) => map.span(offset)?,
            Map::Vmdk(map) => map.span(offset)?,
            Map::Vdi(map) => map.span(offset)?,
        };
        span.len = span.len.min(self.size.saturating_sub(offset)).max(1);
        if let Place::Stored(at) = span.place
            && at.checked_add(span.len).is_none_or(|end| end > self.file.len())
        {
            let there = self.file.len().saturating_sub(at);
            // QEMU lets the last cluster of a file be shorter than a cluster: the rest is zero.
            return Ok(match there {
                0 => return Err(FormatError::CutOff { what: "a cluster", offset: at }.into()),
                _ => Span { len: there, ..span },
            });
        }
        match span.place {
            Place::Stored(at) if span.len >= HOLES_MIN => self.without_holes(at, span.len),
            _ => Ok(span),
        }
    }

    /// Of large blocks, and of whole disks, the file has holes where nothing was written.
    fn without_holes(&self, at: u64, len: u64) -> io::Result<Span> {
        let data = self.file.next_data(at)?;
        Ok(match data.start > at {
            true => Span { len: len.min(data.start - at), place: Place::Zero },
            false => Span { len: len.min(data.end - at), place: Place::Stored(at) },
        })
    }

    /// What is at `offset` of the disk, through the whole chain; `None` at its end.
    ///
    /// # Errors
    /// `InvalidData` where an image is damaged, any I/O error.
    pub fn extent(&self, offset: u64) -> io::Result<Option<Extent>> {
        if offset >= self.size {
            return Ok(None);
        }
        let span = self.span(offset)?;
        let extent = |len, kind| Some(Extent { offset, len, kind });
        Ok(match (span.place, &self.backing) {
            (Place::Stored(_) | Place::Packed(_), _) => extent(span.len, ExtentKind::Data),
            (Place::Zero, _) => extent(span.len, ExtentKind::Zero),
            (Place::Unallocated, None) => extent(span.len, ExtentKind::Hole),
            (Place::Unallocated, Some(backing)) => match backing.extent(offset)? {
                None => extent(span.len, ExtentKind::Hole),
                Some(below) => extent(span.len.min(below.len), below.kind),
            },
        })
    }

    /// The disk in so many equal parts: of which this image, without what it stands on, has data itself.
    ///
    /// # Errors
    /// As [`Disk::extent`].
    pub fn cells(&self, count: usize) -> io::Result<Vec<bool>> {
        let mut cells = vec![false; count];
        let cell = |offset: u64| {
            (u128::from(offset) * count as u128 / u128::from(self.size.max(1))) as usize
        };
        let mut at = 0;
        while at < self.size {
            let span = self.span(at)?;
            if matches!(span.place, Place::Stored(_) | Place::Packed(_)) {
                cells[cell(at)..=cell(at + span.len - 1)].fill(true);
            }
            at += span.len;
        }
        Ok(cells)
    }

    /// The first range from `offset` on that has bytes somewhere in the chain; empty at the end.
    ///
    /// # Errors
    /// `InvalidData` where an image is damaged, any I/O error.
    pub fn next_data(&self, offset: u64) -> io::Result<Range<u64>> {
        let mut at = offset;
        let start = loop {
            match self.extent(at)? {
                None => return Ok(self.size..self.size),
                Some(extent) if extent.kind == ExtentKind::Data => break at,
                Some(extent) => at += extent.len,
            }
        };
        while let Some(Extent { len, kind: ExtentKind::Data, .. }) = self.extent(at)? {
            at += len;
        }
        Ok(start..at)
    }
}

/// A disk is read like a file.
impl Storage for Disk {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        Disk::read_exact_at(self, buffer, offset)
    }

    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn copy_from(&self, _: &File, _: u64, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn next_data(&self, offset: u64, end: u64) -> io::Result<Range<u64>> {
        let found = Disk::next_data(self, offset)?;
        Ok(found.start.min(end)..found.end.min(end))
    }
}

/// Opens one image of a chain, with the path in its errors.
fn layer(path: &Path, format: Option<Format>) -> Result<Disk> {
    let file = Window::open(path)?;
    Disk::without_backing(path, file, format).context(|| format!("reading {}", shown(path)))
}
