//! Excerpts as people post them: the words of many programs and versions, each with its cause.

use super::explain;
use crate::boot::log::Log;

/// The cause that is expected at the top (`-` for none), and the lines.
const EXCERPTS: &[(&str, &str)] = &[
    (
        "shim-image-not-verified",
        "Bootloader has not verified loaded image.\nSystem is compromised.  halting.",
    ),
    ("shim-verification-failed", "Verification failed: (0x1A) Security Violation"),
    (
        "grub-symbol-not-found",
        "error: symbol `grub_calloc' not found.\nEntering rescue mode...\ngrub rescue> ",
    ),
    (
        "grub-symbol-not-found",
        "Welcome to GRUB!\n\nerror: symbol not found: `grub_divmod64_full'.\ngrub rescue> ",
    ),
    (
        "grub-rescue-no-normal",
        "GRUB loading.\nWelcome to GRUB!\n\nerror: file not found.\nEntering rescue mode...\ngrub rescue> ",
    ),
    (
        "grub-rescue-no-normal",
        "error: file '/boot/grub/i386-pc/normal.mod' not found.\nEntering rescue mode...",
    ),
    (
        "grub-unknown-filesystem",
        "error: unknown filesystem.\nEntering rescue mode...\ngrub rescue>",
    ),
    (
        "grub-uuid-not-found",
        "error: no such device: 5a8b7c6d-1111-2222-3333-444455556666.\nEntering rescue mode...",
    ),
    (
        "grub-kernel-not-found",
        "error: ../../grub-core/fs/fshelp.c:257:file `/boot/vmlinuz-6.8.0-31-generic' not found.\nerror: ../../grub-core/loader/i386/efi/linux.c:258:you need to load the kernel first.\n\nPress any key to continue...",
    ),
    (
        "grub-initrd-not-found",
        "Loading Linux 6.1.0-18-amd64 ...\nLoading initial ramdisk ...\nerror: file `/boot/initrd.img-6.1.0-18-amd64' not found.\n\nPress any key to continue...\n[    0.000000] Linux version 6.1.0-18-amd64 (debian)\n[    1.0] VFS: Cannot open root device \"UUID=1234\" or unknown-block(0,0): error -6\n[    1.1] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "grub-out-of-memory",
        "Loading Linux 5.15.0-generic ...\nLoading initial ramdisk ...\nerror: out of memory.\n\nPress any key to continue...",
    ),
    (
        "grub-bad-shim-signature",
        "error: ../../grub-core/kern/efi/sb.c:182:bad shim signature.\nerror: ../../grub-core/loader/i386/efi/linux.c:259:you need to load the kernel first.",
    ),
    (
        "grub-bad-kernel",
        "error: invalid magic number.\nerror: you need to load the kernel first.\n",
    ),
    (
        "kernel-truncated",
        "error: premature end of file /boot/vmlinuz.\nerror: you need to load the kernel first.\n",
    ),
    (
        "grub-syntax-error",
        "error: syntax error.\nerror: Incorrect command.\nerror: syntax error.\nSyntax error at line 115\nPress any key to continue...",
    ),
    (
        "grub-command-missing",
        "error: can't find command `linuxefi'.\nerror: can't find command `initrdefi'.",
    ),
    (
        "efistub-initrd-not-found",
        "EFI stub: Booting Linux Kernel...\nEFI stub: ERROR: Failed to open file: \\initramfs-linux.img",
    ),
    (
        "efistub-exit-boot-services-failed",
        "EFI stub: Exiting boot services...\nEFI stub: ERROR: exit_boot() failed!\nEFI stub: ERROR: efi_main() failed!",
    ),
    (
        "efistub-exit-boot-services-failed",
        "EFI stub: Booting Linux Kernel...\nEFI stub: Exiting boot services and installing virtual address map...\nEFI stub: ERROR: Exit boot services failed.",
    ),
    ("efistub-initrd-load-failed", "EFI stub: ERROR: Failed to load initrd: 0x8000000000000009"),
    (
        "kernel-payload-corrupt",
        "Decompressing Linux...\n\nXZ-compressed data is corrupt\n\n -- System halted",
    ),
    (
        "uboot-bad-kernel-image",
        "## Booting kernel from Legacy Image at 82000000 ...\nBad Linux ARM64 Image magic!\n=> ",
    ),
    (
        "uboot-bad-kernel-image",
        "Wrong Image Format for bootm command\nERROR: can't get kernel image!\n",
    ),
    (
        "bootloader-kernel-not-found",
        "SYSLINUX 6.03 EDD\nCould not find kernel image: linux\nboot: ",
    ),
    (
        "bootloader-kernel-not-found",
        "Error loading \\EFI\\Linux\\vmlinuz: Not Found\nFailed to execute Arch Linux: Not Found",
    ),
    (
        "no-initramfs-driver-module",
        "VFS: Cannot open root device \"sda1\" or unknown-block(0,0)\nPlease append a correct \"root=\" boot option; here are the available partitions:\nKernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "root-uuid-needs-initramfs",
        "[    1.331] VFS: Cannot open root device \"UUID=5c1f-22\" or unknown-block(0,0): error -6\n[    1.332] Please append a correct \"root=\" boot option; here are the available partitions:\n[    1.333] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "no-initramfs-loaded",
        "[    0.000000] Kernel command line: BOOT_IMAGE=/vmlinuz-5.10 root=/dev/mapper/vg-root ro\n[    1.331] VFS: Cannot open root device \"mapper/vg-root\" or unknown-block(0,0): error -6\n[    1.333] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "root-fs-driver-missing",
        "[    2.0] List of all partitions:\n[    2.1] 0800   8388608 sda  driver: sd\n[    2.2]   0802  8387584 sda2 aabb\n[    2.3] No filesystem could mount root, tried:  ext3 ext2 ext4 vfat\n[    2.4] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,2)",
    ),
    (
        "root-partition-missing",
        "[    1.0] VFS: Cannot open root device \"mmcblk0p3\" or unknown-block(0,0): error -19\n[    1.0] Please append a correct \"root=\" boot option; here are the available partitions:\n[    1.0] b300         7761920 mmcblk0 \n[    1.0]  driver: mmcblk\n[    1.0]   b301           65536 mmcblk0p1 00000000-01\n[    1.0]   b302         7695360 mmcblk0p2 00000000-02\n[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "root-device-name-wrong-bus",
        "[    1.0] VFS: Cannot open root device \"hda1\" or unknown-block(0,0)\n[    1.0] Please append a correct \"root=\" boot option; here are the available partitions:\n[    1.0] 0800        33554432 sda driver: sd\n[    1.0]   0801        33553408 sda1\n[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    ("rootwait-forever", "[    1.5] Waiting for root device /dev/mmcblk0p2..."),
    (
        "nfs-root-failed",
        "[   12.0] VFS: Unable to mount root fs via NFS, trying floppy.\n[   12.1] VFS: Cannot open root device \"nfs\" or unknown-block(2,0): error -6\n[   12.2] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(2,0)",
    ),
    (
        "initramfs-root-not-found",
        "Gave up waiting for root device.  Common problems:\n - Boot args (cat /proc/cmdline)\n   - Check rootdelay= (did the system wait long enough?)\n - Missing modules (cat /proc/modules; ls /dev)\nALERT!  UUID=1fc9-aa does not exist.  Dropping to a shell!\n\n(initramfs) ",
    ),
    (
        "lvm-vg-not-found",
        "  Volume group \"ubuntu-vg\" not found\n  Cannot process volume group ubuntu-vg\nGave up waiting for root file system device.\nALERT!  /dev/mapper/ubuntu--vg-root does not exist.  Dropping to a shell!",
    ),
    (
        "luks-not-opened",
        "cryptsetup: Waiting for encrypted source device UUID=ab...\nALERT!  /dev/mapper/sda3_crypt does not exist.  Dropping to a shell!",
    ),
    (
        "luks-not-opened",
        "Please unlock disk sda3_crypt: \ncryptsetup: ERROR: sda3_crypt: cryptsetup failed, bad password or options?\ncryptsetup: ERROR: sda3_crypt: maximum number of tries exceeded",
    ),
    (
        "zfs-root-import-failed",
        "Command: /sbin/zpool import -N   'rpool'\nMessage: cannot import 'rpool': pool was previously in use from another system.\nError: 1\n\nFailed to import pool 'rpool'.\nManually import the pool and exit.\n(initramfs) ",
    ),
    (
        "dracut-root-timeout",
        "dracut-initqueue[294]: Warning: dracut-initqueue timeout - starting timeout scripts\ndracut-initqueue[294]: Warning: Could not boot.\nWarning: /dev/disk/by-uuid/2c63 does not exist\nEntering emergency mode. Exit the shell to continue.",
    ),
    (
        "dracut-root-timeout",
        "[  189.1] dracut-initqueue[346]: Warning: dracut-initqueue timeout - starting timeout scripts\n[  189.9] dracut-initqueue[346]: Warning: Could not boot.\n         Starting Setup Virtual Console...\nWarning: /dev/centos/root does not exist\nWarning: /dev/mapper/centos-root does not exist\n\nGenerating \"/run/initramfs/rdsosreport.txt\"\n\nEntering emergency mode.",
    ),
    (
        "systemd-sysroot-mount-failed",
        "[FAILED] Failed to mount /sysroot.\nSee 'systemctl status sysroot.mount' for details.\n[DEPEND] Dependency failed for Initrd Root File System.\nEntering emergency mode. Exit the shell to continue.",
    ),
    (
        "rootfs-corrupt",
        "[    3.1] XFS (dm-0): Metadata corruption detected at xfs_agi_read_verify\n[    3.2] XFS (dm-0): Unmount and run xfs_repair\n[FAILED] Failed to mount /sysroot.\nEntering emergency mode. Exit the shell to continue.",
    ),
    (
        "switchroot-no-init",
        "[FAILED] Failed to start Switch Root.\nsystemctl[520]: Failed to switch root: Specified switch root path '/sysroot' does not seem to be an OS tree. os-release file is missing.",
    ),
    (
        "selinux-policy-missing",
        "systemd[1]: Failed to load SELinux policy.\n[!!!!!!] Failed to load SELinux policy.\nsystemd[1]: Freezing execution.",
    ),
    (
        "fsck-failed",
        "/dev/sda1: UNEXPECTED INCONSISTENCY; RUN fsck MANUALLY.\n\t(i.e., without -a or -p options)\nfsck exited with status code 4\nThe root filesystem on /dev/sda1 requires a manual fsck\n(initramfs) ",
    ),
    (
        "init-wrong-arch",
        "request_module: runaway loop modprobe binfmt-464c\nKernel panic - not syncing: No init found.  Try passing init= option to kernel.",
    ),
    (
        "init-wrong-arch",
        "[    2.5] Run /sbin/init as init process\n[    2.5] Starting init: /sbin/init exists but couldn't execute it (error -8)\n[    2.6] Run /bin/sh as init process\n[    2.6] Starting init: /bin/sh exists but couldn't execute it (error -8)\n[    2.6] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. See Linux Documentation/admin-guide/init.rst for guidance.",
    ),
    (
        "init-not-executable",
        "[    1.5] Failed to execute /init (error -13)\n[    1.6] Kernel panic - not syncing: No working init found.",
    ),
    (
        "init-param-missing",
        "Kernel panic - not syncing: Requested init /lib/systemd/systemd failed (error -2).",
    ),
    (
        "kernel-no-devtmpfs",
        "Run /init as init process\nhandoff: 1 - failed step=mount-api errno=ENODEV number=19 path=/dev\nreboot: Restarting system",
    ),
    (
        "init-kernel-feature-missing",
        "Run /init as init process\nhandoff: 1 - failed step=mount-api errno=ENODEV number=19 path=/proc\nreboot: Restarting system",
    ),
    (
        "init-kernel-feature-missing",
        "Run /init as init process\nFATAL: kernel too old\nKernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00",
    ),
    (
        "init-crashed",
        "[    1.6] Run /init as init process\n[    1.9] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000007",
    ),
    (
        "init-segfault",
        "[    1.6] Run /init as init process\n[    1.8] init[1]: segfault at 0 ip 00 sp 00 error 4 in init\n[    1.9] Kernel panic - not syncing: Attempted to kill init! exitcode=0x0000000b",
    ),
    (
        "shared-library-missing",
        "/sbin/init: error while loading shared libraries: libselinux.so.1: cannot open shared object file: No such file or directory\n[    9.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00",
    ),
    (
        "initramfs-truncated",
        "[    0.9] Initramfs unpacking failed: read error\n[    1.9] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    ),
    (
        "bootloader-corrupted-initrd",
        "initrd overwritten (0x40008000 < 0x40100000) - disabling it.\nKernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(1,0)",
    ),
    (
        "compression-not-configured",
        "[    0.9] Initramfs unpacking failed: compression method zstd not configured",
    ),
    (
        "kernel-oops",
        "[    1.2] BUG: unable to handle page fault for address: ffffc900\n[    1.2] Oops: 0002 [#1] SMP\n[    1.3] Kernel panic - not syncing: Fatal exception",
    ),
    (
        "kernel-oops",
        "Unable to handle kernel NULL pointer dereference at virtual address 00000010\nInternal error: Oops: 17 [#1] SMP ARM\nKernel panic - not syncing: Fatal exception",
    ),
    (
        "systemd-emergency",
        "Welcome to emergency mode! After logging in, type \"journalctl -xb\" to view\nsystem logs\nGive root password for maintenance",
    ),
    (
        "systemd-device-timeout",
        "[ TIME ] Timed out waiting for device dev-disk-by\\x2duuid-1234.device.\n[DEPEND] Dependency failed for /data.\n[DEPEND] Dependency failed for Local File Systems.\nYou are in emergency mode.",
    ),
    (
        "systemd-no-default-target",
        "Failed to load default target: No such file or directory\nFreezing execution.",
    ),
    (
        "uefi-not-found",
        "BdsDxe: failed to load Boot0001 \"UEFI Misc Device\" from PciRoot(0x0)/Pci(0x3,0x0): Not Found\nBdsDxe: No bootable option or device was found.\nBdsDxe: Press any key to enter the Boot Manager Menu.",
    ),
    (
        "disk-image-truncated",
        "[    1.0]  sda: sda1 sda2\n[    1.0] sda: p2 size 8388608 extends beyond EOD, truncated\n[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,2)",
    ),
    (
        "rootfs-larger-than-partition",
        "[    1.0] EXT4-fs (sda2): bad geometry: block count 2097152 exceeds size of device (1048576 blocks)\n[    2.0] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(8,2)",
    ),
    (
        "module-unknown-symbol",
        "[    1.2] virtio_blk: Unknown symbol register_virtio_driver (err -2)\n[    2.0] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100",
    ),
    (
        "out-of-memory",
        "[    9.2] Run /init as init process\n[   11.0] Kernel panic - not syncing: System is deadlocked on memory",
    ),
    (
        "cpu-not-64bit",
        "This kernel requires an x86-64 CPU, but only detected an i686 CPU.\nUnable to boot - please use a kernel appropriate for your CPU.",
    ),
    (
        "initramfs-wrong-kernel-version",
        "[    0.0] Linux version 4.19.0-8-amd64 (debian)\nLoading, please wait...\nmodprobe: ERROR: ../libkmod/libkmod.c:586 kmod_search_moddep() could not open moddep file '/lib/modules/4.19.0-8-amd64/modules.dep.bin'\nGave up waiting for root file system device.\nALERT!  UUID=12 does not exist.  Dropping to a shell!",
    ),
    (
        "-",
        "[    1.0] Initramfs unpacking failed: Decoding failed\n[    2.0] Run /init as init process\n[  OK  ] Reached target Multi-User System.\n\nbox login: ",
    ),
    ("-", "[    0.000000] Linux version 6.1.0 (x)\n[    1.0] some line\n"),
    (
        "initramfs-root-not-found",
        "[    0.48] Run /init as init process\n+ exec\n[    2.638712] /dev/mmcblk0p29: Can't lookup blockdev\n[    2.708462] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000100\n[    2.71] CPU: 0 PID: 1 Comm: switch_root Not tainted 6.6.0 #1",
    ),
    (
        "rootfs-no-init",
        "[    1.858473] Kernel panic - not syncing: No working init found.  Try passing init= option to kernel. See Linux Documentation/admin-guide/init.rst for guidance.\n[    1.860204] CPU: 1 PID: 1 Comm: swapper/0 Not tainted 5.15.0 #1",
    ),
    (
        "kernel-oops",
        "Run /sbin/init as init process\nKernel panic - not syncing: corrupted stack end detected inside scheduler\nCPU: 1 UID: 0 PID: 1 Comm: init Not tainted 6.11.0-rc2 #0",
    ),
    ("-", "[    3.1] nvidia: Unknown symbol drm_gem (err -2)\n[    4.0] random: crng init done\n"),
    (
        "initramfs-root-not-found",
        "handoff: 1 abc init-alive\nhandoff: 1 abc failed step=root-wait errno=ENOENT number=2 what=/dev/vda9\n[    9.1] reboot: Power down",
    ),
    (
        "switchroot-no-init",
        "handoff: 1 abc root-mounted\nhandoff: 1 abc failed step=find-init errno=ENOENT number=2",
    ),
    (
        "init-wrong-arch",
        "handoff: 1 abc switch-root\nhandoff: 1 abc failed step=exec-init errno=ENOEXEC number=8",
    ),
    (
        "-",
        "handoff: 1 abc init-alive\nhandoff: 1 abc switch-root\nhandoff: 1 abc userspace-ready\n[    9.1] reboot: Power down",
    ),
    ("-", ""),
];

#[test]
fn each_excerpt_has_its_cause_at_the_top() {
    let mut wrong = Vec::new();
    for (cause, text) in EXCERPTS {
        let found = explain(&Log::from_bytes(text.as_bytes()));
        let ids: Vec<&str> = found.findings.iter().map(|finding| finding.id).collect();
        if ids.first().copied().unwrap_or("-") != *cause {
            wrong.push(format!("want {cause}, got {ids:?}\n{text}\n"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
