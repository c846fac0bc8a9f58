//! Filesystems and archives of a root, at several sizes: ours and the tools' of each format.
//!
//! A root is any source that `bootwright tree` reads; a larger one is as many copies of it. What runs
//! reads a directory, as the tools must; the page cache holds it.

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need};
use bootwright::cli::{Answer, assets};
use bootwright::command::{Command, find_in_path};
use bootwright::error::{Context, Error, Result, shown};
use bootwright::size::{MIB, Size};

use super::measure::{Cost, measure, spread};

/// What the runs write.
const OUTPUT: &str = "output";

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct TreesArgs {
    /// The sources of the root, as `bootwright tree` names them
    #[arg(long, value_name = "SOURCE", num_args = 1.., required = true)]
    root: Vec<String>,
    /// Rounds: a run of each
    #[arg(long, value_name = "N", default_value_t = 3)]
    runs: usize,
    /// How many copies of the root there are, at each size
    #[arg(long, value_name = "N,N", value_delimiter = ',', default_values_t = [1, 2, 4])]
    sizes: Vec<u32>,
    /// Only rows whose name contains this
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
    /// Where the programs come from.
    #[command(flatten)]
    assets: assets::AssetArgs,
}

/// One thing that is measured.
struct Row {
    /// `FORMAT: PROGRAM`; ours is the first of a format.
    name: String,
    command: Command,
    costs: Vec<Cost>,
    /// Bytes of what it wrote.
    written: u64,
}

pub(super) fn run(args: &TreesArgs) -> Result<Answer> {
    let assets = assets::resolve(Need::ORACLES, &args.assets.options())?;
    let (work, bootwright) = (super::folder()?.join("trees"), super::release()?);
    for &copies in &args.sizes {
        let source = work.join(format!("root-{copies}"));
        make_root(&bootwright, &args.root, copies, &source)?;
        let mut rows = rows(&bootwright, &assets, &source, &work)?;
        rows.retain(|row| row.name.contains(&args.only));
        // The first round fills the page cache and does not count.
        for round in 0..=args.runs {
            for row in &mut rows {
                let cost = once(row)?;
                if round > 0 {
                    row.costs.push(cost);
                }
            }
        }
        report(&source, &rows)?;
        fs::remove_dir_all(&source).context(|| format!("removing {}", shown(&source)))?;
    }
    fs::remove_dir_all(&work).context(|| format!("removing {}", shown(&work)))?;
    Ok(Answer::Yes)
}

/// A directory with so many copies of the root.
fn make_root(bootwright: &Path, sources: &[String], copies: u32, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to).context(|| format!("removing {}", shown(to)))?;
    }
    fs::create_dir_all(to).context(|| format!("creating {}", shown(to)))?;
    for copy in 0..copies {
        let target = to.join(format!("copy-{copy}/"));
        let convert = Command::new(bootwright).args(["tree", "convert"]).args(sources);
        convert.arg(target).run()?;
    }
    Ok(())
}

fn rows(bootwright: &Path, assets: &Assets, source: &Path, work: &Path) -> Result<Vec<Row>> {
    let out = |name: &str| work.join(OUTPUT).with_extension(name);
    let mut rows = Vec::new();
    let mut add = |name: &str, command: Command| {
        rows.push(Row { name: name.into(), command, costs: Vec::new(), written: 0 });
    };
    let ours =
        |end: &str| Command::new(bootwright).args(["tree", "convert"]).arg(source).arg(out(end));
    let guid = "c12a7328-f81f-41d2-ba4b-00a0c93ec93b";
    // With its own UUID, as mke2fs has it; a derived one is of all contents.
    add("ext4: ours", ours("ext4").args(["--uuid", guid, "--hash-seed", guid]));
    add("ext4: ours, UUID derived", ours("ext4"));
    let size = format!("{}M", folder_size(source)? / MIB * 5 / 4 + 128);
    let mke2fs = assets.command(Need::Mke2fs)?.args(["-q", "-F", "-t", "ext4", "-d"]);
    let mke2fs = mke2fs.arg(source).arg(out("ext4")).arg(size);
    if let Some(fakeroot) = find_in_path("fakeroot") {
        // Where the files are not root's, this gives the owners that ours has.
        let command = Command::new(fakeroot).arg(mke2fs.program());
        let command = command.args(mke2fs.arguments().iter().cloned());
        let variables = mke2fs.environment().iter();
        let command = variables.fold(command, |command, (key, value)| command.env(key, value));
        add("ext4: mke2fs -d, fakeroot", command);
    }
    add("ext4: mke2fs -d", mke2fs);
    // The finished image is there from the run before.
    let copy = Command::new("cp").arg("--sparse=always").arg(out("ext4")).arg(out("copy"));
    add("ext4: cp --sparse=always", copy);
    let mksquashfs = |options: &[&str]| {
        let command = assets.command(Need::Mksquashfs)?.arg(source).arg(out("squashfs"));
        Ok::<_, Error>(command.args(["-noappend", "-no-progress", "-quiet", "-comp"]).args(options))
    };
    for (ours_is, theirs) in [
        ("lz4", &["lz4"][..]),
        ("gzip:9", &["gzip"]),
        ("zstd:3", &["zstd", "-Xcompression-level", "3"]),
        ("zstd:15", &["zstd"]),
        ("xz:6", &["xz"]),
    ] {
        let command = ours("squashfs").args(["--compression", ours_is]);
        add(&format!("squashfs {ours_is}: ours"), command);
        add(&format!("squashfs {ours_is}: mksquashfs"), mksquashfs(theirs)?);
    }
    // Neither compresses here.
    add("erofs: ours", ours("erofs"));
    let mkfs = assets.command(Need::MkfsErofs)?.args(["--quiet", "--all-root"]);
    add("erofs: mkfs.erofs", mkfs.arg(out("erofs")).arg(source));
    add("tar: ours", ours("tar"));
    let tar = |program: &str| Command::new(program).arg("-C").arg(source).arg("-cf");
    add("tar: tar", tar("tar").arg(out("tar")).arg("."));
    if let Some(bsdtar) = find_in_path("bsdtar") {
        let bsdtar = bsdtar.to_string_lossy();
        add("tar: bsdtar", tar(&bsdtar).arg(out("tar")).arg("."));
        add("newc: bsdtar", tar(&bsdtar).arg(out("cpio")).args(["--format", "newc", "."]));
    }
    add("newc: ours", ours("cpio"));
    add(
        "newc: cpio",
        piped(&assets.command(Need::Cpio)?, "-o -H newc --quiet", source, &out("cpio")),
    );
    if let Some(program) = find_in_path("3cpio") {
        add("newc: 3cpio", piped(&Command::new(program), "--create", source, &out("cpio")));
    }
    Ok(rows)
}

