//! What is looked at: everything that takes part in a boot, as far as it is known.
//!
//! Each part is read once and analysed once, when it is made; the lints only ask. A part that is not
//! known keeps the lints that need it silent.

mod kernel;

pub use kernel::Kernel;

use super::files::Files;
use super::unpack::{self, Unpacked};
use crate::arch::{Arch, X86_64};
use crate::compress;
use crate::efi::pe::{EfiProgram, PeError};
use crate::error::{Context, Error, Result};
use crate::fs::FileSystem;
use crate::fs::iso9660::Iso9660;
use crate::fs::superblock::Superblock;
use crate::grub::embedded::Embedded;
use crate::grub::script::Script;
use crate::image::{Image, Partition};
use crate::kernel::config::Answer;
use crate::kernel::modules::{Bus, Modinfo, ModuleError, normalised};
use crate::tree::{self, Kind, TreePath};
use crate::volume::Window;

/// The largest module that is read, unpacked.
const MODULE_MAX: u64 = 256 << 20;

/// Something that may be known to be absent.
#[derive(Debug, Default)]
pub enum Given<T> {
    /// Nobody said.
    #[default]
    Unknown,
    /// There is none.
    Absent,
    /// There is one.
    Here(T),
}

impl<T> Given<T> {
    /// What is there.
    pub fn here(&self) -> Option<&T> {
        match self {
            Given::Here(thing) => Some(thing),
            _ => None,
        }
    }

    /// Whether it is known that there is none.
    pub fn is_absent(&self) -> bool {
        matches!(self, Given::Absent)
    }
}

/// All that takes part in a boot.
#[derive(Debug, Default)]
pub struct Subject {
    /// Bytes of memory of the machine.
    pub memory: Option<u64>,
    /// How its disk is attached.
    pub bus: Option<Bus>,
    /// Whether the firmware enforces Secure Boot.
    pub secure_boot: bool,
    /// The disk.
    pub image: Option<Image>,
    /// Its EFI System Partition; absent on a disk without one.
    pub esp: Given<Esp>,
    /// What firmware starts; absent where the ESP lacks it.
    pub loader: Given<Loader>,
    /// The kernel that the loader's default entry starts.
    pub kernel: Option<Kernel>,
    /// Its initramfs.
    pub initramfs: Given<Initramfs>,
    /// Its command line, as it is written.
    pub cmdline: Option<String>,
    /// The root filesystem that the command line names.
    pub root: Option<Root>,
}

impl Subject {
    /// The machine that it is for.
    pub fn arch(&self) -> &'static Arch {
        &X86_64
    }

    /// The loader that reads a configuration: what firmware starts, or what shim starts for it.
    pub fn started(&self) -> Option<&Loader> {
        let loader = self.loader.here()?;
        Some(loader.next.here().map_or(loader, |next| next))
    }

    /// The value of the last kernel argument of this name.
    pub fn argument(&self, name: &str) -> Option<String> {
        self.arguments().into_iter().rev().find(|(n, _)| same(n, name)).map(|(_, value)| value)
    }

    /// The kernel arguments before `--`: names, and values (empty where there is none).
    pub fn arguments(&self) -> Vec<(String, String)> {
        let line = self.cmdline.as_deref().unwrap_or_default();
        let words = bootwright_init::cmdline::arguments(line.as_bytes());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        words.map(|a| (text(a.key), text(a.value.unwrap_or_default()))).collect()
    }

    /// What the kernel's configuration says of an option; `None` where it is not known.
    pub fn option(&self, name: &str) -> Option<&Answer> {
        Some(self.kernel.as_ref()?.config.as_ref()?.get(name))
    }

    /// Whether the kernel is older than this version; one of which nothing is known is not.
    pub fn is_before(&self, version: (u32, u32)) -> bool {
        self.kernel.as_ref().and_then(Kernel::version).is_some_and(|own| own < version)
    }

    /// The files of the initramfs.
    pub fn early_files(&self) -> Option<&Files> {
        self.initramfs.here().map(|initramfs| &initramfs.files)
    }

    /// Which program prepares the root filesystem.
    pub fn early(&self) -> Option<Early> {
        match &self.initramfs {
            Given::Unknown => None,
            Given::Absent => Some(Early::Kernel),
            Given::Here(initramfs) => Some(initramfs.early),
        }
    }
}

