//! What GRUB says, from its first release to 2.12, with distributions' own words.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::bootloader::{loader_or_root, no_kernel};
use super::{Stage, Symptom, repeats_when, says, says_when};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::Bootloader, title)
}

/// The file that GRUB did not find, in lower case.
fn missing_file(facts: &Facts) -> String {
    facts.grub_file.as_deref().unwrap_or_default().to_ascii_lowercase()
}

fn is_initrd(file: &str) -> bool {
    ["init", "ramdisk", "ucode", "rootfs.cpio"].iter().any(|word| file.contains(word))
}

fn is_grubs_own(file: &str) -> bool {
    [".mod", ".lst", ".cfg", ".pf2", ".mo", ".gz.mo", ".png", ".txt", "grubenv"]
        .iter()
        .any(|end| file.ends_with(end))
}

pub(super) const SYMPTOMS: &[Symptom] = &[
    symptom("grub-rescue-no-normal", "GRUB finds none of its modules")
        .cause("GRUB's core image has no `normal` module and finds none at its prefix, so it has only its rescue shell.")
        .remedy(&[
            "Install the modules where the prefix points: `grub-install` again, or copy x86_64-efi/ to the directory that the message names.",
            "Or build the core image with `normal` in it: `grub-mkimage -O x86_64-efi -p /EFI/BOOT -o BOOTX64.EFI normal part_gpt fat linux ...`.",
            "From the prompt: `ls`, `set prefix=(hd0,gpt1)/boot/grub`, `insmod normal`, `normal`.",
        ])
        .rules(&[
            says(95, &["^error: *file {file}normal.mod* not found"]),
            // GRUB 1.9x named no file.
            says_when(86, &["^error: file not found"], |f| no_kernel(f) && f.has(Mark::GrubRescue)),
            says(95, &["Secure Boot forbids loading module from {file}normal.mod"]),
            says_when(90, &["^error: *variable 'prefix' isn't set"], no_kernel),
        ]),
    symptom("grub-no-such-partition", "GRUB's prefix names a partition that is not there")
        .cause("The partition that GRUB was installed with is gone or has another number.")
        .remedy(&[
            "From the prompt: `ls` shows the partitions; `set prefix=(hd0,gpt2)/boot/grub`, `insmod normal`, `normal`.",
            "Then install GRUB again: `grub-install`, `update-grub`.",
        ])
        .rules(&[says_when(90, &["^error: *no such partition", "^Error 22"], no_kernel)]),
    symptom("grub-unknown-filesystem", "GRUB cannot read the filesystem at its prefix")
        .cause("The core image has no driver for the filesystem that its prefix is on, or the prefix names the wrong partition.")
        .remedy(&[
            "From the prompt: `ls (hd0,gpt1)/` on each partition, then `set prefix=...`, `insmod normal`, `normal`.",
            "Build the core image with the filesystem's module (`fat`, `ext2`, `btrfs`, `xfs`), or install GRUB again.",
        ])
        .rules(&[says_when(88, &["^error: *unknown filesystem", "^Error 17"], no_kernel),
            says_when(80, &["^unknown filesystem"], |f| no_kernel(f) && f.has(Mark::GrubRescue))]),
    symptom("grub-disk-not-found", "GRUB's root is a disk that is not there")
        .cause("grub.cfg names {disk|a disk}, which this machine does not have.")
        .remedy(&["Let GRUB search instead: `search --set=root --file /vmlinuz` or `--fs-uuid UUID`.", "`ls` at the GRUB prompt shows the disks that there are."])
        .rules(&[says_when(90, &["^error: *disk {disk} not found", "^error: *no such disk", "^Error 21"], no_kernel)]),
    symptom("grub-uuid-not-found", "GRUB finds no filesystem with that UUID or label")
        .cause("`search` in grub.cfg looks for {uuid|an identifier}, which no filesystem of this machine has: it was formatted anew, or the disk is missing.")
        .remedy(&["Write the configuration again on the running system: `update-grub` or `grub2-mkconfig -o /boot/grub2/grub.cfg`.", "`blkid` shows the UUIDs that there are."])
        .rules(&[says(89, &["^error: *no such device: {uuid}"])]),
    symptom("grub-initrd-not-found", "GRUB does not find the initramfs")
        .cause("The `initrd` line of grub.cfg names {file|a file}, which is not there; the kernel then starts without an initramfs.")
        .remedy(&[
            "Correct the path; it is relative to $root, so without /boot where that is a partition of its own.",
            "Or build the file: `update-initramfs -c -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`.",
        ])
        .rules(&[
            says_when(93, &["^error: *file {file} not found"], |f| is_initrd(&missing_file(f)) && !is_grubs_own(&missing_file(f))),
        ])
        .stage_of(loader_or_root),
    symptom("grub-no-config", "GRUB has no configuration")
        .cause("GRUB shows its prompt because there is no grub.cfg at its prefix.")
        .remedy(&[
            "`echo $prefix` at the prompt shows where it is looked for: put grub.cfg there, or build the core image with another prefix (`grub-mkimage -p`).",
            "To boot once: `configfile (hd0,gpt1)/EFI/BOOT/grub.cfg`.",
        ])
        .rules(&[
            says_when(88, &["^error: *file {file}grub.cfg* not found"], no_kernel),
            says_when(60, &["Minimal BASH-like line editing is supported"], |f| {
                no_kernel(f) && f.grub_error.is_none()
            }),
        ]),
    symptom("grub-kernel-not-found", "GRUB does not find the kernel")
        .cause("The `linux` line of grub.cfg names {file|a file}, which is not there.")
        .remedy(&[
            "Correct the path; it is relative to $root, so without /boot where that is a partition of its own.",
            "`ls /` at the GRUB prompt shows what is there.",
        ])
        .rules(&[says_when(91, &["^error: *file {file} not found"], |f| {
            no_kernel(f) && !is_initrd(&missing_file(f)) && !is_grubs_own(&missing_file(f))
        }),
            says_when(84, &["^error: file not found"], |f| no_kernel(f) && !f.has(Mark::GrubRescue)),
            says_when(84, &["^Error 15", "^error: *invalid file name '{file}'"], no_kernel),
        ]),
    symptom("kernel-truncated", "The kernel's file is cut short")
        .cause("GRUB came to the end of the kernel's file before the kernel was whole.")
        .remedy(&["Copy it again and compare: `cmp vmlinuz /boot/vmlinuz-{kernel|VERSION}`; check the partition for space."])
        .rules(&[says_when(92, &[
            "^error: *premature end of file",
            "^error: *couldn't read * bytes",
            "^error: *attempt to read past the end of file",
        ], no_kernel)]),
    symptom("grub-bad-shim-signature", "Secure Boot: GRUB refuses the kernel")
        .cause("shim does not accept the kernel's signature: it is unsigned, was changed after signing, or its key is not enrolled.")
        .remedy(&[
            "Copy the distribution's signed kernel again: `sbverify --list vmlinuz` shows its signatures.",
            "Or enrol your key: `mokutil --import key.der`; or turn Secure Boot off.",
        ])
        .rules(&[says_when(94, &[
            "^error: *bad shim signature",
            "^error: *shim_lock protocol not found",
            "^error: *verification requested but nobody cares",
            "^error: *prohibited by secure boot policy",
            "^error: *has invalid signature",
            "^error: *bad signature",
            "^error: *public key {key} not found",
        ], no_kernel)]),
    symptom("grub-bad-kernel", "The file is no kernel that the loader can start")
        .cause("What the `linux` line names is not a kernel of this architecture (on x86 a bzImage).")
        .remedy(&["Check it: `file vmlinuz` has to say Linux kernel x86 boot executable bzImage (not gzip data, not vmlinux).", "Copy arch/x86/boot/bzImage or the distribution's vmlinuz."])
        .rules(&[says_when(90, &[
            "^error: *invalid magic number",
            "^error: *invalid magic",
            "^error: *unknown image type",
            "^error: *unsupported machine type",
            "^error: *invalid arch",
            "^error: *plain image kernel not supported",
            "^error: *kernel too old",
            "^error: *zImage doesn't",
            "^error: *cannot load image",
            "^error: *invalid arch-dependent ELF magic",
            "^Invalid or corrupt kernel image",
            "^Error 13",
            "^error: *invalid zImage",
            "Booting kernel failed: {why}",
            "boot image magic number invalid",
            "Invalid boot image header",
            "^Error loading {file}: Unsupported",
            "^Error loading {file}: Load Error",
            "Error loading EFI binary {file}: Unsupported",
            "Error loading EFI binary {file}: Load Error",
            "Could not boot image: {why}",
        ], no_kernel), says_when(80, &["^invalid magic number"], no_kernel)]),
    symptom("grub-symbol-not-found", "GRUB's modules and core image are of different versions")
        .cause("A module needs the symbol {symbol|that is named below}, which the installed core image does not have: GRUB was updated only in part.")
        .remedy(&["Install GRUB on the disk that the machine boots from: `grub-install /dev/sda` (BIOS) or `grub-install --target=x86_64-efi` (UEFI), then `update-grub`."])
        .rules(&[says_when(95, &[
            "^error: *symbol '{symbol}' not found",
            "^symbol '{symbol}' not found",
            "^error: *symbol not found: '{symbol}'",
            "^Symbol not found: '{symbol}'",
            "symbol 'grub_{symbol}' not found",
        ], no_kernel)]),
    symptom("grub-syntax-error", "grub.cfg has a syntax error")
        .cause("GRUB cannot read its configuration.")
        .remedy(&["`grub-script-check /boot/grub/grub.cfg` names the line.", "Do not edit grub.cfg by hand: change /etc/default/grub and run `update-grub`."])
        .rules(&[says_when(92, &["^error: *syntax error", "^Syntax error at line {line}", "^error: *Incorrect command", "^error: *unexpected end of file"], no_kernel)]),
    symptom("grub-out-of-memory", "GRUB has not enough memory for the kernel or the initramfs")
        .cause("GRUB could not allocate memory for a file: the machine has too little for the kernel, or for an initramfs that is too large.")
        .remedy(&["Give the guest more memory.", "Make the initramfs smaller: `MODULES=dep` in /etc/initramfs-tools/initramfs.conf, or `dracut --hostonly`."])
        .rules(&[says(92, &["^error: *out of memory", "^error: *cannot allocate kernel", "^error: *cannot allocate cmdline", "^error: *can't allocate kernel", "^error: *can't allocate initrd", "^Error 28"])])
        .stage_of(loader_or_root),
    symptom("grub-initrd-too-big", "The initramfs is too big for the loader")
        .cause("The loader finds no place below its address limit that is large enough for the initramfs.")
        .remedy(&["Make the initramfs smaller, or compress it better (`COMPRESS=xz`).", "Use a newer GRUB and kernel, which load it above 4 GiB."])
        .rules(&[says(93, &["^error: *initrd is too big", "^error: *the initrd is bigger than", "^error: *no space for initrd", "^error: *couldn't allocate initrd"])]),
    symptom("grub-command-missing", "GRUB lacks the module of a command")
        .cause("grub.cfg uses the command `{command}`, whose module is neither in the core image nor at the prefix.")
        .remedy(&["Name the module when you build the core image (`linux` for linux and initrd, `search`, `all_video`, ...), or install the modules at the prefix.", "`linuxefi` and `initrdefi` are commands of some distributions only: write `linux` and `initrd`."])
        .rules(&[
            says_when(91, &["^error: *can't find command {command}", "^Unknown command '{command}'", "Secure Boot forbids loading module from {command}"], no_kernel),
        ]),
    symptom("grub-kernel-not-loaded", "GRUB's initrd line comes before a kernel is loaded")
        .cause("`initrd` was run although no kernel is loaded: the `linux` line is missing, comes later, or has failed.")
        .remedy(&["Write `linux` before `initrd`, and read the error above this one."])
        .rules(&[says_when(50, &["^error: *you need to load the kernel first", "^you need to load the kernel first"], no_kernel)]),
    symptom("grub-menu-waiting", "GRUB's menu waits for a key")
        .cause("The menu has no timeout, so nothing is booted until somebody presses a key.")
        .remedy(&["Put `set timeout=0` into grub.cfg (GRUB_TIMEOUT=0 in /etc/default/grub).", "After a failed boot GRUB waits on purpose: `GRUB_RECORDFAIL_TIMEOUT=0`."])
        .rules(&[says_when(45, &[
            "Press enter to boot the selected OS",
            "to select which entry is highlighted",
        ], |f| no_kernel(f) && f.grub_error.is_none() && !f.has(Mark::LoaderLoads))]),
    symptom("loader-resets", "The loader resets the machine again and again")
        .cause("The firmware starts the loader, and the loader resets the machine before it starts a kernel.")
        .remedy(&[
            "A grub.cfg that GRUB 2.12 wrote asks `fwsetup --is-supported`, which older versions take for `fwsetup`, a reset: remove that part (/etc/grub.d/30_uefi-firmware), or install the GRUB that wrote it.",
            "Look for `reboot`, `halt` and `fwsetup` in grub.cfg that are not inside of a menu entry.",
        ])
        .rules(&[
            repeats_when(70, &["^Welcome to GRUB!", "^BdsDxe: starting Boot"], 3, no_kernel),
        ]),
];
