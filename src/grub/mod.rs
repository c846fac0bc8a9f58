//! GRUB: the configuration as a value, and the core image that reads it.

pub mod config;
pub mod core_image;
