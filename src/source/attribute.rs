//! Modes, owners and devices as people write them.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

use crate::tree::{Kind, Node, Time};

/// Permission bits, 0 to 0o7777, which are written in octal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Mode(
    /// The bits.
    pub u16,
);

/// User and group numbers, written `UID:GID`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Owner(
    /// The user.
    pub u32,
    /// The group.
    pub u32,
);

/// A device, written `c:MAJOR:MINOR` or `b:MAJOR:MINOR`, or a named pipe, written `p`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Device {
    /// A character device.
    Char(u32, u32),
    /// A block device.
    Block(u32, u32),
    /// A named pipe.
    Fifo,
}

/// Text that is no mode, owner or device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// A mode.
    #[error("`{0}` is no mode: write octal digits, such as 0755")]
    Mode(String),
    /// An owner.
    #[error("`{0}` is no owner: write two numbers, UID:GID")]
    Owner(String),
    /// A device.
    #[error("`{0}` is no device: write c:MAJOR:MINOR, b:MAJOR:MINOR, or p for a named pipe")]
    Device(String),
}

impl FromStr for Mode {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let is_octal = !text.is_empty() && text.bytes().all(|b| matches!(b, b'0'..=b'7'));
        let bits = is_octal.then(|| u16::from_str_radix(text, 8).ok()).flatten();
        let bits = bits.filter(|bits| *bits <= 0o7777);
        bits.map(Mode).ok_or_else(|| ChangeError::Mode(text.into()))
    }
}

impl FromStr for Owner {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let numbers =
            text.split_once(':').and_then(|(u, g)| Some((u.parse().ok()?, g.parse().ok()?)));
        let (uid, gid) = numbers.ok_or_else(|| ChangeError::Owner(text.into()))?;
        Ok(Owner(uid, gid))
    }
}

impl FromStr for Device {
    type Err = ChangeError;

    fn from_str(text: &str) -> Result<Self, ChangeError> {
        let words: Vec<_> = text.split(':').collect();
        let number = |text: &str| text.parse().map_err(|_| ChangeError::Device(text.into()));
        match words[..] {
            ["c", major, minor] => Ok(Device::Char(number(major)?, number(minor)?)),
            ["b", major, minor] => Ok(Device::Block(number(major)?, number(minor)?)),
            ["p"] => Ok(Device::Fifo),
            _ => Err(ChangeError::Device(text.into())),
        }
    }
}

/// A spec writes them as strings: a number in TOML would be read as decimal.
macro_rules! from_string {
    ($($type:ty),*) => {$(
        impl TryFrom<String> for $type {
            type Error = ChangeError;

            fn try_from(text: String) -> Result<Self, ChangeError> {
                text.parse()
            }
        }
    )*};
}

from_string!(Mode, Owner, Device);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl Device {
    /// The node that it is.
    pub(super) fn node(self, mode: u16, time: Time) -> Node {
        let mut node = Node::char_device(mode, time, 0, 0);
        node.kind = match self {
            Device::Char(major, minor) => Kind::CharDevice { major, minor },
            Device::Block(major, minor) => Kind::BlockDevice { major, minor },
            Device::Fifo => Kind::Fifo,
        };
        node
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_octal_and_fit() {
        assert_eq!("0755".parse(), Ok(Mode(0o755)));
        assert_eq!("4755".parse(), Ok(Mode(0o4755)));
        for bad in ["", "8", "17777", "rwx", "-1", "+7"] {
            assert_eq!(bad.parse::<Mode>(), Err(ChangeError::Mode(bad.into())));
        }
    }

    #[test]
    fn owners_and_devices_are_numbers() {
        assert_eq!("1000:100".parse(), Ok(Owner(1000, 100)));
        assert_eq!("c:5:1".parse(), Ok(Device::Char(5, 1)));
        assert_eq!("p".parse(), Ok(Device::Fifo));
        for bad in ["", "1000", "root:root", "1:2:3"] {
            assert!(bad.parse::<Owner>().is_err(), "{bad}");
        }
        for bad in ["", "c", "c:5", "x:1:1", "b:-1:0"] {
            assert!(bad.parse::<Device>().is_err(), "{bad}");
        }
    }
}
