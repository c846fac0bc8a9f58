//! The file allocation table: which cluster follows which.

use super::geometry::{FIRST_CLUSTER, Kind, MEDIA};

/// The table for chains of these lengths (in clusters), one directly after the other from cluster 2
/// on. It ends with the last used entry; the free ones after it are zero.
pub(super) fn encode(kind: Kind, chains: &[u32]) -> Vec<u8> {
    let end = kind.end_of_chain();
    // Entry 0 repeats the media byte; entry 1 says: unmounted cleanly, no errors.
    let mut entries = vec![end & !0xff | u32::from(MEDIA), end];
    let mut next = FIRST_CLUSTER;
    for &len in chains {
        entries.extend(next + 1..next + len);
        next += len;
        entries.extend((len > 0).then_some(end));
    }
    match kind {
        Kind::Fat12 => pack12(&entries),
        Kind::Fat16 => entries.iter().flat_map(|&entry| (entry as u16).to_le_bytes()).collect(),
        Kind::Fat32 => entries.iter().flat_map(|&entry| entry.to_le_bytes()).collect(),
    }
}

/// Two entries in three bytes.
fn pack12(entries: &[u32]) -> Vec<u8> {
    let pair = |pair: &[u32]| {
        let both = pair[0] | pair.get(1).copied().unwrap_or(0) << 12;
        let [a, b, c, _] = both.to_le_bytes();
        [a, b, c]
    };
    entries.chunks(2).flat_map(pair).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chains_follow_each_other_and_empty_ones_have_no_entry() {
        let entries: Vec<u16> = encode(Kind::Fat16, &[1, 0, 3])
            .chunks_exact(2)
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect();
        assert_eq!(entries, [0xfff8, 0xffff, 0xffff, 4, 5, 0xffff]);
        assert_eq!(encode(Kind::Fat32, &[])[..], [0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f]);
    }

    #[test]
    fn twelve_bits_are_packed_in_pairs() {
        let expected = [0xf8, 0xff, 0xff, 0x03, 0xf0, 0xff];
        assert_eq!(encode(Kind::Fat12, &[2]), expected);
        assert_eq!(encode(Kind::Fat12, &[1])[3..], [0xff, 0x0f, 0x00]);
    }
}
