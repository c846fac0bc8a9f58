//! Which kernel modules must be in the initramfs, in the order in which they can be loaded.
//!
//! A folder `lib/modules/RELEASE` is read: the names of its module files, the list of what is built
//! in, and of the wanted modules, and those that they depend on, the `.modinfo` section. The files
//! that depmod makes (modules.dep, modules.alias) are not read: they are absent where depmod never
//! ran, as in an unpacked package, and `depends=` says the same for every module that the kernel's
//! own build made. Aliases are not resolved: what is wanted is named by module.

pub mod dependencies;
mod modinfo;
mod needs;
mod resolve;

pub use modinfo::{Modinfo, ModuleError};
pub use needs::{Bus, BusError, LIVE, Want, for_bus, for_filesystem};
pub use resolve::{Module, Resolved};

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::error::{Context, Result, shown};

/// The modules of one kernel.
#[derive(Debug)]
pub struct ModuleFolder {
    folder: PathBuf,
    release: String,
    /// File of each module by its normalised name, relative to the folder.
    files: BTreeMap<String, PathBuf>,
    /// Normalised names of what needs no loading.
    builtin: BTreeSet<String>,
}

/// The suffixes of a module file; the compressed ones are unpacked.
const SUFFIXES: [&str; 4] = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];

/// What to do where there is no folder.
const MODULES_HINT: &str =
    "lib/modules/RELEASE comes with the kernel, in its package or in one beside it";

/// Deeper than any kernel's tree of modules; ends a folder that a broken filesystem made endless.
const DEPTH_MAX: usize = 32;

impl ModuleFolder {
    /// Looks at `lib/modules/RELEASE` of a kernel of this release. Only names are read.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn open(folder: impl Into<PathBuf>, release: impl Into<String>) -> Result<Self> {
        let (folder, release) = (folder.into(), release.into());
        let mut files = BTreeMap::new();
        index(&folder, Path::new(""), &mut files, 0).map_err(|e| e.hint(MODULES_HINT))?;
        let builtin = read_builtin(&folder.join("modules.builtin"))?;
        Ok(ModuleFolder { folder, release, files, builtin })
    }

    /// The kernel release that the modules are for.
    pub fn release(&self) -> &str {
        &self.release
    }
}

/// The name by which the kernel knows a module: the file `nls_iso8859-1.ko` is `nls_iso8859_1`.
pub fn normalised(name: &str) -> String {
    name.replace('-', "_")
}

/// The name of the module in a file of this name.
fn module_name(file: &str) -> Option<String> {
    SUFFIXES.iter().find_map(|suffix| file.strip_suffix(suffix)).map(normalised)
}

/// Adds the module files of a directory that is at `below` in the folder. Links to directories (`build`, `source`) are not
/// followed: they lead to the kernel's sources.
fn index(
    directory: &Path,
    below: &Path,
    files: &mut BTreeMap<String, PathBuf>,
    depth: usize,
) -> Result<()> {
    let reading = || format!("reading {}", shown(directory));
    for entry in fs::read_dir(directory).context(reading)? {
        let entry = entry.context(reading)?;
        let path = below.join(entry.file_name());
        if entry.file_type().context(reading)?.is_dir() {
            if depth < DEPTH_MAX {
                index(&entry.path(), &path, files, depth + 1)?;
            }
            continue;
        }
        let Some(name) = entry.file_name().to_str().and_then(module_name) else { continue };
        let first = files.get(&name).is_none_or(|other| rank(&path) < rank(other));
        if first {
            files.insert(name, path);
        }
    }
    Ok(())
}

/// Which of two files of one name is taken: updates before extras before the kernel's own, as
/// depmod's default does it; then the first in sorted order, whatever the directory says.
fn rank(path: &Path) -> (usize, &Path) {
    let places = ["updates", "extra", "weak-updates", "kernel"];
    let place = places.iter().position(|place| path.starts_with(place));
    (place.unwrap_or(places.len()), path)
}

/// The names in `modules.builtin`, one path a line. A kernel without the list has nothing built in.
fn read_builtin(path: &Path) -> Result<BTreeSet<String>> {
    let text = match fs::read(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Vec::new(),
        read => read.context(|| format!("reading {}", shown(path)))?,
    };
    let text = String::from_utf8_lossy(&text);
    Ok(text.lines().filter_map(|line| module_name(line.rsplit('/').next()?.trim())).collect())
}

#[cfg(test)]
mod tests;
