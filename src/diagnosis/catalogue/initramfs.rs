//! What the kernel says of the initramfs (`init/initramfs.c`, `lib/decompress_*.c`, `init/do_mounts_rd.c`),
//! and what early userspace says of its modules and programs.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Stage, Symptom, repeats, says, says_when, shows};

const fn unpack(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::InitramfsUnpack, title)
}

const fn early(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::InitramfsRun, title)
}

const REBUILD: &[&str] = &[
    "Build it again: `update-initramfs -u -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`.",
    "Compare size and checksum of the file that the loader reads with the one that you built.",
];

/// An init of the initramfs ran, so that what was unpacked sufficed.
fn went_on(facts: &Facts) -> bool {
    facts.has(Mark::InitRun) && facts.exec_error().is_none() && facts.panic.is_none()
}

/// The boot came to an end in early userspace: what modules and programs complain of on a boot that
/// goes on is no reason for anything.
fn ended_badly(facts: &Facts) -> bool {
    let ends = [Mark::Emergency, Mark::RootMissing, Mark::RootMountFailed, Mark::NoWorkingInit];
    facts.panic.is_some()
        || facts.kernel_failed_root()
        || (facts.has(Mark::MountFailed) && !facts.has(Mark::PseudoMount))
        || ends.into_iter().any(|mark| facts.has(mark))
}

fn stopped(facts: &Facts) -> bool {
    !went_on(facts)
}

/// Enough was unpacked for the size of the archive to tell something, in KiB.
const SMALL_ARCHIVE: u64 = 16;

