//! An ISO 9660 volume: which names it has, and what its boot catalog starts.

use super::{Item, content};
use crate::error::Result;
use crate::fs::iso9660::{BootEntry, Iso9660, Names, Platform};
use crate::image::Partition;
use crate::volume::Window;

/// Bytes of the sectors that a boot catalog counts in.
const SECTOR: u64 = 512;

/// The most boot images that are looked into; real volumes have two.
const ENTRIES_MAX: usize = 8;

/// What media are called that a BIOS makes up for an image.
const MEDIA: [&str; 5] =
    ["none", "1.2 MB floppy disk", "1.44 MB floppy disk", "2.88 MB floppy disk", "hard disk"];

/// A volume, and the partitions that lie in it.
type Place<'p> = (&'p Window, &'p [Partition]);

/// Adds what is special about such a volume.
pub(super) fn add(mut item: Item, iso: &Iso9660, place: Place<'_>, depth: usize) -> Result<Item> {
    let names = match iso.names {
        Names::RockRidge => "Rock Ridge",
        Names::Joliet => "Joliet",
        Names::Plain => "plain (8.3, upper case)",
    };
    item = item.fact("names", names).fact("Joliet", iso.has_joliet);
    for entry in iso.boot.iter().take(ENTRIES_MAX) {
        item = item.child(boot_image(entry, iso, place, depth)?);
    }
    Ok(item)
}

fn boot_image(
    entry: &BootEntry,
    iso: &Iso9660,
    (window, parts): Place<'_>,
    depth: usize,
) -> Result<Item> {
    let offset = u64::from(entry.block) * iso.block_size;
    // UEFI 2.10 §13.3.2.1: a count of 0 or 1 says nothing, the image goes on to the end.
    let len = match (entry.platform, entry.sectors) {
        (Platform::Efi, 0 | 1) => window.len().saturating_sub(offset),
        (_, sectors) => u64::from(sectors) * SECTOR,
    };
    let mut item = Item::new("boot-image").at(offset, len);
    item = item.fact("platform", platform(entry.platform)).fact("bootable", entry.is_bootable);
    if let Some(media) = MEDIA.get(usize::from(entry.media)) {
        item = item.fact("emulates", *media);
    }
    let part = window.part(offset, len);
    if part.len() < len || part.is_empty() {
        return Ok(item.problem("it reaches past the end of the volume"));
    }
    if let Some(part) = parts.iter().find(|part| part.offset() == offset) {
        return Ok(item.fact("holds", format!("the same as {}, below", part.title())));
    }
    match entry.platform {
        Platform::Efi => Ok(item.child(content("", &part, depth + 1)?)),
        _ => Ok(item),
    }
}

fn platform(platform: Platform) -> String {
    match platform {
        Platform::Pc => "BIOS".into(),
        Platform::Efi => "UEFI".into(),
        Platform::Other(id) => format!("{id:#04x}"),
    }
}
