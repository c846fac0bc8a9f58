//! The base relocation table of a PE file: which pointers a loader moves.
//!
//! Source: Microsoft's PE format, ".reloc". A block a page: its address, its length, and an entry of 16
//! bits a pointer. Only 64-bit pointers (`IMAGE_REL_BASED_DIR64`) are written.

/// What a block is for.
const PAGE: u32 = 4096;

/// `IMAGE_REL_BASED_DIR64`, in the upper four bits of an entry.
const DIR64: u16 = 10 << 12;

/// Bytes in front of a block's entries.
const HEAD: usize = 8;

/// Blocks start at multiples of this.
const BLOCK_ALIGNMENT: usize = 8;

/// The table for these addresses, which are sorted, as long as a multiple of `section`; entries that say
/// nothing fill up each block, and the last one to there.
pub(super) fn table(pointers: &[u32], section: usize) -> Vec<u8> {
    let blocks: Vec<_> = pointers.chunk_by(|a, b| a / PAGE == b / PAGE).collect();
    let mut table = Vec::new();
    for (number, block) in blocks.iter().enumerate() {
        let start = table.len();
        let end = start + HEAD + 2 * block.len();
        let alignment = if number + 1 == blocks.len() { section } else { BLOCK_ALIGNMENT };
        let end = end.next_multiple_of(alignment);
        table.extend((block[0] / PAGE * PAGE).to_le_bytes());
        table.extend(((end - start) as u32).to_le_bytes());
        table.extend(block.iter().flat_map(|at| (DIR64 | (at % PAGE) as u16).to_le_bytes()));
        table.resize(end, 0);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_a_page_and_the_last_one_to_the_end() {
        let table = table(&[0x1008, 0x1010, 0x1ff8, 0x3000], 4096);
        assert_eq!(table.len(), 4096);
        assert_eq!(table[..8], [0, 0x10, 0, 0, 16, 0, 0, 0]);
        assert_eq!(table[8..16], [0x08, 0xa0, 0x10, 0xa0, 0xf8, 0xaf, 0, 0]);
        assert_eq!(table[16..24], [0, 0x30, 0, 0, 0xf0, 0x0f, 0, 0]);
        assert_eq!(table[24..28], [0, 0xa0, 0, 0]);
        assert!(super::table(&[], 4096).is_empty());
    }
}