/// The kernel takes `-` and `_` for the same.
fn same(a: &str, b: &str) -> bool {
    a.replace('-', "_") == b.replace('-', "_")
}

/// Who looks for the root filesystem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Early {
    /// The kernel itself.
    Kernel,
    /// bootwright's `/init`.
    Bootwright,
    /// Debian's initramfs-tools.
    InitramfsTools,
    /// dracut.
    Dracut,
    /// Somebody else, who may have ideas of their own.
    Other,
}

/// The EFI System Partition.
#[derive(Debug)]
pub struct Esp {
    /// Its index in [`Image::partitions`].
    pub index: usize,
    /// Its files, or why firmware finds none.
    pub files: Result<Files, String>,
}

/// What firmware starts from the ESP.
#[derive(Debug)]
pub struct Loader {
    /// Its path on the ESP.
    pub path: String,
    /// The program's bytes.
    pub bytes: Vec<u8>,
    /// The program, or why firmware does not start it.
    pub program: Result<EfiProgram, PeError>,
    /// What GRUB's core image brings, where it is one.
    pub grub: Option<Embedded>,
    /// The configuration that GRUB reads; absent where it is not where GRUB looks.
    pub config: Given<Config>,
    /// What shim starts; absent where it is not beside it, unknown where this is not shim.
    pub next: Given<Box<Loader>>,
}

/// A `grub.cfg`.
#[derive(Debug)]
pub struct Config {
    /// The index of its partition in [`Image::partitions`].
    pub partition: usize,
    /// Its path there.
    pub path: String,
    /// What it says.
    pub script: Script,
    /// The index of the menu entry that starts by itself.
    pub default: usize,
}

/// An initramfs.
#[derive(Debug)]
pub struct Initramfs {
    /// How it is called.
    pub name: String,
    /// Bytes as it is stored.
    pub len: u64,
    /// What the kernel makes of it.
    pub segments: Vec<unpack::Segment>,
    /// Bytes of its files.
    pub size: u64,
    /// What is wrong with it, by offset.
    pub faults: Vec<(usize, unpack::Fault)>,
    /// Entries that the kernel drops.
    pub orphans: Vec<Vec<u8>>,
    /// Its files.
    pub files: Files,
    /// Its kernel modules, wherever they are.
    pub modules: Vec<Module>,
    /// Who made it.
    pub early: Early,
}

/// A kernel module in an initramfs.
#[derive(Debug)]
pub struct Module {
    /// Its path, without a leading slash.
    pub path: String,
    /// What it says of itself.
    pub info: Result<Modinfo, ModuleError>,
    /// Whether a signature is behind it.
    pub signed: bool,
    /// Whether it is compressed and its name does not say so.
    pub compressed_as_plain: bool,
}

impl Module {
    /// The name by which the kernel knows it.
    pub fn name(&self) -> String {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        normalised(file.split(".ko").next().unwrap_or_default())
    }

    /// Reads a module file; `None` for one whose name is not that of a module.
    fn read(path: &str, bytes: &[u8]) -> Option<Module> {
        let suffixes = [".ko", ".ko.gz", ".ko.xz", ".ko.zst"];
        suffixes.iter().any(|suffix| path.ends_with(suffix)).then_some(())?;
        let compressed_as_plain = path.ends_with(".ko") && compress::Format::sniff(bytes).is_some();
        let plain = compress::read_all(bytes, MODULE_MAX).unwrap_or_default();
        let info = Modinfo::parse(&plain, &X86_64);
        let signed = plain.ends_with(b"~Module signature appended~\n");
        Some(Module { path: path.into(), info, signed, compressed_as_plain })
    }
}

