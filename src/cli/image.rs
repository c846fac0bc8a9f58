//! `bootwright image`: builds the image, judges it by the lints, and boots it if asked.

pub mod lint;

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::boot::{self, Boot, Judged};
use super::machine::MachineArgs;
use super::{
    Answer, DEFAULT_IMAGE, DEFAULT_TIME, assets, extent, interrupt, source_date_epoch, terminal,
};
use crate::arch::X86_64;
use crate::assets::{Assets, Need};
use crate::build::ingredients::{Ingredients, Sources};
use crate::build::plan::{Extent, Options, Plan};
use crate::build::write;
use crate::error::{Context, Error, Result, shown};
use crate::kernel::modules::Resolved;
use crate::lint::Report;
use crate::size::{MIB, Size};

/// What the guest's init is called where it lies beside this program.
const INIT_NAME: &str = "bootwright-init";

/// Free space in the root filesystem where nobody said anything: room for a shell's user to try things.
const DEFAULT_FREE: u64 = 8 * MIB;

/// What `image` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright image --init target/init/init --output demo.img
  bootwright image --init init --kernel /boot/vmlinuz-6.1 --modules /lib/modules/6.1 --boot
  bootwright image --init init --root-size 256M --append 'panic=10' --dry-run
  bootwright image --init init --initramfs other.img --allow console-order

Before the image gets its name, the lints judge it (`bootwright lint --list`): with an error nothing is
written, a file that is there stays as it was, and the exit code is 1.

SOURCE_DATE_EPOCH (seconds since 1970) sets the time of every file; without it that is 1980-01-01.")]
pub struct ImageArgs {
    /// Where to write the image [default: bootwright.img]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// The guest's /init: a static program [default: bootwright-init beside this program]
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// A finished initramfs to use instead of the one that is built here
    #[arg(long, value_name = "FILE")]
    pub initramfs: Option<PathBuf>,
    /// Size of the whole disk, such as 2G [default: what the partitions need]
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Size>,
    /// Size of the EFI System Partition: 64M, auto, or auto+16M for so much free space
    #[arg(long, value_name = "SIZE", default_value = "auto", value_parser = extent::parse)]
    pub esp_size: Extent,
    /// Size of the root partition, likewise [default: auto+8M]
    #[arg(long, value_name = "SIZE", value_parser = extent::parse)]
    pub root_size: Option<Extent>,
    /// Mark the root partition for legacy BIOS boot loaders
    #[arg(long)]
    pub legacy_bios_bootable: bool,
    /// Kernel arguments after ours; a later one wins
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub append: Vec<String>,
    /// Seconds that GRUB shows its menu
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    pub menu_timeout: u32,
    /// Give the image another identity (GUIDs, volume ids) than the same ingredients have otherwise
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub seed: String,
    /// Show the layout and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Boot the image when it is written, and judge the boot
    #[arg(long, conflicts_with = "dry_run")]
    pub boot: bool,
    /// Whether it will boot, before it is handed out.
    #[command(flatten)]
    pub judge: lint::JudgeArgs,
    /// How to boot it.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// Where the ingredients come from.
    #[command(flatten)]
    pub assets: assets::AssetArgs,
}

/// Builds the image.
///
/// # Errors
/// Where an ingredient is missing or unfit, or the image cannot be written.
pub fn run(args: &ImageArgs) -> Result<Answer> {
    let mut needs = Need::IMAGE.to_vec();
    if args.boot {
        needs.extend_from_slice(Need::BOOT);
    }
    let output = args.output.as_deref().unwrap_or(Path::new(DEFAULT_IMAGE));
    let options = options(args)?;
    let judge = args.judge.judge(args.boot.then_some(args.machine.memory.0))?;
    let init = init(args)?;
    let assets = assets::resolve(&needs, &args.assets)?;
    let started = Instant::now();
    let ingredients = gather(args, &options, &init, &assets)?;
    let plan = Plan::new(&ingredients, &options)?;
    let lints = match args.dry_run {
        true => None,
        false => write_and_judge(&plan, output, &judge)?,
    };
    let is_refused = lints.as_ref().is_some_and(|lints| !lints.will_boot());
    let took = started.elapsed();
    let written = !args.dry_run && !is_refused;
    let mut json = args.json.then(|| as_json(output, &ingredients, &plan, written));
    match &mut json {
        Some(json) => json["lint"] = serde_json::to_value(&lints)?,
        None => report(args, output, &ingredients, &plan, took, lints.as_ref())?,
    }
    let mut answer = if is_refused { Answer::No } else { Answer::Yes };
    if args.boot && !is_refused {
        let judged = boot_it(args, output, &assets)?;
        answer = judged.answer();
        match &mut json {
            Some(json) => json["boot"] = judged.as_json(),
            None => judged.report()?,
        }
    }
    if let Some(json) = json {
        terminal::say(serde_json::to_string_pretty(&json)?)?;
    }
    Ok(answer)
}

