//! Fetches the packages of assets into the store: resolve, download, verify, unpack, place.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::Progress;
use super::apt::{Apt, Archive};
use super::catalogue::{Packages, Scope};
use super::store::{Locked, STORE_HINT, hexadecimal};
use super::unpack::unpack;
use crate::error::{Context, Error, Result, shown};

/// What to do where the sources cannot be reached.
const OFFLINE_HINT: &str =
    "the machine's own apt sources are used; once fetched, everything works without them";

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
    // Lists of last month name files that the mirror has no more: then they are fetched anew.
    let listed = match apt.has_lists() {
        true => download(&apt, wanted, None, progress_fn).ok(),
        false => None,
    };
    let (resolved, archives) = match listed {
        Some(listed) => listed,
        None => update_and_download(&apt, wanted, progress_fn).map_err(|e| e.hint(OFFLINE_HINT))?,
    };
    progress_fn(Progress::Unpacking { packages: archives.len() });
    place(locked, &apt, &resolved).map_err(|error| {
        // Perhaps the disk is full: half a tree is of use to nobody.
        locked.remove_leftovers().ok();
        error.context("unpacking packages").hint(STORE_HINT)
    })?;
    apt.clean(&archives);
    progress_fn(Progress::Fetched);
    Ok(())
}

type Downloaded = (Vec<Resolved>, BTreeSet<Archive>);

fn update_and_download(
    apt: &Apt,
    wanted: &[&'static Packages],
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<Downloaded> {
    progress_fn(Progress::Updating);
    let warning = apt.update()?;
    download(apt, wanted, warning, progress_fn)
}

/// Resolves and downloads; `warning` is what apt said when it updated its lists.
fn download(
    apt: &Apt,
    wanted: &[&'static Packages],
    warning: Option<String>,
    progress_fn: &mut dyn FnMut(Progress),
) -> Result<Downloaded> {
    progress_fn(Progress::Resolving);
    let resolve =
        |packages: &&'static Packages| Ok(Resolved { packages, archives: apt.resolve(packages)? });
    let resolved = wanted.iter().map(resolve).collect::<Result<Vec<_>>>();
    let resolved = resolved.map_err(|error| match warning {
        // A package is unknown because its index could not be fetched: that is the cause.
        Some(warning) => Error::new(format!("apt-get: {warning}")),
        None => error,
    })?;
    let archives: BTreeSet<_> = resolved.iter().flat_map(|r| r.archives.iter().cloned()).collect();
    apt.download(&archives, progress_fn)?;
    Ok((resolved, archives))
}

fn place(locked: &Locked<'_>, apt: &Apt, resolved: &[Resolved]) -> Result<()> {
    let mut jobs = Vec::new();
    let mut placements = Vec::new();
    for Resolved { packages, archives } in resolved {
        let folder = locked.temporary(packages.id)?;
        let verified = |a: &Archive| Ok((a.file.clone(), verified(&apt.path(a), &a.sha256)?));
        let files = archives.iter().map(verified).collect::<Result<Vec<_>>>()?;
        match packages.scope {
            Scope::Archives(_) => archives.iter().try_for_each(|a| keep(&apt.path(a), &folder))?,
            _ => jobs.extend(archives.iter().map(|a| (a.size, apt.path(a), folder.clone()))),
        }
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

/// Keeps an archive as it is: under a name of its own, since what was downloaded is cleaned away.
fn keep(archive: &Path, folder: &Path) -> Result<()> {
    let kept = folder.join(archive.file_name().unwrap_or_default());
    std::fs::hard_link(archive, &kept).context(|| format!("writing {}", shown(&kept)))
}

/// The hash of a downloaded file, which must be the index's: apt has checked the file that it
/// downloaded, but not one that lay there.
fn verified(path: &Path, sha256: &str) -> Result<[u8; 32]> {
    let hash = || -> io::Result<[u8; 32]> {
        let mut hasher = Sha256::new();
        let mut input = BufReader::with_capacity(1 << 16, File::open(path)?);
        while let chunk @ [_, ..] = input.fill_buf()? {
            hasher.update(chunk);
            let read = chunk.len();
            input.consume(read);
        }
        Ok(hasher.finalize().into())
    };
    let hash = hash().context(|| format!("reading {}", shown(path)))?;
    if hexadecimal(&hash) != sha256 {
        // It would be taken for complete the next time, too.
        std::fs::remove_file(path).ok();
        let why = "its SHA-256 is not the one of the package index";
        return Err(Error::new(why).context(format!("checking {}", shown(path))));
    }
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_what_the_index_says_is_removed() {
        const SHA256_OF_ABC: &str =
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("x.deb");
        std::fs::write(&path, "abc").expect("written");
        verified(&path, SHA256_OF_ABC).expect("the right file");
        std::fs::write(&path, "ab").expect("written");
        let error = verified(&path, SHA256_OF_ABC).expect_err("cut off").to_string();
        assert!(error.starts_with("checking ") && error.contains("SHA-256"), "{error}");
        assert!(!path.exists());
    }
}
