//! EFI programs and what holds them.

mod digest;
pub mod header;
pub mod pe;
pub mod program;
mod relocations;
pub mod signature;
