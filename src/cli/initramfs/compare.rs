//! `bootwright initramfs diff`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{judged, opened};
use crate::cli::{Answer, terminal};
use crate::error::Result;
use crate::initramfs::index::Index;
use crate::initramfs::weight::{self, Change, ChangeKind};
use crate::size::Size;

/// What `initramfs diff` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  bootwright initramfs diff initrd.img-6.1.0-1 initrd.img-6.1.0-2

Compared are paths, contents, modes, owners, targets and devices; times are not.

Exit codes: 0 they are the same, 1 they differ, 2 one cannot be read.")]
pub struct DiffArgs {
    /// The earlier archive
    #[arg(value_name = "A")]
    pub before: PathBuf,
    /// The later archive
    #[arg(value_name = "B")]
    pub after: PathBuf,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &DiffArgs) -> Result<Answer> {
    let read = |path: &PathBuf| -> Result<(Index, u64)> {
        let (window, index) = opened(path, Index::with_digests)?;
        Ok((index, window.len()))
    };
    let ((before, was), (after, is)) = (read(&args.before)?, read(&args.after)?);
    let changes = weight::compare(&before, &after);
    match args.json {
        true => terminal::say(serde_json::to_string_pretty(&as_json(&changes, was, is))?)?,
        false => terminal::say(render(&changes, was, is).trim_end())?,
    }
    let sound = [judged(&args.before, before)?, judged(&args.after, after)?];
    match changes.is_empty() && sound == [Answer::Yes; 2] {
        true => Ok(Answer::Yes),
        false => Ok(Answer::No),
    }
}

fn as_json(changes: &[Change], was: u64, is: u64) -> serde_json::Value {
    let mut value = growth_as_json(changes, was, is);
    value["changes"] = json!(changes);
    value
}

/// Bytes that were stored, those that are, and where the difference in files comes from.
pub(super) fn growth_as_json(changes: &[Change], was: u64, is: u64) -> serde_json::Value {
    let growth: Vec<_> = weight::growth(changes)
        .into_iter()
        .map(|(s, bytes)| json!({"class": s.class, "group": s.group, "bytes": bytes}))
        .collect();
    json!({
        "stored": [was, is],
        "growth": changes.iter().map(|change| change.growth).sum::<i64>(),
        "groups": growth,
    })
}

fn render(changes: &[Change], was: u64, is: u64) -> String {
    let mut text = String::new();
    for change in changes {
        let sign = match change.kind {
            ChangeKind::Added => '+',
            ChangeKind::Removed => '-',
            ChangeKind::Changed => '~',
        };
        let (growth, what) = (signed(change.growth), change.what.join(", "));
        text.push_str(&format!("{sign} {growth:>11}  {}  ({what})\n", change.path));
    }
    text + &growth(changes, was, is)
}

/// The same for people, the largest first.
pub(super) fn growth(changes: &[Change], was: u64, is: u64) -> String {
    let mut text = String::new();
    let growth = weight::growth(changes);
    if !growth.is_empty() {
        text.push_str("\ngrowth\n");
    }
    for (subject, bytes) in growth {
        text.push_str(&format!("  {:>11}  {}: {}\n", signed(bytes), subject.class, subject.group));
    }
    let total = changes.iter().map(|change| change.growth).sum();
    let stored = signed(is as i64 - was as i64);
    let count = changes.len();
    let changes = if count == 1 { "change" } else { "changes" };
    text.push_str(&format!(
        "{count} {changes}, {} in files, {stored} stored ({} to {})\n",
        signed(total),
        Size(was),
        Size(is)
    ));
    text
}

fn signed(bytes: i64) -> String {
    match bytes {
        0 => "0 B".into(),
        1.. => format!("+{}", Size(bytes.unsigned_abs())),
        _ => format!("-{}", Size(bytes.unsigned_abs())),
    }
}
