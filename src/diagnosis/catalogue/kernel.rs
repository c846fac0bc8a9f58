//! What the kernel says, or fails to say, before it runs an init.

use super::super::facts::Facts;
use super::super::marks::Mark;
use super::{Stage, Symptom, says, says_when, shows};

const fn symptom(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::KernelInit, title)
}

/// Under this a kernel of today cannot start, in MiB.
const TINY_MEMORY: u64 = 64;
/// Under this it cannot even unpack itself.
const HOPELESS_MEMORY: u64 = 40;

/// The loader started the kernel, and nothing was heard since.
fn is_silent(facts: &Facts) -> bool {
    facts.has(Mark::LoaderLoads) && !facts.kernel_spoke() && facts.grub_error.is_none()
        // The real-mode code prints a line, and the console's own sequences may leave another.
        && facts.lines_after_loader <= 2
}

/// A console was switched off, and that was nearly all.
fn fell_silent(facts: &Facts) -> bool {
    facts.has(Mark::ConsoleDisabled)
        && facts.lines_after_console <= 3
        && facts.panic.is_none()
        && before_init(facts)
}

fn no_kernel(facts: &Facts) -> bool {
    !facts.kernel_spoke()
}

/// No init has run: the kernel has not said so, and the one that died was the kernel itself.
pub(super) fn before_init(facts: &Facts) -> bool {
    !facts.has(Mark::InitRun)
        && !facts.has(Mark::SystemdAlive)
        && facts.comm.as_deref().is_none_or(|comm| comm.starts_with("swapper"))
}

/// How the kernel panics where not it but what it was to run, or to run it from, is at fault.
const NOT_ITS_OWN: [&str; 5] = [
    "Attempted to kill init",
    "No working init",
    "No init found",
    "Requested init",
    "VFS: Unable to mount root",
];

