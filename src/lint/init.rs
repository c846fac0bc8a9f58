//! Lints of the first program: can the kernel start it, and does it find what it needs?

use super::files::{FileKind, Files, Lost};
use super::program::{self, Fault, Unrunnable};
use super::subject::Initramfs;
use super::{Lint, Sight, Subject};
use crate::kernel::config::Answer;

/// Where the kernel looks for an init when nobody names one (`init/main.c`).
pub(super) const DEFAULT_INITS: [&str; 4] = ["/sbin/init", "/etc/init", "/bin/init", "/bin/sh"];

const NO_INIT: &str = "Kernel panic - not syncing: No working init found.";
const NO_ROOT: &str = "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(";

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "initramfs-no-init",
        "the initramfs has an /init",
        &[NO_ROOT],
        "put an executable /init at the root of the archive",
        |subject| missing(subject, Missing::Plain),
    ),
    Lint::error(
        "initramfs-nested-dir",
        "/init is at the root of the archive, not in a folder",
        &[NO_ROOT],
        "change into the folder before packing: `cd tree && find . | cpio -o -H newc`",
        |subject| missing(subject, Missing::Nested),
    ),
    Lint::error(
        "initramfs-microcode-only",
        "the initramfs has more than microcode",
        &[NO_ROOT],
        "put the main archive behind the microcode: `cat microcode.cpio main.img`",
        |subject| missing(subject, Missing::Microcode),
    ),
    Lint::error(
        "rdinit-missing",
        "the program that rdinit= names is in the initramfs",
        &[NO_ROOT],
        "correct rdinit=, or put the program into the initramfs",
        |subject| missing(subject, Missing::Rdinit),
    ),
    Lint::error(
        "init-dangling-symlink",
        "/init leads to a file",
        &[NO_ROOT],
        "put the target into the archive, or make /init the file itself",
        |subject| match fault(subject) {
            Some((initramfs, bad)) if is_dangling(&bad.fault) => {
                vec![Sight::new(&initramfs.name, bad.to_string())]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "init-is-directory",
        "/init is a regular file",
        &[],
        "make /init a program",
        |subject| failing(subject, |fault| matches!(fault, Fault::NotAFile(_))),
    ),
    Lint::error(
        "init-not-executable",
        "/init is executable",
        &[],
        "`chmod 755 init` before packing",
        |subject| failing(subject, |fault| matches!(fault, Fault::NotExecutable(_))),
    ),
    Lint::error("init-empty", "/init is not empty", &[], "write /init", |subject| {
        failing(subject, |fault| matches!(fault, Fault::Empty))
    }),
    Lint::error(
        "script-bom",
        "a script starts with `#!`, without a byte order mark",
        &[],
        "save the script as UTF-8 without a byte order mark",
        |subject| failing(subject, |fault| matches!(fault, Fault::Bom)),
    ),
    Lint::error(
        "script-no-shebang",
        "a script starts with `#!`",
        &[],
        "start the script with `#!/bin/sh`",
        |subject| failing(subject, |fault| matches!(fault, Fault::NoShebang)),
    ),
    Lint::error(
        "script-crlf",
        "a script's lines end in LF",
        &[],
        "convert the line ends: `sed -i 's/\\r$//' init`",
        |subject| failing(subject, |fault| matches!(fault, Fault::Crlf(_))),
    ),
    Lint::error(
        "script-interpreter-missing",
        "a script's interpreter is there",
        &[],
        "put the interpreter into the initramfs, at the path that `#!` names",
        |subject| failing(subject, |fault| matches!(fault, Fault::ScriptInterpreter(_))),
    ),
    Lint::error(
        "init-wrong-arch",
        "/init and what starts it are for this machine",
        &[],
        "build it for x86_64",
        |subject| failing(subject, |fault| matches!(fault, Fault::Machine(_))),
    ),
    Lint::error(
        "init-32bit-no-ia32",
        "a 32-bit /init has a kernel that runs it",
        &[],
        "build /init for x86_64, or let the kernel run 32-bit programs (CONFIG_IA32_EMULATION)",
        |subject| match lacks_ia32(subject) {
            true => failing(subject, |fault| matches!(fault, Fault::Is32Bit)),
            false => Vec::new(),
        },
    ),
    Lint::error(
        "init-wrong-format",
        "/init is a program or a script",
        &[],
        "make /init a program for x86_64, or a script that starts with `#!`",
        |subject| failing(subject, |fault| matches!(fault, Fault::Unknown | Fault::Nested)),
    ),
    Lint::error(
        "init-damaged",
        "all of /init's program is there",
        &["Kernel panic - not syncing: "],
        "build the initramfs again",
        |subject| failing(subject, |fault| matches!(fault, Fault::Damaged(_))),
    )
    .without_cause(),
    Lint::error(
        "elf-interpreter-missing",
        "a dynamic program finds its loader",
        &[],
        "link /init statically, or put the loader and the libraries into the initramfs",
        |subject| failing(subject, |fault| matches!(fault, Fault::ElfInterpreter(_))),
    ),
    Lint::error(
        "shared-library-missing",
        "a dynamic program finds its libraries",
        &[],
        "put the libraries into the initramfs, or link statically",
        |subject| failing(subject, |fault| matches!(fault, Fault::Libraries { .. })),
    ),
    Lint::error(
        "kernel-no-binfmt-elf",
        "the kernel runs ELF programs",
        &["Failed to execute /init (error -8)"],
        "set CONFIG_BINFMT_ELF=y",
        |subject| without_option(subject, "BINFMT_ELF", b"\x7fELF"),
    ),
    Lint::error(
        "kernel-no-binfmt-script",
        "the kernel runs scripts, where /init is one",
        &["Failed to execute /init (error -8)"],
        "set CONFIG_BINFMT_SCRIPT=y, or make /init a program",
        |subject| without_option(subject, "BINFMT_SCRIPT", b"#!"),
    ),
    Lint::error(
        "busybox-setuid-wrong-owner",
        "the shell that runs /init does not give up root: a setuid file belongs to root",
        &["you must be root"],
        "pack with owner 0:0 (`cpio -R 0:0`) and without the setuid bit",
        setuid,
    ),
    Lint::error(
        "no-dev-console",
        "/dev/console is a device",
        &[],
        "leave /dev/console out (the kernel makes it), or make it character device 5:1",
        console,
    )
    .warning(),
];

/// Why an `/init` is not there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Missing {
    Rdinit,
    Microcode,
    Nested,
    Plain,
}

