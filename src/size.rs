//! Sizes as people write them ("64 MiB", "1.5G"), and alignment.

use std::fmt;
use std::str::FromStr;

/// A KiB in bytes.
pub const KIB: u64 = 1 << 10;
/// A MiB in bytes.
pub const MIB: u64 = 1 << 20;
/// A GiB in bytes.
pub const GIB: u64 = 1 << 30;

/// A TiB in bytes.
pub const TIB: u64 = 1 << 40;

/// A number of bytes that parses from and prints as "64 MiB".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Size(
    /// The number of bytes.
    pub u64,
);

/// Why a text is not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// No number in front of the unit.
    #[error("`{0}` is not a size: write a number and a unit, such as 64M or 1.5 GiB")]
    Number(String),
    /// A unit that is not B, K, M, G or T.
    #[error("`{0}` has an unknown unit: use B, K, M, G or T (powers of 1024)")]
    Unit(String),
    /// Over 2^63 bytes, the largest file.
    #[error("`{0}` is larger than any file")]
    TooLarge(String),
}

impl FromStr for Size {
    type Err = SizeError;

    /// Reads `4096`, `64M`, `64 MiB` and `1.5g`; units are powers of 1024.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let digits = text.trim();
        // What is no number at all is not called a unit.
        if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return Err(SizeError::Number(text.into()));
        }
        let split = digits.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(digits.len());
        let (number, unit) = (&digits[..split], digits[split..].trim());
        let scale = match unit.to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => KIB,
            "m" | "mb" | "mib" => MIB,
            "g" | "gb" | "gib" => GIB,
            "t" | "tb" | "tib" => TIB,
            _ => return Err(SizeError::Unit(text.into())),
        };
        if let Ok(whole) = number.parse::<u64>() {
            let bytes = whole.checked_mul(scale).filter(|&b| b <= i64::MAX as u64);
            return bytes.map(Size).ok_or_else(|| SizeError::TooLarge(text.into()));
        }
        let fraction: f64 = number.parse().map_err(|_| SizeError::Number(text.into()))?;
        let bytes = (fraction * scale as f64).round();
        match bytes < i64::MAX as f64 {
            true => Ok(Size(bytes as u64)),
            false => Err(SizeError::TooLarge(text.into())),
        }
    }
}

impl fmt::Display for Size {
    /// The largest unit that keeps at least one whole digit: "512 B", "63.5 MiB", "2 GiB", "3 TiB".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = match self.0 {
            TIB.. => (TIB, "TiB"),
            GIB.. => (GIB, "GiB"),
            MIB.. => (MIB, "MiB"),
            KIB.. => (KIB, "KiB"),
            _ => return f.pad(&format!("{} B", self.0)),
        };
        let text = match self.0.is_multiple_of(scale) {
            true => format!("{} {unit}", self.0 / scale),
            false => format!("{:.1} {unit}", self.0 as f64 / scale as f64),
        };
        f.pad(&text)
    }
}

/// The smallest multiple of `alignment` that is at least `value`.
pub const fn align_up(value: u64, alignment: u64) -> u64 {
    value.div_ceil(alignment) * alignment
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_parse_as_people_write_them() {
        for (text, bytes) in
            [("4096", 4096), ("64M", 64 * MIB), ("64 MiB", 64 * MIB), ("1.5g", 3 * GIB / 2)]
        {
            assert_eq!(text.parse(), Ok(Size(bytes)), "{text}");
        }
    }

    #[test]
    fn what_is_no_size_says_why() {
        for text in ["M", "-1", "+5M", "NaN", ""] {
            assert_eq!(text.parse::<Size>(), Err(SizeError::Number(text.into())));
        }
        assert_eq!("5 parsecs".parse::<Size>(), Err(SizeError::Unit("5 parsecs".into())));
        assert_eq!("9999999T".parse::<Size>(), Err(SizeError::TooLarge("9999999T".into())));
    }

    #[test]
    fn sizes_print_in_the_largest_unit() {
        for (bytes, text) in
            [(512, "512 B"), (MIB, "1 MiB"), (MIB + MIB / 2, "1.5 MiB"), (3 * TIB, "3 TiB")]
        {
            assert_eq!(Size(bytes).to_string(), text);
        }
    }
}
