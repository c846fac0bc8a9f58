//! The folder that keeps what one run of a machine needs and leaves: the private variable store
//! `vars.fd`, the script `qemu.sh` that repeats the run by hand, and the logs.
//!
//! One folder is one run: it is locked, so that a second run does not write into the first one's
//! logs. The lock is on the folder itself, ends with the process, and leaves no file.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use super::device::Flash;
use super::machine::Machine;
use crate::error::{Context, Error, Result, shown};

/// The script that runs the same machine by hand.
pub const SCRIPT: &str = "qemu.sh";

/// The run's variable store.
const VARS: &str = "vars.fd";

/// The folder of a run, ours until the value is dropped.
#[derive(Debug)]
pub(super) struct RunFolder {
    path: PathBuf,
    /// Holds the lock.
    _folder: File,
}

impl RunFolder {
    /// Takes the folder, which is made where it is missing.
    ///
    /// # Errors
    /// Where it cannot be made, or another run has it.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let hint = |error: Error| error.hint("--run-dir names another folder for the run");
        Self::locked(path).map_err(hint)
    }

    fn locked(path: &Path) -> Result<Self> {
        fs::create_dir_all(path).context(|| format!("making the folder {}", shown(path)))?;
        let folder = File::open(path).context(|| format!("opening the folder {}", shown(path)))?;
        match rustix::fs::flock(&folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Error::new("another boot is using it")
                .context(format!("opening the folder {}", shown(path)))),
            // Some network filesystems lock no folders; a run there is as good as its user's care.
            _ => Ok(RunFolder { path: path.into(), _folder: folder }),
        }
    }

    /// A file of the folder.
    pub(super) fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A new file in the folder.
    pub(super) fn create(&self, name: &str) -> Result<File> {
        let path = self.join(name);
        File::create(&path).context(|| format!("writing {}", shown(&path)))
    }

    /// A private copy of the machine's variable store, where it has one.
    pub(super) fn vars(&self, machine: &Machine) -> Result<Option<Flash>> {
        let Some(template) = machine.firmware.as_ref().map(|firmware| &firmware.vars) else {
            return Ok(None);
        };
        let path = self.join(VARS);
        // Copying the file by name would take over the template's mode, which is often read-only.
        let mut source =
            File::open(&template.path).context(|| format!("reading {}", shown(&template.path)))?;
        io::copy(&mut source, &mut self.create(VARS)?)
            .context(|| format!("copying {} to {}", shown(&template.path), shown(&path)))?;
        Ok(Some(Flash { path, format: template.format }))
    }

    /// Writes the script that repeats the run by hand, with whatever arguments are added to it.
    pub(super) fn script(&self, machine: &Machine) -> Result<()> {
        use io::Write;
        let mut file = self.create(SCRIPT)?;
        let doing = || format!("writing {}", shown(&self.join(SCRIPT)));
        file.write_all(&script(machine)).context(doing)?;
        file.set_permissions(Permissions::from_mode(0o755)).context(doing)
    }
}

fn script(machine: &Machine) -> Vec<u8> {
    let mut text =
        b"#!/bin/sh\n# The machine of this run, on this terminal; Ctrl-A x ends it.\n".to_vec();
    // Paths may be relative to where we were started.
    if let Ok(here) = std::env::current_dir() {
        text.extend(b"cd ");
        text.extend(crate::command::quoted_bytes(here.as_os_str()));
        text.extend(b" || exit\n");
    }
    text.extend(machine.reproduce().script());
    text.extend(b" \"$@\"\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;
    use crate::format::Format;
    use crate::qemu::firmware::Firmware;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_folder_is_one_runs_at_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run");
        let first = RunFolder::open(&path).expect("it is free");
        let error = RunFolder::open(&path).expect_err("it is taken");
        assert!(error.to_string().ends_with(": another boot is using it"), "{error}");
        assert!(error.hint_text().is_some_and(|hint| hint.contains("--run-dir")));
        drop(first);
        RunFolder::open(&path).expect("it is free again");
    }

    #[test]
    fn the_script_runs_whatever_the_names_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let odd = std::ffi::OsStr::from_bytes(b"it's \xff\n$x");
        let flash = Flash { path: "x".into(), format: Format::Raw };
        let firmware = Firmware { code: flash.clone(), vars: flash, description: "none".into() };
        let echo = r#"printf %s "$V$1"; for last; do :; done; printf %s "$last""#;
        let qemu = Command::new("/bin/sh").args(["-c", echo, "sh"]).arg(odd).env("V", odd);
        let run = RunFolder::open(&folder.path().join(odd)).expect("it is free");
        run.script(&Machine::new(qemu, firmware)).expect("written");
        let said = Command::new(run.join(SCRIPT)).arg("last").run().expect("it runs");
        assert_eq!(said, [odd.as_bytes(), odd.as_bytes(), b"last"].concat());
    }
}
