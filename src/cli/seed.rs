//! `bootwright seed`: writes a cloud-init NoCloud seed, or checks one that is there.

mod check;

use std::fmt;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{Answer, source_date_epoch, terminal};
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::seed::check::{self as checks, Report};
use crate::seed::login::{Login, check_key};
use crate::seed::password::Password;
use crate::seed::{self, Part, Volume};
use crate::size::Size;
use crate::spec;
use crate::tree::Time;
use crate::volume::{self, whole};

/// The largest file that is put into a seed.
const FILE_MAX: u64 = 16 << 20;

/// The largest file of keys, or of a password.
const KEYS_MAX: u64 = 1 << 20;

/// What `seed` takes.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  bootwright seed --output seed.img --user-data user-data.yaml
  bootwright seed --output seed.iso --format iso --user-data u.yaml --network-config n.yaml
  bootwright seed -o seed.img --hostname web1 --user alice --ssh-key ~/.ssh/id_ed25519.pub
  bootwright seed -o seed.img --hostname web1 --user alice --password-file - < password
  bootwright seed check seed.img

The volume is labelled cidata, as cloud-init's NoCloud datasource looks for. Without --meta-data, one is \
made, whose instance-id changes whenever the seed does. A password is hashed here (SHA-512 crypt), its salt \
derived from host name, user, keys and --salt, so that the same seed is the same bytes. \
SOURCE_DATE_EPOCH (seconds since 1970) sets the time of every file; without it that is 1980-01-01.

Exit codes: 0 written, 1 a file has errors and nothing was written, 2 it could not be written."
)]
pub struct SeedArgs {
    /// What else to do with seeds.
    #[command(subcommand)]
    pub verb: Option<SeedVerb>,
    /// Where to write the volume
    #[arg(long, short, value_name = "FILE", required = true)]
    pub output: Option<PathBuf>,
    /// Its filesystem [default: iso where the file ends with .iso, else vfat]
    #[arg(long, value_enum)]
    pub format: Option<SeedFormat>,
    /// What the instance is to do: cloud-config, a script, MIME
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "ssh_key", "password_file"])]
    pub user_data: Option<PathBuf>,
    /// Who the instance is [default: made from the other files]
    #[arg(long, value_name = "FILE", conflicts_with = "hostname")]
    pub meta_data: Option<PathBuf>,
    /// Its network, in cloud-init's version 1 or 2
    #[arg(long, value_name = "FILE")]
    pub network_config: Option<PathBuf>,
    /// As user-data, from whoever runs the machines
    #[arg(long, value_name = "FILE")]
    pub vendor_data: Option<PathBuf>,
    /// Name of the host
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// A user to create, who may become root [default: the image's own]
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Public keys that may log in, a line each; may be given several times
    #[arg(long, value_name = "FILE")]
    pub ssh_key: Vec<PathBuf>,
    /// A file with the password for the console; - is standard input
    #[arg(long, value_name = "FILE")]
    pub password_file: Option<PathBuf>,
    /// Give the password's hash another salt than the same seed has otherwise
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub salt: String,
    /// Pass over this check
    #[arg(long, value_name = "ID")]
    pub allow: Vec<String>,
    /// Check all files and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON object instead of text
    #[arg(long)]
    pub json: bool,
}

/// What else `seed` does.
#[derive(Debug, Subcommand)]
pub enum SeedVerb {
    /// Say what keeps cloud-init from doing what a seed says
    Check(check::CheckArgs),
}

/// The filesystem of a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SeedFormat {
    /// FAT, as small as it can be
    Vfat,
    /// ISO 9660 with Joliet and Rock Ridge
    Iso,
}

impl fmt::Display for SeedFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            SeedFormat::Vfat => "vfat",
            SeedFormat::Iso => "iso",
        })
    }
}

/// Writes a seed, or checks one.
///
/// # Errors
/// Where a file cannot be read, a name is none, or the seed cannot be written.
pub fn run(args: &SeedArgs) -> Result<Answer> {
    match (&args.verb, &args.output) {
        (Some(SeedVerb::Check(args)), _) => check::run(args),
        (None, Some(output)) => write(args, output),
        (None, None) => Err(Error::new("nothing says where to write the seed")),
    }
}

fn write(args: &SeedArgs, output: &Path) -> Result<Answer> {
    let files = gather(args)?;
    let report = checks::files(&files, &args.allow)?;
    let volume = plan(args, output, &files)?;
    let is_written = report.is_good() && !args.dry_run;
    if is_written {
        let file = OutputFile::create(output)?;
        file.reserve(volume.size())?;
        file.as_file().set_len(volume.size()).context(|| format!("writing {}", shown(output)))?;
        let target = volume::Volume::new(file.as_file(), 0, volume.size());
        volume.write(&target).context(|| format!("writing {}", shown(output)))?;
        file.commit()?;
    }
    say(args, output, &files, &report, &volume, is_written)?;
    Ok(if report.is_good() { Answer::Yes } else { Answer::No })
}

