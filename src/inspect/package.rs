//! A Debian package (deb(5)): its members, and what its control file says.

use std::io::Read;

use super::Item;
use crate::compress;
use crate::error::{Result, shown_bytes};
use crate::volume::Window;

/// Bytes of `!<arch>\n`, and of a member's header.
const MAGIC_LEN: u64 = 8;
const HEADER_LEN: usize = 60;

/// The most members that are shown; a package has three.
const MEMBERS_MAX: usize = 16;

/// The longest control file that is read, and the most that is unpacked on the way to it.
const CONTROL_MAX: u64 = 1 << 20;
const UNPACKED_MAX: u64 = 16 << 20;

/// What is shown of it.
const FIELDS: [&str; 7] =
    ["Package", "Version", "Architecture", "Installed-Size", "Depends", "Description", "Source"];

pub(super) fn inspect(window: &Window) -> Result<Item> {
    let mut item = Item::new("deb");
    let mut at = MAGIC_LEN;
    while at < window.len() && item.items.len() < MEMBERS_MAX {
        let header = window.bytes(at, HEADER_LEN)?;
        let Some((name, size)) = member(&header) else {
            return Ok(item.problem(format!("the member header at offset {at} is damaged")));
        };
        let start = at + HEADER_LEN as u64;
        let content = window.part(start, size);
        if content.len() < size {
            item = item.problem(format!("{name} reaches past the end of the file"));
        }
        if name.starts_with("control.tar") {
            item = match control(&content) {
                Ok(text) => fields(item, &text),
                Err(error) => item.problem(format!("{name}: {error}")),
            };
        }
        item = item.child(Item::new("file").named(name).at(start, size));
        at = start.saturating_add(size).saturating_add(size % 2);
    }
    let is_package = item.items.first().is_some_and(|first| first.name == "debian-binary");
    match is_package {
        true => Ok(item),
        false => {
            item.kind = "file";
            Ok(item.fact("format", "ar archive"))
        }
    }
}

/// A member's name and length.
fn member(header: &[u8]) -> Option<(String, u64)> {
    let header = header.get(..HEADER_LEN).filter(|header| header.ends_with(b"`\n"))?;
    let name = shown_bytes(header[..16].trim_ascii_end());
    let size = std::str::from_utf8(&header[48..58]).ok()?.trim_end().parse().ok()?;
    Some((name.trim_end_matches('/').to_owned(), size))
}

/// The text of the file `control` in the control archive.
fn control(member: &Window) -> Result<String> {
    let unpacked = compress::reader(member.reader())?.take(UNPACKED_MAX);
    let mut archive = tar::Archive::new(unpacked);
    for entry in archive.entries()? {
        let entry = entry?;
        if entry.path_bytes().ends_with(b"control") {
            let mut text = Vec::new();
            entry.take(CONTROL_MAX).read_to_end(&mut text)?;
            return Ok(String::from_utf8_lossy(&text).into_owned());
        }
    }
    Ok(String::new())
}

fn fields(mut item: Item, text: &str) -> Item {
    for field in FIELDS {
        let value =
            |line: &str| Some(line.strip_prefix(field)?.strip_prefix(':')?.trim().to_owned());
        let value = text.lines().find_map(value).unwrap_or_default();
        item = item.fact(field, shown_bytes(value.as_bytes()));
    }
    item
}
