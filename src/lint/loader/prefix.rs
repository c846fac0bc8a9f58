//! GRUB's prefix: whether GRUB can get at what it starts with.

use super::grub;
use super::place::{device, partition};
use crate::grub::embedded::Embedded;
use crate::image::Table;
use crate::lint::{Sight, Subject};

/// What the console shows when GRUB cannot read what it starts with. Normal mode passes over the error
/// and offers its prompt; only where that is to be loaded too, the error is seen.
fn shown(grub: &Embedded, error: &str) -> Vec<String> {
    match grub.has("normal") {
        true => vec!["grub>".into()],
        false => vec![error.into(), "grub rescue>".into()],
    }
}

/// The partition that the prefix names is there, and GRUB reads the table that has it.
pub(super) fn partition_is_there(subject: &Subject) -> Vec<Sight> {
    let (Some((loader, grub)), Some(image)) = (grub(subject), &subject.image) else {
        return Vec::new();
    };
    let prefix = grub.prefix.as_deref().unwrap_or_default();
    if let Some((0, Some(number))) = device(prefix).filter(|_| prefix.starts_with('('))
        && partition(image, number).is_none()
    {
        let saw = format!("its prefix is {prefix}, and the disk has no partition {number}");
        let shown = shown(grub, "error: no such partition.");
        return vec![Sight::new(&loader.path, saw).with_all(shown)];
    }
    let is_gpt = matches!(image.table(), Table::Gpt(_));
    match is_gpt && !grub.has("part_gpt") && !grub.memdisk {
        true => {
            let sight =
                Sight::new(&loader.path, "it has no module part_gpt, and the disk has a GPT");
            vec![sight.with(if grub.has("normal") { "grub>" } else { "grub rescue>" })]
        }
        false => Vec::new(),
    }
}

/// The modules that read a filesystem.
fn drivers(fstype: &str) -> &'static [&'static str] {
    match fstype {
        "vfat" => &["fat"],
        "ext4" | "ext3" | "ext2" => &["ext2"],
        "xfs" => &["xfs"],
        "btrfs" => &["btrfs"],
        "iso9660" => &["iso9660"],
        "squashfs" => &["squash4"],
        _ => &[],
    }
}

/// GRUB reads the filesystem that the prefix is on.
pub(super) fn filesystem_is_readable(subject: &Subject) -> Vec<Sight> {
    let (Some((loader, grub)), Some(image)) = (grub(subject), &subject.image) else {
        return Vec::new();
    };
    let prefix = grub.prefix.as_deref().unwrap_or_default();
    let named = device(prefix).filter(|_| prefix.starts_with('('));
    let index = match named {
        Some((0, Some(number))) => partition(image, number),
        Some(_) => None,
        None => subject.esp.here().map(|esp| esp.index),
    };
    let fstype = index.and_then(|index| image.partitions()[index].fstype());
    let wanted = drivers(fstype.unwrap_or_default());
    match wanted.is_empty() || grub.memdisk || wanted.iter().any(|module| grub.has(module)) {
        true => Vec::new(),
        false => {
            let saw = format!(
                "it has no module {}, and its prefix is on {}",
                wanted[0],
                fstype.unwrap_or_default()
            );
            let shown = shown(grub, "error: unknown filesystem.");
            vec![Sight::new(&loader.path, saw).with_all(shown)]
        }
    }
}
