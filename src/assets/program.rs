//! Programs: where they are, whether they run, and the command that runs them.
//!
//! A program of the store needs to be told where its libraries and data are, because it was built to
//! be installed below `/usr`.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use super::Refusal;
use super::root::Root;
use crate::arch::X86_64;
use crate::command::{Command, find_in_path};
use crate::elf::Elf;
use crate::error::{Error, Result, shown};
use crate::volume::whole;

/// What QEMU loads at run time, relative to a root.
const QEMU_DATA: [&str; 3] = ["usr/share/qemu", "usr/share/seabios", "usr/lib/ipxe/qemu"];

/// A shell that was told to run something it cannot answers with these.
const NOT_RUN: [i32; 2] = [126, 127];

/// The first of these programs of a root that runs, and the first line that it says of its version.
pub(super) fn search(
    root: &Root,
    names: &[&str],
    version: &[&str],
    refused: &mut Vec<Refusal>,
) -> Option<(Command, String)> {
    let find = |name: &&str| match root.is_host() {
        true => find_in_path(name),
        false => root.program(name),
    };
    let found: Vec<_> = names.iter().filter_map(find).collect();
    if found.is_empty() {
        let place = if root.is_host() { Path::new("PATH") } else { root.path() };
        refused.push(Refusal::new(place, format!("there is no {} in it", names.join(" or "))));
    }
    found.into_iter().find_map(|path| {
        let command = command(root, &path);
        match check(&command, version) {
            Ok(version) => Some((command, version)),
            Err(why) => {
                refused.push(Refusal::new(&path, why));
                None
            }
        }
    })
}

/// Starts the program for its version: the first line that it prints. Programs without such an
/// option print their usage; what counts is that they run.
pub(super) fn check(command: &Command, version: &[&str]) -> Result<String, String> {
    let called = version.join(" ");
    let output = command.clone().args(version).output().map_err(|e| e.to_string())?;
    let first = [&output.stdout, &output.stderr].into_iter().find_map(|stream| {
        let text = String::from_utf8_lossy(stream);
        let line = text.lines().map(str::trim).find(|line| !line.is_empty());
        line.map(|line| line.chars().filter(|c| !c.is_control()).collect::<String>())
    });
    // Some begin with the path that they were started by, which stands beside the version anyway.
    let path = command.program();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let said = first.unwrap_or_default().replace(&*path.to_string_lossy(), &name);
    match output.status.code() {
        Some(code) if !NOT_RUN.contains(&code) && said.starts_with("Usage") => Ok(String::new()),
        Some(code) if !NOT_RUN.contains(&code) => Ok(said),
        _ if said.is_empty() => Err(format!("{called} failed: {}", output.status)),
        _ => Err(format!("{called} failed: {said}")),
    }
}

/// The command that runs a program of a root.
fn command(root: &Root, path: &Path) -> Command {
    let command = Command::new(path);
    if root.is_host() {
        return command;
    }
    // Only the store's: what the caller has there is for the caller's programs (cargo sets it too).
    let mut command = with_folders(command, "LD_LIBRARY_PATH", root.library_folders());
    if is_script(path) {
        let inherited = std::env::var_os("PATH").unwrap_or_default();
        let folders = root.program_folders().into_iter().chain(std::env::split_paths(&inherited));
        command = with_folders(command, "PATH", folders.collect());
    }
    match path.file_name().is_some_and(|name| name == X86_64.qemu) {
        true => with_qemu_data(command, root),
        false => command,
    }
}

fn with_qemu_data(mut command: Command, root: &Root) -> Command {
    let modules = root.library_folders().into_iter().map(|folder| folder.join("qemu"));
    if let Some(modules) = modules.into_iter().find(|folder| folder.is_dir()) {
        command = command.env("QEMU_MODULE_DIR", modules);
    }
    for folder in QEMU_DATA.iter().filter_map(|folder| root.find(folder)) {
        command = command.arg("-L").arg(folder);
    }
    command
}

/// Sets a variable to these folders.
fn with_folders(command: Command, name: &str, folders: Vec<PathBuf>) -> Command {
    if folders.is_empty() {
        return command;
    }
    // No colon is there: `Store::at` has looked.
    match std::env::join_paths(folders) {
        Ok(value) => command.env(name, value),
        Err(_) => command,
    }
}

fn is_script(path: &Path) -> bool {
    let mut start = [0; 2];
    File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && &start == b"#!"
}

/// The program that was given, which must run.
pub(super) fn given(path: &Path, version: &[&str]) -> Result<(Command, String)> {
    let command = Command::new(path);
    match check(&command, version) {
        Ok(version) => Ok((command, version)),
        Err(why) => Err(Error::new(why).context(format!("using {}", shown(path)))),
    }
}

/// The static busybox of a root.
pub(super) fn busybox(root: &Root, refused: &mut Vec<Refusal>) -> Option<(PathBuf, String)> {
    let in_path = root.is_host().then(|| find_in_path("busybox")).flatten();
    let path = in_path.or_else(|| root.program("busybox"));
    if path.is_none() {
        refused.push(Refusal::new(root.path(), "there is no busybox in it"));
    }
    let path = path?;
    match busybox_version(&path) {
        Ok(version) => Some((path, version)),
        Err(why) => {
            refused.push(Refusal::new(&path, why));
            None
        }
    }
}

