//! What an image is made of, read and checked before anything is planned: a kernel that is no kernel
//! should be refused here, with its path, and not be found out by a boot.

use std::path::Path;

use super::root::{Recipe, Root};
use super::root_filesystem::RootFilesystem;
use super::{demo, early_root};
use crate::arch::X86_64;
use crate::efi::pe::EfiProgram;
use crate::elf::Elf;
use crate::error::{Context, Error, Result, shown};
use crate::grub::core_image::{self, Medium};
use crate::grub::hybrid::HybridBoot;
use crate::initramfs;
use crate::kernel::bzimage::BzImage;
use crate::kernel::config::Config;
use crate::kernel::modules::{Bus, LIVE, ModuleFolder, Resolved, for_bus};
use crate::kernel::requirements;
use crate::tree::{Content, Time};

/// gzip's best level: the initramfs is small, and every boot reads it.
const COMPRESSION_LEVEL: u32 = 9;

/// What is built of ingredients; each needs others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A disk with a root partition.
    Disk,
    /// An ISO, whose root filesystem is packed.
    Iso,
}

/// Where the root filesystem comes from, whatever it becomes.
#[derive(Debug, Clone)]
pub struct RootSources<'a> {
    /// How it is made.
    pub recipe: &'a Recipe,
    /// The guest's `/init`.
    pub init: &'a Path,
    /// The kernel's `lib/modules/RELEASE`, of which it may have some.
    pub modules: Option<&'a Path>,
    /// A static busybox for the demo.
    pub busybox: Option<&'a Path>,
}

/// Where the other ingredients are.
#[derive(Debug, Clone)]
pub struct Sources<'a> {
    /// The bzImage.
    pub kernel: &'a Path,
    /// The kernel's `lib/modules/RELEASE`; none for a kernel that has everything built in.
    pub modules: Option<&'a Path>,
    /// The guest's `/init`.
    pub init: &'a Path,
    /// A finished initramfs to use instead of ours.
    pub initramfs: Option<&'a Path>,
    /// What they become.
    pub kind: Kind,
    /// What the root filesystem becomes.
    pub root_filesystem: RootFilesystem,
    /// GRUB's kernel and modules for a BIOS, where one is to start an ISO.
    pub grub_bios_modules: Option<&'a Path>,
    /// GRUB's kernel and modules for `x86_64-efi`.
    pub grub_modules: &'a Path,
}

/// The kernel of an image.
#[derive(Debug, Clone)]
pub struct Kernel {
    /// The bzImage.
    pub content: Content,
    /// What `uname -r` will say.
    pub release: String,
}

/// What a BIOS starts.
#[derive(Debug, Clone)]
pub struct BiosLoader {
    /// GRUB's core image, as El Torito has it.
    pub core_image: Vec<u8>,
    /// The code of the first sector.
    pub hybrid: HybridBoot,
}

/// What an image is made of, checked.
#[derive(Debug, Clone)]
pub struct Ingredients {
    /// What they become.
    pub kind: Kind,
    /// The kernel.
    pub kernel: Kernel,
    /// The modules that the initramfs brings; none where the user brought the initramfs.
    pub modules: Option<Resolved>,
    /// The initramfs as the loader reads it.
    pub initramfs: Vec<u8>,
    /// The loader, `BOOTX64.EFI`.
    pub core_image: Vec<u8>,
    /// The loader for a BIOS.
    pub bios: Option<BiosLoader>,
    /// The root filesystem.
    pub root: Root,
}

impl Ingredients {
    /// Reads and checks everything but the root filesystem, side by side where it takes long.
    ///
    /// # Errors
    /// Where something is missing, unreadable, cut short or for another machine: with its path.
    pub fn gather(sources: &Sources<'_>, root: Root, time: i64) -> Result<Self> {
        let time = Time::from_seconds(time);
        std::thread::scope(|scope| {
            let loader = scope.spawn(|| loader(sources));
            let bios = scope.spawn(|| sources.grub_bios_modules.map(bios).transpose());
            let kernel = kernel(sources.kernel)?;
            let init = init(sources.init)?;
            let (modules, initramfs) = initramfs_of(sources, &kernel, init, time)?;
            let core_image = loader.join().unwrap_or_else(|p| std::panic::resume_unwind(p))?;
            let bios = bios.join().unwrap_or_else(|p| std::panic::resume_unwind(p))?;
            let kind = sources.kind;
            Ok(Ingredients { kind, kernel, modules, initramfs, core_image, bios, root })
        })
    }
}

