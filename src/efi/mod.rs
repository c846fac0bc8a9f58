//! EFI programs and what holds them.

pub mod header;
pub mod pe;
