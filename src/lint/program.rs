//! Whether a guest's kernel can start a program: what `execve` and then the program's loader do with
//! it, seen from outside.
//!
//! Sources: `fs/exec.c`, `fs/binfmt_elf.c` and `fs/binfmt_script.c` of the kernel, ld.so(8). What a
//! program does once it runs is not looked at, nor are symbol versions.

use std::fmt;

use super::files::{FileKind, Files, Lost};
use crate::arch::Arch;
use crate::elf::{Elf, ElfError};
use crate::error::shown_bytes;

/// `#!` lines of a script that names a script; the kernel gives up after so many.
const NESTING_MAX: usize = 5;

/// `BINPRM_BUF_SIZE`: how much of a `#!` line the kernel reads.
const LINE_MAX: usize = 256;

/// Where the loaders of glibc and musl look for libraries on any distribution.
const LIBRARY_FOLDERS: [&[u8]; 9] = [
    b"lib64",
    b"usr/lib64",
    b"lib",
    b"usr/lib",
    b"lib/x86_64-linux-gnu",
    b"usr/lib/x86_64-linux-gnu",
    b"lib64/glibc-hwcaps",
    b"usr/local/lib",
    b"lib/tls",
];

/// Why a program does not start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing at its path.
    Lost(Lost),
    /// Something that is no file.
    NotAFile(FileKind),
    /// No execute permission for anybody, or none for its owner.
    NotExecutable(u16),
    /// A file of no bytes.
    Empty,
    /// A script that starts with a byte order mark.
    Bom,
    /// Text without `#!`.
    NoShebang,
    /// A `#!` line that ends in a carriage return.
    Crlf(Vec<u8>),
    /// A script whose interpreter is not there.
    ScriptInterpreter(Vec<u8>),
    /// A program for another machine.
    Machine(ElfError),
    /// A 32-bit program, which some kernels run.
    Is32Bit,
    /// A damaged or truncated program.
    Damaged(ElfError),
    /// Neither a program nor a script.
    Unknown,
    /// A dynamic program whose loader is not there.
    ElfInterpreter(Vec<u8>),
    /// Libraries that are not there, and who asks for the first.
    Libraries {
        /// The missing names.
        missing: Vec<Vec<u8>>,
        /// The file that asks for the first.
        by: Vec<u8>,
    },
    /// Scripts all the way down.
    Nested,
}

/// A program that does not start: which file is at fault, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unrunnable {
    /// The file at fault: the program, or an interpreter of it.
    pub file: Vec<u8>,
    /// Why.
    pub fault: Fault,
}

impl Fault {
    /// The error number with which `execve` fails; `None` where the program starts and then fails.
    pub fn errno(&self) -> Option<i32> {
        const ENOENT: i32 = 2;
        const ENOEXEC: i32 = 8;
        const EACCES: i32 = 13;
        const ELOOP: i32 = 40;
        Some(match self {
            Fault::Lost(Lost::Loop) | Fault::Nested => ELOOP,
            Fault::Lost(_) | Fault::ScriptInterpreter(_) | Fault::Crlf(_) => ENOENT,
            Fault::ElfInterpreter(_) => ENOENT,
            Fault::NotAFile(_) | Fault::NotExecutable(_) => EACCES,
            Fault::Empty | Fault::Bom | Fault::NoShebang | Fault::Machine(_) => ENOEXEC,
            Fault::Is32Bit | Fault::Unknown => ENOEXEC,
            Fault::Libraries { .. } | Fault::Damaged(_) => return None,
        })
    }
}

impl Fault {
    /// The cause under which `explain` names an init with this fault; `None` where that depends on who
    /// looks for it.
    pub fn cause(&self) -> Option<&'static str> {
        Some(match self {
            Fault::Lost(_) | Fault::Damaged(_) => return None,
            Fault::NotAFile(_) => "init-is-directory",
            Fault::NotExecutable(_) => "init-not-executable",
            Fault::Empty => "init-empty",
            Fault::Bom => "script-bom",
            Fault::NoShebang => "script-no-shebang",
            Fault::Crlf(_) => "script-crlf",
            Fault::ScriptInterpreter(_) => "script-interpreter-missing",
            Fault::Machine(_) => "init-wrong-arch",
            Fault::Is32Bit => "init-32bit-no-ia32",
            Fault::Unknown | Fault::Nested => "init-wrong-format",
            Fault::ElfInterpreter(_) => "elf-interpreter-missing",
            Fault::Libraries { .. } => "shared-library-missing",
        })
    }
}

/// Looks whether the program at a path starts.
///
/// # Errors
/// Where it does not: why.
pub fn check(files: &Files, path: &[u8], arch: &Arch) -> Result<(), Unrunnable> {
    check_nested(files, path, arch, 0)
}

