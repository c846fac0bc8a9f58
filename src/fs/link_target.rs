//! What symlinks lead to, as Linux takes it from every filesystem.

/// The longest target, in bytes: Linux's `PATH_MAX` less the NUL behind it (include/uapi/linux/limits.h).
pub(super) const TARGET_MAX: usize = 4095;

/// Whether a link can lead there; `most` is less than [`TARGET_MAX`] where a filesystem has less room.
pub(super) fn is_possible(target: &[u8], most: usize) -> bool {
    (1..=most.min(TARGET_MAX)).contains(&target.len()) && !target.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_paths_of_linux() {
        assert!(is_possible(b"a", 1) && is_possible(&[b'x'; TARGET_MAX], usize::MAX));
        for (target, most) in [(&b""[..], 9), (b"a\0b", 9), (b"ab", 1), (&[b'x'; 4096], 9999)] {
            assert!(!is_possible(target, most), "{} of {most}", target.len());
        }
    }
}
