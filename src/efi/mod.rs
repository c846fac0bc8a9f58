//! EFI programs and what holds them.

pub mod pe;
