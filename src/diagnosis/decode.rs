//! What consoles print in numbers, in words: exit codes of init, device numbers, taints.

use crate::boot::errno;

/// The signals that end an init, by number (the same on every architecture that Linux boots here).
const SIGNALS: [(u32, &str, &str); 12] = [
    (1, "SIGHUP", "hang-up"),
    (2, "SIGINT", "interrupt"),
    (3, "SIGQUIT", "quit"),
    (4, "SIGILL", "an instruction that this processor does not have"),
    (5, "SIGTRAP", "a breakpoint"),
    (6, "SIGABRT", "it called abort()"),
    (7, "SIGBUS", "bad memory access: a file that was cut short, or misaligned access"),
    (8, "SIGFPE", "arithmetic error such as a division by zero"),
    (9, "SIGKILL", "it was killed, mostly for want of memory"),
    (11, "SIGSEGV", "access to memory that is not there"),
    (15, "SIGTERM", "it was asked to end"),
    (31, "SIGSYS", "a system call that is not allowed"),
];

/// How an init ended, from the kernel's `exitcode=` (a wait status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It returned this status.
    Status(u32),
    /// This signal ended it.
    Signal(u32),
}

/// Decodes `0x00007f00` or `7f00`.
pub fn exit(code: &str) -> Option<Exit> {
    let digits = code.trim().trim_start_matches("0x");
    let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
    let code = u32::from_str_radix(&digits[..end], 16).ok()?;
    Some(match code & 0x7f {
        0 => Exit::Status(code >> 8 & 0xff),
        signal => Exit::Signal(signal),
    })
}

impl Exit {
    /// In words: `status 127: a command that it ran was not found`.
    pub fn describe(self) -> String {
        match self {
            Exit::Status(status) => match status_meaning(status) {
                Some(meaning) => format!("init ended with status {status}: {meaning}"),
                None => format!("init ended with status {status}"),
            },
            Exit::Signal(signal) => match SIGNALS.iter().find(|(number, ..)| *number == signal) {
                Some((_, name, meaning)) => format!("init was ended by {name}: {meaning}"),
                None => format!("init was ended by signal {signal}"),
            },
        }
    }
}

fn status_meaning(status: u32) -> Option<&'static str> {
    Some(match status {
        0 => "it returned as if all were well, but PID 1 must never return",
        2 => "for a shell, a syntax error in the script",
        101 => "a Rust program panicked",
        126 => "for a shell, a command that cannot be executed",
        127 => "the shell or the dynamic loader ran, but a command or library was not found",
        _ => return None,
    })
}

/// The block device of major and minor number (`Documentation/admin-guide/devices.txt`), where the
/// numbers are fixed: `unknown-block(8,2)` is sda2.
pub fn block_device(major: u32, minor: u32) -> Option<String> {
    let lettered = |prefix: &str, per_disk: u32, first: u32| {
        let disk = first + minor / per_disk;
        let letter = char::from_u32('a' as u32 + disk).filter(|_| disk < 26)?;
        let partition = minor % per_disk;
        Some(match partition {
            0 => format!("{prefix}{letter}, the whole disk"),
            partition => format!("{prefix}{letter}{partition}"),
        })
    };
    match major {
        0 => Some("no device at all: the kernel does not know it".into()),
        1 => Some(format!("ram{minor}, a RAM disk")),
        3 => lettered("hd", 64, 0),
        7 => Some(format!("loop{minor}")),
        8 => lettered("sd", 16, 0),
        65 => lettered("sd", 16, 16),
        9 => Some(format!("md{minor}, a RAID array")),
        11 => Some(format!("sr{minor}, a CD or DVD drive")),
        31 => Some(format!("mtdblock{minor}, flash memory")),
        179 => Some(format!("an SD or eMMC card (mmcblk, minor {minor})")),
        202 => Some(format!("a Xen disk (xvd, minor {minor})")),
        252..=254 => Some(format!("mostly a virtio disk or device mapper (minor {minor})")),
        259 => Some(format!("mostly an NVMe partition (block extended, minor {minor})")),
        _ => None,
    }
}

/// The kernel's taint letters (`Documentation/admin-guide/tainted-kernels.rst`).
const TAINTS: [(char, &str); 18] = [
    ('P', "a proprietary module is loaded"),
    ('F', "a module was loaded by force"),
    ('S', "the processor is out of its specification"),
    ('R', "a module was unloaded by force"),
    ('M', "the machine reported a hardware error"),
    ('B', "a bad memory page was found"),
    ('U', "userspace asked for it"),
    ('D', "the kernel has oopsed before"),
    ('A', "an ACPI table is overridden"),
    ('W', "the kernel has warned before"),
    ('C', "a staging driver is loaded"),
    ('I', "a firmware bug is worked around"),
    ('O', "a module from outside the kernel tree is loaded"),
    ('E', "an unsigned module is loaded"),
    ('L', "a soft lockup happened"),
    ('K', "the kernel was live-patched"),
    ('X', "the distribution's own taint"),
    ('T', "built with struct randomisation"),
];

/// What the letters of `Tainted: G        W` say; `G` (only free modules) says nothing.
pub fn taints(letters: &str) -> Vec<&'static str> {
    let known = |letter| TAINTS.iter().find(|(known, _)| *known == letter).map(|(_, text)| *text);
    letters.chars().take_while(|c| c.is_ascii_uppercase() || *c == ' ').filter_map(known).collect()
}

/// Everything in a message that can be decoded, in words.
pub fn message(message: &str) -> Option<String> {
    if let Some((_, code)) = message.split_once("exitcode=") {
        return exit(code).map(Exit::describe);
    }
    if let Some((_, taint)) = message.split_once("Tainted: ") {
        let meanings = taints(taint);
        return (!meanings.is_empty()).then(|| meanings.join("; "));
    }
    let device = block(message).and_then(|(major, minor)| {
        Some(format!("block({major},{minor}) is {}", block_device(major, minor)?))
    });
    let error = error_number(message)
        .map(|number| format!("error -{number} is {}", errno::describe(number)));
    let parts: Vec<String> = device.into_iter().chain(error).collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

/// The numbers of `unknown-block(8,2)`.
pub(super) fn block(message: &str) -> Option<(u32, u32)> {
    let (_, after) = message.split_once("block(")?;
    let (numbers, _) = after.split_once(')')?;
    let (major, minor) = numbers.split_once(',')?;
    Some((major.trim().parse().ok()?, minor.trim().parse().ok()?))
}

/// The number of `error -13`, `(error -2)` or `failed: -2`.
fn error_number(message: &str) -> Option<i32> {
    let after = ["error -", "failed: -", "err -", "err=-"]
        .iter()
        .find_map(|before| Some(message.split_once(before)?.1))?;
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    after[..end].parse().ok().filter(|&number| errno::name(number).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_become_words() {
        for (text, words) in [
            ("Attempted to kill init! exitcode=0x00007f00", "status 127"),
            ("Attempted to kill init! exitcode=0x0000000b", "SIGSEGV"),
            ("Attempted to kill init! exitcode=0x00000100", "status 1"),
            ("Unable to mount root fs on unknown-block(8,2)", "sda2"),
            ("unknown-block(0,0): error -6", "ENXIO"),
            ("Failed to execute /init (error -8)", "ENOEXEC"),
            ("Comm: swapper Tainted: G        W  6.1", "has warned before"),
        ] {
            let said = message(text).unwrap_or_default();
            assert!(said.contains(words), "{text}: {said}");
        }
        assert_eq!(message("Not tainted 6.1.0"), None);
    }
}
