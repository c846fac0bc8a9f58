//! Assets: where kernel, GRUB, firmware, QEMU, busybox and the tests' judges come from.
//!
//! Each is looked for in this order: the path that was given; what the host has installed; packages in
//! a per-user store, fetched without root through the machine's own apt. Whatever is found but cannot
//! be used is kept with the reason.

mod apt;
mod catalogue;
pub mod deb;
mod fetch;
mod firmware;
mod kernel;
mod program;
mod report;
mod root;
mod search;
mod store;
mod unpack;

pub use catalogue::Need;
pub use kernel::Kernel;
pub use report::{Report, ReportFound, doctor};

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::command::Command;
use crate::error::{Error, Result, shown};
use crate::qemu::Firmware;
use store::Store;

/// What the user says about where assets are.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The folder of fetched packages; by default `bootwright` in the user's cache folder.
    pub store: Option<PathBuf>,
    /// Never start apt: what neither the host nor the store has is an error.
    pub offline: bool,
    /// A kernel image.
    pub kernel: Option<PathBuf>,
    /// The folder `lib/modules/RELEASE` of the given kernel.
    pub modules: Option<PathBuf>,
    /// A folder of GRUB modules for the target.
    pub grub_modules: Option<PathBuf>,
    /// OVMF's CODE; goes together with `ovmf_vars`.
    pub ovmf_code: Option<PathBuf>,
    /// OVMF's VARS; goes together with `ovmf_code`.
    pub ovmf_vars: Option<PathBuf>,
    /// The system emulator.
    pub qemu: Option<PathBuf>,
    /// A static busybox.
    pub busybox: Option<PathBuf>,
}

impl Options {
    /// The folder of fetched packages, which also is where other facts about this host are kept.
    ///
    /// # Errors
    /// Where neither the user nor the environment says which it is.
    pub fn store_folder(&self) -> Result<PathBuf> {
        Ok(Store::at(self.store.as_deref())?.folder().into())
    }
}

/// Where an asset comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// A flag named it.
    Given,
    /// It is installed.
    Host,
    /// It is in the store of fetched packages.
    Store,
}

/// An asset that was found.
#[derive(Debug, Clone)]
pub struct Asset {
    /// Which one.
    pub need: Need,
    /// Where it comes from.
    pub origin: Origin,
    /// What it says of its version, one line; may be empty.
    pub version: String,
    /// The thing itself.
    pub what: What,
    /// What was found before it and cannot be used.
    pub refused: Vec<Refusal>,
}

/// What an asset is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// A kernel with its modules.
    Kernel(Kernel),
    /// UEFI firmware.
    Firmware(Firmware),
    /// A folder.
    Folder(PathBuf),
    /// A file.
    File(PathBuf),
    /// A program, ready for arguments to be added.
    Program(Command),
}

/// A candidate that cannot be used, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The file, or where something was looked for.
    pub place: String,
    /// Why ("permission denied").
    pub why: String,
}

/// What happens while packages are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Another process is fetching into the store.
    Waiting,
    /// apt fetches its lists of packages.
    Updating,
    /// apt finds out what is missing.
    Resolving,
    /// Packages are downloaded: bytes that are there, of all bytes.
    Downloading {
        /// Bytes that are there.
        done: u64,
        /// All bytes.
        total: u64,
        /// How many packages.
        packages: usize,
    },
    /// Packages are unpacked.
    Unpacking {
        /// How many.
        packages: usize,
    },
    /// All is in the store.
    Fetched,
}

/// Assets that were found.
#[derive(Debug, Clone, Default)]
pub struct Assets {
    found: BTreeMap<Need, Asset>,
}

