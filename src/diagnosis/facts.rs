//! What the lines say about the machine and about how far the boot came, for the conditions that
//! tell causes with the same words apart.

use std::collections::BTreeSet;

use super::decode::{self, Exit};
use super::marks::Mark;
use super::pattern::{Captures, value};
use super::scan::{Quote, Scanned};
use crate::boot::log::Line;

/// An attempt of the kernel to run an init.
#[derive(Debug, Clone)]
pub(super) struct Attempt {
    pub(super) init: String,
    /// Why it failed, where the kernel said so.
    pub(super) errno: Option<i32>,
}

/// What a log says, bounded.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// The kernel's command line, the longest form seen.
    pub(super) command_line: Option<String>,
    pub(super) kernel: Option<String>,
    pub(super) attempts: Vec<Attempt>,
    pub(super) requested: Option<Attempt>,
    pub(super) unpack_error: Option<String>,
    pub(super) freed_kib: Option<u64>,
    pub(super) panic: Option<String>,
    pub(super) exit: Option<Exit>,
    exit_code: Option<String>,
    /// The device of `VFS: Cannot open root device`.
    pub(super) root_device: Option<String>,
    /// The numbers of the device that could not be opened or mounted.
    pub(super) root_block: Option<(u32, u32)>,
    /// Why it could not, where the kernel said so.
    pub(super) root_errno: Option<i32>,
    /// The disks and partitions that the kernel listed when it found no root.
    pub(super) listed: BTreeSet<String>,
    /// The PCI identifications and classes of the storage controllers.
    pub(super) storage: BTreeSet<String>,
    pub(super) grub_error: Option<String>,
    pub(super) grub_file: Option<String>,
    /// Who panicked.
    pub(super) comm: Option<String>,
    pub(super) memory_mib: Option<u64>,
    /// Lines that are not the kernel's, after the first init.
    pub(super) said_by_init: u64,
    /// The last of them before a panic.
    pub(super) last_words: Option<Quote>,
    pub(super) map_partitions: bool,
    pub(super) map_disks: bool,
    optical: Option<String>,
    marks: u128,
    /// The lines that decide, for findings that no single message shows.
    pub(super) key_lines: Vec<(Mark, Quote)>,
    /// The partitions that the kernel saw when it found a disk.
    pub(super) seen_partitions: BTreeSet<String>,
    list_lines: u8,
    pub(super) timestamps: bool,
    /// The line of the first init had no timestamp.
    unstamped_init: bool,
    in_map: bool,
    /// The lines of a trace that have raw addresses.
    pub(super) addresses: Vec<Quote>,
    /// How many bytes the kernel was moved at its start.
    pub(super) kernel_offset: Option<u64>,
    pub(super) module_directory: Option<String>,
    /// Lines since the loader last said that it loads or starts something.
    pub(super) lines_after_loader: u64,
    /// Whether the last line is the prompt of a shell.
    pub(super) ends_with_prompt: bool,
    /// Lines since a console was switched off.
    pub(super) lines_after_console: u64,
    /// Lines of the kernel since it first ran an init, without those that say how it ran it.
    pub(super) kernel_after_init: u64,
    /// Steps that userspace has taken since the kernel last crashed.
    pub(super) steps_after_oops: u64,
}

/// How the names of block devices begin that hold no root filesystem of their own.
pub(super) const NO_DISKS: [&str; 4] = ["ram", "loop", "sr", "fd"];

/// How many lines of a partition list are read, and how many entries of anything are kept.
const LIST_LINES: u8 = 80;
const KEPT: usize = 64;

impl Facts {
    /// Whether a line of this kind was seen.
    pub(super) fn has(&self, mark: Mark) -> bool {
        self.marks & (1 << mark as u8) != 0
    }

