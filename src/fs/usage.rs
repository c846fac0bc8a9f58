//! How full a filesystem is, from its own counts.

use super::fat::Fat;
use super::superblock::Superblock;
use crate::error::Result;
use crate::volume::Window;

/// Bytes that are used, and that are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// By files and by the filesystem itself.
    pub used: u64,
    /// By nothing.
    pub free: u64,
}

impl Usage {
    /// How full what a window holds is; `None` where its counts are not read here.
    ///
    /// # Errors
    /// Where it is damaged or cannot be read.
    pub fn of(window: &Window, superblock: &Superblock) -> Result<Option<Usage>> {
        let counted = |size: u64, free: u64| Usage { used: size.saturating_sub(free), free };
        Ok(match (superblock.fstype, superblock.size) {
            ("ext2" | "ext3" | "ext4", Some(size)) => {
                superblock.free.map(|free| counted(size, free))
            }
            ("vfat", _) => {
                let fat = Fat::open(window)?;
                Some(counted(fat.size, fat.free()?))
            }
            // Written once: there is no room for more.
            ("squashfs" | "erofs" | "iso9660", Some(size)) => Some(counted(size, 0)),
            _ => None,
        })
    }
}
