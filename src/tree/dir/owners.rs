//! Who owns what comes from a host directory.

use std::str::FromStr;

use crate::error::{Error, Result};
use crate::tree::Metadata;

/// Owners of what is read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Owners {
    /// All of it belongs to root, whoever owns it on the host.
    #[default]
    Root,
    /// As on the host.
    Preserve,
    /// The host's numbers translated; a number in no range is an error.
    Map(IdMap),
}

/// Ranges of user and group numbers and what they become.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct IdMap(
    /// The first range that has a number decides.
    pub Vec<IdRange>,
);

/// A range of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IdRange {
    /// Its first number on the host.
    pub host: u32,
    /// What that becomes.
    pub tree: u32,
    /// How many numbers it has.
    pub count: u32,
}

impl IdMap {
    /// What a number of the host becomes.
    pub fn map(&self, id: u32) -> Option<u32> {
        let within = |r: &&IdRange| id.checked_sub(r.host).is_some_and(|n| n < r.count);
        let range = self.0.iter().find(within)?;
        range.tree.checked_add(id - range.host)
    }
}

/// The text is no map of owners.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` says no owners: write root, preserve, or HOST:TREE:COUNT with commas between several"
)]
pub struct MapError(String);

impl FromStr for IdMap {
    type Err = MapError;

    /// Reads `1000:0:1,100000:1:65535`; the count may be left out where it is 1.
    fn from_str(text: &str) -> Result<Self, MapError> {
        let range = |part: &str| {
            let mut numbers = part.split(':').map(|n| n.trim().parse::<u32>().ok());
            let (host, tree) = (numbers.next()??, numbers.next()??);
            let count = numbers.next().unwrap_or(Some(1))?;
            numbers.next().is_none().then_some(IdRange { host, tree, count })
        };
        let ranges: Option<Vec<_>> = text.split(',').map(range).collect();
        ranges.map(IdMap).ok_or_else(|| MapError(text.into()))
    }
}

impl FromStr for Owners {
    type Err = MapError;

    /// Reads `root`, `preserve` or a map.
    fn from_str(text: &str) -> Result<Self, MapError> {
        Ok(match text {
            "root" => Owners::Root,
            "preserve" => Owners::Preserve,
            map => Owners::Map(map.parse()?),
        })
    }
}

impl Owners {
    /// Replaces the host's owners.
    pub(super) fn apply(&self, metadata: &mut Metadata) -> Result<()> {
        match self {
            Owners::Root => (metadata.uid, metadata.gid) = (0, 0),
            Owners::Preserve => {}
            Owners::Map(map) => {
                let mapped = |id: u32, what: &str| {
                    let missing =
                        || Error::new(format!("its {what} {id} is in no range of the map"));
                    map.map(id).ok_or_else(missing)
                };
                metadata.uid = mapped(metadata.uid, "owner")?;
                metadata.gid = mapped(metadata.gid, "group")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_translates_ranges_and_knows_its_ends() {
        let map: IdMap = "1000:0,100000:1:65535".parse().expect("it is a map");
        assert_eq!(map.map(1000), Some(0));
        assert_eq!(map.map(1001), None);
        assert_eq!(map.map(165_534), Some(65_535));
        assert_eq!(map.map(165_535), None);
        for bad in ["", "1", "1:2:3:4", "a:b", "1:2,"] {
            assert!(bad.parse::<IdMap>().is_err(), "{bad}");
        }
    }
}
