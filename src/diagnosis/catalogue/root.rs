//! Why the kernel cannot mount a root filesystem itself (`init/do_mounts.c`, `block/`, `fs/`), and what
//! filesystems say of damage.

use super::super::facts::{Facts, NO_DISKS};
use super::super::marks::Mark;
use super::{Stage, Symptom, says, says_when, shows};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::RootMount, title)
}

/// The kernel was to mount root itself and does not know the device.
fn unknown(facts: &Facts) -> bool {
    facts.root_unknown() && !facts.initramfs_ignored() && facts.unpack_error.is_none()
}

/// As before, and the device was named as a plain name such as `vda1`.
fn unknown_name(facts: &Facts) -> Option<&str> {
    facts.root_name().filter(|_| unknown(facts) && !facts.has(Mark::Waiting))
}

fn known(facts: &Facts) -> bool {
    facts.root_known() && facts.unpack_error.is_none()
}

fn root_starts(facts: &Facts, prefix: &str) -> bool {
    facts.root().is_some_and(|root| root.starts_with(prefix))
}

/// Something of a root filesystem could not be mounted, by the kernel or by early userspace.
fn mount_failed(facts: &Facts) -> bool {
    facts.kernel_failed_root() || facts.has(Mark::MountFailed) || facts.has(Mark::Emergency)
}

/// The kernel sees no disk, and nothing says that there is none.
fn no_driver(facts: &Facts) -> bool {
    unknown_name(facts).is_some_and(|name| {
        !any_disk(facts) && !facts.has_initramfs() && facts.has_controller_for(name) != Some(false)
    })
}

fn disk_is_listed(facts: &Facts, name: &str) -> bool {
    facts.listed.contains(Facts::disk_of(name))
}

fn partitions_of(facts: &Facts, disk: &str) -> usize {
    let of_disk = |name: &&String| name.as_str() != disk && Facts::disk_of(name) == disk;
    facts.listed.iter().filter(of_disk).count()
}

/// Whether there is any disk in the kernel's list; RAM disks, loops and CD drives are none, and flash
/// memory is one only where root is to be on such.
fn any_disk(facts: &Facts) -> bool {
    let flash = facts.root_name().is_some_and(|name| name.starts_with("mtd"));
    let is_disk = |name: &String| {
        !NO_DISKS.iter().any(|no| name.starts_with(no)) && (flash || !name.starts_with("mtd"))
    };
    facts.listed.iter().any(is_disk)
}

