//! The 512 bytes in front of every member (POSIX.1-2024 `pax`, "ustar Interchange Format"; GNU tar,
//! "Basic Tar Format").

use std::ops::Range;

/// The unit of everything in a tar.
pub(super) const BLOCK: usize = 512;

pub(super) const NAME: Range<usize> = 0..100;
pub(super) const MODE: Range<usize> = 100..108;
pub(super) const UID: Range<usize> = 108..116;
pub(super) const GID: Range<usize> = 116..124;
pub(super) const SIZE: Range<usize> = 124..136;
pub(super) const MTIME: Range<usize> = 136..148;
pub(super) const CHECKSUM: Range<usize> = 148..156;
pub(super) const TYPE: usize = 156;
pub(super) const LINK: Range<usize> = 157..257;
const MAGIC: Range<usize> = 257..265;
pub(super) const MAJOR: Range<usize> = 329..337;
pub(super) const MINOR: Range<usize> = 337..345;
const PREFIX: Range<usize> = 345..500;
/// GNU only: four runs of an old sparse file, whether more follow, and the file's real size.
pub(super) const GNU_SPARSE: Range<usize> = 386..482;
pub(super) const GNU_IS_EXTENDED: usize = 482;
pub(super) const GNU_REAL_SIZE: Range<usize> = 483..495;

const USTAR: &[u8; 8] = b"ustar\x0000";

/// A header's bytes.
pub(super) struct Header(pub(super) [u8; BLOCK]);

impl Header {
    /// A header of this type whose other fields are still empty.
    pub(super) fn new(kind: u8) -> Self {
        let mut bytes = [0; BLOCK];
        bytes[MAGIC].copy_from_slice(USTAR);
        bytes[TYPE] = kind;
        Header(bytes)
    }

    /// Whether it is nothing but zeros: the end of the archive.
    pub(super) fn is_zero(&self) -> bool {
        self.0.iter().all(|&b| b == 0)
    }

    /// Whether its checksum is right; some old writers summed signed bytes.
    pub(super) fn is_sound(&self) -> bool {
        let Some(stored) = number(&self.0[CHECKSUM]) else { return false };
        let blank = |i: usize, b: u8| if CHECKSUM.contains(&i) { b' ' } else { b };
        let bytes = || self.0.iter().enumerate().map(|(i, &b)| blank(i, b));
        let unsigned: i64 = bytes().map(i64::from).sum();
        let signed: i64 = bytes().map(|b| i64::from(b as i8)).sum();
        stored == unsigned || stored == signed
    }

    /// What it describes: `0` for a file, `5` for a directory ...
    pub(super) fn kind(&self) -> u8 {
        self.0[TYPE]
    }

    /// The path: ustar's prefix and name.
    pub(super) fn path(&self) -> Vec<u8> {
        let (name, prefix) = (text(&self.0[NAME]), text(&self.0[PREFIX]));
        // GNU and older headers have other things where ustar has its prefix.
        match &self.0[MAGIC] == USTAR && !prefix.is_empty() {
            true => [prefix, name].join(&b'/'),
            false => name.to_vec(),
        }
    }

    /// The target of a link.
    pub(super) fn link(&self) -> &[u8] {
        text(&self.0[LINK])
    }

    /// A numeric field.
    pub(super) fn number(&self, field: Range<usize>) -> Option<i64> {
        number(&self.0[field])
    }

    /// Writes bytes at the start of a field; whether they fit.
    pub(super) fn set_text(&mut self, field: Range<usize>, bytes: &[u8]) -> bool {
        let fits = bytes.len() <= field.len();
        let n = bytes.len().min(field.len());
        self.0[field][..n].copy_from_slice(&bytes[..n]);
        fits
    }

    /// Writes an octal number that fills a field but for its NUL; whether it fits, else 0 is written.
    pub(super) fn set_number(&mut self, field: Range<usize>, value: i64) -> bool {
        let digits = field.len() - 1;
        let fits = (0..1 << (3 * digits)).contains(&value);
        let text = format!("{:0digits$o}", if fits { value } else { 0 });
        self.0[field][..digits].copy_from_slice(text.as_bytes());
        fits
    }

    /// Writes the checksum: the last thing.
    pub(super) fn seal(&mut self) {
        self.0[CHECKSUM].fill(b' ');
        let sum: u32 = self.0.iter().map(|&b| u32::from(b)).sum();
        // Six digits, NUL, space: the form that all writers use.
        self.0[CHECKSUM][..7].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}

/// A field up to its first NUL.
pub(super) fn text(field: &[u8]) -> &[u8] {
    field.split(|&b| b == 0).next().unwrap_or_default()
}

/// A number: octal text, or GNU's big-endian two's complement behind a set first bit. An empty field is 0.
pub(super) fn number(field: &[u8]) -> Option<i64> {
    match field.first()? {
        first @ (0x80 | 0xff) => {
            let start = if *first == 0xff { -1 } else { 0 };
            field[1..]
                .iter()
                .try_fold(start, |n: i64, &b| n.checked_mul(256)?.checked_add(b.into()))
        }
        _ => {
            let digits = text(field).trim_ascii();
            digits.iter().try_fold(0, |n: i64, &b| match b {
                b'0'..=b'7' => n.checked_mul(8)?.checked_add((b - b'0').into()),
                _ => None,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_octal_or_base_256() {
        assert_eq!(number(b"0000644\0"), Some(0o644));
        assert_eq!(number(b" 644 \0\0\0"), Some(0o644));
        assert_eq!(number(b"\0\0\0\0"), Some(0));
        assert_eq!(number(b"\x80\0\0\x01\0"), Some(256));
        assert_eq!(number(&[0xff; 12]), Some(-1));
        assert_eq!(number(b"12x\0"), None);
        assert_eq!(number(&[0x80, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0]), None);
    }

    #[test]
    fn what_is_written_is_sound_and_damage_is_seen() {
        let mut header = Header::new(b'0');
        assert!(header.set_text(NAME, b"etc/passwd") && header.set_number(MODE, 0o644));
        assert!(!header.set_number(UID, 1 << 21), "seven digits");
        header.seal();
        assert!(header.is_sound());
        assert_eq!(header.path(), b"etc/passwd");
        header.0[3] ^= 1;
        assert!(!header.is_sound());
    }
}
