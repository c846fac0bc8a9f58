//! GRUB: the configuration as a value, as it is read back, and the core images that read it.

pub mod bios_image;
pub mod commands;
pub mod config;
pub mod core_image;
mod dependencies;
pub mod embedded;
pub mod environment;
pub mod hybrid;
pub mod kernel_image;
pub mod script;
