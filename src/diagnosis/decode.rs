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
        // A shell says so of a command that a signal ended.
        129.. => {
            let (.., meaning) = SIGNALS.iter().find(|(number, ..)| number + 128 == status)?;
            meaning
        }
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
        0 if minor == 255 => Some("root over NFS".into()),
        0 if minor == 254 => Some("root over SMB".into()),
        0 => Some("no device at all: the kernel does not know it".into()),
        2 => Some(format!("fd{minor}, a floppy disk")),
        1 => Some(format!("ram{minor}, a RAM disk")),
        3 => lettered("hd", 64, 0),
        22 => lettered("hd", 64, 2),
        33 => lettered("hd", 64, 4),
        34 => lettered("hd", 64, 6),
        7 => Some(format!("loop{minor}")),
        8 => lettered("sd", 16, 0),
        65 => lettered("sd", 16, 16),
        66..=71 | 128..=135 => Some("one of many SCSI or SATA disks (sd)".into()),
        9 => Some(format!("md{minor}, a RAID array")),
        11 => Some(format!("sr{minor}, a CD or DVD drive")),
        31 => Some(format!("mtdblock{minor}, flash memory")),
        43 => Some(format!("a network block device (nbd, minor {minor})")),
        93 => Some(format!("nftl, flash memory (minor {minor})")),
        94 => lettered("dasd", 4, 0),
        98 => Some(format!("a User-mode Linux disk (ubd, minor {minor})")),
        104..=111 => Some(format!("a disk of an HP array (cciss, minor {minor})")),
        147 => Some(format!("drbd{minor}, a replicated disk")),
        230 => Some(format!("a ZFS volume (zd, minor {minor})")),
        179 => Some(format!("an SD or eMMC card (mmcblk, minor {minor})")),
        202 => Some(format!("a Xen disk (xvd, minor {minor})")),
        252..=254 => Some(format!("mostly a virtio disk or device mapper (minor {minor})")),
        259 => Some(format!("mostly an NVMe partition (block extended, minor {minor})")),
        _ => None,
    }
}

/// The kernel's taint letters (`Documentation/admin-guide/tainted-kernels.rst`).
const TAINTS: [(char, &str); 20] = [
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
    ('N', "an in-kernel test has run"),
    ('J', "userspace changed a device's firmware"),
];

/// What the letters of `Tainted: G        W` say; `G` (only free modules) says nothing.
pub fn taints(letters: &str) -> Vec<&'static str> {
    let known = |letter| TAINTS.iter().find(|(known, _)| *known == letter).map(|(_, text)| *text);
    letters.chars().take_while(|c| c.is_ascii_uppercase() || *c == ' ').filter_map(known).collect()
}

/// The bits of an x86 page fault's error code (`arch/x86/include/asm/trap_pf.h`): what they say where
/// they are set, and where not.
const PAGE_FAULT: [(u32, &str, &str); 5] = [
    (1 << 0, "which the page's rights forbid", "where nothing is mapped"),
    (1 << 1, "a write", "a read"),
    (1 << 2, "from userspace", "by the kernel"),
    (1 << 3, "reserved bits in the page table", ""),
    (1 << 4, "of instructions", ""),
];

/// What the code of `Oops: 0002 [#1]` says: `a write by the kernel, where nothing is mapped`.
pub fn page_fault(code: u32) -> String {
    let say = |index: usize| match PAGE_FAULT[index] {
        (bit, set, _) if code & bit != 0 => set,
        (.., unset) => unset,
    };
    let access = [say(1), say(4), say(2)].into_iter().filter(|words| !words.is_empty());
    let access = access.collect::<Vec<_>>().join(" ");
    let why = [say(0), say(3)].into_iter().filter(|words| !words.is_empty());
    format!("{access}, {}", why.collect::<Vec<_>>().join("; "))
}

/// The code of x86's `Oops: 0002 [#1]` or `#PF: error_code(0x0002)`; other processors print others.
fn page_fault_of(message: &str) -> Option<String> {
    let digits = match message.split_once("error_code(0x") {
        Some((_, after)) => after.split(')').next()?,
        None if message.contains("Internal error") => return None,
        None => message.split_once(" [#")?.0.rsplit_once("Oops: ")?.1,
    };
    let code = u32::from_str_radix(digits.trim_start_matches("0x"), 16).ok();
    code.filter(|_| digits.len() >= 4).map(page_fault)
}

