//! What the kernel says when it cannot run an init, or when init ends (`init/main.c`, `fs/exec.c`,
//! `kernel/exit.c`), and what C libraries and shells say before that.

use super::super::decode::Exit;
use super::super::facts::Facts;
use super::super::marks::Mark;
use super::kernel::before_init;
use super::{Stage, Symptom, repeats, says, says_when, shows};

const fn exec(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::InitExec, title).stage_of(exec_stage)
}

const fn real(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::RealInit, title)
}

const fn run(id: &'static str, title: &'static str) -> Symptom {
    Symptom::new(id, Stage::InitramfsRun, title).stage_of(run_stage)
}

/// Where an init ran that ended: in the initramfs, or on the root filesystem.
fn run_stage(facts: &Facts) -> Stage {
    match facts.on_real_root() {
        true => Stage::RealInit,
        false => Stage::InitramfsRun,
    }
}

/// The init of the initramfs, or that of the root filesystem.
fn exec_stage(facts: &Facts) -> Stage {
    match facts.on_real_root() {
        true => Stage::RealInit,
        false => Stage::InitExec,
    }
}

fn failed_with(facts: &Facts, errno: i32) -> bool {
    facts.exec_error() == Some(errno) && facts.unpack_error.is_none()
}

const ENOENT: i32 = 2;
const ENOEXEC: i32 = 8;
const ENOMEM: i32 = 12;
const EACCES: i32 = 13;
const EINVAL: i32 = 22;
/// The dynamic loader is no ELF file that can be one.
const ELIBBAD: i32 = 80;

/// The kernel ran out of inits on a root filesystem, and said of none why.
fn none_found(facts: &Facts) -> bool {
    facts.has(Mark::NoWorkingInit) && facts.exec_error().is_none()
}

/// The whole initramfs is smaller than any program, or than a script with its shell.
fn is_tiny(facts: &Facts) -> bool {
    !facts.on_real_root() && facts.freed_kib.is_some_and(|kib| kib <= 8)
}

fn signal(facts: &Facts, signal: u32) -> bool {
    facts.exit == Some(Exit::Signal(signal)) && !facts.has(Mark::Oops)
}

fn status(facts: &Facts) -> Option<u32> {
    match facts.exit {
        Some(Exit::Status(status)) => Some(status),
        _ => None,
    }
}

fn died(facts: &Facts) -> bool {
    facts.panic.is_some() || facts.exit.is_some()
}

/// The last thing that was said before init ended reads like a program's error.
fn complained(facts: &Facts) -> bool {
    const WORDS: [&str; 9] = [
        "failed",
        "No such",
        "not found",
        "denied",
        "Invalid",
        "can't",
        "cannot",
        "error",
        "not permitted",
    ];
    facts.last_words.as_ref().is_some_and(|last| WORDS.iter().any(|word| last.text.contains(word)))
}

