//! The programs that judge our output, under the names that tests call them by.
//!
//! Those of the store run only with their own library path; a script of one line each sets it, so that
//! a test need not know where a program came from.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bootwright::assets::{Assets, Need};
use bootwright::command::Command;
use bootwright::error::{Context, Result, shown};

/// One program has them all, told apart by the name that it is called by.
const MTOOLS: [&str; 6] = ["mcopy", "mdel", "mdir", "mformat", "mmd", "mtype"];

/// Writes the scripts, and returns a PATH that has them first.
pub(crate) fn path(assets: &Assets) -> Result<OsString> {
    let folder = crate::root().join("target/oracles");
    fs::create_dir_all(&folder).context(|| format!("creating {}", shown(&folder)))?;
    let programs = Need::ORACLES.iter().chain([&Need::GrubMkimage]);
    for &need in programs {
        let command = assets.command(need)?;
        place(&folder, &command)?;
        if need == Need::Mcopy {
            for name in MTOOLS {
                place(&folder, &called(&command, name))?;
            }
        }
    }
    let old = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::iter::once(folder).chain(std::env::split_paths(&old));
    std::env::join_paths(folders).context(|| "putting the programs of the tests on PATH")
}

/// The same program under another name in the same folder.
fn called(command: &Command, name: &str) -> Command {
    let variables = command.environment().iter().cloned();
    let other = Command::new(command.program().with_file_name(name));
    variables.fold(other, |other, (key, value)| other.env(key, value))
}

fn place(folder: &Path, command: &Command) -> Result<()> {
    let name = command.program().file_name().unwrap_or_default();
    let path = folder.join(name);
    let doing = || format!("writing {}", shown(&path));
    fs::write(&path, format!("#!/bin/sh\n{} \"$@\"\n", command)).context(doing)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).context(doing)
}
