//! The causes of the catalogue that no row shows, each group with its reason; a cause is in one group
//! or has a row.

use std::collections::BTreeSet;

use bootwright::diagnosis::catalogue::symptoms;

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
            "init-interpreter-missing",
            "init-rust-panic",
            "init-script-failed",
            "init-script-syntax",
            "init-segfault",
            "init-waits-for-device",
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
            "uefi-ram-too-small",
        ],
    ),
    (
        "another kernel than the distribution's would be needed",
        &[
            "compression-not-configured",
            "init-32bit-no-ia32",
            "init-kernel-feature-missing",
            "kernel-no-binfmt-elf",
            "kernel-no-binfmt-script",
            "kernel-no-devtmpfs",
            "kernel-no-initrd-support",
            "kernel-no-serial-console",
            "rootwait-timeout",
        ],
    ),
    (
        "a distribution's userspace or initramfs would be needed; the tests beside the lints show it",
        &[
            "dracut-root-arg-missing",
            "dracut-root-arg-unknown",
            "dracut-root-timeout",
            "initramfs-mount-failed",
            "initramfs-root-arg-missing",
            "initramfs-root-not-found",
            "luks-not-opened",
            "lvm-vg-not-found",
            "no-initramfs-loaded",
            "none-legacy-initrd",
            "root-is-encrypted",
            "rootfs-corrupt",
            "selinux-policy-missing",
            "systemd-api-fs",
            "systemd-device-timeout",
            "systemd-emergency",
            "systemd-froze",
            "systemd-mount-failed",
            "systemd-no-default-target",
            "systemd-sysroot-mount-failed",
            "zfs-root-import-failed",
        ],
    ),
    (
        "another loader or a signed one would be needed; the tests beside the lints show it",
        &[
            "arm-machine-unknown",
            "bootloader-kernel-not-found",
            "efistub-initrd-load-failed",
            "efistub-initrd-not-found",
            "grub-bad-shim-signature",
            "grub-initrd-too-big",
            "grub-out-of-memory",
            "grub-symbol-not-found",
            "secure-boot-denied",
            "shim-image-not-verified",
            "shim-loader-missing",
            "shim-verification-failed",
            "syslinux-part-missing",
            "uboot-bad-initrd",
            "uboot-bad-kernel-image",
        ],
    ),
    (
        "the console stays silent or waits, so that only the lint tells; the tests beside it show it",
        &[
            "console-missing",
            "console-wrong",
            "grub-menu-waiting",
            "kernel-payload-corrupt",
            "no-console",
        ],
    ),
    (
        "the machine boots on, or says what another row shows",
        &["cpio-bad-checksum", "disk-image-truncated", "missing-parent-dirs", "rootfs-no-dev"],
    ),
];

/// Every cause has a row or a reason, and not both.
pub(crate) fn every_cause_has_a_row_or_a_reason() {
    let rows: BTreeSet<&str> = super::all().map(|fault| fault.lint).collect();
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