pub(super) const SYMPTOMS: &[Symptom] = &[
    symptom("root-partuuid-invalid", "root=PARTUUID= is malformed")
        .cause("The kernel cannot read the PARTUUID in `root={root}`.")
        .remedy(&["Write `root=PARTUUID=<id>` with the id that `blkid -s PARTUUID` prints, or `PARTUUID=<id>/PARTNROFF=<number>`."])
        .rules(&[says(95, &["Expected PARTUUID=<valid-uuid-id>", "PARTUUID= is invalid", "/PARTNROFF=%d"])]),
    symptom("rootwait-timeout", "The root device did not come in time")
        .cause("The kernel waited for {root|the root device} as long as `rootwait=` said, and it did not come.")
        .remedy(&["Check the name, and that the disk is attached; the kernel's list shows what there is.", "The driver may be a module: then an initramfs is needed."])
        .rules(&[shows(92, |f| f.has(Mark::Waiting) && f.root_unknown())]),
    symptom("rootwait-forever", "The kernel waits for a root device that never comes")
        .cause("`rootwait` makes the kernel wait for {root|the root device} without end, and there is no such device.")
        .remedy(&["Correct `root=`, or attach the disk.", "Without `rootwait`, or with `rootwait=10` (6.6 and later), the kernel gives up and lists the devices that there are.", "The driver may be a module: then an initramfs is needed."])
        .rules(&[shows(84, |f| f.has(Mark::Waiting) && !f.kernel_failed_root() && !f.has(Mark::InitRun) && !f.has(Mark::RootMounted))]),
    symptom("root-partuuid-not-found", "No partition has that PARTUUID")
        .cause("The kernel knows no partition {root|with that PARTUUID}.")
        .remedy(&["The kernel sees {disks|what its list above the panic says}; compare with that list, or `sgdisk -i 2 disk.img`: it is the partition's unique GUID, not the filesystem's UUID.", "If the list is empty, the disk is missing or its driver is a module."])
        .rules(&[shows(88, |f| unknown(f) && !f.has(Mark::Waiting) && (root_starts(f, "PARTUUID=") || root_starts(f, "PARTLABEL=")))]),
    symptom("root-uuid-needs-initramfs", "root=UUID= needs an initramfs")
        .cause("The kernel alone does not know {root|the root device}: only an initramfs can look into filesystems for a UUID or label, and none was loaded.")
        .remedy(&["Load the initramfs: GRUB's `initrd` line, QEMU's `-initrd`; build it with `update-initramfs -c -k {kernel|VERSION}`.", "Or write `root=PARTUUID=...` or `root=/dev/...`, which the kernel knows."])
        .rules(&[shows(88, |f| unknown(f) && (root_starts(f, "UUID=") || root_starts(f, "LABEL=")))]),
    symptom("no-initramfs-loaded", "No initramfs was loaded, and this root needs one")
        .cause("{root|The root device} is assembled by an initramfs (LVM, device mapper, RAID, ZFS), and none was loaded.")
        .remedy(&["Load the initramfs that belongs to this kernel: look for its line in the loader's configuration, and whether the file is there.", "Build it: `update-initramfs -c -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`."])
        .rules(&[shows(88, |f| {
            unknown(f) && !f.has_initramfs()
                && ["/dev/mapper/", "/dev/md", "/dev/disk/", "ZFS=", "zfs:", "live:", "/dev/vg"].iter().any(|p| root_starts(f, p))
        })]),
    symptom("root-ram-no-brd", "root=/dev/ram0, but the kernel has no RAM disks")
        .cause("`root=/dev/ram0` is for old style initrds and needs the brd driver; an initramfs is not mounted from there.")
        .remedy(&["Remove `root=/dev/ram0`; the kernel runs /init of the initramfs by itself.", "For an old initrd: CONFIG_BLK_DEV_RAM=y."])
        .rules(&[
            shows(91, |f| f.root_unknown() && f.unpack_error.is_none() && (root_starts(f, "/dev/ram") || root_starts(f, "ram"))),
            shows(87, |f| f.root_is_ram() && f.unpack_error.is_none()),
        ]),
    symptom("root-name-typo", "root= is no device name")
        .cause("`root={root}` has lost its leading slash, or is misspelt.")
        .remedy(&["Write it in full: `root=/dev/vda2`, or `root=PARTUUID=...`."])
        .rules(&[
            says(92, &["handoff: 1 * failed step=root-argument errno=EINVAL"]),shows(90, |f| unknown(f) && f.argument("root").is_some_and(|root| root.starts_with("dev/") || root.starts_with("/vd") || root.starts_with("/sd") || root.starts_with("\\dev")))]),
    symptom("no-initramfs-no-root", "Neither an initramfs nor root= was given")
        .cause("The kernel has no initramfs and no `root=`, so it has nothing to run init from.")
        .remedy(&["Add the `initrd` line (GRUB) or `-initrd` (QEMU), or `root=/dev/...` to the kernel command line."])
        .rules(&[
            shows(86, |f| unknown(f) && !f.has_initramfs() && f.root().is_none() && (f.has_start() || f.root_is_empty())),
            // Where nothing says what the root is, it is the RAM disk.
            shows(88, |f| f.root_is_ram() && f.root_is_void() && f.root_is_empty() && !f.has_initramfs() && f.unpack_error.is_none()),
            // Of a log that begins later, only the end is known.
            shows(62, |f| unknown(f) && !f.has_initramfs() && f.root().is_none()),
        ]),
    symptom("nfs-root-failed", "The root filesystem cannot be mounted over NFS")
        .cause("The network, the server or its export did not answer as expected.")
        .remedy(&["Check `ip=` and `nfsroot=server:/path,vers=3,tcp` on the kernel command line, and that the driver of the network card is built in.", "On the server: `exportfs -v`, `rpcinfo -p`, and the firewall."])
        .rules(&[
            // `root=/dev/nfs` is this device.
            shows(91, |f| f.kernel_failed_root() && f.root_block == Some((0, 255))),
            says(92, &["VFS: Unable to mount root fs via ", "Root-NFS: {why}", "Root-NFS: Unable to", "Root-NFS: No NFS server available", "Root-NFS: Server returned error"]),
            says_when(80, &["nfs: server {server} not responding", "IP-Config: No network devices available", "IP-Config: Auto-configuration of network failed", "mount.nfs: "], |f| f.argument("nfsroot").is_some() || root_starts(f, "/dev/nfs") || root_starts(f, "nfs:") || f.argument("netroot").is_some()),
        ]),
    symptom("root-partition-missing", "The disk has no such partition")
        .cause("The disk of {root|the root device} is there and has partitions, but not this one.")
        .remedy(&["Use a partition that the kernel sees: {disks|see its list above the panic}.", "`sgdisk -p disk.img` shows the partition table."])
        .rules(&[
            shows(88, |f| unknown_name(f).is_some_and(|name| {
                disk_is_listed(f, name) && partitions_of(f, Facts::disk_of(name)) > 0
            })),
            shows(89, |f| f.root_is_void() && !f.root_is_ram()),
            // Flash memory has its partitions side by side.
            shows(88, |f| unknown_name(f).is_some_and(|name| {
                name.starts_with("mtdblock") && f.listed.iter().any(|known| known.starts_with("mtdblock"))
            })),
            says_when(92, &["UBIFS error {why}: cannot open '{root}', error -19"], mount_failed),
        ]),
    symptom("gpt-corrupt", "The kernel sees no partitions on the disk")
        .cause("The disk of {root|the root device} is there, but the kernel finds no partition table that it accepts on it.")
        .remedy(&["`sgdisk -v disk.img` says what is wrong; `sgdisk -b`, `gdisk` (r, b, c) restore the table from its backup.", "With `gpt` on the kernel command line the kernel also uses the backup table, and one without a protective MBR."])
        .rules(&[
            says_when(60, &["GPT:Primary header thinks Alt. header is not at the end", "Alternate GPT is invalid"], |f| unknown(f) && f.listed.len() == 1),
            shows(85, |f| unknown_name(f).is_some_and(|name| {
                disk_is_listed(f, name) && partitions_of(f, Facts::disk_of(name)) == 0
            })),
        ]),
    symptom("gpt-primary-corrupt", "The primary GPT is damaged")
        .cause("The kernel finds no valid GPT at the start of the disk, and does not look for the backup unless it is told to.")
        .remedy(&["Restore it from the backup: `sgdisk -e disk.img` or `gdisk` (r, b, w).", "To boot once: `gpt` on the kernel command line."])
        .rules(&[
            says_when(90, &["Primary GPT is invalid, using alternate GPT"], mount_failed),
            shows(62, |f| unknown_name(f).is_some_and(|name| {
                disk_is_listed(f, name) && partitions_of(f, Facts::disk_of(name)) == 0
            })),
        ]),
    symptom("gpt-no-protective-mbr", "The GPT has no protective MBR")
        .cause("Without a protective MBR the kernel does not look for a GPT.")
        .remedy(&["Write one: `sgdisk -n 0:0:0` keeps it up to date, or `gdisk` (x, n, w).", "To boot once: `gpt` on the kernel command line."])
        .rules(&[shows(60, |f| unknown_name(f).is_some_and(|name| {
            disk_is_listed(f, name) && partitions_of(f, Facts::disk_of(name)) == 0
        }))]),
    symptom("root-device-name-wrong-bus", "The disk has another name than root= says")
        .cause("The kernel has disks, but {root|the root device} is not among them: on another bus a disk has another name (sda, vda, nvme0n1).")
        .remedy(&["Use a partition that the kernel sees: {disks|see its list above the panic}.", "Better `root=PARTUUID=...`, which does not depend on the bus."])
        .rules(&[
            // Flash is named in ways of its own.
            shows(84, |f| unknown(f) && !f.listed.is_empty() && (root_starts(f, "mtd:") || root_starts(f, "ubi"))),
            shows(87, |f| unknown_name(f).is_some_and(|name| any_disk(f) && !disk_is_listed(f, name)))]),
    symptom("no-initramfs-driver-module", "The driver of the root disk is a module, and there is no initramfs")
        .cause("The kernel sees no disk at all. {root|The root device} needs a driver that is not built in, and no initramfs was loaded that could load it.")
        .remedy(&["Load an initramfs that has the driver (virtio_pci and virtio_blk, nvme, ahci ...): `update-initramfs -c -k {kernel|VERSION}`, GRUB's `initrd` line, QEMU's `-initrd`.", "Or build the driver into the kernel (CONFIG_VIRTIO_BLK=y, CONFIG_VIRTIO_PCI=y).", "If the list is empty although the driver is built in, the disk is not attached."])
        .rules(&[
            shows(85, |f| f.has_start() && no_driver(f)),
            shows(66, no_driver),
        ]),
    symptom("disk-not-attached", "The disk is not attached")
        .cause("The kernel sees neither a disk nor a controller that {root|the root device} could hang on.")
        .remedy(&["Attach it: `-drive if=virtio,format=raw,file=disk.img` gives vda, `-device nvme,drive=...,serial=1` gives nvme0n1."])
        .rules(&[
            shows(86, |f| unknown_name(f).is_some_and(|name| !any_disk(f) && f.has_controller_for(name) == Some(false))),
            shows(60, |f| unknown_name(f).is_some_and(|_| !any_disk(f))),
        ]),
    symptom("rootflags-invalid", "rootflags= has an option that the filesystem does not know")
        .cause("The filesystem refuses the mount option {option|that it does not know}.")
        .remedy(&["Correct `rootflags=` on the kernel command line, or the options in /etc/fstab."])
        .rules(&[says_when(94, &[
            "{fs}: Unknown parameter '{option}'",
            "Unrecognized mount option '{option}'",
            "unrecognized mount option '{option}'",
            "Unknown mount option '{option}'",
        ], |f| mount_failed(f) && (f.argument("rootflags").is_some() || f.command_line.is_none()))]),
    symptom("rootfs-larger-than-partition", "The filesystem is larger than its partition")
        .cause("The filesystem says that it has {a} blocks, and the partition has less: the image was cut short or the partition made smaller.")
        .remedy(&["Make the partition as large as the filesystem again, or shrink the filesystem first: `resize2fs PARTITION SIZE`."])
        .rules(&[says(94, &["bad geometry: block count {a} exceeds size of device", "attempt to access beyond end of device", "filesystem size {a} exceeds device"])]),
    symptom("disk-image-truncated", "The disk image is cut short")
        .cause("A partition reaches beyond the end of the disk: the image was not copied whole.")
        .remedy(&["Copy it again and compare sizes and checksums.", "`truncate -s SIZE disk.img` brings back the size, not the content."])
        .rules(&[
            says(92, &["extends beyond EOD", "is beyond EOD"]),
            says_when(70, &["^error: *attempt to read or write outside of disk", "^error: *attempt to read or write outside of partition"], |f| !f.kernel_spoke()),
        ])
        .stage_of(|f| match f.kernel_spoke() {
            true => Stage::RootMount,
            false => Stage::Bootloader,
        }),
    symptom("disk-readonly", "The disk cannot be written")
        .cause("The disk is read-only or fails when it is written, and mounting needs a write (journal recovery, or rw).")
        .remedy(&["Attach it writable (`readonly=on` off, permissions of the image file), or mount it `ro` after `e2fsck`.", "Real hardware: look for I/O errors above, `smartctl -a`."])
        .rules(&[says(93, &[
            "I/O error while writing superblock",
            "write access unavailable, cannot proceed",
            "write access unavailable, skipping recovery",
            "log recovery write I/O error",
            "recovery required on read-only device",
            "unable to write superblock",
        ])]),
    symptom("ext4-unsupported-feature", "The root filesystem has a feature that this kernel does not know")
        .cause("It was made by newer tools with features (mask {mask|not said}) that this kernel lacks.")
        .remedy(&["Make it without: `mkfs.ext4 -O ^orphan_file,^metadata_csum_seed`, `mkfs.xfs -i nrext64=0`; `dumpe2fs -h` and `xfs_info` list the features.", "Or use a newer kernel."])
        .rules(&[says_when(93, &[
            "EXT4-fs ({device}): couldn't mount because of unsupported optional features ({mask})",
            "couldn't mount RDWR because of unsupported optional features ({mask})",
            "Superblock has unknown incompatible features ({mask}) enabled",
            "Superblock has unknown read-only compatible features ({mask}) enabled",
            "XFS ({device}): Filesystem cannot be safely mounted by this kernel",
            "cannot mount because of unknown incompat features ({mask})",
            "cannot mount because of unsupported optional features ({mask})",
            "cannot mount read-write because of unsupported optional features ({mask})",
            "SQUASHFS error: Filesystem uses '{mask}' compression. This is not supported",
            "SQUASHFS error: Major/Minor mismatch, {mask} filesystems are unsupported",
            "unidentified incompatible feature {mask}",
            "cannot be mounted without CONFIG_{mask}",
            "cannot be mounted RDWR without CONFIG_{mask}",
            "file system with blocksize {mask} bytes. Only pagesize",
            "bad block size {mask}",
            "'{mask}' compressor is not compiled in",
        ], mount_failed)]),
    symptom("fsck-failed", "The filesystem is damaged and needs a repair by hand")
        .cause("A check of the root filesystem found damage that it does not repair by itself.")
        .remedy(&["From the shell that it offers, or a rescue system: `fsck -y {device|/dev/ROOT}` (for ext4 `e2fsck -fy`).", "Look for the reason: bad disk, unclean shutdown, two systems that mounted it at once."])
        .rules(&[
            says(92, &[
                "{device}: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY",
                "UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY",
                "RUN fsck MANUALLY",
                "fsck exited with status code 4",
                "fsck exited with status code 8",
                "fsck failed with error code {n}",
                "Filesystems couldn't be fixed",
                "cannot start root as fsck would not start",
                "File system check of the root filesystem failed",
                "requires a manual fsck",
                "Failed to start File System Check on Root Device",
                "Failed to start systemd-fsck-root.service",
            ]),
            says_when(88, &["Failed to start File System Check on {device}"], |f| f.has(Mark::Emergency)),
            says_when(91, &["corrupt root inode, run e2fsck", "run e2fsck", "running e2fsck is recommended"], mount_failed),
            says(80, &["An error occurred during the file system check", "fsck failed with exit status {n}"]),
        ]),
    symptom("ext4-corrupt", "The ext4 filesystem is damaged")
        .cause("ext4 refuses to mount the filesystem because its structures are damaged.")
        .remedy(&["From a rescue system: `e2fsck -f {root|/dev/ROOT}`; `e2fsck -b 32768 {root|/dev/ROOT}` uses a backup superblock."])
        .rules(&[says_when(90, &[
            "group descriptors corrupted!",
            "EXT4-fs ({device}): unable to read superblock",
            "EXT4-fs ({device}): get root inode failed",
            "EXT4-fs ({device}): corrupt root inode",
            "EXT4-fs ({device}): bad geometry",
            "EXT4-fs ({device}): error loading journal",
            "EXT4-fs ({device}): Superblock checksum does not match",
            "EXT4-fs ({device}): Invalid superblock checksum",
            "EXT4-fs ({device}): no journal found",
            "EXT4-fs ({device}): Invalid log",
            "EXT4-fs ({device}): invalid inodes per group",
            "EXT4-fs ({device}): Could not load journal inode",
            "EXT4-fs error (device {device}): ",
            "EXT3-fs error (device {device}): ",
            "JBD2: no valid journal superblock found",
        ], mount_failed), says(94, &["EXT4-fs (device {device}): panic forced after error"])]),
    symptom("rootfs-corrupt", "The root filesystem is damaged")
        .cause("The filesystem's driver refuses to mount it because its structures are damaged.")
        .remedy(&["Check it from a rescue system: `xfs_repair`, `btrfs check`, `fsck.f2fs`; a squashfs or erofs image is copied again."])
        .rules(&[says_when(90, &[
            "XFS ({device}): Corruption",
            "XFS ({device}): Metadata corruption detected",
            "XFS ({device}): SB validate failed",
            "XFS ({device}): log mount/recovery failed",
            "XFS ({device}): log mount failed",
            "XFS ({device}): failed to read root inode",
            "XFS ({device}): Metadata CRC error detected",
            "open_ctree failed",
            "BTRFS error (device {device}): {why}",
            "BTRFS critical (device {device}): {why}",
            "SQUASHFS error: {why}",
            "F2FS-fs ({device}): Failed to get valid",
            "JFFS2: {why}Magic bitmask",
            "UBIFS error {why}",
            "UBI error: cannot attach {device}",
            "ubi{number} error: {why}failed to attach",
        ], mount_failed),
            // A kernel that tries all its filesystems hears this of those that it is not.
            says_when(90, &[
                "Can't find a SQUASHFS superblock",
                "F2FS-fs ({device}): Can't find valid F2FS",
                "erofs: {why}cannot find valid erofs superblock",
                "FAT-fs ({device}): bogus number of reserved sectors",
            ], |f| mount_failed(f) && !f.has(Mark::TriedAll)),
            says_when(89, &["device-mapper: verity: {device}: {why} is corrupted", "dm-verity device corrupted", "dm-verity device has I/O error"], |f| mount_failed(f) || f.panic.is_some()),
            // What cannot be read of a mounted one ends whoever needs it, init by SIGBUS.
            says_when(85, &["SQUASHFS error: {why}", "Unable to read metadata cache entry", "erofs: {why}failed to decompress"], |f| f.panic.is_some()),
        ]),
    symptom("rootfstype-wrong", "rootfstype= is not what the root filesystem is")
        .cause("`rootfstype=` makes the kernel try that filesystem only, and the root partition holds another, or the kernel has no driver for it.")
        .remedy(&["Remove `rootfstype=`, or write what `blkid` says.", "For a filesystem whose driver is a module, use an initramfs."])
        .rules(&[shows(89, |f| known(f) && f.argument("rootfstype").is_some())]),
    symptom("root-is-whole-disk", "root= names the disk, not a partition")
        .cause("`root={root}` is the whole disk, which has partitions; the filesystem is on one of those.")
        .remedy(&["Add the partition, as in `root=/dev/vda2` and `root=/dev/nvme0n1p2`; the kernel sees {disks|what its list says}."])
        .rules(&[shows(89, |f| known(f) && f.root_name().is_some_and(|name| {
            Facts::disk_of(name) == name && partitions_of(f, name) > 0
        }))]),
    symptom("root-fs-driver-missing", "The kernel has no driver for the root filesystem")
        .cause("The kernel found the root device ({root|it does not say which}), but none of the filesystems that are built into it could mount it; the right one is a module, and no initramfs loads it. A partition without a filesystem looks the same.")
        .remedy(&["`blkid -p {root|/dev/ROOT}` says what it holds.", "Use an initramfs, or build the driver in (CONFIG_EXT4_FS=y, CONFIG_SQUASHFS=y ...)."])
        .rules(&[
            says_when(91, &["Cannot load crc32c driver"], mount_failed),
            says_when(82, &["No filesystem could mount root, tried:"], known),
            shows(78, known),
        ]),
    symptom("root-unformatted", "The root partition holds no filesystem")
        .cause("The kernel found {root|the root device}, and no filesystem on it that it knows.")
        .remedy(&["`blkid -p {root|/dev/ROOT}` says what it holds; if nothing: `mkfs.ext4 {root|/dev/ROOT}`, or write the root filesystem to it."])
        .rules(&[says_when(76, &["No filesystem could mount root, tried:", "VFS: Can't find ext4 filesystem"], known)]),
];
