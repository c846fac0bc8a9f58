//! GRUB: the configuration as a value, as it is read back, and the core image that reads it.

pub mod commands;
pub mod config;
pub mod core_image;
pub mod embedded;
pub mod script;