/// The UEFI specification's status codes (appendix D), without the bit that says that they are errors.
const EFI_STATUS: [(u64, &str); 27] = [
    (1, "LOAD_ERROR: the image cannot be loaded"),
    (2, "INVALID_PARAMETER"),
    (3, "UNSUPPORTED"),
    (4, "BAD_BUFFER_SIZE"),
    (5, "BUFFER_TOO_SMALL"),
    (6, "NOT_READY"),
    (7, "DEVICE_ERROR: the disk or device failed"),
    (8, "WRITE_PROTECTED"),
    (9, "OUT_OF_RESOURCES: too little memory"),
    (10, "VOLUME_CORRUPTED: the filesystem is damaged"),
    (11, "VOLUME_FULL: no space is left"),
    (12, "NO_MEDIA"),
    (13, "MEDIA_CHANGED"),
    (14, "NOT_FOUND"),
    (15, "ACCESS_DENIED: Secure Boot, mostly"),
    (16, "NO_RESPONSE"),
    (17, "NO_MAPPING: no network address"),
    (18, "TIMEOUT"),
    (19, "NOT_STARTED"),
    (20, "ALREADY_STARTED"),
    (21, "ABORTED"),
    (23, "TFTP_ERROR"),
    (24, "PROTOCOL_ERROR"),
    (25, "INCOMPATIBLE_VERSION"),
    (26, "SECURITY_VIOLATION: a signature is missing, wrong or revoked"),
    (27, "CRC_ERROR: the data is damaged"),
    (33, "COMPROMISED_DATA"),
];

/// `EFI_NOT_FOUND`, for a number with the error bit of 64 or 32 bits, or shim's `(0x1A)`.
fn efi_status(message: &str) -> Option<String> {
    let words = message.split(|c: char| !c.is_ascii_alphanumeric());
    let number = words.filter_map(|word| word.strip_prefix("0x")).find_map(|digits| {
        let number = u64::from_str_radix(digits, 16).ok()?;
        let is_error = matches!(digits.len(), 16) && number >> 63 == 1;
        let short = digits.len() <= 2 && message.contains("erification failed");
        (is_error || short).then_some((number & !(1 << 63), number))
    });
    let (code, number) = number?;
    let (_, name) = EFI_STATUS.iter().find(|(known, _)| *known == code)?;
    Some(format!("status {number:#x} is EFI_{name}"))
}

/// Everything in a message that can be decoded, in words.
pub fn message(message: &str) -> Option<String> {
    if let Some(meaning) = page_fault_of(message).or_else(|| efi_status(message)) {
        return Some(meaning);
    }
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

/// The numbers of `unknown-block(8,2)`; kernels before 2.6 wrote `on 1f:03`.
pub(super) fn block(message: &str) -> Option<(u32, u32)> {
    let Some((_, after)) = message.split_once("block(") else {
        let (major, minor) = message.rsplit_once(" on ")?.1.trim().split_once(':')?;
        let hex = |digits: &str| (digits.len() == 2).then(|| u32::from_str_radix(digits, 16).ok());
        return Some((hex(major)??, hex(minor)??));
    };
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
            ("Unable to mount root fs on unknown-block(0,255)", "NFS"),
            ("Unable to mount root fs on unknown-block(94,1)", "dasda1"),
            ("Attempted to kill init! exitcode=0x00008b00", "status 139: access to memory"),
            ("unknown-block(0,0): error -6", "ENXIO"),
            ("Failed to execute /init (error -8)", "ENOEXEC"),
            ("Comm: swapper Tainted: G        W  6.1", "has warned before"),
            ("Oops: 0002 [#1] SMP PTI", "a write by the kernel, where nothing is mapped"),
            ("Oops: Oops: 0010 [#1] PREEMPT SMP", "a read of instructions by the kernel"),
            (
                "#PF: error_code(0x0005) - x",
                "a read from userspace, which the page's rights forbid",
            ),
            ("EFI stub: ERROR: Failed to load initrd: 0x8000000000000009", "EFI_OUT_OF_RESOURCES"),
            ("Verification failed: (0x1A) Security Violation", "EFI_SECURITY_VIOLATION"),
        ] {
            let said = message(text).unwrap_or_default();
            assert!(said.contains(words), "{text}: {said}");
        }
        assert_eq!(message("Not tainted 6.1.0"), None);
        assert_eq!(message("Internal error: Oops: 96000007 [#1] PREEMPT SMP"), None);
    }
}