/// The path of the first program, and whether the command line names it.
fn first(subject: &Subject) -> (String, bool) {
    match subject.argument("rdinit").filter(|path| !path.is_empty()) {
        Some(path) => (path, true),
        None => ("/init".into(), false),
    }
}

/// What is wrong with the first program of an initramfs that could be unpacked.
fn fault(subject: &Subject) -> Option<(&Initramfs, Unrunnable)> {
    let initramfs = subject.initramfs.here().filter(|initramfs| initramfs.is_whole())?;
    let (path, _) = first(subject);
    let bad = program::check(&initramfs.files, path.as_bytes(), subject.arch()).err()?;
    Some((initramfs, bad))
}

fn missing(subject: &Subject, wanted: Missing) -> Vec<Sight> {
    let Some((initramfs, bad)) = fault(subject) else { return Vec::new() };
    let (path, is_named) = first(subject);
    let is_it = bad.fault == Fault::Lost(Lost::Missing) && bad.file == path.as_bytes();
    let nested = nested(&initramfs.files);
    let folders = initramfs.files.names(b"");
    // /dev and /root are the kernel's own.
    let early = [&b"kernel"[..], b"early_cpio", b"dev", b"root"];
    let only_microcode = initramfs.files.has(b"kernel/x86/microcode")
        && folders.iter().all(|name| early.contains(&&name[..]));
    let found = match () {
        () if !is_it => return Vec::new(),
        () if is_named => Missing::Rdinit,
        () if only_microcode => Missing::Microcode,
        () if nested.is_some() => Missing::Nested,
        () => Missing::Plain,
    };
    if found != wanted {
        return Vec::new();
    }
    let saw = match found {
        Missing::Rdinit => format!("it has no {path}, which rdinit= names"),
        Missing::Microcode => "it has microcode and no /init".into(),
        Missing::Nested => format!("it has no /init, but {}", nested.unwrap_or_default()),
        Missing::Plain => "it has no /init".into(),
    };
    vec![Sight::new(&initramfs.name, saw)]
}

