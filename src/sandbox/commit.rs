//! A sandbox's changes written to its base.
//!
//! The overlay keeps everything until the base has it on its device, so that no interruption, a power cut
//! included, loses anything: the record says on its device that a commit was begun before the base
//! changes, and the same command again completes it. Until then nothing else is done with either.

use std::path::Path;

use super::{Base, RECORD, REMOVE_FIRST, Record, Sandbox, Store, hold};
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::span::{Extent, ExtentKind};
use crate::format::{Disk, Format, Writable};
use crate::volume::Window;

/// Bytes that are copied at once.
const CHUNK: u64 = 1 << 20;

impl Sandbox {
    /// Writes what the guest wrote to the base, and empties the overlay. Returns how many bytes it were;
    /// `progress` is told as they are written.
    ///
    /// # Errors
    /// Where a guest runs on either, others stand on either, the base has changed, or it cannot be written.
    pub fn commit(&mut self, store: &Store, progress: &dyn Fn(u64)) -> Result<u64> {
        let doing = format!("committing the sandbox {}", self.name);
        self.write_to_base(store, progress).context(|| doing)
    }

    fn write_to_base(&mut self, store: &Store, progress: &dyn Fn(u64)) -> Result<u64> {
        store.refuse_base(&self.disk(), REMOVE_FIRST)?;
        let others = store.standing_on(&self.record.base)?;
        if let Some(other) = others.iter().find(|other| **other != self.name) {
            let text = format!("{other} stands on {} too", shown(&self.record.base));
            return Err(Error::new(text).hint(
                "remove or commit that first, or take this one out whole with `bootwright disk convert`",
            ));
        }
        // An interrupted commit has changed the base itself.
        if !self.record.committing {
            self.check_bases(store)?;
        }
        let lock = hold(&self.disk())?;
        let disk = Window::open(&self.disk())?;
        let overlay = Disk::without_backing(&self.disk(), disk, Some(Format::Qcow2))?;
        let format = Format::of_name(&self.record.base_format)
            .ok_or_else(|| Error::new("its record has an unknown format"))?;
        let base = Writable::open_as(&self.record.base, format)?;
        self.record = Record { committing: true, ..self.record.clone() };
        self.record.write(&self.folder.join(RECORD), OutputFile::commit_durably)?;
        if overlay.size() > base.size()? {
            base.lengthen(overlay.size())?;
        }
        let written = copy(&overlay, &base, progress)?;
        base.storage().sync()?;
        drop((base, lock));
        let base = Base::open(&self.record.base, self.record.stamp.sha256.is_some())?;
        self.record = Record { stamp: base.stamp, committing: false, ..self.record.clone() };
        self.write(overlay.size(), OutputFile::commit_durably)?;
        Ok(written)
    }

    /// Refuses what would lose the overlay that alone can complete its base, or use that base.
    pub(super) fn refuse_interrupted(&self) -> Result<()> {
        let base = &self.record.base;
        // Where there is no base any more, nothing is half written.
        match self.record.committing && base.exists() {
            false => Ok(()),
            true => {
                let name = &self.name;
                let text = format!(
                    "the commit of {name} was interrupted: {} is half written",
                    shown(base)
                );
                Err(Error::new(text)
                    .hint(format!("`bootwright overlay commit {name}` completes it")))
            }
        }
    }
}

impl Store {
    /// Refuses an image to which a commit was being written when it was interrupted, and the overlay that
    /// has the rest.
    ///
    /// # Errors
    /// Where it is one, with what completes it.
    pub fn refuse_half_written(&self, path: &Path) -> Result<()> {
        let Ok(path) = path.canonicalize() else { return Ok(()) };
        for sandbox in self.readable()?.iter().filter(|sandbox| sandbox.record.committing) {
            let disk = sandbox.disk().canonicalize();
            if sandbox.record.base == path || disk.is_ok_and(|disk| disk == path) {
                sandbox.refuse_interrupted()?;
            }
        }
        Ok(())
    }
}

/// Writes all that an overlay itself has.
fn copy(overlay: &Disk, base: &Writable, progress: &dyn Fn(u64)) -> Result<u64> {
    let (mut at, mut written, storage) = (0, 0, base.storage());
    let mut buffer = vec![0; CHUNK as usize];
    while let Some(Extent { offset, len, kind }) = overlay.extent(at)? {
        at = offset + len;
        match kind {
            ExtentKind::Hole => {}
            ExtentKind::Zero => storage.zero(offset, len)?,
            ExtentKind::Data => {
                let mut done = 0;
                while done < len {
                    let part = &mut buffer[..CHUNK.min(len - done) as usize];
                    overlay.read_exact_at(part, offset + done)?;
                    storage.write_all_at(part, offset + done)?;
                    done += part.len() as u64;
                }
                written += len;
            }
        }
        progress(at);
    }
    Ok(written)
}
