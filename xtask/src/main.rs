//! The repository's workflow: `cargo xtask VERB`. It knows the repository; all knowledge of images
//! is in the library.

mod init;
mod test;
mod tidy;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use bootwright::cli::{self, Answer};
use bootwright::error::Result;
use clap::{Parser, Subcommand};

/// Build, boot and check bootwright.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", max_term_width = 100)]
struct Xtask {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Build the guest's tiny PID 1 and say where it is
    Init,
    /// Run all tests, after fetching what they need
    Test(test::Args),
    /// Check the house rules
    Tidy,
}

fn main() -> ExitCode {
    let result = match Xtask::parse().verb {
        Verb::Init => build_init(),
        Verb::Test(args) => test::run(&args),
        Verb::Tidy => tidy::run(),
    };
    cli::conclude(result)
}

fn build_init() -> Result<Answer> {
    println!("{}", init::build()?.display());
    Ok(Answer::Yes)
}

/// The repository's root folder.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().map(PathBuf::from).unwrap_or_default()
}
