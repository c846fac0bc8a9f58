//! What reaches standard output and standard error, where `println!` would panic.
//!
//! Whoever reads us may stop early (`| head`): that is no reason to stop working, nor for another
//! exit code. An answer that cannot be written (a full disk) is an error.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};

use crate::error::{Context, Result};

/// Says a line of the answer on standard output.
///
/// # Errors
/// Where it cannot be written, unless nobody reads it any more.
pub fn say(line: impl Display) -> Result<()> {
    let mut stdout = io::stdout().lock();
    heard(writeln!(stdout, "{line}").and_then(|()| stdout.flush()))
}

/// Whether what stands on standard output may be bold or coloured: it is a terminal, and nobody said no.
pub fn is_decorated() -> bool {
    io::stdout().is_terminal() && !is_plain()
}

/// Whether somebody wants no colours; by the convention, an empty NO_COLOR counts as none.
pub(super) fn is_plain() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Says a line beside the answer on standard error; where that cannot be written, nobody can be told.
pub fn note(line: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Standard output for bytes that are no text; what nobody reads any more is dropped.
pub struct Output {
    stdout: io::StdoutLock<'static>,
    is_heard: bool,
}

impl Output {
    /// Standard output, until this is dropped.
    pub fn new() -> Self {
        Output { stdout: io::stdout().lock(), is_heard: true }
    }

    /// Writes what is still buffered.
    ///
    /// # Errors
    /// Where it cannot be written, unless nobody reads it any more.
    pub fn finish(mut self) -> Result<()> {
        self.flush().context(|| "writing to standard output")
    }

    fn heard<T>(&mut self, written: io::Result<T>, unheard: T) -> io::Result<T> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_heard = false;
                Ok(unheard)
            }
            written => written,
        }
    }
}

impl Default for Output {
    fn default() -> Self {
        Output::new()
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_heard {
            return Ok(bytes.len());
        }
        let written = self.stdout.write(bytes);
        self.heard(written, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let flushed = self.stdout.flush();
        self.heard(flushed, ())
    }
}

fn heard(written: io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        written => written.context(|| "writing to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_left_is_no_error_and_a_full_disk_is_one() {
        assert!(heard(Err(ErrorKind::BrokenPipe.into())).is_ok());
        let full = heard(Err(io::Error::from_raw_os_error(28))).expect_err("it was not written");
        assert_eq!(full.to_string(), "writing to standard output: no space left on device");
    }
}
