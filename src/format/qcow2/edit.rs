//! Changing a qcow2 image in place: writing to its disk, and making that larger.
//!
//! Whatever ends the process, the image is whole: data is in the file before the entry that points to it,
//! the count of a cluster before its use, and the header changes in one write. What can be left is a
//! cluster that is counted and not used (`qemu-img check` calls it leaked). New clusters go to the end of
//! the file. Left out, and refused: internal snapshots, extended L2 entries, counts that are not of 16 bits.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::header::Header;
use super::refcount::Counts;
use super::{COMPRESSED, COPIED, ENTRY, OFFSET_MASK, ZERO};
use crate::error::{Context, Error, Result, shown};
use crate::format::lock::{self, Use};
use crate::format::span::{Place, Span};
use crate::format::{Disk, FormatError};
use crate::volume::{Storage, Window};

mod resize;

/// A qcow2 image that is being changed, locked against QEMU until this is dropped.
#[derive(Debug)]
pub struct Editor {
    file: File,
    state: Mutex<State>,
    backing: Option<Disk>,
}

/// What changes.
#[derive(Debug)]
struct State {
    header: Header,
    counts: Counts,
}

impl Editor {
    /// Opens an image and all that it stands on.
    ///
    /// # Errors
    /// Where [`Disk::open`] cannot read it, it is in use, or it is of a kind that is not changed here.
    pub fn open(path: &Path) -> Result<Editor> {
        let backing = Disk::open(path)?.into_backing();
        let editing = || format!("changing {}", shown(path));
        let file = File::options().read(true).write(true).open(path).context(editing)?;
        lock::lock(&file, path, Use::Write)?;
        let window = Window::new(file.try_clone().context(editing)?, file.metadata()?.len());
        let header = Header::read(&window).context(editing)?;
        refuse(&header).context(editing)?;
        // Bitmaps and the like would no longer be true of what is written here.
        if header.autoclear != 0 {
            FileExt::write_all_at(&file, &[0; 8], 88).context(editing)?;
        }
        let counts = Counts::read(&file, &header).context(editing)?;
        Ok(Editor { file, state: Mutex::new(State { header, counts }), backing })
    }

    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        self.state().header.size
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn entry(&self, at: u64) -> io::Result<u64> {
        let mut entry = [0; 8];
        FileExt::read_exact_at(&self.file, &mut entry, at)?;
        Ok(u64::from_be_bytes(entry))
    }

    fn span(&self, header: &Header, offset: u64) -> io::Result<Span> {
        let field = |at, what| {
            let cut_off = |_| FormatError::CutOff { what, offset: at };
            self.entry(at).map(u64::to_be_bytes).map_err(cut_off)
        };
        Ok(header.span(offset, &field)?)
    }

    fn read(&self, header: &Header, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let (mut done, mut at) = (0, offset);
        while done < buffer.len() {
            let span = self.span(header, at)?;
            let len = span.len.min((buffer.len() - done) as u64) as usize;
            self.read_span(span, &mut buffer[done..done + len], at)?;
            done += len;
            at += len as u64;
        }
        Ok(())
    }

    fn read_span(&self, span: Span, part: &mut [u8], offset: u64) -> io::Result<()> {
        part.fill(0);
        match (span.place, &self.backing) {
            (Place::Zero, _) | (Place::Unallocated, None) => Ok(()),
            (Place::Stored(at), _) => {
                // The last cluster of a file may be shorter: the rest is zero.
                let there = self.file.metadata()?.len().saturating_sub(at).min(part.len() as u64);
                FileExt::read_exact_at(&self.file, &mut part[..there as usize], at)
            }
            (Place::Unallocated, Some(backing)) => {
                let there = backing.size().saturating_sub(offset).min(part.len() as u64) as usize;
                backing.read_exact_at(&mut part[..there], offset.min(backing.size()))
            }
            (Place::Packed(packed), _) => {
                let there = self.file.metadata()?.len().saturating_sub(packed.offset);
                let mut bytes = vec![0; packed.len.min(there) as usize];
                FileExt::read_exact_at(&self.file, &mut bytes, packed.offset)?;
                let mut cluster = vec![0; packed.cluster as usize];
                packed.codec.unpack(&bytes, &mut cluster, packed.offset)?;
                part.copy_from_slice(&cluster[packed.skip as usize..][..part.len()]);
                Ok(())
            }
        }
    }

