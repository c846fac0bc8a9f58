//! Gathers a [`Subject`]: from a disk image, following what its loader does, or from single files.

mod entry;
mod shim;

pub(super) use self::entry::chosen;

use std::path::{Path, PathBuf};

use super::files::Files;
use super::subject::{Config, Esp, Given, Initramfs, Kernel, Loader, Root, Subject};
use crate::arch::X86_64;
use crate::efi::pe::EfiProgram;
use crate::error::{Context, Error, Result, shown};
use crate::fs::FileSystem;
use crate::grub::embedded::Embedded;
use crate::grub::script::Script;
use crate::image::root::{self, Target};
use crate::image::{BootEntry, Image, Located};
use crate::kernel::config::Config as KernelConfig;
use crate::volume::whole;

/// The largest file that is read from an image: a kernel, an initramfs.
const FILE_MAX: u64 = 2 << 30;

/// The longest kernel configuration; Debian's is a quarter of a MiB.
const CONFIG_MAX: u64 = 16 << 20;

/// The single files of a boot without a loader.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    /// The kernel.
    pub kernel: Option<PathBuf>,
    /// Its configuration [default: `config-RELEASE` beside it, or what is embedded in it].
    pub config: Option<PathBuf>,
    /// Files that are unpacked one behind the other.
    pub initramfs: Vec<PathBuf>,
    /// The kernel's command line.
    pub cmdline: Option<String>,
    /// The disk that `root=` is looked for on.
    pub disk: Option<PathBuf>,
}

impl Subject {
    /// What an image boots: its ESP, the loader there, and the kernel, initramfs and arguments of the
    /// entry that starts by itself.
    ///
    /// # Errors
    /// Where the image cannot be read.
    pub fn of_image(image: Image) -> Result<Subject> {
        let boot = image.boot().unwrap_or_default();
        let mut subject = Subject { esp: esp(&image), ..Subject::default() };
        subject.loader = loader(&image, &subject.esp);
        match entry::chosen(&image, &boot, &subject) {
            Some(entry) => subject.take_entry(&image, entry)?,
            None => subject.take_loader()?,
        }
        subject.image = Some(image);
        subject.find_root();
        Ok(subject)
    }

    /// What a virtual machine boots from these files, as `qemu -kernel` does it.
    ///
    /// # Errors
    /// Where a file cannot be read.
    pub fn of_pieces(pieces: &Pieces) -> Result<Subject> {
        let mut subject = Subject { cmdline: pieces.cmdline.clone(), ..Subject::default() };
        if let Some(path) = &pieces.kernel {
            let bytes = whole(path, FILE_MAX)?;
            let mut kernel = Kernel::new(shown(path), bytes, None);
            kernel.config = host_config(&kernel, path, pieces)?.or(kernel.config);
            subject.kernel = Some(kernel);
        }
        subject.initramfs = match &pieces.initramfs[..] {
            [] if pieces.kernel.is_some() => Given::Absent,
            [] => Given::Unknown,
            paths => {
                let parts =
                    paths.iter().map(|path| whole(path, FILE_MAX)).collect::<Result<Vec<_>>>()?;
                let names: Vec<_> = paths.iter().map(|path| shown(path)).collect();
                Given::Here(Initramfs::new(names.join(" + "), &parts.concat())?)
            }
        };
        if let Some(path) = &pieces.disk {
            subject.image = Some(Image::open(path)?);
        }
        subject.find_root();
        Ok(subject)
    }

    /// Takes another command line, which may name another root filesystem.
    pub fn set_cmdline(&mut self, line: &str) {
        self.cmdline = Some(line.into());
        self.root = None;
        self.find_root();
    }

    /// Looks at the partition that `root=` names, and there for what the kernel's package left.
    fn find_root(&mut self) {
        let Some(root) = self.argument("root").filter(|root| !root.is_empty()) else { return };
        let Some(image) = &self.image else { return };
        let partition = match root::resolve(image, &root) {
            Target::Partition(index) => Some(image.partitions()[index].clone()),
            Target::Volume => image.volume(),
            _ => None,
        };
        let Some(partition) = partition else { return };
        let packed = self.argument("rootimage").filter(|path| !path.is_empty());
        let root = match packed {
            Some(path) => Root::packed(partition, &path),
            None => Root::new(partition),
        };
        if let (Some(files), Some(kernel)) = (root.files(), self.kernel.as_mut()) {
            kernel.learn_from(files);
        }
        self.root = Some(root);
    }

