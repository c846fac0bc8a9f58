//! Device numbers as inodes of several filesystems carry them: the kernel's `new_encode_dev`.

/// Majors that Linux has.
const MAJORS: u32 = 1 << 12;
/// Minors that Linux has.
const MINORS: u32 = 1 << 20;

/// The number of a device; `None` where Linux has none like it.
pub(super) fn encode(major: u32, minor: u32) -> Option<u32> {
    let is_possible = major < MAJORS && minor < MINORS;
    is_possible.then_some(minor & 0xff | major << 8 | (minor & !0xff) << 12)
}

/// Major and minor of a number.
pub(super) fn decode(number: u32) -> (u32, u32) {
    (number >> 8 & 0xfff, number & 0xff | number >> 12 & 0xf_ff00)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_linux() {
        assert_eq!(encode(1, 3), Some(0x103));
        assert_eq!(encode(259, 70_000), Some(0x1111_0370));
        assert_eq!(decode(0x1111_0370), (259, 70_000));
        assert_eq!(encode(4095, 0xf_ffff).map(decode), Some((4095, 0xf_ffff)));
        assert_eq!((encode(4096, 0), encode(0, 1 << 20)), (None, None));
    }
}
