//! What an image boots: the programs on its ESP, the configurations of its loaders, and the kernel,
//! initramfs and arguments of every menu entry, each with the partition that it is on.
//!
//! Looked for are GRUB's `grub.cfg` and boot loader entries of UAPI.1 (Type #1 `*.conf`, Type #2
//! `EFI/Linux/*.efi`) where distributions put them. Firmware's own boot variables are not in an image.

use std::collections::BTreeMap;

use super::{Image, Partition, bls};
use crate::error::{Context, Result, shown_bytes};
use crate::fs::{Entry, FileSystem};
use crate::grub::environment;
use crate::grub::script::{self, CONFIG_MAX, Script};
use crate::tree::TreePath;

/// Where `grub.cfg` is looked for on every filesystem.
const GRUB_CONFIGS: [&str; 6] = [
    "EFI/BOOT/grub.cfg",
    "EFI/debian/grub.cfg",
    "boot/grub/grub.cfg",
    "boot/grub2/grub.cfg",
    "grub/grub.cfg",
    "grub2/grub.cfg",
];

/// Where GRUB's environment block is looked for on every filesystem.
const GRUB_ENVIRONMENTS: [&str; 4] =
    ["boot/grub2/grubenv", "grub2/grubenv", "boot/grub/grubenv", "grub/grubenv"];

/// Where Type #1 entries are.
const BLS_FOLDERS: [&str; 2] = ["loader/entries", "boot/loader/entries"];

/// The folder of Type #2 entries.
const UKI_FOLDER: &str = "EFI/Linux";

/// The most entries of a folder that are read.
const ENTRIES_MAX: usize = 256;

/// How deep below `EFI` programs are looked for: Windows' are in `EFI/Microsoft/Boot`.
const DEPTH_MAX: usize = 4;

/// The largest Type #1 entry.
const BLS_MAX: u64 = 64 << 10;

/// What an image boots.
#[derive(Debug, Default)]
pub struct Boot {
    /// Programs on the ESP, in its root directory and below `EFI`: path and length in bytes.
    pub loaders: Vec<(String, u64)>,
    /// The configurations that were found, the ESP's first.
    pub configs: Vec<ConfigFile>,
    /// The menu, in the order of the configurations.
    pub entries: Vec<BootEntry>,
    /// What GRUB's environment block says: the first that was found.
    pub environment: BTreeMap<String, String>,
    /// Filesystems that could not be looked into: partition index and why.
    pub unreadable: Vec<(usize, String)>,
}

/// A configuration of a loader.
#[derive(Debug)]
pub struct ConfigFile {
    /// The index of its partition in [`Image::partitions`].
    pub partition: usize,
    /// Its path there.
    pub path: String,
    /// Its text.
    pub text: String,
    /// What it says, for a `grub.cfg`; `None` for a Type #1 entry.
    pub script: Option<Script>,
}

/// One thing that can be booted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEntry {
    /// What the menu calls it.
    pub title: String,
    /// Who says so.
    pub origin: Origin,
    /// The kernel, or the unified kernel image.
    pub kernel: Option<Located>,
    /// The initramfs, or several that are loaded one behind the other.
    pub initramfs: Vec<Located>,
    /// The kernel's arguments.
    pub arguments: String,
}

/// Where an entry comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// `menuentry` of a `grub.cfg`.
    Grub {
        /// The index of its configuration in [`Boot::configs`].
        config: usize,
        /// Its line.
        line: usize,
    },
    /// A Type #1 entry.
    Bls {
        /// The index of its file in [`Boot::configs`].
        config: usize,
    },
    /// A unified kernel image.
    Uki,
}

/// A file that a configuration names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The path as the configuration has it.
    pub named: String,
    /// The partition that has it, as an index of [`Image::partitions`], its path there and its length;
    /// `None` where no filesystem has it, or its name has variables.
    pub found: Option<(usize, TreePath, u64)>,
}

