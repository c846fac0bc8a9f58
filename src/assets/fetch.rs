//! Fetches the packages of assets into the store: resolve, download, verify, unpack, place.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::Progress;
use super::apt::{Apt, Archive};
use super::catalogue::Packages;
use super::store::{Locked, hexadecimal};
use super::unpack::unpack;
use crate::error::{Context, Error, Result, shown};

/// What one asset's packages resolve to.
struct Resolved {
    packages: &'static Packages,
    archives: Vec<Archive>,
}

/// Fetches these packages; each gets a tree of its own.
///
/// # Errors
/// Where there is no apt, it cannot reach its sources, a file is not what the index says, or the
/// store cannot be written.
pub(super) fn fetch(
    locked: &Locked<'_>,
    wanted: &[&'static Packages],
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<()> {
    let Some(apt) = Apt::open(&locked.apt_folder())? else {
        return Err(Error::new("this machine has no apt to fetch packages with"));
    };
    let (resolved, archives) = match apt.has_lists() {
        // Lists of last month name files that the mirror has no more: then they are fetched anew.
        true => download(&apt, wanted, progress_fn)
            .or_else(|_| download_freshly(&apt, wanted, progress_fn))?,
        false => download_freshly(&apt, wanted, progress_fn)?,
    };
    progress_fn(Progress::Unpacking { packages: archives.len() });
    place(locked, &apt, &resolved).context(|| "unpacking packages")?;
    apt.clean(&archives);
    progress_fn(Progress::Fetched);
    Ok(())
}

fn download_freshly(
    apt: &Apt,
    wanted: &[&'static Packages],
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<(Vec<Resolved>, BTreeSet<Archive>)> {
    const HINT: &str =
        "once fetched, everything works offline; the machine's own apt sources are used";
    progress_fn(Progress::Updating);
    let warning = apt.update().map_err(|e| e.hint(HINT))?;
    download(apt, wanted, progress_fn)
        .map_err(|error| match warning {
            // A package is unknown because its index could not be fetched: that is the cause.
            Some(warning) => Error::new(format!("apt-get: {warning}")),
            None => error,
        })
        .map_err(|e| e.hint(HINT))
}

fn download(
    apt: &Apt,
    wanted: &[&'static Packages],
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<(Vec<Resolved>, BTreeSet<Archive>)> {
    progress_fn(Progress::Resolving);
    let resolve =
        |packages: &&'static Packages| Ok(Resolved { packages, archives: apt.resolve(packages)? });
    let resolved = wanted.iter().map(resolve).collect::<Result<Vec<_>>>()?;
    let archives: BTreeSet<_> = resolved.iter().flat_map(|r| r.archives.iter().cloned()).collect();
    apt.download(&archives, progress_fn)?;
    Ok((resolved, archives))
}

fn place(locked: &Locked<'_>, apt: &Apt, resolved: &[Resolved]) -> Result<()> {
    let mut jobs = Vec::new();
    let mut placements = Vec::new();
    for Resolved { packages, archives } in resolved {
        let folder = locked.temporary(packages.id)?;
        let verified = |a: &Archive| Ok((a.file.clone(), verified(apt, a)?));
        let files = archives.iter().map(verified).collect::<Result<Vec<_>>>()?;
        jobs.extend(archives.iter().map(|a| (a.size, apt.path(a), folder.clone())));
        placements.push((packages, folder, files));
    }
    // The largest first, so that the last thread is not left alone with a kernel.
    jobs.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    let jobs: Vec<(PathBuf, PathBuf)> = jobs.into_iter().map(|(_, p, f)| (p, f)).collect();
    unpack(&jobs)?;
    placements
        .iter()
        .try_for_each(|(packages, folder, files)| locked.place(packages, folder, files))
}

/// The hash of a downloaded file, which must be the index's: apt has checked the file that it
/// downloaded, but not one that lay there.
fn verified(apt: &Apt, archive: &Archive) -> Result<[u8; 32]> {
    let path = apt.path(archive);
    let hash = || -> io::Result<[u8; 32]> {
        let mut hasher = Sha256::new();
        let mut input = BufReader::with_capacity(1 << 16, File::open(&path)?);
        while let chunk @ [_, ..] = input.fill_buf()? {
            hasher.update(chunk);
            let read = chunk.len();
            input.consume(read);
        }
        Ok(hasher.finalize().into())
    };
    let hash = hash().context(|| format!("reading {}", shown(&path)))?;
    if hexadecimal(&hash) != archive.sha256 {
        // It would be taken for complete the next time, too.
        std::fs::remove_file(&path).ok();
        let why = "its SHA-256 is not the one of the package index";
        return Err(Error::new(why).context(format!("checking {}", shown(&path))));
    }
    Ok(hash)
}
