//! A bzImage, and a kernel's configuration.

use super::{Item, signature};
use crate::efi::header::Headers;
use crate::error::{Result, shown_bytes};
use crate::kernel::bzimage::BzImage;
use crate::kernel::config::{Answer, Config};
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

pub(super) fn inspect(window: &Window, head: &[u8], depth: usize) -> Result<Item> {
    let item = Item::new("kernel");
    let kernel = match BzImage::parse(head, window.len()) {
        Ok(kernel) => kernel,
        Err(error) => return Ok(item.problem(error.to_string())),
    };
    let (major, minor) = kernel.protocol;
    let item = item.fact("release", kernel.release()).fact("version", kernel.version.as_str());
    let item = item.fact("boot protocol", format!("{major}.{minor:02}")).fact("EFI stub", true);
    let item = item.fact("EFI handover entry", kernel.handover_offset.is_some());
    let item = item.fact("relocatable", kernel.relocatable);
    let item = item.fact("longest command line", u64::from(kernel.cmdline_size));
    let item = item.fact("bytes of memory to start", u64::from(kernel.init_size));
    let item = match payload::compression(window, &kernel)? {
        Some((format, unpacked)) => item
            .fact("payload", format.name())
            .fact("payload bytes", kernel.payload.1)
            .fact("payload unpacks to", unpacked),
        None => item.fact("payload", "in a compression that is not read"),
    };
    let item = match Headers::read(window) {
        Ok(headers) => signature::add(item, &headers, window)?,
        Err(error) => item.problem(error.to_string()),
    };
    // It takes the unpacking of the whole kernel, which is for those who asked for this file.
    match depth {
        0 => Ok(embedded_config(item, window, &kernel)),
        _ => Ok(item),
    }
}

fn embedded_config(item: Item, window: &Window, kernel: &BzImage) -> Item {
    match ikconfig::find(window, kernel) {
        Ok(Some(text)) => {
            let size = text.len() as u64;
            let mut config = config(&text).named("embedded");
            config.size = Some(size);
            item.child(config)
        }
        Ok(None) => item.fact("embedded config", "none"),
        Err(error) => item.problem(error.to_string()),
    }
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
