//! `bootwright initramfs unpack`.

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf, absolute};

use clap::Args;

use crate::cli::{Answer, input, interrupt, terminal};
use crate::disk::output::{OutputFile, OutputFolder};
use crate::error::{Context, Error, Result, shown};
use crate::initramfs;
use crate::tree::manifest::manifest;
use crate::tree::{Entry, Tree, dir};

/// What `initramfs unpack` takes.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bootwright initramfs unpack /boot/initrd.img-6.1 tree
  bootwright initramfs pack tree.manifest changed.img --compress zstd

The manifest (FOLDER.manifest, in the kernel's own format, see gen_init_cpio) keeps the owners and \
devices that an ordinary user cannot make; packing it gives an archive that has them again.

Exit codes: 0 unpacked, 1 unpacked up to where it is damaged, 2 it cannot be unpacked.")]
pub struct UnpackArgs {
    /// The archive; `-` is standard input
    #[arg(value_name = "INITRAMFS")]
    pub initramfs: PathBuf,
    /// The folder to make; one that is there must be empty
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Where to write the manifest [default: FOLDER.manifest]
    #[arg(long, value_name = "FILE")]
    pub manifest: Option<PathBuf>,
}

pub(super) fn run(args: &UnpackArgs) -> Result<Answer> {
    let window = input::opened(&args.initramfs)?;
    let name = input::name(&args.initramfs);
    let doing = || format!("unpacking {name}");
    let mut unpacked = initramfs::unpack(&window).context(doing)?;
    let has_none = unpacked.tree.iter().all(|entry| entry.path.is_root());
    match unpacked.problem.take_if(|_| has_none) {
        Some(problem) => return Err(problem).context(doing),
        None if unpacked.segments.is_empty() => {
            return Err(Error::new("there is no archive in it")).context(doing);
        }
        None => {}
    }
    let path = args.manifest.clone().unwrap_or_else(|| beside(&args.folder));
    write(&unpacked.tree, &args.folder, &path)?;
    terminal::note(format!("wrote {} and {}", shown(&args.folder), shown(&path)));
    match unpacked.problem {
        None => Ok(Answer::Yes),
        Some(problem) => {
            terminal::note(format!("{name}: {}", Error::from(problem)));
            Ok(Answer::No)
        }
    }
}

/// `FOLDER.manifest`.
fn beside(folder: &Path) -> PathBuf {
    let mut name = folder.components().as_path().as_os_str().to_owned();
    name.push(".manifest");
    name.into()
}

/// Writes the folder and its manifest, both or none.
fn write(tree: &Tree, folder: &Path, path: &Path) -> Result<()> {
    let folder = OutputFolder::create(folder)?;
    let output = OutputFile::create(path)?;
    let manifest = manifest_of(tree, folder.target(), output.path()).map_err(|error| {
        error.hint("`bootwright tree convert INITRAMFS FOLDER/` unpacks without a manifest")
    });
    let doing = || format!("writing {}", shown(path));
    output.as_file().write_all(&manifest.context(doing)?).context(doing)?;
    // Owners and devices are in the manifest: what an ordinary user cannot make is no news.
    dir::write(tree, folder.path(), &|_| ())
        .context(|| format!("writing {}", shown(folder.target())))?;
    interrupt::undisturbed(|| {
        folder.commit()?;
        output.commit()
    })
}

/// The text of the manifest, whose files are where they will be unpacked to.
fn manifest_of(tree: &Tree, folder: &Path, path: &Path) -> Result<Vec<u8>> {
    let (folder, path) = (absolute(folder)?, absolute(path)?);
    let base = path.parent().unwrap_or(Path::new("/"));
    let locate = |entry: Entry<'_>| folder.join(OsStr::from_bytes(entry.path.as_bytes()));
    Ok(manifest(tree, base, locate)?.text)
}
