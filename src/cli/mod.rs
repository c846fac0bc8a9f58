//! The command line: one verb a file, for people and with `--json` for programs.
//!
//! The library above never prints; here is where answers reach the terminal.

use std::io::IsTerminal;
use std::process::ExitCode;

pub mod extent;

use crate::error::{Error, Result};

/// What a verb found out; not having found out is an [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Built, booted, clean: exit code 0.
    Yes,
    /// Did not boot, differs, has errors: exit code 1.
    No,
}

/// Turns the result of a verb into the exit code, and says the error: one sentence, then its hint.
pub fn conclude(result: Result<Answer>) -> ExitCode {
    match result {
        Ok(Answer::Yes) => ExitCode::SUCCESS,
        Ok(Answer::No) => ExitCode::from(1),
        Err(error) => {
            say_error(&error);
            ExitCode::from(2)
        }
    }
}

fn say_error(error: &Error) {
    let (red, bold, plain) = match std::io::stderr().is_terminal() {
        true => ("\x1b[1;31m", "\x1b[1m", "\x1b[0m"),
        false => ("", "", ""),
    };
    eprintln!("{red}error{plain}{bold}:{plain} {error}");
    if let Some(hint) = error.hint_text() {
        eprintln!("{bold}hint:{plain} {hint}");
    }
}
//! One verb a file: human and `--json` output.
pub mod doctor;
