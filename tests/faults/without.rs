//! The causes of the catalogue that no row shows, each group with its reason; a cause is in one group
//! or has a row.

use std::collections::BTreeSet;

use bootwright::diagnosis::catalogue::symptoms;
use bootwright::lint;

/// Why, and which.
const WITHOUT: &[(&str, &[&str])] = &[
    (
        "it happens while programs run, and no image shows it",
        &[
            "busybox-init-unconfigured",
            "fsck-failed",
            "init-aborted",
            "init-command-not-found",
            "init-crashed",
            "init-exited",
            "init-hangs",
            "init-illegal-instruction",
            "init-rust-panic",
            "init-script-failed",
            "init-script-syntax",
            "init-segfault",
            "kernel-crash-requested",
            "kernel-oops",
            "out-of-memory",
            "qemu-tcg-kernel-corruption",
            "shared-library-symbol-missing",
            "switchroot-failed",
            "switchroot-newroot-missing",
            "switchroot-no-init",
            "switchroot-not-mountpoint",
            "switchroot-not-pid1",
        ],
    ),
    (
        "the machine, its firmware or its network is at fault, not the image",
        &[
            "bootloader-corrupted-initrd",
            "cpu-isa-too-low",
            "cpu-not-64bit",
            "cpu-too-old-for-binary",
            "disk-not-attached",
            "disk-readonly",
            "efi-program-crashed",
            "efistub-exit-boot-services-failed",
            "initrd-outside-mem",
            "nfs-root-failed",
            "ovmf-secboot-needs-smm",
            "ovmf-vars-mismatch",
            "qemu-kernel-not-loadable",
            "root-device-name-wrong-bus",
            "uefi-no-bootable-device",
            "uefi-not-found",
        ],
    ),
    (
        "what a console says of a fault that the lints and the rows call by what is wrong",
        &[
            "initramfs-mount-failed",
            "luks-not-opened",
            "no-initramfs-loaded",
            "rootfs-corrupt",
            "systemd-emergency",
            "systemd-sysroot-mount-failed",
        ],
    ),
    (
        "another system than a minimal Debian would be needed: SELinux, ZFS, an initrd of before 2.6, a systemd \
         that cannot mount what it needs",
        &[
            "none-legacy-initrd",
            "selinux-policy-missing",
            "systemd-api-fs",
            "systemd-froze",
            "zfs-root-import-failed",
        ],
    ),
    (
        "another loader or machine would be needed; the tests beside the lints show what they can see",
        &[
            "arm-machine-unknown",
            "efistub-initrd-load-failed",
            "efistub-initrd-not-found",
            "grub-initrd-too-big",
            "grub-symbol-not-found",
            "shim-image-not-verified",
            "syslinux-part-missing",
            "uboot-bad-initrd",
            "uboot-bad-kernel-image",
            "uboot-no-device-tree",
        ],
    ),
];

/// Every cause has a row or a reason, and not both.
pub(crate) fn every_cause_has_a_row_or_a_reason() {
    let causes_of = |fault: &super::Fault| {
        let lint = lint::all().find(|lint| lint.id == fault.lint).expect("rows have a lint's id");
        [Some(lint.id), lint.cause].into_iter().flatten()
    };
    let rows: BTreeSet<&str> = super::all().flat_map(causes_of).collect();
    let named: Vec<&str> = WITHOUT.iter().flat_map(|(_, causes)| *causes).copied().collect();
    let without: BTreeSet<&str> = named.iter().copied().collect();
    assert_eq!(named.len(), without.len(), "one is named twice");
    let both: Vec<_> = without.intersection(&rows).collect();
    assert!(both.is_empty(), "have a row: {both:?}");
    let causes: BTreeSet<&str> = symptoms().map(|symptom| symptom.id).collect();
    let strangers: Vec<_> = without.difference(&causes).collect();
    assert!(strangers.is_empty(), "are no causes: {strangers:?}");
    let neither: Vec<_> =
        causes.iter().filter(|id| !rows.contains(*id) && !without.contains(*id)).collect();
    assert!(neither.is_empty(), "have neither row nor reason: {neither:?}");
    assert!(WITHOUT.iter().all(|(why, _)| !why.is_empty()), "a reason is missing");
}
