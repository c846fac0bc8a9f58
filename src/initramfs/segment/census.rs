//! How much of an initramfs is kept by those who list it, so that a few bytes that unpack to entries
//! without end are left before they fill the memory.

use crate::initramfs::newc::{Entry, PATH_MAX};

/// The most entries of one initramfs; real ones have a few thousand.
pub const ENTRIES_MAX: u64 = 1 << 20;

/// The most bytes of names and of targets of symlinks; real ones have a few hundred KiB.
const NAMES_MAX: u64 = 128 << 20;

/// What was met so far.
#[derive(Debug, Default)]
pub struct Census {
    entries: u64,
    names: u64,
}

impl Census {
    /// Counts an entry; whether there may be so many.
    pub fn has_room_for(&mut self, entry: &Entry) -> bool {
        let is_symlink = entry.header.mode & 0o170_000 == 0o120_000;
        let target = if is_symlink { entry.header.filesize.min(PATH_MAX as u32) } else { 0 };
        self.entries += 1;
        self.names += entry.name.len() as u64 + u64::from(target);
        self.entries <= ENTRIES_MAX && self.names <= NAMES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::newc::Header;

    #[test]
    fn entries_and_their_names_are_bounded() {
        let met = |mode, filesize, name: usize| {
            let header = Header { mode, filesize, ..Header::default() };
            let entry = Entry { header, name: vec![b'x'; name], offset: 0, checked: false };
            let mut census = Census::default();
            (0..=ENTRIES_MAX).take_while(|_| census.has_room_for(&entry)).count()
        };
        assert_eq!(met(0o100_644, u32::MAX, 1), 1 << 20);
        assert_eq!(met(0o100_644, 0, 4096), 32 << 10);
        // No target is longer than the kernel takes.
        assert_eq!(met(0o120_777, u32::MAX, 4096), 16 << 10);
    }
}
