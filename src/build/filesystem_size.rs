//! How large a filesystem of an image is to be, as `--root-size` and the spec say it.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::size::{Size, SizeError};

/// How large something is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FilesystemSize {
    /// What the content needs, and this many bytes free.
    Auto {
        /// Free bytes on top of the content.
        free: u64,
    },
    /// Just this many bytes.
    Exact(u64),
}

impl FromStr for FilesystemSize {
    type Err = SizeError;

    /// Reads `64M`, `auto` and `auto+16M`.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let Some(free) = text.trim().strip_prefix("auto") else {
            return text.parse().map(|Size(bytes)| FilesystemSize::Exact(bytes));
        };
        match free.trim().strip_prefix('+') {
            Some(free) => free.parse().map(|Size(free)| FilesystemSize::Auto { free }),
            None if free.trim().is_empty() => Ok(FilesystemSize::Auto { free: 0 }),
            None => Err(SizeError::Number(text.into())),
        }
    }
}

impl fmt::Display for FilesystemSize {
    /// As a message says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilesystemSize::Auto { free: 0 } => f.write_str("as small as it can be"),
            FilesystemSize::Auto { free } => write!(f, "with {} free", Size(*free)),
            FilesystemSize::Exact(size) => write!(f, "{}", Size(*size)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::MIB;

    #[test]
    fn sizes_of_partitions() {
        assert_eq!("auto".parse(), Ok(FilesystemSize::Auto { free: 0 }));
        assert_eq!("auto+16M".parse(), Ok(FilesystemSize::Auto { free: 16 * MIB }));
        assert_eq!("64 MiB".parse(), Ok(FilesystemSize::Exact(64 * MIB)));
        assert_eq!(
            "automatic".parse::<FilesystemSize>(),
            Err(SizeError::Number("automatic".into()))
        );
    }
}