/// The files as given, and those that are made.
fn gather(args: &SeedArgs) -> Result<Vec<seed::File>> {
    let given = [
        (Part::UserData, &args.user_data),
        (Part::NetworkConfig, &args.network_config),
        (Part::VendorData, &args.vendor_data),
    ];
    let mut files = Vec::new();
    for (part, path) in given {
        match (part, path) {
            (_, Some(path)) => files.push(read(part, path)?),
            (Part::UserData, None) => files.push(login(args)?.user_data()?),
            _ => {}
        }
    }
    let meta_data = match &args.meta_data {
        Some(path) => read(Part::MetaData, path)?,
        None => seed::meta_data(&files, hostname(args)?),
    };
    files.insert(1, meta_data);
    Ok(files)
}

fn hostname(args: &SeedArgs) -> Result<Option<&str>> {
    match args.hostname.as_deref() {
        Some(name) if !seed::login::is_hostname(name) => {
            Err(Error::new(format!("`{}` is no host name", name.escape_debug())))
        }
        name => Ok(name),
    }
}

fn read(part: Part, path: &Path) -> Result<seed::File> {
    Ok(seed::File { part, origin: shown(path), bytes: whole(path, FILE_MAX)? })
}

fn login(args: &SeedArgs) -> Result<Login> {
    let mut keys = Vec::new();
    for path in &args.ssh_key {
        let doing = || format!("reading {}", shown(path));
        let text = String::from_utf8(whole(path, KEYS_MAX)?).context(doing)?;
        let found = keys.len();
        for (index, line) in text.lines().map(str::trim).enumerate() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            check_key(line).context(|| format!("line {}", index + 1)).context(doing)?;
            keys.push(line.to_owned());
        }
        if keys.len() == found {
            return Err(Error::new("there is no public key in it")).context(doing);
        }
    }
    let password = match &args.password_file {
        None => None,
        Some(path) if path.as_os_str() == "-" => {
            Some(Password::read(std::io::stdin().lock()).context(|| "reading standard input")?)
        }
        Some(path) => {
            let doing = || format!("reading {}", shown(path));
            Some(Password::read(&whole(path, KEYS_MAX)?[..]).context(doing)?)
        }
    };
    let (hostname, user) = (args.hostname.clone(), args.user.clone());
    if let (Some(user), true, None) = (&user, keys.is_empty(), &password) {
        terminal::note(format_args!(
            "note: nobody can log in as `{user}`: --ssh-key and --password-file let somebody"
        ));
    }
    Ok(Login { hostname, user, keys, password, salt: args.salt.clone() })
}

fn format(args: &SeedArgs, output: &Path) -> SeedFormat {
    let is_iso = output.extension().is_some_and(|end| end.eq_ignore_ascii_case("iso"));
    args.format.unwrap_or(if is_iso { SeedFormat::Iso } else { SeedFormat::Vfat })
}

fn plan(args: &SeedArgs, output: &Path, files: &[seed::File]) -> Result<Volume> {
    let time = Time::from_seconds(spec::time(source_date_epoch()?));
    let volume = match format(args, output) {
        SeedFormat::Vfat => Volume::vfat(files, time),
        SeedFormat::Iso => Volume::iso(files, time),
    };
    volume.context(|| "planning the seed")
}

fn say(
    args: &SeedArgs,
    output: &Path,
    files: &[seed::File],
    report: &Report,
    volume: &Volume,
    is_written: bool,
) -> Result<()> {
    if args.json {
        let of = |file: &seed::File| json!({"name": file.part.name(), "from": file.origin, "bytes": file.bytes.len()});
        return terminal::say(serde_json::to_string_pretty(&json!({
            "seed": shown(output),
            "written": is_written,
            "format": format(args, output).to_string(),
            "bytes": volume.size(),
            "files": files.iter().map(of).collect::<Vec<_>>(),
            "report": report,
        }))?);
    }
    if !report.findings.is_empty() {
        terminal::say(format_args!("{}\n", report.to_string().trim_end()))?;
    }
    for file in files {
        let from = match file.origin == file.part.name() {
            true => "made here".into(),
            false => format!("from {}", file.origin),
        };
        let (name, size) = (file.part.name(), Size(file.bytes.len() as u64));
        terminal::say(format_args!("{name:14}  {size:>8}  {from}"))?;
    }
    let (path, size, kind) = (shown(output), Size(volume.size()), format(args, output));
    terminal::say(match (is_written, report.errors) {
        (true, _) => format!("wrote {path}: {kind}, {size}, labelled cidata"),
        (false, 0) => format!("{path} would be {kind}, {size}; nothing was written"),
        (false, errors) => format!("{}: nothing was written", counted(errors, "error")),
    })
}

/// A number with its noun.
fn counted(n: usize, noun: &str) -> String {
    match n {
        1 => format!("1 {noun}"),
        n => format!("{n} {noun}s"),
    }
}