impl RootSources<'_> {
    /// Reads the sources and makes the root filesystem of them.
    ///
    /// # Errors
    /// As [`Recipe::make`]; where the init or the busybox is unfit.
    pub fn read(&self, time: i64) -> Result<Root> {
        let (init, time) = (init(self.init)?, Time::from_seconds(time));
        let demo = || {
            let busybox = self.busybox.ok_or_else(|| Error::new("the demo needs a busybox"))?;
            demo::root(init.clone(), Content::host(busybox)?, time)
        };
        let mut recipe = self.recipe.clone();
        recipe.reading.kernel_modules = self.modules.map(Into::into);
        recipe.make(demo, init.clone(), time)
    }
}

/// The kernel, if it is one, and one that can boot an image of ours as far as its configuration says.
fn kernel(path: &Path) -> Result<Kernel> {
    let image = BzImage::open(path).context(|| format!("reading kernel {}", shown(path)))?;
    let kernel = Kernel { content: Content::host(path)?, release: image.release().into() };
    // Distributions put it beside the kernel; where it is not there, the boot will tell.
    let config = path.with_file_name(format!("config-{}", kernel.release));
    let Ok(text) = std::fs::read(&config) else { return Ok(kernel) };
    let config = Config::parse(&text).context(|| format!("reading {}", shown(&config)))?;
    match requirements::unmet(&config).first() {
        None => Ok(kernel),
        Some(lacks) => Err(Error::new(format!("it lacks {}: {}", lacks.option, lacks.reason))
            .context(format!("checking the configuration of {}", shown(path)))),
    }
}

fn init(path: &Path) -> Result<Content> {
    let content = Content::host(path)?;
    let bytes = content.read()?;
    let checked = Elf::parse(&bytes, &X86_64).and_then(|elf| elf.static_program());
    checked.context(|| format!("checking init {}", shown(path)))?;
    Ok(content)
}

fn loader(sources: &Sources<'_>) -> Result<Vec<u8>> {
    let medium = match sources.kind {
        Kind::Disk => Medium::Disk,
        Kind::Iso => Medium::Iso,
    };
    let image = core_image::build(sources.grub_modules, &X86_64, medium)?;
    EfiProgram::parse(&image, &X86_64)
        .context(|| format!("checking the core image of {}", shown(sources.grub_modules)))?;
    Ok(image)
}

fn bios(folder: &Path) -> Result<BiosLoader> {
    Ok(BiosLoader {
        core_image: core_image::build_bios(folder)?,
        hybrid: HybridBoot::open(folder)?,
    })
}

/// The user's initramfs, or ours with the modules that this kernel needs.
fn initramfs_of(
    sources: &Sources<'_>,
    kernel: &Kernel,
    init: Content,
    time: Time,
) -> Result<(Option<Resolved>, Vec<u8>)> {
    if let Some(path) = sources.initramfs {
        return Ok((None, Content::host(path)?.read()?));
    }
    let modules = match sources.modules {
        Some(folder) => modules_for(folder, &kernel.release, sources)
            .context(|| format!("finding kernel modules in {}", shown(folder)))?,
        None => Resolved::default(),
    };
    let tree = early_root::tree(init, &modules, time)?;
    let packed = initramfs::pack(&tree, COMPRESSION_LEVEL)?;
    Ok((Some(modules), packed))
}

/// What our machine's disk and our root filesystem need of this kernel.
fn modules_for(folder: &Path, release: &str, sources: &Sources<'_>) -> Result<Resolved> {
    let drives = if sources.kind == Kind::Iso { LIVE } else { &[] };
    let wanted = [for_bus(Bus::Virtio), drives, &sources.root_filesystem.drivers()].concat();
    ModuleFolder::open(folder, release)?.resolve(&wanted, &X86_64)
}
