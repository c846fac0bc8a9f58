//! Which partition `root=` means, as the kernel or the program in the initramfs reads it.

use bootwright_init::root_spec::RootSpec;

use super::{Image, Partition};
use crate::bytes::le32;
use crate::disk::partition::BIOS_BOOT;

/// What `root=` leads to on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A partition: its index in [`Image::partitions`].
    Partition(usize),
    /// The disk itself.
    WholeDisk,
    /// The volume that a hybrid ISO is beside its partitions.
    Volume,
    /// Nothing on this disk.
    Nothing(Asked),
    /// It cannot be told: another disk, LVM, the network.
    Unknown,
}

/// By what a root is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// `PARTUUID=`.
    PartUuid,
    /// `PARTLABEL=`.
    PartLabel,
    /// `UUID=`.
    Uuid,
    /// `LABEL=`.
    Label,
    /// The number in `/dev/vda9`.
    Number,
}

/// How disks are called, the first of them, and what stands between such a name and a partition's number.
const DISKS: [(&str, &str, &str); 6] = [
    ("/dev/vd", "a", ""),
    ("/dev/sd", "a", ""),
    ("/dev/xvd", "a", ""),
    ("/dev/hd", "a", ""),
    ("/dev/nvme", "0n1", "p"),
    ("/dev/mmcblk", "0", "p"),
];

/// Finds what `root=` means on a disk.
pub fn resolve(image: &Image, root: &str) -> Target {
    match of_partitions(image, root) {
        Target::Nothing(_) | Target::Unknown if is_volume(image, root) => Target::Volume,
        found => found,
    }
}

/// Whether the disk as a whole has what is asked for, by UUID or label.
fn is_volume(image: &Image, root: &str) -> bool {
    let Some(found) = image.volume().and_then(|volume| volume.superblock()) else { return false };
    match RootSpec::parse(root.as_bytes()) {
        Some(RootSpec::Uuid(id)) => found.uuid.as_bytes().eq_ignore_ascii_case(id),
        Some(RootSpec::Label(label)) => found.label.as_bytes() == label,
        _ => false,
    }
}

fn of_partitions(image: &Image, root: &str) -> Target {
    let partitions = image.partitions();
    let find = |asked, is: &dyn Fn(&Partition) -> bool| {
        partitions.iter().position(is).map_or(Target::Nothing(asked), Target::Partition)
    };
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match RootSpec::parse(root.as_bytes()) {
        Some(RootSpec::PartUuid(id)) if [11, 36].contains(&id.len()) => {
            let id = text(id);
            let is = |p: &Partition| partuuid(image, p).is_some_and(|own| same(&own, &id));
            find(Asked::PartUuid, &is)
        }
        Some(RootSpec::PartLabel(name)) => {
            let name = text(name);
            find(Asked::PartLabel, &|p| p.unique_guid.is_some() && p.name == name)
        }
        Some(RootSpec::Uuid(id)) => {
            let id = text(id);
            let is = |p: &Partition| p.superblock().is_some_and(|s| same(&s.uuid, &id));
            // LUKS, LVM and others have ids that are not read here.
            match find(Asked::Uuid, &is) {
                Target::Nothing(_) if has_opaque(image) => Target::Unknown,
                found => found,
            }
        }
        Some(RootSpec::Label(label)) => {
            let label = text(label);
            let is = |p: &Partition| p.superblock().is_some_and(|s| s.label == label);
            match find(Asked::Label, &is) {
                Target::Nothing(_) if has_opaque(image) => Target::Unknown,
                found => found,
            }
        }
        Some(RootSpec::Path(path)) => device(image, &text(path)),
        _ => Target::Unknown,
    }
}

/// What `PARTUUID=` calls a partition: its unique GUID; in an MBR the disk's signature and its number.
pub fn partuuid(image: &Image, partition: &Partition) -> Option<String> {
    const SIGNATURE: usize = 0x1b8;
    match (partition.unique_guid, partition.mbr, partition.number) {
        (Some(guid), ..) => Some(guid.to_string()),
        (None, Some(_), Some(number)) => {
            let signature = le32(&image.window().bytes(0, 512).ok()?, SIGNATURE)?;
            Some(format!("{signature:08x}-{number:02x}"))
        }
        _ => None,
    }
}

/// A device node by name: only the partition's number says something about this disk.
fn device(image: &Image, path: &str) -> Target {
    let known = DISKS.iter().find(|(disk, ..)| path.starts_with(disk));
    let Some(&(disk, first, separator)) = known else {
        return Target::Unknown;
    };
    // Which disk a letter or number means is not known, but for the first.
    let rest = path[disk.len()..].strip_prefix(first);
    let number =
        rest.and_then(|rest| if rest.is_empty() { Some("") } else { rest.strip_prefix(separator) });
    let Some(number) = number else { return Target::Unknown };
    let has_table = image.partitions().iter().any(|partition| partition.number.is_some());
    match (number, has_table) {
        ("", true) => Target::WholeDisk,
        ("", false) if image.partitions().len() == 1 => Target::Partition(0),
        (number, true) => {
            let number = number.parse().ok();
            let found = image.partitions().iter().position(|p| p.number == number);
            match (number, found) {
                (None, _) => Target::Unknown,
                (_, Some(index)) => Target::Partition(index),
                (_, None) => Target::Nothing(Asked::Number),
            }
        }
        _ => Target::Unknown,
    }
}

/// Whether a partition may have ids and labels inside that are not read here: it is encrypted, divided
/// further, or of a kind that is not known.
pub fn has_opaque(image: &Image) -> bool {
    image.partitions().iter().any(|partition| match partition.superblock() {
        Some(found) if ["crypto_LUKS", "LVM2_member"].contains(&found.fstype) => true,
        Some(found) => found.uuid.is_empty() && !WITHOUT_ID.contains(&found.fstype),
        None => partition.type_guid != Some(BIOS_BOOT) && !is_blank(partition),
    })
}

/// What has no id at all, or none that a root filesystem is looked for by.
const WITHOUT_ID: [&str; 3] = ["squashfs", "erofs", "swap"];

/// Whether nothing is where filesystems have their superblocks; btrfs's is the last, at 64 KiB.
fn is_blank(partition: &Partition) -> bool {
    const LOOK: usize = 128 << 10;
    partition.window.bytes(0, LOOK).is_ok_and(|bytes| bytes.iter().all(|&b| b == 0))
}
