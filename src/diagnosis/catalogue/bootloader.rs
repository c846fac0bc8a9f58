//! What boot loaders say: GRUB 2, shim, the kernel's EFI stub, U-Boot, syslinux, systemd-boot, QEMU's own.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Stage, Symptom, repeats_when, says, says_when, shows};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::Bootloader, title)
}

fn no_kernel(facts: &Facts) -> bool {
    !facts.kernel_spoke()
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

/// Where a boot ended whose loader went on after an error.
fn loader_or_root(facts: &Facts) -> Stage {
    match facts.kernel_failed_root() {
        true => Stage::RootMount,
        false => Stage::Bootloader,
    }
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
            says(95, &["^error: *file '{file}normal.mod' not found"]),
            // GRUB 1.9x named no file.
            says_when(86, &["^error: file not found"], |f| no_kernel(f) && f.has(Mark::GrubRescue)),
        ]),
    symptom("grub-no-such-partition", "GRUB's prefix names a partition that is not there")
        .cause("The partition that GRUB was installed with is gone or has another number.")
        .remedy(&[
            "From the prompt: `ls` shows the partitions; `set prefix=(hd0,gpt2)/boot/grub`, `insmod normal`, `normal`.",
            "Then install GRUB again: `grub-install`, `update-grub`.",
        ])
        .rules(&[says_when(90, &["^error: *no such partition"], no_kernel)]),
    symptom("grub-unknown-filesystem", "GRUB cannot read the filesystem at its prefix")
        .cause("The core image has no driver for the filesystem that its prefix is on, or the prefix names the wrong partition.")
        .remedy(&[
            "From the prompt: `ls (hd0,gpt1)/` on each partition, then `set prefix=...`, `insmod normal`, `normal`.",
            "Build the core image with the filesystem's module (`fat`, `ext2`, `btrfs`, `xfs`), or install GRUB again.",
        ])
        .rules(&[says_when(88, &["^error: *unknown filesystem"], no_kernel)]),
    symptom("grub-disk-not-found", "GRUB's root is a disk that is not there")
        .cause("grub.cfg names the disk {disk}, which this machine does not have.")
        .remedy(&["Let GRUB search instead: `search --set=root --file /vmlinuz` or `--fs-uuid UUID`.", "`ls` at the GRUB prompt shows the disks that there are."])
        .rules(&[says_when(90, &["^error: *disk '{disk}' not found", "^error: *no such disk"], no_kernel)]),
    symptom("grub-uuid-not-found", "GRUB finds no filesystem with that UUID or label")
        .cause("`search` in grub.cfg looks for {uuid}, which no filesystem of this machine has: it was formatted anew, or the disk is missing.")
        .remedy(&["Write the configuration again on the running system: `update-grub` or `grub2-mkconfig -o /boot/grub2/grub.cfg`.", "`blkid` shows the UUIDs that there are."])
        .rules(&[says(89, &["^error: *no such device: {uuid}"])]),
    symptom("grub-initrd-not-found", "GRUB does not find the initramfs")
        .cause("The `initrd` line of grub.cfg names {file}, which is not there; the kernel then starts without an initramfs.")
        .remedy(&[
            "Correct the path; it is relative to $root, so without /boot where that is a partition of its own.",
            "Or build the file: `update-initramfs -c -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`.",
        ])
        .rules(&[
            says_when(93, &["^error: *file '{file}' not found"], |f| is_initrd(&missing_file(f)) && !is_grubs_own(&missing_file(f))),
        ])
        .stage_of(loader_or_root),
    symptom("grub-no-config", "GRUB has no configuration")
        .cause("GRUB shows its prompt because there is no grub.cfg at its prefix.")
        .remedy(&[
            "`echo $prefix` at the prompt shows where it is looked for: put grub.cfg there, or build the core image with another prefix (`grub-mkimage -p`).",
            "To boot once: `configfile (hd0,gpt1)/EFI/BOOT/grub.cfg`.",
        ])
        .rules(&[
            says_when(88, &["^error: *file '{file}grub.cfg' not found"], no_kernel),
            says_when(60, &["Minimal BASH-like line editing is supported"], |f| {
                no_kernel(f) && f.grub_error.is_none()
            }),
        ]),
    symptom("grub-kernel-not-found", "GRUB does not find the kernel")
        .cause("The `linux` line of grub.cfg names {file}, which is not there.")
        .remedy(&[
            "Correct the path; it is relative to $root, so without /boot where that is a partition of its own.",
            "`ls /` at the GRUB prompt shows what is there.",
        ])
        .rules(&[says_when(91, &["^error: *file '{file}' not found"], |f| {
            no_kernel(f) && !is_initrd(&missing_file(f)) && !is_grubs_own(&missing_file(f))
        }),
            says_when(84, &["^error: file not found"], |f| no_kernel(f) && !f.has(Mark::GrubRescue)),
            says_when(84, &["^Error 15: File not found"], no_kernel),
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
        ], no_kernel)]),
    symptom("grub-symbol-not-found", "GRUB's modules and core image are of different versions")
        .cause("A module needs the symbol {symbol}, which the installed core image does not have: GRUB was updated only in part.")
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
        .rules(&[says(92, &["^error: *out of memory"])])
        .stage_of(loader_or_root),
    symptom("grub-initrd-too-big", "The initramfs is too big for the loader")
        .cause("The loader finds no place below its address limit that is large enough for the initramfs.")
        .remedy(&["Make the initramfs smaller, or compress it better (`COMPRESS=xz`).", "Use a newer GRUB and kernel, which load it above 4 GiB."])
        .rules(&[says(93, &["^error: *initrd is too big", "^error: *the initrd is bigger than", "^error: *no space for initrd", "^error: *couldn't allocate initrd"])]),
    symptom("grub-command-missing", "GRUB lacks the module of a command")
        .cause("grub.cfg uses the command `{command}`, whose module is neither in the core image nor at the prefix.")
        .remedy(&["Name the module when you build the core image (`linux` for linux and initrd, `search`, `all_video`, ...), or install the modules at the prefix.", "`linuxefi` and `initrdefi` are commands of some distributions only: write `linux` and `initrd`."])
        .rules(&[
            says_when(87, &["^error: *can't find command '{command}'", "^Unknown command '{command}'"], no_kernel),
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
    symptom("syslinux-part-missing", "Syslinux does not find its own files")
        .cause("ISOLINUX or SYSLINUX was started, and a part of it ({file|its second stage}) is missing, damaged, or of another version.")
        .remedy(&[
            "Copy isolinux.bin and ldlinux.c32 of one version to the same directory, /isolinux or /boot/isolinux.",
            "Make the ISO with `-boot-info-table -boot-load-size 4 -no-emul-boot`, which isolinux.bin is checked against.",
        ])
        .rules(&[says_when(93, &[
            "Failed to load {file}.c32",
            "{file}.c32: not a COM32R image",
            "isolinux.bin missing or corrupt",
            "Image checksum error, sorry",
        ], no_kernel)]),
    Symptom::new("arm-machine-unknown", Stage::KernelDecompress, "The kernel does not know this board")
        .cause("The kernel was given neither a device tree that fits nor the number of a machine that it was built for.")
        .remedy(&["Load the board's device tree and pass it: `bootz KERNEL INITRD ${fdt_addr_r}`, `FDT` or `FDTDIR` in extlinux.conf.", "Old kernels: set `machid` in U-Boot to a number of the list above."])
        .rules(&[says(95, &["unrecognized/unsupported machine ID", "Error: invalid dtb and unrecognized", "Error: invalid dtb {why}"])]),
    symptom("shim-loader-missing", "shim does not find GRUB")
        .cause("shim looks for grubx64.efi beside itself, and it is not there.")
        .remedy(&["Copy the signed GRUB next to shim: grubx64.efi into EFI/BOOT/ (or grubaa64.efi).", "shim as BOOTX64.EFI also reads EFI/VENDOR/BOOTX64.CSV through fbx64.efi."])
        .rules(&[says_when(92, &[
            "^Failed to open {file} - Not Found",
            "^Failed to load image {file}: Not Found",
            "^Failed to load image: Not Found",
            "start_image() returned Not Found",
        ], no_kernel),
            says_when(85, &["^Failed to load image {file}: {why}", "start_image() returned {why}"], no_kernel),
        ]),
    symptom("shim-image-not-verified", "shim stops because an image was not verified")
        .cause("The loader started an image without asking shim to verify it.")
        .remedy(&["Use the GRUB that belongs to this shim (with shim_lock), or turn Secure Boot off."])
        .rules(&[says_when(95, &[
            "Bootloader has not verified loaded image",
            "System is compromised.  halting",
            "System is compromised. halting",
        ], no_kernel)]),
    symptom("shim-verification-failed", "shim refuses the boot loader")
        .cause("shim does not accept the signature of what it is to start: unsigned, signed with another key, or revoked (SBAT).")
        .remedy(&[
            "Use the distribution's signed GRUB of the same generation as shim.",
            "Or enrol your key in MokManager: `mokutil --import key.der`.",
        ])
        .rules(&[says_when(92, &[
            "Verification failed: ({code}) Security Violation",
            "Verification failed: {why}",
            "SBAT self-check failed",
            "Verifying shim SBAT data failed: Security Policy Violation",
            "Secure Boot Image failed to verify with",
        ], no_kernel)]),
    symptom("efistub-initrd-not-found", "The EFI stub does not find the initrd= file")
        .cause("`initrd=` names a file that the volume the kernel was loaded from does not have.")
        .remedy(&["Write the path with backslashes, from the ESP's root: `initrd=\\initrd.img`.", "Check that the file is on the same partition as the kernel."])
        .rules(&[says(88, &[
            "EFI stub: ERROR: Failed to open file: {file}",
            "EFI stub: ERROR: Failed to open initrd",
            "Failed to open initrd file: {file}",
            "Failed to open file: {file}initr",
        ])]),
    symptom("efistub-initrd-load-failed", "The EFI stub cannot load the initramfs")
        .cause("The initramfs was found but could not be read or had no room in memory.")
        .remedy(&["Give the guest more memory, or make the initramfs smaller.", "Copy the file again; check the ESP with `fsck.fat -n`."])
        .rules(&[says(84, &[
            "EFI stub: ERROR: Failed to load initrd",
            "Failed to load initrd!",
            "Failed to alloc mem for initrd",
            "Failed to read initrd",
            "Failed to alloc highmem for initrds",
            "Failed to allocate highmem for files",
            "Failed to load initrd: ",
        ])]),
    symptom("efistub-exit-boot-services-failed", "The EFI stub cannot leave the firmware's boot services")
        .cause("ExitBootServices failed: the firmware's memory map changed under the stub, mostly a fault of the firmware.")
        .remedy(&["Update the firmware or the kernel; try the kernel argument `efi=nochunk` or `efi=no_disable_early_pci_dma`.", "Detach devices whose option ROMs disturb it."])
        .rules(&[says(92, &[
            "exit_boot() failed",
            "Exit boot services failed",
            "ExitBootServices failed",
            "Failed to exit boot services",
        ])]),
    symptom("efistub-no-cmdline", "The kernel was started by the firmware without a command line")
        .cause("The firmware started the program at the removable-media path, and nothing was said since: mostly a kernel as BOOTX64.EFI, which then has no command line, no initramfs and no serial console.")
        .remedy(&[
            "Make a unified kernel image with .cmdline and .initrd: `ukify build --linux=vmlinuz --initrd=initrd.img --cmdline='root=... console=ttyS0'`.",
            "Or put a boot loader at EFI/BOOT/BOOTX64.EFI.",
            "Where it is a loader: give it a serial console (`terminal_output serial console` in GRUB).",
        ])
        .rules(&[shows(40, |f| {
            f.has(Mark::LoaderStarts) && !f.has(Mark::LoaderLoads) && !f.has(Mark::ShellMap) && f.lines_after_loader == 0
        })])
        .stage_of(|_| Stage::RootMount),
    symptom("uboot-bad-kernel-image", "U-Boot does not accept the kernel image")
        .cause("The file that U-Boot was told to boot has not the format that the command expects, or is damaged.")
        .remedy(&["`bootm` needs a uImage or FIT, `booti` an arm64 Image, `bootz` a zImage: check with `iminfo` and `file`.", "Load it again: a wrong size or address damages it too."])
        .rules(&[says_when(91, &[
            "Bad Linux ARM64 Image magic!",
            "Bad Linux RISCV Image magic!",
            "Bad Linux ARM zImage magic!",
            "zimage: Bad magic!",
            "Wrong Image Format for {command} command",
            "ERROR: can't get kernel image!",
            "ERROR: Can't get kernel image!",
            "Verifying Checksum ... Bad Data CRC",
            "Verifying Checksum ... Bad Header Checksum",
            "Bad Magic Number",
            "ERROR -91: can't get kernel image",
        ], no_kernel)]),
    symptom("uboot-bad-initrd", "U-Boot does not accept the initramfs")
        .cause("What U-Boot was given as the initramfs is no such image, or was overwritten when the next file was loaded.")
        .remedy(&["Load it at an address that no other file reaches: `ramdisk_addr_r`, `kernel_addr_r` and `fdt_addr_r` have to lie farther apart than the files are long.", "`bootm` wants it packed: `mkimage -A arm64 -T ramdisk -C none -d initrd.img uInitrd`; `booti` and `bootz` take it plain as ADDRESS:SIZE."])
        .rules(&[says_when(92, &[
            "Wrong Ramdisk Image Format",
            "Wrong Ramdisk image format",
            "Ramdisk image is corrupt or invalid",
            "Ramdisk - allocation error",
        ], |f| no_kernel(f) || (f.kernel_failed_root() && !f.has_initramfs()))])
        .stage_of(loader_or_root),
    symptom("bootloader-kernel-not-found", "The boot loader does not find the kernel or the initramfs")
        .cause("The loader's configuration names a file that is not there.")
        .remedy(&["Correct the path in the loader's configuration (extlinux.conf, loader/entries/*.conf, boot.scr).", "List the partition from the loader: U-Boot `ls mmc 0:1 /boot`."])
        .rules(&[
            says_when(88, &[
                "Could not find kernel image: {file}",
                "^Error loading {file}: Not Found",
                "^Error opening {file}: Not Found",
                "Failed to load '{file}'",
                "No default or UI configuration directive found",
                "No DEFAULT or UI configuration directive found!",
                "Error preparing initrd: Not Found",
                "No loader found. Configuration files in {folder} are needed",
                "Loading {file}... failed: No such file or directory",
                "Loading {file}... failed!",
                "Error: Not Found while loading {file}",
            ], no_kernel),
            says_when(70, &[
                "** File not found {file} **",
                "** Unable to read file {file} **",
                "Retrieving file: {file} fail",
                "File not found {file}",
            ], no_kernel),
            says_when(66, &[
                "** Unrecognized filesystem type **",
                "** No partition table - {device} **",
                "** Invalid partition {number} **",
                "** Bad device specification {device} **",
                "** Bad device {device} **",
            ], no_kernel),
            // U-Boot, where it is left with its prompt.
            says_when(44, &["Card did not respond to voltage select", "No ethernet found.", "No valid bootdev", "Boot failed (err={number})"], no_kernel),
            // iPXE looks for scripts that need not be there, so that a firmware that goes on weighs more.
            says_when(48, &["{file}... No such file or directory (http{page}ipxe.org/", "Could not boot: {why} (http{page}ipxe.org/"], no_kernel),
        ]),
    Symptom::new("qemu-kernel-not-loadable", Stage::KernelDecompress, "QEMU cannot load the file given as -kernel")
        .cause("What was given as -kernel is not a kernel that QEMU can start: a text file, a damaged file, or an ELF vmlinux without a PVH note.")
        .remedy(&["Give it the bzImage: `file vmlinuz` has to say Linux kernel x86 boot executable bzImage."])
        .rules(&[says(95, &[
            "qemu: linux kernel too old to load a ram disk",
            "Error loading uncompressed kernel without PVH ELF Note",
            "qemu: could not load kernel '{file}'",
            "qemu: could not open kernel file '{file}'",
            "could not load kernel '{file}'",
            "qemu: invalid kernel header",
            "error loading uncompressed kernel",
        ])]),
];
