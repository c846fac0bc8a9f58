//! The integration tests: the program as a user runs it, its images judged by outside tools and by
//! real boots. `cargo xtask test` fetches what they need.

mod bad_input;
mod boot;
#[allow(dead_code, reason = "the long tests use the rest")]
mod chroot;
#[allow(dead_code, reason = "the long tests use the rest")]
mod debian;
mod disk;
mod every_format;
#[allow(dead_code, unused_imports, reason = "the long tests use the rest")]
mod faults;
mod grow;
mod growth;
mod folders;
mod formats;
mod full_disk;
mod image;
mod journeys;
#[allow(dead_code, reason = "the long tests use the rest")]
mod kernels;
mod lint;
mod mount;
mod packed_root;
mod readers;
mod refusals;
mod root;
mod sandbox;
mod seed;
mod verbs;
mod workbench;
