//! How the command line writes the size of a partition: `64M`, `auto`, `auto+16M`.

use crate::build::plan::Extent;
use crate::size::{Size, SizeError};

/// Reads a partition's size.
///
/// # Errors
/// Where it is neither `auto` nor a size.
pub fn parse(text: &str) -> Result<Extent, SizeError> {
    let Some(free) = text.trim().strip_prefix("auto") else {
        return text.parse().map(|Size(bytes)| Extent::Exact(bytes));
    };
    match free.trim().strip_prefix('+') {
        Some(free) => free.parse().map(|Size(free)| Extent::Auto { free }),
        None if free.trim().is_empty() => Ok(Extent::Auto { free: 0 }),
        None => Err(SizeError::Number(text.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::MIB;

    #[test]
    fn sizes_of_partitions() {
        assert_eq!(parse("auto"), Ok(Extent::Auto { free: 0 }));
        assert_eq!(parse("auto+16M"), Ok(Extent::Auto { free: 16 * MIB }));
        assert_eq!(parse("64 MiB"), Ok(Extent::Exact(64 * MIB)));
        assert_eq!(parse("automatic"), Err(SizeError::Number("automatic".into())));
    }
}
