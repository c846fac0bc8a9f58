//! How the lints' causes and the log's hang together, and what has to be known to rule a cause out.

use crate::lint::subject::Early;
use crate::lint::{Given, Subject};

/// Causes that lints find, and those under which a log names them, in the words of whoever mounts or
/// looks for the root filesystem: the log's id stays, the content says why.
const SAME: &[(&[&str], &[&str])] = &[
    (
        &[
            "root-unformatted",
            "rootfstype-wrong",
            "root-is-encrypted",
            "ext4-corrupt",
            "ext4-unsupported-feature",
            "rootfs-larger-than-partition",
            "root-is-whole-disk",
            "fsck-failed",
        ],
        &["initramfs-mount-failed", "systemd-sysroot-mount-failed"],
    ),
    (&["rootfs-no-init", "init-param-missing"], &["switchroot-no-init"]),
    (&["init-interpreter-missing"], &["elf-interpreter-missing", "switchroot-failed"]),
    (
        &[
            "root-partition-missing",
            "root-partuuid-not-found",
            "initramfs-root-not-found",
            "dracut-root-timeout",
            "init-waits-for-device",
        ],
        &[
            "initramfs-root-not-found",
            "dracut-root-timeout",
            "init-waits-for-device",
            "root-partuuid-not-found",
            "root-device-name-wrong-bus",
            "rootwait-forever",
            "rootwait-timeout",
        ],
    ),
    (&["no-initramfs-no-root", "initramfs-root-arg-missing"], &["dracut-root-arg-missing"]),
    // The second table is what a disk that was cut short lacks, and the kernel believes neither then.
    (&["disk-image-truncated"], &["gpt-corrupt", "gpt-primary-corrupt", "root-partition-missing"]),
    (&["cpio-truncated-before-compress"], &["initramfs-truncated", "initramfs-corrupt"]),
];

/// A cause that lints find, and what in a log comes of it.
const DEEPER: &[(&str, &[&str])] = &[
    (
        "initramfs-wrong-kernel-version",
        &["initramfs-root-not-found", "dracut-root-timeout", "modules-dir-missing"],
    ),
    ("modules-dir-missing", &["initramfs-root-not-found", "dracut-root-timeout"]),
    ("module-version-mismatch", &["initramfs-root-not-found", "dracut-root-timeout"]),
    ("root-fs-driver-missing", &["initramfs-mount-failed", "systemd-sysroot-mount-failed"]),
    ("shared-library-missing", &["init-exited", "init-command-not-found"]),
    ("kernel-no-initrd-support", &["no-initramfs-no-root", "root-uuid-needs-initramfs"]),
    ("initramfs-no-init", &["no-initramfs-no-root"]),
    ("uefi-ram-too-small", &["efi-program-crashed", "uefi-not-found"]),
];

/// Whether what a lint calls `lints` is what a log calls `logs`.
pub(super) fn same(lints: &str, logs: &str) -> bool {
    SAME.iter().any(|(left, right)| left.contains(&lints) && right.contains(&logs))
}

/// Whether `cause` leads to what a log calls `symptom`.
pub(super) fn deeper(cause: &str, symptom: &str) -> bool {
    DEEPER.iter().any(|(from, to)| *from == cause && to.contains(&symptom))
}

/// What has to be at hand for a lint to see a cause wherever it is there.
#[derive(Debug, Clone, Copy)]
enum Needs {
    /// The initramfs.
    Archive,
    /// All of its files, and those of the root filesystem where its init had its turn.
    FirstProgram,
    /// The kernel's configuration.
    Config,
    /// The kernel, readable to its end.
    Kernel,
    /// The command line.
    CommandLine,
    /// The disk's partition table.
    Disk,
    /// The partition that root= names.
    Root,
    /// The files of the root filesystem.
    RootFiles,
    /// The EFI System Partition.
    Esp,
}

