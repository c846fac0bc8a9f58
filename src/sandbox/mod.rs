//! Sandboxes: throw-away copies of an image in milliseconds, by name.
//!
//! A sandbox is a folder of its name in the user's data folder (XDG Base Directory Specification): the
//! overlay `disk.qcow2`, which has what the guest wrote, and `sandbox.json` ([`Record`]), which says what
//! it stands on and what that was like. Whoever changes the base changes every overlay on it; that is
//! found before a guest runs into it. Left out: overlays whose format is not qcow2, and moving a base.

mod base;
mod chain;
mod check;
mod commit;
mod name;
mod record;
mod stamp;

pub use base::Base;
pub use chain::{Chain, Node};
pub use name::{Name, NameError};
pub use record::Record;
pub use stamp::Stamp;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use self::record::Place;
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::Disk;
use crate::format::lock::{self, Use};
use crate::format::qcow2::{self, Backing, Create};
use crate::volume::Volume;

/// The names of a sandbox's files.
const DISK: &str = "disk.qcow2";
const RECORD: &str = "sandbox.json";

/// What to do about a sandbox on which others stand.
const REMOVE_FIRST: &str = "remove those first: `bootwright overlay list` shows who stands on whom";

/// Where sandboxes are.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

/// One sandbox.
#[derive(Debug, Clone)]
pub struct Sandbox {
    name: Name,
    folder: PathBuf,
    record: Record,
}

impl Store {
    /// The sandboxes in `folder`, or else in the user's data folder.
    ///
    /// # Errors
    /// Where neither the user nor the environment says which it is.
    pub fn open(folder: Option<&Path>) -> Result<Store> {
        let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        let data = || {
            let home = || absolute("HOME").map(|home| home.join(".local/share"));
            absolute("XDG_DATA_HOME").or_else(home).map(|data| data.join("bootwright/sandboxes"))
        };
        let folder = match folder {
            Some(folder) => std::path::absolute(folder).context(|| "finding the sandboxes")?,
            None => data().ok_or_else(|| {
                Error::new("neither XDG_DATA_HOME nor HOME says where the sandboxes are")
                    .hint("--sandboxes DIR names a folder for them")
            })?,
        };
        Ok(Store { folder })
    }

    /// The folder that has a folder for each.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where the overlay of this name is, if there is one.
    pub fn disk(&self, name: &Name) -> PathBuf {
        self.folder.join(name.as_str()).join(DISK)
    }

