//! The kernel command line of this boot, as `/proc` gives it.

use super::file;

pub(super) use bootwright_init::cmdline::LEN_MAX;

/// The kernel command line; empty where `/proc` does not work.
pub(super) fn read(line: &mut [u8]) -> &[u8] {
    file::read(c"/proc/cmdline", line).unwrap_or_default()
}
