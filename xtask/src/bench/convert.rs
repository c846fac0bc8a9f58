//! Conversions of a disk of 2 GiB with 350 MB of content, against `qemu-img convert` with the flags that
//! make it fastest: as many coroutines as it has (`-m 16`), writes in any order (`-W`).

use std::os::unix::fs::FileExt;
use std::path::Path;
use std::{fs, io};

use bootwright::assets::Need;
use bootwright::cli::{Answer, assets};
use bootwright::command::Command;
use bootwright::error::{Context, Result, shown};
use bootwright::size::{GIB, MIB};

use super::measure::{measure, spread};

/// Bytes of the disk, and of what is on it.
const DISK: u64 = 2 * GIB;
const CONTENT: u64 = 350_000_000;

/// Bytes of a file on it: between two there is as much of a hole.
const FILE: u64 = MIB;

/// What is converted to: our name of the format, and qemu-img's words.
const ROWS: [(&str, &str); 5] = [
    ("qcow2", "-O qcow2"),
    ("qcow2-deflate", "-c -O qcow2"),
    ("qcow2-zstd", "-c -O qcow2 -o compression_type=zstd"),
    ("vmdk-stream", "-O vmdk -o subformat=streamOptimized"),
    ("vhdx", "-O vhdx"),
];

/// How to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct ConvertArgs {
    /// Rounds: a run of each
    #[arg(long, value_name = "N", default_value_t = 5)]
    runs: usize,
    /// Where qemu-img comes from.
    #[command(flatten)]
    assets: assets::AssetArgs,
}

/// Measures every row, ours and qemu-img in turn; the first round fills the page cache.
pub(super) fn run(args: &ConvertArgs) -> Result<Answer> {
    let assets = assets::resolve(&[Need::QemuImg], &args.assets.options())?;
    let (work, program) = (super::folder()?, super::release()?);
    let disk = work.join("convert.img");
    content(&disk).context(|| format!("writing {}", shown(&disk)))?;
    println!("converting a disk of 2 GiB with 350 MB of content");
    for (format, words) in ROWS {
        let (ours, theirs) = (work.join("ours.out"), work.join("theirs.out"));
        let convert = Command::new(&program)
            .args(["disk", "convert", "--json", "--format", format])
            .args([&disk, &ours]);
        let qemu = assets
            .command(Need::QemuImg)?
            .args(["convert", "-m", "16", "-W", "-f", "raw"])
            .args(words.split(' '))
            .args([&disk, &theirs]);
        let mut pairs = Vec::new();
        for round in 0..=args.runs {
            let mut pair = [0.0; 2];
            for (time, (command, output)) in
                pair.iter_mut().zip([(&convert, &ours), (&qemu, &theirs)])
            {
                // A new file for both: in the place of another, ext4 writes to the device what one of them
                // renames and the other truncates. What an earlier run left to be written is not this one's.
                remove(output)?;
                Command::new("sync").run()?;
                *time = measure(command)?.time.as_secs_f64();
            }
            if round > 0 {
                pairs.push(pair);
            }
        }
        let middle =
            |value: &dyn Fn(&[f64; 2]) -> f64| spread(pairs.iter().map(value).collect())[1];
        let size = |path: &Path| fs::metadata(path).map_or(0, |file| file.len() / MIB);
        println!(
            "{format:15} {:6.2} s, {:4} MiB; qemu-img {:6.2} s, {:4} MiB; qemu-img / ours {:5.2} x",
            middle(&|pair| pair[0]),
            size(&ours),
            middle(&|pair| pair[1]),
            size(&theirs),
            middle(&|[ours, theirs]| theirs / ours),
        );
        remove(&ours).and(remove(&theirs))?;
    }
    remove(&disk)?;
    Ok(Answer::Yes)
}

/// Removes a file, if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(error).context(|| format!("removing {}", shown(path)))
        }
        _ => Ok(()),
    }
}

/// Files of words and noise in equal parts, as programs and texts are, with holes between them.
fn content(path: &Path) -> Result<()> {
    let file = fs::File::create(path)?;
    file.set_len(DISK)?;
    let mut state = 1u32;
    let mut bytes = vec![0; FILE as usize];
    for number in 0..CONTENT / FILE {
        for page in bytes.chunks_mut(128) {
            let (words, noise) = page.split_at_mut(64);
            words.fill(b'a' + (number % 26) as u8);
            for byte in noise {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *byte = (state >> 24) as u8;
            }
        }
        file.write_all_at(&bytes, 2 * number * FILE)?;
    }
    Ok(())
}