impl Initramfs {
    /// Unpacks an initramfs, as far as it goes.
    ///
    /// # Errors
    /// Where there is no room for what it unpacks to.
    pub fn new(name: impl Into<String>, bytes: &[u8]) -> Result<Self> {
        let name = name.into();
        let unpacked = unpack::unpack(bytes).context(|| format!("unpacking {name}"))?;
        let Unpacked { tree, segments, size, faults, orphans } = unpacked;
        let files = Files::Tree(tree);
        let (early, modules) = (early(&files), modules(&files));
        let len = bytes.len() as u64;
        Ok(Initramfs { name, len, segments, size, faults, orphans, files, modules, early })
    }

    /// Whether it was unpacked to its end, so that what it lacks can be told.
    pub fn is_whole(&self) -> bool {
        !self.faults.iter().any(|(_, fault)| fault.is_fatal())
    }
}

fn modules(files: &Files) -> Vec<Module> {
    let Files::Tree(tree) = files else { return Vec::new() };
    let read = |entry: tree::Entry<'_>| match &entry.node.kind {
        Kind::File(content) if entry.path.as_bytes().windows(3).any(|w| w == b".ko") => {
            Module::read(&entry.path.to_string(), &content.read().ok()?)
        }
        _ => None,
    };
    tree.iter().filter_map(read).collect()
}

fn early(files: &Files) -> Early {
    if files.has(b"scripts/functions") && files.has(b"conf") {
        return Early::InitramfsTools;
    }
    if files.has(b"usr/lib/dracut") || files.has(b"lib/dracut") || files.has(b"dracut-state.sh") {
        return Early::Dracut;
    }
    let init = files.read(b"init").unwrap_or_default();
    let ours = bootwright_init::handoff::MARKER.as_bytes();
    match init.windows(ours.len()).any(|window| window == ours) {
        true => Early::Bootwright,
        false => Early::Other,
    }
}

/// The files of an image that is a file on a volume.
fn packed(iso: &Iso9660, volume: &Window, path: &str) -> Result<Files, String> {
    let text = |error: Error| error.to_string();
    let path = TreePath::new(path.as_bytes()).map_err(|error| error.to_string())?;
    let sections = iso.sections(&path).map_err(|error| error.to_string())?.unwrap_or_default();
    let Some((start, _)) = sections.first() else { return Err(format!("it has no /{path}")) };
    // The sections of a file follow each other.
    let image = volume.part(*start, sections.iter().map(|(_, len)| len).sum());
    let system = FileSystem::open(&image).map_err(text)?;
    system.map(Files::Disk).ok_or_else(|| format!("/{path} is no filesystem that is known"))
}

/// The root filesystem.
#[derive(Debug)]
pub struct Root {
    /// The partition that it is on.
    pub partition: Partition,
    /// What its superblock says; `None` where no known one is there.
    pub superblock: Option<Superblock>,
    /// Its files, or why they cannot be read; `None` where this is no filesystem that is read here.
    pub files: Option<Result<Files, String>>,
}

impl Root {
    /// Looks at what a partition holds.
    pub fn new(partition: Partition) -> Self {
        let superblock = partition.superblock();
        let files = match partition.filesystem() {
            Ok(system) => system.map(|system| Ok(Files::Disk(system))),
            Err(error) => Some(Err(error.to_string())),
        };
        Root { partition, superblock, files }
    }

    /// Looks at what an image on a partition holds, which bootwright's `/init` mounts for `rootimage=`;
    /// it is found on a volume of ISO 9660, and taken as it is on others.
    pub fn packed(partition: Partition, path: &str) -> Self {
        let superblock = partition.superblock();
        let files = match partition.filesystem() {
            Ok(Some(FileSystem::Iso9660(iso))) => Some(packed(&iso, &partition.window, path)),
            Ok(_) => None,
            Err(error) => Some(Err(error.to_string())),
        };
        Root { partition, superblock, files }
    }

    /// Its files, where they can be read.
    pub fn files(&self) -> Option<&Files> {
        self.files.as_ref()?.as_ref().ok()
    }
}
