//! A program with all that the dynamic loader needs to start it: its interpreter and the closure of its
//! libraries, with the symbolic links on the way, taken out of a sysroot.
//!
//! The order of the search is that of ld.so(8): RPATH, RUNPATH, the loader's cache, its default
//! directories; `#!` lines are followed too. Left out: what a program opens by itself while it runs
//! (NSS modules, gconv, plugins), LD_LIBRARY_PATH, LD_PRELOAD, and variants for newer CPUs
//! (glibc-hwcaps), which are optional.

mod cache;
mod closure;
mod object;
mod search;
mod sysroot;

pub use closure::{ClosureError, closure};
pub use object::ObjectError;
pub use sysroot::Sysroot;

#[cfg(test)]
mod tests;