    fn take_entry(&mut self, image: &Image, entry: &BootEntry) -> Result<()> {
        if let Some(Some(bytes)) = entry.kernel.as_ref().map(|kernel| content(image, kernel)) {
            let (name, bytes) = (entry.kernel.as_ref().map_or("kernel", |k| &k.named), bytes?);
            if self.take_uki(name, &bytes)? {
                return Ok(());
            }
            self.kernel = Some(Kernel::new(name, bytes, None));
        }
        self.cmdline = Some(entry.arguments.clone());
        let parts: Option<Result<Vec<_>>> =
            entry.initramfs.iter().map(|file| content(image, file)).collect();
        self.initramfs = match parts {
            _ if entry.initramfs.is_empty() => Given::Absent,
            // Whoever looks for it finds out that it is missing.
            None => Given::Unknown,
            Some(parts) => {
                let names: Vec<_> =
                    entry.initramfs.iter().map(|file| file.named.as_str()).collect();
                Given::Here(Initramfs::new(names.join(" + "), &parts?.concat())?)
            }
        };
        Ok(())
    }

    /// Where nothing names a kernel, firmware's program may be one with all that it needs.
    fn take_loader(&mut self) -> Result<()> {
        let loader = std::mem::take(&mut self.loader);
        if let Given::Here(loader) = &loader {
            self.take_uki(&loader.path, &loader.bytes)?;
        }
        self.loader = loader;
        Ok(())
    }

    /// Takes kernel, initramfs and command line from a unified kernel image (UAPI.5); whether it is one.
    fn take_uki(&mut self, name: &str, bytes: &[u8]) -> Result<bool> {
        let Ok(program) = EfiProgram::parse(bytes, &X86_64) else { return Ok(false) };
        let Some(kernel) = program.content(bytes, ".linux") else { return Ok(false) };
        self.kernel = Some(Kernel::new(format!("{name} (.linux)"), kernel.to_vec(), None));
        self.initramfs = match program.content(bytes, ".initrd") {
            Some(initramfs) => Given::Here(Initramfs::new(format!("{name} (.initrd)"), initramfs)?),
            // Add-ons and the loader may bring one.
            None => Given::Unknown,
        };
        let text = |line: &[u8]| {
            String::from_utf8_lossy(line).trim_end_matches(['\0', '\n', ' ']).to_owned()
        };
        self.cmdline = program.content(bytes, ".cmdline").map(text);
        Ok(true)
    }
}

impl Kernel {
    /// Takes `config-RELEASE` and `modules.builtin` from where a distribution installs them.
    fn learn_from(&mut self, files: &Files) {
        let Some(release) = self.release().map(str::to_owned) else { return };
        let read = |path: String| files.read(path.as_bytes());
        if self.config.is_none() {
            let text = read(format!("boot/config-{release}"))
                .or_else(|| read(format!("lib/modules/{release}/config")));
            self.config = text.and_then(|text| KernelConfig::parse(&text).ok());
        }
        if let Some(list) = read(format!("lib/modules/{release}/modules.builtin")) {
            let list = String::from_utf8_lossy(&list).into_owned();
            let name = |line: &str| {
                let file = line.rsplit('/').next()?.trim().strip_suffix(".ko")?;
                Some(crate::kernel::modules::normalised(file))
            };
            self.builtin = Some(list.lines().filter_map(name).collect());
        }
    }
}

/// The configuration that was given, or that lies beside the kernel.
fn host_config(kernel: &Kernel, path: &Path, pieces: &Pieces) -> Result<Option<KernelConfig>> {
    let beside = kernel.release().map(|release| path.with_file_name(format!("config-{release}")));
    let (path, must) = match (&pieces.config, beside) {
        (Some(path), _) => (path.clone(), true),
        (None, Some(path)) => (path, false),
        (None, None) => return Ok(None),
    };
    if !must && !path.exists() {
        return Ok(None);
    }
    let text = whole(&path, CONFIG_MAX)?;
    Ok(Some(KernelConfig::parse(&text).context(|| format!("reading {}", shown(&path)))?))
}

