//! What is given in the place of a disk image and is none: a packed file, a tar (an OVA, a Vagrant box) or a
//! zip, which may hold one; a kernel, a program, an initramfs, a package, a text, nothing at all.
//!
//! A raw disk may begin with any bytes, so that only the magic of the others tells; one with boot code or
//! a partition table ends its first sector with 55 AA, and is never refused, unless it is a kernel.

use crate::compress;
use crate::error::{Error, Result};
use crate::tree::tar;
use crate::volume::Window;

/// Bytes that tell: those of a sector, and the start of a kernel's header behind it.
const HEAD: usize = 1024;

/// What helps with what holds no disk.
const SHOWN: &str = "`bootwright inspect` shows what is in it";

/// What begins so is no disk: what it is, and what to do about it.
const OTHERS: [(&[u8], &str, &str); 6] = [
    (b"PK\x03\x04", "a zip archive", "`unzip` takes the disk out"),
    (b"MZ", "an EFI program", SHOWN),
    (b"\x7fELF", "a program", SHOWN),
    (b"!<arch>\n", "a package", SHOWN),
    (b"070701", "an initramfs", SHOWN),
    (b"#!", "a script", SHOWN),
];

/// Refuses what is no raw disk.
///
/// # Errors
/// Where it is something else, with what takes the disk out or shows what is in it.
pub(super) fn refuse(file: &Window) -> Result<()> {
    let head = file.bytes(0, HEAD)?;
    let refused = |what: &str, hint: &str| {
        Err(Error::new(format!("it is {what}, not a disk image")).hint(hint.to_owned()))
    };
    if head.is_empty() {
        return Err(Error::new("it is empty"));
    }
    if head.get(0x202..0x206) == Some(b"HdrS") {
        return refused("a kernel", SHOWN);
    }
    if head.get(510..512) == Some(&[0x55, 0xaa]) {
        return Ok(());
    }
    if let Some((_, what, hint)) = OTHERS.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return refused(what, hint);
    }
    if tar::is_tar(&head) {
        return refused(
            "a tar archive",
            "`tar -xf` takes the disk out; that of an .ova is its .vmdk",
        );
    }
    // lzma has no magic, only a likely header.
    match compress::Format::sniff(&head).filter(|format| *format != compress::Format::Lzma) {
        Some(format) => {
            let hint = format!("unpack it first: {}", unpacker(format));
            refused(&format!("packed ({format})"), &hint)
        }
        None if is_text(&head) => refused("a text", SHOWN),
        None => Ok(()),
    }
}

/// Whether it is lines of text: a disk that is filled with one letter is none.
fn is_text(head: &[u8]) -> bool {
    let is_end = |error: std::str::Utf8Error| error.error_len().is_none();
    let is_printed = |&b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | b' '..);
    let is_utf8 = std::str::from_utf8(head).map_or_else(is_end, |_| true);
    is_utf8 && head.iter().all(is_printed) && head.contains(&b'\n')
}

/// The command that unpacks a format and keeps what was packed.
fn unpacker(format: compress::Format) -> &'static str {
    use compress::Format;
    match format {
        Format::Gzip => "`gunzip -k`",
        Format::Xz | Format::Lzma => "`unxz -k`",
        Format::Zstd => "`unzstd`",
        Format::Bzip2 => "`bunzip2 -k`",
        Format::Lz4 | Format::Lz4Legacy => "`unlz4 -k`",
        Format::Lzo => "`lzop -dk`",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Node, Time, Tree, TreePath};

    fn why(bytes: &[u8]) -> Option<String> {
        refuse(&Window::from(bytes.to_vec())).err().map(|error| error.to_string())
    }

    #[test]
    fn what_holds_a_disk_is_none() {
        let packed = compress::gzip(1, &[0; 4096]);
        assert_eq!(why(&packed).as_deref(), Some("it is packed (gzip), not a disk image"));
        assert!(why(b"PK\x03\x04").is_some_and(|why| why.contains("zip")));
        let mut tree = Tree::new(Time::EPOCH);
        let file = Node::file(0o644, Time::EPOCH, Content::from(b"x".to_vec()));
        tree.insert(TreePath::new(b"disk.vmdk").expect("good"), file).expect("free");
        let mut archive = Vec::new();
        tar::write(&tree, &mut archive).expect("in memory");
        assert!(why(&archive).is_some_and(|why| why.contains("tar")));
        assert_eq!(why(&[0; 1024]), None);
    }

    #[test]
    fn what_boots_or_is_read_is_no_disk() {
        let kernel = crate::kernel::bzimage::tests::kernel();
        let table: [(&[u8], &str); 8] = [
            (&kernel, "it is a kernel, not a disk image"),
            (b"MZ\x90\0", "it is an EFI program, not a disk image"),
            (b"\x7fELF\x02", "it is a program, not a disk image"),
            (b"!<arch>\ndebian-binary   ", "it is a package, not a disk image"),
            (b"0707010000", "it is an initramfs, not a disk image"),
            (b"#!/bin/sh\n", "it is a script, not a disk image"),
            ("root=/dev/vda1 grün\n".as_bytes(), "it is a text, not a disk image"),
            (b"", "it is empty"),
        ];
        for (bytes, text) in table {
            assert_eq!(why(bytes).as_deref(), Some(text));
        }
        // What fills a disk in tests, and what is no line of text.
        for bytes in [&[0x55; 4096][..], b"\0line\n", b"\xff\xfe line\n"] {
            assert_eq!(why(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_boot_sector_is_a_disk_whatever_it_begins_with() {
        let mut sector = vec![0; 512];
        sector[..2].copy_from_slice(b"\x1f\x8b");
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(why(&sector), None);
    }
}
