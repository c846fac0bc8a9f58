//! `bootwright inspect`: what is in files, as trees or as JSON.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{Answer, input, say_error, terminal};
use crate::error::Result;
use crate::inspect::{self, Item};

/// What `inspect` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright inspect bootwright.img
  bootwright inspect /boot/vmlinuz-6.1 /boot/initrd.img-6.1
  bootwright inspect --json BOOTX64.EFI | jq '.[0].facts.modules'
  ssh server cat /boot/initrd.img-6.1 | bootwright inspect -

Files are recognised by their content: disk images, filesystems, ISOs, initramfs archives, kernels, \
EFI programs (GRUB, unified kernel images), ELF, kernel modules and configurations, Debian packages.

Exit codes: 0 all is well, 1 something in a file is damaged or missing, 2 a file cannot be read.")]
pub struct InspectArgs {
    /// The files, or block devices; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Print a JSON array with one object a file that can be read
    #[arg(long)]
    pub json: bool,
}

/// Shows what is in files.
///
/// # Errors
/// Where the answer cannot be written; what cannot be read was said.
pub fn run(args: &InspectArgs) -> Result<Answer> {
    let (mut items, mut is_unread) = (Vec::new(), false);
    for path in &args.files {
        let item = match item(path) {
            Ok(item) => item,
            // One bad file does not lose the others' answers.
            Err(error) => {
                say_error(&error);
                is_unread = true;
                continue;
            }
        };
        if !args.json {
            let gap = if items.is_empty() { "" } else { "\n" };
            terminal::say(format!("{gap}{}", item.render().trim_end()))?;
        }
        items.push(item);
    }
    // Where there is no answer at all, standard output stays empty, as with every verb.
    if args.json && !items.is_empty() {
        terminal::say(serde_json::to_string_pretty(&items)?)?;
    }
    Ok(match items.iter().any(has_problem) {
        _ if is_unread => Answer::Unknown,
        true => Answer::No,
        false => Answer::Yes,
    })
}

fn item(path: &Path) -> Result<Item> {
    match input::is_stdin(path) {
        true => inspect::window(&input::name(path), &input::opened(path)?),
        false => inspect::file(path),
    }
}

fn has_problem(item: &Item) -> bool {
    !item.problems.is_empty() || item.items.iter().any(has_problem)
}
