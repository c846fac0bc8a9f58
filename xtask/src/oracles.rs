//! The programs that judge our output, under the names that tests call them by.
//!
//! Those of the store run only with their own library path; a script of one line each sets it, so that
//! a test need not know where a program came from.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need};
use bootwright::command::Command;
use bootwright::error::{Context, Error, Result, shown};

/// One program has them all, told apart by the name that it is called by.
const MTOOLS: [&str; 6] = ["mcopy", "mdel", "mdir", "mformat", "mmd", "mtype"];

/// Other programs that lie beside one of ours, for scripts that call them.
const BESIDE: [(Need, &str); 2] = [(Need::MkfsFat, "mkfs.vfat"), (Need::Isoinfo, "genisoimage")];

fn folder() -> PathBuf {
    crate::root().join("target/oracles")
}

/// Refuses a PATH that has the scripts already: one that is found by its own name calls itself without end.
///
/// # Errors
/// Where it does.
pub(crate) fn check_path() -> Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    match std::env::split_paths(&path).any(|entry| entry == folder()) {
        false => Ok(()),
        true => Err(Error::new(format!("{} is on PATH: take it off", shown(&folder())))),
    }
}

/// Writes the scripts, and returns a PATH that has them first.
pub(crate) fn path(assets: &Assets) -> Result<OsString> {
    let folder = folder();
    fs::create_dir_all(&folder).context(|| format!("creating {}", shown(&folder)))?;
    for &need in Need::ORACLES {
        let command = assets.command(need)?;
        match need {
            Need::VirtXmlValidate => place_validator(&folder, &command)?,
            _ => place(&folder, &command)?,
        }
        if need == Need::Mcopy {
            for name in MTOOLS {
                place(&folder, &called(&command, name))?;
            }
        }
    }
    for (need, name) in BESIDE {
        place(&folder, &called(&assets.command(need)?, name))?;
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

/// The script of libvirt's, which has the path of its schemas in it, for where they really are.
fn place_validator(folder: &Path, command: &Command) -> Result<()> {
    let script = command.program();
    // From ROOT/usr/bin/NAME to ROOT/usr/share.
    let share = script.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).join("share");
    let text = fs::read_to_string(script).context(|| format!("reading {}", shown(script)))?;
    let text = text.replace("\"/usr/share/", &format!("\"{}/", share.display()));
    write_script(&folder.join("virt-xml-validate"), &text)
}

fn place(folder: &Path, command: &Command) -> Result<()> {
    let name = command.program().file_name().unwrap_or_default();
    write_script(&folder.join(name), &format!("#!/bin/sh\n{} \"$@\"\n", command))
}

fn write_script(path: &Path, text: &str) -> Result<()> {
    let doing = || format!("writing {}", shown(path));
    fs::write(path, text).context(doing)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).context(doing)
}
