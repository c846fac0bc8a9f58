//! `blscfg`, which shows entries of UAPI.1 in GRUB's menu: has this GRUB the command, and is there what the entry
//! names that starts by itself?
//!
//! It is Fedora's, in a module of that name; since 2.14 GRUB itself has it in `blsuki`.

use super::entries::{absent, is_here, place};
use super::{Sight, Subject, grub, module_files};
use crate::fs::FileSystem;
use crate::grub::embedded::Embedded;
use crate::image::{Boot, BootEntry, ConfigFile, Image, Located};
use crate::lint::files::Files;
use crate::lint::gather;
use crate::lint::subject::{Given, Loader};
use crate::volume::Window;

const MODULES: [&str; 2] = ["blscfg", "blsuki"];

/// The entry's kernel, or files of its initramfs, where they are missing.
pub(super) fn lacks(subject: &Subject, wants_kernel: bool) -> Vec<Sight> {
    let missing = |boot: &Boot, entry: &BootEntry| {
        let place = place(boot, entry)?.to_owned();
        let kernel = entry.kernel.iter().filter(|_| wants_kernel);
        let initramfs = entry.initramfs.iter().filter(|_| !wants_kernel);
        let missing = kernel.chain(initramfs).filter(|file| !is_here(boot, entry, file));
        let line = |file: &Located| format!("error: file `{}' not found.", file.named);
        Some(missing.map(|file| Sight::new(&place, absent(file)).with(line(file))).collect())
    };
    shown(subject, missing).unwrap_or_default()
}

/// The command, where GRUB has no module of it.
pub(super) fn is_missing(subject: &Subject) -> Vec<Sight> {
    let missing = |boot: &Boot, entry: &BootEntry| {
        place(boot, entry)?;
        let (loader, grub) = grub(subject)?;
        let image = subject.image.as_ref()?;
        let config = boot.configs.iter().find(|config| uses(config))?;
        let is_here =
            has_any(subject, loader, grub) || is_beside(image, config, subject.arch().grub_target);
        let saw = format!("it is `blscfg`, and {} has no module {}", loader.path, MODULES[0]);
        let sight = Sight::new(&config.path, saw).with("error: can't find command `blscfg'.");
        Some((!is_here).then_some(sight).into_iter().collect())
    };
    shown(subject, missing).unwrap_or_default()
}

/// What is told of the entry that starts by itself, on a disk whose GRUB shows such entries.
fn shown(
    subject: &Subject,
    tell: impl Fn(&Boot, &BootEntry) -> Option<Vec<Sight>>,
) -> Option<Vec<Sight>> {
    grub(subject)?;
    let image = subject.image.as_ref()?;
    let boot = image.boot().ok().filter(Boot::has_blscfg)?;
    tell(&boot, gather::chosen(image, &boot, subject)?)
}

fn uses(config: &ConfigFile) -> bool {
    config.script.as_ref().is_some_and(|script| script.named("blscfg").next().is_some())
}

fn has_any(subject: &Subject, loader: &Loader, grub: &Embedded) -> bool {
    let memdisk = memdisk(loader);
    let is_packed = |module: &str| {
        let path = format!("boot/grub/{}/{module}.mod", subject.arch().grub_target);
        match &memdisk {
            Given::Here(files) => files.has(path.as_bytes()),
            Given::Unknown => true,
            Given::Absent => false,
        }
    };
    MODULES.iter().any(|module| {
        grub.has(module) || is_packed(module) || !module_files(subject, grub, module).is_empty()
    })
}

/// The filesystem that GRUB brings; unknown where it is one that is not read here.
fn memdisk(loader: &Loader) -> Given<Files> {
    let Ok(program) = &loader.program else { return Given::Unknown };
    let Some((at, len)) = Embedded::memdisk(&loader.bytes, &program.sections) else {
        return Given::Absent;
    };
    match FileSystem::open(&Window::from(loader.bytes.clone()).part(at, len)) {
        Ok(Some(system)) => Given::Here(Files::Disk(system)),
        _ => Given::Unknown,
    }
}

/// Whether the module lies below the folder of the configuration, to which that moves GRUB's prefix.
fn is_beside(image: &Image, config: &ConfigFile, target: &str) -> bool {
    let folder = config.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let system = image.partitions()[config.partition].filesystem();
    let files = system.ok().flatten().map(Files::Disk);
    let has = |module: &&str| {
        let path = format!("{folder}/{target}/{module}.mod");
        files.as_ref().is_some_and(|files| files.has(path.as_bytes()))
    };
    MODULES.iter().any(has)
}
