//! `bootwright tree`: any source of files listed, compared, and converted to any sink.

mod erofs;
mod ext4;
mod fat;
mod list;
mod manifest;
mod sink;
mod sink_args;
pub(super) mod source;
mod squashfs;

use clap::{Args, Subcommand};

use super::edit::EditArgs;
use super::progress::ByteBar;
use super::{Answer, source_date_epoch, terminal};
use crate::error::{Result, shown_bytes};
use crate::size::Size;
use crate::source::{Word, len};
use crate::spec;
use crate::tree::{Notice, Time, diff};
use sink::Sink;
use source::SourceArgs;

/// What `tree` takes.
#[derive(Debug, Args)]
pub struct TreeArgs {
    /// What to do with trees.
    #[command(subcommand)]
    pub verb: TreeVerb,
}

/// What can be done with trees.
#[derive(Debug, Subcommand)]
pub enum TreeVerb {
    /// List what is in a source
    Ls(LsArgs),
    /// Show what differs between two sources: exit code 1 where something does
    Diff(DiffArgs),
    /// Convert sources, one on top of the other, to a directory, archive or filesystem
    Convert(Box<ConvertArgs>),
}

/// What `tree ls` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright tree ls /boot/initrd.img
  bootwright tree ls debian.tar.xz --below etc
  bootwright tree ls elf:/bin/ls --json
  bootwright tree ls disk.img:1")]
pub struct LsArgs {
    /// A directory, tar, .deb, container image, program, initramfs, manifest, or a filesystem: ext4,
    /// squashfs, erofs, FAT or ISO 9660, also in a disk image (`disk.img` its root, `disk.img:2` or `disk.img:NAME` a
    /// partition); `-` for a tar from standard input; `KIND:` in front (dir, tar, deb, oci, elf, initramfs,
    /// manifest, disk) where it is not clear;
    /// `modules:DIR` or `modules:DIR:NAME,NAME` for kernel modules
    pub source: String,
    /// List only this path and what is below it
    #[arg(long, value_name = "PATH", default_value = "")]
    pub below: String,
    /// Print one JSON array instead of text
    #[arg(long)]
    pub json: bool,
    /// How sources are read.
    #[command(flatten)]
    pub reading: SourceArgs,
}

/// What `tree diff` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright tree diff rootfs/ rootfs.tar.zst
  bootwright tree diff old-initrd.img new-initrd.img --ignore-times
  bootwright tree diff rootfs.tar disk.img:root")]
pub struct DiffArgs {
    /// The first source, as for `tree ls`
    pub first: String,
    /// The second source
    pub second: String,
    /// Do not compare times of modification
    #[arg(long)]
    pub ignore_times: bool,
    /// Print one JSON array instead of text
    #[arg(long)]
    pub json: bool,
    /// How sources are read.
    #[command(flatten)]
    pub reading: SourceArgs,
}

/// What `tree convert` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright tree convert image.tar rootfs.ext4 --size auto+1G --label root
  bootwright tree convert *.deb rootfs/
  bootwright tree convert rootfs/ live.squashfs --compression zstd:19 --squashfs-block-size 1M
  bootwright tree convert esp/ esp.fat --fat-label ESP
  bootwright tree convert base.tar.xz overlay/ root.tar.gz --on-conflict replace
  bootwright tree convert elf:/usr/bin/htop initramfs.cpio.gz
  bootwright tree convert base.tar root.ext4 --write /etc/hostname:demo --remove /usr/share/doc")]
