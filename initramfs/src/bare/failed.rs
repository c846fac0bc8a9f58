//! A step that failed: what every part of the sequence gives back in place of its result.

use bootwright_init::step::Step;
use bootwright_init::text::Text;

use rustix::io::Errno;

/// A step that failed.
pub(super) struct Failed {
    /// What was being done.
    pub(super) step: Step,
    /// Why it failed.
    pub(super) errno: Errno,
    /// What it was done with: the key and the value of a field.
    pub(super) about: (&'static str, Text<256>),
}
