//! A tar archive (POSIX ustar) whose large member is written in its place: no image is copied into it.

use crate::error::Result;
use crate::size::align_up;
use crate::volume::Volume;

/// Bytes of a block: headers have one, contents are padded to whole ones.
const BLOCK: u64 = 512;

/// An archive while it is written; every member belongs to root, is readable by all, and of 1970.
pub(super) struct Archive<'a> {
    volume: &'a Volume<'a>,
    end: u64,
}

impl<'a> Archive<'a> {
    pub(super) fn new(volume: &'a Volume<'a>) -> Self {
        Archive { volume, end: 0 }
    }

    /// Makes room for a member of so many bytes that are known later; where its content goes.
    pub(super) fn reserve(&mut self, name: &str, len: u64) -> Result<u64> {
        let content = self.header(name, len)?;
        self.end = align_up(content + len, BLOCK);
        Ok(content)
    }

    /// Adds a small member.
    pub(super) fn add(&mut self, name: &str, bytes: &[u8]) -> Result<()> {
        let content = self.reserve(name, bytes.len() as u64)?;
        Ok(self.volume.write_all_at(bytes, content)?)
    }

    /// Adds a member that is written into a volume of its own and says its length; the volume that it is
    /// in then.
    pub(super) fn image(
        &mut self,
        name: &str,
        write_fn: impl FnOnce(&Volume<'_>) -> Result<u64>,
    ) -> Result<(u64, u64)> {
        let content = self.end + BLOCK;
        let len = write_fn(&self.volume.part(content, self.volume.len() - content))?;
        self.reserve(name, len)?;
        Ok((content, len))
    }

    /// Writes the end; the archive's length.
    pub(super) fn finish(self) -> u64 {
        // Two blocks of zeros, as far as a record of 20 blocks, which is what tar reads at once.
        align_up(self.end + 2 * BLOCK, 20 * BLOCK)
    }

    fn header(&mut self, name: &str, len: u64) -> Result<u64> {
        let mut header = tar::Header::new_ustar();
        header.set_path(name)?;
        header.set_size(len);
        header.set_mode(0o644);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_cksum();
        self.volume.write_all_at(header.as_bytes(), self.end)?;
        Ok(self.end + BLOCK)
    }
}
