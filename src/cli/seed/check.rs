//! `bootwright seed check`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::counted;
use crate::cli::{Answer, terminal};
use crate::error::{Error, Result, shown};
use crate::seed::check::{self, CHAPTERS};
use crate::seed::{self, Found};
use crate::size::Size;

/// What `seed check` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright seed check seed.img
  bootwright seed check my-seed-folder/
  bootwright seed check --json seed.iso | jq '.report.findings[].id'

A folder is looked at as what would be on the volume.

Exit codes: 0 cloud-init will do what it says, 1 it will not, 2 it cannot be read.")]
pub struct CheckArgs {
    /// A vfat or ISO 9660 volume, or a folder
    #[arg(value_name = "SEED", required_unless_present = "list")]
    pub seed: Option<PathBuf>,
    /// Pass over this check
    #[arg(long, value_name = "ID")]
    pub allow: Vec<String>,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Show all checks and look at nothing
    #[arg(long)]
    pub list: bool,
}

pub(super) fn run(args: &CheckArgs) -> Result<Answer> {
    if args.list {
        match args.json {
            true => terminal::say(serde_json::to_string_pretty(&list_as_json())?)?,
            false => terminal::say(list().trim_end())?,
        }
        return Ok(Answer::Yes);
    }
    let path = args.seed.as_ref().ok_or_else(|| Error::new("there is no seed to look at"))?;
    let found = seed::read(path)?;
    let report = check::seed(&found, &args.allow)?;
    if args.json {
        terminal::say(serde_json::to_string_pretty(&json!({
            "seed": shown(path),
            "filesystem": found.fstype,
            "label": found.label,
            "files": found.files.iter().map(|file| file.part.name()).collect::<Vec<_>>(),
            "others": found.others,
            "report": report,
        }))?)?;
    } else {
        terminal::say(about(&found))?;
        if !report.findings.is_empty() {
            terminal::say(format_args!("\n{}", report.to_string().trim_end()))?;
        }
        terminal::say(match (report.errors, report.warnings) {
            (0, 0) => "nothing was found that cloud-init would stumble over".into(),
            (0, n) => format!("\n{}; cloud-init will read it", counted(n, "warning")),
            (n, _) => format!("\n{}: cloud-init will not do what it says", counted(n, "error")),
        })?;
    }
    Ok(if report.is_good() { Answer::Yes } else { Answer::No })
}

fn about(found: &Found) -> String {
    let mut lines = vec![match (found.fstype, &found.label) {
        (Some(fstype), Some(label)) => format!("{fstype}, labelled {}", label.escape_debug()),
        _ => "a folder".into(),
    }];
    let file = |file: &seed::File| {
        format!("{:14}  {:>8}", file.part.name(), Size(file.bytes.len() as u64).to_string())
    };
    lines.extend(found.files.iter().map(file));
    lines.join("\n")
}

/// The table: a line for each check.
fn list() -> String {
    let mut text = String::new();
    for chapter in CHAPTERS {
        text.push_str(&format!("{}\n", chapter.title));
        for check in chapter.checks {
            text.push_str(&format!("  {:8} {:24} {}\n", check.severity, check.id, check.proves));
        }
    }
    text
}

fn list_as_json() -> serde_json::Value {
    let checks = CHAPTERS.iter().flat_map(|chapter| {
        chapter.checks.iter().map(|check| {
            json!({
                "chapter": chapter.title,
                "id": check.id,
                "severity": check.severity,
                "proves": check.proves,
            })
        })
    });
    checks.collect()
}
