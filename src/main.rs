//! The command line of bootwright.

use std::process::ExitCode;

use bootwright::cli;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(command) => cli::conclude(cli::run(&command)),
        Err(code) => code,
    }
}
