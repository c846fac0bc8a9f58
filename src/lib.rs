//! bootwright builds, boots, inspects and explains minimal UEFI virtual-machine images, as an
//! ordinary user: no root, no loop device, no mount, no container.
//!
//! The modules are declared in dependency order: each uses only those above it, which
//! `cargo xtask tidy` checks.

pub mod error;
pub mod bytes;
pub mod arch;
pub mod size;
pub mod volume;
pub mod command;
pub mod compress;
pub mod tree;
pub mod elf;
pub mod initramfs;
pub mod kernel;
pub mod fs;
pub mod efi;
pub mod grub;
pub mod disk;
pub mod format;
pub mod seed;
pub mod image;
pub mod package;
pub mod source;
pub mod inspect;
pub mod lint;
pub mod sandbox;
pub mod qemu;
pub mod assets;
pub mod libvirt;
pub mod boot;
pub mod diagnosis;
pub mod build;
pub mod spec;
pub mod cli;
