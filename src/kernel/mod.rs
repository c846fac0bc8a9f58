//! The kernel: its image, its command line, its console, its configuration and its modules.

pub mod bzimage;
pub mod cmdline;
pub mod config;
pub mod console;
pub mod ikconfig;
pub mod modules;
pub mod requirements;
