//! Lints of the drivers that the root filesystem and its disk need: built into the kernel, or brought by
//! the initramfs.
//!
//! What is built in is known from the kernel's configuration or its modules.builtin; where neither is at
//! hand, the unpacked kernel tells at least what it has not ([`crate::kernel::driver_names`]).

use super::modules::pair;
use super::subject::{Early, Given, Initramfs};
use super::{Lint, Sight, Subject};
use crate::kernel::config::Answer;
use crate::kernel::modules::{for_bus, for_filesystem, normalised};

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "no-initramfs-driver-module",
        "a kernel without initramfs has the driver of its root disk built in",
        &[],
        "add an initramfs that brings the driver, or build the driver in",
        no_disk_driver,
    ),
    Lint::error(
        "disk-driver-missing",
        "the initramfs brings the driver of the root disk that the kernel has not built in",
        &[],
        "put the modules of the disk into the initramfs",
        initramfs_without_disk_driver,
    )
    .caused_by("init-waits-for-device"),
    Lint::error(
        "root-fs-driver-missing",
        "the driver of the root filesystem is built in, or the initramfs brings it",
        &[],
        "build the driver in, or put its module into the initramfs",
        no_fs_driver,
    ),
    Lint::error(
        "root-overlay-driver-missing",
        "the driver of the overlay over a root that is only read is built in, or the initramfs brings it",
        &["failed step=root-overlay"],
        "put the module `overlay` into the initramfs, or leave systemd.volatile=overlay out",
        no_overlay_driver,
    )
    .without_cause(),
];

/// A driver: the kernel's option, its module, and how the devices of a disk driver are called.
struct Driver {
    option: &'static str,
    module: &'static str,
    device: Option<&'static str>,
}

const fn disk(option: &'static str, module: &'static str, device: &'static str) -> Driver {
    Driver { option, module, device: Some(device) }
}

const fn other(option: &'static str, module: &'static str) -> Driver {
    Driver { option, module, device: None }
}

const DRIVERS: &[Driver] = &[
    disk("VIRTIO_BLK", "virtio_blk", "/dev/vd"),
    disk("BLK_DEV_NVME", "nvme", "/dev/nvme"),
    disk("SATA_AHCI", "ahci", "/dev/sd"),
    disk("ATA_PIIX", "ata_piix", "/dev/sd"),
    disk("SCSI_VIRTIO", "virtio_scsi", "/dev/sd"),
    disk("HYPERV_STORAGE", "hv_storvsc", "/dev/sd"),
    disk("VMWARE_PVSCSI", "vmw_pvscsi", "/dev/sd"),
    disk("MEGARAID_SAS", "megaraid_sas", "/dev/sd"),
    disk("SCSI_MPT3SAS", "mpt3sas", "/dev/sd"),
    disk("FUSION_SPI", "mptspi", "/dev/sd"),
    disk("USB_STORAGE", "usb_storage", "/dev/sd"),
    disk("USB_UAS", "uas", "/dev/sd"),
    disk("MMC_BLOCK", "mmc_block", "/dev/mmcblk"),
    disk("XEN_BLKDEV_FRONTEND", "xen_blkfront", "/dev/xvd"),
    other("VIRTIO_PCI", "virtio_pci"),
    other("BLK_DEV_SD", "sd_mod"),
    other("EXT4_FS", "ext4"),
    other("XFS_FS", "xfs"),
    other("BTRFS_FS", "btrfs"),
    other("VFAT_FS", "vfat"),
    other("SQUASHFS", "squashfs"),
    other("EROFS_FS", "erofs"),
    other("ISO9660_FS", "isofs"),
    other("F2FS_FS", "f2fs"),
    other("OVERLAY_FS", "overlay"),
];

/// Folders of the kernel's tree whose modules may drive a disk that the table does not have.
const DISK_FOLDERS: [&str; 9] = [
    "/drivers/ata/",
    "/drivers/block/",
    "/drivers/firewire/",
    "/drivers/message/",
    "/drivers/mmc/",
    "/drivers/mtd/",
    "/drivers/nvdimm/",
    "/drivers/nvme/",
    "/drivers/scsi/",
];

/// Where the kernel has a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BuiltIn,
    /// The configuration says so.
    Module,
    /// The configuration leaves it out.
    Nowhere,
    /// A module, or nowhere.
    NotBuiltIn,
    Unknown,
}

impl Driver {
    fn of(module: &str) -> Option<&'static Driver> {
        DRIVERS.iter().find(|driver| driver.module == module)
    }

    fn place(&self, subject: &Subject) -> Place {
        let Some(kernel) = &subject.kernel else { return Place::Unknown };
        match (subject.option(self.option), &kernel.builtin) {
            (Some(Answer::Yes | Answer::Value(_)), _) => Place::BuiltIn,
            (Some(Answer::Module), _) => Place::Module,
            (Some(Answer::No), _) => Place::Nowhere,
            (None, Some(list)) if list.iter().any(|name| name == self.module) => Place::BuiltIn,
            (None, Some(_)) => Place::NotBuiltIn,
            (None, None) if kernel.drivers.as_ref().is_some_and(|d| d.lack(self.module)) => {
                Place::NotBuiltIn
            }
            (None, None) => Place::Unknown,
        }
    }

    fn is_missing(&self, subject: &Subject) -> bool {
        !matches!(self.place(subject), Place::BuiltIn | Place::Unknown)
    }
}

fn brings(initramfs: &Initramfs, module: &str) -> bool {
    initramfs.modules.iter().any(|m| m.name() == module)
}

