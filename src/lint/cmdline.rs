//! Lints of the kernel command line: is it read as it was meant, and does its console exist?

use super::{Lint, Sight, Subject};
use crate::kernel::cmdline::COMMAND_LINE_SIZE;
use crate::kernel::config::Answer;

/// `MAX_INIT_ENVS` and `MAX_INIT_ARGS` of `init/main.c`.
const UNKNOWN_MAX: usize = 32;

pub(super) const AT: &str = "kernel command line";

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "cmdline-too-long",
        "the kernel keeps all of its command line",
        &[],
        "make the command line shorter",
        length,
    )
    .without_cause()
    .warning(),
    Lint::error(
        "cmdline-quote",
        "every double quote on the command line is closed",
        &[],
        "close the quote: what follows it is part of its value",
        |subject| match &subject.cmdline {
            Some(line) if line.matches('"').count() % 2 == 1 => {
                vec![Sight::new(AT, "a double quote is not closed")]
            }
            _ => Vec::new(),
        },
    )
    .without_cause()
    .warning(),
    Lint::error(
        "too-many-init-args",
        "the kernel can hand what it does not know itself on to init",
        &["Kernel panic - not syncing: Too many boot "],
        "drop the arguments that nobody reads",
        too_many,
    ),
    Lint::error(
        "console-missing",
        "the kernel's console is a serial port, so that a log can be read",
        &[],
        "add console=ttyS0",
        |subject| match &subject.cmdline {
            Some(_) if subject.argument("console").is_none() => vec![Sight::new(
                AT,
                "there is no console=: the serial port stays silent once the kernel runs",
            )],
            _ => Vec::new(),
        },
    )
    .warning(),
    Lint::error(
        "console-wrong",
        "console= names a port that exists",
        &[],
        "use console=ttyS0",
        wrong_console,
    )
    .warning(),
    Lint::error(
        "console-order",
        "the last console= is the serial one, where init writes and a shell reads",
        &[],
        "put the serial console last: console=tty0 console=ttyS0",
        console_order,
    )
    .without_cause()
    .warning(),
    Lint::error(
        "no-console",
        "init's console is a device that shows something",
        &["Warning: unable to open an initial console."],
        "drop console=null",
        null_console,
    )
    .warning(),
];

fn length(subject: &Subject) -> Vec<Sight> {
    let Some(line) = &subject.cmdline else { return Vec::new() };
    match line.len() {
        len if len >= COMMAND_LINE_SIZE => {
            let max = COMMAND_LINE_SIZE - 1;
            vec![Sight::new(AT, format!("it has {len} bytes, and the kernel cuts it at {max}"))]
        }
        _ => Vec::new(),
    }
}

/// Arguments that are the kernel's own and often used; a name with a dot is a module's.
const KERNEL_ARGUMENTS: &str = "acpi apparmor audit apic biosdevname boot_delay bootconfig cgroup_enable \
    clocksource console cpuidle crashkernel debug delayacct earlycon earlyprintk edd efi elevator fips hpet \
    hugepages hugepagesz idle ignore_loglevel init initcall_debug initrd intel_idle intel_iommu iommu ipv6 \
    isolcpus kaslr nokaslr keep_bootcon kgdboc log_buf_len loglevel lockdown lsm maxcpus mce mem memmap memtest \
    mitigations modprobe net nmi_watchdog no_timer_check noapic noexec nohz nohz_full nolapic nomodeset noresume \
    nosmp nosmt nr_cpus numa numa_balancing oops page_poison panic panic_on_warn pci pcie_aspm preempt \
    printk psi pti quiet random rcu_nocbs rd rdinit reboot resume ro root rootdelay rootflags rootfstype rootwait rw \
    security selinux single slab_nomerge splash swapaccount sysctl systemd threadirqs tpm transparent_hugepage \
    tsc udev usbcore video vga vmalloc vsyscall watchdog xen zswap BOOT_IMAGE ip nfsroot dyndbg softlockup_panic";

fn too_many(subject: &Subject) -> Vec<Sight> {
    let known = |name: &str| {
        name.contains('.') || KERNEL_ARGUMENTS.split_whitespace().any(|own| own == name)
    };
    let unknown: Vec<_> =
        subject.arguments().into_iter().filter(|(name, _)| !known(name)).collect();
    let line = subject.cmdline.as_deref().unwrap_or_default();
    // Those with a value become environment, the others arguments.
    let valued = |name: &str| line.split_whitespace().any(|w| w.starts_with(&format!("{name}=")));
    let (with, without): (Vec<_>, Vec<_>) = unknown.iter().partition(|(name, _)| valued(name));
    let most = with.len().max(without.len());
    match most > UNKNOWN_MAX {
        true => {
            let saw =
                format!("{most} arguments are for init, and the kernel hands on {UNKNOWN_MAX}");
            vec![Sight::new(AT, saw)]
        }
        false => Vec::new(),
    }
}

fn consoles(subject: &Subject) -> Vec<String> {
    let named = subject.arguments().into_iter().filter(|(name, _)| name == "console");
    named.map(|(_, value)| value.split(',').next().unwrap_or_default().to_owned()).collect()
}

fn wrong_console(subject: &Subject) -> Vec<Sight> {
    let consoles = consoles(subject);
    let port = |name: &str| name.strip_prefix("ttyS").and_then(|n| n.parse::<u32>().ok());
    // The driver takes the first port for one that it could not have.
    let ports: Option<u32> = match subject.option("SERIAL_8250_RUNTIME_UARTS") {
        Some(Answer::Value(number)) => number.parse().ok(),
        _ => None,
    };
    let is_first = |number: u32| number == 0 || ports.is_some_and(|ports| number >= ports);
    let first = |name: &String| port(name).is_none_or(is_first);
    match consoles.iter().find(|name| !first(name)) {
        Some(name) if !consoles.iter().any(|name| port(name).is_some_and(is_first)) => {
            let saw = format!("console={name} is the only serial console, and machines have ttyS0");
            vec![Sight::new(AT, saw)]
        }
        _ => Vec::new(),
    }
}

/// Without a driver of its own the null device is no console, and init gets another that there is.
fn null_console(subject: &Subject) -> Vec<Sight> {
    let consoles = consoles(subject);
    let is_null = |name: &String| ["null", "ttynull", ""].contains(&name.as_str());
    let has_driver = subject.option("NULL_TTY") == Some(&Answer::Yes);
    match consoles.last().is_some_and(is_null) && (has_driver || consoles.iter().all(is_null)) {
        true => vec![Sight::new(AT, "the last console= is the null device")],
        false => Vec::new(),
    }
}

fn console_order(subject: &Subject) -> Vec<Sight> {
    let consoles = consoles(subject);
    let is_serial = |name: &String| name.starts_with("ttyS") || name.starts_with("hvc");
    let is_screen = |name: &String| name == "tty0" || name == "tty1" || name == "tty";
    match consoles.last() {
        Some(last) if is_screen(last) && consoles.iter().any(is_serial) => {
            let saw = format!("console={last} is the last: init writes to the screen alone");
            vec![Sight::new(AT, saw)]
        }
        _ => Vec::new(),
    }
}
