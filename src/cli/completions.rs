//! `bootwright completions`: what lets a shell complete verbs and flags.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Answer, Bootwright, terminal};
use crate::error::Result;

/// What `completions` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright completions bash > ~/.local/share/bash-completion/completions/bootwright
  bootwright completions zsh > ~/.zfunc/_bootwright
  bootwright completions fish > ~/.config/fish/completions/bootwright.fish")]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints it.
///
/// # Errors
/// Where standard output cannot be written.
pub fn run(args: &CompletionsArgs) -> Result<Answer> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Bootwright::command(), "bootwright", &mut script);
    terminal::say(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Answer::Yes)
}
