//! What early userspace (initramfs-tools, dracut, systemd, BusyBox) and the root filesystem's systemd say.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Stage, Symptom, says, says_when, shows};

const fn root(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::RootMount, title)
}

const fn switch(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::SwitchRoot, title)
}

const fn real(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::RealInit, title)
}

fn root_contains(facts: &Facts, words: &[&str]) -> bool {
    let root = facts.root().unwrap_or_default().to_ascii_lowercase();
    words.iter().any(|word| root.contains(word))
}

/// A device that cryptsetup would have made.
fn is_crypt(facts: &Facts) -> bool {
    root_contains(facts, &["crypt", "luks"])
        || ["cryptdevice", "rd.luks.uuid", "rd.luks.name", "rd.luks"]
            .iter()
            .any(|a| facts.argument(a).is_some())
}

/// A logical volume: two names, joined by a dash under /dev/mapper.
fn is_lvm(facts: &Facts) -> bool {
    let root = facts.root().unwrap_or_default();
    let mapped = root.strip_prefix("/dev/mapper/").is_some_and(|name| name.contains('-'));
    (mapped || facts.argument("rd.lvm.lv").is_some()) && !is_crypt(facts)
}

fn is_zfs(facts: &Facts) -> bool {
    root_contains(facts, &["zfs"])
}

/// systemd stopped before it was up, or we do not see that it came up.
fn stuck(facts: &Facts) -> bool {
    facts.has(Mark::Emergency) || facts.panic.is_some() || facts.has(Mark::JobRunning)
}

fn in_initrd(facts: &Facts) -> bool {
    facts.has(Mark::InitrdSystem) && !facts.has(Mark::SwitchRoot)
}

/// No init at the new root, as switch_root says it: also where nothing is mounted there.
const NOTHING_TO_RUN: &[&str] = &[
    "switch_root: can't execute '{init}': No such file or directory",
    "switch_root: failed to execute {init}: No such file or directory",
    "switch_root: cannot access {init}: No such file or directory",
    "switch_root: bad init {init}",
];

/// systemd in the initramfs cannot go over to the root, be it that none is mounted.
const SWITCH_FAILED: &[&str] =
    &["Failed to start {unit}Switch Root", "Failed to start Switch Root"];

