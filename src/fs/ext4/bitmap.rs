//! Bitmaps of blocks and inodes: a block each, with a bit for each, the lowest first.
//!
//! Reference: kernel Documentation/filesystems/ext4/bitmaps.rst. Bits for what is not there are 1.

use std::ops::Range;

/// A bitmap in which nothing is in use, `bits` bits exist, and those after them are set.
pub(super) fn empty(block_size: usize, bits: u64) -> Vec<u8> {
    let mut bitmap = vec![0; block_size];
    set(&mut bitmap, bits..8 * block_size as u64);
    bitmap
}

/// Sets a range of bits.
pub(super) fn set(bitmap: &mut [u8], bits: Range<u64>) {
    let (first, last) = ((bits.start / 8) as usize, (bits.end / 8) as usize);
    let below = |bit: u64| (1u16 << (bit % 8)) as u8 - 1;
    if bits.start >= bits.end {
        return;
    }
    if first == last {
        bitmap[first] |= below(bits.end) & !below(bits.start);
        return;
    }
    bitmap[first] |= !below(bits.start);
    bitmap[first + 1..last].fill(0xff);
    if let Some(byte) = bitmap.get_mut(last) {
        *byte |= below(bits.end);
    }
}

/// Clears a range of bits.
pub(super) fn clear(bitmap: &mut [u8], bits: Range<u64>) {
    bitmap.iter_mut().for_each(|byte| *byte = !*byte);
    set(bitmap, bits);
    bitmap.iter_mut().for_each(|byte| *byte = !*byte);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_set_bit_by_bit() {
        for start in 0..24 {
            for end in start..=24 {
                let mut bitmap = vec![0; 3];
                set(&mut bitmap, start..end);
                let is_set = |bit: u64| bitmap[(bit / 8) as usize] & 1 << (bit % 8) != 0;
                assert!((0..24).all(|bit| is_set(bit) == (start..end).contains(&bit)));
                clear(&mut bitmap, start..end);
                assert_eq!(bitmap, [0; 3]);
            }
        }
        assert_eq!(empty(2, 9), [0, 0xfe]);
    }
}
