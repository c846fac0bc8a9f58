//! Chooses between the real, bare `/init` and the stub: the real one only when `INIT_BARE` is set.
//!
//! An environment variable and not a cargo feature, because `--all-features` and `--all-targets`
//! must build on the host's `std`, where a second panic handler is an error.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=INIT_BARE");
    println!("cargo::rustc-check-cfg=cfg(bare)");
    if std::env::var_os("INIT_BARE").is_none() {
        return;
    }
    println!("cargo::rustc-cfg=bare");
    // Our own `_start`, no libc, and no relocations: nobody would apply them in the initramfs.
    for arg in ["-nostartfiles", "-nostdlib", "-static", "-no-pie"] {
        println!("cargo::rustc-link-arg-bins={arg}");
    }
    // Relative, because the linker runs in the workspace's folder and its path is no input.
    println!(
        "cargo::rustc-link-arg-bins=-Wl,--build-id=none,--no-eh-frame-hdr,-T,initramfs/bare.ld"
    );
    println!("cargo::rerun-if-changed=bare.ld");
}
