//! Fields of on-disk structures: bounded little/big-endian reads, GUIDs, digests of inputs.
//!
//! Writes need no help: `buffer[4..8].copy_from_slice(&x.to_le_bytes())` says what it does.

use std::fmt;
use std::str::FromStr;

/// Reads a little-endian `u16`; `None` past the end.
pub fn le16(bytes: &[u8], offset: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Reads a little-endian `u32`; `None` past the end.
pub fn le32(bytes: &[u8], offset: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Reads a little-endian `u64`; `None` past the end.
pub fn le64(bytes: &[u8], offset: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(offset..)?.first_chunk()?))
}

/// Reads a big-endian `u16`; `None` past the end.
pub fn be16(bytes: &[u8], offset: usize) -> Option<u16> {
    le16(bytes, offset).map(u16::swap_bytes)
}

/// Reads a big-endian `u32`; `None` past the end.
pub fn be32(bytes: &[u8], offset: usize) -> Option<u32> {
    le32(bytes, offset).map(u32::swap_bytes)
}

/// Reads a big-endian `u64`; `None` past the end.
pub fn be64(bytes: &[u8], offset: usize) -> Option<u64> {
    le64(bytes, offset).map(u64::swap_bytes)
}

/// A GUID as it is written: `c12a7328-f81f-11d2-ba4b-00a0c93ec93b` is the number `0xc12a7328_…`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Guid(u128);

impl Guid {
    /// The GUID whose 32 hexadecimal digits are this number.
    pub const fn new(digits: u128) -> Self {
        Guid(digits)
    }

    /// The GUID in the order in which it is printed (RFC 9562, network order).
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The GUID as GPT stores it: the first three fields little-endian (UEFI 2.10, appendix A).
    pub const fn to_mixed_endian(self) -> [u8; 16] {
        let b = self.0.to_be_bytes();
        [
            b[3], b[2], b[1], b[0], b[5], b[4], b[7], b[6], b[8], b[9], b[10], b[11], b[12], b[13],
            b[14], b[15],
        ]
    }

    /// The inverse of [`Guid::to_mixed_endian`].
    pub const fn from_mixed_endian(stored: [u8; 16]) -> Self {
        // The permutation is its own inverse.
        Guid(u128::from_be_bytes(Guid(u128::from_be_bytes(stored)).to_mixed_endian()))
    }

    /// A version 8 GUID (RFC 9562 §5.8) with these bits, version and variant set.
    pub const fn custom(bits: u128) -> Self {
        let versioned = bits & !(0xf << 76) | 0x8 << 76;
        Guid(versioned & !(0b11 << 62) | 0b10 << 62)
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hex = format!("{:032x}", self.0);
        write!(f, "{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

impl fmt::Debug for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The text is not eight-four-four-four-twelve hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a GUID such as c12a7328-f81f-11d2-ba4b-00a0c93ec93b")]
pub struct GuidError(String);

impl FromStr for Guid {
    type Err = GuidError;

    fn from_str(text: &str) -> Result<Self, GuidError> {
        let error = || GuidError(text.into());
        let groups: Vec<_> = text.split('-').collect();
        if groups.iter().map(|g| g.len()).ne([8, 4, 4, 4, 12]) {
            return Err(error());
        }
        let digits = groups.concat();
        match digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            true => u128::from_str_radix(&digits, 16).map(Guid).map_err(|_| error()),
            false => Err(error()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_are_bounded() {
        assert_eq!(le16(&[1, 2, 3], 1), Some(0x0302));
        assert_eq!(le32(&[1, 2, 3], 0), None);
        assert_eq!(le64(&[0; 8], usize::MAX), None);
        assert_eq!((be16(&[1, 2], 0), be32(&[0, 0, 1, 2], 0)), (Some(0x102), Some(0x102)));
        assert_eq!(be64(&[0; 8], 1), None);
    }

    #[test]
    fn a_guid_prints_parses_and_is_stored_mixed_endian() {
        let text = "c12a7328-f81f-11d2-ba4b-00a0c93ec93b";
        let guid: Guid = text.parse().expect("it is a GUID");
        assert_eq!(guid.to_string(), text);
        assert_eq!(guid.to_mixed_endian()[..8], [0x28, 0x73, 0x2a, 0xc1, 0x1f, 0xf8, 0xd2, 0x11]);
        assert_eq!(Guid::from_mixed_endian(guid.to_mixed_endian()), guid);
        assert!("c12a7328f81f11d2ba4b00a0c93ec93b".parse::<Guid>().is_err());
    }

    #[test]
    fn a_custom_guid_has_version_8_and_the_rfc_variant() {
        let text = Guid::custom(u128::MAX).to_string();
        assert_eq!((&text[14..15], &text[19..20]), ("8", "b"));
    }
}