/// The ESP; for a disk without one, any FAT partition, from which firmware starts as well.
fn esp(image: &Image) -> Given<Esp> {
    let typed = image.partitions().iter().position(|partition| partition.is_esp());
    let fat = || image.partitions().iter().position(|p| p.fstype() == Some("vfat"));
    let Some(index) = typed.or_else(fat) else { return Given::Absent };
    let partition = &image.partitions()[index];
    let files = match (partition.filesystem(), partition.fstype()) {
        (Ok(Some(system @ FileSystem::Fat(_))), _) => Ok(Files::Disk(system)),
        (Err(error), _) => Err(error.to_string()),
        (Ok(_), Some(other)) => Err(format!("it holds {other}, not FAT")),
        (Ok(_), None) => Err("it holds no filesystem that is known".into()),
    };
    Given::Here(Esp { index, files })
}

/// The program on the removable-media path, and what GRUB finds, where it is GRUB.
fn loader(image: &Image, esp: &Given<Esp>) -> Given<Loader> {
    let Some(Esp { index, files: Ok(files) }) = esp.here() else { return Given::Unknown };
    let path = format!("/EFI/BOOT/{}", X86_64.efi_file);
    let Some(bytes) = files.read(path.as_bytes()) else { return Given::Absent };
    let mut loader = program(image, *index, path, bytes);
    let is_shim = |program| shim::is_shim(program, &loader.bytes);
    if loader.program.as_ref().is_ok_and(is_shim) {
        let path = shim::next(files);
        loader.next = match files.read(path.as_bytes()) {
            Some(bytes) => Given::Here(Box::new(program(image, *index, path, bytes))),
            None => Given::Absent,
        };
    }
    Given::Here(loader)
}

fn program(image: &Image, esp: usize, path: String, bytes: Vec<u8>) -> Loader {
    let program = EfiProgram::parse(&bytes, &X86_64);
    let sections = program.as_ref().map(|program| &program.sections[..]);
    let grub = sections.ok().and_then(|sections| Embedded::read(&bytes, sections));
    let config = grub.as_ref().map_or(Given::Unknown, |grub| config(image, esp, grub));
    Loader { path, bytes, program, grub, config, next: Given::Unknown }
}

/// The `grub.cfg` that GRUB reads, as far as its prefix alone decides that.
fn config(image: &Image, esp: usize, grub: &Embedded) -> Given<Config> {
    let Some(prefix) = &grub.prefix else { return Given::Unknown };
    // An embedded configuration may go elsewhere.
    let elsewhere = |text: &String| {
        ["prefix", "configfile", "normal", "source"].iter().any(|word| text.contains(word))
    };
    if grub.config.as_ref().is_some_and(elsewhere) || grub.memdisk {
        return Given::Unknown;
    }
    let (partition, folder) = match prefix.strip_prefix('(').and_then(|p| p.split_once(')')) {
        None => (esp, prefix.as_str()),
        Some((device, folder)) => {
            let digits = device.rsplit(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
            let number = digits.parse().ok().filter(|_| device.starts_with("hd0,"));
            let found = image.partitions().iter().position(|p| p.number == number);
            match found.filter(|_| number.is_some()) {
                Some(index) => (index, folder),
                None => return Given::Unknown,
            }
        }
    };
    let Ok(Some(system)) = image.partitions()[partition].filesystem() else {
        return Given::Unknown;
    };
    let path = format!("{folder}/grub.cfg");
    match Files::Disk(system).read(path.as_bytes()) {
        Some(text) => {
            let script = Script::parse(&String::from_utf8_lossy(&text));
            let default = entry::default(&script);
            Given::Here(Config { partition, path, script, default })
        }
        None => Given::Absent,
    }
}

/// The content of a file that was found.
fn content(image: &Image, file: &Located) -> Option<Result<Vec<u8>>> {
    let (index, path, _) = file.found.as_ref()?;
    let read = || -> Result<Vec<u8>> {
        let system = image.partitions()[*index].filesystem()?;
        let system = system.ok_or_else(|| Error::new("its filesystem is gone"))?;
        system.read(path, FILE_MAX)
    };
    Some(read().context(|| format!("reading /{path}")))
}
