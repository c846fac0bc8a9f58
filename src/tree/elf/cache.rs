//! The loader's cache, `/etc/ld.so.cache` (glibc's `sysdeps/generic/dl-cache.h`): which library is where.
//!
//! Read are the new format and the new behind the old one; entries for particular CPUs are passed over,
//! because a generic one stands beside them.

use crate::bytes::{le32, le64};

const OLD_MAGIC: &[u8] = b"ld.so-1.7.0";
const OLD_HEADER: usize = 16;
const OLD_ENTRY: usize = 12;
const NEW_MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const NEW_HEADER: usize = 48;
const NEW_ENTRY: usize = 24;

/// The entries of a cache: names of libraries and their paths. What is damaged is passed over, as the
/// loader does, which then looks into its directories.
pub(super) fn entries(bytes: &[u8]) -> Vec<(&[u8], &[u8])> {
    let Some(new) = new_format(bytes) else { return Vec::new() };
    let count = le32(new, 20).unwrap_or(0) as usize;
    let string = |offset: u32| {
        let rest = new.get(offset as usize..)?;
        let end = rest.iter().take(4096).position(|&b| b == 0)?;
        Some(&rest[..end])
    };
    let entries = new.get(NEW_HEADER..).unwrap_or_default().chunks_exact(NEW_ENTRY).take(count);
    entries
        .filter(|entry| le64(entry, 16) == Some(0))
        .filter_map(|entry| Some((string(le32(entry, 4)?)?, string(le32(entry, 8)?)?)))
        .collect()
}

/// The part in the new format, to whose start its offsets count.
fn new_format(bytes: &[u8]) -> Option<&[u8]> {
    if bytes.starts_with(NEW_MAGIC) {
        return Some(bytes);
    }
    let count = le32(bytes.strip_prefix(OLD_MAGIC)?, 1)? as usize;
    let end = count.checked_mul(OLD_ENTRY)?.checked_add(OLD_HEADER)?;
    let new = bytes.get(end.checked_next_multiple_of(8)?..)?;
    new.starts_with(NEW_MAGIC).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache of one entry, `libx.so.1` at `/usr/lib/libx.so.1`.
    fn cache(hwcap: u64) -> Vec<u8> {
        let mut bytes = NEW_MAGIC.to_vec();
        bytes.extend(1u32.to_le_bytes());
        bytes.resize(NEW_HEADER, 0);
        let strings = (NEW_HEADER + NEW_ENTRY) as u32;
        for word in [3, strings, strings + 10, 0] {
            bytes.extend(u32::to_le_bytes(word));
        }
        bytes.extend(hwcap.to_le_bytes());
        bytes.extend(b"libx.so.1\0/usr/lib/libx.so.1\0");
        bytes
    }

    #[test]
    fn both_formats_are_read() {
        let wanted = [(&b"libx.so.1"[..], &b"/usr/lib/libx.so.1"[..])];
        assert_eq!(entries(&cache(0)), wanted);
        assert_eq!(entries(&cache(1 << 62)), []);
        let mut old = OLD_MAGIC.to_vec();
        old.extend([&[0][..], &1u32.to_le_bytes(), &[0; OLD_ENTRY]].concat());
        old.resize(old.len().next_multiple_of(8), 0);
        old.extend(cache(0));
        assert_eq!(entries(&old), wanted);
    }

    #[test]
    fn damage_is_passed_over() {
        let whole = cache(0);
        for cut in 0..whole.len() - 1 {
            assert_eq!(entries(&whole[..cut]), [], "{cut}");
        }
        let mut huge = whole;
        huge[20..24].fill(0xff);
        assert!(entries(&huge).len() < 3);
    }
}