const DECIDABLE: &[(Needs, &[&str])] = &[
    (
        Needs::Archive,
        &[
            "initramfs-truncated",
            "initramfs-corrupt",
            "initramfs-bad-crc",
            "xz-unsupported-check",
            "zstd-window-too-large",
            "lz4-frame-format",
            "initramfs-not-cpio",
            "initramfs-is-tar",
            "cpio-bin-format",
            "cpio-odc-format",
            "double-compressed",
            "concat-misaligned",
            "junk-after-archive",
            "junk-inside-archive",
            "cpio-truncated-before-compress",
            "cpio-bad-checksum",
            "no-initramfs-no-root",
            "no-initramfs-loaded",
        ],
    ),
    (
        Needs::FirstProgram,
        &[
            "initramfs-no-init",
            "initramfs-nested-dir",
            "initramfs-microcode-only",
            "rdinit-missing",
            "init-dangling-symlink",
            "init-is-directory",
            "init-not-executable",
            "init-empty",
            "script-bom",
            "script-no-shebang",
            "script-crlf",
            "script-interpreter-missing",
            "init-wrong-arch",
            "init-wrong-format",
            "init-interpreter-missing",
            "elf-interpreter-missing",
            "missing-parent-dirs",
            "no-dev-console",
        ],
    ),
    (
        Needs::Config,
        &[
            "kernel-no-devtmpfs",
            "kernel-no-binfmt-elf",
            "kernel-no-binfmt-script",
            "kernel-no-serial-console",
            "kernel-no-initrd-support",
            "init-32bit-no-ia32",
            "compression-not-configured",
        ],
    ),
    (Needs::Kernel, &["kernel-payload-corrupt", "kernel-truncated", "grub-bad-kernel"]),
    (Needs::CommandLine, &["console-missing", "no-console", "too-many-init-args"]),
    (
        Needs::Disk,
        &[
            "gpt-corrupt",
            "gpt-primary-corrupt",
            "gpt-no-protective-mbr",
            "disk-image-truncated",
            "uefi-disk-is-bios-only",
        ],
    ),
    (Needs::Root, &["root-unformatted", "root-is-encrypted", "root-partition-missing"]),
    (Needs::RootFiles, &["rootfs-no-init", "init-param-missing", "init-param-not-executable"]),
    (
        Needs::Esp,
        &[
            "uefi-esp-not-fat",
            "uefi-no-fallback-loader",
            "uefi-loader-in-vendor-dir",
            "uefi-loader-empty",
            "uefi-loader-not-pe",
            "uefi-loader-truncated",
            "uefi-loader-wrong-arch",
        ],
    ),
];

/// Causes of which a log only shows that nothing more was said.
const SILENT: &[&str] = &[
    "console-missing",
    "console-wrong",
    "kernel-no-serial-console",
    "kernel-payload-corrupt",
    "guest-ram-too-small",
    "efistub-no-cmdline",
    "qemu-tcg-kernel-corruption",
    "no-dev-console",
    "init-hangs",
];

/// Whether a log shows no more of a cause than silence.
pub(super) fn means_silence(cause: &str) -> bool {
    SILENT.contains(&cause)
}

/// Whether a lint would have seen this cause, so that its silence rules it out.
pub(super) fn is_decidable(cause: &str, subject: &Subject, on_real_root: bool) -> bool {
    let needs =
        DECIDABLE.iter().find(|(_, causes)| causes.contains(&cause)).map(|(needs, _)| *needs);
    needs.is_some_and(|needs| needs.are_met(subject, on_real_root))
}

impl Needs {
    fn are_met(self, subject: &Subject, on_real_root: bool) -> bool {
        let kernel = subject.kernel.as_ref();
        let root_files = || subject.root.as_ref().is_some_and(|root| root.files().is_some());
        // What an initramfs that nobody knows does before, nobody can tell.
        let is_followed = || subject.early().is_some_and(|early| early != Early::Other);
        match self {
            Needs::Archive => subject.initramfs.here().is_some(),
            Needs::FirstProgram if on_real_root => root_files() && is_followed(),
            Needs::FirstProgram => subject.initramfs.here().is_some_and(|i| i.is_whole()),
            Needs::Config => kernel.is_some_and(|kernel| kernel.config.is_some()),
            Needs::Kernel => kernel.is_some_and(|kernel| kernel.image.is_ok()),
            Needs::CommandLine => subject.cmdline.is_some(),
            Needs::Disk => subject.image.is_some(),
            Needs::Root => subject.root.is_some(),
            Needs::RootFiles => root_files() && is_followed(),
            Needs::Esp => subject.image.is_some() && !matches!(subject.esp, Given::Unknown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::catalogue;
    use crate::lint;

    #[test]
    fn every_cause_in_the_tables_is_one_of_the_catalogue() {
        let lists = SAME.iter().flat_map(|(left, right)| [*left, *right]);
        let lists = lists.chain(DEEPER.iter().map(|(_, to)| *to));
        let lists = lists.chain(DECIDABLE.iter().map(|(_, causes)| *causes)).chain([SILENT]);
        let causes = lists.flatten().copied().chain(DEEPER.iter().map(|(from, _)| *from));
        for cause in causes {
            assert!(catalogue::symptom(cause).is_some(), "{cause}");
        }
    }

    #[test]
    fn what_can_be_ruled_out_has_a_lint_that_finds_it() {
        for cause in DECIDABLE.iter().flat_map(|(_, causes)| *causes) {
            let finds =
                |lint: &lint::Lint| lint.cause.is_some_and(|own| own == *cause || same(own, cause));
            assert!(lint::all().any(finds) || cause.starts_with("no-initramfs"), "{cause}");
        }
    }

    #[test]
    fn every_cause_of_a_lint_is_one_of_the_catalogue() {
        for lint in lint::all() {
            let known = lint.cause.is_none_or(|cause| catalogue::symptom(cause).is_some());
            assert!(known, "{}", lint.id);
        }
    }
}
