//! What is given in the place of a disk image and holds one: a packed file, a tar (an OVA, a Vagrant box), a zip.
//!
//! A raw disk may begin with any bytes, so that only the magic of the others tells; one with boot code or
//! a partition table ends its first sector with 55 AA, and is never refused.

use crate::compress;
use crate::error::{Error, Result};
use crate::tree::tar;
use crate::volume::Window;

/// Bytes of a sector, and of what tells.
const SECTOR: usize = 512;

/// Refuses what is no raw disk.
///
/// # Errors
/// Where it is packed or an archive, with what takes the disk out.
pub(super) fn refuse(file: &Window) -> Result<()> {
    let head = file.bytes(0, SECTOR)?;
    if head.get(510..512) == Some(&[0x55, 0xaa]) {
        return Ok(());
    }
    let refused = |what: String, hint: &str| Err(Error::new(what).hint(hint.to_owned()));
    if head.starts_with(b"PK\x03\x04") {
        return refused(
            "it is a zip archive, not a disk image".into(),
            "`unzip` takes the disk out",
        );
    }
    if tar::is_tar(&head) {
        let hint = "`tar -xf` takes the disk out; that of an .ova is its .vmdk";
        return refused("it is a tar archive, not a disk image".into(), hint);
    }
    // lzma has no magic, only a likely header.
    match compress::Format::sniff(&head).filter(|format| *format != compress::Format::Lzma) {
        Some(format) => refused(
            format!("it is packed ({format}), not a disk image"),
            &format!("unpack it first: {}", unpacker(format)),
        ),
        None => Ok(()),
    }
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
    fn a_boot_sector_is_a_disk_whatever_it_begins_with() {
        let mut sector = vec![0; 512];
        sector[..2].copy_from_slice(b"\x1f\x8b");
        sector[510..].copy_from_slice(&[0x55, 0xaa]);
        assert_eq!(why(&sector), None);
    }
}
