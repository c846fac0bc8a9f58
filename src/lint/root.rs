//! Which partition `root=` means, as the kernel or the program in the initramfs reads it.

use bootwright_init::root_spec::RootSpec;

use crate::image::{Image, Partition};

/// What `root=` leads to on a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// A partition: its index in [`Image::partitions`].
    Partition(usize),
    /// The disk itself.
    WholeDisk,
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

/// How disks are called, and what stands between such a name and a partition's number.
const DISKS: [(&str, &str); 6] = [
    ("/dev/vd", ""),
    ("/dev/sd", ""),
    ("/dev/xvd", ""),
    ("/dev/hd", ""),
    ("/dev/nvme", "p"),
    ("/dev/mmcblk", "p"),
];

/// Finds what `root=` means on a disk.
pub fn resolve(image: &Image, root: &str) -> Target {
    let partitions = image.partitions();
    let find = |asked, is: &dyn Fn(&Partition) -> bool| {
        partitions.iter().position(is).map_or(Target::Nothing(asked), Target::Partition)
    };
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match RootSpec::parse(root.as_bytes()) {
        // `ssssssss-pp` is the id of a partition of an MBR, which is not in its record.
        Some(RootSpec::PartUuid(id)) if id.len() == 36 => {
            let id = text(id);
            let is = |p: &Partition| p.unique_guid.is_some_and(|guid| same(&guid.to_string(), &id));
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

/// A device node by name: only the partition's number says something about this disk.
fn device(image: &Image, path: &str) -> Target {
    let Some((disk, separator)) = DISKS.iter().find(|(disk, _)| path.starts_with(disk)) else {
        return Target::Unknown;
    };
    let rest = &path[disk.len()..];
    let number = match *separator {
        "" => rest.trim_start_matches(|c: char| c.is_ascii_lowercase()),
        _ => match rest.split_once('p') {
            Some((_, number)) => number,
            None => "",
        },
    };
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

/// Whether a partition holds what has ids and labels inside.
fn has_opaque(image: &Image) -> bool {
    let opaque = ["crypto_LUKS", "LVM2_member"];
    image.partitions().iter().any(|p| p.fstype().is_some_and(|fstype| opaque.contains(&fstype)))
}