/// The filesystems that were opened.
struct Search {
    /// Partition index and filesystem, the ESP first.
    systems: Vec<(usize, FileSystem)>,
}

impl Boot {
    pub(super) fn find(image: &Image) -> Result<Boot> {
        let mut boot = Boot::default();
        let search = Search { systems: open_all(image, &mut boot.unreadable) };
        let esp = image.esp().map(Partition::offset);
        for (_, system) in &search.systems {
            boot.take_environment(system)?;
        }
        for (index, system) in &search.systems {
            if esp == Some(image.partitions()[*index].offset()) {
                boot.loaders = programs(system)?;
            }
            boot.add_grub(*index, system, &search)?;
            boot.add_bls(*index, system, &search)?;
            boot.add_ukis(*index, system)?;
        }
        Ok(boot)
    }

    fn take_environment(&mut self, system: &FileSystem) -> Result<()> {
        for path in GRUB_ENVIRONMENTS {
            let text = read_text(system, path, CONFIG_MAX)?.unwrap_or_default();
            if self.environment.is_empty() {
                self.environment = environment::parse(&text);
            }
        }
        Ok(())
    }

    /// Whether a `grub.cfg` shows Type #1 entries.
    pub fn has_blscfg(&self) -> bool {
        let mut scripts = self.configs.iter().filter_map(|config| config.script.as_ref());
        scripts.any(|script| script.named("blscfg").next().is_some())
    }

    fn add_grub(&mut self, index: usize, system: &FileSystem, search: &Search) -> Result<()> {
        for path in GRUB_CONFIGS {
            let Some(text) = read_text(system, path, CONFIG_MAX)? else { continue };
            let script = Script::parse(&text);
            let config = self.configs.len();
            let entries = script.entries().into_iter().filter(|entry| entry.kernel.is_some());
            self.entries.extend(
                entries.map(|entry| from_grub(entry, config, &|f| search.locate(f, index))),
            );
            let path = path.into();
            self.configs.push(ConfigFile { partition: index, path, text, script: Some(script) });
        }
        Ok(())
    }

    fn add_bls(&mut self, index: usize, system: &FileSystem, search: &Search) -> Result<()> {
        for folder in BLS_FOLDERS {
            for entry in files(system, folder, ".conf")? {
                let path = format!("{folder}/{}", shown_bytes(&entry.name));
                let Some(text) = read_text(system, &path, BLS_MAX)? else { continue };
                let config = self.configs.len();
                let locate_fn = |file: &str| search.locate(file, index);
                self.entries.push(bls::entry(&text, config, &self.environment, &locate_fn));
                self.configs.push(ConfigFile { partition: index, path, text, script: None });
            }
        }
        Ok(())
    }

    fn add_ukis(&mut self, index: usize, system: &FileSystem) -> Result<()> {
        for entry in files(system, UKI_FOLDER, ".efi")? {
            let named = format!("{UKI_FOLDER}/{}", shown_bytes(&entry.name));
            let path = tree_path(UKI_FOLDER)?.join(&entry.name)?;
            let kernel = Located { named: named.clone(), found: Some((index, path, entry.size)) };
            self.entries.push(BootEntry {
                title: named,
                origin: Origin::Uki,
                kernel: Some(kernel),
                initramfs: Vec::new(),
                arguments: String::new(),
            });
        }
        Ok(())
    }
}

impl Search {
    /// Finds a file: on the partition of the configuration that names it, else on any.
    fn locate(&self, named: &str, first: usize) -> Located {
        let (mine, others): (Vec<_>, Vec<_>) =
            self.systems.iter().partition(|(index, _)| *index == first);
        // `(hd0,gpt2)/vmlinuz`, `($root)/vmlinuz`: the device is found out by looking.
        let path = named.strip_prefix('(').and_then(|rest| rest.split_once(')'));
        let path = TreePath::new(path.map_or(named, |(_, path)| path).as_bytes());
        let look = |(index, system): &(usize, FileSystem)| {
            let target = system.resolve(path.as_ref().ok()?).ok()?;
            let entry = system.entry(&target).ok()??;
            entry.is_file().then_some((*index, target, entry.size))
        };
        Located { named: named.into(), found: mine.into_iter().chain(others).find_map(look) }
    }
}

