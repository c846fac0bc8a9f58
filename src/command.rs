//! An external program as a value: described, printed quoted, run, with its stderr kept.
//!
//! This is the only place that starts processes.
#![expect(clippy::disallowed_types, reason = "the one place that may")]

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, ExitStatus, Stdio};

use crate::error::{Context, Error, Result, shown, shown_bytes};

/// A program with its arguments and the variables that it needs, not yet running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    program: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
}

/// What a finished program printed.
#[derive(Debug)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All of standard output.
    pub stdout: Vec<u8>,
    /// All of standard error.
    pub stderr: Vec<u8>,
}

impl Command {
    /// The program by path, or by a name that PATH has.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Command { program: program.into(), args: Vec::new(), env: Vec::new() }
    }

    /// Appends one argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Appends arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets one environment variable on top of the caller's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// The arguments, without the program.
    pub fn arguments(&self) -> &[OsString] {
        &self.args
    }

    /// The environment variables that are set on top of the caller's.
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.env
    }

    /// Runs to the end and returns what was printed, whatever the exit status.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn output(&self) -> Result<Output> {
        let out = self.process().stdin(Stdio::null()).output().map_err(|e| self.not_started(e))?;
        Ok(Output { status: out.status, stdout: out.stdout, stderr: out.stderr })
    }

    /// Runs to the end and returns standard output.
    ///
    /// # Errors
    /// Where the program cannot be started, or ends with another status than 0: then the error
    /// carries the last lines of its standard error.
    pub fn run(&self) -> Result<Vec<u8>> {
        let out = self.output()?;
        self.judge(out)
    }

    /// As [`Command::run`], with these bytes as standard input.
    ///
    /// # Errors
    /// As [`Command::run`].
    pub fn run_with_input(&self, input: &[u8]) -> Result<Vec<u8>> {
        let mut process = self.process();
        process.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.spawn().map_err(|e| self.not_started(e))?;
        let mut stdin = child.stdin.take();
        let out = std::thread::scope(|scope| {
            // A program that stops reading early says why in its status: the broken pipe is not it.
            scope.spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(input)));
            child.wait_with_output()
        });
        let out = out.context(|| format!("running {self}"))?;
        self.judge(Output { status: out.status, stdout: out.stdout, stderr: out.stderr })
    }

    /// Runs with the caller's own terminal and returns how it ended.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn attached(&self) -> Result<ExitStatus> {
        self.process().status().map_err(|e| self.not_started(e))
    }

    /// Starts it with these streams and leaves it running.
    ///
    /// # Errors
    /// Where the program cannot be started.
    pub fn spawn(&self, stdin: Stdio, stdout: Stdio, stderr: Stdio) -> Result<Child> {
        let mut process = self.process();
        process.stdin(stdin).stdout(stdout).stderr(stderr);
        process.spawn().map_err(|e| self.not_started(e))
    }

    /// One line of a shell script, byte for byte, where [`Display`](fmt::Display) has to be text.
    pub fn script(&self) -> Vec<u8> {
        let mut line = Vec::new();
        for (name, value) in &self.env {
            line.extend(name.as_encoded_bytes());
            line.push(b'=');
            line.extend(quoted_bytes(value));
            line.push(b' ');
        }
        line.extend(quoted_bytes(self.program.as_os_str()));
        for arg in &self.args {
            line.push(b' ');
            line.extend(quoted_bytes(arg));
        }
        line
    }

    fn process(&self) -> Process {
        let mut process = Process::new(&self.program);
        process.args(&self.args).envs(self.env.iter().map(|(k, v)| (k, v)));
        process
    }

    fn not_started(&self, error: io::Error) -> Error {
        let missing = error.kind() == io::ErrorKind::NotFound;
        let error = Error::from(error).context(format!("starting {}", shown(&self.program)));
        match missing {
            true => {
                error.hint("`cargo xtask doctor` shows which programs were looked for, and where")
            }
            false => error,
        }
    }

    fn judge(&self, out: Output) -> Result<Vec<u8>> {
        if out.status.success() {
            return Ok(out.stdout);
        }
        let stderr = String::from_utf8_lossy(&out.stderr);
        let lines: Vec<_> = stderr.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        let last = lines[lines.len().saturating_sub(3)..].join("; ");
        let why = match last.is_empty() {
            true => out.status.to_string(),
            false => format!("{}: {last}", out.status),
        };
        Err(Error::new(why)
            .context(format!("running {}", shown(&self.program)))
            .hint(format!("the whole command was: {self}")))
    }
}

impl fmt::Display for Command {
    /// One line that a shell runs as it is; a POSIX shell, unless a word is not printable.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.env {
            write!(f, "{}={} ", shown_bytes(name.as_encoded_bytes()), quoted(value))?;
        }
        write!(f, "{}", quoted(self.program.as_os_str()))?;
        self.args.iter().try_for_each(|arg| write!(f, " {}", quoted(arg)))
    }
}

/// Whether a shell reads this word back without quotes.
fn is_plain(word: &[u8]) -> bool {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"-_./=:,+@%".contains(b);
    !word.is_empty() && word.iter().all(plain)
}

/// A word as a POSIX shell reads it back, whatever its bytes are: it may span lines.
pub fn quoted_bytes(word: &OsStr) -> Vec<u8> {
    let bytes = word.as_encoded_bytes();
    if is_plain(bytes) {
        return bytes.into();
    }
    let inner: Vec<_> = bytes.split(|&b| b == b'\'').collect();
    [b"'".as_slice(), &inner.join(br"'\''".as_slice()), b"'"].concat()
}

/// A word as a shell reads it back, printable: what is not is written as `$'\xff'`.
fn quoted(word: &OsStr) -> String {
    let bytes = word.as_encoded_bytes();
    match word.to_str() {
        Some(text) if is_plain(bytes) => text.into(),
        Some(text) if !text.chars().any(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => {
            let escaped: String = bytes
                .iter()
                .map(|b| match b {
                    b'\'' | b'\\' => format!("\\{}", *b as char),
                    0x20..0x7f => (*b as char).to_string(),
                    _ => format!("\\x{b:02x}"),
                })
                .collect();
            format!("$'{escaped}'")
        }
    }
}

/// Where PATH has a program of this name.
pub fn find_in_path(name: &str) -> Option<PathBuf> {
    // Debian keeps mke2fs and sgdisk where PATH of an ordinary user does not look.
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).chain(system).map(|dir| dir.join(name)).find(|p| is_program(p))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn a_command_prints_as_a_shell_reads_it() {
        let command = Command::new("qemu").arg("a b").arg("it's").arg("").env("L", "/x y");
        assert_eq!(command.to_string(), r"L='/x y' qemu 'a b' 'it'\''s' ''");
        assert_eq!(quoted(OsStr::from_bytes(b"\xff\n")), r"$'\xff\x0a'");
    }

    #[test]
    fn a_failure_carries_the_last_lines_of_stderr() {
        let error = Command::new("sh").args(["-c", "echo one >&2; echo two >&2; exit 3"]).run();
        let text = error.expect_err("it exits with 3").to_string();
        assert_eq!(text, "running sh: exit status: 3: one; two");
    }

    #[test]
    fn input_reaches_the_program_and_output_comes_back() {
        let input = vec![b'x'; 1 << 20];
        let output = Command::new("cat").run_with_input(&input).expect("cat runs");
        assert_eq!(output, input);
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = Command::new("/nowhere/qemu").run().expect_err("it is not there");
        assert!(error.to_string().starts_with("starting /nowhere/qemu: "), "{error}");
    }
}