pub(super) const SYMPTOMS: &[Symptom] = &[
    Symptom::new("kernel-payload-corrupt", Stage::KernelDecompress, "The kernel cannot unpack itself")
        .cause("The kernel's own compressed part is damaged: the file was cut short or changed.")
        .remedy(&["Copy the kernel again and compare: `cmp vmlinuz /boot/vmlinuz-{kernel|VERSION}`.", "If the file is right, check memory and disk for errors."])
        .rules(&[
            says_when(93, &[
                "-- System halted",
                "Decompression failed: {why}",
                "EFI stub: ERROR: Failed to decompress kernel",
                "invalid compressed format (err={n})",
                "Kernel is not a valid ELF file",
                "EFI stub: ERROR: {how} decompression failed",
                "EFI stub: ERROR: {how}-decompression failed",
            ], no_kernel),
            says_when(80, &[
                "^Decoding failed",
                "^crc error",
                "^uncompression error",
                "^ZSTD-compressed data is corrupt",
                "^XZ-compressed data is corrupt",
                "^LZMA data is corrupt",
                "^ran out of input data",
                "^incomplete literal tree",
                "^incomplete distance tree",
                "^invalid distance code",
                "^Input is not in the ",
            ], no_kernel),
            shows(33, |f| is_silent(f) && f.has(Mark::KernelInDecompressor)),
            shows(30, is_silent),
        ]),
    symptom("cpu-not-64bit", "The processor lacks what this kernel needs")
        .cause("A 64-bit kernel was started on a processor without 64-bit mode, or without another feature that it was built for.")
        .remedy(&["Choose a 64-bit processor: `qemu-system-x86_64 -cpu qemu64` or `-cpu max`.", "Or use a 32-bit kernel."])
        .rules(&[says(96, &[
            "This kernel requires an {needed} CPU, but only detected an {found} CPU",
            "Unable to boot - please use a kernel appropriate for your CPU",
            "This kernel requires the following features not present on the CPU",
            "KB granular kernel is not supported by your CPU",
            "This LPAE kernel is not supported by your CPU",
            "Error: unrecognized/unsupported processor variant",
            "The Linux kernel requires more recent processor hardware",
            "Your CPU does not support long mode",
            "kernel requires an x86",
            "kernel requires a x86",
            "You are attempting to boot a 64-bit kernel on a 32-bit",
        ])]),
    symptom("too-many-init-args", "Too many unknown kernel arguments")
        .cause("The kernel hands every argument that it does not know to init, and has room for 32 arguments and 32 variables only.")
        .remedy(&["Remove arguments from the kernel command line; those for init can stand after ` -- `."])
        .rules(&[says(96, &["Too many boot env vars at", "Too many boot init vars at"])]),
    symptom("guest-ram-too-small", "The machine has too little memory")
        .cause("The kernel has not enough memory to start.")
        .remedy(&["Give the guest at least 256 MiB: `qemu-system-x86_64 -m 256`."])
        .rules(&[
            says_when(88, &[
                "Kernel panic - not syncing: Out of memory",
                "Kernel panic - not syncing: System is deadlocked on memory",
                "Out of memory and no killable processes",
                "alloc_low_pages: can not alloc memory",
                "Cannot allocate {size} bytes for node",
                "Kernel panic - not syncing: ERROR: Failed to allocate",
                "memblock_alloc_or_panic: Failed to allocate",
                "Kernel panic - not syncing: {who}: Failed to allocate ",
                "Kernel panic - not syncing: Failed to allocate ",
                "Kernel panic - not syncing: can't allocate ",
                "Kernel panic - not syncing: Cannot find place for new RAMDISK",
                "Not enough memory to load the kernel",
                "Kernel panic - not syncing: Cannot allocate",
                "Out of memory while allocating",
            ], |f| before_init(f) && f.unpack_error.is_none()),
            shows(60, |f| is_silent(f) && f.memory_mib.is_some_and(|mib| mib < TINY_MEMORY)),
        ])
        .stage_of(|f| match f.kernel_spoke() || f.memory_mib.is_some_and(|mib| mib >= HOPELESS_MEMORY) {
            true => Stage::KernelInit,
            false => Stage::KernelDecompress,
        }),
    symptom("initrd-outside-mem", "The initramfs lies outside of the kernel's memory")
        .cause("The loader put the initramfs where the kernel may not use memory, because `mem=` or a device tree limits it.")
        .remedy(&["Remove `mem=` from the kernel command line, or load the initramfs lower.", "On ARM: check `initrd_high` and the addresses in U-Boot."])
        .rules(&[
            says(92, &[
                "initrd extends beyond end of memory",
                "is not a memory region - disabling initrd",
                "INITRD: {range} overlaps in-use memory region",
                "initrd not fully accessible via the linear mapping",
                "initrd too large to handle, disabling initrd",
                "The initial RAM disk does not fit into the memory",
            ]),
            says_when(60, &["Move RAMDISK from {range} to {new}"], |f| f.argument("mem").is_some()),
        ]),
    Symptom::new("bootloader-corrupted-initrd", Stage::InitramfsUnpack, "The initramfs was overwritten before the kernel read it")
        .cause("The loader put the initramfs where the kernel or its data then went.")
        .remedy(&["Load the initramfs at another address (U-Boot: `ramdisk_addr_r`), or update the loader."])
        .rules(&[says(93, &["initrd overwritten ({range}) - disabling it", "INITRD: corrupted", "initrd is corrupted"])]),
    symptom("kernel-no-initrd-support", "The kernel ignores the initramfs")
        .cause("The loader loaded an initramfs, but the kernel has no support for it (CONFIG_BLK_DEV_INITRD).")
        .remedy(&["Build the kernel with CONFIG_BLK_DEV_INITRD=y and the compression that you use (CONFIG_RD_GZIP=y ...)."])
        .rules(&[says_when(84, &["^Loading initial ramdisk ...", "^Loading initramfs"], |f| {
            f.kernel_failed_root() && !f.has_initramfs() && f.grub_error.is_none()
        })])
        .stage_of(|_| Stage::RootMount),
    symptom("console-wrong", "The kernel's console= names another port")
        .cause("`console=` sends the kernel's messages to a port that this log is not from.")
        .remedy(&["Write `console=ttyS0,115200` for the first serial port (ttyAMA0 on ARM machines, hvc0 for virtio and Xen)."])
        .rules(&[shows(62, |f| fell_silent(f) && f.consoles().next().is_some())]),
    symptom("console-missing", "Nothing is heard of the kernel: it has no console here")
        .cause("The loader started the kernel and then the console fell silent: the command line has no `console=` for this port, or the kernel died before it could speak.")
        .remedy(&[
            "Add `console=ttyS0,115200` to the kernel command line.",
            "If it stays silent, add `earlyprintk=serial,ttyS0,115200` (x86) or `earlycon` to see how far it comes; a damaged kernel or too little memory look the same.",
        ])
        .rules(&[
            shows(64, |f| fell_silent(f) && f.consoles().next().is_none()),
            shows(40, is_silent),
        ]),
    symptom("kernel-no-serial-console", "The kernel has no driver for the serial console")
        .cause("`console=ttyS0` is given, but the kernel was built without the driver's console (CONFIG_SERIAL_8250_CONSOLE).")
        .remedy(&["Build the kernel with CONFIG_SERIAL_8250=y and CONFIG_SERIAL_8250_CONSOLE=y (as =y, not =m)."])
        .rules(&[shows(36, is_silent)]),
    symptom("qemu-tcg-kernel-corruption", "QEMU's emulation damaged the guest")
        .cause("The kernel died in a way that points at QEMU's instruction emulation (TCG) and not at the image: QEMU 7.2 does this at random to kernels of 6.12 and later.")
        .remedy(&["Boot it again.", "Use KVM (`-accel kvm`), a newer QEMU, or an older kernel."])
        .rules(&[
            says_when(84, &["traps: PANIC: double fault", "PANIC: double fault"], Facts::is_tcg),
            says_when(80, &["at arch/x86/kernel/traps.c:{line} exc_debug_kernel"], Facts::is_tcg),
        ]),
    symptom("kernel-oops", "The kernel itself crashed")
        .cause("A fault in the kernel or one of its drivers: {why|see the lines below}.")
        .remedy(&[
            "Read the first Oops: `RIP:` or `pc :` names the function, `Modules linked in:` the suspects.",
            "Try another kernel version; blacklist the driver (`modprobe.blacklist=NAME`); test the memory.",
            "`scripts/decode_stacktrace.sh vmlinux < log` in the kernel's source gives lines.",
        ])
        .rules(&[
            says_when(72, &[
                "Kernel panic - not syncing: Fatal exception{why}",
                "Kernel panic - not syncing: {why}(Fatal exception",
                "Kernel panic - not syncing: Oops{why}",
                "Kernel panic - not syncing: stack-protector{why}",
                "Kernel panic - not syncing: hung_task{why}",
                "Kernel panic - not syncing: softlockup{why}",
                "Kernel panic - not syncing: Hard LOCKUP",
                "Kernel panic - not syncing: Watchdog detected hard LOCKUP",
                "Kernel panic - not syncing: corrupted stack end",
                "Kernel panic - not syncing: Asynchronous SError Interrupt",
                "Kernel panic - not syncing: Timeout: Not all CPUs entered",
                "Kernel panic - not syncing: Machine check",
                "Kernel panic - not syncing: Fatal machine check",
                "Kernel panic - not syncing: IO-APIC + timer doesn't work",
                "Kernel panic - not syncing: Aiee, killing interrupt handler{why}",
                "Kernel panic - not syncing: kernel stack overflow{why}",
                "Kernel panic - not syncing: Unhandled exception{why}",
                "Kernel panic - not syncing: RCU Stall{why}",
                "Kernel panic - not syncing: Fatal hardware error{why}",
                "Kernel panic - not syncing: NMI{why}",
                "Kernel panic - not syncing: {why}panic_on_warn set",
                "PANIC: early exception {why}",
            ], |_| true),
            says_when(64, &[
                "Kernel panic - not syncing: Attempted to kill init!",
                "Kernel panic - not syncing: Attempted to kill the idle task!",
            ], |f| f.has(Mark::Oops) && before_init(f)),
            says_when(46, &[
                "BUG: unable to handle {why}",
                "Unable to handle kernel {why}",
                "kernel BUG at {why}",
                "general protection fault: {why}",
                "general protection fault, {why}",
                "Internal error: {why} [#",
                "Oops - {why}[#",
                "BUG: Kernel NULL pointer dereference{why}",
                "Unable to handle fault for address{why}",
                "Kernel bug detected[#{why}",
                "Kernel Fault: {why}",
                "divide error: {why} [#",
                "invalid opcode: {why} [#",
                "stack segment: {why} [#",
                "double fault: {why} [#",
                "Oops: {why} [#",
            ], |f| !f.has(Mark::NoWorkingInit) && !f.kernel_failed_root() && !f.survived()),
            shows(40, |f| f.panic.as_deref().is_some_and(|why| !NOT_ITS_OWN.iter().any(|start| why.starts_with(start)))),
            says_when(46, &[
                "BUG: soft lockup{why}",
                "INFO: rcu_{kind} self-detected stall{why}",
                "INFO: rcu_{kind} detected stalls{why}",
                "INFO: rcu_{kind} detected expedited stalls{why}",
                "Watchdog detected hard LOCKUP{why}",
            ], |f| !f.survived()),
        ])
        .stage_of(|f| match (before_init(f), f.on_real_root()) {
            (true, _) => Stage::KernelInit,
            (false, true) => Stage::RealInit,
            (false, false) => Stage::InitramfsRun,
        }),
];