impl Assets {
    /// Finds these assets, and fetches what neither was given nor is on the host or in the store.
    ///
    /// # Errors
    /// Where a given path cannot be used, something is missing and cannot be fetched, or what was
    /// fetched cannot be used either.
    pub fn resolve(
        needs: &[Need],
        options: &Options,
        progress_fn: &mut dyn FnMut(Progress),
    ) -> Result<Assets> {
        let store = Store::at(options.store.as_deref());
        let look = |need: Need| search::find(need, options, store.as_ref().ok());
        let mut assets = Assets::default();
        let mut missing = BTreeMap::new();
        for &need in needs {
            match look(need)? {
                Ok(asset) => drop(assets.found.insert(need, asset)),
                Err(refused) => drop(missing.insert(need, refused)),
            }
        }
        if missing.is_empty() {
            return Ok(assets);
        }
        if options.offline {
            return Err(not_found(&missing).hint("without --offline it is fetched"));
        }
        let store = store?;
        search::fetch(missing.keys().copied(), options, &store, progress_fn).map_err(|e| {
            e.context(format!("fetching {}", names(&missing))).hint(by_hand(&missing))
        })?;
        for need in std::mem::take(&mut missing).into_keys() {
            match search::find(need, options, Some(&store))? {
                Ok(asset) => drop(assets.found.insert(need, asset)),
                Err(refused) => drop(missing.insert(need, refused)),
            }
        }
        match missing.is_empty() {
            true => Ok(assets),
            false => Err(not_found(&missing).hint(by_hand(&missing))),
        }
    }

    /// An asset that was asked for.
    ///
    /// # Errors
    /// Where it was not in the list that was resolved.
    pub fn get(&self, need: Need) -> Result<&Asset> {
        self.found.get(&need).ok_or_else(|| wrong(need))
    }

    /// All that were found, in the order of [`Need`].
    pub fn iter(&self) -> impl Iterator<Item = &Asset> {
        self.found.values()
    }

    /// The kernel.
    ///
    /// # Errors
    /// As [`Assets::get`].
    pub fn kernel(&self) -> Result<&Kernel> {
        match &self.get(Need::Kernel)?.what {
            What::Kernel(kernel) => Ok(kernel),
            _ => Err(wrong(Need::Kernel)),
        }
    }

    /// The firmware.
    ///
    /// # Errors
    /// As [`Assets::get`].
    pub fn firmware(&self) -> Result<&Firmware> {
        match &self.get(Need::Ovmf)?.what {
            What::Firmware(firmware) => Ok(firmware),
            _ => Err(wrong(Need::Ovmf)),
        }
    }

    /// The folder with GRUB's modules.
    ///
    /// # Errors
    /// As [`Assets::get`].
    pub fn grub_modules(&self) -> Result<&Path> {
        self.folder(Need::GrubModules)
    }

    /// The folder with GRUB's modules for a BIOS.
    ///
    /// # Errors
    /// As [`Assets::get`].
    pub fn grub_bios_modules(&self) -> Result<&Path> {
        self.folder(Need::GrubBiosModules)
    }

    fn folder(&self, need: Need) -> Result<&Path> {
        match &self.get(need)?.what {
            What::Folder(path) => Ok(path),
            _ => Err(wrong(need)),
        }
    }

    /// The static busybox.
    ///
    /// # Errors
    /// As [`Assets::get`].
    pub fn busybox(&self) -> Result<&Path> {
        match &self.get(Need::Busybox)?.what {
            What::File(path) => Ok(path),
            _ => Err(wrong(Need::Busybox)),
        }
    }

    /// A program, with all that it needs to run from where it is; add arguments and run it.
    ///
    /// # Errors
    /// As [`Assets::get`], and where the asset is no program.
    pub fn command(&self, need: Need) -> Result<Command> {
        match &self.get(need)?.what {
            What::Program(command) => Ok(command.clone()),
            _ => Err(wrong(need)),
        }
    }
}

impl Asset {
    /// The file or folder that stands for it: a kernel's image, the firmware's code.
    pub fn path(&self) -> &Path {
        match &self.what {
            What::Kernel(kernel) => &kernel.vmlinuz,
            What::Firmware(firmware) => &firmware.code.path,
            What::Folder(path) | What::File(path) => path,
            What::Program(command) => command.program(),
        }
    }
}

