//! A sandbox's changes written to its base.
//!
//! The overlay keeps everything until the base has it on its device, so that an interruption loses
//! nothing: the record says that a commit was begun, and the same command again completes it.

use super::{Base, RECORD, REMOVE_FIRST, Record, Sandbox, Store};
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
        let lock = self.lock()?;
        let disk = Window::open(&self.disk())?;
        let overlay = Disk::without_backing(&self.disk(), disk, Some(Format::Qcow2))?;
        let format = Format::of_name(&self.record.base_format)
            .ok_or_else(|| Error::new("its record has an unknown format"))?;
        let base = Writable::open_as(&self.record.base, format)?;
        self.record = Record { committing: true, ..self.record.clone() };
        self.record.write(&self.folder.join(RECORD))?;
        if overlay.size() > base.size()? {
            base.lengthen(overlay.size())?;
        }
        let written = copy(&overlay, &base, progress)?;
        base.storage().sync()?;
        drop((base, lock));
        let base = Base::open(&self.record.base, self.record.stamp.sha256.is_some())?;
        self.record = Record { stamp: base.stamp, committing: false, ..self.record.clone() };
        self.write(overlay.size())?;
        Ok(written)
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
