//! The warm image build against a shell script that does the same.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bootwright::assets::{Assets, Need};
use bootwright::cli::{Answer, assets};
use bootwright::command::Command;
use bootwright::error::{Context, Result, shown};
use bootwright::size::MIB;

use super::measure::{measure, spread};
use crate::{init, oracles};

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct ImageArgs {
    /// Rounds: a run of each
    #[arg(long, value_name = "N", default_value_t = 11)]
    runs: usize,
    /// Where the ingredients come from.
    #[command(flatten)]
    assets: assets::AssetArgs,
}

pub(super) fn run(args: &ImageArgs) -> Result<Answer> {
    let needs: Vec<_> = [Need::IMAGE, Need::ORACLES].concat();
    let assets = assets::resolve(&needs, &args.assets.options())?;
    let work = super::folder()?;
    let runs = [ours(&work, args)?, peer(&work, &assets)?, sgdisk(&work, &assets)?];
    let mut rounds = Vec::new();
    // The first round fills the page cache and does not count.
    for index in 0..=args.runs {
        let round = [time(&runs[0])?, time(&runs[1])?, time(&runs[2])?];
        if index > 0 {
            rounds.push(round);
        }
    }
    report(&rounds);
    Ok(Answer::Yes)
}

/// `bootwright image`, as a user has it.
fn ours(work: &Path, args: &ImageArgs) -> Result<Command> {
    let mut command = Command::new(super::release()?)
        .args(["image", "--offline", "--json", "--init"])
        .arg(init::build()?)
        .arg("--output")
        .arg(work.join("ours.img"));
    if let Some(store) = &args.assets.machine.store {
        command = command.arg("--store").arg(store);
    }
    Ok(command)
}

/// The script, with the same ingredients.
fn peer(work: &Path, assets: &Assets) -> Result<Command> {
    let kernel = assets.kernel()?;
    let modules = work.join("modules");
    fs::write(&modules, module_list(kernel.modules.as_deref())?)
        .context(|| format!("writing {}", shown(&modules)))?;
    let root = crate::root();
    Ok(Command::new("sh")
        .arg(root.join("xtask/peers/image.sh"))
        .arg(work.join("peer"))
        .arg(work.join("peer.img"))
        .arg(&kernel.vmlinuz)
        .arg(init::build()?)
        .arg(assets.busybox()?)
        .arg(assets.grub_modules()?)
        .arg(root.join("grub/early.cfg"))
        .arg(root.join("grub/grub.cfg"))
        .arg(modules)
        .arg(bootwright::build::demo::APPLETS.join(" "))
        .env("PATH", oracles::path(assets)?))
}

/// The script's partitioning step alone: sgdisk waits a whole second by itself, which is a cost to who
/// runs the script but not work, so the ratio is also given without it.
fn sgdisk(work: &Path, assets: &Assets) -> Result<Command> {
    let disk = work.join("sgdisk.img");
    let file = fs::File::create(&disk).context(|| format!("creating {}", shown(&disk)))?;
    file.set_len(42 * MIB).context(|| format!("creating {}", shown(&disk)))?;
    let options = ["--clear", "--new", "1:2048:+24M", "--new", "2::+16M"];
    Ok(assets.command(Need::Sgdisk)?.args(options).arg(disk))
}

/// The modules that a script's author would have listed by hand.
fn module_list(folder: Option<&Path>) -> Result<String> {
    use bootwright::arch::X86_64;
    use bootwright::kernel::modules::{Bus, ModuleFolder, for_bus};
    let Some(folder) = folder else { return Ok(String::new()) };
    let release = folder.file_name().unwrap_or_default().to_string_lossy();
    let resolved = ModuleFolder::open(folder, release)?.resolve(for_bus(Bus::Virtio), &X86_64)?;
    let above = folder.ancestors().nth(3).map(PathBuf::from).unwrap_or_default();
    let line = |path: String| format!("{}\n", above.join(path).display());
    Ok(resolved.load.iter().map(|module| line(module.path.to_string())).collect())
}

fn time(command: &Command) -> Result<Duration> {
    measure(command).map(|cost| cost.time)
}

fn report(rounds: &[[Duration; 3]]) {
    let column = |name: &str, unit: &str, value: &dyn Fn(&[f64; 3]) -> f64| {
        let times = rounds.iter().map(|round| round.map(|time| time.as_secs_f64() * 1e3));
        let [min, median, max] = spread(times.map(|round| value(&round)).collect());
        println!("{name:38} {median:8.1} {unit:3} (from {min:.1} to {max:.1})");
    };
    column("bootwright image", "ms", &|[ours, _, _]| *ours);
    column("xtask/peers/image.sh", "ms", &|[_, script, _]| *script);
    column("  of which sgdisk, which sleeps for 1 s", "ms", &|[_, _, sgdisk]| *sgdisk);
    column("script / bootwright", "x", &|[ours, script, _]| script / ours);
    column("script without sgdisk / bootwright", "x", &|[ours, script, sgdisk]| {
        (script - sgdisk) / ours
    });
    println!("{} rounds in turn: the middle value, and the extremes", rounds.len());
}
