//! Lints of `root=`: is it a form that whoever looks for the root filesystem understands, and does it
//! lead to something on the disk? And what they say when it does not.

use super::cmdline::AT;
use super::early_words::{Wait, has_systemd, not_found, not_mounted, switch_failed};
use super::subject::Early;
use super::{Lint, Sight, Subject};
use crate::image::Image;
use crate::image::root::{self, Asked, Target};
use crate::kernel::config::Answer;

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "initramfs-root-arg-missing",
        "root= tells which device the root filesystem is on",
        &[],
        "add root=PARTUUID=…",
        |subject| match subject.early() {
            Some(Early::Bootwright | Early::InitramfsTools) => no_root(subject),
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "dracut-root-arg-missing",
        "dracut is told by root= which device the root filesystem is on",
        &[],
        "add root=PARTUUID=…",
        |subject| match subject.early() {
            Some(Early::Dracut) => no_root(subject),
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "dracut-root-arg-unknown",
        "dracut understands root=",
        &["Don't know how to handle 'root="],
        "use root=PARTUUID=…, UUID=…, LABEL=… or a path below /dev",
        dracut_unknown,
    ),
    Lint::error(
        "no-initramfs-no-root",
        "a kernel without initramfs has root=",
        &["Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block("],
        "add an initramfs, or root=",
        |subject| match subject.early() {
            Some(Early::Kernel) => no_root(subject),
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "root-uuid-needs-initramfs",
        "where the kernel looks for the root itself, root= is a form that it knows",
        &[],
        "use root=PARTUUID=…, or an initramfs that knows UUID= and LABEL=",
        needs_initramfs,
    ),
    Lint::error(
        "root-name-typo",
        "a root= that is a path starts with a slash",
        &[],
        "write root=/dev/…",
        |subject| match root_of(subject) {
            Some(root) if root.starts_with("dev/") => {
                let saw = format!("root={root} lacks its leading slash");
                vec![Sight::new(AT, saw).with_all(not_found(subject))]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "root-partuuid-invalid",
        "root=PARTUUID= is a partition's id, with nothing but a number behind /PARTNROFF=",
        &["VFS: PARTUUID= is invalid."],
        "use the id that `sgdisk -i` prints",
        invalid_partuuid,
    ),
    Lint::error(
        "root-partuuid-not-found",
        "the partition that root=PARTUUID= names is on the disk",
        &[],
        "use the unique GUID of the root partition: `sgdisk -i N`",
        |subject| nothing(subject, &[Asked::PartUuid]),
    ),
    Lint::error(
        "root-partlabel-not-found",
        "the partition that root=PARTLABEL= names is on the disk",
        &[],
        "use the partition's name in the GPT: `sgdisk -p`",
        |subject| nothing(subject, &[Asked::PartLabel]),
    )
    .caused_by("initramfs-root-not-found"),
    Lint::error(
        "initramfs-root-not-found",
        "the filesystem that root=UUID= or LABEL= names is on the disk",
        &[],
        "use the UUID that `blkid` prints for the root filesystem",
        |subject| match subject.early() {
            Some(Early::Dracut | Early::Kernel) | None => Vec::new(),
            Some(_) => nothing(subject, &[Asked::Uuid, Asked::Label]),
        },
    ),
    Lint::error(
        "dracut-root-timeout",
        "the filesystem for which dracut waits is on the disk",
        &[],
        "use the UUID that `blkid` prints for the root filesystem",
        |subject| match subject.early() {
            Some(Early::Dracut) => nothing(subject, &[Asked::Uuid, Asked::Label]),
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "lvm-vg-not-found",
        "where root= is a volume in /dev/mapper, the disk has what it is made from",
        &[],
        "attach the disk with the volume group, or correct root=",
        no_mapper,
    ),
    Lint::error(
        "root-partition-missing",
        "the partition whose number is in root= is on the disk",
        &[],
        "use a partition that is there, best as PARTUUID=",
        |subject| nothing(subject, &[Asked::Number]),
    ),
    Lint::error(
        "root-is-whole-disk",
        "root= names a partition, not the disk around it",
        &[],
        "name the partition: root=/dev/vda2",
        whole_disk,
    ),
    Lint::error(
        "root-ram-no-brd",
        "root=/dev/ram0 has a driver",
        &["VFS: Cannot open root device"],
        "drop root=/dev/ram0: an initramfs needs none",
        |subject| match (root_of(subject).as_deref(), subject.option("BLK_DEV_RAM")) {
            (Some("/dev/ram0" | "/dev/ram"), Some(Answer::No | Answer::Module)) => {
                vec![Sight::new(AT, "root=/dev/ram0, and CONFIG_BLK_DEV_RAM is not =y")]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "rootwait-timeout",
        "what the kernel waits a limited time for comes",
        &["Waiting for root device"],
        "correct root=: it is not on the disk",
        |subject| match Wait::of(subject) {
            Wait::Seconds(seconds) if waits_in_vain(subject) => {
                vec![Sight::new(AT, format!("rootwait={seconds}, and {}", absent(subject)))]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "rootwait-forever",
        "rootwait does not wait for a device that never comes",
        &["Waiting for root device"],
        "correct root=, or wait a limited time: rootwait=10 (Linux 6.6)",
        |subject| match Wait::of(subject) {
            Wait::Forever if waits_in_vain(subject) => {
                let saw = format!("rootwait waits without end, and {}", absent(subject));
                vec![Sight::new(AT, saw)]
            }
            _ => Vec::new(),
        },
    ),
];

/// `root=`, where it has a value.
pub(super) fn root_of(subject: &Subject) -> Option<String> {
    subject.argument("root").filter(|root| !root.is_empty())
}

/// What `root=` leads to, where there is a disk to look at.
pub(super) fn target(subject: &Subject) -> Option<Target> {
    let image = subject.image.as_ref().filter(|image| !image.partitions().is_empty())?;
    Some(root::resolve(image, &root_of(subject)?))
}

fn no_root(subject: &Subject) -> Vec<Sight> {
    if subject.cmdline.is_none() || root_of(subject).is_some() {
        return Vec::new();
    }
    let sight = Sight::new(AT, "it has no root=");
    vec![match subject.early() {
        Some(Early::Bootwright) => sight.with("failed step=root-argument"),
        Some(Early::InitramfsTools) => sight.with("No root device specified."),
        // With systemd it asks nobody, and goes over to a root that is not mounted.
        Some(Early::Dracut) if has_systemd(subject) => sight.with_all(switch_failed()),
        Some(Early::Dracut) => sight.with("No or empty root= argument"),
        _ => sight,
    }]
}

fn dracut_unknown(subject: &Subject) -> Vec<Sight> {
    let known = [
        "/dev/",
        "UUID=",
        "LABEL=",
        "PARTUUID=",
        "PARTLABEL=",
        "block:",
        "nfs",
        "iscsi:",
        "live:",
        "zfs",
        "gpt-auto",
        "tmpfs",
        "overlay",
        "http",
        "nbd:",
        "dhcp",
        "virtiofs:",
        "mount:",
        "cifs:",
        "fstab",
        "none",
        "off",
    ];
    match (subject.early(), root_of(subject)) {
        (Some(Early::Dracut), Some(root)) if !known.iter().any(|k| root.starts_with(k)) => {
            vec![Sight::new(AT, format!("dracut does not know what root={root} is"))]
        }
        _ => Vec::new(),
    }
}

fn needs_initramfs(subject: &Subject) -> Vec<Sight> {
    let Some(root) = root_of(subject) else { return Vec::new() };
    let forms = ["UUID=", "LABEL=", "/dev/disk/", "/dev/mapper/"];
    match forms.iter().find(|form| root.starts_with(**form)) {
        Some(form) if subject.early() == Some(Early::Kernel) => {
            let saw =
                format!("root={form}… is known to initramfs tools, and there is no initramfs");
            // What is below /dev has to be put together, not only found.
            let cause = form.starts_with("/dev/").then_some("no-initramfs-loaded");
            vec![Sight::new(AT, saw).with_all(not_found(subject)).caused_by(cause)]
        }
        _ => Vec::new(),
    }
}

fn invalid_partuuid(subject: &Subject) -> Vec<Sight> {
    let Some(root) = root_of(subject) else { return Vec::new() };
    let Some(id) = root.strip_prefix("PARTUUID=") else { return Vec::new() };
    let tail = id.split_once('/').map(|(_, tail)| tail);
    let number = |tail: &str| {
        let digits = tail.strip_prefix("PARTNROFF=").unwrap_or_default();
        digits.trim_start_matches('-').parse::<u32>().is_ok()
    };
    match (tail, subject.early()) {
        (Some(tail), Some(Early::Kernel)) if !number(tail) => {
            vec![Sight::new(AT, format!("root=PARTUUID=… ends in `/{tail}`"))]
        }
        _ => Vec::new(),
    }
}

fn nothing(subject: &Subject, asked: &[Asked]) -> Vec<Sight> {
    let Some(Target::Nothing(by)) = target(subject) else { return Vec::new() };
    // The kernel says that it does not know these, which another lint tells.
    let is_foreign = matches!(by, Asked::Uuid | Asked::Label);
    if !asked.contains(&by) || (is_foreign && subject.early() == Some(Early::Kernel)) {
        return Vec::new();
    }
    // A kernel that waits says so, and nothing else.
    if Wait::of(subject) != Wait::No && waits_in_vain(subject) {
        return Vec::new();
    }
    let cause = match subject.early() {
        Some(Early::Kernel) | None => None,
        Some(Early::Dracut) => Some("dracut-root-timeout"),
        Some(_) => Some("initramfs-root-not-found"),
    };
    vec![Sight::new(AT, absent(subject)).with_all(not_found(subject)).caused_by(cause)]
}

/// What the disk has of the kind that was asked for.
fn listed(image: &Image, by: Asked) -> String {
    let say = |p: &crate::image::Partition| {
        let superblock = || p.superblock().unwrap_or_default();
        match by {
            Asked::PartUuid => root::partuuid(image, p).unwrap_or_default(),
            Asked::PartLabel => format!("`{}`", p.name),
            Asked::Uuid => superblock().uuid,
            Asked::Label => format!("`{}`", superblock().label),
            Asked::Number => p.title(),
        }
    };
    let all: Vec<_> = image.partitions().iter().map(say).filter(|text| !text.is_empty()).collect();
    match all.is_empty() {
        true => "none".into(),
        false => all.join(", "),
    }
}

fn whole_disk(subject: &Subject) -> Vec<Sight> {
    match (target(subject), root_of(subject)) {
        (Some(Target::WholeDisk), Some(root)) => {
            let saw = format!("root={root} is the whole disk, which has partitions");
            vec![Sight::new(AT, saw).with_all(not_mounted(subject))]
        }
        _ => Vec::new(),
    }
}

/// Whether the kernel itself waits for a device that is not there.
fn waits_in_vain(subject: &Subject) -> bool {
    let is_nothing = matches!(target(subject), Some(Target::Nothing(_)));
    is_nothing && subject.early() == Some(Early::Kernel)
}

/// What root= names, and what there is instead.
fn absent(subject: &Subject) -> String {
    let root = root_of(subject).unwrap_or_default();
    let there = match (target(subject), &subject.image) {
        (Some(Target::Nothing(by)), Some(image)) => listed(image, by),
        _ => String::new(),
    };
    format!("root={root} is not on the disk, which has {there}")
}

/// A root that the device mapper makes, on a disk that has nothing to make it from.
fn no_mapper(subject: &Subject) -> Vec<Sight> {
    let (Some(image), Some(root)) = (&subject.image, root_of(subject)) else { return Vec::new() };
    let is_mapped = root.starts_with("/dev/mapper/") && root != "/dev/mapper/control";
    let is_known = matches!(subject.early(), Some(Early::InitramfsTools | Early::Dracut));
    if !is_mapped || !is_known || image.partitions().is_empty() || root::has_opaque(image) {
        return Vec::new();
    }
    let saw = format!("root={root}, and no partition is a physical volume of LVM or encrypted");
    vec![Sight::new(AT, saw).with_all(not_found(subject))]
}
