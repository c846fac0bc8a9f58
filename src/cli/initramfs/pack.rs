//! `bootwright initramfs pack`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::cli::{Answer, terminal};
use crate::compress::{self, Format};
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::initramfs::index::Index;
use crate::initramfs::newc;
use crate::initramfs::segment::{Encoding, Segment};
use crate::size::Size;
use crate::tree::{Time, Tree, dir, manifest};
use crate::volume::{Window, whole};

/// The most that goes in front of an archive; the microcode of all CPUs is 14 MiB.
const EARLY_MAX: u64 = 256 << 20;

/// What `initramfs pack` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright initramfs pack folder initramfs.img
  bootwright initramfs pack tree.manifest initramfs.img --compress xz --level 9
  bootwright initramfs pack folder initramfs.img --early microcode.cpio

Everything in a folder belongs to root in the archive. The same input gives the same bytes.")]
pub struct PackArgs {
    /// A folder, or a manifest as gen_init_cpio and `unpack` have it
    #[arg(value_name = "SOURCE")]
    pub source: PathBuf,
    /// The archive to write
    #[arg(value_name = "INITRAMFS")]
    pub initramfs: PathBuf,
    /// How to compress it
    #[arg(long, value_enum, default_value_t = Compression::Gzip)]
    pub compress: Compression,
    /// How hard to try [default: 6, of zstd 19]
    #[arg(long, value_name = "LEVEL")]
    pub level: Option<u32>,
    /// A plain archive that goes in front, such as early microcode
    #[arg(long, value_name = "FILE")]
    pub early: Option<PathBuf>,
    /// Bring later times of modification back to this: seconds since 1970, as SOURCE_DATE_EPOCH
    #[arg(long, value_name = "SECONDS")]
    pub clamp_times: Option<i64>,
}

/// The compressions that the kernel unpacks and that are written here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// Zstandard.
    Zstd,
    /// xz, with the check that the kernel knows.
    Xz,
    /// lz4 in the legacy frame.
    Lz4,
    /// lzo, as lzop writes it.
    Lzo,
    /// LZMA alone.
    Lzma,
    /// bzip2.
    Bzip2,
}

impl Compression {
    const fn format(self) -> Option<Format> {
        Some(match self {
            Compression::None => return None,
            Compression::Gzip => Format::Gzip,
            Compression::Zstd => Format::Zstd,
            Compression::Xz => Format::Xz,
            Compression::Lz4 => Format::Lz4Legacy,
            Compression::Lzo => Format::Lzo,
            Compression::Lzma => Format::Lzma,
            Compression::Bzip2 => Format::Bzip2,
        })
    }

    /// What mkinitramfs takes where nobody says.
    const fn level(self) -> u32 {
        if matches!(self, Compression::Zstd) { 19 } else { 6 }
    }
}

pub(super) fn run(args: &PackArgs) -> Result<Answer> {
    if args.level.is_some() && args.compress.format().is_none() {
        return Err(Error::new("--compress none has no --level"));
    }
    let mut tree = read(&args.source)?;
    if let Some(latest) = args.clamp_times {
        tree.clamp_times(Time::from_seconds(latest));
    }
    let mut archive = Vec::new();
    newc::write(&tree, &mut archive).context(|| format!("packing {}", shown(&args.source)))?;
    let packed = match args.compress.format() {
        None => archive,
        Some(format) => {
            compress::compress(format, args.level.unwrap_or(args.compress.level()), &archive)?
        }
    };
    let early = args.early.as_deref().map_or(Ok(Vec::new()), early)?;
    let output = OutputFile::create(&args.initramfs)?;
    let mut file = output.as_file();
    // A segment starts at a multiple of 4, or the kernel does not see it where it is plain.
    let padding = early.len().next_multiple_of(4) - early.len();
    let parts = [&early[..], &[0; 3][..padding], &packed];
    let written = parts.iter().try_for_each(|part| file.write_all(part));
    written.context(|| format!("writing {}", shown(&args.initramfs)))?;
    output.commit()?;
    let size = Size((early.len() + padding + packed.len()) as u64);
    terminal::note(format!("wrote {}: {size}", shown(&args.initramfs)));
    Ok(Answer::Yes)
}

/// What goes in front: the kernel looks for microcode in plain archives alone, and behind what is no archive
/// for nothing.
fn early(path: &Path) -> Result<Vec<u8>> {
    let bytes = whole(path, EARLY_MAX)?;
    let doing = || format!("reading {}", shown(path));
    let index = Index::read(&Window::from(bytes.clone())).context(doing)?;
    if let Some(problem) = index.problem {
        return Err(problem).context(doing);
    }
    let is_plain = |segment: &Segment| segment.encoding == Encoding::Newc;
    match !index.segments.is_empty() && index.segments.iter().all(is_plain) {
        true => Ok(bytes),
        false => {
            Err(Error::new("--early wants a plain archive, which is not compressed")).context(doing)
        }
    }
}

/// The tree of a folder or of a manifest.
fn read(source: &Path) -> Result<Tree> {
    if source.is_dir() {
        let read = dir::read(source, &dir::Options::default())?;
        read.notices.iter().for_each(terminal::note);
        return Ok(read.tree);
    }
    let doing = || format!("reading the manifest {}", shown(source));
    let text = whole(source, manifest::TEXT_MAX)?;
    if text.contains(&0) {
        return Err(Error::new("it is neither a folder nor a manifest")).context(doing);
    }
    manifest::read(&text, source.parent().unwrap_or(Path::new("")), Time::EPOCH).context(doing)
}
