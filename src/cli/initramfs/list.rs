//! `bootwright initramfs ls`.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::{judged, opened};
use crate::cli::{Answer, terminal};
use crate::error::{Result, shown_bytes};
use crate::initramfs::index::{Index, Member};
use crate::size::Size;
use crate::tree::{Calendar, Time};

/// What `initramfs ls` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright initramfs ls /boot/initrd.img-6.1
  bootwright initramfs ls --names initrd.img | grep virtio
  bootwright initramfs ls --json initrd.img | jq '.entries[] | select(.path == \"init\")'

Exit codes: 0 listed, 1 listed up to where it is damaged, 2 it cannot be read.")]
pub struct LsArgs {
    /// The archive; `-` is standard input
    #[arg(value_name = "INITRAMFS")]
    pub initramfs: PathBuf,
    /// Only paths, one a line
    #[arg(long, short = '1', conflicts_with = "json")]
    pub names: bool,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub(super) fn run(args: &LsArgs) -> Result<Answer> {
    let (_, index) = opened(&args.initramfs, Index::read)?;
    if args.json {
        terminal::say(serde_json::to_string_pretty(&as_json(&index))?)?;
    } else if args.names {
        let names: Vec<_> = index.members.iter().map(name).collect();
        terminal::say(names.join("\n"))?;
    } else {
        terminal::say(long(&index).trim_end())?;
    }
    judged(&args.initramfs, index)
}

fn as_json(index: &Index) -> serde_json::Value {
    let segments: Vec<_> = index
        .segments
        .iter()
        .map(|segment| {
            json!({
                "offset": segment.offset,
                "size": segment.len,
                "encoding": segment.encoding.to_string(),
                "unpacked": segment.unpacked,
                "entries": segment.entries,
            })
        })
        .collect();
    let problem = index.problem.as_ref().map(|problem| {
        let source = std::error::Error::source(problem);
        source.map_or_else(|| problem.to_string(), |source| format!("{problem}: {source}"))
    });
    json!({ "segments": segments, "entries": index.members, "problem": problem })
}

fn name(member: &Member) -> String {
    match member.path.is_empty() {
        true => ".".into(),
        false => shown_bytes(&member.path),
    }
}

/// As `ls -l`, a heading a segment where there are several.
fn long(index: &Index) -> String {
    let width = |number: fn(&Member) -> u64| {
        let longest = index.members.iter().map(number).max().unwrap_or(0);
        longest.to_string().len()
    };
    let size = width(|m| m.entry.header.filesize.into()).max(5);
    let (uid, gid) = (width(|m| m.entry.header.uid.into()), width(|m| m.entry.header.gid.into()));
    let mut text = String::new();
    let mut segment = usize::MAX;
    for member in &index.members {
        if member.place.segment != segment && index.segments.len() > 1 {
            segment = member.place.segment;
            let s = &index.segments[segment];
            let gap = if segment == 0 { "" } else { "\n" };
            let (len, encoding) = (Size(s.len), s.encoding);
            let _ = writeln!(text, "{gap}segment at {}: {len}, {encoding}", s.offset);
        }
        let header = &member.entry.header;
        let amount = match member.device() {
            Some((major, minor)) => format!("{major},{minor}"),
            None => header.filesize.to_string(),
        };
        let (permissions, date) = (member.permissions(), date(header.mtime));
        let (uids, gids) = (header.uid, header.gid);
        let arrow = match member.kind() {
            'l' => format!(" -> {}", shown_bytes(&member.target)),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "{permissions} {:>2} {uids:>uid$} {gids:>gid$} {amount:>size$} {date} {}{arrow}",
            header.nlink,
            name(member),
        );
    }
    text
}

/// In UTC: where the archive was made does not matter, nor where it is looked at.
fn date(seconds: u32) -> Calendar {
    Calendar::from(Time::from_seconds(seconds.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initramfs::newc;
    use crate::tree::{Node, Tree, TreePath};
    use crate::volume::Window;

    #[test]
    fn the_list_reads_like_ls() {
        let mut tree = Tree::new(Time::EPOCH);
        let path = |name: &str| TreePath::new(name.as_bytes()).expect("good");
        let node = Node::char_device(0o600, Time::EPOCH, 5, 1);
        tree.insert(path("dev/console"), node).expect("free");
        tree.insert(path("bin"), Node::symlink(b"usr/bin".to_vec(), Time::EPOCH)).expect("free");
        let mut bytes = Vec::new();
        newc::write(&tree, &mut bytes).expect("it fits");
        let index = Index::read(&Window::from(bytes)).expect("sound");
        assert_eq!(
            long(&index),
            "\
drwxr-xr-x  2 0 0     0 1970-01-01 00:00 .
lrwxrwxrwx  1 0 0     7 1970-01-01 00:00 bin -> usr/bin
drwxr-xr-x  2 0 0     0 1970-01-01 00:00 dev
crw-------  1 0 0   5,1 1970-01-01 00:00 dev/console
"
        );
    }
}