/// Writes the image, and gives it its name where the lints have nothing against it.
fn write_and_judge(plan: &Plan<'_>, output: &Path, judge: &lint::Judge) -> Result<Option<Report>> {
    let image = write::image(plan, output)?;
    let report = judge.image(&image)?;
    if report.as_ref().is_none_or(Report::will_boot) {
        interrupt::commit(vec![image])?;
    }
    Ok(report)
}

fn boot_it<'a>(args: &'a ImageArgs, output: &Path, assets: &Assets) -> Result<Judged<'a>> {
    let expect = boot::Expect::Handoff;
    let mut boot = Boot::prepare(output, &args.machine, &args.assets, assets, expect)?;
    if !args.json {
        terminal::say(format_args!("\nbooting {}", shown(output)))?;
    }
    boot.choose_accel(args.json)?;
    boot.judged(args.json)
}

fn gather(
    args: &ImageArgs,
    options: &Options,
    init: &Path,
    assets: &Assets,
) -> Result<Ingredients> {
    let kernel = assets.kernel()?;
    let sources = Sources {
        kernel: &kernel.vmlinuz,
        modules: kernel.modules.as_deref(),
        init,
        initramfs: args.initramfs.as_deref(),
        busybox: assets.busybox()?,
        grub_mkimage: assets.command(Need::GrubMkimage)?,
        grub_modules: assets.grub_modules()?,
    };
    Ingredients::gather(&sources, options.time)
}

/// What went in, the map of the disk, and where it is.
fn report(
    args: &ImageArgs,
    output: &Path,
    ingredients: &Ingredients,
    plan: &Plan<'_>,
    took: Duration,
    lints: Option<&Report>,
) -> Result<()> {
    let Ingredients { kernel, modules, initramfs, core_image, .. } = ingredients;
    terminal::say(format_args!("kernel       {}, {}", kernel.release, Size(kernel.content.len())))?;
    let brings = match modules {
        Some(resolved) if resolved.load.is_empty() => "no modules needed".into(),
        Some(resolved) => {
            let names: Vec<_> = resolved.load.iter().map(|module| module.name.as_str()).collect();
            format!("with {}", names.join(" "))
        }
        None => "as given".into(),
    };
    terminal::say(format_args!("initramfs    {}, {brings}", Size(initramfs.len() as u64)))?;
    terminal::say(format_args!(
        "loader       {}, {}",
        X86_64.efi_file,
        Size(core_image.len() as u64)
    ))?;
    terminal::say(format_args!("arguments    {}", plan.arguments))?;
    terminal::say(format_args!("\n{plan}"))?;
    let path = shown(output);
    if args.dry_run {
        terminal::say(format_args!(
            "{path} would be {}; nothing was written",
            Size(plan.layout.size())
        ))?;
        return Ok(());
    }
    if let Some(lints) = lints.filter(|lints| !lints.will_boot()) {
        return lint::say_refused(lints, &path);
    }
    let allocated = output.metadata().context(|| format!("reading {path}"))?.blocks() * 512;
    let (size, allocated) = (Size(plan.layout.size()), Size(allocated));
    terminal::say(format_args!(
        "wrote {path}: {size}, {allocated} on disk, in {:.2} s",
        took.as_secs_f64()
    ))?;
    lints.map_or(Ok(()), lint::say)
}

fn as_json(
    output: &Path,
    ingredients: &Ingredients,
    plan: &Plan<'_>,
    written: bool,
) -> serde_json::Value {
    let load = |resolved: &Resolved| -> Vec<String> {
        resolved.load.iter().map(|module| module.name.clone()).collect()
    };
    json!({
        "image": shown(output),
        "written": written,
        "kernel": ingredients.kernel.release,
        "modules": ingredients.modules.as_ref().map(load),
        "initramfs_bytes": ingredients.initramfs.len(),
        "loader_bytes": ingredients.core_image.len(),
        "arguments": plan.arguments.to_string(),
        "layout": plan.layout,
    })
}

fn options(args: &ImageArgs) -> Result<Options> {
    Ok(Options {
        seed: args.seed.clone(),
        time: source_date_epoch()?.unwrap_or(DEFAULT_TIME),
        disk: args.size.map(|size| size.0),
        esp: args.esp_size,
        root: args.root_size.unwrap_or(Extent::Auto { free: DEFAULT_FREE }),
        legacy_bios_bootable: args.legacy_bios_bootable,
        append: args.append.join(" "),
        menu_timeout: args.menu_timeout,
    })
}

/// The guest's init: as given, or beside this program.
fn init(args: &ImageArgs) -> Result<PathBuf> {
    if let Some(path) = &args.init {
        return Ok(path.clone());
    }
    let program = std::env::current_exe().context(|| "finding this program")?;
    let beside = program.parent().unwrap_or(Path::new(".")).join(INIT_NAME);
    match beside.is_file() {
        true => Ok(beside),
        false => Err(Error::new(format!("there is no /init for the guest at {}", shown(&beside)))
            .hint("`cargo xtask init` builds it and prints its path; pass that with --init")),
    }
}
