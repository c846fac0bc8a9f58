//! The lints between an image that is written and its name: what will not boot is not handed out.

use clap::Args;

use crate::build::lint;
use crate::cli::lint::LevelArgs;
use crate::cli::terminal;
use crate::disk::output::OutputFile;
use crate::error::Result;
use crate::lint::{Levels, Report};

/// Whether and how a new image is judged.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Will it boot?")]
pub struct JudgeArgs {
    /// Hand the image out whatever the lints say of it
    #[arg(long, conflicts_with_all = ["allow", "deny"])]
    pub no_lint: bool,
    /// Which lints count as what.
    #[command(flatten)]
    pub levels: LevelArgs,
}

impl JudgeArgs {
    /// The judge that they ask for.
    ///
    /// # Errors
    /// Where there is no lint of a name.
    pub fn judge(&self, memory: Option<u64>) -> Result<Judge> {
        let levels = match self.no_lint {
            true => None,
            false => Some(self.levels.levels()?),
        };
        Ok(Judge { levels, memory })
    }
}

/// Judges a new image.
pub struct Judge {
    /// `None` where nobody wants to know.
    levels: Option<Levels>,
    /// Bytes of memory of the machine that will boot it, where that is known.
    memory: Option<u64>,
}

impl Judge {
    /// What the lints say of an image; `None` where they were not asked.
    ///
    /// # Errors
    /// Where it cannot be read back.
    pub fn image(&self, output: &OutputFile) -> Result<Option<Report>> {
        let Some(levels) = &self.levels else { return Ok(None) };
        lint::image(output, self.memory, levels).map(Some)
    }
}

/// Says what was found of an image that was handed out; nothing where there is nothing.
///
/// # Errors
/// Where it cannot be written.
pub fn say(report: &Report) -> Result<()> {
    match report.findings.is_empty() {
        true => Ok(()),
        false => terminal::say(format_args!("\n{}", report.to_string().trim_end())),
    }
}

/// Says why there is no image.
///
/// # Errors
/// Where it cannot be written.
pub fn say_refused(report: &Report, path: &str) -> Result<()> {
    let found = report.to_string();
    let found = found.trim_end();
    terminal::say(format_args!(
        "{found}\n{path} was not written: --allow ID passes over a lint, --no-lint over all of them"
    ))
}