pub(super) const SYMPTOMS: &[Symptom] = &[
    unpack("compression-not-configured", "The kernel cannot unpack this compression")
        .cause("The initramfs is compressed in a way that the kernel was built without.")
        .remedy(&["Compress it with gzip, or build the kernel with the option (CONFIG_RD_XZ=y, CONFIG_RD_ZSTD=y, CONFIG_RD_LZ4=y ...)."])
        .rules(&[says(96, &[
            "compression method {method} not configured",
            "RAMDISK: {method} decompressor not configured!",
            "Invalid ramdisk decompression routine.  Select appropriate config option",
        ])]),
    unpack("xz-unsupported-check", "The xz archive uses a check that the kernel does not know")
        .cause("The kernel's xz decoder knows CRC32 or no check only; xz writes CRC64 unless told otherwise.")
        .remedy(&["Compress it with `xz --check=crc32 --lzma2=dict=1MiB`."])
        .rules(&[says(96, &["Input was encoded with settings that are not supported by this XZ decoder"])]),
    unpack("zstd-window-too-large", "The zstd window is too large for the kernel")
        .cause("The archive was compressed with a window above what the kernel can allocate.")
        .remedy(&["Compress it with `zstd -19` without `--long` or `--ultra`."])
        .rules(&[says(96, &[
            "Out of memory while allocating ZSTD_DStream",
            "ZSTD-compressed data has too large a window",
            "ZSTD-compressed data has an incomplete header",
            "Frame requires too much memory for decoding",
            "ZSTD-compressed data requires too much memory",
        ])]),
    unpack("initramfs-out-of-memory", "The initramfs does not fit into memory")
        .cause("The kernel could not write all of the initramfs into its memory filesystem.")
        .remedy(&["Give the machine more memory (the compressed and the unpacked archive have to fit at the same time).", "Make the initramfs smaller: `MODULES=dep`, `dracut --hostonly`."])
        .rules(&[
            says(94, &[
                "Initramfs unpacking failed: write error",
                "rootfs image is not initramfs (write error)",
                "Kernel panic - not syncing: write error",
                "/initrd.image: incomplete write (",
            ]),
            says_when(89, &["unpack_to_rootfs+0x", "populate_rootfs+0x"], |f| {
                f.panic.as_deref().is_some_and(|why| why.contains("memory"))
            }),
            says_when(92, &["Initramfs unpacking failed: Out of memory", "XZ decompressor ran out of memory", "RAMDISK: incomplete write (-28"], stopped),
        ]),
    unpack("initramfs-truncated", "The initramfs is cut short")
        .cause("The compressed archive ends before its end: a copy or upload was cut off, or the disk was full.")
        .remedy(&["Test it: `gzip -t initrd.img`, `xz -t`, `zstd -t`, and compare its size.", "Build or copy it again: `update-initramfs -u -k {kernel|VERSION}`."])
        .rules(&[
            says(94, &[
                "Initramfs unpacking failed: read error",
                "ZSTD-compressed data is truncated",
                "rootfs image is not initramfs (read error)",
                "RAMDISK: EOF while reading compressed data",
                "Initramfs unpacking failed: unexpected EOF",
                "Initramfs unpacking failed: ZSTD-compressed data is probably corrupt",
            ]),
            says(84, &["Initramfs unpacking failed: XZ-compressed data is corrupt", "Initramfs unpacking failed: LZMA data is corrupt"]),
            says_when(86, &["LZ4_decompress", "unlz4+0x", "unlzo+0x"], |f| f.has(Mark::Oops) && !f.has(Mark::InitRun)),
            says_when(88, &["Failed to execute {init} (error -26)"], |f| f.has_initramfs()),
        ]),
    unpack("initramfs-bad-crc", "The initramfs has a wrong checksum")
        .cause("The archive was unpacked, but its checksum or length does not fit: it was changed after it was made.")
        .remedy(REBUILD)
        .rules(&[says(95, &["Initramfs unpacking failed: crc error", "Initramfs unpacking failed: length error"])]),
    unpack("initramfs-corrupt", "The initramfs is damaged")
        .cause("The kernel came upon data in the archive that is no archive: {why|see the lines below}.")
        .remedy(REBUILD)
        .rules(&[
            says_when(93, &[
                "Initramfs unpacking failed: {why}in compressed archive",
                "Initramfs unpacking failed: {why}within compressed archive",
                "rootfs image is not initramfs ({why}within compressed archive)",
                "rootfs image is not initramfs ({why}in compressed archive)",
            ], stopped),
            says(92, &[
                "Initramfs unpacking failed: {why}decompressor failed",
                "Initramfs unpacking failed: {why}invalid distance",
                "Initramfs unpacking failed: {why}incomplete",
                "Initramfs unpacking failed: {why}invalid compressed format (err=",
                "Initramfs unpacking failed: {why}ZSTD-compressed data is corrupt",
                "Initramfs unpacking failed: {why}Data integrity error",
                "Initramfs unpacking failed: {why}broken padding",
                "Initramfs unpacking failed: {why}uncompression error",
                "Initramfs unpacking failed: {why}bad compression method",
            ]),
            // LZ4 in Ubuntu's initramfs says this on boots that are well.
            says_when(90, &["Initramfs unpacking failed: {why}Decoding failed"], stopped),
            // The internal initramfs, which a kernel cannot do without.
            says(93, &[
                "Kernel panic - not syncing: junk {where}compressed archive",
                "Kernel panic - not syncing: broken padding",
                "Kernel panic - not syncing: decompressor failed",
                "Kernel panic - not syncing: no cpio magic",
            ]),
            says_when(70, &["Initramfs unpacking failed: {why}", "rootfs image is not initramfs ({why})"], stopped),
        ]),
    unpack("junk-inside-archive", "The initramfs holds bytes that belong to no archive")
        .cause("Inside of the compressed data something other than a cpio archive follows the archive's end; what came before it was unpacked.")
        .remedy(REBUILD)
        .rules(&[says_when(90, &["Initramfs unpacking failed: junk within compressed archive", "Initramfs unpacking failed: junk in compressed archive"], went_on)]),
    unpack("junk-after-archive", "Something follows the initramfs")
        .cause("After the end of the compressed archive there are bytes that are neither padding nor a further archive; what came before them was unpacked.")
        .remedy(&["Remove what follows the archive, or pad it with zero bytes to a multiple of four before you append another archive.", "Check how the loader rounds its size."])
        .rules(&[says_when(90, &["Initramfs unpacking failed: invalid magic at start of compressed archive", "Initramfs unpacking failed: junk at start of compressed archive"], went_on)]),
    unpack("initramfs-not-cpio", "The file given as initramfs is no initramfs")
        .cause("It is neither a cpio archive nor compressed in a way that the kernel knows ({why|its start is unknown}).")
        .remedy(&["Look at it: `file initrd.img`, `bootwright inspect initrd.img`.", "Point the loader at the real initramfs: a newc cpio archive, compressed or not."])
        .rules(&[
            says(88, &["rootfs image is not initramfs ({why}); looks like an initrd", "RAMDISK: Couldn't find valid RAM disk image starting at"]),
            // Kernels before 5.8 say so of an archive that is damaged as well.
            says_when(72, &["Initramfs unpacking failed: junk in compressed archive"], stopped),
            says_when(90, &["Initramfs unpacking failed: invalid magic at start of compressed archive", "Initramfs unpacking failed: junk in front of compressed archive"], stopped),
        ]),
    unpack("concat-misaligned", "Two archives were joined without the right padding")
        .cause("A further archive has to begin at a multiple of four bytes, with zero bytes before it.")
        .remedy(&["Pad with zero bytes: `truncate -s %4 first.cpio` before `cat first.cpio second.cpio.gz`."])
        .rules(&[says_when(66, &["Initramfs unpacking failed: invalid magic at start of compressed archive"], stopped)]),
    unpack("lz4-frame-format", "The lz4 archive is in the modern frame format")
        .cause("The kernel reads lz4's legacy format only.")
        .remedy(&["Compress it with `lz4 -l`."])
        .rules(&[says_when(62, &["Initramfs unpacking failed: invalid magic at start of compressed archive"], stopped)]),
    unpack("cpio-odc-format", "The archive is in the old portable cpio format")
        .cause("The kernel reads the newc format only (070701), not odc (070707).")
        .remedy(&["Write it with `cpio -o -H newc`."])
        .rules(&[says(96, &["incorrect cpio method used: use -H newc option"])]),
    unpack("initramfs-is-tar", "The initramfs is no cpio archive")
        .cause("It could be decompressed, but what it holds is no newc cpio archive: mostly it is a tar archive.")
        .remedy(&["Look at it: `zcat initrd.img | file -`.", "Pack it as newc: `cd tree && find . | cpio -o -H newc | gzip > ../initrd.img`."])
        .rules(&[says(90, &["Initramfs unpacking failed: no cpio magic", "rootfs image is not initramfs (no cpio magic)"])]),
    unpack("cpio-bin-format", "The archive is in cpio's binary format")
        .cause("`cpio -o` without `-H newc` writes a format that the kernel does not read.")
        .remedy(&["Write it with `cpio -o -H newc`."])
        .rules(&[says(68, &["Initramfs unpacking failed: no cpio magic"])]),
    unpack("double-compressed", "The archive was compressed twice")
        .cause("Under the compression there is another compressed file, not a cpio archive.")
        .remedy(&["Decompress it once and look: `zcat initrd.img | file -`; compress it once only."])
        .rules(&[says(64, &["Initramfs unpacking failed: no cpio magic"])]),
    unpack("cpio-bad-checksum", "A file in the initramfs has a wrong checksum")
        .cause("The archive is in the crc format (070702) and the checksum of a file does not fit.")
        .remedy(&["Build it again; write the newc format (070701), which has no checksums."])
        .rules(&[says(96, &["Initramfs unpacking failed: bad data checksum"])]),
    unpack("cpio-truncated-before-compress", "The cpio archive was cut short before it was compressed")
        .cause("The compressed data is whole, but the archive in it ends within an entry, without TRAILER!!!.")
        .remedy(&["Build it again and look at the exit codes of `find` and `cpio`: a full disk or a killed process cuts it short."])
        .rules(&[says(95, &["Initramfs unpacking failed: junk at the end of compressed archive"])]),
    Symptom::new("none-legacy-initrd", Stage::RootMount, "An old style initrd was used")
        .cause("The file is a filesystem image, not a cpio archive: the kernel loaded it into a RAM disk and mounted that.")
        .remedy(&["That is allowed, but deprecated: convert it: `find . | cpio -o -H newc`, and drop root=/dev/ram0."])
        .rules(&[
            says(92, &["RAMDISK: {fs} filesystem found at block"]),
            says_when(88, &["RAMDISK: {fs} image found at block"], |f| f.has(Mark::RootMounted)),
        ]),
    Symptom::new("initramfs-no-init", Stage::InitExec, "The initramfs has no /init")
        .cause("The kernel unpacked an initramfs but found no /init that it may use in it, and so tried to mount root= itself.")
        .remedy(&[
            "Look: `lsinitramfs initrd.img | grep -x init` or `bootwright initramfs ls initrd.img`.",
            "Put an executable /init at the archive's top: `cd tree && chmod 755 init && find . | cpio -o -H newc | gzip > ../initrd.img`.",
        ])
        .rules(&[
            says_when(92, &["check access for rdinit={init} failed: {errno}"], |f| f.has_initramfs() && f.argument("rdinit").is_none()),
            // A kernel without any initramfs says so too; one with root=/dev/ram0 was to have one.
            says_when(92, &["check access for rdinit={init} failed: {errno}"], |f| f.root_is_ram() && !f.has_start()),
            says_when(70, &["check access for rdinit={init} failed: {errno}"], |f| f.kernel_failed_root() && !f.has_start()),
            shows(85, |f| f.initramfs_ignored() && f.argument("rdinit").is_none() && f.unpack_error.is_none()),
        ]),
    Symptom::new("rdinit-missing", Stage::InitExec, "rdinit= names a file that the initramfs lacks")
        .cause("The kernel found no such file in the initramfs and so tried to mount root= itself.")
        .remedy(&["Correct or remove `rdinit=`; without it the kernel runs /init."])
        .rules(&[
            says_when(94, &["check access for rdinit={init} failed: {errno}"], |f| f.argument("rdinit").is_some()),
            shows(90, |f| f.initramfs_ignored() && f.argument("rdinit").is_some() && f.unpack_error.is_none()),
        ]),
    Symptom::new("initramfs-nested-dir", Stage::InitExec, "The archive was made from the parent directory")
        .cause("The archive holds everything one directory too deep: /initramfs/init instead of /init.")
        .remedy(&["Change into the tree first: `cd tree && find . | cpio -o -H newc`."])
        .rules(&[shows(62, |f| f.initramfs_ignored() && f.unpack_error.is_none() && f.argument("rdinit").is_none() && f.freed_kib.is_some_and(|kib| kib > SMALL_ARCHIVE))]),
    Symptom::new("init-dangling-symlink", Stage::InitExec, "/init is a symlink to nowhere")
        .cause("/init points to a file that is not in the archive.")
        .remedy(&["Include the target: `readlink -f` it in the tree that you pack."])
        .rules(&[
            says(88, &["Failed to execute {init} (error -40)"]),
            shows(58, |f| f.initramfs_ignored() && f.unpack_error.is_none() && f.argument("rdinit").is_none()),
        ]),
    Symptom::new("initramfs-microcode-only", Stage::InitExec, "Only the early microcode archive was passed")
        .cause("The file holds the processor's microcode, but the archive with /init is missing after it.")
        .remedy(&["Append the main archive: `cat microcode.cpio initrd.img > combined.img`; in GRUB: `initrd /amd-ucode.img /initrd.img`."])
        .rules(&[shows(56, |f| f.initramfs_ignored() && f.unpack_error.is_none() && f.argument("rdinit").is_none() && f.freed_kib.is_some_and(|kib| kib <= SMALL_ARCHIVE))]),
    early("kernel-no-devtmpfs", "The kernel has no devtmpfs")
        .cause("The kernel was built without CONFIG_DEVTMPFS, so that /dev stays empty.")
        .remedy(&["Build the kernel with CONFIG_DEVTMPFS=y and CONFIG_DEVTMPFS_MOUNT=y."])
        .rules(&[
            says(95, &["handoff: 1 * failed step=mount-api errno=ENODEV * path=/dev"]),
            says(90, &["Missing devtmpfs, which is required for udev"]),
            says_when(93, &[
                "devtmpfs on /dev: No such device",
                "mounting devtmpfs on {dir} failed: No such device",
                "mount: mounting devtmpfs on {dir} failed: Invalid argument",
                "mounting udev on {dir} failed: No such device",
                "mounting dev on {dir} failed: No such device",
                "devtmpfs is not supported",
                "CONFIG_DEVTMPFS=y",
                "Failed to mount devtmpfs at /dev: No such device",
                "unknown filesystem type 'devtmpfs'",
                "devtmpfs not available",
            ], ended_badly),
        ]),
    early("init-kernel-feature-missing", "The kernel lacks a feature that init needs")
        .cause("Init asked for something that this kernel was built without, or is too old for.")
        .remedy(&[
            "Build the kernel with it: systemd's README lists what it needs (CONFIG_CGROUPS, CONFIG_INOTIFY_USER, CONFIG_SIGNALFD, CONFIG_TIMERFD, CONFIG_EPOLL, CONFIG_UNIX, CONFIG_SYSFS, CONFIG_PROC_FS, CONFIG_TMPFS ...).",
            "`FATAL: kernel too old`: use a newer kernel or an older C library.",
        ])
        .rules(&[
            says(92, &["handoff: 1 * failed step=mount-api errno=ENODEV"]),
            says(94, &["FATAL: kernel too old", "Fatal glibc error: cannot get entropy", "Failed to mount cgroup{version} at {dir}: No such "]),
            says_when(88, &[
                "Failed to mount {fs} at {dir}: No such device",
                "Function not implemented",
                "mounting proc on {dir} failed: No such device",
                "mounting sysfs on {dir} failed: No such device",
                "mounting tmpfs on {dir} failed: No such device",
                "mount: unknown filesystem type 'proc'",
                "mount: unknown filesystem type 'sysfs'",
                "Address family not supported by protocol",
                "Kernel is missing a required feature",
            ], |f| f.panic.is_some() || f.has(Mark::Emergency)),
        ]),
    early("module-version-mismatch", "The modules are for another kernel")
        .cause("The initramfs holds modules that were built for another version or configuration of the kernel.")
        .remedy(&["Build the initramfs for this kernel: `update-initramfs -c -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`; `uname -r` and the directory in /lib/modules have to agree."])
        .rules(&[says_when(93, &[
            "{module}: disagrees about version of symbol {symbol}",
            "{module}: version magic '{has}' should be '{needs}'",
            "{module}: no symbol version for module_layout",
            "section size must match the kernel's built struct module size",
        ], ended_badly),
            // What tools make of every reason to refuse a module.
            says_when(80, &["nvalid module format", "could not insert '{module}': Exec format error"], ended_badly),
        ]),
    early("module-unknown-symbol", "A module was loaded before what it depends on")
        .cause("The module {module|that failed} needs the symbol {symbol|that is named below}, which no module that is loaded has.")
        .remedy(&["Load its dependencies first: `modprobe` with a modules.dep (`depmod -b TREE {kernel|VERSION}`), or insmod in the right order.", "For virtio_blk: virtio, virtio_ring, virtio_pci_legacy_dev, virtio_pci_modern_dev, virtio_pci, virtio_blk."])
        .rules(&[says_when(88, &["{module}: Unknown symbol {symbol} (err {errno})", "{module}: Unknown symbol in module", "{module}: Unknown symbol {symbol}", "nknown symbol in module, or unknown parameter"], ended_badly)]),
    early("module-compressed", "A compressed module was given to a kernel that cannot unpack it")
        .cause("The file is compressed (.ko.zst, .ko.xz, .ko.gz), and neither the loader nor the kernel decompresses it.")
        .remedy(&["Decompress the modules before packing them: `zstd -d --rm *.ko.zst`.", "Or use kmod with zstd, or a kernel with CONFIG_MODULE_DECOMPRESS=y."])
        .rules(&[says_when(92, &["Invalid ELF header magic: != ", "Module decompression failed with status", "odule decompression not supported"], ended_badly)]),
    early("module-corrupt", "A module's file is damaged")
        .cause("The kernel does not accept the module's file: it is cut short or changed.")
        .remedy(&["Copy it again from the kernel's package and build the initramfs again."])
        .rules(&[says_when(92, &[
            "Invalid ELF section header overflow",
            "Invalid ELF section in",
            "Invalid ELF header len",
            "Invalid ELF header type: ",
            "Invalid ELF section offset",
            "module has no symbols (stripped?)",
            "{module}: section {name} is corrupted",
            "Module has invalid ELF structures",
            "Module len {length} truncated",
            "Skipping invalid relocation target, existing value is nonzero",
        ], ended_badly)]),
    early("module-signature-rejected", "The kernel refuses a module without a valid signature")
        .cause("Signatures are enforced (module.sig_enforce, Secure Boot lockdown), and the module has none, a wrong one, or lost it when it was stripped.")
        .remedy(&["Use the distribution's signed modules and do not strip them.", "Or sign them: `scripts/sign-file sha256 key.pem cert.pem module.ko`, and enrol the key with mokutil."])
        .rules(&[says_when(94, &[
            "Loading of unsigned module is rejected",
            "Key was rejected by service",
            "Loading of module with unsupported crypto is rejected",
            "Loading of module with unavailable key is rejected",
            "unsigned module loading is restricted",
            "{module}: Required key not available",
        ], ended_badly), says(80, &["booster: finit({module}: key was rejected by service"])]),
    Symptom::new("initramfs-wrong-kernel-version", Stage::RootMount, "The initramfs is for another kernel version")
        .cause("The initramfs has no modules for the running kernel, so that no driver is loaded and the disk never appears.")
        .remedy(&["Build the initramfs for this kernel: `update-initramfs -c -k {kernel|VERSION}` or `dracut --force --kver {kernel|VERSION}`.", "Check that the loader pairs kernel and initramfs of one version."])
        .rules(&[
            says_when(93, &["modprobe: can't change directory to '{directory}'"], names_version),
            says_when(90, &[
                "could not open moddep file '/lib/modules/{directory}/modules.dep.bin'",
                "FATAL: Could not load /lib/modules/{directory}/modules.dep",
                "libkmod: kmod_lookup_alias_from_builtin_file: could not open builtin file '/lib/modules/",
                "could not open builtin file '/lib/modules/{directory}/modules.builtin",
                "could not open directory /lib/modules/{directory}: No such file",
                "modprobe: WARNING: Module {module} not found in directory /lib/modules/{directory}",
                "modprobe: FATAL: Module {module} not found in directory /lib/modules/{directory}",
            ], |f| {
                f.has_initramfs() || f.has(Mark::InitRun) || f.has(Mark::RootMissing)
                    || f.has(Mark::UnknownFilesystem)
            }),
        ]),
    early("modules-dir-missing", "The initramfs lacks modules.dep or the modules' directory")
        .cause("modprobe finds no /lib/modules/VERSION with a modules.dep, so that it loads nothing.")
        .remedy(&["Pack /lib/modules/VERSION for exactly this kernel and run `depmod -b TREE {kernel|VERSION}` before packing."])
        .rules(&[says_when(90, &[
            "modprobe: can't open 'modules.dep'",
            "modprobe: can't change directory to '/lib/modules'",
            "modprobe: can't change directory to '{directory}'",
        ], ended_badly)]),
    early("busybox-setuid-wrong-owner", "BusyBox runs without root's rights")
        .cause("The file is setuid and belongs to the user who built the image, so that its commands drop root's rights.")
        .remedy(&["Pack with owner 0:0 (`cpio -R 0:0`, fakeroot) and without the setuid bit: `chmod u-s bin/busybox`."])
        .rules(&[
            repeats(78, &["mount: you must be root", "mount: only root can do that", "mount: permission denied (are you root?)"], 2),
            says_when(90, &["you must be root", "must be suid to work properly", "only root can do that", "must be run as root"], ended_badly)]),
    early("no-console", "The console goes nowhere")
        .cause("`console=` names a console that is none, so that init has no output.")
        .remedy(&["Write `console=ttyS0` (or tty0) as the last console= argument."])
        .rules(&[
            says_when(92, &["Warning: unable to open an initial console"], console_is_none),
            shows(48, |f| console_is_none(f) && f.has(Mark::InitRun) && f.said_by_init == 0),
        ]),
    early("no-dev-console", "Init has no /dev/console")
        .cause("The initramfs has no usable /dev/console, so that what init says is lost.")
        .remedy(&["Put the directory /dev with the node `console` (character, 5:1) into the archive, and do not make /dev a symlink.", "Or use a kernel of 5.19 or later, which makes the node itself, and an empty directory /dev."])
        .rules(&[
            says_when(91, &["Warning: unable to open an initial console"], |f| !console_is_none(f)),
            shows(46, silent_init),
        ]),
    early("init-waits-for-device", "Init waits for a device that never comes")
        .cause("Init has been waiting for the device for as long as the log goes.")
        .remedy(&["Check the device's name and that the disk is attached; `bootwright inspect disk.img` shows its partitions.", "Check that the initramfs has the driver of its bus."])
        .rules(&[
            repeats(73, &["Waiting for removable media...", "Waiting for {device} to pop up"], 3),
            repeats(74, &["aiting for /dev/{device}", "aiting for device {device}", "aiting for root {device}", "aiting for disk {device}", "aiting for {device} to appear"], 3),
        ]),
];

fn names_version(facts: &Facts) -> bool {
    // A directory of modules is named by the version of the running kernel.
    facts.kernel.is_some() && !facts.has(Mark::SwitchRoot) && facts.module_directory_is_version()
}

fn console_is_none(facts: &Facts) -> bool {
    facts.consoles().any(|console| matches!(console, "null" | "ttynull" | "none" | ""))
}

/// An init that ran and ended well, and of which nothing was heard although the console is here.
fn silent_init(facts: &Facts) -> bool {
    let serial =
        facts.consoles().last().is_some_and(|c| !c.starts_with("tty0") && c.starts_with("tty"));
    serial
        && facts.has(Mark::InitRun)
        && !facts.on_real_root()
        && facts.said_by_init == 0
        && facts.has(Mark::PoweredDown)
}
