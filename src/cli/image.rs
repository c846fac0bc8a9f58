//! `bootwright image`: builds the image, judges it by the lints, and boots it if asked.

mod formats;
pub mod lint;
mod planned;
mod report;
mod root;
mod wanted;

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::Value;

use self::planned::Planned;
use self::report::Made;
use self::root::RootArgs;
use self::wanted::Wanted;
use super::assets::{self, AssetArgs};
use super::boot::{Boot, Expect, Judged};
use super::disk::PackageArgs;
use super::machine::MachineArgs;
use super::tree::tell;
use super::{Answer, interrupt, source_date_epoch, terminal};
use crate::assets::{Assets, Need};
use crate::build::filesystem_size::FilesystemSize;
use crate::build::ingredients::{Ingredients, Kind, RootSources, Sources};
use crate::build::root::{Recipe, Root};
use crate::error::{Context, Error, Result, shown};
use crate::lint::Report;
use crate::package::Export;
use crate::size::Size;
use crate::spec::{self, Spec};

/// What the guest's init is called where it lies beside this program.
const INIT_NAME: &str = "bootwright-init";

/// What `image` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright image --init target/init/init --output demo.img
  bootwright image --init init --kernel /boot/vmlinuz-6.1 --modules /lib/modules/6.1 --boot
  bootwright image --init init --append panic=10 --dry-run
  bootwright image --init init --format iso --output demo.iso --boot
  bootwright image --root debian.tar.xz --write /etc/hostname:demo --root-size auto+1G --boot
  bootwright image --root oci-layout/ --root overlay/ --on-conflict replace
  bootwright image --root elf:/usr/bin/htop --root-run 'htop --tree'
  bootwright image --root appliance/ --root-fs squashfs --format qcow2-zstd
  bootwright image --init init --initramfs other.img --allow console-order

Before the image gets its name, the lints judge it (`bootwright lint --list`): with an error nothing is \
written, a file that is there stays as it was, and the exit code is 1.

SOURCE_DATE_EPOCH (seconds since 1970) is the time of every file that is made here, and the latest time of \
those that come from sources; without it, that is 1980-01-01, and sources keep their times.")]
pub struct ImageArgs {
    /// Where to write the image [default: bootwright.img]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// What to hand it out as; several stand side by side: `bootwright disk convert --help` lists them
    #[arg(long, short, value_name = "FORMAT", value_delimiter = ',')]
    pub format: Vec<Export>,
    /// The guest's /init: a static program [default: bootwright-init beside this program]
    #[arg(long, value_name = "FILE")]
    pub init: Option<PathBuf>,
    /// A finished initramfs to use instead of the one that is built here
    #[arg(long, value_name = "FILE")]
    pub initramfs: Option<PathBuf>,
    /// Size of the whole disk, such as 2G [default: what the partitions need]
    #[arg(long, value_name = "SIZE")]
    pub size: Option<Size>,
    /// Size of the EFI System Partition: 64M, auto, or auto+16M for so much free space [default: auto]
    #[arg(long, value_name = "SIZE")]
    pub esp_size: Option<FilesystemSize>,
    /// Kernel arguments after ours; a later one wins
    #[arg(long, value_name = "ARGS", allow_hyphen_values = true)]
    pub append: Vec<String>,
    /// Seconds that GRUB shows its menu [default: 0]
    #[arg(long, value_name = "SECONDS")]
    pub menu_timeout: Option<u32>,
    /// Give the image another identity (GUIDs, volume ids) than the same ingredients have otherwise
    #[arg(long, value_name = "TEXT")]
    pub seed: Option<String>,
    /// Short for --format iso: an ISO that boots from a CD drive and from a disk; its root filesystem is
    /// packed, and what the guest writes stays in memory
    #[arg(long, conflicts_with_all = ["size", "root_size", "format"])]
    pub iso: bool,
    /// Make the ISO for UEFI alone, which saves GRUB's modules for a BIOS
    #[arg(long)]
    pub no_bios: bool,
    /// Show the layout and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
    /// Boot the image when it is written, and judge the boot
    #[arg(long, conflicts_with = "dry_run")]
    pub boot: bool,
    /// What its root filesystem is made of.
    #[command(flatten)]
    pub root: RootArgs,
    /// Whether it will boot, before it is handed out.
    #[command(flatten)]
    pub judge: lint::JudgeArgs,
    /// How to boot it.
    #[command(flatten)]
    pub machine: MachineArgs,
    /// The machine that a package describes.
    #[command(flatten)]
    pub package: PackageArgs,
    /// Where the ingredients come from.
    #[command(flatten)]
    pub assets: assets::AssetArgs,
}

