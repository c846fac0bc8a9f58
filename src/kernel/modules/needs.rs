//! Which modules a disk's bus and a root filesystem need: two tables.

use std::str::FromStr;

/// A module that something needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Want<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it must be there. What must not is a helper that is found by an alias at run time:
    /// which one it is, or whether it is a module at all, differs between kernels.
    pub required: bool,
}

const fn must(name: &str) -> Want<'_> {
    Want { name, required: true }
}

const fn may(name: &str) -> Want<'_> {
    Want { name, required: false }
}

/// How a machine's disk is attached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bus {
    /// virtio-blk on PCI.
    Virtio,
    /// A SCSI disk on virtio-scsi on PCI.
    VirtioScsi,
    /// A SATA disk on AHCI.
    Sata,
    /// NVMe on PCI.
    Nvme,
    /// A stick on USB 3.
    Usb,
}

/// A word that names no bus.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no bus of disks: use virtio, virtio-scsi, sata, nvme or usb")]
pub struct BusError(String);

impl FromStr for Bus {
    type Err = BusError;

    fn from_str(text: &str) -> Result<Self, BusError> {
        Ok(match text {
            "virtio" => Bus::Virtio,
            "virtio-scsi" => Bus::VirtioScsi,
            "sata" => Bus::Sata,
            "nvme" => Bus::Nvme,
            "usb" => Bus::Usb,
            _ => return Err(BusError(text.into())),
        })
    }
}

/// What the kernel needs to see a disk on this bus.
pub const fn for_bus(bus: Bus) -> &'static [Want<'static>] {
    match bus {
        Bus::Virtio => const { &[must("virtio_pci"), must("virtio_blk")] },
        Bus::VirtioScsi => const { &[must("virtio_pci"), must("virtio_scsi"), must("sd_mod")] },
        Bus::Sata => const { &[must("ahci"), must("sd_mod")] },
        Bus::Nvme => const { &[must("nvme")] },
        Bus::Usb => const { &[must("xhci_pci"), must("usb_storage"), must("sd_mod")] },
    }
}

/// What the kernel needs to find a CD image on whatever drive it is in, and to take a file on it for a
/// disk. Which drives a kernel knows differs: Debian's cloud kernel has no AHCI and no USB.
pub const LIVE: &[Want<'_>] = &[
    must("isofs"),
    must("loop"),
    may("virtio_scsi"),
    may("ahci"),
    may("ata_piix"),
    may("nvme"),
    may("xhci_pci"),
    may("uas"),
    may("usb_storage"),
    may("sr_mod"),
    may("sd_mod"),
];

/// The table of filesystems by the name that `rootfstype=` takes.
const FILESYSTEMS: [(&str, &[Want<'_>]); 10] = [
    // Metadata checksums ask the crypto layer for `crc32c`; newer kernels have it as a library.
    ("ext4", &[may("crc32c_generic"), must("ext4")]),
    // ext4's driver mounts its older forms too.
    ("ext3", &[may("crc32c_generic"), must("ext4")]),
    ("ext2", &[may("crc32c_generic"), must("ext4")]),
    ("xfs", &[may("crc32c_generic"), must("xfs")]),
    (
        "btrfs",
        &[
            may("crc32c_generic"),
            may("xxhash_generic"),
            may("sha256_generic"),
            may("blake2b_generic"),
            must("btrfs"),
        ],
    ),
    // The default code page and character set are a kernel's choice (CONFIG_FAT_DEFAULT_*).
    (
        "vfat",
        &[may("nls_cp437"), may("nls_ascii"), may("nls_iso8859_1"), may("nls_utf8"), must("vfat")],
    ),
    ("squashfs", &[must("squashfs")]),
    ("erofs", &[must("erofs")]),
    // No root by itself: a root that is one stands on another filesystem.
    ("overlay", &[must("overlay")]),
    ("iso9660", &[must("isofs")]),
];

/// What the kernel needs to mount a filesystem of this type; `None` where the type is not known.
pub fn for_filesystem(fstype: &str) -> Option<&'static [Want<'static>]> {
    FILESYSTEMS.iter().find(|(name, _)| *name == fstype).map(|&(_, wants)| wants)
}
