//! Lints of the kernel modules that an initramfs brings, and of the drivers that it must bring.

use super::files::Files;
use super::subject::{Early, Given, Initramfs, Module};
use super::unpack::named;
use super::{Lint, Sight, Subject};
use crate::elf::ElfError;
use crate::kernel::config::Answer;
use crate::kernel::modules::{ModuleError, for_filesystem, normalised};

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "initramfs-wrong-kernel-version",
        "the modules of the initramfs are those of this kernel",
        &[],
        "build the initramfs for this kernel: `update-initramfs -u -k VERSION`",
        wrong_folder,
    ),
    Lint::error(
        "module-version-mismatch",
        "every module was built for the kernel that loads it (vermagic)",
        &["disagrees about version of symbol module_layout"],
        "use the modules of this kernel",
        wrong_version,
    ),
    Lint::error(
        "modules-dir-missing",
        "where modprobe loads modules, it finds modules.dep",
        &["modules.dep"],
        "run `depmod -b TREE VERSION` before packing",
        no_modules_dep,
    ),
    Lint::error(
        "module-corrupt",
        "every module is whole",
        &["invalid module format"],
        "copy the module again",
        |subject| {
            damaged(subject, |module| {
                !module.compressed_as_plain
                    && matches!(
                        module.info,
                        Err(ModuleError::Elf(ElfError::Truncated { .. }))
                            | Err(ModuleError::Elf(ElfError::Damaged(_)))
                    )
            })
        },
    ),
    Lint::error(
        "module-compressed",
        "a module that is compressed says so by its name",
        &["Invalid ELF header magic"],
        "decompress the module, or keep its `.zst`, `.xz` or `.gz`",
        |subject| damaged(subject, |module| module.compressed_as_plain),
    ),
    Lint::error(
        "module-signature-rejected",
        "where the kernel wants signed modules, they are signed",
        &["Key was rejected by service"],
        "use the signed modules, do not strip them",
        unsigned,
    ),
    Lint::error(
        "module-unknown-symbol",
        "a module is loaded after those that it needs",
        &["Unknown symbol"],
        "load the modules in the order of modules.dep",
        order,
    ),
    Lint::error(
        "no-initramfs-driver-module",
        "a kernel without initramfs has the driver of its root disk built in",
        &[],
        "add an initramfs that brings the driver, or build the driver in",
        no_disk_driver,
    ),
    Lint::error(
        "disk-driver-missing",
        "the initramfs brings the driver of the root disk that the kernel has as a module",
        &[],
        "put the modules of the disk into the initramfs",
        initramfs_without_disk_driver,
    )
    .caused_by("init-waits-for-device"),
    Lint::error(
        "root-fs-driver-missing",
        "the driver of the root filesystem is built in, or the initramfs brings it",
        &[],
        "build the driver in, or put its module into the initramfs",
        no_fs_driver,
    ),
];

/// The kernel's release and the initramfs that goes with it.
fn pair(subject: &Subject) -> Option<(&str, &Initramfs)> {
    let initramfs = subject.initramfs.here().filter(|initramfs| initramfs.is_whole())?;
    Some((subject.kernel.as_ref()?.release()?, initramfs))
}

fn wrong_folder(subject: &Subject) -> Vec<Sight> {
    let Some((release, initramfs)) = pair(subject) else { return Vec::new() };
    let folders = releases(&initramfs.files);
    if folders.is_empty() || folders.iter().any(|folder| folder == release.as_bytes()) {
        return Vec::new();
    }
    let saw = format!("it has modules for {}, and the kernel is {release}", named(&folders));
    vec![Sight::new(&initramfs.name, saw)]
}

/// The folders of modules: those in `lib/modules` that hold any.
fn releases(files: &Files) -> Vec<Vec<u8>> {
    let names = files.names(b"lib/modules").into_iter();
    let folder = |name: &Vec<u8>| [b"lib/modules/", &name[..]].concat();
    names.filter(|name| !files.names(&folder(name)).is_empty()).collect()
}

fn wrong_version(subject: &Subject) -> Vec<Sight> {
    let Some((release, initramfs)) = pair(subject) else { return Vec::new() };
    let wrong = |module: &&Module| module.info.as_ref().is_ok_and(|info| info.release != release);
    let wrong: Vec<&Module> = initramfs.modules.iter().filter(wrong).collect();
    let Some(Module { path, info: Ok(info), .. }) = wrong.first() else { return Vec::new() };
    let saw = format!(
        "{} of its modules are for another kernel: /{path} is for {}, and the kernel is {release}",
        wrong.len(),
        info.release
    );
    vec![Sight::new(&initramfs.name, saw)]
}

