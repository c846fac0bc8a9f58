//! The kernel: its image, its command line, its console, its configuration, its drivers and its modules.

pub mod bzimage;
pub mod cmdline;
pub mod config;
pub mod console;
pub mod driver_names;
pub mod foreign;
pub mod ikconfig;
pub mod modules;
pub mod payload;
pub mod requirements;