/// The largest program that is read for its version.
const PROGRAM_MAX: u64 = 64 << 20;

/// The version that a static busybox says of itself, read from the file: it runs in guests.
pub(super) fn busybox_version(path: &Path) -> Result<String, String> {
    let bytes = whole(path, PROGRAM_MAX).map_err(|e| e.to_string())?;
    let linked = Elf::parse(&bytes, &X86_64).and_then(|elf| elf.static_program());
    linked.map_err(|why| why.to_string())?;
    let marker = b"BusyBox v";
    let start = bytes.windows(marker.len()).position(|w| w == marker);
    let text = start.map_or(&b""[..], |start| &bytes[start..]);
    let end = text.iter().position(|b| !(0x20..0x7f).contains(b)).unwrap_or(text.len()).min(80);
    match end {
        0 => Err("it does not say that it is BusyBox".into()),
        _ => Ok(String::from_utf8_lossy(&text[..end]).trim_end().into()),
    }
}

/// A variable as it would be set; for tests.
#[cfg(test)]
fn variable(command: &Command, name: &str) -> Option<std::ffi::OsString> {
    command.environment().iter().find(|(n, _)| n == name).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elf::tests::image;
    use goblin::elf::header::ET_EXEC;
    use goblin::elf::program_header::{PF_X, PT_INTERP, PT_LOAD};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn script(dir: &Path, name: &str, text: &str) {
        let path = dir.join("usr/bin").join(name);
        fs::create_dir_all(dir.join("usr/bin")).expect("made");
        fs::write(&path, text).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    }

    #[test]
    fn the_first_program_that_runs_is_taken_and_says_its_version() {
        let dir = tempfile::tempdir().expect("a folder");
        script(dir.path(), "a", "#!/bin/sh\necho cannot load library >&2; exit 127\n");
        script(dir.path(), "b", "#!/bin/sh\necho; echo b 1.2 >&2; exit 1\n");
        let mut refused = Vec::new();
        let root = Root::tree(dir.path());
        let (command, version) = search(&root, &["a", "b"], &["-V"], &mut refused).expect("b runs");
        assert_eq!(version, "b 1.2");
        assert_eq!(command.program(), dir.path().join("usr/bin/b"));
        assert_eq!(refused[0].why, "-V failed: cannot load library");
        let path = variable(&command, "PATH").expect("scripts find their programs");
        assert!(std::env::split_paths(&path).next() == Some(dir.path().join("usr/bin")));
    }

    #[test]
    fn qemu_of_a_tree_is_told_where_its_data_is() {
        let dir = tempfile::tempdir().expect("a folder");
        script(dir.path(), X86_64.qemu, "#!/bin/sh\necho QEMU 9\n");
        for folder in ["usr/lib/t/qemu", "usr/share/qemu", "usr/share/seabios"] {
            fs::create_dir_all(dir.path().join(folder)).expect("made");
        }
        fs::write(dir.path().join("usr/lib/t/libx.so.1"), "").expect("written");
        let command =
            command(&Root::tree(dir.path()), &dir.path().join("usr/bin").join(X86_64.qemu));
        let expected = dir.path().join("usr/lib/t/qemu").into_os_string();
        assert_eq!(variable(&command, "QEMU_MODULE_DIR"), Some(expected));
        // Cargo, which runs this test, has folders of its own in the variable.
        let libraries = dir.path().join("usr/lib/t").into_os_string();
        assert_eq!(variable(&command, "LD_LIBRARY_PATH"), Some(libraries));
        assert_eq!(command.arguments().len(), 4);
    }

    #[test]
    fn busybox_must_be_static_and_busybox() {
        let code = (PT_LOAD, PF_X, &b"\x90\xc3"[..], 0x1000);
        let interpreter = (PT_INTERP, 0, &b"/lib/ld.so\0"[..], 0);
        let elf = |parts: &[_], text: &str| {
            [image(ET_EXEC, 0x1000, parts, &[]), text.as_bytes().to_vec()].concat()
        };
        let dir = tempfile::tempdir().expect("a folder");
        let judged = |bytes: &[u8]| {
            let path = dir.path().join("busybox");
            fs::write(&path, bytes).expect("written");
            busybox_version(&path)
        };
        let fixed = elf(&[code], "BusyBox v1.35.0 (x)\n");
        assert_eq!(judged(&fixed), Ok("BusyBox v1.35.0 (x)".into()));
        let why = |bytes: &[u8]| judged(bytes).expect_err("unfit");
        let dynamic = elf(&[code, interpreter], "BusyBox v1");
        assert!(why(&dynamic).starts_with("it is dynamically linked (asks for /lib/ld.so)"));
        assert_eq!(why(&elf(&[code], "toybox")), "it does not say that it is BusyBox");
        assert_eq!(why(b"#!/bin/sh"), "it is a script for `/bin/sh`, not a program");
        assert!(why(&fixed[..60]).starts_with("it is truncated"));
    }
}
