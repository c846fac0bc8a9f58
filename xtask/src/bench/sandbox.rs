//! What a sandbox takes, against what it takes by hand: growing an image of 2 GiB by 20 GiB (truncate, sgdisk,
//! e2fsck, resize2fs), a seed (cloud-localds), an overlay (`qemu-img create -b`).

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::Need;
use bootwright::cli::{Answer, assets};
use bootwright::command::Command;
use bootwright::error::{Context, Result, shown};

use super::measure::{measure, spread};
use crate::oracles;

/// An image of one ext4 partition with some content, by the programs that the growth by hand uses, too.
const IMAGE: &str = "\
rm -rf tree fs.img base.img && mkdir tree && cp -a /usr/share/doc tree/ 2>/dev/null
truncate -s 2G fs.img && mke2fs -q -F -t ext4 -d tree fs.img &&
truncate -s 2050M base.img && sgdisk -n 1:2048:+2G -t 1:8300 base.img &&
dd if=fs.img of=base.img bs=1M seek=1 conv=sparse,notrunc && rm -rf tree fs.img";

/// Where the partition of that image starts, in bytes, is what e2fsck and resize2fs are told.
const GROW: &str = "\
truncate -s +20G theirs.img && sgdisk -e theirs.img && sgdisk -d 1 -n 1:2048:0 -t 1:8300 theirs.img &&
e2fsck -fp 'theirs.img?offset=1048576' && resize2fs 'theirs.img?offset=1048576'";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct SandboxArgs {
    /// Rounds: a run of each
    #[arg(long, value_name = "N", default_value_t = 11)]
    runs: usize,
    /// Where the programs come from.
    #[command(flatten)]
    assets: assets::AssetArgs,
}

/// A way with us and a way by hand, and what is done before each round.
struct Row {
    name: &'static str,
    before: &'static str,
    ours: Command,
    theirs: Command,
}

/// Measures every row, ours and the other in turn.
pub(super) fn run(args: &SandboxArgs) -> Result<Answer> {
    oracles::check_path()?;
    let needs = [Need::ORACLES, Need::BENCH].concat();
    let assets = assets::resolve(&needs, &args.assets.options())?;
    let (path, program) = (oracles::path(&assets)?, super::release()?);
    let work = super::folder()?.join("sandbox");
    fs::create_dir_all(&work).context(|| format!("creating {}", shown(&work)))?;
    let shell = |script: &str| {
        let script = format!("cd '{}' && {script}", work.display());
        Command::new("sh").args(["-c", &script]).env("PATH", &path)
    };
    shell(IMAGE).run()?;
    fs::write(work.join("user-data"), "#cloud-config\nhostname: web1\n")?;
    fs::write(work.join("meta-data"), "instance-id: one\nlocal-hostname: web1\n")?;
    let localds = assets.command(Need::CloudLocalds)?;
    for row in rows(&work, &program, &localds, &shell) {
        report(&row, &shell, args.runs)?;
    }
    fs::remove_dir_all(&work).context(|| format!("removing {}", shown(&work)))?;
    Ok(Answer::Yes)
}

fn rows(
    work: &Path,
    program: &PathBuf,
    localds: &Command,
    shell: &dyn Fn(&str) -> Command,
) -> Vec<Row> {
    let at = |name: &str| work.join(name);
    let ours = |args: &[&str]| Command::new(program).args(args.iter().copied());
    let seed = |out: &str| {
        let files = ours(&["seed", "--user-data"]).arg(at("user-data")).arg("--meta-data");
        files.arg(at("meta-data")).arg("--output").arg(at(out))
    };
    // A script, whose own folder has nothing that it calls.
    let localds = localds.program().display();
    let by_hand = |args: &str| shell(&format!("'{localds}' {args} user-data meta-data"));
    let overlay = ours(&["overlay"]).arg(at("base.img")).arg("x").arg("--sandboxes");
    vec![
        Row {
            name: "grow by 20 GiB",
            before: "cp --sparse=always base.img ours.img; cp --sparse=always base.img theirs.img",
            ours: ours(&["disk", "grow"]).arg(at("ours.img")).arg("+20G"),
            theirs: shell(GROW),
        },
        Row {
            name: "seed, vfat",
            before: "rm -f ours.img theirs.img",
            ours: seed("ours.img"),
            theirs: by_hand("-f vfat theirs.img"),
        },
        Row {
            name: "seed, ISO 9660",
            before: "rm -f ours.iso theirs.iso",
            ours: seed("ours.iso"),
            theirs: by_hand("theirs.iso"),
        },
        Row {
            name: "overlay",
            before: "rm -rf boxes theirs.qcow2",
            ours: overlay.arg(at("boxes")),
            theirs: shell("qemu-img create -q -f qcow2 -F raw -b base.img theirs.qcow2"),
        },
    ]
}

fn report(row: &Row, shell: &dyn Fn(&str) -> Command, runs: usize) -> Result<()> {
    let mut pairs = Vec::new();
    for round in 0..=runs {
        // What earlier runs left to be written is not theirs.
        shell(&format!("{}; sync", row.before)).run()?;
        let (ours, theirs) = (measure(&row.ours)?, measure(&row.theirs)?);
        if round > 0 {
            pairs.push([ours, theirs].map(|cost| cost.time.as_secs_f64() * 1000.0));
        }
    }
    let middle = |value: &dyn Fn(&[f64; 2]) -> f64| spread(pairs.iter().map(value).collect())[1];
    println!(
        "{:16} {:8.1} ms; by hand {:8.1} ms; by hand / ours {:6.2} x",
        row.name,
        middle(&|pair| pair[0]),
        middle(&|pair| pair[1]),
        middle(&|[ours, theirs]| theirs / ours),
    );
    Ok(())
}
