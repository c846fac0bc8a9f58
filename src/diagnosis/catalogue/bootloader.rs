//! What boot loaders say, but for GRUB: shim, the kernel's EFI stub, U-Boot, syslinux, systemd-boot,
//! QEMU's own.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Stage, Symptom, says, says_when, shows};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::Bootloader, title)
}

/// What a loader says counts only where no kernel came after it.
pub(super) fn no_kernel(facts: &Facts) -> bool {
    !facts.kernel_spoke()
}

/// Where a boot ended whose loader went on after an error.
pub(super) fn loader_or_root(facts: &Facts) -> Stage {
    match facts.kernel_failed_root() {
        true => Stage::RootMount,
        false => Stage::Bootloader,
    }
}

pub(super) const SYMPTOMS: &[Symptom] = &[
    symptom("syslinux-part-missing", "Syslinux does not find its own files")
        .cause("ISOLINUX or SYSLINUX was started, and a part of it ({file|its second stage}) is missing, damaged, or of another version.")
        .remedy(&[
            "Copy isolinux.bin and ldlinux.c32 of one version to the same directory, /isolinux or /boot/isolinux.",
            "Make the ISO with `-boot-info-table -boot-load-size 4 -no-emul-boot`, which isolinux.bin is checked against.",
        ])
        .rules(&[says_when(93, &[
            "Failed to load {file}.c32",
            "{file}.c32: not a COM32R image",
            "{file}.c32 not found",
            "isolinux.bin missing or corrupt",
            "Image checksum error, sorry",
        ], no_kernel)]),
    Symptom::new("arm-machine-unknown", Stage::KernelDecompress, "The kernel does not know this board")
        .cause("The kernel was given neither a device tree that fits nor the number of a machine that it was built for.")
        .remedy(&["Load the board's device tree and pass it: `bootz KERNEL INITRD ${fdt_addr_r}`, `FDT` or `FDTDIR` in extlinux.conf.", "Old kernels: set `machid` in U-Boot to a number of the list above."])
        .rules(&[says(95, &["unrecognized/unsupported machine ID", "Error: invalid dtb and unrecognized", "Error: invalid dtb {why}", "invalid device tree blob at physical address", "No suitable machine description found", "No suitable machine found"])]),
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
            "Failed to load image: Security",
            "Failed to load image {file}: Security",
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
            "EFI stub: ERROR: Failed to allocate memory for files",
            "EFI stub: ERROR: Failed to read file",
            "Failed to load initrd!",
            "Failed to alloc mem for initrd",
            "Failed to read initrd",
            "Failed to alloc highmem for initrds",
            "Failed to allocate highmem for files",
            "Failed to load initrd: ",
            "Error preparing initrd: ",
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
            "Wrong Image Type for {command} command",
            "Unsupported Architecture 0x",
            "Bad FIT kernel image format",
            "Can't get FIT image",
            "Bad hash value for ",
            "Could not find configuration node",
            "Failed to verify required signature",
            "must RESET board to recover",
            "Must RESET board to recover",
            "^Bad Header Checksum",
            "^Bad Data CRC",
            "ERROR: booting os",
            "Bad gzipped data",
        ], no_kernel)]),
    symptom("uboot-bad-initrd", "U-Boot does not accept the initramfs")
        .cause("What U-Boot was given as the initramfs is no such image, or was overwritten when the next file was loaded.")
        .remedy(&["Load it at an address that no other file reaches: `ramdisk_addr_r`, `kernel_addr_r` and `fdt_addr_r` have to lie farther apart than the files are long.", "`bootm` wants it packed: `mkimage -A arm64 -T ramdisk -C none -d initrd.img uInitrd`; `booti` and `bootz` take it plain as ADDRESS:SIZE."])
        .rules(&[says_when(92, &[
            "Wrong Ramdisk Image Format",
            "Wrong Ramdisk image format",
            "Ramdisk image is corrupt or invalid",
            "Ramdisk - allocation error",
            "ERROR: RD image overlaps OS image",
        ], |f| no_kernel(f) || (f.kernel_failed_root() && !f.has_initramfs()))])
        .stage_of(loader_or_root),
    symptom("uboot-no-device-tree", "U-Boot has no device tree for the kernel")
        .cause("The kernel needs the board's device tree, and what U-Boot was given as such is missing, damaged, or overwritten by another file.")
        .remedy(&["Load it: `load mmc 0:1 ${fdt_addr_r} /boot/BOARD.dtb`, then `fdt addr ${fdt_addr_r}`, and pass it as the last argument of `booti`, `bootz` or `bootm`; `FDT` or `FDTDIR` in extlinux.conf.", "Let `kernel_addr_r`, `ramdisk_addr_r` and `fdt_addr_r` lie farther apart than the files are long."])
        .rules(&[says_when(90, &[
            "Could not find a valid device tree",
            "Did not find a cmdline Flattened Device Tree",
            "FDT and ATAGS support not compiled in",
            "reserving fdt memory region failed",
            "ERROR: FDT image overlaps OS image",
            "FDT creation failed",
            "libfdt fdt_check_header(): {why}",
        ], no_kernel)]),
    symptom("bootloader-kernel-not-found", "The boot loader does not find the kernel or the initramfs")
        .cause("The loader's configuration names a file that is not there.")
        .remedy(&["Correct the path in the loader's configuration (extlinux.conf, loader/entries/*.conf, boot.scr).", "List the partition from the loader: U-Boot `ls mmc 0:1 /boot`."])
        .rules(&[
            says_when(88, &[
                "Could not find kernel image: {file}",
                "Error loading {file}: Not Found",
                "Error opening initrd {file}",
                "an not find Kernel File: {file}",
                "Could not find ramdisk image: {file}",
                "No configuration file found",
                "Unable to locate configuration file",
                "qemu: error reading initrd {file}",
                "could not load initrd '{file}'",
                "could not load ramdisk '{file}'",
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
                "TFTP error: 'File not found'",
                "TFTP error: {why}",
            ], no_kernel),
            says_when(66, &[
                "** Unrecognized filesystem type **",
                "** No partition table - {device} **",
                "** Invalid partition {number} **",
                "** Bad device specification {device} **",
                "** Bad device {device} **",
                "** Can't read partition table on {device} **",
                "Couldn't find partition {device}",
                "SPL: failed to boot from all boot devices",
                "SPL: Unsupported Boot Device",
                "Retry time exceeded; starting again",
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
