//! Lints of what firmware meets: the disk's partition table, the EFI System Partition, and the
//! program on it.

use super::files::Files;
use super::subject::{Esp, Given, Kernel, Loader};
use super::{Lint, Sight, Subject};
use crate::disk::{gpt, mbr};
use crate::efi::pe::PeError;
use crate::image::{Image, Partition, Table};
use crate::size::{MIB, Size};

/// Less memory than OVMF starts a loader in: below 32 MiB it says nothing, then it crashes, then it finds none.
const FIRMWARE_MEMORY: u64 = 48 * MIB;

/// Less than it starts a kernel in. GRUB says itself that this is too little for what it loads.
const KERNEL_MEMORY: u64 = 96 * MIB;

/// What OVMF says when a disk has nothing to start.
const NOTHING: &[&str] = &["BdsDxe: failed to load Boot", "Not Found"];

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "gpt-corrupt",
        "one of the disk's two partition tables is good",
        &[],
        "restore the table: `sgdisk --load-backup`, or write the image again",
        |subject| match table(subject) {
            Some(Table::DamagedGpt(error)) if !is_cut(error) => {
                let sight = Sight::new("partition table", error.to_string());
                vec![sight.with_all(no_partition(subject))]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "disk-image-truncated",
        "the disk is as long as its partition table says",
        &[],
        "copy the whole image",
        cut_off,
    ),
    Lint::error(
        "gpt-primary-corrupt",
        "the first of the disk's two partition tables is good: the kernel does not use the other",
        &[],
        "restore it from the second: `sgdisk -e IMAGE`, or boot with the kernel argument gpt",
        |subject| match started_by_firmware(subject) {
            true => Vec::new(),
            false => primary(subject),
        },
    ),
    Lint::error(
        "gpt-primary-damaged",
        "firmware has no partition table to repair: OVMF does, on a disk that it may write",
        &[],
        "restore it from the second: `sgdisk -e IMAGE`",
        |subject| match started_by_firmware(subject) {
            true => primary(subject),
            false => Vec::new(),
        },
    )
    .caused_by("gpt-primary-corrupt")
    .warning(),
    Lint::error(
        "gpt-no-protective-mbr",
        "a protective MBR tells that there is a GPT: without it the kernel does not look for one",
        &[],
        "write a protective MBR: `sgdisk -e IMAGE`",
        no_mbr,
    ),
    Lint::error(
        "gpt-overlap",
        "no two partitions share blocks",
        &[],
        "write the partition table again",
        overlap,
    )
    .without_cause(),
    Lint::error(
        "uefi-disk-is-bios-only",
        "the disk has an EFI System Partition",
        NOTHING,
        "make an EFI System Partition with \\EFI\\BOOT\\BOOTX64.EFI",
        no_esp,
    ),
    Lint::error(
        "uefi-esp-not-fat",
        "the EFI System Partition is FAT",
        NOTHING,
        "make a FAT filesystem on it: `mkfs.vfat`",
        |subject| match subject.esp.here() {
            Some(Esp { files: Err(why), .. }) => vec![Sight::new(esp(), why)],
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "uefi-no-fallback-loader",
        "the loader is where firmware looks on any machine: \\EFI\\BOOT\\BOOTX64.EFI",
        NOTHING,
        "copy the loader to \\EFI\\BOOT\\BOOTX64.EFI",
        |subject| no_loader(subject, false),
    ),
    Lint::error(
        "uefi-loader-in-vendor-dir",
        "a loader in a vendor's folder is on the removable-media path too",
        NOTHING,
        "copy it to \\EFI\\BOOT\\BOOTX64.EFI: a new machine has no boot entry for the vendor's folder",
        |subject| no_loader(subject, true),
    ),
    Lint::error(
        "uefi-loader-empty",
        "the loader is not empty",
        NOTHING,
        "copy the loader again",
        |subject| program(subject, |error| matches!(error, PeError::Empty)),
    ),
    Lint::error(
        "uefi-loader-not-pe",
        "the loader is an EFI program",
        NOTHING,
        "use an EFI program: the output of grub-mkimage -O x86_64-efi, a shim, a unified kernel image",
        |subject| program(subject, |error| matches!(error, PeError::NotPe | PeError::NotPe32Plus)),
    ),
    Lint::error(
        "uefi-loader-truncated",
        "all of the loader is there",
        &["BdsDxe: failed to load Boot"],
        "copy the loader again",
        |subject| program(subject, |error| matches!(error, PeError::Truncated { .. })),
    ),
    Lint::error(
        "uefi-loader-wrong-arch",
        "the loader is for this machine",
        &["BdsDxe: failed to load Boot"],
        "use the loader for x86-64",
        |subject| program(subject, |error| matches!(error, PeError::Machine { .. })),
    ),
    Lint::error(
        "uefi-loader-damaged",
        "the loader's headers fit together",
        &[],
        "build or copy the loader again",
        |subject| {
            let others = |error: &PeError| {
                !matches!(
                    error,
                    PeError::Empty
                        | PeError::NotPe
                        | PeError::NotPe32Plus
                        | PeError::Truncated { .. }
                        | PeError::Machine { .. }
                )
            };
            program(subject, others)
        },
    )
    .without_cause()
    .warning(),
    Lint::error(
        "secure-boot-denied",
        "where Secure Boot is on, the loader is signed",
        &["Access Denied"],
        "sign the loader, start it through a signed shim, or switch Secure Boot off",
        |subject| match subject.loader.here() {
            Some(loader) => unsigned(subject, loader),
            None => Vec::new(),
        },
    ),
    Lint::error(
        "shim-verification-failed",
        "where Secure Boot is on, the loader that shim starts is signed",
        &["Verification failed"],
        "use the signed GRUB of the distribution that shim is from, or switch Secure Boot off",
        |subject| match subject.loader.here().and_then(|loader| loader.next.here()) {
            Some(next) => unsigned(subject, next),
            None => Vec::new(),
        },
    ),
    Lint::error(
        "grub-bad-shim-signature",
        "where Secure Boot is on, the kernel that GRUB starts through shim is signed",
        &["error: bad shim signature.", "error: you need to load the kernel first."],
        "use the signed kernel as it was, or switch Secure Boot off",
        unsigned_kernel,
    ),
    Lint::error(
        "uefi-ram-too-small",
        "the machine has memory for its firmware",
        &[],
        "give the machine at least 256 MiB",
        too_little_memory,
    ),
];

fn too_little_memory(subject: &Subject) -> Vec<Sight> {
    let is_grub = subject.started().is_some_and(|loader| loader.grub.is_some());
    let needs = if is_grub { FIRMWARE_MEMORY } else { KERNEL_MEMORY };
    match (subject.memory, &subject.esp) {
        (Some(memory), Given::Here(_)) if memory < needs => {
            vec![Sight::new("machine", format!("it has {} of memory", Size(memory)))]
        }
        _ => Vec::new(),
    }
}

fn unsigned(subject: &Subject, loader: &Loader) -> Vec<Sight> {
    match &loader.program {
        Ok(program) if subject.secure_boot && !program.signed => {
            vec![Sight::new(&loader.path, "it is not signed, and Secure Boot is on")]
        }
        _ => Vec::new(),
    }
}

fn unsigned_kernel(subject: &Subject) -> Vec<Sight> {
    let by_shim = subject.loader.here().and_then(|loader| loader.next.here());
    let Some(Kernel { name, image: Ok(image), .. }) = &subject.kernel else { return Vec::new() };
    match subject.secure_boot && by_shim.is_some_and(|l| l.grub.is_some()) && !image.signed {
        true => vec![Sight::new(name, "it is not signed, and Secure Boot is on")],
        false => Vec::new(),
    }
}

fn esp() -> String {
    "EFI System Partition".into()
}

fn table(subject: &Subject) -> Option<&Table> {
    subject.image.as_ref().map(Image::table)
}

/// Whether a table is not good only because the disk ends before its partitions.
fn is_cut(error: &gpt::ReadError) -> bool {
    match error {
        gpt::ReadError::Range { .. } => true,
        gpt::ReadError::Both { primary, .. } => is_cut(primary),
        _ => false,
    }
}

fn cut_off(subject: &Subject) -> Vec<Sight> {
    let Some(image) = &subject.image else { return Vec::new() };
    if let Table::DamagedGpt(error) = image.table()
        && is_cut(error)
    {
        let saw = format!(
            "the disk has {}, and its table says more: {error}",
            Size(image.window().len())
        );
        return vec![Sight::new("partition table", saw)];
    }
    if let Table::Gpt(table) = image.table()
        && table.last_usable >= image.window().len() / table.sector
    {
        let (has, says) =
            (Size(image.window().len()), Size((table.last_usable + 1) * table.sector));
        let saw =
            format!("the disk has {has}, and its table speaks of {says}: the kernel refuses it");
        return vec![Sight::new("partition table", saw)];
    }
    let cut = image.partitions().iter().filter(|partition| partition.is_cut_off());
    let say = |partition: &Partition| {
        let (has, len) = (Size(partition.window.len()), Size(partition.len));
        Sight::new(partition.title(), format!("{has} of its {len} are there"))
    };
    cut.map(say).collect()
}

/// Whether the kernel itself or what uses its partitions needs the table.
fn matters_to_kernel(subject: &Subject) -> bool {
    subject.cmdline.is_some() && subject.argument("gpt").is_none()
}

/// Whether a loader on the disk is started, not a kernel beside it.
fn started_by_firmware(subject: &Subject) -> bool {
    subject.esp.here().is_some()
}

fn firmware_finds_nothing() -> Vec<String> {
    NOTHING.iter().map(|&line| line.to_owned()).collect()
}

/// What the console shows of a disk without partitions: the firmware has no loader to start, and a
/// kernel beside the disk no root.
fn no_partition(subject: &Subject) -> Vec<String> {
    match &subject.kernel {
        Some(_) => super::early_words::not_found(subject),
        None => firmware_finds_nothing(),
    }
}

fn primary(subject: &Subject) -> Vec<Sight> {
    match table(subject) {
        Some(Table::Gpt(gpt::Table { source: gpt::Source::Backup { primary }, .. }))
            if matters_to_kernel(subject) =>
        {
            let sight = Sight::new("partition table", primary);
            match started_by_firmware(subject) {
                true => vec![sight],
                false => vec![sight.with_all(super::early_words::not_found(subject))],
            }
        }
        _ => Vec::new(),
    }
}

fn no_mbr(subject: &Subject) -> Vec<Sight> {
    let Some(image) = &subject.image else { return Vec::new() };
    let first = image.window().bytes(0, mbr::MBR_SIZE).unwrap_or_default();
    match image.table() {
        Table::Gpt(_) if !mbr::is_protective(&first) && matters_to_kernel(subject) => {
            let console = match started_by_firmware(subject) {
                true => firmware_finds_nothing(),
                false => super::early_words::not_found(subject),
            };
            vec![Sight::new("block 0", "it has no protective MBR").with_all(console)]
        }
        _ => Vec::new(),
    }
}

fn overlap(subject: &Subject) -> Vec<Sight> {
    let Some(image) = &subject.image else { return Vec::new() };
    let mut sorted: Vec<&Partition> = image.partitions().iter().collect();
    sorted.sort_by_key(|partition| partition.offset());
    let overlaps = |pair: &&[&Partition]| pair[0].offset() + pair[0].len > pair[1].offset();
    let say = |pair: &[&Partition]| {
        let saw = format!("{} and {} overlap", pair[0].title(), pair[1].title());
        Sight::new("partition table", saw)
    };
    // A hybrid ISO's partitions lie inside each other on purpose.
    match image.table() {
        Table::Gpt(_) => sorted.windows(2).filter(overlaps).map(say).collect(),
        _ => Vec::new(),
    }
}

fn no_esp(subject: &Subject) -> Vec<Sight> {
    let Some(image) = &subject.image else { return Vec::new() };
    // OVMF starts from any FAT partition, whatever its type.
    let is_fat = |partition: &Partition| partition.fstype() == Some("vfat");
    let saw = match image.table() {
        Table::DamagedGpt(_) => return Vec::new(),
        _ if !subject.esp.is_absent() || image.partitions().iter().any(is_fat) => {
            return Vec::new();
        }
        Table::Gpt(_) => "the GPT has no EFI System Partition",
        Table::Mbr(_) => "the MBR has no EFI System Partition: it is for BIOS",
        Table::None => "the disk has no partition table",
    };
    vec![Sight::new("disk", saw)]
}

/// Programs in other folders below `EFI`, and in folders of those, as Windows has its own.
fn vendors(files: &Files) -> Vec<String> {
    let is_other = |name: &Vec<u8>| !name.eq_ignore_ascii_case(b"BOOT");
    let below = |folder: Vec<u8>| {
        let names = files.names(&folder).into_iter();
        names.map(move |name| [&folder[..], b"/", &name].concat()).collect::<Vec<_>>()
    };
    let folders = files.names(b"EFI").into_iter().filter(is_other);
    let entries = folders.flat_map(|name| below([b"EFI/", &name[..]].concat()));
    let inner = entries.flat_map(|entry| [vec![entry.clone()], below(entry)].concat());
    let programs = inner.filter(|path| path.to_ascii_lowercase().ends_with(b".efi"));
    programs.map(|path| format!("/{}", String::from_utf8_lossy(&path))).collect()
}

fn no_loader(subject: &Subject, with_vendor: bool) -> Vec<Sight> {
    let (Some(Esp { files: Ok(files), .. }), true) =
        (subject.esp.here(), subject.loader.is_absent())
    else {
        return Vec::new();
    };
    let vendors = vendors(files);
    let path = format!("/EFI/BOOT/{}", subject.arch().efi_file);
    match (vendors.is_empty(), with_vendor) {
        (true, false) => vec![Sight::new(esp(), format!("it has no {path}"))],
        (false, true) => {
            vec![Sight::new(esp(), format!("it has no {path}, only {}", vendors.join(", ")))]
        }
        _ => Vec::new(),
    }
}

fn program(subject: &Subject, is: impl Fn(&PeError) -> bool) -> Vec<Sight> {
    match subject.loader.here() {
        Some(Loader { path, program: Err(error), .. }) if is(error) => {
            vec![Sight::new(path, error.to_string())]
        }
        _ => Vec::new(),
    }
}
