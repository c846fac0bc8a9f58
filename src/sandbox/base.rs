//! An image that overlays are put on, looked at once for all of them.

use std::path::{Path, PathBuf};

use super::Stamp;
use crate::error::{Context, Result, shown};
use crate::format::{Disk, Format, lock};

/// What overlays are put on.
#[derive(Debug, Clone)]
pub struct Base {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    pub(super) size: u64,
    pub(super) stamp: Stamp,
}

impl Base {
    /// Opens an image to stand on; with a hash, changes are told from copies.
    ///
    /// # Errors
    /// Where it, or what it stands on itself, cannot be read or is being written.
    pub fn open(path: &Path, with_hash: bool) -> Result<Base> {
        let path = path.canonicalize().context(|| format!("reading {}", shown(path)))?;
        let disk = Disk::open(&path)?;
        // A guest that writes to it would write to all overlays.
        let _locks = lock::chain(&disk)?;
        let stamp = Stamp::of(&path, with_hash)?;
        Ok(Base { format: disk.format(), size: disk.size(), path, stamp })
    }

    /// Bytes of its disk.
    pub fn size(&self) -> u64 {
        self.size
    }
}