pub(super) const SYMPTOMS: &[Symptom] = &[
    root("initramfs-root-arg-missing", "The kernel command line has no root=")
        .cause("The initramfs does not know which device holds the root filesystem.")
        .remedy(&["Add `root=UUID=...` (or `root=/dev/...`) to the kernel command line."])
        .rules(&[
            says(96, &["handoff: 1 * failed step=root-argument errno=ENOENT"]),says(96, &["No root device specified. Boot arguments must include a root= parameter", "no root= option specified", "ERROR: No root device specified"])]),
    root("dracut-root-arg-missing", "The kernel command line has no root=")
        .cause("dracut does not know which device holds the root filesystem.")
        .remedy(&["Add `root=UUID=...` to the kernel command line: `grubby --update-kernel=ALL --args=root=UUID=...`."])
        .rules(&[
            says(96, &["FATAL: No or empty root= argument"]),
            // With systemd it asks nobody, and goes over to a root that is not mounted.
            says_when(88, SWITCH_FAILED, |f| f.command_line.is_some() && f.argument("root").is_none()),
        ]),
    root("dracut-root-arg-unknown", "dracut does not understand root=")
        .cause("dracut has no module that knows `root={argument}`.")
        .remedy(&["Correct `root=`, or add the dracut module that handles it (network, nfs, livenet, zfs): `dracut --add nfs`."])
        .rules(&[says(96, &["FATAL: Don't know how to handle 'root={argument}'"])]),
    root("zfs-root-import-failed", "The ZFS pool of the root filesystem cannot be imported")
        .cause("The initramfs did not import the pool: it is missing, was used by another system, or its cache is old.")
        .remedy(&["From the shell: `zpool import -f POOL`, then `exit`; then `update-initramfs -u`.", "`zfs_force=1` on the kernel command line does so once."])
        .rules(&[says_when(93, &[
            "cannot import '{pool}'",
            "Failed to import pool",
            "No pool imported. Manually import the root pool",
            "Unable to import zfs pool",
            "ZFS: Failed to mount root",
            "Command: /sbin/zpool import",
            "Command: zpool import",
            "cannot open '{pool}': dataset does not exist",
        ], |f| is_zfs(f) || !f.has(Mark::UserspaceAlive))]),
    root("lvm-vg-not-found", "The volume group of the root filesystem is missing")
        .cause("The root filesystem is on LVM, and its volume group was not found: a disk is missing, or the initramfs has no LVM.")
        .remedy(&["From the shell: `lvm vgscan`, `lvm vgchange -ay`, then `exit`.", "Attach the disk, correct `root=` (and `rd.lvm.lv=`), and add LVM to the initramfs (package lvm2, `dracut --add lvm`)."])
        .rules(&[
            says_when(92, &["Volume group '{vg}' not found", "Cannot process volume group {vg}", "Failed to find logical volume '{lv}'"], |f| f.has(Mark::RootMissing) || f.has(Mark::Emergency) || is_lvm(f)),
            says_when(90, &["ALERT!  /dev/mapper/{vg} does not exist", "ALERT! /dev/mapper/{vg} does not exist"], is_lvm),
        ]),
    root("luks-not-opened", "The encrypted root was not opened")
        .cause("The root filesystem is encrypted, and nobody gave the right key, or the initramfs lacks cryptsetup.")
        .remedy(&["Type the passphrase at the console; check the keyboard layout.", "Check `cryptdevice=`, `rd.luks.uuid=` or /etc/crypttab, then build the initramfs again (package cryptsetup-initramfs, `dracut --add crypt`)."])
        .rules(&[
            says_when(92, &[
                "cryptsetup failed, bad password or options",
                "No key available with this passphrase",
                "cryptsetup: ERROR: {target}: {why}",
                "cryptsetup: WARNING: {target}: Skipping",
                "Failed to activate with specified passphrase",
                "Failed to activate with key file '{file}': {why}",
                "cryptsetup: lvm is not available",
                "maximum number of tries exceeded",
                "crypt LUKS UUID {uuid} not found",
            ], |f| !f.has(Mark::RootMounted) && !f.has(Mark::CryptOpened)),
            says_when(91, &["ALERT!  /dev/mapper/{target} does not exist", "ALERT! /dev/mapper/{target} does not exist", "cryptsetup: Waiting for encrypted source device {device}", "Timed out waiting for device /dev/mapper/{target}"], is_crypt),
            says_when(93, &["Failed to start Cryptography Setup for {target}", "Failed to start Cryptography setup for {target}", "Failed to start systemd-cryptsetup@{target}"], in_initrd),
            says(92, &["encrypted source device {device} does not exist, can't unlock {target}", "Check cryptopts=source= bootarg", "Failed to open encryption mapping: {why}", "Password succeeded, but {target} creation failed"]),
            says_when(93, &["^error: *no such cryptodisk found", "^error: *Invalid passphrase"], |f| !f.kernel_spoke()),
            says(89, &["finished/90-crypt.sh: {why}", "ERROR: device '/dev/mapper/crypt{target}' not found", "ERROR: device '/dev/mapper/luks{target}' not found"]),
            says_when(60, &["Please unlock disk {disk}", "Please enter passphrase for disk {disk}", "Enter passphrase for {disk}"], |f| !f.has(Mark::RootMounted) && !f.has(Mark::UserspaceAlive) && !f.has(Mark::CryptOpened)),
        ]),
    root("root-is-encrypted", "root= names an encrypted container")
        .cause("The device holds no filesystem but a container (mostly LUKS) that nobody opened.")
        .remedy(&["`blkid` says crypto_LUKS: name the opened device (`root=/dev/mapper/NAME`) and how to open it (`cryptdevice=`, `rd.luks.uuid=`, /etc/crypttab).", "Build the initramfs with cryptsetup: `apt-get install cryptsetup-initramfs`.", "If `blkid` names a filesystem: the initramfs lacks its driver."])
        .rules(&[
            says(94, &["unknown filesystem type 'crypto_LUKS'"]),
            says_when(86, &["mounting {device} on {target} failed: No such device"], |f| f.has(Mark::MountFailed) && f.argument("rootfstype").is_none() && !f.has(Mark::PseudoMount)),
        ]),
    root("dracut-root-timeout", "The root device did not appear (dracut)")
        .cause("dracut waited for the root device {device|of root=}, and it did not appear.")
        .remedy(&[
            "From its shell: `blkid` and `ls /dev/disk/by-uuid` show what there is; correct `root=` to that.",
            "If the disk is not there at all, the initramfs lacks its driver: `dracut --force --add-drivers 'virtio_blk nvme' --kver {kernel|VERSION}`, or `--no-hostonly`.",
        ])
        .rules(&[
            says_when(88, &[
                "Warning: '/dev/{node}' does not exist",
                "Warning: /dev/{node} does not exist",
                "dracut-initqueue timeout - starting timeout scripts",
                "dracut-initqueue timeout",
                "dracut-initqueue: timeout, still waiting for following initqueue hooks",
                "dracut Warning: Could not boot",
                "dracut Warning: No root device '{device}' found",
                "dracut: Warning: No root device '{device}' found",
                "dracut Warning: Boot has failed",
                "Unable to process initqueue",
                "Could not boot.",
            ], |f| !f.has(Mark::SwitchRoot)),
            says_when(87, &["Timed out waiting for device {device}", "Dependency failed for {unit} - Initrd Root Device", "Dependency failed for Initrd Root Device"], |f| {
                in_initrd(f) && f.has(Mark::DeviceTimeout) && !f.root_was_seen() && !f.has(Mark::RootAppeared)
            }),
        ]),
    root("initramfs-mount-failed", "The initramfs cannot mount the root filesystem")
        .cause("The root device is there, but mounting it failed: wrong type, no filesystem on it, wrong options, or damage.")
        .remedy(&["From the shell: `blkid {device|DEVICE}` says what it holds; `mount {device|DEVICE} /mnt; dmesg | tail` says why it fails.", "Correct `rootfstype=` and `rootflags=`, make a filesystem, or repair it with `fsck`."])
        .rules(&[
            says(91, &["handoff: 1 * failed step=root-mount"]),
            says_when(84, &[
                "Failed to mount {device} as root file system",
                "Failed to mount -t {type} -o {options} {device} /sysroot",
                "Can't mount root filesystem",
                "ERROR: Failed to mount '{device}' on real root",
                "Mounting root failed",
                "mount: mounting {device} on /root failed: ",
                "Failed to mount the real root device",
                "mount: error {number} mounting {type}",
                "Can not mount {device} ({file}) on {target}",
                "Could not mount specified ROOT",
            ], |_| true),
            says_when(84, &["mount: mounting {device} on /sysroot failed: "], |f| !f.has(Mark::SwitchRoot)),
            says(60, &["An error occurred in stage 1 of the boot process"]),
            says_when(88, &["can't open /root/dev/console: no such file", "cannot open /root/dev/console: No such file"], |f| f.has(Mark::RootMountFailed)),
            // What follows from it is that no init is found there.
            says_when(92, &["mount: mounting /dev/{device} on {target} failed: Invalid argument", "mount: mounting /dev/{device} on /root failed: {why}"], |f| f.has(Mark::TargetLacksInit)),
            says_when(80, &["mount: /sysroot: {why}", "mount: /new_root: {why}", "mount: wrong fs type, bad option, bad superblock on {device}"], |f| !f.has(Mark::SwitchRoot)),
        ]),
    root("initramfs-root-not-found", "The initramfs does not find the root device")
        .cause("{device|The root device} did not appear: root= is wrong, the disk is not attached, or the initramfs lacks its driver.")
        .remedy(&[
            "From its shell: `blkid` and `cat /proc/partitions` show what there is; correct `root=` to that, and `update-grub`.",
            "If the disk is not there: add its driver to /etc/initramfs-tools/modules and `update-initramfs -u`.",
            "If the disk is only slow: `rootdelay=30` on the kernel command line.",
        ])
        .rules(&[
            says(91, &["handoff: 1 * failed step=root-wait"]),
            says(87, &["ALERT!  {device} does not exist", "ALERT! {device} does not exist", "ERROR: device '{device}' not found. Skipping fsck", "ERROR: Unable to find root device '{device}'"]),
            says(88, &[
                "Unable to find a medium containing a live file system",
                "mkrootdev: label {device} not found",
                "mount: could not find filesystem '{device}'",
                "ERROR: '{device}' device did not show up after",
                "Unable to find a live file system",
                "Failed to find a root filesystem in {device}",
                "Unable to determine major/minor number of root device '{device}'",
            ]),
            says(87, &["Could not find the root block device in {device}", "Block device {device} is not a valid root device", "Timed out waiting for device {device}, trying to mount anyway"]),
            says_when(87, &["mount: mounting {device} on /sysroot failed: No such file or directory", "mount: mounting {device} on /root failed: No such file or directory", "mount: mounting {device} on /mnt-root{directory} failed: No such file or directory"], |f| !f.has(Mark::SwitchRoot)),
            says_when(83, &[
                "root filesystem not found",
                "oot device not found",
                "oot partition not found",
                "nable to find root",
                "annot find root",
                "ould not find root",
                "ould not find the root",
                "oot filesystem not found",
                "nable to locate root filesystem",
                "imeout waiting for root",
            ], |f| !f.has(Mark::SwitchRoot) && !f.has(Mark::RootMounted)),
            // Alpine: its boot medium, where it has no root=.
            says(84, &["Mounting boot media: failed"]),
            says(72, &["initramfs emergency recovery shell launched"]),
            says(84, &["Gave up waiting for root", "Giving up waiting for root", "Waiting for root file system ...", "ERROR: Failed to find root device", "Mounting root: device {device} not found"]),
            // A script of one's own that went on without a root device.
            says_when(73, &["{device}: Can't lookup blockdev", "{device}: Can't open blockdev"], |f| {
                f.has(Mark::InitRun) && f.panic.is_some() && !f.kernel_failed_root()
            }),
        ]),
    root("systemd-sysroot-mount-failed", "systemd in the initramfs cannot mount the root filesystem")
        .cause("The root device is there, but mounting it at /sysroot failed: no filesystem, another type, or damage.")
        .remedy(&["From its shell: `systemctl status sysroot.mount` and `journalctl -b` say why.", "`blkid` says what the device holds; correct `rootfstype=` and `rootflags=`, or repair it with `fsck`."])
        .rules(&[
            says(89, &["Failed to mount /sysroot", "Failed to mount sysroot.mount", "sysroot.mount: Mount process exited, code=exited, status=", "sysroot.mount: Failed with result 'exit-code'"]),
            says_when(83, &["Dependency failed for sysroot.mount", "Dependency failed for /sysroot"], |f| !f.has(Mark::DeviceTimeout) || f.root_was_seen()),
        ]),
    switch("switchroot-newroot-missing", "switch_root's new root does not exist")
        .cause("The directory that switch_root was to change to is not there.")
        .remedy(&["`mkdir /newroot` in the initramfs before mounting on it."])
        .rules(&[says(92, &[
            "switch_root: can't change directory to '{dir}'",
            "switch_root: failed to change directory to {dir}",
            "switch_root: chdir({dir}): No such file",
        ])]),
    switch("selinux-policy-missing", "SELinux has no policy to load")
        .cause("SELinux is enforcing, and its policy is missing or broken on the root filesystem.")
        .remedy(&["Boot once with `enforcing=0` or `selinux=0`, then `dnf reinstall selinux-policy-targeted` and `fixfiles onboot`."])
        .rules(&[says(96, &[
            "Failed to load SELinux policy",
            "Unable to load SELinux Policy. Machine is in enforcing mode",
            "Unable to load SELinux Policy",
            "SELinux: Could not open policy file",
        ])]),
    switch("switchroot-no-init", "The root filesystem has no init")
        .cause("The root filesystem was mounted, but holds no init to run ({init|/sbin/init}).")
        .remedy(&["Install one (`apt-get install systemd-sysv`), or name it: `init=/path` on the kernel command line.", "Check that root= names the right partition; an empty one looks the same.", "For systemd it needs /etc/os-release too."])
        .rules(&[
            says(94, &["handoff: 1 * failed step=find-init"]),
            says(91, &[
                "Target filesystem doesn't have requested {init}",
                " 2 init script ({init}) not found",
                "No init found. Try passing init= bootarg",
                "Cannot find init!",
                "annot find init",
                "sbin/init does not exist",
                "not found in new root. Launching emergency recovery shell",
                "A fatal error has probably occured since",
                "No /sbin/init, trying fallback",
                "Failed to execute /bin/sh, giving up",
                "does not seem to be an OS tree. os-release file is missing",
                "Failed to determine whether {path} is an OS tree",
                "ERROR: Root device mounted successfully, but {init} does not exist",
                "Target filesystem doesn't have {init}",
            ]),
            // Older initramfs-tools, whether a root is mounted or not.
            says_when(86, &["can't open /root/dev/console: no such file", "cannot open /root/dev/console: No such file"], |f| !f.has(Mark::RootMountFailed)),
            says_when(91, NOTHING_TO_RUN, |f| !f.has(Mark::RootMountFailed)),
            says(62, NOTHING_TO_RUN),
            says_when(80, SWITCH_FAILED, |_| true),
        ]),
    switch("switchroot-failed", "switch_root failed")
        .cause("Changing over to the root filesystem failed: {why|see the lines above}.")
        .remedy(&["From the emergency shell: `journalctl -b -u initrd-switch-root` says why.", "Check that the new root is a mount point and holds an init and os-release."])
        .rules(&[
            says(91, &["handoff: 1 * failed step=switch-root"]),
            shows(71, |f| f.died_as(&["switch_root", "run-init", "pivot_root"])),
            says(84, &[
                "switchroot: mount failed: {why}",
                "setuproot: {why}",
                "Failed to switch root: {why}",
                "Failed to execute switch root command: {why}",
                "switch_root: failed to mount moving {why}",
                "switch_root: failed to {why}",
                "switch_root: can't execute '{init}': {why}",
                "switch_root: error moving root",
                "switch_root: failed. Sorry.",
                "Something went very badly wrong in the initramfs",
                "run-init: {init}: {why}",
                "run-init: opening console: {why}",
                "run-init: moving root: {why}",
                "pivot_root: {why}",
            ]),
        ]),
    switch("switchroot-not-pid1", "switch_root was not run as PID 1")
        .cause("switch_root was started as a child of the init script, and works only in its place.")
        .remedy(&["Write `exec switch_root /newroot /sbin/init`."])
        .rules(&[
            says_when(89, &["Usage: switch_root ["], |f| f.comm.as_deref() != Some("switch_root") && !f.has(Mark::MountFailed)),
            says(93, &["switch_root: must be run as PID 1", "switch_root: PID must be 1", "switch_root: not pid 1"]),
        ]),
    switch("switchroot-not-mountpoint", "switch_root's new root is not mounted")
        .cause("Mounting the new root failed, and switch_root was called all the same.")
        .remedy(&["Check the mount: `mount /dev/vda2 /newroot || exec sh`.", "The messages above say why it failed."])
        .rules(&[
            says(93, &["switch_root: '{dir}' must be a mountpoint", "switch_root: not a mountpoint", "switch_root: '{dir}' not mount"]),
            says_when(93, &["run-init: current directory on the same filesystem as the root"], |f| !f.target_lacks_init()),
            says_when(85, &["Usage: switch_root ["], |_| true),
        ]),
    real("systemd-api-fs", "systemd cannot mount /proc, /sys, /dev or /run")
        .cause("The root filesystem lacks the directory {dir|/proc, /sys, /dev or /run} and is read-only, so that systemd cannot make it.")
        .remedy(&["`mkdir -p proc sys dev run tmp` in the root filesystem."])
        .rules(&[says(93, &["Failed to mount {fs} at {dir}: No such file or directory", "Failed to mount API filesystems"])]),
    real("systemd-no-default-target", "systemd has no default target")
        .cause("default.target is missing or points nowhere.")
        .remedy(&["`systemctl --root=ROOT set-default multi-user.target`."])
        .rules(&[says(93, &[
            "Failed to load default target",
            "Unit default.target not found",
            "Falling back to rescue.target",
            "Failed to start default target",
            "Failed to isolate default target",
            "Failed to load rescue target",
            "Failed to open initial transaction",
        ])]),
    real("systemd-device-timeout", "A device of /etc/fstab did not appear")
        .cause("systemd waited for {device|a device}, and it did not appear; without `nofail` that ends in emergency mode.")
        .remedy(&["Correct the UUID in /etc/fstab (`blkid` shows those that there are), or add `nofail,x-systemd.device-timeout=10`.", "If the root account is locked, boot with `init=/bin/bash rw` to edit it."])
        .rules(&[
            says_when(85, &["Timed out waiting for device {device}", "Job {device}.device/start timed out", "{device}.device: Job {job} timed out"], |f| !in_initrd(f) && stuck(f)),
            says_when(62, &["A start job is running for{device} (", "Job {device}.device/start running"], |f| !in_initrd(f) && !f.has(Mark::UserspaceAlive)),
        ]),
    real("systemd-mount-failed", "A mount of /etc/fstab failed")
        .cause("{unit|A filesystem} could not be mounted, which without `nofail` ends in emergency mode.")
        .remedy(&["`systemctl status` of the mount unit says why; correct /etc/fstab (type, options, device), or add `nofail`."])
        .rules(&[
            says_when(83, &["Failed to mount {unit}"], |f| !in_initrd(f) && f.has(Mark::Emergency)),
            says_when(84, &["Failed to start Remount Root and Kernel File Systems", "Failed to start systemd-remount-fs.service"], |f| !in_initrd(f) && f.has(Mark::Emergency)),
            says_when(70, &["Dependency failed for Local File Systems", "Dependency failed for local-fs.target"], |f| !in_initrd(f) && f.has(Mark::Emergency)),
        ]),
    real("systemd-froze", "systemd cannot go on")
        .cause("systemd stopped for good: {why|see the lines above}.")
        .remedy(&["The lines above say what it lacks: mostly a part of systemd itself, or a feature of the kernel.", "Boot with `init=/bin/bash rw` to mend it."])
        .rules(&[says(52, &["[!!!!!!] {why}", "Freezing execution"])]),
    real("systemd-emergency", "systemd ended in emergency mode")
        .cause("Something that the system cannot do without failed.")
        .remedy(&["`journalctl -xb -p err` and `systemctl --failed` in the emergency shell say what.", "If the root account is locked: `init=/bin/bash rw`, or `systemd.debug_shell`."])
        .rules(&[says(50, &[
            "You are in emergency mode",
            "Welcome to emergency mode",
            "Entering emergency mode",
            "Reached target Emergency Mode",
            "Reached target emergency.target",
            "Cannot open access to console, the root account is locked",
        ])]),
];
