//! What a program without libc needs before and beside its own code; the only `unsafe` of `/init`.

pub(super) mod exec;
pub(super) mod loop_device;
mod mem;
mod panic;
mod start;
pub(super) mod streams;