/// Opens every filesystem, the ESP first.
fn open_all(image: &Image, unreadable: &mut Vec<(usize, String)>) -> Vec<(usize, FileSystem)> {
    let esp = image.esp().map(Partition::offset);
    let mut order: Vec<_> = image.partitions().iter().enumerate().collect();
    order.sort_by_key(|(index, partition)| (Some(partition.offset()) != esp, *index));
    let mut systems = Vec::new();
    for (index, partition) in order {
        match partition.filesystem() {
            Ok(Some(system)) => systems.push((index, system)),
            Ok(None) => {}
            Err(error) => unreadable.push((index, error.to_string())),
        }
    }
    systems
}

/// The programs on an ESP.
fn programs(system: &FileSystem) -> Result<Vec<(String, u64)>> {
    let mut programs = Vec::new();
    for entry in files(system, "", ".efi")? {
        programs.push((shown_bytes(&entry.name), entry.size));
    }
    add_programs(system, "EFI".into(), DEPTH_MAX, &mut programs)?;
    Ok(programs)
}

/// Adds the programs in a folder, and then those in the folders in it.
fn add_programs(
    system: &FileSystem,
    folder: String,
    depth: usize,
    programs: &mut Vec<(String, u64)>,
) -> Result<()> {
    let path = |entry: &Entry| format!("{folder}/{}", shown_bytes(&entry.name));
    let found = files(system, &folder, ".efi")?;
    programs.extend(found.iter().map(|entry| (path(entry), entry.size)));
    for entry in list(system, &folder)?.iter().filter(|entry| entry.is_directory()) {
        if depth > 0 && programs.len() < ENTRIES_MAX {
            add_programs(system, path(entry), depth - 1, programs)?;
        }
    }
    Ok(())
}

/// The files of a folder whose names end so, without regard to case; none where there is no folder.
fn files(system: &FileSystem, folder: &str, ending: &str) -> Result<Vec<Entry>> {
    let ends = |entry: &Entry| {
        let start = entry.name.len().saturating_sub(ending.len());
        entry.is_file() && entry.name[start..].eq_ignore_ascii_case(ending.as_bytes())
    };
    let mut entries = list(system, folder)?;
    entries.retain(ends);
    entries.truncate(ENTRIES_MAX);
    Ok(entries)
}

fn list(system: &FileSystem, folder: &str) -> Result<Vec<Entry>> {
    let path = system.resolve(&tree_path(folder)?)?;
    match system.entry(&path)? {
        Some(entry) if entry.is_directory() => system.list(&path),
        _ => Ok(Vec::new()),
    }
}

fn read_text(system: &FileSystem, path: &str, max: u64) -> Result<Option<String>> {
    let path = system.resolve(&tree_path(path)?)?;
    if !system.entry(&path)?.is_some_and(|entry| entry.is_file()) {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&system.read(&path, max)?).into_owned()))
}

fn tree_path(path: &str) -> Result<TreePath> {
    TreePath::new(path.as_bytes()).context(|| "looking for loaders")
}

fn from_grub(
    entry: script::Entry,
    config: usize,
    locate_fn: &dyn Fn(&str) -> Located,
) -> BootEntry {
    BootEntry {
        title: entry.title,
        origin: Origin::Grub { config, line: entry.line },
        kernel: entry.kernel.as_deref().map(locate_fn),
        initramfs: entry.initramfs.iter().map(|file| locate_fn(file)).collect(),
        arguments: entry.arguments.join(" "),
    }
}