/// Builds the image.
///
/// # Errors
/// Where an ingredient is missing or unfit, or the image cannot be written.
pub fn run(args: &ImageArgs) -> Result<Answer> {
    let mut spec = Spec::default();
    args.onto(&mut spec)?;
    make(&spec, args)
}

impl ImageArgs {
    /// Whether an ISO is all that was asked for.
    pub fn is_iso_alone(&self) -> bool {
        self.iso || self.format == [Export::Iso]
    }

    /// Puts what was given in the place of what a spec says; kernel arguments and changes come after its
    /// own.
    ///
    /// # Errors
    /// Where a flag's value cannot be understood.
    pub(super) fn onto(&self, spec: &mut Spec) -> Result<()> {
        let instead = |given: &Option<PathBuf>, of: &mut Option<PathBuf>| {
            *of = given.clone().or(of.take());
        };
        instead(&self.output, &mut spec.output);
        instead(&self.init, &mut spec.kernel.init);
        instead(&self.initramfs, &mut spec.kernel.initramfs);
        instead(&self.assets.kernel, &mut spec.kernel.image);
        instead(&self.assets.modules, &mut spec.kernel.modules);
        instead(&self.assets.grub_modules, &mut spec.loader.grub_modules);
        instead(&self.assets.busybox, &mut spec.root.busybox);
        if self.iso {
            spec.formats = vec![Export::Iso];
        } else if !self.format.is_empty() {
            spec.formats.clone_from(&self.format);
        }
        spec.size = self.size.or(spec.size);
        spec.esp.size = self.esp_size.unwrap_or(spec.esp.size);
        spec.kernel.append.extend(self.append.iter().cloned());
        spec.loader.menu_timeout = self.menu_timeout.unwrap_or(spec.loader.menu_timeout);
        if let Some(seed) = &self.seed {
            spec.seed.clone_from(seed);
        }
        self.root.onto(&mut spec.root)
    }
}

