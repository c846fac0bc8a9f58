//! The hash of a directory entry's name: half MD4, as `dir_index` keeps entries sorted by it.
//!
//! Reference: kernel Documentation/filesystems/ext4/directory.rst, "Hash Tree Directories"; the
//! rounds are those of RFC 1320 without their second halves. Only the variant that reads names as
//! signed bytes is made, which the superblock says (`EXT2_FLAGS_SIGNED_HASH`).

use crate::bytes::Guid;

/// `s_def_hash_version` and `hash_version` of half MD4.
pub(super) const HALF_MD4: u8 = 1;

/// RFC 1320 §3.3: what a filesystem without a seed begins with.
const MD4_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];

/// How one of the three rounds goes: its constant, the order of the words, its rotations.
struct Round {
    mix: fn(u32, u32, u32) -> u32,
    constant: u32,
    words: [usize; 8],
    rotations: [u32; 4],
}

const ROUNDS: [Round; 3] = [
    Round {
        mix: |x, y, z| z ^ (x & (y ^ z)),
        constant: 0,
        words: [0, 1, 2, 3, 4, 5, 6, 7],
        rotations: [3, 7, 11, 19],
    },
    Round {
        mix: |x, y, z| (x & y).wrapping_add((x ^ y) & z),
        constant: 0x5a82_7999,
        words: [1, 3, 5, 7, 0, 2, 4, 6],
        rotations: [3, 5, 9, 13],
    },
    Round {
        mix: |x, y, z| x ^ y ^ z,
        constant: 0x6ed9_eba1,
        words: [3, 7, 2, 6, 1, 5, 0, 4],
        rotations: [3, 9, 11, 15],
    },
];

/// The hash that the entry of this name is sorted by; its lowest bit, which marks collisions, is 0.
pub(super) fn half_md4(name: &[u8], seed: Guid) -> u32 {
    let bytes = seed.to_bytes();
    let words: [u32; 4] = std::array::from_fn(|i| {
        u32::from_le_bytes([bytes[4 * i], bytes[4 * i + 1], bytes[4 * i + 2], bytes[4 * i + 3]])
    });
    let mut state = if words == [0; 4] { MD4_START } else { words };
    for at in (0..name.len()).step_by(32) {
        transform(&mut state, &words_of(&name[at..]));
    }
    match state[1] & !1 {
        // The end of a directory has this hash for whoever reads on after it.
        0xffff_fffe => 0xffff_fffc,
        hash => hash,
    }
}

/// Eight words of a name, big-endian, each byte with its sign; the rest is filled with the length.
fn words_of(rest: &[u8]) -> [u32; 8] {
    let len = rest.len() as u32;
    let pad = len | len << 8;
    let pad = pad | pad << 16;
    let part = &rest[..rest.len().min(32)];
    std::array::from_fn(|i| {
        let word = part.get(4 * i..part.len().min(4 * i + 4)).unwrap_or_default();
        word.iter().fold(pad, |word, &byte| (word << 8).wrapping_add(byte as i8 as u32))
    })
}

fn transform(state: &mut [u32; 4], input: &[u32; 8]) {
    let mut s = *state;
    for round in &ROUNDS {
        for (step, &word) in round.words.iter().enumerate() {
            // Registers take turns: a, d, c, b.
            let [a, b, c, d] = [0, 1, 2, 3].map(|r| (r + 4 - step % 4) % 4);
            let mixed = (round.mix)(s[b], s[c], s[d]);
            let sum = s[a].wrapping_add(mixed).wrapping_add(input[word]);
            s[a] = sum.wrapping_add(round.constant).rotate_left(round.rotations[step % 4]);
        }
    }
    for (register, value) in state.iter_mut().zip(s) {
        *register = register.wrapping_add(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_debugfs() {
        // debugfs -R "dx_hash -h half_md4 -s SEED NAME"
        let seed = Guid::new(0x8941_1cb8_3bc7_4d76_973b_ba1d_17ca_50dc);
        for (name, hash) in [
            ("a", 0xd92e_bf1e),
            ("lost+found", 0xe0d4_115c),
            ("a-name-that-is-longer-than-thirty-two-bytes", 0x1c39_6e26),
            ("\u{e9}t\u{e9}", 0xab37_1a44),
        ] {
            assert_eq!(half_md4(name.as_bytes(), seed), hash, "{name}");
        }
        assert_eq!(half_md4(b"abc", Guid::default()), 0xd196_a868);
    }
}
