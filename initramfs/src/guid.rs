//! GUIDs as text: enough to compare one with what stands on the command line.

use core::fmt;

/// Sixteen bytes in the order in which they are printed (RFC 9562).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guid([u8; 16]);

impl Guid {
    /// A GUID that is stored in the order in which it is printed, as filesystems do.
    pub const fn from_bytes(stored: [u8; 16]) -> Self {
        Guid(stored)
    }

    /// A GUID as GPT stores it: the first three fields little-endian (UEFI 2.10, appendix A).
    pub const fn from_mixed_endian(s: [u8; 16]) -> Self {
        Guid([
            s[3], s[2], s[1], s[0], s[5], s[4], s[7], s[6], s[8], s[9], s[10], s[11], s[12], s[13],
            s[14], s[15],
        ])
    }
}

impl fmt::Display for Guid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (idx, byte) in self.0.iter().enumerate() {
            if matches!(idx, 4 | 6 | 8 | 10) {
                f.write_str("-")?;
            }
            write!(f, "{byte:02x}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn the_type_of_an_esp_prints_as_the_specification_prints_it() {
        let stored = *b"\x28\x73\x2a\xc1\x1f\xf8\xd2\x11\xba\x4b\x00\xa0\xc9\x3e\xc9\x3b";
        let text = Guid::from_mixed_endian(stored).to_string();
        assert_eq!(text, "c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
    }
}
