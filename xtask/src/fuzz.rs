//! `cargo xtask fuzz`: every reader, or one, for a bounded time with libFuzzer, from seeds of our own
//! writers and from what was found before.
//!
//! cargo-fuzz and a nightly compiler are for this only; nothing else here needs them, and what they
//! find is kept in `fuzz/found/` for an ordinary test.

use std::fs;
use std::path::{Path, PathBuf};

use bootwright::cli::{Answer, terminal};
use bootwright::command::{Command, find_in_path};
use bootwright::error::{Context, Error, Result, shown};

// A crate of its own for cargo-fuzz, where its items are public; here only the table is used.
#[allow(dead_code, unreachable_pub)]
#[path = "../../fuzz/src/lib.rs"]
mod readers;

use readers::{READERS, Reader};

/// Seconds after which one input counts as a hang.
const TIMEOUT: u32 = 20;

/// What a reader has freed is soon free: otherwise AddressSanitizer keeps 256 MiB of it, which count as
/// if an input had asked for them.
const SANITIZER: (&str, &str) = ("ASAN_OPTIONS", "quarantine_size_mb=16");

/// What to fuzz.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  cargo xtask fuzz --seconds 30
  cargo xtask fuzz tar --seconds 600
  cargo xtask fuzz --list

An input that breaks a reader is left in fuzz/artifacts/TARGET/; put it into fuzz/found/TARGET/ with the \
change that mends the reader, where `cargo xtask test` gives it to the reader from then on.")]
pub(crate) struct FuzzArgs {
    /// The reader [default: all, one after the other]
    target: Option<String>,
    /// How long each is fuzzed
    #[arg(long, value_name = "N", default_value_t = 60)]
    seconds: u64,
    /// Print the names of the readers
    #[arg(long)]
    list: bool,
}

pub(crate) fn run(args: &FuzzArgs) -> Result<Answer> {
    if args.list {
        READERS.iter().try_for_each(|reader| terminal::say(reader.name))?;
        return Ok(Answer::Yes);
    }
    let wanted = |reader: &&Reader| args.target.as_ref().is_none_or(|name| name == reader.name);
    let readers: Vec<_> = READERS.iter().filter(wanted).collect();
    if readers.is_empty() {
        return Err(Error::new("there is no such reader").hint("--list shows their names"));
    }
    check_tools()?;
    let folder = crate::root().join("fuzz");
    // The library's own versions of everything that both have.
    fs::copy(crate::root().join("Cargo.lock"), folder.join("Cargo.lock"))
        .context(|| "copying Cargo.lock")?;
    let mut broken = Vec::new();
    for reader in readers {
        terminal::note(format_args!("fuzzing {} for {} s", reader.name, args.seconds));
        if !fuzz(reader, &folder, args.seconds)? {
            broken.push(reader.name);
        }
    }
    match broken.is_empty() {
        true => terminal::note("no input broke a reader"),
        false => terminal::note(format_args!("broken: {}", broken.join(", "))),
    }
    Ok(if broken.is_empty() { Answer::Yes } else { Answer::No })
}

/// Says what is missing, before anything is built.
fn check_tools() -> Result<()> {
    let doing = || "looking for the tools of fuzzing";
    let missing = |what: &str, hint: &str| Err(Error::new(what).hint(hint)).context(doing);
    if find_in_path("rustup").is_none() {
        return missing(
            "there is no rustup",
            "libFuzzer needs a nightly compiler, which rustup has",
        );
    }
    let nightly = Command::new("rustup").args(["run", "nightly", "rustc", "--version"]).output()?;
    if !nightly.status.success() {
        let hint = "`rustup toolchain install nightly --profile minimal` installs one";
        return missing("there is no nightly compiler", hint);
    }
    if find_in_path("cargo-fuzz").is_none() {
        return missing("there is no cargo-fuzz", "`cargo install cargo-fuzz` installs it");
    }
    Ok(())
}

/// Fuzzes one reader; whether it held.
fn fuzz(reader: &Reader, folder: &Path, seconds: u64) -> Result<bool> {
    let corpus = seeded(reader, folder)?;
    let status = Command::new("rustup")
        .env(SANITIZER.0, SANITIZER.1)
        .args(["run", "nightly", "cargo", "fuzz", "run", "--fuzz-dir"])
        .arg(folder)
        .arg(reader.name)
        .arg(corpus)
        .args(["--", "-verbosity=0", "-print_final_stats=1"])
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-timeout={TIMEOUT}"))
        .arg(format!("-rss_limit_mb={}", reader.memory))
        .arg(format!("-malloc_limit_mb={}", reader.memory / 2))
        .attached()?;
    Ok(status.success())
}

/// The folder of its inputs, with seeds in it and what was found before.
fn seeded(reader: &Reader, folder: &Path) -> Result<PathBuf> {
    let corpus = folder.join("corpus").join(reader.name);
    let doing = || format!("writing seeds into {}", shown(&corpus));
    fs::create_dir_all(&corpus).context(doing)?;
    for (index, seed) in (reader.seeds)().iter().enumerate() {
        fs::write(corpus.join(format!("seed-{index}")), seed).context(doing)?;
    }
    let Ok(found) = fs::read_dir(folder.join("found").join(reader.name)) else { return Ok(corpus) };
    for input in found {
        let input = input.context(doing)?;
        fs::copy(input.path(), corpus.join(input.file_name())).context(doing)?;
    }
    Ok(corpus)
}