pub(super) const SYMPTOMS: &[Symptom] = &[
    exec("init-not-executable", "Init is not executable")
        .cause("{init|Init} is there, but has no permission to be executed (EACCES).")
        .remedy(&["`chmod 755 .{init|/init}` in the tree before packing; check also that its interpreter is executable.", "A root filesystem that is mounted noexec says the same."])
        .rules(&[
            says(86, &["handoff: 1 * failed step=exec-init errno=EACCES", "handoff: 1 * failed step=exec-init errno=EACCES * init={init}"]),
            says_when(90, &["Failed to execute {init} (error -13)", "Starting init: {init} exists but couldn't execute it (error -13)"], |f| failed_with(f, EACCES) && !is_tiny(f)),
            shows(70, |f| failed_with(f, EACCES)),
        ]),
    exec("init-is-directory", "Init is a directory")
        .cause("{init|Init} is a directory, which the kernel refuses with EACCES as well.")
        .remedy(&["Make it a file: mostly the archive was packed from a tree with a folder of that name."])
        .rules(&[
            says(60, &["handoff: 1 * failed step=exec-init errno=EACCES", "handoff: 1 * failed step=exec-init errno=EACCES * init={init}"]),
            shows(72, |f| failed_with(f, EACCES) && is_tiny(f)),
            says_when(62, &["Failed to execute {init} (error -13)"], |f| failed_with(f, EACCES)),
        ]),
    exec("init-32bit-no-ia32", "Init is a 32-bit program and the kernel runs none")
        .cause("The kernel was built without 32-bit emulation (CONFIG_IA32_EMULATION), or it is turned off.")
        .remedy(&["Remove `ia32_emulation=0`, or build init for 64 bits."])
        .rules(&[
            says_when(95, &["32-bit emulation disabled. You can reenable with ia32_emulation=on"], |f| failed_with(f, ENOEXEC)),
            shows(84, |f| failed_with(f, ENOEXEC) && !f.on_real_root() && !f.fell_back_to_shell() && f.kernel_is_custom() && f.has(Mark::X86)),
        ]),
    exec("init-wrong-arch", "Init is for another processor")
        .cause("The kernel knows no way to run {init|init} (ENOEXEC): mostly it is a program for another architecture.")
        .remedy(&["Check it: `file .{init|/init}` has to name the machine's architecture.", "Build or copy it for this machine; an empty file, a script without `#!` and a damaged file say the same."])
        .rules(&[
            says(84, &["handoff: 1 * failed step=exec-init errno=ENOEXEC", "handoff: 1 * failed step=exec-init errno=ENOEXEC * init={init}"]),
            says(91, &["request_module: runaway loop modprobe binfmt-{magic}", "request_module: kmod_concurrent_max"]),
            shows(82, |f| failed_with(f, ENOEXEC) && !f.fell_back_to_shell()),
        ]),
    exec("init-wrong-format", "Init is in a format that the kernel does not run")
        .cause("{init|Init} is no program that this kernel can execute (ENOEXEC).")
        .remedy(&["`file init` tells what it is; `readelf -h init` whether it is whole."])
        .rules(&[
            shows(66, |f| failed_with(f, ENOEXEC)),
            shows(80, |f| failed_with(f, EINVAL) || failed_with(f, ELIBBAD)),
        ]),
    exec("init-empty", "Init is an empty file")
        .cause("{init|Init} has no content, which the kernel refuses with ENOEXEC.")
        .remedy(&["Write it; a redirection to a full disk leaves an empty file."])
        .rules(&[
            says(58, &["handoff: 1 * failed step=exec-init errno=ENOEXEC", "handoff: 1 * failed step=exec-init errno=ENOEXEC * init={init}"]),
            shows(84, |f| failed_with(f, ENOEXEC) && !f.fell_back_to_shell() && is_tiny(f)),
            shows(58, |f| failed_with(f, ENOEXEC) && !f.fell_back_to_shell()),
        ]),
    exec("kernel-no-binfmt-elf", "The kernel cannot run ELF programs")
        .cause("The kernel was built without CONFIG_BINFMT_ELF.")
        .remedy(&["Build it with CONFIG_BINFMT_ELF=y."])
        .rules(&[shows(48, |f| failed_with(f, ENOEXEC) && f.kernel_is_custom())]),
    exec("kernel-no-binfmt-script", "The kernel cannot run scripts")
        .cause("/init is a `#!` script, and the kernel was built without CONFIG_BINFMT_SCRIPT; the shell itself runs.")
        .remedy(&["Build it with CONFIG_BINFMT_SCRIPT=y, or make /init a program."])
        .rules(&[shows(86, |f| failed_with(f, ENOEXEC) && f.fell_back_to_shell() && f.kernel_is_custom())]),
    exec("script-no-shebang", "The init script has no #! line")
        .cause("The kernel does not know what to run {init|/init} with (ENOEXEC), while /bin/sh, its last resort, runs: so /init is a text file without `#!` in its first two bytes.")
        .remedy(&["Write `#!/bin/sh` as the very first line.", "Check for a byte order mark: `head -c3 init | xxd` must not be ef bb bf."])
        .rules(&[
            says(66, &["handoff: 1 * failed step=exec-init errno=ENOEXEC", "handoff: 1 * failed step=exec-init errno=ENOEXEC * init={init}"]),
            shows(84, |f| failed_with(f, ENOEXEC) && f.fell_back_to_shell()),
        ]),
    exec("script-bom", "The init script begins with a byte order mark")
        .cause("An editor wrote the bytes ef bb bf before `#!`, so that the kernel does not see a script.")
        .remedy(&["Save it without: `sed -i '1s/^\\xEF\\xBB\\xBF//' init`."])
        .rules(&[shows(70, |f| failed_with(f, ENOEXEC) && f.fell_back_to_shell())]),
    exec("script-interpreter-missing", "The init script's interpreter is missing")
        .cause("{init|/init} is there, but what it is to be run with (the program after `#!`) is not there (ENOENT).")
        .remedy(&["Add the interpreter at exactly that path, for example a static busybox as /bin/sh.", "Check for carriage returns: `head -1 .{init|/init} | od -c` must not end in \\r; `dos2unix .{init|/init}`.", "For a dynamic program the missing file is its loader: `readelf -l .{init|/init} | grep interpreter`."])
        .rules(&[
            says(80, &["handoff: 1 * failed step=exec-init errno=ENOENT", "handoff: 1 * failed step=exec-init errno=ENOENT * init={init}"]),
            says_when(86, &["Failed to execute {init} (error -2)", "Starting init: {init} exists but couldn't execute it (error -2)"], |f| failed_with(f, ENOENT)),
        ]),
    exec("elf-interpreter-missing", "Init's dynamic loader is missing")
        .cause("{init|Init} is a dynamic program, and its loader (such as /lib64/ld-linux-x86-64.so.2) is not there: the kernel then says that init does not exist.")
        .remedy(&["`readelf -l .{init|/init} | grep interpreter` names the loader: add it and the libraries that `ldd .{init|/init}` lists.", "Or link init statically.", "On a merged-/usr root: /lib64 has to be a link to usr/lib64."])
        .rules(&[
            says(86, &["handoff: 1 * failed step=exec-init errno=ENOENT", "handoff: 1 * failed step=exec-init errno=ENOENT * init={init}"]),
            says_when(90, &["run-init: can't execute '{init}': No such file or directory", "run-init: {init}: No such file or directory"], |f| !f.target_lacks_init()),
            says_when(72, &["Failed to execute {init} (error -2)"], |f| failed_with(f, ENOENT)),
            // The shell is no script: what both lack is the loader.
            shows(88, |f| failed_with(f, ENOENT) && f.on_real_root() && f.shell_failed_with(ENOENT)),
            // The kernel opened init, and then did not find what it is to be run with.
            shows(86, |f| none_found(f) && f.on_real_root() && !f.fell_back_to_shell() && f.has(Mark::InitOpened)),
            shows(70, |f| none_found(f) && f.on_real_root() && !f.fell_back_to_shell()),
        ])
        .stage_of(|f| match f.has(Mark::RunInit) {
            true => Stage::SwitchRoot,
            false => exec_stage(f),
        }),
    exec("script-crlf", "The init script has Windows line ends")
        .cause("The interpreter's name ends in a carriage return, so that it does not exist.")
        .remedy(&["Convert it: `dos2unix .{init|/init}` or `sed -i 's/\\r$//' .{init|/init}`."])
        .rules(&[
            says(92, &["/bin/sh^M: bad interpreter", "/bin/bash^M: bad interpreter", "$'\\r': command not found"]),
            says(56, &["handoff: 1 * failed step=exec-init errno=ENOENT", "handoff: 1 * failed step=exec-init errno=ENOENT * init={init}"]),
            says_when(56, &["Failed to execute {init} (error -2)"], |f| failed_with(f, ENOENT)),
        ]),
    exec("missing-parent-dirs", "The archive lacks the directories of its files")
        .cause("The kernel drops a file whose directory has no entry of its own before it, so that the interpreter was never created.")
        .remedy(&["Let the directories come first: `find .`, not `find -type f`."])
        .rules(&[says_when(54, &["Failed to execute {init} (error -2)"], |f| failed_with(f, ENOENT))]),
    exec("init-interpreter-missing", "What init is run with is missing")
        .cause("{init|Init} is there, but the loader or interpreter that it names is not (ENOENT).")
        .remedy(&["`file init` and `readelf -l init` name it: add it to the archive."])
        .rules(&[
            says_when(53, &["Failed to execute {init} (error -2)"], |f| failed_with(f, ENOENT)),
            // Before 3.15 the kernel did not say why.
            says_when(86, &["^Failed to execute /init"], |f| none_found(f) && f.unpack_error.is_none()),
        ]),
    exec("shared-library-missing", "A shared library is missing")
        .cause("The dynamic loader does not find {library|a shared library}, which the program needs, and gives up with status 127.")
        .remedy(&["Add every library that `ldd PROGRAM` lists (lddtree helps) at the paths that the loader searches.", "Or link it statically."])
        .rules(&[says_when(95, &[
            "error while loading shared libraries: {library}: cannot open shared object file",
            "error while loading shared libraries: {library}: cannot stat shared object",
            "Error loading shared library {library}: No such file",
            "can't load library '{library}'",
            "CANNOT LINK EXECUTABLE *: library '{library}' not found",
            "Library {library} not found",
        ], died)]),
    real("init-param-missing", "init= names a file that is not there")
        .cause("The kernel was told to run {init|a program} and nothing else, and it is not on the root filesystem.")
        .remedy(&["Correct `init=`, or remove it: the kernel then tries /sbin/init, /etc/init, /bin/init and /bin/sh."])
        .rules(&[
            says(94, &["Requested init {init} failed (error -2)", "Failed to execute {init} (error -2).  Attempting defaults", "Default init {init} failed (error -2)"]),
            // Before 3.15 the kernel did not say why.
            says_when(90, &["Failed to execute {init}.  Attempting defaults"], |f| f.exec_error().is_none() && !f.has(Mark::NoWorkingInit)),
        ]),
    real("init-param-not-executable", "init= names a file that is not executable")
        .cause("The kernel may not execute {init|the init program} (EACCES).")
        .remedy(&["`chmod 755` it on the root filesystem."])
        .rules(&[says(94, &["Requested init {init} failed (error -13)", "Failed to execute {init} (error -13).  Attempting defaults", "Default init {init} failed (error -13)"])]),
    real("rootfs-no-init", "The root filesystem has no init")
        .cause("The root filesystem was mounted, but holds none of /sbin/init, /etc/init, /bin/init and /bin/sh that runs.")
        .remedy(&["Install one: `apt-get install systemd-sysv`, or pass `init=/path`.", "Check that root= names the right partition.", "If /sbin/init is there, its dynamic loader is missing, which looks the same: `readelf -l sbin/init | grep interpreter`."])
        .rules(&[
            shows(84, |f| none_found(f) && !f.has(Mark::OldExecFailed) && (f.on_real_root() || f.attempts.is_empty())),
            shows(83, |f| f.on_real_root() && f.fell_back_to_shell() && f.exec_error().is_none()),
        ]),
    run("cpu-isa-too-low", "The program needs a newer processor")
        .cause("The program or its C library was built for a newer level of x86-64 than the processor has.")
        .remedy(&["Choose a newer processor: `-cpu max`, `-cpu host` with KVM, or at least `-cpu Haswell` for x86-64-v3.", "Or build it for the baseline: `-march=x86-64`."])
        .rules(&[says(96, &["CPU ISA level is lower than required", "glibc does not support x86", "Fatal glibc error: CPU does not support {level}", "Fatal glibc error: CPU lacks {level}", "This program can only be run on {level} processors"])]),
    run("shared-library-symbol-missing", "A shared library is of the wrong version")
        .cause("The library is there, but lacks what the program was linked with, or is damaged.")
        .remedy(&["Ship the libraries of the system that the program was built on, all of one version."])
        .rules(&[says_when(94, &[
            "symbol lookup error: ",
            "version '{version}' not found (required by",
            "undefined symbol: {symbol}",
            "Error relocating {file}: {symbol}: symbol not found",
            "error while loading shared libraries: unexpected PLT reloc type",
            "error while loading shared libraries: {library}: unsupported version",
            "error while loading shared libraries: {library}: invalid ELF header",
            "error while loading shared libraries: {library}: file too short",
            "error while loading shared libraries: {library}: cannot read file data",
            "error while loading shared libraries: {library}: failed to map segment",
            "error while loading shared libraries: {library}: wrong ELF class",
            "no version information available (required by",
            "error while loading shared libraries: {library}: {why}",
            "can't resolve symbol '{symbol}'",
            "Error relocating {file}: {why}",
            "relocation error: {file}: {why}",
            "Inconsistency detected by ld.so",
            "CANNOT LINK EXECUTABLE {file}: {why}",
        ], died)]),
    run("init-rust-panic", "The Rust program that is init panicked")
        .cause("A panic ended init; the message before it says where.")
        .remedy(&["Handle the error that the message names; RUST_BACKTRACE=1 on the kernel command line shows the way to it.", "Let init catch panics: PID 1 must never end."])
        .rules(&[says_when(95, &["thread '{thread}' panicked at", "thread '{thread}' ({id}) panicked at"], died)]),
    real("cpu-too-old-for-binary", "Init uses instructions that the processor lacks")
        .cause("An illegal instruction ended init, and the processor is QEMU's basic model, which lacks AVX and much else.")
        .remedy(&["Choose a better model: `-cpu max`, or `-cpu host` with KVM.", "Or build for the baseline: `-march=x86-64`."])
        .rules(&[shows(90, |f| signal(f, 4) && f.has(Mark::QemuCpu))]),
    real("init-illegal-instruction", "Init executed an illegal instruction")
        .cause("SIGILL ended init: it was built for a newer processor, or ran into garbage.")
        .remedy(&["Build it for this processor, or raise `-cpu`.", "`addr2line -e init ADDRESS` with the ip of the `traps:` line names the place."])
        .rules(&[shows(88, |f| signal(f, 4)), says_when(84, &["init[1] trap invalid opcode"], |_| true)]),
    real("init-segfault", "Init crashed with a segmentation fault")
        .cause("SIGSEGV ended init.")
        .remedy(&["`addr2line -e init ADDRESS` with the ip of the `segfault at` line names the place.", "A static-pie program that nobody relocates and a damaged file crash at once."])
        .rules(&[shows(86, |f| signal(f, 11))]),
    real("init-aborted", "Init called abort()")
        .cause("SIGABRT ended init: an assertion failed, or memory was corrupt.")
        .remedy(&["The message above the panic says why."])
        .rules(&[shows(88, |f| signal(f, 6))]),
    run("init-crashed", "A signal ended init")
        .cause("Init was ended by a signal: see the exit code.")
        .remedy(&["The lines above the panic say what happened; SIGBUS means mostly a file that was cut short."])
        .rules(&[shows(80, |f| matches!(f.exit, Some(Exit::Signal(s)) if ![4, 6, 11].contains(&s)) && !f.has(Mark::Oops))]),
    real("init-script-syntax", "The init script has a syntax error")
        .cause("The shell could not read the script and ended with status 2.")
        .remedy(&["`sh -n init` names the line."])
        .rules(&[says_when(93, &[
            ": syntax error",
            "Syntax error: ",
            "syntax error near unexpected token",
            "unterminated quoted string",
        ], died), says(80, &["/init:{line} syntax error", "/init: {line}: Syntax error"])]),
    real("init-command-not-found", "A command that init runs is not found")
        .cause("The shell ran, but a command of its script is not there, and so it ended with status 127.")
        .remedy(&["Add the command (the message above names it), or its applet to busybox.", "For a dynamic command the missing file can be its loader or a library."])
        .rules(&[
            says_when(90, &["{script}: {command}: not found", "command not found"], |f| status(f) == Some(127)),
            shows(78, |f| matches!(status(f), Some(126 | 127))),
        ]),
    real("init-script-failed", "A command of the init script failed")
        .cause("The script ended when one of its commands failed (`set -e`), and PID 1 must never end.")
        .remedy(&["The message above the panic says which command: correct that.", "Do not use `set -e` in an init, or `trap` its end with a shell."])
        .rules(&[shows(72, |f| status(f).is_some_and(|s| ![0, 2, 101, 126, 127].contains(&s)) && complained(f))]),
    real("busybox-init-unconfigured", "BusyBox's init has nothing to run")
        .cause("BusyBox's init runs /etc/init.d/rcS and shells on tty2 to tty4 unless /etc/inittab says something else, and these are not there.")
        .remedy(&["Write /etc/inittab, for example: `::sysinit:/etc/init.d/rcS` and `console::respawn:/sbin/getty -L console 0 vt100`.", "Write /etc/init.d/rcS, executable (`chmod 755`), with `#!/bin/sh`."])
        .rules(&[
            says(70, &["can't run '/etc/init.d/rcS': "]),
            repeats(66, &["can't open /dev/tty{number}: No such file or directory"], 4),
        ]),
    real("init-exited", "Init ended")
        .cause("Init returned, and PID 1 must never return: the kernel panics.")
        .remedy(&["In a script, let the last line be `exec switch_root /newroot /sbin/init`, `exec sh`, or `poweroff -f`; a program calls reboot(2) at its end.", "Status 0 means that its work was done and nothing followed; another status is that of its last command: the messages above the panic are its."])
        .rules(&[
            shows(70, |f| status(f).is_some()),
            says_when(50, &["Attempted to kill init!"], |f| f.exit.is_none() && !f.has(Mark::Oops)),
        ]),
    real("out-of-memory", "Memory ran out")
        .cause("Programs used up all memory, and the kernel found nothing more to end.")
        .remedy(&["Give the guest more memory.", "The kernel's table above the panic shows who used it."])
        .rules(&[
            says_when(91, &[
                "Kernel panic - not syncing: System is deadlocked on memory",
                "Out of memory and no killable processes",
                "Kernel panic - not syncing: Out of memory",
                "Out of memory: Killed process 1 (",
            ], |f| !before_init(f)),
            shows(80, |f| failed_with(f, ENOMEM)),
        ]),
    real("kernel-crash-requested", "Somebody asked the kernel to crash")
        .cause("Something wrote `c` to /proc/sysrq-trigger.")
        .remedy(&["Find out who: crash tests and kdump's test do this on purpose."])
        .rules(&[says(96, &["sysrq: Trigger a crash", "SysRq : Trigger a crash", "sysrq triggered crash", "sysrq: SysRq : Trigger a crash"])]),
    real("rootfs-no-dev", "The root filesystem has no /dev")
        .cause("The kernel could not mount its device filesystem at /dev, because the root filesystem has no such directory.")
        .remedy(&["`mkdir dev proc sys run tmp` in the root filesystem."])
        .rules(&[
            says_when(90, &["devtmpfs: error mounting -2"], |f| !f.has(Mark::NoWorkingInit)),
            // Neither is an init: it is the whole root that is empty.
            says_when(80, &["devtmpfs: error mounting -2"], |_| true),
        ]),
    real("init-hangs", "Init says nothing")
        .cause("The kernel ran init, and then nothing more came: it waits for something, loops, or writes to another console.")
        .remedy(&["Make `console=ttyS0` the last console= argument: /dev/console is that one.", "Attach gdb to QEMU (`-s`), or send SysRq-w to see what waits: `echo w > /proc/sysrq-trigger`."])
        .rules(&[shows(42, |f| {
            f.has(Mark::InitRun) && f.said_by_init == 0 && f.panic.is_none() && !f.has(Mark::NoWorkingInit)
                && !f.has(Mark::PoweredDown) && !f.has(Mark::SystemdAlive) && f.exec_error().is_none()
                // A log that ends here was cut, unless the kernel has gone on without it.
                && (1..=8).contains(&f.kernel_after_init)
        })]),
];