fn no_modules_dep(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here().filter(|initramfs| initramfs.is_whole()) else {
        return Vec::new();
    };
    let uses_modprobe = match initramfs.early {
        Early::InitramfsTools | Early::Dracut => true,
        Early::Kernel | Early::Bootwright => false,
        Early::Other => {
            let init = initramfs.files.read(b"init").unwrap_or_default();
            init.starts_with(b"#!") && String::from_utf8_lossy(&init).contains("modprobe ")
        }
    };
    let lacks = |folder: &Vec<u8>| {
        let list = [b"lib/modules/", &folder[..], b"/modules.dep"].concat();
        !initramfs.files.has(&list) && !initramfs.files.has(&[&list[..], b".bin"].concat())
    };
    let folders: Vec<_> = releases(&initramfs.files).into_iter().filter(lacks).collect();
    match uses_modprobe && !folders.is_empty() && !initramfs.modules.is_empty() {
        true => {
            let saw = format!("its modules for {} have no modules.dep", named(&folders));
            vec![Sight::new(&initramfs.name, saw)]
        }
        false => Vec::new(),
    }
}

fn damaged(subject: &Subject, is: impl Fn(&Module) -> bool) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let found = initramfs.modules.iter().filter(|module| is(module));
    let say = |module: &Module| {
        let saw = match &module.info {
            _ if module.compressed_as_plain => format!("/{} is compressed", module.path),
            Err(error) => format!("/{}: {error}", module.path),
            Ok(_) => format!("/{} is not as it should be", module.path),
        };
        let sight = Sight::new(&initramfs.name, saw);
        match initramfs.early {
            Early::Bootwright => sight.with(format!("init: loading /{}: ENOEXEC", module.path)),
            _ => sight,
        }
    };
    found.take(1).map(say).collect()
}

fn unsigned(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let asked = subject.argument("module.sig_enforce").is_some_and(|v| v != "0" && v != "n");
    if !asked && subject.option("MODULE_SIG_FORCE") != Some(&Answer::Yes) {
        return Vec::new();
    }
    let found = initramfs.modules.iter().filter(|module| module.info.is_ok() && !module.signed);
    let say = |module: &Module| {
        Sight::new(
            &initramfs.name,
            format!("/{} has no signature, and the kernel wants one", module.path),
        )
    };
    found.take(1).map(say).collect()
}

/// The modules that are loaded by a list or a script, in order: their paths.
fn load_list(initramfs: &Initramfs) -> Vec<String> {
    let text = |path: &[u8]| initramfs.files.read(path).unwrap_or_default();
    let clean = |path: &str| path.trim_start_matches('/').to_owned();
    if initramfs.early == Early::Bootwright {
        let list = text(b"lib/modules/load-order");
        return String::from_utf8_lossy(&list).lines().map(clean).collect();
    }
    let init = text(b"init");
    if !init.starts_with(b"#!") {
        return Vec::new();
    }
    let init = String::from_utf8_lossy(&init).into_owned();
    let insmod = |line: &str| -> Option<String> {
        let path = line.trim().strip_prefix("insmod ")?.split_whitespace().next()?;
        (!path.contains('$')).then(|| clean(path))
    };
    init.lines().filter_map(insmod).collect()
}

fn order(subject: &Subject) -> Vec<Sight> {
    let Some(initramfs) = subject.initramfs.here() else { return Vec::new() };
    let builtin = subject.kernel.as_ref().and_then(|kernel| kernel.builtin.as_ref());
    let mut loaded: Vec<String> = Vec::new();
    for path in load_list(initramfs) {
        let Some(module) = initramfs.modules.iter().find(|module| module.path == path) else {
            continue;
        };
        let Ok(info) = &module.info else { continue };
        let here = |name: &String| initramfs.modules.iter().any(|m| m.name() == *name);
        let known = |name: &String| here(name) || builtin.is_some_and(|b| !b.contains(name));
        let lacks = info.depends.iter().find(|name| !loaded.contains(name) && known(name));
        if let Some(name) = lacks {
            let saw = format!("/{path} needs {name}, which is not loaded before it");
            return vec![Sight::new(&initramfs.name, saw)];
        }
        loaded.push(module.name());
    }
    Vec::new()
}

/// A driver of disks: the option, its module, and how its devices are called.
struct Driver {
    option: &'static str,
    module: &'static str,
    device: &'static str,
}

const DRIVERS: [Driver; 6] = [
    Driver { option: "VIRTIO_BLK", module: "virtio_blk", device: "/dev/vd" },
    Driver { option: "BLK_DEV_NVME", module: "nvme", device: "/dev/nvme" },
    Driver { option: "SATA_AHCI", module: "ahci", device: "/dev/sd" },
    Driver { option: "ATA_PIIX", module: "ata_piix", device: "/dev/sd" },
    Driver { option: "SCSI_VIRTIO", module: "virtio_scsi", device: "/dev/sd" },
    Driver { option: "XEN_BLKDEV_FRONTEND", module: "xen_blkfront", device: "/dev/xvd" },
];