    /// Takes the next line and what was found in it.
    pub(super) fn observe(&mut self, line: &Line, scanned: &Scanned) {
        let (message, marks) = (line.message(), &scanned.marks);
        self.timestamps |= line.kernel_time.is_some();
        self.list(scanned.resumed.as_deref().unwrap_or(message));
        self.count(line, scanned);
        for (mark, captures) in marks {
            self.marks |= 1 << *mark as u8;
            self.take(*mark, captures, message);
            if *mark == Mark::Address && self.addresses.len() < KEPT {
                let quote = Quote::new(line.number, line.text());
                self.addresses.extend((self.addresses.last() != Some(&quote)).then_some(quote));
            }
            if is_key(*mark) && self.key_lines.len() < KEPT {
                let quote = Quote::new(line.number, line.text());
                if !self.key_lines.iter().any(|(_, known)| *known == quote) {
                    self.key_lines.push((*mark, quote));
                }
            }
        }
    }

    fn count(&mut self, line: &Line, scanned: &Scanned) {
        let marks = &scanned.marks;
        let kernels = line.kernel_time.is_some();
        let starts = marks.iter().any(|(mark, _)| *mark == Mark::InitRun);
        let message = line.message();
        if message.trim().is_empty() || is_emulators(message) {
            return;
        }
        if starts {
            self.unstamped_init = !kernels;
        }
        // Where lines have no timestamps, the kernel's are known by their words.
        let kernels = kernels || scanned.continues || (self.unstamped_init && is_kernels(message));
        self.ends_with_prompt = is_shell_prompt(line.text());
        self.lines_after_console += 1;
        if marks.iter().any(|(mark, _)| *mark == Mark::ConsoleDisabled) {
            self.lines_after_console = 0;
        }
        if self.has(Mark::InitRun) && kernels && !starts && !is_argument(message) {
            self.kernel_after_init += 1;
        }
        let said = |wanted: Mark| marks.iter().any(|(mark, _)| *mark == wanted);
        if said(Mark::Oops) || said(Mark::Lockup) {
            self.steps_after_oops = 0;
        } else if said(Mark::SystemdAlive) {
            self.steps_after_oops += 1;
        }
        if self.has(Mark::InitRun) && !kernels && !starts && !self.has(Mark::Panic) {
            self.said_by_init += 1;
            self.last_words.get_or_insert_default().set(line.number, line.text());
        }
        let loads = |mark: &Mark| matches!(mark, Mark::LoaderLoads | Mark::LoaderStarts);
        if marks.iter().any(|(mark, _)| loads(mark)) {
            self.lines_after_loader = 0;
        } else {
            self.lines_after_loader += 1;
        }
    }

    fn take(&mut self, mark: Mark, captures: &Captures, message: &str) {
        let get = |name| value(captures, name).unwrap_or_default();
        match mark {
            Mark::CommandLine => longest(&mut self.command_line, get("args")),
            Mark::KernelVersion if get("version").starts_with(|c: char| c.is_ascii_digit()) => {
                longest(&mut self.kernel, get("version"));
            }
            Mark::UnpackFailed => grow(&mut self.unpack_error, get("why")),
            Mark::InitrdFreed => self.freed_kib = kib(get("size")).or(self.freed_kib),
            Mark::InitRun => self.attempt(get("init"), None),
            Mark::ExecFailed => self.attempt(get("init"), number(get("errno"))),
            Mark::RequestedInit => {
                let errno = number(get("errno"));
                self.requested = Some(Attempt { init: get("init").into(), errno });
            }
            Mark::RootMissing => longest(&mut self.root_device, get("device")),
            Mark::CannotOpenRoot | Mark::UnableToMountRoot => {
                longest(&mut self.root_device, get("device"));
                // The panic's numbers are those of the last device that was tried.
                self.root_block = decode::block(message).or(self.root_block);
                self.root_errno = number(get("errno")).or(self.root_errno);
            }
            Mark::PartitionList => self.list_lines = LIST_LINES,
            Mark::Panic => grow(&mut self.panic, get("why")),
            Mark::ExitCode => {
                grow(&mut self.exit_code, get("code"));
                self.exit = self.exit_code.as_deref().and_then(decode::exit);
            }
            Mark::Comm if self.has(Mark::Panic) => first(&mut self.comm, get("comm")),
            Mark::Storage => insert(&mut self.storage, format!("{} 01{}", get("id"), get("class"))),
            Mark::SmallMemory => self.memory_mib = mebibytes(get("address")).or(self.memory_mib),
            Mark::GrubError => first(&mut self.grub_error, get("what")),
            Mark::GrubFile => first(&mut self.grub_file, get("file")),
            Mark::KernelOffset => {
                let digits = get("offset").trim_start_matches("0x");
                self.kernel_offset = u64::from_str_radix(digits, 16).ok();
            }
            Mark::ModuleDirectory => first(&mut self.module_directory, get("directory")),
            Mark::DiskPartitions => self.partitions(message),
            Mark::ShellMap => self.in_map = true,
            Mark::MapPath => self.map_path(message),
            Mark::OpticalEntry => first(&mut self.optical, get("path")),
            _ => {}
        }
    }

