//! The names of drivers that an unpacked kernel holds: a driver that is built in leaves its name there, so
//! one whose name is not there is not built in.
//!
//! Source: `struct device_driver` (`name`) and `struct file_system_type` (`name`) of the kernel, and each driver's
//! own file. The name that is there proves nothing: another part of the kernel may mention it.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, MatchKind};

use crate::error::{Context, Result};

/// The modules that are looked for, by their normalised names, and how each calls itself; a string
/// constant ends with NUL, and may be the end of a longer one.
const NAMES: &[(&str, &[u8])] = &[
    ("ahci", b"ahci\0"),
    ("ata_piix", b"ata_piix\0"),
    ("btrfs", b"btrfs\0"),
    ("erofs", b"erofs\0"),
    ("ext4", b"ext4\0"),
    ("f2fs", b"f2fs\0"),
    ("hv_storvsc", b"hv_storvsc\0"),
    ("isofs", b"iso9660\0"),
    ("mmc_block", b"mmcblk\0"),
    ("nvme", b"nvme\0"),
    ("overlay", b"overlay\0"),
    ("squashfs", b"squashfs\0"),
    ("uas", b"uas\0"),
    ("usb_storage", b"usb-storage\0"),
    ("vfat", b"vfat\0"),
    ("virtio_blk", b"virtio_blk\0"),
    ("virtio_pci", b"virtio-pci\0"),
    ("virtio_scsi", b"virtio_scsi\0"),
    ("vmw_pvscsi", b"vmw_pvscsi\0"),
    ("xen_blkfront", b"xen_blkfront\0"),
    ("xfs", b"xfs\0"),
];

/// The longest of them.
const LONGEST: usize = 16;

/// Which of the names were seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DriverNames(BTreeSet<&'static str>);

impl DriverNames {
    /// The names in these bytes.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut search = Search::new().expect("sound patterns");
        search.push(bytes);
        search.names()
    }

    /// Whether a module of this (normalised) name is surely not built in.
    pub fn lack(&self, module: &str) -> bool {
        NAMES.iter().any(|(name, _)| *name == module) && !self.0.contains(module)
    }
}

/// Looks for the names in a stream.
pub(super) struct Search {
    names: AhoCorasick,
    seen: BTreeSet<&'static str>,
    /// The end of what was there, where a name may have begun.
    tail: Vec<u8>,
}

impl Search {
    pub(super) fn new() -> Result<Self> {
        // No name ends another, so that matches never overlap; this kind of match is the fast one.
        let names = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostFirst)
            .build(NAMES.iter().map(|(_, name)| name));
        let names = names.context(|| "looking for drivers")?;
        Ok(Search { names, seen: BTreeSet::new(), tail: Vec::new() })
    }

    pub(super) fn push(&mut self, chunk: &[u8]) {
        let joint = [&self.tail[..], &chunk[..chunk.len().min(LONGEST)]].concat();
        for bytes in [&joint[..], chunk] {
            let found = self.names.find_iter(bytes);
            self.seen.extend(found.map(|found| NAMES[found.pattern().as_usize()].0));
        }
        self.tail.extend_from_slice(&chunk[chunk.len().saturating_sub(LONGEST)..]);
        self.tail.drain(..self.tail.len().saturating_sub(LONGEST));
    }

    pub(super) fn names(self) -> DriverNames {
        DriverNames(self.seen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_seen_wherever_the_chunks_are_cut() {
        assert!(NAMES.iter().all(|(_, name)| name.len() <= LONGEST));
        let ends = |(_, name): &(_, &[u8])| NAMES.iter().filter(|(_, n)| n.ends_with(name)).count();
        assert!(NAMES.iter().all(|name| ends(name) == 1), "one name ends another");
        let kernel = b"\x7fELF...xvirtio_blk\0...nvme.poll\0...ext4\0";
        for size in 1..kernel.len() {
            let mut search = Search::new().expect("sound patterns");
            kernel.chunks(size).for_each(|chunk| search.push(chunk));
            let names = search.names();
            let lacks =
                ["virtio_blk", "nvme", "ext4", "xfs", "no_such_module"].map(|m| names.lack(m));
            assert_eq!(lacks, [false, true, false, true, false], "in chunks of {size}");
        }
    }
}
