//! The name of a sandbox: that of a folder, and of a guest.

use std::fmt;
use std::str::FromStr;

/// A name of letters, digits, `.`, `_` and `-`, which begins with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

/// It is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no name of a sandbox: letters, digits, `.`, `_` and `-` make one, at most 63", .0.escape_debug())]
pub struct NameError(String);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let is_good = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        // What a host name has at most.
        match begins && text.len() <= 63 && text.chars().all(is_good) {
            true => Ok(Name(text.into())),
            false => Err(NameError(text.into())),
        }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
