//! The disk: which partitions are where, the tables that say so, and the file that holds it all.
//!
//! [`layout`] plans and prints, [`gpt`] and [`mbr`] turn the plan into bytes, [`write`] puts bytes
//! and filesystems into an [`output::OutputFile`]; [`grow`] makes a disk that is there larger.

pub mod gpt;
pub mod grow;
pub mod layout;
pub mod map;
pub mod mbr;
pub mod output;
pub mod partition;
pub mod table;
pub mod write;
