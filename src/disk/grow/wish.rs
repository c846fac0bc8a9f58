//! How large a disk is to become, as a person says it.

use std::fmt;
use std::str::FromStr;

use crate::size::{Size, SizeError};

/// What is wished for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// So much more.
    By(Size),
    /// So much.
    To(Size),
    /// As large as the image already is: partition and filesystem fill it.
    Fill,
}

impl FromStr for Wish {
    type Err = SizeError;

    /// Reads `+20G` and `22G`.
    fn from_str(text: &str) -> Result<Self, SizeError> {
        match text.trim().strip_prefix('+') {
            Some(more) => more.parse().map(Wish::By),
            None => text.parse().map(Wish::To),
        }
    }
}

impl fmt::Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::By(size) => write!(f, "+{size}"),
            Wish::To(size) => write!(f, "{size}"),
            Wish::Fill => f.write_str("the image's own size"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::size::GIB;

    #[test]
    fn a_plus_is_more_and_a_number_is_all() {
        assert_eq!("+20G".parse(), Ok(Wish::By(Size(20 * GIB))));
        assert_eq!("22 GiB".parse(), Ok(Wish::To(Size(22 * GIB))));
        assert!("-1G".parse::<Wish>().is_err() && "+".parse::<Wish>().is_err());
    }
}
