//! `bootwright initramfs unpack`.

use std::ffi::OsStr;
use std::io::{BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::{Answer, terminal};
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::initramfs;
use crate::tree::{Content, Kind, Tree, TreePath, dir, manifest};
use crate::volume::Window;

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
    /// The archive
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
    let window = Window::open(&args.initramfs)?;
    let doing = || format!("unpacking {}", shown(&args.initramfs));
    let unpacked = initramfs::unpack(&window).context(doing)?;
    // Owners and devices are in the manifest: what an ordinary user cannot make is no news.
    dir::write(&unpacked.tree, &args.folder, &|_| ())?;
    let manifest = match &args.manifest {
        Some(manifest) => manifest.clone(),
        None => beside(&args.folder),
    };
    write_manifest(unpacked.tree, &args.folder, &manifest)?;
    terminal::note(format!("wrote {} and {}", shown(&args.folder), shown(&manifest)));
    match unpacked.problem {
        None => Ok(Answer::Yes),
        Some(problem) => {
            terminal::note(format!("{}: {}", shown(&args.initramfs), Error::from(problem)));
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

/// The manifest of the folder: its files are where they were unpacked to.
fn write_manifest(mut tree: Tree, folder: &Path, path: &Path) -> Result<()> {
    let folder = folder.canonicalize().context(|| format!("reading {}", shown(folder)))?;
    let is_file = |kind: &Kind| matches!(kind, Kind::File(_));
    let files: Vec<TreePath> =
        tree.iter().filter(|e| is_file(&e.node.kind)).map(|e| e.path.clone()).collect();
    for file in files {
        let place = folder.join(OsStr::from_bytes(file.as_bytes()));
        if let Some(node) = tree.get_mut(&file) {
            node.kind = Kind::File(Content::host(place)?);
        }
    }
    let output = OutputFile::create(path)?;
    let mut sink = BufWriter::new(output.as_file());
    // Every content is a file already, so that no folder for contents is made.
    manifest::write(&tree, &folder, &mut sink).context(|| format!("writing {}", shown(path)))?;
    sink.flush().context(|| format!("writing {}", shown(path)))?;
    drop(sink);
    output.commit()
}
