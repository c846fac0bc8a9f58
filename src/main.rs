//! The command line of bootwright.

use std::process::ExitCode;

use bootwright::cli::{self, Bootwright};
use clap::Parser;

fn main() -> ExitCode {
    cli::conclude(cli::run(&Bootwright::parse()))
}
