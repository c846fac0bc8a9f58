//! `bootwright disk grow`: a disk made larger in place, with its last partition and filesystem.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{Answer, interrupt, terminal};
use crate::disk::grow::{self, Options, Wish};
use crate::disk::map::Glyphs;
use crate::error::{Context, Result, shown};
use crate::format::Writable;
use crate::sandbox::Store;
use crate::volume::Volume;

/// What `disk grow` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright disk grow demo.img +20G
  bootwright disk grow demo.img 22G --dry-run
  bootwright disk grow demo.img
  bootwright disk grow disk.qcow2 +4G --partition-only

In place and offline: the image, its backup partition table, its last partition, and the ext4 in that. \
Whenever it is interrupted, the image boots as before or as afterwards; the same command again \
completes it. What sandboxes stand on is not grown: grow their base before the first overlay. Sandboxes in another folder \
than the usual one are seen where --sandboxes names it; overlays that no sandbox knows are not.

Exit codes: 0 grown, or nothing to do, 2 refused or failed.")]
pub struct GrowArgs {
    /// The image: raw or qcow2
    #[arg(value_name = "IMAGE")]
    pub image: PathBuf,
    /// How much more (+20G), or how much in all (22G) [default: fill the image as it is]
    #[arg(value_name = "SIZE", value_parser = wish)]
    pub size: Option<Wish>,
    /// Grow the partition, and leave its filesystem as it is
    #[arg(long)]
    pub partition_only: bool,
    /// Show the disk before and after, and change nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The folder of the sandboxes, which must not stand on it [default: ~/.local/share/bootwright/sandboxes]
    #[arg(long, value_name = "DIR")]
    pub sandboxes: Option<PathBuf>,
}

fn wish(text: &str) -> Result<Wish, String> {
    text.parse().map_err(|error: crate::size::SizeError| error.to_string())
}

pub(super) fn run(args: &GrowArgs) -> Result<Answer> {
    let growing = || format!("growing {}", shown(&args.image));
    // A base that changes is another disk to those who stand on it.
    let hint =
        "remove or commit those first, or grow a copy; `bootwright overlay list` shows them all";
    // Who has no home has no sandboxes there.
    if let Ok(store) = Store::open(args.sandboxes.as_deref()) {
        store.refuse_base(&args.image, hint).context(growing)?;
    }
    let image = Writable::open(&args.image)?;
    let len = image.size().context(growing)?;
    let disk = Volume::new(image.storage(), 0, len);
    let mut wish = args.size.unwrap_or(Wish::Fill);
    if !args.dry_run && grow::finish(&disk).context(growing)? {
        terminal::note("completed a growth that had been interrupted in its last step");
        // What the same command had already reached is not added once more.
        wish = if matches!(wish, Wish::By(_)) { Wish::Fill } else { wish };
    }
    let options = Options { wish, partition_only: args.partition_only };
    let plan = grow::plan(&disk, options).context(growing)?;
    match args.json {
        true => terminal::say(serde_json::to_string_pretty(&plan.summary())?)?,
        false => terminal::say(plan.picture(Glyphs::Unicode))?,
    }
    let said = match (plan.is_done(), args.dry_run) {
        (true, _) => "there is nothing to grow",
        (false, true) => "nothing was changed (--dry-run)",
        (false, false) => {
            interrupt::leaves(interrupt::RESUMABLE);
            let grown = Volume::new(image.storage(), 0, plan.sizes().1);
            plan.run(&grown, |size| image.lengthen(size)).context(growing)?;
            "grown"
        }
    };
    if !args.json {
        terminal::say(said)?;
    }
    Ok(Answer::Yes)
}
