//! Lints of the boot loader: does GRUB find its configuration and all that it names, and has it the
//! commands that it is to run?

mod blscfg;
pub(super) mod entries;
mod place;
mod prefix;
mod reset;
mod search;

use self::place::{Place, device, exists, partition, places};
use super::files::Files;
use super::subject::{Config, Given, Kernel, Loader};
use super::{Lint, Sight, Subject};
use crate::grub::commands::module_of;
use crate::grub::embedded::Embedded;
use crate::grub::script::Command;
use crate::image::{Image, Partition};
use crate::size::{MIB, Size};

/// The commands that load a kernel, and those that load an initramfs.
const KERNEL: &[&str] = &["linux", "linuxefi", "linux16"];
const INITRAMFS: &[&str] = &["initrd", "initrdefi", "initrd16"];

const NEEDS_KERNEL: &str = "error: you need to load the kernel first.";

/// What the firmware and the kernel keep of the memory that a loader could take.
const RESERVED_MEMORY: u64 = 64 * MIB;

/// GRUB's own quarter of the memory divides the rest: with 2.06 a kernel that starts in 52 MiB finds no room even in
/// 192, and some in 256. What is surely too little is told, not more.
const PIECES: u64 = 2;

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "grub-no-such-partition",
        "the partition in GRUB's prefix is on the disk, and GRUB knows its table",
        &[],
        "build the core image again with a prefix that is there and part_gpt",
        prefix::partition_is_there,
    ),
    Lint::error(
        "grub-unknown-filesystem",
        "GRUB has the driver of the filesystem that its prefix is on",
        &[],
        "embed the module of the filesystem (`fat` for an ESP) with grub-mkimage",
        prefix::filesystem_is_readable,
    ),
    Lint::error(
        "grub-rescue-no-normal",
        "GRUB has its normal mode embedded, or in a file below its prefix",
        &["normal.mod", "grub rescue>"],
        "embed `normal`, or install x86_64-efi/normal.mod below the prefix",
        |subject| match grub(subject) {
            Some((loader, grub)) if !has_module(subject, grub, "normal") => {
                vec![Sight::new(&loader.path, "it has no module normal")]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "grub-no-config",
        "grub.cfg is where GRUB's prefix says",
        &["grub>"],
        "put grub.cfg there, or build the core image with the prefix of where it is",
        |subject| match grub(subject) {
            Some((loader, grub)) if loader.config.is_absent() => {
                let prefix = grub.prefix.as_deref().unwrap_or_default();
                vec![Sight::new(&loader.path, format!("there is no {prefix}/grub.cfg"))]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "grub-syntax-error",
        "grub.cfg can be read to its end",
        &["error: "],
        "correct the line; `grub-script-check grub.cfg` checks it",
        |subject| {
            let Some((_, _, config)) = parts(subject) else { return Vec::new() };
            let complaints = config.script.complaints.iter().take(3);
            let say =
                |line: &usize, why: String| Sight::new(&config.path, format!("line {line}: {why}"));
            complaints.map(|(line, complaint)| say(line, complaint.to_string())).collect()
        },
    ),
    Lint::error(
        "grub-command-missing",
        "GRUB has every command that its configuration uses to start the kernel",
        &[],
        "embed the module with grub-mkimage, or install it below the prefix",
        |subject| [commands(subject), blscfg::is_missing(subject)].concat(),
    ),
    Lint::error(
        "grub-uuid-not-found",
        "the filesystem that `search` looks for is on the disk",
        &["error: no such device: "],
        "correct the UUID or label in grub.cfg: `blkid` prints it; `grub-install` writes the one inside of GRUB",
        |subject| {
            [search::filesystem_is_there(subject), search::embedded_is_there(subject)].concat()
        },
    ),
    Lint::error(
        "grub-disk-not-found",
        "the disk and partition to which `root` is set are there",
        &["error: "],
        "use `search` to find the partition",
        search::disk_is_there,
    ),
    Lint::error(
        "grub-kernel-not-found",
        "the kernel that grub.cfg names is there",
        &[],
        "correct the path: it is relative to $root, the partition that GRUB was started from",
        |subject| [missing_files(subject, KERNEL), blscfg::lacks(subject, true)].concat(),
    ),
    Lint::error(
        "grub-initrd-not-found",
        "the initramfs that grub.cfg names is there",
        &[],
        "correct the path, or put the file there",
        |subject| [missing_files(subject, INITRAMFS), blscfg::lacks(subject, false)].concat(),
    ),
    Lint::error(
        "grub-kernel-not-loaded",
        "`linux` comes before `initrd`",
        &[NEEDS_KERNEL],
        "put the line `linux` before `initrd`",
        order,
    ),
    Lint::error(
        "loader-resets",
        "GRUB's `fwsetup` knows what its configuration asks it",
        &["Welcome to GRUB!"],
        "remove the part that asks `fwsetup --is-supported`, or install the GRUB that wrote it",
        reset::resets,
    ),
    Lint::error(
        "grub-menu-waiting",
        "GRUB's menu starts an entry by itself",
        &["GNU GRUB"],
        "set timeout=0 in grub.cfg",
        waits,
    )
    .warning(),
    Lint::error(
        "grub-out-of-memory",
        "GRUB has memory for kernel and initramfs",
        &["error: out of memory."],
        "give the machine more memory, or make the initramfs smaller",
        memory,
    ),
    Lint::error(
        "bootloader-kernel-not-found",
        "kernel and initramfs of systemd-boot's entries are on the partition that the entries are on",
        &[],
        "put the files there, or correct the path: it begins at the top of that partition",
        entries::lead_nowhere,
    ),
    Lint::error(
        "efistub-no-cmdline",
        "a kernel that firmware starts directly brings its command line",
        &[],
        "make a unified kernel image with .cmdline and .initrd, or use a boot loader",
        bare_kernel,
    ),
    Lint::error(
        "shim-loader-missing",
        "the loader that shim starts lies beside it",
        &["Failed to open \\EFI\\BOOT\\grubx64.efi - Not Found"],
        "copy grubx64.efi to where shim is",
        shim,
    ),
];

/// GRUB, where the firmware or shim starts it.
fn grub(subject: &Subject) -> Option<(&Loader, &Embedded)> {
    let loader = subject.started()?;
    Some((loader, loader.grub.as_ref()?))
}

/// GRUB and its configuration.
fn parts(subject: &Subject) -> Option<(&Loader, &Embedded, &Config)> {
    let (loader, grub) = grub(subject)?;
    Some((loader, grub, loader.config.here()?))
}

/// Whether a module is embedded, or a file below the prefix that GRUB loads by itself.
fn has_module(subject: &Subject, grub: &Embedded, module: &str) -> bool {
    grub.has(module) || grub.memdisk || !module_files(subject, grub, module).is_empty()
}

/// The files of a module below the prefix, on whichever partition that may be.
fn module_files(subject: &Subject, grub: &Embedded, module: &str) -> Vec<Vec<u8>> {
    let prefix = grub.prefix.as_deref().unwrap_or_default();
    let folder = prefix.split_once(')').map_or(prefix, |(_, folder)| folder);
    let file = format!("{folder}/{}/{module}.mod", subject.arch().grub_target);
    let read = |partition: &Partition| {
        let files = partition.filesystem().ok().flatten().map(Files::Disk);
        files.and_then(|files| files.read(file.as_bytes()))
    };
    subject.image.iter().flat_map(Image::partitions).filter_map(read).collect()
}

/// The commands of the entry that starts by itself, and those outside of entries.
fn run(config: &Config) -> impl Iterator<Item = &Command> {
    config.script.commands.iter().filter(|c| c.entry.is_none_or(|entry| entry == config.default))
}

fn commands(subject: &Subject) -> Vec<Sight> {
    let Some((loader, grub, config)) = parts(subject) else { return Vec::new() };
    let mut said: Vec<&str> = Vec::new();
    let mut sights = Vec::new();
    // A prefix that the configuration moves has modules that are not looked for here.
    let moves = config
        .script
        .named("set")
        .any(|c| c.plain().get(1).is_some_and(|w| w.starts_with("prefix=")));
    // What is tested may be missing on purpose; an `insmod` that fails is an error that GRUB passes over.
    let boots = [
        "linux",
        "linux16",
        "linuxefi",
        "initrd",
        "initrd16",
        "initrdefi",
        "chainloader",
        "boot",
        "configfile",
        "search",
    ];
    for command in run(config) {
        let name = command.name();
        let Some(module) = module_of(name).filter(|_| boots.contains(&name)) else { continue };
        if said.contains(&name) || moves || has_module(subject, grub, module) {
            continue;
        }
        said.push(name);
        let saw = format!(
            "line {} is `{name}`, and {} has no module {module}",
            command.line, loader.path
        );
        let line = format!("error: can't find command `{name}'.");
        sights.push(Sight::new(&config.path, saw).with(line));
    }
    sights
}

fn missing_files(subject: &Subject, names: &[&str]) -> Vec<Sight> {
    let (Some((_, _, config)), Some(image)) = (parts(subject), &subject.image) else {
        return Vec::new();
    };
    let is_kernel = names.contains(&"linux");
    let entry = config.script.entries().into_iter().nth(config.default);
    let mut sights = Vec::new();
    for (command, place) in places(subject, config) {
        if !names.contains(&command.name()) || command.entry != Some(config.default) {
            continue;
        }
        let files = match (&entry, is_kernel) {
            (Some(entry), true) => entry.kernel.iter().cloned().collect(),
            (Some(entry), false) => entry.initramfs.clone(),
            (None, _) => Vec::new(),
        };
        for file in files.iter().filter(|file| !file.contains('$')) {
            let place = match device(file).filter(|_| file.starts_with('(')) {
                Some((0, Some(number))) => {
                    partition(image, number).map_or(Place::Unknown, Place::Partition)
                }
                Some(_) => Place::Unknown,
                None => place,
            };
            let path = file.split_once(')').map_or(file.as_str(), |(_, path)| path);
            let Place::Partition(index) = place else { continue };
            let partition = &image.partitions()[index];
            // A filesystem that is not read here cannot be said to lack it.
            if !matches!(partition.filesystem(), Ok(Some(_))) || exists(partition, path) {
                continue;
            }
            let saw = format!(
                "line {} names {file}, which is not on {}",
                command.line,
                partition.title()
            );
            let sight =
                Sight::new(&config.path, saw).with(format!("error: file `{path}' not found."));
            sights.push(if is_kernel { sight.with(NEEDS_KERNEL) } else { sight });
        }
    }
    sights
}

fn order(subject: &Subject) -> Vec<Sight> {
    let Some((_, _, config)) = parts(subject) else { return Vec::new() };
    let entry: Vec<_> = run(config).filter(|c| c.entry == Some(config.default)).collect();
    let line = |name: &str| entry.iter().find(|c| c.name().starts_with(name)).map(|c| c.line);
    match (line("initrd"), line("linux")) {
        (Some(initrd), Some(linux)) if initrd < linux => {
            vec![Sight::new(
                &config.path,
                format!("line {initrd} is `initrd`, line {linux} `linux`"),
            )]
        }
        _ => Vec::new(),
    }
}

fn waits(subject: &Subject) -> Vec<Sight> {
    let Some((_, _, config)) = parts(subject) else { return Vec::new() };
    let moves_on = config.script.commands.iter().any(|c| {
        ["configfile", "source", ".", "normal", "exit", "boot"].contains(&c.name())
            && c.entry.is_none()
    });
    let values = config.script.named("set");
    let values = values.filter_map(|c| c.plain().get(1)?.strip_prefix("timeout="));
    let saw = match values.last() {
        Some("-1") => "timeout=-1: the menu waits for a key",
        None if !moves_on && !config.script.entries().is_empty() => {
            "there is no timeout: the menu waits for a key"
        }
        _ => return Vec::new(),
    };
    vec![Sight::new(&config.path, saw)]
}

fn memory(subject: &Subject) -> Vec<Sight> {
    let (Some(_), Some(memory)) = (grub(subject), subject.memory) else { return Vec::new() };
    let machine = format!("the machine has {} of memory", Size(memory));
    let room = memory.saturating_sub(RESERVED_MEMORY);
    let image = |kernel: &Kernel| kernel.image.as_ref().map_or(0, |image| image.init_size.into());
    if let Some(kernel) = &subject.kernel
        && kernel.len + PIECES * image(kernel) > room
    {
        let saw = format!("it starts in {} in one piece, and {machine}", Size(image(kernel)));
        return vec![Sight::new(&kernel.name, saw)];
    }
    let Given::Here(initramfs) = &subject.initramfs else { return Vec::new() };
    let kernel = subject.kernel.as_ref().map_or(0, |kernel| kernel.len);
    match initramfs.len + kernel > room {
        true => {
            let saw = format!("it has {}, and {machine}", Size(initramfs.len));
            vec![Sight::new(&initramfs.name, saw)]
        }
        false => Vec::new(),
    }
}

fn bare_kernel(subject: &Subject) -> Vec<Sight> {
    let Some(loader) = subject.loader.here() else { return Vec::new() };
    let is_kernel = loader.bytes.get(0x202..0x206) == Some(b"HdrS");
    match is_kernel
        && subject.option("CMDLINE_BOOL").is_none_or(|a| *a == crate::kernel::config::Answer::No)
    {
        true => {
            let saw = "it is a bare kernel: firmware starts it without command line and initramfs";
            vec![Sight::new(&loader.path, saw)]
        }
        false => Vec::new(),
    }
}

fn shim(subject: &Subject) -> Vec<Sight> {
    match subject.loader.here() {
        Some(Loader { path, next: Given::Absent, .. }) => {
            vec![Sight::new(path, "it is shim, and grubx64.efi is not beside it")]
        }
        _ => Vec::new(),
    }
}
