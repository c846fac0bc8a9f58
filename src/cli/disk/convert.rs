//! `bootwright disk convert`: a disk image in another format.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use serde_json::json;

use crate::cli::machine::memory;
use crate::cli::progress::ByteBar;
use crate::cli::{Answer, interrupt, terminal};
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::lock;
use crate::format::{Disk, Format};
use crate::package::{Export, Hardware};
use crate::size::Size;

/// What `disk convert` takes.
#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub struct ConvertArgs {
    /// The image to read, in any format; of qcow2, with its backing chain
    #[arg(value_name = "IN")]
    pub input: PathBuf,
    /// The image to write; one that is there is replaced when the new one is whole
    #[arg(value_name = "OUT")]
    pub output: PathBuf,
    /// What to write [default: by OUT's ending]
    #[arg(long, short, value_name = "FORMAT")]
    pub format: Option<Export>,
    /// What IN is, where its first bytes would mislead
    #[arg(long, value_name = "FORMAT")]
    pub input_format: Option<Format>,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// The machine that a package describes.
    #[command(flatten)]
    pub machine: PackageArgs,
}

/// The machine that packages describe: OVA, Vagrant boxes, AMI.
#[derive(Debug, Args)]
#[command(next_help_heading = "Packages")]
pub struct PackageArgs {
    /// What the machine is called [default: OUT without its ending]
    #[arg(id = "package-name", long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    pub name: Option<String>,
    /// Its memory
    #[arg(id = "package-memory", long, value_name = "SIZE", default_value = "512M", value_parser = memory)]
    pub memory: Size,
    /// Its processors
    #[arg(id = "package-cpus", long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: u32,
}

impl PackageArgs {
    /// The machine, called after its file where nobody said anything.
    pub fn hardware(&self, output: &Path) -> Hardware {
        let file = output.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let stem = file.split('.').next().unwrap_or_default().to_owned();
        let name = self.name.clone().unwrap_or(stem);
        Hardware { name, memory: self.memory, cpus: self.cpus }
    }
}

fn after_help() -> String {
    let mut text = "\
Examples:
  bootwright disk convert demo.img demo.qcow2
  bootwright disk convert overlay.qcow2 whole.img
  bootwright disk convert --format qcow2-zstd demo.img demo.qcow2
  bootwright disk convert demo.qcow2 demo.ova --package-name demo --package-memory 1G

Formats:\n"
        .to_owned();
    for export in Export::of_a_disk() {
        text.push_str(&format!("  {export:18} {}\n", export.about()));
    }
    text.push_str("\nThe same disk gives the same bytes. Zeros stay holes.");
    text
}

pub(super) fn run(args: &ConvertArgs) -> Result<Answer> {
    let export = export(args)?;
    let disk = open(args)?;
    let _locks = lock::chain(&disk)?;
    refuse_chain(&disk, &args.output)?;
    let started = Instant::now();
    match args.dry_run {
        true => OutputFile::check(&args.output)?,
        false => write(&disk, export, args)?,
    }
    report(args, &disk, export, started)?;
    Ok(Answer::Yes)
}

fn export(args: &ConvertArgs) -> Result<Export> {
    let found = args.format.or_else(|| Export::of_path(&args.output));
    found.ok_or_else(|| {
        Error::new(format!("{} has no ending that says its format", shown(&args.output)))
            .hint("say it with --format")
    })
}

fn open(args: &ConvertArgs) -> Result<Disk> {
    match args.input_format {
        None => Disk::open(&args.input),
        Some(format) => {
            Disk::open_as(&args.input, format).context(|| format!("taking it for {format}"))
        }
    }
}

/// Nobody can want to replace what the input stands on.
fn refuse_chain(disk: &Disk, output: &Path) -> Result<()> {
    let Ok(there) = output.metadata() else { return Ok(()) };
    let mut below = disk.backing();
    while let Some(disk) = below {
        let base = disk.path().metadata().context(|| format!("reading {}", shown(disk.path())))?;
        if (base.dev(), base.ino()) == (there.dev(), there.ino()) {
            return Err(Error::new("it is what the input stands on")
                .context(format!("writing {}", shown(output))));
        }
        below = disk.backing();
    }
    Ok(())
}

fn write(disk: &Disk, export: Export, args: &ConvertArgs) -> Result<()> {
    let bar = ByteBar::new(disk.size());
    let hardware = args.machine.hardware(&args.output);
    let outputs = export.write(disk, &args.output, &hardware, &|done| bar.set(done))?;
    drop(bar);
    interrupt::commit(outputs)
}

fn report(args: &ConvertArgs, disk: &Disk, export: Export, started: Instant) -> Result<()> {
    let (path, size) = (shown(&args.output), disk.size());
    let written: Option<std::fs::Metadata> = match args.dry_run {
        true => None,
        false => {
            Some(File::open(&args.output).and_then(|f| f.metadata()).context(|| path.clone())?)
        }
    };
    if args.json {
        let json = json!({
            "input": shown(&args.input),
            "input_format": disk.format().name(),
            "output": path,
            "format": export.name(),
            "virtual_size": size,
            "written": !args.dry_run,
            "file_size": written.as_ref().map(|file| file.len()),
            "allocated": written.as_ref().map(|file| file.blocks() * 512),
        });
        return terminal::say(serde_json::to_string_pretty(&json)?);
    }
    let source = format!("{} ({}, {})", shown(&args.input), disk.format(), Size(size));
    match written {
        None => terminal::say(format!("{source} would be {path} as {export}; nothing was written")),
        Some(file) => terminal::say(format!(
            "wrote {path} ({export}): a disk of {}, {} on disk, in {:.2} s",
            Size(size),
            Size(file.blocks() * 512),
            started.elapsed().as_secs_f64()
        )),
    }
}
