//! Builds the guest's PID 1 for the bare machine: static, without libc, the same bytes everywhere.

use std::path::PathBuf;

use bootwright::command::Command;
use bootwright::error::{Context, Result};

/// Builds `/init` and returns its path.
///
/// # Errors
/// Where cargo fails; its own words are on the terminal by then.
pub(crate) fn build() -> Result<PathBuf> {
    let root = crate::root();
    let target = root.join("target");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    Command::new(cargo)
        .arg("build")
        .arg("--manifest-path")
        .arg(root.join("initramfs/Cargo.toml"))
        .args(["--quiet", "--package", "bootwright-init", "--bin", "init", "--profile", "init"])
        .arg("--target-dir")
        .arg(&target)
        .env("INIT_BARE", "1")
        .env("RUSTFLAGS", remap())
        .run()
        .context(|| "building /init")?;
    Ok(target.join("init/init"))
}

/// Panic locations hold the path of the source; these make it the same on every machine.
fn remap() -> String {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let user = std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let mut flags = format!("--remap-path-prefix={}=/bootwright", crate::root().display());
    if let Some(cargo) = home.or(user) {
        flags.push_str(&format!(" --remap-path-prefix={}/registry/src=/src", cargo.display()));
    }
    flags
}