impl Refusal {
    fn new(place: &Path, why: impl Into<String>) -> Self {
        Refusal { place: shown(place), why: why.into() }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.why)
    }
}

impl Origin {
    /// One word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Origin::Given => "given",
            Origin::Host => "host",
            Origin::Store => "store",
        }
    }
}

/// Assets that were not found, each with what was refused.
type Missing = BTreeMap<Need, Vec<Refusal>>;

fn names(missing: &Missing) -> String {
    missing.keys().map(|need| need.name()).collect::<Vec<_>>().join(", ")
}

fn not_found(missing: &Missing) -> Error {
    let reasons = missing.iter().map(|(need, refused)| {
        let refused: Vec<_> = refused.iter().map(Refusal::to_string).collect();
        format!("{} ({})", need.name(), refused.join("; "))
    });
    Error::new(reasons.collect::<Vec<_>>().join(", ")).context("finding what is needed")
}

/// What to do without apt: packages to install, and the flags that give what is missing.
fn by_hand(missing: &Missing) -> String {
    let rows = || missing.keys().map(|need| need.row());
    let packages: Vec<_> = rows().map(|row| row.packages).collect();
    let flags: Vec<_> = rows().map(|row| row.flags).filter(|flags| !flags.is_empty()).collect();
    let advice = catalogue::advice(&packages);
    match flags.is_empty() {
        true => advice,
        false => format!("{advice}; or give paths with {}", flags.join(", ")),
    }
}

fn wrong(need: Need) -> Error {
    Error::new(format!("{} was used, but not asked for", need.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::bzimage::tests::kernel_of;
    use crate::qemu::firmware::tests::volume;

    /// Options that give all that has no program to run, from files written into `dir`.
    fn given(dir: &Path) -> Options {
        let write = |name: &str, bytes: &[u8]| {
            let path = dir.join(name);
            std::fs::write(&path, bytes).expect("written");
            Some(path)
        };
        write("normal.mod", b"");
        Options {
            offline: true,
            kernel: write("vmlinuz", &kernel_of("6.1-x")),
            modules: Some(dir.into()),
            grub_modules: Some(dir.into()),
            ovmf_code: write("CODE.fd", &volume(4096, 4096)),
            ovmf_vars: write("VARS.fd", &volume(4096, 4096)),
            ..Options::default()
        }
    }

    #[test]
    fn what_is_given_is_used_without_a_store() {
        let dir = tempfile::tempdir().expect("a folder");
        let options = given(dir.path());
        let needs = [Need::Kernel, Need::GrubModules, Need::Ovmf];
        let assets = Assets::resolve(&needs, &options, &mut |_| panic!("fetches")).expect("given");
        assert!(assets.iter().all(|asset| asset.origin == Origin::Given));
        assert_eq!(assets.kernel().expect("asked for").release, "6.1-x");
        assert_eq!(assets.grub_modules().expect("asked for"), dir.path());
        let code = dir.path().join("CODE.fd");
        assert_eq!(assets.firmware().expect("asked for").code.path, code);
        let error = assets.busybox().expect_err("not asked for").to_string();
        assert_eq!(error, "static busybox was used, but not asked for");
    }

    #[test]
    fn what_is_missing_is_named_with_reasons_packages_and_flags() {
        let refused = vec![Refusal::new(Path::new("/boot/vmlinuz-6.8"), "permission denied")];
        let missing = BTreeMap::from([(Need::Kernel, refused)]);
        assert_eq!(
            not_found(&missing).to_string(),
            "finding what is needed: kernel (/boot/vmlinuz-6.8: permission denied)"
        );
        let hint = by_hand(&missing);
        assert!(hint.contains("kernel-core (Fedora)"), "{hint}");
        assert!(hint.ends_with("; or give paths with --kernel and --modules"), "{hint}");
    }
}
