//! The real `/init`: what it is depends on where it runs.
//!
//! In the initramfs (`/` is a ramfs or tmpfs) it is the way to the root filesystem, [`boot`]; on a
//! root filesystem it is [`userspace`]: the demo, or what starts one [`program`]; and as anything but PID 1 it is a mistake.
#![allow(clippy::result_large_err, reason = "without an allocator nothing can be boxed")]

mod boot;
mod children;
mod cmdline;
mod console;
mod devices;
mod failed;
mod file;
mod halt;
mod list;
mod modules;
mod mounts;
mod overlay;
mod program;
mod root;
mod runtime;
mod sleep;
mod switch_root;
mod terminal;
mod userspace;

use runtime::exec::{self, Given};

/// Runs as what it is here; never returns.
fn run(given: &Given) -> ! {
    if !rustix::process::getpid().is_init() {
        console::say_to_stderr(
            "init: this is a PID 1: the kernel starts it, and it does nothing else.\n",
        );
        exec::exit(2);
    }
    match mounts::is_initramfs(c"/") {
        true => boot::run(given),
        false => userspace::run(given),
    }
}