    fn attempt(&mut self, init: &str, errno: Option<i32>) {
        if let Some(known) = self.attempts.iter_mut().find(|known| known.init == init) {
            known.errno = errno.or(known.errno);
        } else if self.attempts.len() < KEPT {
            self.attempts.push(Attempt { init: init.into(), errno });
        }
    }

    /// `0800   8388608 sda` and `  0801  8387584 sda1 uuid`, after the head of a list; the numbers
    /// are `major:minor` on newer kernels.
    fn list(&mut self, message: &str) {
        if self.list_lines == 0 {
            return;
        }
        self.list_lines -= 1;
        let mut words = message.split_whitespace();
        let device = words.next().unwrap_or_default();
        let is_device = device.len() >= 4
            && device.bytes().all(|b| b.is_ascii_hexdigit() || b == b':')
            && words.next().is_some_and(|size| size.bytes().all(|b| b.is_ascii_digit()));
        if let Some(name) = words.next().filter(|_| is_device) {
            insert(&mut self.listed, bare(name).to_owned());
        }
    }

    /// `vda: vda1 vda2`, `nvme0n1: p1 p2`.
    fn partitions(&mut self, message: &str) {
        let Some((disk, names)) = message.split_once(": ") else { return };
        for name in names.split_whitespace() {
            let short = name.starts_with('p') && name[1..].bytes().all(|b| b.is_ascii_digit());
            let name = if short { format!("{}{name}", disk.trim()) } else { name.to_owned() };
            insert(&mut self.seen_partitions, bare(&name).to_owned());
        }
    }

    /// Whether the kernel saw the root partition when it found its disk.
    pub(super) fn root_was_seen(&self) -> bool {
        self.root_name().is_some_and(|name| self.seen_partitions.contains(name))
    }

    /// The lines that decide, without what a later part of the boot has made good, and of the inits that
    /// the kernel tried only the first.
    pub(super) fn decisive(&self) -> impl DoubleEndedIterator<Item = &Quote> {
        let spoke = self.kernel_spoke();
        let loaders = |mark: &Mark| matches!(mark, Mark::LoaderLoads | Mark::LoaderStarts);
        let first = self.key_lines.iter().find(|(mark, _)| *mark == Mark::InitRun);
        let first = first.map(|(_, quote)| quote.line);
        let kept = self.key_lines.iter().filter(move |(mark, quote)| {
            !(spoke && loaders(mark)) && (*mark != Mark::InitRun || Some(quote.line) == first)
        });
        kept.map(|(_, quote)| quote)
    }

