//! What is in a file, recognised by its content: an [`Item`] with facts, problems and items inside it.
//!
//! One file a subject. Nothing here decides whether something boots: that is for the lints. Each reader is
//! lazy and bounded: of large things only headers are read, and nothing that a file states makes memory
//! grow.

mod archive;
mod disk;
mod elf;
mod item;
mod kernel;
mod optical;
mod package;
mod program;
mod seed;
mod signature;

pub use item::{Fact, Item, Value};

use std::path::Path;

use crate::compress::{Ahead, Format};
use crate::error::{Context, Result, shown};
use crate::image::{Format as DiskFormat, Image, Table};
use crate::initramfs::segment::{self, Encoding};
use crate::kernel::bzimage::HEAD_MAX;
use crate::kernel::config;
use crate::kernel::foreign::ForeignImage;
use crate::volume::Window;

/// Bytes of a file that its kind is told from.
const SNIFF_MAX: usize = HEAD_MAX;

/// How much of what is compressed is unpacked to see what it is.
const UNPACKED_MAX: u64 = 64 << 20;

/// Files inside files inside files that are looked into.
const DEPTH_MAX: usize = 4;

/// Looks into a file or block device.
///
/// # Errors
/// Where it cannot be read. What is damaged is an answer: a problem of its item.
pub fn file(path: &Path) -> Result<Item> {
    let doing = || format!("reading {}", shown(path));
    let window = Window::open(path)?;
    let format = DiskFormat::of(&window).context(doing)?;
    if format == DiskFormat::Raw {
        return content(&shown(path), &window, 0).context(doing);
    }
    // Only a file has a place that its backing file can be found from.
    let mut item = disk_image(Image::open(path), format, 0)?;
    (item.name, item.size) = (shown(path), Some(window.len()));
    Ok(item)
}

/// Looks into what a window holds; `name` is what its item is called.
///
/// # Errors
/// As [`file`].
pub fn window(name: &str, window: &Window) -> Result<Item> {
    content(name, window, 0)
}

/// Looks into what a window holds, `depth` levels inside the file that was asked for.
fn content(name: &str, window: &Window, depth: usize) -> Result<Item> {
    let head = window.bytes(0, SNIFF_MAX)?;
    let starts = |magic: &[u8]| head.starts_with(magic);
    let mut item = if depth > DEPTH_MAX {
        Item::new("file")
    } else if head.is_empty() {
        Item::new("empty").problem("it is empty")
    } else if starts(b"\x7fELF") {
        elf::inspect(window)?
    } else if starts(b"!<arch>\n") {
        package::inspect(window)?
    } else if is_kernel(&head) {
        kernel::inspect(window, &head, depth)?
    } else if let Some(image) = ForeignImage::parse(&head) {
        kernel::foreign(&image, window, depth)?
    } else if starts(b"MZ") {
        program::inspect(window, depth)?
    } else if let Some(encoding) = segment::sniff(&head) {
        packed(window, encoding, depth)?
    } else if let Some(volume) = FIRMWARE_VOLUMES.iter().find_map(|&at| firmware_volume(&head, at))
    {
        volume
    } else if starts(&[0xd0, 0x0d, 0xfe, 0xed]) {
        device_tree(&head)
    } else if let Some((width, height)) = bitmap(&head) {
        Item::new("picture").fact("format", "BMP").fact("pixels", format!("{width} x {height}"))
    } else if starts(b"#!") {
        let line = head.split(|&b| b == b'\n').next().unwrap_or_default();
        let line = &line[..line.len().min(256)];
        Item::new("script").fact("interpreter", crate::error::shown_bytes(line[2..].trim_ascii()))
    } else if kernel::is_config(&head) {
        kernel::config(&window.bytes(0, config::CONFIG_MAX)?)
    } else if crate::tree::tar::is_tar(&head) {
        Item::new("file").fact("format", "tar archive")
    } else if let Some(format) = Format::sniff(&head) {
        compressed(window, format, depth)?
    } else {
        disk(window, depth)?
    };
    item.name = name.into();
    item.size.get_or_insert(window.len());
    Ok(item)
}

fn is_kernel(head: &[u8]) -> bool {
    head.get(0x202..0x206) == Some(b"HdrS") && head.get(0x1fe..0x200) == Some(&[0x55, 0xaa])
}

/// Width and height of a BMP, the format of a unified kernel image's splash: a file header of 14 bytes,
/// then a header of 40 bytes or more.
fn bitmap(head: &[u8]) -> Option<(u32, u32)> {
    let field = |at| crate::bytes::le32(head, at);
    let is_bitmap = head.starts_with(b"BM") && (40..=124).contains(&field(14)?);
    // A negative height says that the first row is the top.
    is_bitmap.then_some((field(18)?, (field(22)? as i32).unsigned_abs()))
}

/// Where a firmware volume starts in a file: that for ARM has the code in front of it that runs at reset.
const FIRMWARE_VOLUMES: [usize; 2] = [0, 4096];