/// The drivers that a root device may need; all of them where its name does not tell.
fn drivers(subject: &Subject) -> Option<Vec<&'static Driver>> {
    let root = subject.argument("root").filter(|root| !root.is_empty())?;
    let named: Vec<_> = DRIVERS.iter().filter(|d| root.starts_with(d.device)).collect();
    let is_path = root.starts_with("/dev/") && !root.starts_with("/dev/disk/");
    match named.is_empty() {
        false => Some(named),
        true if is_path => None,
        true => Some(DRIVERS.iter().collect()),
    }
}

fn no_disk_driver(subject: &Subject) -> Vec<Sight> {
    let (Given::Absent, Some(drivers)) = (&subject.initramfs, drivers(subject)) else {
        return Vec::new();
    };
    let answers: Vec<_> = drivers.iter().filter_map(|d| subject.option(d.option)).collect();
    if answers.is_empty() || answers.contains(&&Answer::Yes) {
        return Vec::new();
    }
    let names: Vec<_> = drivers.iter().map(|d| format!("CONFIG_{}", d.option)).collect();
    let saw = format!("none of {} is built in, and there is no initramfs", names.join(", "));
    let root = subject.argument("root").unwrap_or_default();
    vec![Sight::new("kernel configuration", saw).with_all(super::root_argument::unable(&root))]
}

fn initramfs_without_disk_driver(subject: &Subject) -> Vec<Sight> {
    let (Some((_, initramfs)), Some(drivers)) = (pair(subject), drivers(subject)) else {
        return Vec::new();
    };
    let has = |driver: &&Driver| {
        let builtin = subject.option(driver.option) == Some(&Answer::Yes);
        builtin || initramfs.modules.iter().any(|module| module.name() == driver.module)
    };
    let known = drivers.iter().all(|d| subject.option(d.option).is_some());
    let asked: Vec<_> =
        drivers.iter().filter(|d| subject.option(d.option) == Some(&Answer::Module)).collect();
    if !known || asked.is_empty() || drivers.iter().any(has) {
        return Vec::new();
    }
    let names: Vec<_> = asked.iter().map(|d| d.module).collect();
    let saw = format!("the kernel has {} as modules, and it brings none of them", names.join(", "));
    vec![Sight::new(&initramfs.name, saw).with_all(super::root_argument::not_found(subject))]
}

/// The option of a filesystem's driver.
fn option(fstype: &str) -> Option<&'static str> {
    Some(match fstype {
        "ext4" => "EXT4_FS",
        "xfs" => "XFS_FS",
        "btrfs" => "BTRFS_FS",
        "vfat" => "VFAT_FS",
        "squashfs" => "SQUASHFS",
        "erofs" => "EROFS_FS",
        "iso9660" => "ISO9660_FS",
        "f2fs" => "F2FS_FS",
        _ => return None,
    })
}

fn no_fs_driver(subject: &Subject) -> Vec<Sight> {
    let given = subject.argument("rootfstype").filter(|list| !list.is_empty());
    let found = subject.root.as_ref().and_then(|root| root.superblock.as_ref());
    let fstype = found.map(|content| content.fstype.to_owned());
    // A list tries one after the other.
    let fstype = fstype.or_else(|| given.filter(|list| !list.contains(',')));
    let Some((fstype, option)) = fstype.and_then(|f| option(&f).map(|option| (f, option))) else {
        return Vec::new();
    };
    let brings = |initramfs: &Initramfs| {
        let wants = for_filesystem(&fstype).and_then(|wants| wants.last());
        let name = wants.map_or(fstype.as_str(), |want| want.name);
        initramfs.modules.iter().any(|module| module.name() == normalised(name))
    };
    let saw = match (subject.option(option), &subject.initramfs) {
        (None | Some(Answer::Yes | Answer::Value(_)), _) | (_, Given::Unknown) => {
            return Vec::new();
        }
        (Some(Answer::Module), Given::Here(initramfs))
            if brings(initramfs) || !initramfs.is_whole() =>
        {
            return Vec::new();
        }
        (Some(Answer::No), _) => {
            format!("the root filesystem is {fstype}, and CONFIG_{option} is not set")
        }
        (Some(Answer::Module), Given::Absent) => {
            format!(
                "the root filesystem is {fstype}, CONFIG_{option} is a module, and there is no initramfs"
            )
        }
        (Some(Answer::Module), Given::Here(_)) => {
            format!(
                "the root filesystem is {fstype}, CONFIG_{option} is a module, and the initramfs lacks it"
            )
        }
    };
    vec![
        Sight::new("kernel configuration", saw)
            .with_all(super::root_argument::not_mounted(subject)),
    ]
}
