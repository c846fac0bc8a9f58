//! The backing chain: from an image to the one that it leaves the rest to, until there is none.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::{Disk, Map, layer};
use crate::error::{Context, Error, Result, shown, shown_bytes};
use crate::format::Format;

/// Images of a chain; QEMU has no limit but its stack.
const CHAIN_MAX: usize = 200;

/// Opens an image, of this format where one is given, and all that it stands on.
pub(super) fn open(path: &Path, format: Option<Format>) -> Result<Disk> {
    let mut layers = vec![layer(path, format)?];
    let mut seen = HashSet::from([identity(path)?]);
    while let Some(next) = layers.last().and_then(backing_file) {
        let upper = layers.last().map(|disk| shown(&disk.path)).unwrap_or_default();
        let doing = || format!("opening the backing file of {upper}");
        let (path, format) = next.context(doing)?;
        if !seen.insert(identity(&path).context(doing)?) {
            let text = format!("{} backs itself: the chain is a loop", shown(&path));
            return Err(Error::new(text).context(doing()));
        }
        if layers.len() == CHAIN_MAX {
            return Err(Error::new(format!("the chain has over {CHAIN_MAX} images")));
        }
        layers.push(layer(&path, format).context(doing)?);
    }
    let mut below = None;
    while let Some(mut disk) = layers.pop() {
        disk.backing = below.take().map(Box::new);
        below = Some(disk);
    }
    below.ok_or_else(|| Error::new("a chain has at least one image"))
}

/// What a file is, whatever name it is reached by.
fn identity(path: &Path) -> Result<(u64, u64)> {
    let there = path.metadata().context(|| format!("reading {}", shown(path)))?;
    Ok((there.dev(), there.ino()))
}

/// The path and the recorded format of what an image stands on.
fn backing_file(disk: &Disk) -> Option<Result<(PathBuf, Option<Format>)>> {
    let Map::Qcow2(map) = &disk.map else { return None };
    let backing = map.header().backing.as_ref()?;
    let folder = disk.path.parent().unwrap_or(Path::new(""));
    let resolve = || -> Result<(PathBuf, Option<Format>)> {
        let path = folder.join(local(&backing.path)?);
        let format = backing.format.as_deref().map(|name| {
            let unread = || Error::new(format!("its recorded format `{name}` is not read"));
            Format::of_name(name).ok_or_else(unread)
        });
        Ok((path, format.transpose()?))
    };
    Some(resolve())
}

/// The path in a backing file name, which may also be a QEMU address.
fn local(name: &[u8]) -> Result<&Path> {
    let path = name.strip_prefix(b"file:").unwrap_or(name);
    let scheme = path.split(|&b| b == b'/').next().unwrap_or_default();
    match scheme.contains(&b':') {
        true => Err(Error::new(format!("`{}` is no file of this host", shown_bytes(name)))),
        false => Ok(Path::new(OsStr::from_bytes(path))),
    }
}