    /// Writes what lies within one cluster.
    fn write_part(&self, state: &mut State, part: &[u8], offset: u64) -> io::Result<()> {
        let span = self.span(&state.header, offset)?;
        let is_nothing = match span.place {
            Place::Zero => true,
            Place::Unallocated => self.backing.as_ref().is_none_or(|b| b.size() <= offset),
            _ => false,
        };
        if is_nothing && part.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let at = self.l2_entry(state, offset)?;
        let old = self.entry(at)?;
        let stored = old & OFFSET_MASK;
        if old & (COMPRESSED | ZERO) == 0 && stored != 0 {
            let own = || FormatError::Damaged { what: "an entry of a shared cluster", offset: at };
            (old & COPIED != 0).then_some(()).ok_or_else(own)?;
            let skip = offset % state.header.cluster();
            return FileExt::write_all_at(&self.file, part, stored + skip);
        }
        self.replace(state, part, offset, at)?;
        match span.place {
            Place::Packed(packed) => state.counts.release(&self.file, packed.offset, packed.len),
            _ if stored != 0 => state.counts.release(&self.file, stored, 1),
            _ => Ok(()),
        }
    }

    /// Gives the part of the disk a cluster of its own, with what was there around it.
    fn replace(&self, state: &mut State, part: &[u8], offset: u64, entry: u64) -> io::Result<()> {
        let cluster = state.header.cluster();
        let start = offset - offset % cluster;
        let mut bytes = vec![0; cluster as usize];
        if (part.len() as u64) < cluster {
            let len = cluster.min(state.header.size - start) as usize;
            self.read(&state.header, &mut bytes[..len], start)?;
        }
        bytes[(offset - start) as usize..][..part.len()].copy_from_slice(part);
        let at = state.counts.allocate(&self.file, 1)?;
        FileExt::write_all_at(&self.file, &bytes, at)?;
        FileExt::write_all_at(&self.file, &(at | COPIED).to_be_bytes(), entry)
    }

    /// Where the L2 entry of an offset is in the file, its table allocated.
    fn l2_entry(&self, state: &mut State, offset: u64) -> io::Result<u64> {
        let header = &state.header;
        let (cluster, reach) = (header.cluster(), header.l2_reach());
        let l1_at = header.l1_offset + offset / reach * ENTRY;
        let l1 = self.entry(l1_at)?;
        let table = match l1 & OFFSET_MASK {
            0 => {
                let at = state.counts.allocate(&self.file, 1)?;
                FileExt::write_all_at(&self.file, &vec![0; cluster as usize], at)?;
                FileExt::write_all_at(&self.file, &(at | COPIED).to_be_bytes(), l1_at)?;
                at
            }
            _ if l1 & COPIED == 0 => {
                let what = "an entry of a shared table";
                return Err(FormatError::Damaged { what, offset: l1_at }.into());
            }
            table => table,
        };
        Ok(table + offset % reach / cluster * ENTRY)
    }
}

/// Refuses what is read but not changed.
fn refuse(header: &Header) -> Result<()> {
    let refusals = [
        (header.is_dirty(), "it was not closed by its last writer", "qemu-img check -r all"),
        (header.is_corrupt(), "it is marked as corrupt", "qemu-img check -r all"),
        (header.snapshots > 0, "it has internal snapshots", "bootwright disk convert"),
        (header.has_extended_l2(), "it has extended L2 entries", "bootwright disk convert"),
        (header.refcount_order != 4, "its counts are not of 16 bits", "bootwright disk convert"),
    ];
    match refusals.into_iter().find(|(is_so, ..)| *is_so) {
        None => Ok(()),
        Some((_, why, what)) => Err(Error::new(format!("{why}, which is not changed here"))
            .hint(format!("`{what}` first gives one that can be changed"))),
    }
}

/// The disk is written like a file; within its size.
impl Storage for Editor {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let state = self.state();
        inside(state.header.size, offset, buffer.len())?;
        self.read(&state.header, buffer, offset)
    }

    fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.state();
        inside(state.header.size, offset, bytes.len())?;
        let (mut rest, mut at) = (bytes, offset);
        while !rest.is_empty() {
            let left = state.header.cluster() - at % state.header.cluster();
            let (part, after) = rest.split_at(left.min(rest.len() as u64) as usize);
            self.write_part(&mut state, part, at)?;
            at += part.len() as u64;
            rest = after;
        }
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    fn copy_from(&self, file: &File, from: u64, to: u64, len: u64) -> io::Result<()> {
        let mut buffer = vec![0; len.min(super::CLUSTER) as usize];
        let mut done = 0;
        while done < len {
            let part = (len - done).min(buffer.len() as u64) as usize;
            FileExt::read_exact_at(file, &mut buffer[..part], from + done)?;
            self.write_all_at(&buffer[..part], to + done)?;
            done += part as u64;
        }
        Ok(())
    }
}

fn inside(size: u64, offset: u64, len: usize) -> io::Result<()> {
    match offset.checked_add(len as u64) {
        Some(end) if end <= size => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}
