//! `bootwright lint`: whether an image, or a kernel with its initramfs, will boot, without booting it.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::Answer;
use super::pieces::PieceArgs;
use super::terminal::say;
use crate::error::{Error, Result};
use crate::lint::{CHAPTERS, Levels, run as run_lints};

/// What `lint` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright lint demo.img
  bootwright lint --kernel vmlinuz --initramfs initrd.img --cmdline 'root=/dev/vda2 console=ttyS0' --disk disk.img
  bootwright lint disk.img --memory 512M --deny all --allow console-order --json

Exit codes: 0 nothing keeps it from booting, 1 something does, 2 could not find out.")]
pub struct LintArgs {
    /// A disk image, in any format that is read
    #[arg(value_name = "IMAGE", conflicts_with_all = ["kernel", "kernel_config", "initramfs", "cmdline", "disk"])]
    pub image: Option<PathBuf>,
    /// Or what would be booted, file by file.
    #[command(flatten)]
    pub pieces: PieceArgs,
    /// Which lints count as what.
    #[command(flatten)]
    pub levels: LevelArgs,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Show all lints and look at nothing
    #[arg(long)]
    pub list: bool,
}

/// Which lints are passed over, and which warnings count as errors.
#[derive(Debug, Clone, Args)]
pub struct LevelArgs {
    /// Pass over this lint; `all` is every one that --deny does not name
    #[arg(long, value_name = "ID")]
    pub allow: Vec<String>,
    /// Count this lint's warnings as errors; `all` is every one
    #[arg(long, value_name = "ID")]
    pub deny: Vec<String>,
}

impl LevelArgs {
    /// The same, with every name looked up.
    ///
    /// # Errors
    /// Where there is no lint of a name.
    pub fn levels(&self) -> Result<Levels> {
        Levels::new(&self.allow, &self.deny)
    }
}

/// Looks at an image, or at what would be booted directly.
///
/// # Errors
/// Where something cannot be read, or nothing was named.
pub fn run(args: &LintArgs) -> Result<Answer> {
    if args.list {
        match args.json {
            true => say(serde_json::to_string_pretty(&list_as_json())?)?,
            false => say(list().trim_end())?,
        }
        return Ok(Answer::Yes);
    }
    let levels = args.levels.levels()?;
    let subject = args.pieces.subject(args.image.as_deref())?.ok_or_else(|| {
        Error::new("there is nothing to look at")
            .hint("name an image, or --kernel, --initramfs and --cmdline")
    })?;
    let report = run_lints(&subject, &levels);
    match args.json {
        true => say(serde_json::to_string_pretty(&report)?)?,
        false => say(report.to_string().trim_end())?,
    }
    Ok(match (report.will_boot(), &report.unjudged) {
        (false, _) => Answer::No,
        (true, Some(_)) => Answer::Unknown,
        (true, None) => Answer::Yes,
    })
}

/// The table: a line for each lint.
fn list() -> String {
    let mut text = String::new();
    for chapter in CHAPTERS {
        text.push_str(&format!("{}\n", chapter.title));
        for lint in chapter.lints {
            text.push_str(&format!("  {:8} {:32} {}\n", lint.severity, lint.id, lint.proves));
        }
    }
    text
}

fn list_as_json() -> serde_json::Value {
    let lints = CHAPTERS.iter().flat_map(|chapter| {
        chapter.lints.iter().map(|lint| {
            json!({
                "chapter": chapter.title,
                "id": lint.id,
                "severity": lint.severity,
                "proves": lint.proves,
            })
        })
    });
    lints.collect()
}
