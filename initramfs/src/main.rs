//! `/init`: the tiny PID 1 of the initramfs and of the demo's root filesystem.
//!
//! Built with `INIT_BARE` set it is `no_std`, static and without libc (`bare/`); built as the
//! rest of the workspace is, it is a stub that says how to build the real one.

#![cfg_attr(bare, no_std, no_main)]

#[cfg(bare)]
mod bare;

/// Says how the real one is built.
#[cfg(not(bare))]
fn main() -> std::process::ExitCode {
    eprintln!(
        "this is the stub of bootwright's /init; the real one is built by \
         INIT_BARE=1 cargo build -p bootwright-init --profile init"
    );
    std::process::ExitCode::from(2)
}
