//! From resolved ingredients to an image file: the plan decides every byte's place, the run writes.

pub mod accounts;
mod arguments;
pub mod demo;
pub mod early_root;
mod esp;
pub mod filesystem_size;
pub mod identity;
pub mod ingredients;
pub mod iso;
pub mod lint;
pub mod plan;
pub mod program;
pub mod root;
pub mod root_filesystem;
mod root_plan;
pub mod write;