pub struct ConvertArgs {
    /// Sources, as for `tree ls`; the later ones come on top
    #[arg(required = true)]
    pub sources: Vec<String>,
    /// A directory that is new or empty, or a .tar, .cpio (both also .gz, .xz, .zst), .ext4, .squashfs,
    /// .erofs, .fat or .manifest file; `-` for a tar to standard output; `KIND:` in front (dir, tar, cpio,
    /// ext4, squashfs, erofs, fat, manifest) where it is not clear
    pub target: String,
    /// What happens where two sources have the same path
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub on_conflict: source::OnConflict,
    /// Bring later times of modification back to this: seconds since 1970, as SOURCE_DATE_EPOCH
    #[arg(long, value_name = "SECONDS")]
    pub clamp_times: Option<i64>,
    /// Changes on top.
    #[command(flatten)]
    pub edits: EditArgs,
    /// How sources are read.
    #[command(flatten)]
    pub reading: SourceArgs,
    /// What a filesystem is like.
    #[command(flatten)]
    pub choices: sink_args::SinkArgs,
}

/// Runs a verb of `tree`.
///
/// # Errors
/// Where a source cannot be read, two cannot be merged, or the target cannot be written.
pub fn run(args: &TreeArgs) -> Result<Answer> {
    match &args.verb {
        TreeVerb::Ls(args) => ls(args),
        TreeVerb::Diff(args) => differ(args),
        TreeVerb::Convert(args) => convert(args),
    }
}

fn ls(args: &LsArgs) -> Result<Answer> {
    let word = Word::new(&args.source);
    args.reading.check(std::slice::from_ref(&word))?;
    let source = args.reading.read(&word)?;
    tell(&source.notices);
    let below = crate::tree::TreePath::new(args.below.as_bytes())?;
    let found = match args.json {
        true => list::json(&source.tree, &below)?,
        false => list::text(&source.tree, &below)?,
    };
    if !found {
        terminal::note(format_args!("/{below} is not in {}", shown_bytes(args.source.as_bytes())));
    }
    Ok(if found { Answer::Yes } else { Answer::No })
}

fn differ(args: &DiffArgs) -> Result<Answer> {
    let words = [Word::new(&args.first), Word::new(&args.second)];
    args.reading.check(&words)?;
    let (first, second) = (args.reading.read(&words[0])?, args.reading.read(&words[1])?);
    tell(&first.notices);
    tell(&second.notices);
    let options = diff::Options { ignore_times: args.ignore_times };
    let differences = diff::diff(&first.tree, &second.tree, options)?;
    match args.json {
        true => terminal::say(serde_json::to_string_pretty(&differences)?)?,
        false => terminal::say_all(&differences)?,
    };
    Ok(if differences.is_empty() { Answer::Yes } else { Answer::No })
}

fn convert(args: &ConvertArgs) -> Result<Answer> {
    // What cannot be written is said before anything is read.
    let sink = Sink::of(&args.target)?;
    args.choices.check(sink.form())?;
    let words = source::words(&args.sources);
    args.reading.check(&words)?;
    let mut source = {
        let bar = ByteBar::new(len(&words));
        let tell = |bytes| bar.add(bytes);
        args.reading.reading().read_all(&words, args.on_conflict.into(), &tell)?
    };
    let time = Time::from_seconds(spec::time(source_date_epoch()?));
    for change in &args.edits.changes {
        change.apply(&mut source.tree, time)?;
    }
    if let Some(latest) = args.clamp_times {
        source.tree.clamp_times(Time::from_seconds(latest));
    }
    tell(&source.notices);
    tell(&sink.write(&source.tree, &args.choices)?);
    let (entries, bytes) = (source.tree.len(), Size(source.tree.content_len()));
    let target = shown_bytes(args.target.as_bytes());
    terminal::remark(format_args!("wrote {target}: {entries} entries, {bytes}"));
    // The process ends: freeing every small thing would take it about as long as planning it did.
    std::mem::forget(source);
    Ok(Answer::Yes)
}

/// Says what was not carried over; not more than a screenful.
pub(super) fn tell(notices: &[Notice]) {
    const SHOWN: usize = 20;
    for notice in notices.iter().take(SHOWN) {
        terminal::note(format_args!("note: {notice}"));
    }
    if notices.len() > SHOWN {
        let more = notices.len() - SHOWN;
        terminal::note(format_args!("note: ... and {more} more like these"));
    }
}