/// Builds what a spec describes; the arguments say what is done with it.
///
/// # Errors
/// As [`run`].
pub(super) fn make(spec: &Spec, args: &ImageArgs) -> Result<Answer> {
    let wanted = Wanted::new(spec, args)?;
    let bootable = args.boot.then(|| formats::bootable(&wanted.places)).transpose()?;
    let (recipe, options) = spec::resolve(spec, source_date_epoch()?)?;
    let judge = args.judge.judge(args.boot.then_some(args.machine.memory.0))?;
    let init = init(spec)?;
    // A wrong name should not cost a download.
    for word in recipe.words.iter().filter(|word| !word.is_stdin()) {
        word.resolved()?;
    }
    let needs = needs(&recipe, args, wanted.has_bios);
    let assets = assets::resolve(&needs, &asset_args(spec, args).options())?;
    let started = Instant::now();
    let root = root(&recipe, &init, &assets, options.time)?;
    let gather = |&kind| {
        let kind = (kind, wanted.has_bios);
        gather(spec, kind, root.clone(), &init, &assets, options.time)
    };
    let ingredients = wanted.kinds.iter().map(gather).collect::<Result<Vec<_>>>()?;
    let plan = |ingredients| Planned::new(ingredients, &options);
    let plans = ingredients.iter().map(plan).collect::<Result<Vec<_>>>()?;
    tell(&ingredients[0].root.notices);
    let lints = match args.dry_run {
        true => wanted.check().map(|()| Vec::new())?,
        false => write_and_judge(&plans, &wanted, &judge, &args.package)?,
    };
    let is_refused = lints.iter().flatten().any(|lints| !lints.will_boot());
    let mut json = report(wanted.made(&plans, lints, started.elapsed()), args, is_refused)?;
    let mut answer = if is_refused { Answer::No } else { Answer::Yes };
    if let Some(bootable) = bootable.filter(|_| !is_refused) {
        let judged = boot_it(args, bootable, &assets, expected(spec, &ingredients[0]))?;
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

/// Says what was made, or returns it as JSON: an ISO beside a disk is a part of the disk's object.
fn report(made: Vec<Made<'_>>, args: &ImageArgs, is_refused: bool) -> Result<Option<Value>> {
    let mut json: Option<Value> = None;
    for made in made {
        let is_written = !args.dry_run && !is_refused;
        match (&mut json, args.json) {
            (_, false) => made.report(args.dry_run)?,
            (Some(disk), true) => disk["iso"] = made.as_json(is_written)?,
            (None, true) => json = Some(made.as_json(is_written)?),
        }
    }
    Ok(json)
}

/// The demo alone has a busybox.
fn needs(recipe: &Recipe, args: &ImageArgs, has_bios: bool) -> Vec<Need> {
    let is_needed = |need: &Need| recipe.words.is_empty() || *need != Need::Busybox;
    let mut needs: Vec<_> = Need::IMAGE.iter().copied().filter(is_needed).collect();
    if has_bios {
        needs.extend_from_slice(Need::ISO);
    }
    if args.boot {
        needs.extend_from_slice(Need::BOOT);
    }
    needs
}

/// Where things come from: the spec has what the flags said already.
fn asset_args(spec: &Spec, args: &ImageArgs) -> AssetArgs {
    AssetArgs {
        kernel: spec.kernel.image.clone(),
        modules: spec.kernel.modules.clone(),
        grub_modules: spec.loader.grub_modules.clone(),
        busybox: spec.root.busybox.clone(),
        ..args.assets.clone()
    }
}

/// What counts as booted: the token, as far as somebody is there who knows it.
fn expected(spec: &Spec, ingredients: &Ingredients) -> Expect {
    let names_init = spec.kernel.append.iter().any(|text| text.contains("init="));
    match ingredients.root.userspace.speaks_handoff() {
        // The user's own argument comes last: the guest tells what it led to.
        _ if names_init => Expect::Auto,
        true => Expect::Handoff,
        false if spec.kernel.initramfs.is_some() => Expect::Console,
        false => Expect::OwnInit,
    }
}

/// Writes what was planned, and gives all of it its names where the lints have nothing against any; what
/// they say of each, as far as it was asked.
fn write_and_judge(
    plans: &[Planned<'_>],
    wanted: &Wanted,
    judge: &lint::Judge,
    package: &PackageArgs,
) -> Result<Vec<Option<Report>>> {
    let (mut outputs, mut reports) = (Vec::new(), Vec::new());
    for plan in plans {
        let iso = wanted.places.iter().find(|p| p.kind() == Kind::Iso && plan.kind() == Kind::Iso);
        let image = plan.write(iso.map_or(&wanted.output, |place| &place.path))?;
        let report = judge.image(&image)?;
        let is_refused = report.as_ref().is_some_and(|report| !report.will_boot());
        reports.push(report);
        match iso {
            _ if is_refused => return Ok(reports),
            Some(_) => outputs.push(image),
            None => outputs.extend(formats::write(image, &wanted.places, package)?),
        }
    }
    interrupt::commit(outputs)?;
    Ok(reports)
}

fn boot_it<'a>(
    args: &'a ImageArgs,
    output: &Path,
    assets: &Assets,
    expect: Expect,
) -> Result<Judged<'a>> {
    let mut boot = Boot::prepare(output, &args.machine, &args.assets.machine, assets, expect)?;
    if !args.json {
        terminal::say(format_args!("\nbooting {}", shown(output)))?;
        if expect != Expect::Handoff {
            terminal::say(format_args!("expecting {}", boot.expectation()))?;
        }
    }
    boot.choose_accel(args.json)?;
    boot.judged(args.json)
}

/// The root filesystem, which a disk and an ISO share.
fn root(recipe: &Recipe, init: &Path, assets: &Assets, time: i64) -> Result<Root> {
    let is_demo = recipe.words.is_empty();
    let sources = RootSources {
        recipe,
        init,
        modules: assets.kernel()?.modules.as_deref(),
        busybox: is_demo.then(|| assets.busybox()).transpose()?,
    };
    sources.read(time)
}

/// The ingredients of a disk or an ISO with this root filesystem.
fn gather(
    spec: &Spec,
    (kind, has_bios): (Kind, bool),
    root: Root,
    init: &Path,
    assets: &Assets,
    time: i64,
) -> Result<Ingredients> {
    let kernel = assets.kernel()?;
    let is_iso = kind == Kind::Iso;
    let filesystem = spec.root.filesystem;
    let sources = Sources {
        kernel: &kernel.vmlinuz,
        modules: kernel.modules.as_deref(),
        init,
        initramfs: spec.kernel.initramfs.as_deref(),
        kind,
        root_filesystem: if is_iso { filesystem.on_iso() } else { filesystem },
        grub_bios_modules: (has_bios && is_iso).then(|| assets.grub_bios_modules()).transpose()?,
        grub_modules: assets.grub_modules()?,
    };
    Ingredients::gather(&sources, root, time)
}

/// The guest's init: as given, or beside this program.
fn init(spec: &Spec) -> Result<PathBuf> {
    if let Some(path) = &spec.kernel.init {
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