/// A program that gets the names from find.
fn piped(program: &Command, options: &str, source: &Path, to: &Path) -> Command {
    let script = format!("cd \"$1\" && find . | {program} {options} > \"$2\"");
    Command::new("sh").arg("-c").arg(script).arg("sh").arg(source).arg(to)
}

/// Whether a path is one that runs write to.
fn is_target(path: &Path) -> bool {
    path.file_stem().is_some_and(|name| name == OUTPUT)
}

/// Runs a row once, into a place where nothing is.
fn once(row: &mut Row) -> Result<Cost> {
    let target = row.command.arguments().iter().map(PathBuf::from).rfind(|path| is_target(path));
    let target = target.ok_or_else(|| Error::new("a row that writes nothing"))?;
    if target.exists() {
        fs::remove_file(&target).context(|| format!("removing {}", shown(&target)))?;
    }
    let cost = measure(&row.command)?;
    row.written = fs::metadata(&target).map_or(0, |metadata| metadata.len());
    Ok(cost)
}

/// Bytes of all files below a folder.
fn folder_size(folder: &Path) -> Result<u64> {
    let entries = fs::read_dir(folder).context(|| format!("reading {}", shown(folder)))?;
    let mut size = 0;
    for entry in entries {
        let entry = entry?;
        let metadata = entry.metadata()?;
        // A block each, as filesystems round up.
        size += match metadata.is_dir() {
            true => 4096 + folder_size(&entry.path())?,
            false => metadata.len().next_multiple_of(4096),
        };
    }
    Ok(size)
}

/// How many files and folders there are.
fn count(folder: &Path) -> Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir(folder).context(|| format!("reading {}", shown(folder)))? {
        let entry = entry?;
        count += 1 + if entry.file_type()?.is_dir() { self::count(&entry.path())? } else { 0 };
    }
    Ok(count)
}

fn report(source: &Path, rows: &[Row]) -> Result<()> {
    println!("{} entries, {}", count(source)?, Size(folder_size(source)?));
    println!(
        "{:32} {:>9} {:>17} {:>9} {:>10} {:>8}",
        "", "seconds", "(from to)", "memory", "written", "x ours"
    );
    for row in rows {
        let times = |row: &Row| row.costs.iter().map(|cost| cost.time.as_secs_f64()).collect();
        let [least, middle, most] = spread(times(row));
        let peak = row.costs.iter().map(|cost| cost.peak).max().unwrap_or(0);
        let format = row.name.rsplit_once(": ").map_or("", |(format, _)| format);
        let ours = rows.iter().find(|row| row.name == format!("{format}: ours"));
        let ratio = ours.map_or(f64::NAN, |ours| middle / spread(times(ours))[1]);
        println!(
            "{:32} {middle:9.2} {:>17} {:>9} {:>10} {ratio:8.2}",
            row.name,
            format!("({least:.2} {most:.2})"),
            Size(peak).to_string(),
            Size(row.written).to_string(),
        );
    }
    Ok(())
}
