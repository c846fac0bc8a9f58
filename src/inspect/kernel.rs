//! A kernel, and a kernel's configuration.

use super::{Item, signature};
use crate::efi::header::Headers;
use crate::error::{Result, shown_bytes};
use crate::kernel::bzimage::{BzImage, BzImageError};
use crate::kernel::config::{Answer, Config};
use crate::kernel::foreign::ForeignImage;
use crate::kernel::{ikconfig, payload};
use crate::volume::Window;

/// What a boot in a virtual machine turns on: the options that are shown.
const OPTIONS: [&str; 24] = [
    "EFI_STUB",
    "BLK_DEV_INITRD",
    "RD_GZIP",
    "RD_BZIP2",
    "RD_LZMA",
    "RD_XZ",
    "RD_LZO",
    "RD_LZ4",
    "RD_ZSTD",
    "DEVTMPFS",
    "DEVTMPFS_MOUNT",
    "TMPFS",
    "SERIAL_8250_CONSOLE",
    "BINFMT_ELF",
    "BINFMT_SCRIPT",
    "VIRTIO_PCI",
    "VIRTIO_BLK",
    "BLK_DEV_SD",
    "BLK_DEV_NVME",
    "EXT4_FS",
    "SQUASHFS",
    "EROFS_FS",
    "OVERLAY_FS",
    "VFAT_FS",
];

/// `syssize` counts in 16 bytes: the last of them need not be there.
const ROUNDED: u64 = 15;

pub(super) fn inspect(window: &Window, head: &[u8], depth: usize) -> Result<Item> {
    let item = Item::new("kernel").fact("format", "bzImage");
    let kernel = match BzImage::read(head) {
        Ok(kernel) => kernel,
        Err(error) => return Ok(item.problem(error.to_string())),
    };
    let item = header(item, &kernel);
    if window.len() + ROUNDED < kernel.needs {
        let (has, needs) = (window.len(), kernel.needs);
        return Ok(item.problem(BzImageError::Truncated { has, needs }.to_string()));
    }
    let item = payload(item, window, &kernel, depth)?;
    signatures(item, window)
}

/// What the setup header says.
fn header(item: Item, kernel: &BzImage) -> Item {
    let (major, minor) = kernel.protocol;
    let machine = if kernel.flags.is_64_bit() { "x86-64" } else { "x86, 32 bits" };
    let item = item.fact("machine", machine);
    let item = item.fact("release", kernel.release()).fact("version", kernel.version.as_str());
    // Memory testers and network loaders are started in the same way.
    let item = match kernel.release().starts_with(|c: char| c.is_ascii_digit()) {
        true => item,
        false => {
            item.fact("note", "started as a Linux kernel is, but its version is none of Linux")
        }
    };
    let item = item.fact("boot protocol", format!("{major}.{minor:02}"));
    let item = item.fact("EFI stub", kernel.stub.is_some());
    let item = item.fact("EFI handover entry", kernel.handover_offset.is_some());
    let item = item.fact("relocatable", kernel.relocatable);
    let item = known(item, "longest command line", kernel.cmdline_size);
    known(item, "bytes of memory to start", kernel.init_size)
}

/// A number that older protocols do not have.
fn known(item: Item, name: &'static str, number: u32) -> Item {
    if number == 0 { item } else { item.fact(name, u64::from(number)) }
}

/// How the payload is compressed, and the configuration in it.
fn payload(item: Item, window: &Window, kernel: &BzImage, depth: usize) -> Result<Item> {
    if kernel.payload.1 == 0 {
        return Ok(item.fact("payload", "none, or the header does not say where"));
    }
    let Some((format, unpacked)) = payload::compression(window, kernel)? else {
        return Ok(item.fact("payload", "in a compression that is not read"));
    };
    let item = item.fact("payload", format.name()).fact("payload bytes", kernel.payload.1);
    let item = item.fact("payload unpacks to", unpacked);
    // It takes the unpacking of the whole kernel, which is for those who asked for this file.
    Ok(match depth {
        0 => match ikconfig::find(window, kernel) {
            Ok(config) => embedded(item, config),
            Err(error) => item.problem(error.to_string()),
        },
        _ => item,
    })
}

fn embedded(item: Item, text: Option<Vec<u8>>) -> Item {
    let Some(text) = text else { return item.fact("embedded config", "none") };
    let mut config = config(&text).named("embedded");
    config.size = Some(text.len() as u64);
    item.child(config)
}

fn signatures(item: Item, window: &Window) -> Result<Item> {
    match window.bytes(0, 2)?[..] {
        // Only an EFI program can be signed.
        [b'M', b'Z'] => match Headers::read(window) {
            Ok(headers) => signature::add(item, &headers, window),
            Err(error) => Ok(item.problem(error.to_string())),
        },
        _ => Ok(item),
    }
}

/// A kernel for another machine.
pub(super) fn foreign(image: &ForeignImage, window: &Window, depth: usize) -> Result<Item> {
    let item = Item::new("kernel").fact("format", image.format).fact("machine", image.machine);
    let is_efi = window.bytes(0, 2)? == b"MZ";
    // As above: a kernel on a disk is not searched.
    let content = if depth == 0 { image.content(window) } else { Ok(None) };
    let (content, problem) = match content {
        Ok(content) => (content, None),
        Err(error) => (None, Some(error)),
    };
    let version = content.as_ref().map_or("", |content| &content.version);
    let item = item.fact("release", version.split(' ').next().unwrap_or_default());
    let item = item.fact("version", version).fact("EFI stub", is_efi);
    let item = match image.memory {
        Some(bytes) => item.fact("bytes of memory to start", bytes),
        None => item,
    };
    let item = match image.page_size {
        Some(bytes) => item.fact("bytes of a page", bytes),
        None => item,
    };
    let item = match content {
        Some(content) => embedded(item, content.config),
        None => item,
    };
    let item = signatures(item, window)?;
    Ok(match problem {
        Some(error) => item.problem(error.to_string()),
        None => item,
    })
}

/// Whether the first bytes of a file are those of a `.config`.
pub(super) fn is_config(head: &[u8]) -> bool {
    let text = String::from_utf8_lossy(&head[..head.len().min(4096)]);
    let first = text.lines().find(|line| !line.starts_with('#') && !line.is_empty());
    first.is_some_and(|line| line.starts_with("CONFIG_") && line.contains('='))
}

/// What a configuration says about the options of a boot.
pub(super) fn config(text: &[u8]) -> Item {
    let item = Item::new("kernel-config");
    let config = match Config::parse(text) {
        Ok(config) => config,
        Err(error) => return item.problem(error.to_string()),
    };
    let are = |answer: &Answer| -> Vec<String> {
        let is = |option: &&&str| config.get(option) == answer;
        OPTIONS.iter().filter(is).map(|option| (*option).to_owned()).collect()
    };
    let title = text.split(|&b| b == b'\n').find(|line| line.starts_with(b"# Linux/"));
    let title = title.map(|line| shown_bytes(line[2..].trim_ascii())).unwrap_or_default();
    let item = item.fact("of", title).fact("built in", are(&Answer::Yes));
    item.fact("modules", are(&Answer::Module)).fact("not set", are(&Answer::No))
}