fn check_nested(files: &Files, path: &[u8], arch: &Arch, depth: usize) -> Result<(), Unrunnable> {
    let fail = |fault| Err(Unrunnable { file: path.to_vec(), fault });
    if depth > NESTING_MAX {
        return fail(Fault::Nested);
    }
    let real = match files.resolve(path) {
        Ok(real) => real,
        Err(lost) => return fail(Fault::Lost(lost)),
    };
    match files.status(&real) {
        None => return fail(Fault::Lost(Lost::Missing)),
        Some(status) if status.kind != FileKind::File => {
            return fail(Fault::NotAFile(status.kind));
        }
        // Root may execute what anybody may.
        Some(status) if status.mode & 0o111 == 0 => {
            return fail(Fault::NotExecutable(status.mode));
        }
        Some(_) => {}
    }
    // What cannot be read cannot be judged.
    let Some(bytes) = files.read(&real) else { return Ok(()) };
    match &bytes[..] {
        [] => fail(Fault::Empty),
        [b'#', b'!', ..] => script(files, path, &bytes, arch, depth),
        [0xef, 0xbb, 0xbf, ..] => fail(Fault::Bom),
        [0x7f, b'E', b'L', b'F', ..] => program(files, path, &real, &bytes, arch),
        start if is_text(start) => fail(Fault::NoShebang),
        _ => fail(Fault::Unknown),
    }
}

fn script(
    files: &Files,
    path: &[u8],
    bytes: &[u8],
    arch: &Arch,
    depth: usize,
) -> Result<(), Unrunnable> {
    let line = bytes[2..bytes.len().min(LINE_MAX)].split(|&b| b == b'\n').next();
    let line = line.unwrap_or_default();
    let start = line.iter().position(|&b| b != b' ' && b != b'\t').unwrap_or(line.len());
    let words = &line[start..];
    let interpreter = words.split(|&b| b == b' ' || b == b'\t').next().unwrap_or_default();
    let fail = |fault| Err(Unrunnable { file: path.to_vec(), fault });
    if interpreter.is_empty() {
        return fail(Fault::NoShebang);
    }
    if interpreter.ends_with(b"\r") && !files.has(interpreter) {
        return fail(Fault::Crlf(interpreter.to_vec()));
    }
    match files.resolve(interpreter) {
        Err(_) => fail(Fault::ScriptInterpreter(interpreter.to_vec())),
        Ok(_) => check_nested(files, interpreter, arch, depth + 1),
    }
}

fn program(
    files: &Files,
    path: &[u8],
    real: &[u8],
    bytes: &[u8],
    arch: &Arch,
) -> Result<(), Unrunnable> {
    let fail = |fault| Err(Unrunnable { file: path.to_vec(), fault });
    let elf = match Elf::parse(bytes, arch) {
        Ok(elf) => elf,
        Err(error @ ElfError::Machine { .. }) => return fail(Fault::Machine(error)),
        Err(ElfError::Class) if is_32_bit(bytes, arch) => return fail(Fault::Is32Bit),
        Err(ElfError::Class) => return fail(Fault::Machine(ElfError::Class)),
        // Missing section headers do not keep a program from running.
        Err(ElfError::Truncated { .. }) if lacks_only_sections(bytes) => return Ok(()),
        Err(error) => return fail(Fault::Damaged(error)),
    };
    if !elf.is_program() {
        return fail(Fault::Unknown);
    }
    let Some(interpreter) = elf.interpreter() else { return Ok(()) };
    if !files.has(interpreter) {
        return fail(Fault::ElfInterpreter(interpreter.to_vec()));
    }
    let (missing, by) = missing_libraries(files, real, bytes, arch);
    match missing.is_empty() {
        true => Ok(()),
        false => fail(Fault::Libraries { missing, by }),
    }
}

/// The libraries that a program and its libraries ask for and that are nowhere, and who asks first.
fn missing_libraries(
    files: &Files,
    program: &[u8],
    bytes: &[u8],
    arch: &Arch,
) -> (Vec<Vec<u8>>, Vec<u8>) {
    let mut missing = Vec::new();
    let mut by = program.to_vec();
    let mut seen: Vec<Vec<u8>> = Vec::new();
    let mut waiting = vec![(program.to_vec(), bytes.to_vec())];
    let cache = files.read(b"etc/ld.so.cache").unwrap_or_default();
    while let Some((user, bytes)) = waiting.pop() {
        let Ok(elf) = Elf::parse(&bytes, arch) else { continue };
        for name in elf.libraries() {
            if seen.iter().any(|s| s == name) {
                continue;
            }
            seen.push(name.to_vec());
            match library(files, &user, name, &elf.library_path()) {
                Some(path) => {
                    let bytes = files.read(&path).unwrap_or_default();
                    waiting.push((path, bytes));
                }
                // ld.so.cache knows of folders that no rule gives.
                None if !name.is_empty() && contains(&cache, name) => {}
                None if missing.is_empty() => {
                    by.clone_from(&user);
                    missing.push(name.to_vec());
                }
                None => missing.push(name.to_vec()),
            }
        }
    }
    (missing, by)
}

