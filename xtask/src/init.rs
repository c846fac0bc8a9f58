//! Builds the guest's PID 1 for the bare machine: static, without libc, the same bytes everywhere.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use bootwright::command::Command;
use bootwright::error::{Context, Result};

/// Builds `/init` and returns its path.
pub(crate) fn build() -> Result<PathBuf> {
    let root = crate::root();
    let target = root.join("target");
    cargo()
        .args(["build", "--quiet", "--package", "bootwright-init", "--profile", "init"])
        .arg("--manifest-path")
        .arg(root.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .env("INIT_BARE", "1")
        .env("CARGO_ENCODED_RUSTFLAGS", remap(&root))
        .run()
        .context(|| "building /init")?;
    Ok(target.join("init/init"))
}

/// The cargo that runs us.
pub(crate) fn cargo() -> Command {
    Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Panic locations hold the path of the source; this makes it the same on every machine. The
/// encoded form of the flags allows blanks in folder names.
fn remap(root: &Path) -> OsString {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let mut flags = OsString::from("--remap-path-prefix=");
    flags.push(root);
    flags.push("=/bootwright");
    if let Some(cargo) = home.or(user) {
        flags.push("\x1f--remap-path-prefix=");
        flags.push(cargo.join("registry/src"));
        flags.push("=/src");
    }
    flags
}