    /// All sandboxes by name; in the place of one whose record was damaged, what is wrong with it.
    ///
    /// # Errors
    /// Where the folder cannot be read.
    pub fn list(&self) -> Result<BTreeMap<Name, Result<Sandbox>>> {
        let entries = match self.folder.read_dir() {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(BTreeMap::new());
            }
            Err(error) => {
                return Err(Error::from(error).context(format!("reading {}", shown(&self.folder))));
            }
        };
        let names = entries.flatten().filter_map(|e| e.file_name().to_str()?.parse().ok());
        let named = names.filter_map(|name| Some((self.get(&name).transpose()?, name)));
        Ok(named.map(|(sandbox, name)| (name, sandbox)).collect())
    }

    /// Those whose record can be read: what the others stand on is not known.
    fn readable(&self) -> Result<Vec<Sandbox>> {
        Ok(self.list()?.into_values().flatten().collect())
    }

    /// The sandbox of this name; `None` where there is none.
    ///
    /// # Errors
    /// Where its record cannot be read.
    pub fn get(&self, name: &Name) -> Result<Option<Sandbox>> {
        let folder = self.folder.join(name.as_str());
        // A folder without a record is what an interrupted creation leaves.
        match folder.join(RECORD).exists() {
            false => Ok(None),
            true => {
                let record = Record::read(&folder.join(RECORD))?;
                Ok(Some(Sandbox { name: name.clone(), folder, record }))
            }
        }
    }

    /// The sandbox that a person calls so; `None` where it is no name, or nobody's.
    ///
    /// # Errors
    /// Where its record cannot be read.
    pub fn find(&self, text: &str) -> Result<Option<Sandbox>> {
        match text.parse() {
            Ok(name) => self.get(&name),
            Err(NameError { .. }) => Ok(None),
        }
    }

    /// Puts an overlay of `size` bytes on a base.
    ///
    /// # Errors
    /// Where the name is taken, the base is half written or larger than that, or the folder cannot be
    /// written.
    pub fn create(
        &self,
        name: &Name,
        base: &Base,
        size: u64,
        seed: Option<PathBuf>,
    ) -> Result<Sandbox> {
        let making = || format!("making the sandbox {name}");
        self.refuse_taken(name).context(making)?;
        self.refuse_half_written(&base.path).context(making)?;
        let folder = self.folder.join(name.as_str());
        std::fs::create_dir_all(&folder).context(making)?;
        let record = Record {
            base: base.path.clone(),
            base_format: base.format.qemu_name().into(),
            stamp: base.stamp.clone(),
            seed,
            committing: false,
        };
        let sandbox = Sandbox { name: name.clone(), folder, record };
        sandbox.write(size, OutputFile::commit).context(making).inspect_err(|_| {
            // What is not whole has no record: nobody else knows of it, and it takes room.
            std::fs::remove_file(sandbox.disk()).ok();
            std::fs::remove_dir(&sandbox.folder).ok();
        })?;
        Ok(sandbox)
    }

    /// Refuses a name that a sandbox has.
    ///
    /// # Errors
    /// Where one has it.
    pub fn refuse_taken(&self, name: &Name) -> Result<()> {
        match self.get(name) {
            Ok(None) => Ok(()),
            Ok(Some(_)) | Err(_) => Err(Error::new(format!("there is a sandbox {name} already"))
                .hint(format!("`bootwright overlay rm {name}` removes it"))),
        }
    }

    /// Removes a sandbox with all that it has, also one whose record was damaged.
    ///
    /// # Errors
    /// Where a guest runs on it, others stand on it, it alone can complete its base, or it cannot be
    /// removed.
    pub fn remove(&self, name: &Name) -> Result<()> {
        let doing = || format!("removing the sandbox {name}");
        if let Ok(Some(sandbox)) = self.get(name) {
            sandbox.refuse_interrupted().context(doing)?;
        }
        let disk = self.disk(name);
        self.refuse_base(&disk, REMOVE_FIRST).context(doing)?;
        let _lock = hold(&disk).context(doing)?;
        let folder = self.folder.join(name.as_str());
        // First the record: what is left without it is nobody's.
        std::fs::remove_file(folder.join(RECORD)).context(doing)?;
        std::fs::remove_dir_all(&folder).context(doing)
    }

    /// Who stands on an image.
    ///
    /// # Errors
    /// As [`Store::list`].
    pub fn standing_on(&self, path: &Path) -> Result<Vec<Name>> {
        let Ok(path) = path.canonicalize() else { return Ok(Vec::new()) };
        let all = self.readable()?.into_iter();
        Ok(all.filter(|sandbox| sandbox.record.base == path).map(|sandbox| sandbox.name).collect())
    }

    /// Refuses that an image is changed on which sandboxes stand.
    ///
    /// # Errors
    /// Where there are any, with their names, and this as the hint.
    pub fn refuse_base(&self, path: &Path, hint: &str) -> Result<()> {
        let names = self.standing_on(path)?;
        if names.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = names.iter().map(Name::as_str).collect();
        let stand = if names.len() == 1 { "stands" } else { "stand" };
        let names = names.join(", ");
        Err(Error::new(format!("{names} {stand} on it: it would change under them")).hint(hint))
    }
}

impl Sandbox {
    /// Its name.
    pub fn name(&self) -> &Name {
        &self.name
    }

    /// Its overlay.
    pub fn disk(&self) -> PathBuf {
        self.folder.join(DISK)
    }

    /// Where a run of it leaves its log and its firmware's variables.
    pub fn run_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// What it stands on.
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether a guest runs on it.
    pub fn is_running(&self) -> bool {
        File::open(self.disk()).is_ok_and(|file| lock::is_written(&file))
    }

    /// Drops what the guest wrote, and stands on the base as it is now.
    ///
    /// # Errors
    /// Where a guest runs on it, others stand on it, it alone can complete its base, or it cannot be
    /// written.
    pub fn reset(&mut self, store: &Store) -> Result<()> {
        let doing = format!("resetting the sandbox {}", self.name);
        let mut reset = || -> Result<()> {
            self.refuse_interrupted()?;
            store.refuse_base(&self.disk(), REMOVE_FIRST)?;
            let _lock = hold(&self.disk())?;
            let base = Base::open(&self.record.base, self.record.stamp.sha256.is_some())?;
            let size = Disk::open(&self.disk()).map_or(base.size, |disk| disk.size());
            self.record = Record { stamp: base.stamp, committing: false, ..self.record.clone() };
            self.write(size.max(base.size), OutputFile::commit)
        };
        reset().context(|| doing)
    }

    /// Writes an empty overlay of so many bytes, and the record, and gives them their names so.
    fn write(&self, size: u64, place: Place) -> Result<()> {
        let record = &self.record;
        let output = OutputFile::create(self.disk())?;
        let backing = Backing {
            path: record.base.as_os_str().as_bytes().to_vec(),
            format: Some(record.base_format.clone()),
        };
        let image = Create { backing: Some(backing), ..Create::new(size) };
        let volume = Volume::new(output.as_file(), 0, i64::MAX as u64);
        let len = qcow2::create(&image, &volume)?;
        output.as_file().set_len(len)?;
        place(output)?;
        record.write(&self.folder.join(RECORD), place)
    }
}

/// An overlay, held so that no guest can start; `None` where it is lost.
fn hold(disk: &Path) -> Result<Option<File>> {
    let Ok(file) = File::options().read(true).write(true).open(disk) else { return Ok(None) };
    lock::lock(&file, disk, Use::Write)?;
    Ok(Some(file))
}

#[cfg(test)]
mod tests;
