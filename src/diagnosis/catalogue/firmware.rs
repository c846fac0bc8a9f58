//! What the firmware says when it finds nothing to start (EDK II's BdsDxe and UEFI shell, SeaBIOS).

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Rule, Stage, Symptom, says, says_when, shows};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::Firmware, title)
}

const NOTHING_STARTED: &[&str] =
    &["^BdsDxe: No bootable option or device was found", "^UEFI Interactive Shell"];

/// Nothing that the firmware started got any further.
fn stuck(facts: &Facts) -> bool {
    !facts.kernel_spoke() && !facts.has(Mark::LoaderLoads) && facts.grub_error.is_none()
}

/// As before, and no program was started: what a loader that ended says is of its own.
fn unstarted(facts: &Facts) -> bool {
    stuck(facts) && !facts.has(Mark::LoaderEnded)
}

const fn in_shell(weight: u8, when: fn(&Facts) -> bool) -> Rule {
    says_when(weight, NOTHING_STARTED, when)
}

pub(super) const SYMPTOMS: &[Symptom] = &[
    symptom("secure-boot-denied", "Secure Boot refuses the boot loader")
        .cause("Secure Boot is on and the loader is not signed by a key that the firmware trusts.")
        .remedy(&[
            "Use the distribution's signed shim and GRUB: `apt-get install shim-signed grub-efi-amd64-signed`.",
            "Or sign the loader with your own key and enrol it: `sbsign --key db.key --cert db.crt BOOTX64.EFI`.",
            "Or boot with Secure Boot off: use the variable store without enrolled keys (OVMF_VARS_4M.fd, not OVMF_VARS_4M.ms.fd).",
        ])
        .rules(&[
            says_when(95, &[
                "^BdsDxe: failed to load Boot{entry}: Access Denied",
                "^BdsDxe: failed to load Boot{entry}: Security Violation",
                "DxeImageVerificationLib: Image is not signed",
                "Secure Boot Violation",
                "Image Authorization Failed",
                "signed image's hash is not allowed (DB)",
                "image's hash and certificate are not allowed (DB)",
                    "Selected boot image did not authenticate",
                "Invalid signature detected. Check Secure Boot Policy",
                "found in SecureBoot exclusion database",
            ], |f| !f.kernel_spoke()),
            says_when(60, &["^BdsDxe: failed to start Boot{entry}: Security Violation"], |f| !f.kernel_spoke()),
        ]),
    symptom("uefi-loader-wrong-arch", "The boot loader is for another processor")
        .cause("The file at the removable-media path is an EFI program for another architecture than the firmware's.")
        .remedy(&[
            "Check it: `file BOOTX64.EFI` has to say x86-64 for BOOTX64.EFI, Aarch64 for BOOTAA64.EFI.",
            "Copy the loader of the machine's architecture to the ESP.",
        ])
        .rules(&[
            says(97, &["^Image type {type} can't be loaded on {machine} UEFI system"]),
            says_when(70, &["^BdsDxe: failed to load Boot{entry}: Unsupported"], stuck),
        ]),
    symptom("uefi-loader-truncated", "The boot loader file is damaged or cut short")
        .cause("The firmware found the loader's file, but cannot load it as an EFI program: mostly it was cut short when it was copied.")
        .remedy(&[
            "Compare it with the original: `cmp BOOTX64.EFI /path/to/original`, and copy it again.",
            "Check the ESP for space and errors: `fsck.fat -n`.",
        ])
        .rules(&[says_when(88, &[
            "^BdsDxe: failed to load Boot{entry}: Unsupported",
            "^BdsDxe: failed to load Boot{entry}: Load Error",
            "^BdsDxe: failed to load Boot{entry}: Volume Corrupted",
        ], stuck)]),
    symptom("uefi-loader-not-pe", "The boot loader file is no EFI program")
        .cause("The file at the removable-media path is not a PE image, for example an ELF program or a script.")
        .remedy(&["Check it: `file BOOTX64.EFI` has to say PE32+ executable (EFI application).", "Copy the real loader to the ESP."])
        .rules(&[
            says_when(68, &["^BdsDxe: failed to load Boot{entry}: Unsupported"], stuck),
            in_shell(54, |f| unstarted(f) && f.has(Mark::MapFilesystem)),
        ]),
    symptom("uefi-ram-too-small", "The machine has too little memory for its firmware")
        .cause("Even the firmware's own shell could not be loaded, which fails for want of memory.")
        .remedy(&["Give the guest at least 256 MiB: `qemu-system-x86_64 -m 256`."])
        .rules(&[says_when(92, &[
            "^BdsDxe: failed to load Boot{entry} 'EFI Internal Shell' from {path}: Not Found",
            "^BdsDxe: failed to load Boot{entry}: Out of Resources",
        ], stuck)]),
    symptom("uefi-no-bootable-device", "The machine has no disk to boot from")
        .cause("The firmware lists no disk at all.")
        .remedy(&["Attach the disk: `-drive if=virtio,format=raw,file=disk.img`, and check that the firmware has a driver for its bus."])
        .rules(&[in_shell(86, |f| unstarted(f) && f.has(Mark::ShellMap) && !f.map_disks)]),
    symptom("uefi-disk-is-bios-only", "The disk has no partition that UEFI can read")
        .cause("The firmware sees a disk but no partition on it: the disk was made for BIOS boot, or its partition table is missing or damaged.")
        .remedy(&[
            "Look at it: `bootwright inspect disk.img` or `sgdisk -p disk.img`.",
            "Create a GPT with an EFI System Partition (type EF00, FAT) that holds EFI/BOOT/BOOTX64.EFI, or boot it with BIOS firmware.",
        ])
        .rules(&[in_shell(86, |f| unstarted(f) && f.map_disks && !f.map_partitions && !f.has(Mark::MapFilesystem))]),
    symptom("uefi-esp-not-fat", "The EFI System Partition is not FAT")
        .cause("The firmware sees a partition, but no filesystem that it can read on it: the ESP is not formatted as FAT.")
        .remedy(&["Check it: `blkid -p -O OFFSET disk.img`.", "Make it again as FAT: `mkfs.vfat -F 32 -n ESP PARTITION`, then copy the loader to EFI/BOOT/BOOTX64.EFI."])
        .rules(&[in_shell(86, |f| unstarted(f) && f.map_partitions && !f.has(Mark::MapFilesystem))]),
    symptom("uefi-no-fallback-loader", "The ESP has no EFI/BOOT/BOOTX64.EFI")
        .cause("The firmware reads the ESP but finds no loader at the removable-media path, and its variables name none.")
        .remedy(&[
            "Copy the loader there: `mcopy -i esp.img grubx64.efi ::/EFI/BOOT/BOOTX64.EFI` (BOOTAA64.EFI on AArch64).",
            "Or with GRUB on the running system: `grub-install --removable`.",
        ])
        .rules(&[in_shell(82, |f| unstarted(f) && f.has(Mark::MapFilesystem))]),
    symptom("uefi-loader-in-vendor-dir", "The loader lies only in a vendor's directory")
        .cause("The loader is there, but only as EFI/VENDOR/grubx64.efi, and the variables that name it did not move with the disk.")
        .remedy(&["Copy it to EFI/BOOT/BOOTX64.EFI.", "Or tell the firmware: `efibootmgr -c -d /dev/vda -p 1 -L Linux -l '\\EFI\\debian\\shimx64.efi'`."])
        .rules(&[in_shell(58, |f| unstarted(f) && f.has(Mark::MapFilesystem))]),
    symptom("uefi-loader-empty", "The boot loader file is empty")
        .cause("EFI/BOOT/BOOTX64.EFI is there but has no content: copying it failed, mostly for want of space.")
        .remedy(&["Check its size: `mdir -i esp.img ::/EFI/BOOT`, and copy it again."])
        .rules(&[in_shell(56, |f| unstarted(f) && f.has(Mark::MapFilesystem))]),
    symptom("uefi-not-found", "The firmware found nothing to boot")
        .cause("None of the firmware's boot entries could be started.")
        .remedy(&[
            "Check that the disk is attached, and what is on it: `bootwright inspect disk.img`.",
            "A disk for UEFI needs a FAT partition of type EF00 with EFI/BOOT/BOOTX64.EFI; a disk for BIOS needs a loader in its first sector.",
        ])
        .rules(&[
            says_when(50, &[
                "^BdsDxe: failed to start Boot{entry}",
                "^BdsDxe: No bootable option or device was found",
                "^UEFI Interactive Shell",
                "Boot failed: not a bootable disk",
                "^No bootable device",
                "No bootable medium found",
                "Operating System not found",
                "^Missing operating system",
                "No Operating System was Loaded",
                "Reboot and Select proper Boot device",
                "The boot loader did not load an operating system",
                "No operating system was loaded",
                "No boot device found",
                "No boot device available",
                "No bootable devices found",
                "Default Boot Device Missing or Boot Failed",
                "Boot Failed. {device}",
                "^Boot failed: {device}",
                "Could not read from the boot medium",
                "E3404: Not a bootable device",
                "Nothing to boot: {why}",
                "PXE-E{number}: ",
                "No more network devices",
                "Boot Device Not Found",
                "Boot device not found",
                "No operating system found",
                "Disk boot failure, insert system disk",
                "DISK BOOT FAILURE, INSERT SYSTEM DISK",
                "Non-System disk or disk error",
                "This is not a bootable disk",
                "^Operating system load error",
                "Error loading operating system",
                "^Boot error",
                "No active partition",
                "zIPL load failed",
                "No zIPL section",
                "Cannot read stage2 boot loader",
                "EFI boot manager: Cannot load any image",
                "E3405: No such device",
                "E3406: Open of device failed",
                "No suitable device for IPL",
                "Could not find a suitable boot device",
                "Failed to IPL",
                "EFI {device}... unsuccessful.",
            ], stuck),
            says_when(42, &["^BdsDxe: failed to load Boot{entry}: "], |f| stuck(f) && !f.has(Mark::LoaderStarts)),
        ]),
    symptom("efi-program-crashed", "A program crashed in the firmware")
        .cause("The firmware, the boot loader or the kernel's EFI stub caused an exception of the processor ({what|see the lines below}), and the firmware stopped.")
        .remedy(&[
            "The program that was started last is the likely one: copy it again (GRUB's core image, shim, the kernel), or use another version.",
            "Try other firmware: newer OVMF forbids writing to code (`W^X`), which old GRUB, shim and Windows loaders do not stand.",
            "Try another accelerator or processor model: `-accel tcg`, `-cpu max`.",
        ])
        .rules(&[says_when(94, &[
            "!!!! X64 Exception Type - {what}  CPU",
            "!!!! X64 Exception Type - {what}",
            "!!!! IA32 Exception Type - {what}",
            "!!!! RISCV64 Exception Type - {what}",
            "!!!! LoongArch64 Exception Type - {what}",
            "{what} Exception at 0x",
            // U-Boot.
            "'{what}' handler, esr ",
            "^data abort",
            "^prefetch abort",
            "^undefined instruction",
            "Unhandled exception: {what}",
        ], |f| !f.kernel_spoke())])
        .stage_of(|f| match f.has(Mark::LoaderStarts) || f.has(Mark::LoaderLoads) {
            true => Stage::Bootloader,
            false => Stage::Firmware,
        }),
    symptom("ovmf-secboot-needs-smm", "Secure Boot firmware without System Management Mode")
        .cause("OVMF built with Secure Boot needs SMM, which this machine does not offer, and stops.")
        .remedy(&["Start QEMU with `-machine q35,smm=on -global driver=cfi.pflash01,property=secure,value=on`.", "Or use the firmware without Secure Boot (OVMF_CODE_4M.fd)."])
        .rules(&[says(90, &["SmmAccess2Dxe", "PlatformPei: SMM is required", "ASSERT *SmmAccessPei.c", "QEMU offers no SMRAM"])]),
    symptom("ovmf-vars-mismatch", "Firmware code and variable store do not fit")
        .cause("CODE and VARS of OVMF are of different sizes (2M and 4M builds): the variables cannot be stored.")
        .remedy(&["Pair files of one build: OVMF_CODE_4M.fd with a copy of OVMF_VARS_4M.fd."])
        .rules(&[
            says(90, &["ASSERT *EmuVariableFvbRuntimeDxe", "Firmware Volume for Variable Store is corrupted", "NvVarStore FV headers were invalid", "NvVarStore Variable header"]),
            shows(0, |_| false),
        ]),
];
