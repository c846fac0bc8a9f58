//! What shim starts: `grubx64.efi` beside it, or what its fallback program finds.
//!
//! On the removable-media path shim hands over to `fbx64.efi` where that lies beside it. It reads
//! `BOOTX64.CSV` in every folder of `EFI`, makes firmware's boot entries of what they name, and starts
//! the first: a shim with its loader beside it (shim's README.fallback).

use crate::arch::X86_64;
use crate::efi::pe::EfiProgram;
use crate::lint::files::Files;

/// What shim starts, wherever it is.
const LOADER: &str = "grubx64.efi";

/// Whether a program is shim: it says who it is in its SBAT section.
pub(super) fn is_shim(program: &EfiProgram, bytes: &[u8]) -> bool {
    let sbat = program.content(bytes, ".sbat").unwrap_or_default();
    sbat.split(|&b| b == b'\n').any(|line| line.starts_with(b"shim,"))
}

/// The path of the loader behind a shim on the removable-media path.
pub(super) fn next(files: &Files) -> String {
    let fallback = files.has(b"/EFI/BOOT/fbx64.efi").then(|| listed(files)).flatten();
    fallback.unwrap_or_else(|| format!("/EFI/BOOT/{LOADER}"))
}

/// What the first list of boot entries leads to.
fn listed(files: &Files) -> Option<String> {
    files.names(b"EFI").into_iter().find_map(|name| {
        let folder = format!("/EFI/{}", String::from_utf8(name).ok()?);
        let list = files.read(format!("{folder}/BOOTX64.CSV").as_bytes())?;
        let path = format!("{folder}/{}", first_field(&list));
        let bytes = files.read(path.as_bytes())?;
        let program = EfiProgram::parse(&bytes, &X86_64).ok()?;
        Some(if is_shim(&program, &bytes) { format!("{folder}/{LOADER}") } else { path })
    })
}

/// The text before the first comma, of UTF-16 with or without a byte order mark.
fn first_field(list: &[u8]) -> String {
    let units: Vec<u16> =
        list.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    let text = String::from_utf16_lossy(&units);
    text.trim_start_matches('\u{feff}').split(',').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_field_is_read_with_and_without_its_mark() {
        let utf16 =
            |text: &str| -> Vec<u8> { text.encode_utf16().flat_map(u16::to_le_bytes).collect() };
        assert_eq!(first_field(&utf16("shimx64.efi,debian,,x\n")), "shimx64.efi");
        assert_eq!(first_field(&utf16("\u{feff}shimx64.efi,Fedora,,x\n")), "shimx64.efi");
        assert_eq!(first_field(b"x"), "");
    }
}
