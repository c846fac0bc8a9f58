//! Lints of the kernel: is it one, all of it, and was it built with what this boot needs?

use super::subject::{Early, Kernel};
use super::{Lint, Sight, Subject};
use crate::kernel::bzimage::BzImageError;
use crate::kernel::config::Answer;
use crate::kernel::requirements;
use crate::size::{MIB, Size};

const NEEDS_KERNEL: &str = "error: you need to load the kernel first.";

/// What bootwright's `/init` says of a filesystem that it cannot mount.
const GIVES_UP: &str = "failed step=mount-api errno=ENODEV";

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "grub-bad-kernel",
        "the kernel is a bzImage for x86-64",
        &["error: "],
        "use the bzImage: arch/x86/boot/bzImage, or vmlinuz of a distribution",
        |subject| {
            bad(subject, |error| {
                !matches!(error, BzImageError::Truncated { .. } | BzImageError::NoEfiStub)
            })
        },
    ),
    Lint::error(
        "kernel-truncated",
        "all of the kernel is there",
        &[],
        "copy the kernel again",
        |subject| bad(subject, |error| matches!(error, BzImageError::Truncated { .. })),
    ),
    Lint::error(
        "kernel-no-efi-stub",
        "the kernel can be started from UEFI",
        &["error: "],
        "set CONFIG_EFI_STUB=y",
        |subject| bad(subject, |error| matches!(error, BzImageError::NoEfiStub)),
    )
    .without_cause(),
    Lint::error(
        "kernel-payload-corrupt",
        "the kernel inside the bzImage can be decompressed",
        &[],
        "copy the kernel again",
        payload,
    ),
    Lint::error(
        "kernel-no-initrd-support",
        "a kernel that gets an initramfs can unpack one",
        &["Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block("],
        "set CONFIG_BLK_DEV_INITRD=y",
        |subject| match subject.initramfs.here() {
            Some(_) => unset(subject, "BLK_DEV_INITRD"),
            None => Vec::new(),
        },
    ),
    Lint::error(
        "kernel-no-devtmpfs",
        "the kernel makes the devices in /dev that early userspace waits for",
        &[],
        "set CONFIG_DEVTMPFS=y",
        |subject| match subject.early() {
            Some(Early::Bootwright) => {
                let says = |sight: Sight| sight.with(GIVES_UP).with("path=/dev");
                unset(subject, "DEVTMPFS").into_iter().map(says).collect()
            }
            Some(Early::InitramfsTools | Early::Dracut) => unset(subject, "DEVTMPFS"),
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "init-kernel-feature-missing",
        "the kernel has the filesystems that early userspace mounts",
        &[GIVES_UP],
        "set the option",
        |subject| match subject.early() {
            Some(Early::Bootwright) => {
                MOUNTED.iter().flat_map(|option| unset(subject, option)).collect()
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "kernel-no-serial-console",
        "a kernel whose console is a serial port can write to it",
        &[],
        "set CONFIG_SERIAL_8250=y and CONFIG_SERIAL_8250_CONSOLE=y",
        serial,
    ),
    Lint::error(
        "guest-ram-too-small",
        "the machine has memory for the kernel to unpack itself",
        &[],
        "give the machine at least 128 MiB",
        too_little_memory,
    ),
    Lint::error(
        "kernel-lacks-option",
        "the kernel has what every bootwright image needs (kernel-configs/uefi-vm.config)",
        &[],
        "set the option",
        requirements,
    )
    .without_cause()
    .warning(),
];

fn bad(subject: &Subject, is: impl Fn(&BzImageError) -> bool) -> Vec<Sight> {
    let Some(kernel) = &subject.kernel else { return Vec::new() };
    let Err(error) = &kernel.image else { return Vec::new() };
    if !is(error) {
        return Vec::new();
    }
    let sight = Sight::new(&kernel.name, error.to_string());
    // GRUB says its own word first, which differs between its versions; a kernel that was cut short it
    // starts, and the machine resets or hangs without a word.
    let is_refused = !matches!(error, BzImageError::Truncated { .. });
    match is_refused && subject.loader.here().is_some_and(|loader| loader.grub.is_some()) {
        true => vec![sight.with("error: ").with(NEEDS_KERNEL)],
        false => vec![sight],
    }
}

/// Where a kernel is unpacked at the lowest (`CONFIG_PHYSICAL_START`).
const LOAD_ADDRESS: u64 = 16 * MIB;

/// Firmware's own need is another lint's.
pub(super) fn too_little_memory(subject: &Subject) -> Vec<Sight> {
    let (Some(memory), false) = (subject.memory, subject.esp.here().is_some()) else {
        return Vec::new();
    };
    let Some(Kernel { name, image: Ok(image), .. }) = &subject.kernel else { return Vec::new() };
    let needs = LOAD_ADDRESS + u64::from(image.init_size);
    match memory < needs {
        true => {
            let saw = format!(
                "it needs {} while it starts, and the machine has {} of memory",
                Size(needs),
                Size(memory)
            );
            vec![Sight::new(name, saw)]
        }
        false => Vec::new(),
    }
}

fn payload(subject: &Subject) -> Vec<Sight> {
    let Some(Kernel { name, payload: Some(why), .. }) = &subject.kernel else { return Vec::new() };
    vec![Sight::new(name, format!("what is compressed in it cannot be unpacked: {why}"))]
}

/// What bootwright's `/init` mounts beside devtmpfs, without which it gives up.
const MOUNTED: [&str; 3] = ["PROC_FS", "SYSFS", "TMPFS"];

fn unset(subject: &Subject, option: &str) -> Vec<Sight> {
    match subject.option(option) {
        Some(Answer::Yes) | None => Vec::new(),
        Some(_) => vec![Sight::new("kernel configuration", format!("CONFIG_{option} is not =y"))],
    }
}

fn serial(subject: &Subject) -> Vec<Sight> {
    let console = subject.argument("console").unwrap_or_default();
    match console.starts_with("ttyS") {
        true => unset(subject, "SERIAL_8250_CONSOLE"),
        false => Vec::new(),
    }
}

/// The options that other lints have a say about.
const ELSEWHERE: [&str; 11] = [
    "CONFIG_BLK_DEV_INITRD",
    "CONFIG_RD_GZIP",
    "CONFIG_BINFMT_ELF",
    "CONFIG_DEVTMPFS",
    "CONFIG_PROC_FS",
    "CONFIG_SYSFS",
    "CONFIG_TMPFS",
    "CONFIG_SERIAL_8250_CONSOLE",
    "CONFIG_EXT4_FS",
    "CONFIG_VIRTIO_BLK",
    "CONFIG_EFI_STUB",
];

fn requirements(subject: &Subject) -> Vec<Sight> {
    let config = subject.kernel.as_ref().and_then(|kernel| kernel.config.as_ref());
    let (Some(config), Some(Early::Bootwright)) = (config, subject.early()) else {
        return Vec::new();
    };
    let unmet = requirements::unmet(config).into_iter();
    let unmet = unmet.filter(|requirement| !ELSEWHERE.contains(&requirement.option));
    let say = |r: requirements::Requirement| {
        Sight::new("kernel configuration", format!("it lacks {}: {}", r.option, r.reason))
    };
    unmet.map(say).collect()
}