/// What UEFI firmware and its variables lie in (PI specification, volume 3, `EFI_FIRMWARE_VOLUME_HEADER`).
fn firmware_volume(head: &[u8], at: usize) -> Option<Item> {
    let head = head.get(at..).filter(|head| head.get(40..44) == Some(b"_FVH"))?;
    let guid = head.get(16..32).and_then(|raw| raw.try_into().ok());
    let guid = guid.map(crate::bytes::Guid::from_mixed_endian).unwrap_or_default();
    let holds = match guid.to_string().as_str() {
        "fff12b8d-7696-4c8b-a985-2747075b4f50" => "variables (a variable store, as OVMF_VARS)",
        "8c8ce578-8a3d-4f1c-9935-896185c32dd3" => "programs (firmware code, as OVMF_CODE)",
        _ => "",
    };
    let len = crate::bytes::le64(head, 32).unwrap_or(0);
    let item = Item::new("firmware-volume").fact("holds", holds);
    let item = item.fact("filesystem GUID", guid.to_string()).fact("first volume bytes", len);
    Some(if at > 0 { item.fact("first volume at", at as u64) } else { item })
}

/// A flattened device tree (Devicetree Specification, chapter 5), which may be a FIT image of U-Boot's.
fn device_tree(head: &[u8]) -> Item {
    let field = |at| crate::bytes::le32(head, at).map(|value| u64::from(value.swap_bytes()));
    let item = Item::new("device-tree").fact("bytes", field(4).unwrap_or(0));
    item.fact("version", field(20).unwrap_or(0))
}

/// A plain archive, or something compressed: an archive too, or anything else.
fn packed(window: &Window, encoding: Encoding, depth: usize) -> Result<Item> {
    let Some(format) = encoding.format() else { return archive::inspect(window) };
    let mut input = Ahead::new(window.reader());
    let mut start = Vec::new();
    let mut member = format.member_reader(&mut input)?;
    let read = std::io::Read::read_to_end(&mut std::io::Read::take(&mut member, 512), &mut start);
    drop(member);
    // Damage from the first byte on is more likely in an initramfs than elsewhere.
    let zeros = start.iter().take_while(|&&b| b == 0).count();
    match read.is_err() || start[zeros..].starts_with(b"0707") {
        true => archive::inspect(window),
        false => compressed(window, format, depth),
    }
}

/// Something that is compressed as a whole.
fn compressed(window: &Window, format: Format, depth: usize) -> Result<Item> {
    let item = Item::new("compressed").fact("format", format.name());
    let mut input = Ahead::new(window.reader());
    let mut unpacked = Vec::new();
    let member = format.member_reader(&mut input)?;
    let mut limited = std::io::Read::take(member, UNPACKED_MAX);
    if let Err(error) = std::io::Read::read_to_end(&mut limited, &mut unpacked) {
        return Ok(item.problem(error.to_string()));
    }
    let is_whole = (unpacked.len() as u64) < UNPACKED_MAX;
    let inner = content("what it unpacks to", &Window::from(unpacked), depth + 1)?;
    Ok(match is_whole {
        true => item.child(inner),
        false => item.child(inner).fact("note", "only its first 64 MiB were unpacked"),
    })
}

/// A disk, a volume, or what is not known.
fn disk(window: &Window, depth: usize) -> Result<Item> {
    let image = Image::from_window(Path::new(""), window.clone());
    let format = DiskFormat::of(window)?;
    if format != DiskFormat::Raw {
        return disk_image(image, format, depth);
    }
    match image {
        Ok(image) if !matches!(image.table(), Table::None) || !image.partitions().is_empty() => {
            disk::inspect(&image, depth)
        }
        // What is refused as a disk is a text, or what nobody asks to boot.
        _ => unknown(window),
    }
}

/// An image of a format; what is wrong with it is an answer.
fn disk_image(image: Result<Image>, format: DiskFormat, depth: usize) -> Result<Item> {
    match image {
        Ok(image) => disk::inspect(&image, depth),
        Err(error) => {
            Ok(Item::new("disk-image").fact("format", format.name()).problem(error.to_string()))
        }
    }
}

/// What its first bytes look like.
fn unknown(window: &Window) -> Result<Item> {
    let head = window.bytes(0, 4096)?;
    let is_text = std::str::from_utf8(&head[..head.len().min(4000)])
        .map_or_else(|e| e.valid_up_to() + 4 > head.len().min(4000), |_| true)
        && !head.contains(&0);
    if is_text {
        return Ok(Item::new("text"));
    }
    if head.iter().all(|&b| b == 0) {
        // A file of holes alone is known to its end.
        let is_blank = window.len() <= head.len() as u64 || window.next_data(0)?.is_empty();
        let holds = if is_blank { "nothing but zeros" } else { "zeros at its start" };
        return Ok(Item::new("unknown").fact("holds", holds));
    }
    let start: Vec<_> = head.iter().take(16).map(|b| format!("{b:02x}")).collect();
    Ok(Item::new("unknown").fact("starts with", start.join(" ")))
}

#[cfg(test)]
mod tests;
