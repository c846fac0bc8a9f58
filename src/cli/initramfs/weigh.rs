//! `bootwright initramfs size`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::compare::{growth, growth_as_json};
use super::{judged, opened};
use crate::cli::{Answer, terminal};
use crate::error::{Result, shown_bytes};
use crate::initramfs::index::Index;
use crate::initramfs::weight::{self, Subject, Weight};
use crate::size::Size;

/// What `initramfs size` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright initramfs size /boot/initrd.img-6.1
  bootwright initramfs size --files 50 initrd.img
  bootwright initramfs size initrd.img-6.1.0-2 --since initrd.img-6.1.0-1

Sizes are what files unpack to, which is what memory has to hold.

Exit codes: 0 weighed, 1 weighed up to where one is damaged, 2 one cannot be read.")]
pub struct SizeArgs {
    /// The archive; `-` is standard input
    #[arg(value_name = "INITRAMFS")]
    pub initramfs: PathBuf,
    /// How many of the largest files to show
    #[arg(long, value_name = "COUNT", default_value_t = 10)]
    pub files: usize,
    /// An earlier build: what made it grow, by folder, kind of module and firmware
    #[arg(long, value_name = "INITRAMFS")]
    pub since: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &SizeArgs) -> Result<Answer> {
    // Only a comparison has to know what files hold.
    let list = if args.since.is_some() { Index::with_digests } else { Index::read };
    let (window, index) = opened(&args.initramfs, list)?;
    let before = args.since.as_deref().map(|path| opened(path, list)).transpose()?;
    let weights = weight::weigh(&index);
    let changes = before
        .as_ref()
        .map(|(earlier, before)| (weight::compare(before, &index), earlier.len(), window.len()));
    match args.json {
        true => {
            let mut value = as_json(&index, &weights, args.files, window.len());
            if let Some((changes, was, is)) = &changes {
                value["since"] = growth_as_json(changes, *was, *is);
            }
            terminal::say(serde_json::to_string_pretty(&value)?)?;
        }
        false => {
            let mut text = render(&index, &weights, args.files, window.len());
            if let Some((changes, was, is)) = &changes {
                text.push_str(&growth(changes, *was, *is));
            }
            terminal::say(text.trim_end())?;
        }
    }
    let sound = match (&args.since, before) {
        (Some(path), Some((_, before))) => judged(path, before)?,
        _ => Answer::Yes,
    };
    Ok(match judged(&args.initramfs, index)? {
        Answer::Yes => sound,
        other => other,
    })
}

fn as_json(
    index: &Index,
    weights: &BTreeMap<Subject, Weight>,
    files: usize,
    stored: u64,
) -> serde_json::Value {
    let groups: Vec<_> = sorted(weights)
        .into_iter()
        .map(|(s, w)| json!({"class": s.class, "group": s.group, "bytes": w.bytes, "files": w.files}))
        .collect();
    let largest = weight::largest(index, files);
    json!({
        "stored": stored,
        "bytes": weights.values().map(|weight| weight.bytes).sum::<u64>(),
        "groups": groups,
        "largest": largest,
    })
}

fn render(index: &Index, weights: &BTreeMap<Subject, Weight>, files: usize, stored: u64) -> String {
    let total: u64 = weights.values().map(|weight| weight.bytes).sum();
    let mut text = format!("{} stored, {} in files\n\n", Size(stored), Size(total));
    let mut classes: BTreeMap<&str, Weight> = BTreeMap::new();
    for (subject, weight) in weights {
        let class = classes.entry(subject.class).or_default();
        class.bytes += weight.bytes;
        class.files += weight.files;
    }
    let mut classes: Vec<_> = classes.into_iter().collect();
    classes.sort_by_key(|(_, weight)| std::cmp::Reverse(weight.bytes));
    for (class, weight) in classes {
        text.push_str(&line(weight, total, class));
        for (subject, weight) in sorted(weights).into_iter().filter(|(s, _)| s.class == class) {
            text.push_str(&line(*weight, total, &format!("  {}", subject.group)));
        }
    }
    text.push_str("\nlargest files\n");
    for member in weight::largest(index, files) {
        let size = Size(member.entry.header.filesize.into());
        text.push_str(&format!("{size:>10}  {}\n", shown_bytes(&member.path)));
    }
    text
}

fn line(weight: Weight, total: u64, name: &str) -> String {
    let share = weight.bytes as f64 * 100.0 / total.max(1) as f64;
    let files = if weight.files == 1 { "file" } else { "files" };
    format!("{:>10} {share:5.1} %  {name} ({} {files})\n", Size(weight.bytes), weight.files)
}

/// The heaviest first.
fn sorted(weights: &BTreeMap<Subject, Weight>) -> Vec<(&Subject, &Weight)> {
    let mut list: Vec<_> = weights.iter().collect();
    list.sort_by(|a, b| b.1.bytes.cmp(&a.1.bytes).then_with(|| a.0.cmp(b.0)));
    list
}
