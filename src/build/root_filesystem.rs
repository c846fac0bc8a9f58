//! Which filesystem the root of an image is, and what that asks of the kernel.
//!
//! ext4 can be written to by the guest. Those that are packed are only read; `/init` puts an overlay in
//! memory over them, so that every boot begins alike.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::kernel::modules::{Want, for_filesystem};

/// A filesystem that a root can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RootFilesystem {
    /// What the guest writes stays.
    #[default]
    Ext4,
    /// Packed with zstd; what the guest writes stays in memory.
    Squashfs,
    /// Only read, at the speed of the disk; what the guest writes stays in memory.
    Erofs,
}

/// A word that names none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no root filesystem: use ext4, squashfs or erofs")]
pub struct RootFilesystemError(String);

/// Every one, by the kernel's name.
const NAMES: [(&str, RootFilesystem); 3] = [
    ("ext4", RootFilesystem::Ext4),
    ("squashfs", RootFilesystem::Squashfs),
    ("erofs", RootFilesystem::Erofs),
];

impl RootFilesystem {
    /// Whether it is written once, and only read by the guest.
    pub fn is_packed(self) -> bool {
        self != RootFilesystem::Ext4
    }

    /// The one of an ISO: what is asked for, if it is packed.
    pub fn on_iso(self) -> Self {
        match self {
            RootFilesystem::Ext4 => RootFilesystem::Squashfs,
            packed => packed,
        }
    }

    /// The kernel's name of it.
    pub fn name(self) -> &'static str {
        NAMES.iter().find(|(_, it)| *it == self).map_or("", |(name, _)| name)
    }

    /// What the kernel needs to mount it, and what lies over it.
    pub(super) fn drivers(self) -> Vec<Want<'static>> {
        let overlay = self.is_packed().then_some("overlay");
        let names = std::iter::once(self.name()).chain(overlay);
        names.flat_map(|name| for_filesystem(name).unwrap_or_default()).copied().collect()
    }

    /// The kernel arguments about it: kernel-parameters.txt; systemd's kernel-command-line(7).
    pub(super) fn arguments(self) -> String {
        match self.is_packed() {
            false => format!("rootfstype={} rw", self.name()),
            true => format!("rootfstype={} ro systemd.volatile=overlay", self.name()),
        }
    }
}

impl FromStr for RootFilesystem {
    type Err = RootFilesystemError;

    fn from_str(text: &str) -> Result<Self, RootFilesystemError> {
        let found = NAMES.iter().find(|(name, _)| *name == text).map(|(_, it)| *it);
        found.ok_or_else(|| RootFilesystemError(text.into()))
    }
}

impl fmt::Display for RootFilesystem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_root_has_a_name_and_drivers() {
        for (name, kind) in NAMES {
            assert_eq!(name.parse::<RootFilesystem>().expect("known"), kind);
            assert_eq!(kind.to_string(), name);
            let drivers = kind.drivers();
            assert!(drivers.iter().any(|want| want.name == name), "{drivers:?}");
            assert_eq!(drivers.iter().any(|want| want.name == "overlay"), kind.is_packed());
            assert!(kind.on_iso().is_packed());
        }
        let error = "xfs".parse::<RootFilesystem>().expect_err("not written").to_string();
        assert!(NAMES.iter().all(|(name, _)| error.contains(name)), "{error}");
    }
}