/// An `/init` one folder too deep.
fn nested(files: &Files) -> Option<String> {
    let names = files.names(b"").into_iter();
    let paths = names.map(|name| [&name[..], b"init"].join(&b'/'));
    let mut paths = paths.filter(|path| {
        let system = [&b"etc/"[..], b"bin/", b"sbin/", b"usr/"];
        let runs =
            files.followed(path).is_some_and(|s| s.kind == FileKind::File && s.mode & 0o111 != 0);
        runs && !system.iter().any(|folder| path.starts_with(folder))
    });
    paths.next().map(|path| format!("/{}", crate::error::shown_bytes(&path)))
}

fn is_dangling(fault: &Fault) -> bool {
    matches!(fault, Fault::Lost(Lost::Dangling { .. } | Lost::Loop))
}

/// A fault of a kind, with what the kernel says when it cannot start the program.
fn failing(subject: &Subject, is: impl Fn(&Fault) -> bool) -> Vec<Sight> {
    let Some((initramfs, bad)) = fault(subject).filter(|(_, bad)| is(&bad.fault)) else {
        return Vec::new();
    };
    let (path, _) = first(subject);
    let console = console_of(subject, &initramfs.files, &path, &bad);
    vec![Sight::new(&initramfs.name, bad.to_string()).with_all(console)]
}

fn console_of(subject: &Subject, files: &Files, path: &str, bad: &Unrunnable) -> Vec<String> {
    match (&bad.fault, bad.fault.errno()) {
        (Fault::Libraries { missing, .. }, _) => {
            let name = missing.first().map(|name| crate::error::shown_bytes(name));
            vec![
                name.unwrap_or_default(),
                "Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00".into(),
            ]
        }
        (_, None) => Vec::new(),
        (_, Some(errno)) => {
            let mut lines = vec![format!("Failed to execute {path} (error -{errno})")];
            lines.push(after(subject, files));
            lines
        }
    }
}

/// What the kernel does when the first program failed: it tries `init=`, then the usual places, all
/// in the initramfs.
fn after(subject: &Subject, files: &Files) -> String {
    let runs = |path: &str| program::check(files, path.as_bytes(), subject.arch());
    if let Some(init) = subject.argument("init").filter(|init| !init.is_empty()) {
        return match runs(&init) {
            Ok(()) => format!("Run {init} as init process"),
            Err(_) => format!("Kernel panic - not syncing: Requested init {init} failed"),
        };
    }
    match DEFAULT_INITS.iter().find(|path| runs(path).is_ok()) {
        Some(path) => format!("Run {path} as init process"),
        None => NO_INIT.into(),
    }
}

fn lacks_ia32(subject: &Subject) -> bool {
    let argument = || subject.argument("ia32_emulation");
    let off = (!subject.is_before(IA32_ARGUMENT)).then(argument).flatten();
    let off = off.is_some_and(|value| ["0", "n", "no", "off", "false"].contains(&&value[..]));
    off || subject.option("IA32_EMULATION") == Some(&Answer::No)
}

/// The first kernel that understands `ia32_emulation=`.
const IA32_ARGUMENT: (u32, u32) = (6, 7);

fn without_option(subject: &Subject, option: &str, magic: &[u8]) -> Vec<Sight> {
    let Some(files) = subject.early_files() else { return Vec::new() };
    let (path, _) = first(subject);
    let starts = files.read(path.as_bytes()).is_some_and(|bytes| bytes.starts_with(magic));
    match starts && subject.option(option) == Some(&Answer::No) {
        true => vec![Sight::new("kernel configuration", format!("CONFIG_{option} is not set"))],
        false => Vec::new(),
    }
}

fn setuid(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let files = &initramfs.files;
    let (path, _) = first(subject);
    let script = files.read(path.as_bytes()).filter(|bytes| bytes.starts_with(b"#!"));
    let Some(line) = script.as_deref().and_then(|s| s[2..].split(|&b| b == b'\n').next()) else {
        return Vec::new();
    };
    let shell = String::from_utf8_lossy(line).split_whitespace().next().map(str::to_owned);
    let Some(shell) = shell else { return Vec::new() };
    match files.followed(shell.as_bytes()) {
        Some(status) if status.mode & 0o4000 != 0 && status.uid != 0 => {
            let saw = format!("{shell} is setuid and belongs to user {}", status.uid);
            vec![Sight::new(&initramfs.name, saw)]
        }
        _ => Vec::new(),
    }
}

fn console(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    match initramfs.files.followed(b"dev/console") {
        Some(status) if status.kind == FileKind::Special => Vec::new(),
        _ => vec![Sight::new(
            &initramfs.name,
            "/dev/console is not a device: what init writes is lost",
        )],
    }
}
