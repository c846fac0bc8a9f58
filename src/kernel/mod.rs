//! The kernel and what belongs to it.

pub mod modules;