    /// The disks and partitions that the kernel listed, without RAM disks, loops and CD drives.
    pub(super) fn disks(&self) -> Option<String> {
        let is_disk = |name: &&String| !NO_DISKS.iter().any(|no| name.starts_with(no));
        let names: Vec<String> =
            self.listed.iter().filter(is_disk).map(|name| format!("/dev/{name}")).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn map_path(&mut self, message: &str) {
        if !self.in_map || self.optical.as_deref().is_some_and(|path| message.contains(path)) {
            return;
        }
        self.map_disks = true;
        self.map_partitions |= message.contains("/HD(");
    }
}

/// A name without the quotation marks that a line of JSON ends with.
fn bare(name: &str) -> &str {
    name.trim_end_matches(['\'', '"', ',', '`'])
}

/// `/ # `, `~ $`, `sh-5.1# `, `root@box:~# `, `[root@box /]# ` and nothing after it.
fn is_shell_prompt(text: &str) -> bool {
    let text = text.trim_end();
    let Some(before) = text.strip_suffix(['#', '$']) else { return false };
    let before = before.trim();
    before.is_empty()
        || matches!(before, "/" | "~")
        || before.starts_with("sh-")
        || before.starts_with("bash-")
        || (before.contains('@') && before.len() < 80 && before.split(' ').count() <= 2)
}

/// What QEMU says when somebody ends it.
fn is_emulators(message: &str) -> bool {
    message.starts_with("QEMU: Terminated")
        || (message.starts_with("qemu-system-") && message.contains("terminating on signal"))
}

/// Whether it is a part of how the kernel says what it runs init with.
fn is_argument(message: &str) -> bool {
    let message = message.trim();
    let heads = ["with arguments:", "with environment:"];
    let is_path = message.starts_with('/') && !message.contains(' ');
    let is_variable = message.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    is_path || is_variable || heads.contains(&message)
}

/// How messages begin that kernels of every kind print after they ran an init.
const KERNELS: [&str; 16] = [
    "ACPI: ",
    "reboot: ",
    "tsc: ",
    "clocksource: ",
    "input: ",
    "random: ",
    "usb ",
    "ata",
    "sd ",
    "sr ",
    "scsi ",
    "EXT4-fs ",
    "with arguments:",
    "with environment:",
    "HOME=/",
    "TERM=linux",
];

fn is_kernels(message: &str) -> bool {
    KERNELS.iter().any(|start| message.starts_with(start))
}

fn is_key(mark: Mark) -> bool {
    matches!(
        mark,
        Mark::UnpackFailed
            | Mark::ExecFailed
            | Mark::NoWorkingInit
            | Mark::RequestedInit
            | Mark::CannotOpenRoot
            | Mark::UnableToMountRoot
            | Mark::Panic
            | Mark::Oops
            | Mark::GrubError
            | Mark::LoaderLoads
            | Mark::LoaderStarts
            | Mark::InitRun
            | Mark::Waiting
            | Mark::Emergency
            | Mark::ConsoleDisabled
            | Mark::GrubPrompt
            | Mark::Tainted
    )
}

fn first(slot: &mut Option<String>, value: &str) {
    slot.get_or_insert_with(|| value.to_owned());
}

/// The first value, or a longer form of it: the rest of it may have been wrapped.
fn grow(slot: &mut Option<String>, value: &str) {
    if slot.as_ref().is_none_or(|old| value.starts_with(old.as_str())) {
        *slot = Some(value.to_owned());
    }
}

fn longest(slot: &mut Option<String>, value: &str) {
    if slot.as_ref().is_none_or(|old| old.len() < value.len()) {
        *slot = Some(value.to_owned());
    }
}

fn insert(set: &mut BTreeSet<String>, value: String) {
    if set.len() < KEPT {
        set.insert(value);
    }
}

fn number(text: &str) -> Option<i32> {
    text.trim().parse::<i32>().ok()?.checked_abs()
}

/// `300K` or `1234k freed`.
fn kib(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text[..digits].parse().ok()
}

/// iPXE says where the end of memory is, in bytes and hexadecimal.
fn mebibytes(address: &str) -> Option<u64> {
    Some((u64::from_str_radix(address, 16).ok()? >> 20) + 1)
}