/// The drivers of which one must be there, as far as `root=` tells; all of them where it names no device.
fn for_root(subject: &Subject) -> Option<Vec<&'static Driver>> {
    let root = subject.argument("root").filter(|root| !root.is_empty())?;
    let disks = || DRIVERS.iter().filter(|driver| driver.device.is_some());
    let named: Vec<_> = disks().filter(|d| d.device.is_some_and(|d| root.starts_with(d))).collect();
    let is_path = root.starts_with("/dev/") && !root.starts_with("/dev/disk/");
    match named.is_empty() {
        false => Some(named),
        true if is_path => None,
        true => Some(disks().collect()),
    }
}

/// The modules without which this machine has no root disk: those of its bus, or one of the drivers that
/// could have the disk.
fn lacking(subject: &Subject, initramfs: Option<&Initramfs>) -> Vec<&'static Driver> {
    let brought = |driver: &Driver| initramfs.is_some_and(|i| brings(i, driver.module));
    if let Some(bus) = subject.bus {
        subject.argument("root").filter(|root| !root.is_empty()).map_or_else(Vec::new, |_| {
            let needed = for_bus(bus).iter().filter(|want| want.required);
            let needed = needed.filter_map(|want| Driver::of(want.name));
            needed.filter(|driver| driver.is_missing(subject) && !brought(driver)).collect()
        })
    } else {
        let may_drive = |path: &str| DISK_FOLDERS.iter().any(|folder| path.contains(folder));
        let other = initramfs.is_some_and(|i| i.modules.iter().any(|m| may_drive(&m.path)));
        let drivers = for_root(subject).unwrap_or_default();
        match drivers.iter().all(|d| d.is_missing(subject) && !brought(d)) && !other {
            true => drivers,
            false => Vec::new(),
        }
    }
}

fn no_disk_driver(subject: &Subject) -> Vec<Sight> {
    let (Given::Absent, drivers) = (&subject.initramfs, lacking(subject, None)) else {
        return Vec::new();
    };
    if drivers.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = drivers.iter().map(|d| format!("CONFIG_{}", d.option)).collect();
    let saw = format!("none of {} is built in, and there is no initramfs", names.join(", "));
    let root = subject.argument("root").unwrap_or_default();
    vec![Sight::new("kernel", saw).with_all(super::early_words::unable(&root))]
}

fn initramfs_without_disk_driver(subject: &Subject) -> Vec<Sight> {
    let Some((_, initramfs)) = pair(subject) else { return Vec::new() };
    let drivers = lacking(subject, Some(initramfs));
    // What the kernel does not have at all, no initramfs can bring.
    let drivers = drivers.iter().filter(|driver| driver.place(subject) != Place::Nowhere);
    let names: Vec<_> = drivers.map(|driver| driver.module).collect();
    if names.is_empty() {
        return Vec::new();
    }
    let saw =
        format!("the kernel has not built in {}, and it brings no such module", names.join(", "));
    let sight = Sight::new(&initramfs.name, saw).with_all(super::early_words::not_found(subject));
    vec![match initramfs.early {
        Early::Bootwright | Early::InitramfsTools => {
            sight.caused_by(Some("initramfs-root-not-found"))
        }
        Early::Dracut => sight.caused_by(Some("dracut-root-timeout")),
        Early::Kernel | Early::Other => sight,
    }]
}

fn no_fs_driver(subject: &Subject) -> Vec<Sight> {
    let given = subject.argument("rootfstype").filter(|list| !list.is_empty());
    let found = subject.root.as_ref().and_then(|root| root.superblock.as_ref());
    let fstype = found.map(|content| content.fstype.to_owned());
    // A list tries one after the other.
    let Some(fstype) = fstype.or_else(|| given.filter(|list| !list.contains(','))) else {
        return Vec::new();
    };
    let module = for_filesystem(&fstype).and_then(|wants| wants.last());
    let module = normalised(module.map_or(fstype.as_str(), |want| want.name));
    let Some(why) = missing(subject, &module) else { return Vec::new() };
    let saw = format!("the root filesystem is {fstype}, {why}");
    vec![Sight::new("kernel", saw).with_all(super::early_words::not_mounted(subject))]
}

/// Who puts an overlay over the root: bootwright's `/init`, over a root image too.
fn no_overlay_driver(subject: &Subject) -> Vec<Sight> {
    let Given::Here(Initramfs { early: Early::Bootwright, .. }) = &subject.initramfs else {
        return Vec::new();
    };
    let is_asked = subject.argument("systemd.volatile").is_some_and(|value| value == "overlay")
        || subject.argument("rootimage").is_some_and(|path| !path.is_empty());
    let why = is_asked.then(|| missing(subject, "overlay")).flatten();
    let saw = why.map(|why| format!("an overlay is to lie over the root filesystem, {why}"));
    saw.map(|saw| Sight::new("kernel", saw)).into_iter().collect()
}

/// Why the driver of a filesystem is not there; none where it is, or might be.
fn missing(subject: &Subject, module: &str) -> Option<String> {
    let driver = Driver::of(module)?;
    let place = driver.place(subject);
    let how = match place {
        Place::BuiltIn | Place::Unknown => return None,
        Place::Nowhere => format!("CONFIG_{} is not set", driver.option),
        Place::Module => format!("CONFIG_{} is a module", driver.option),
        Place::NotBuiltIn => "the kernel has not built its driver in".into(),
    };
    let and = match &subject.initramfs {
        _ if place == Place::Nowhere => "",
        Given::Absent => ", and there is no initramfs",
        Given::Here(initramfs) if initramfs.is_whole() && !brings(initramfs, module) => {
            ", and the initramfs lacks it"
        }
        _ => return None,
    };
    Some(format!("{how}{and}"))
}
