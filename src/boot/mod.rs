//! What a boot says on its serial console, and what that proves.
//!
//! [`log`] turns bytes into clean lines, [`milestone`] knows which lines prove progress and
//! [`trouble`] which prove failure, [`timeline`] orders the progress, and [`verdict`] judges the whole:
//! it gives an [`outcome`].
//! All of it works alike on the bytes of a running guest and on a saved file: it takes a log,
//! never a virtual machine.

pub mod end;
pub mod errno;
pub mod expectation;
pub mod log;
pub mod milestone;
pub mod outcome;
pub mod timeline;
pub mod trouble;
pub mod verdict;
pub mod watch;
mod wording;