/// Where a library is.
fn library(files: &Files, user: &[u8], name: &[u8], path: &[&[u8]]) -> Option<Vec<u8>> {
    if name.contains(&b'/') {
        return files.has(name).then(|| name.to_vec());
    }
    let origin = user.iter().rposition(|&b| b == b'/').map_or(&b""[..], |slash| &user[..slash]);
    let own = path.iter().map(|folder| with_origin(folder, origin));
    let musl = files.read(b"etc/ld-musl-x86_64.path").unwrap_or_default();
    let musl = musl.split(|&b| b == b'\n' || b == b':').map(<[u8]>::to_vec);
    let folders = own.chain(LIBRARY_FOLDERS.map(<[u8]>::to_vec)).chain(musl);
    folders.map(|folder| [&folder[..], name].join(&b'/')).find(|path| files.has(path))
}

fn with_origin(folder: &[u8], origin: &[u8]) -> Vec<u8> {
    for variable in [&b"$ORIGIN"[..], b"${ORIGIN}"] {
        if let Some(rest) = folder.strip_prefix(variable) {
            return [origin, rest].concat();
        }
    }
    folder.to_vec()
}

/// i386, or x32: both run on x86-64 kernels that have them.
fn is_32_bit(bytes: &[u8], arch: &Arch) -> bool {
    const ELFCLASS32: u8 = 1;
    const EM_386: u16 = 3;
    let machine = crate::bytes::le16(bytes, 18);
    let known = machine == Some(EM_386) || machine == Some(arch.elf_machine);
    bytes.get(4) == Some(&ELFCLASS32) && known
}

/// Whether all that is loaded is there, whatever the section headers say.
fn lacks_only_sections(bytes: &[u8]) -> bool {
    let field = |at| crate::bytes::le64(bytes, at).unwrap_or(u64::MAX);
    let (at, count) = (field(32), u64::from(crate::bytes::le16(bytes, 56).unwrap_or(0)));
    let row = |i: u64| usize::try_from(at.saturating_add(i * 56)).unwrap_or(usize::MAX);
    let end = |i| field(row(i).saturating_add(8)).saturating_add(field(row(i).saturating_add(32)));
    count > 0 && (0..count).all(|i| end(i) <= bytes.len() as u64)
}

fn is_text(bytes: &[u8]) -> bool {
    let start = &bytes[..bytes.len().min(128)];
    start.iter().all(|&b| b >= 0x20 || b"\t\n\r\x1b".contains(&b))
}

fn contains(bytes: &[u8], name: &[u8]) -> bool {
    bytes.windows(name.len()).any(|window| window == name)
}

impl fmt::Display for Unrunnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = shown_bytes(self.file.strip_prefix(b"/").unwrap_or(&self.file));
        write!(f, "/{name} {}", self.fault)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Lost(lost) => write!(f, "{lost}"),
            Fault::NotAFile(FileKind::Directory) => f.write_str("is a directory"),
            Fault::NotAFile(_) => f.write_str("is no regular file"),
            Fault::NotExecutable(mode) => write!(f, "has the mode {mode:04o}: not executable"),
            Fault::Empty => f.write_str("is empty"),
            Fault::Bom => f.write_str("starts with a byte order mark, before its `#!`"),
            Fault::NoShebang => f.write_str("is text without a `#!` line"),
            Fault::Crlf(name) => write!(
                f,
                "has lines that end in CR LF, so its interpreter is `{}`",
                shown_bytes(name)
            ),
            Fault::ScriptInterpreter(name) => {
                write!(f, "is a script for {}, which is not there", shown_bytes(name))
            }
            Fault::Machine(error) | Fault::Damaged(error) => write!(f, "does not run: {error}"),
            Fault::Is32Bit => f.write_str("is a 32-bit program"),
            Fault::Unknown => f.write_str("is neither a program nor a script"),
            Fault::ElfInterpreter(path) => {
                write!(f, "is dynamic and asks for {}, which is not there", shown_bytes(path))
            }
            Fault::Libraries { missing, by } => {
                let names: Vec<_> = missing.iter().map(|name| shown_bytes(name)).collect();
                write!(f, "needs {} (asked for by /{})", names.join(", "), shown_bytes(by))?;
                f.write_str(", in no folder of libraries")
            }
            Fault::Nested => f.write_str("is a script of a script of a script, too deep"),
        }
    }
}
