//! The lines that prove that a boot has failed, for a verdict and for stopping early.
//!
//! Here a log is only sorted into the few outcomes of [`super::verdict`]; why it failed in
//! detail is the diagnosis's work.

use std::fmt;

use bootwright_init::handoff;
use bootwright_init::step::Step;

use super::errno;
use super::expectation::Expectation;
use super::log::Line;
use super::milestone::{self, Milestone};

/// What kind of failure a line proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// The firmware has nothing to start.
    NoLoader,
    /// The boot loader, or the EFI stub, cannot go on.
    Loader,
    /// The kernel stopped.
    Panic,
    /// Whoever looked for the root filesystem did not find or mount it.
    Root,
    /// A step of init failed.
    Init {
        /// Which step.
        step: String,
        /// Why, as a positive error number, where it was said.
        errno: Option<i32>,
    },
}

/// A failure and the line that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What failed.
    pub kind: Kind,
    /// The number of the line.
    pub line: u64,
    /// Its message.
    pub text: String,
    /// Nothing comes after it: there is no need to wait for a timeout.
    pub is_final: bool,
}

/// What a `failed` line of our own init says.
struct FailedStep {
    /// The step as written.
    word: String,
    /// The step, where this host knows it.
    step: Option<Step>,
    errno: Option<i32>,
    /// The other fields: what it was done to.
    objects: Vec<String>,
}

impl FailedStep {
    fn read(said: &handoff::Parsed<'_>) -> Self {
        let text =
            |value| String::from_utf8_lossy(&handoff::decode(value).collect::<Vec<_>>()).into();
        let word = said.field("step").map_or_else(|| "unknown".into(), text);
        let step = Step::ALL.into_iter().find(|step| step.word() == word);
        let errno = said.field("errno").and_then(errno::parse);
        let pairs = said.fields.split(' ').filter_map(|field| field.split_once('='));
        let objects = pairs
            .filter(|(key, _)| !["step", "errno", "number"].contains(key))
            .map(|(_, value)| text(value))
            .collect();
        FailedStep { word, step, errno, objects }
    }
}

impl fmt::Display for FailedStep {
    /// `waiting for the root device PARTLABEL=nowhere: no such device (ENODEV, 19)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step.map_or(&self.word, |step| step.doing()))?;
        self.objects.iter().try_for_each(|object| write!(f, " {object}"))?;
        match self.errno {
            Some(errno) => write!(f, ": {}", errno::describe(errno)),
            None => Ok(()),
        }
    }
}

/// Signs that stand anywhere in a message: what they prove, and whether the boot is over.
const SIGNS: &[(&str, Sign, bool)] = &[
    ("BdsDxe: No bootable option", Sign::NoLoader, true),
    ("UEFI Interactive Shell", Sign::NoLoader, false),
    ("No bootable device", Sign::NoLoader, true),
    ("Boot Failed. EFI", Sign::NoLoader, false),
    ("grub rescue>", Sign::Loader, true),
    ("grub>", Sign::Loader, false),
    ("error: ", Sign::Loader, false),
    ("Press any key to continue...", Sign::Loader, true),
    ("!!!! X64 Exception Type", Sign::Loader, true),
    ("Failed to boot both default and fallback entries", Sign::Loader, true),
    ("you need to load the kernel first", Sign::Loader, true),
    ("EFI stub: ERROR: ", Sign::Loader, true),
    ("start_image() returned", Sign::Loader, false),
    ("Verification failed: ", Sign::Loader, false),
    ("-- System halted", Sign::Loader, true),
    ("Kernel panic - not syncing: ", Sign::Panic, true),
    ("VFS: Cannot open root device", Sign::Root, false),
    ("VFS: Unable to mount root fs", Sign::Root, true),
    ("Gave up waiting for root", Sign::Root, false),
    ("ALERT!  ", Sign::Root, true),
    ("does not exist.  Dropping to a shell!", Sign::Root, true),
    ("/dev/disk/by-", Sign::RootGone, false),
    ("Could not boot.", Sign::Shell, false),
    ("Dropping to debug shell", Sign::Shell, true),
    ("(initramfs) ", Sign::Shell, true),
    ("You are in emergency mode", Sign::Shell, true),
    ("Entering emergency mode", Sign::Shell, true),
    // The kernel goes on with what it has unpacked by then, which may well be enough to boot.
    ("Initramfs unpacking failed: ", Sign::Unpack, false),
    ("Failed to execute /init (error", Sign::Execute, false),
    ("check access for rdinit=", Sign::Execute, false),
    ("Requested init ", Sign::Execute, true),
    ("No working init found", Sign::Execute, true),
    ("No init found. Try passing init=", Sign::Execute, true),
    ("Cannot find init!", Sign::Execute, false),
    ("Target filesystem doesn't have requested", Sign::Execute, false),
    // systemd stops itself so that somebody can look; nothing goes on.
    ("]: Freezing execution", Sign::Killed, true),
    ("Attempted to kill init", Sign::Killed, true),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    NoLoader,
    Loader,
    Panic,
    Root,
    RootGone,
    Shell,
    Unpack,
    Execute,
    Killed,
}

/// What became of the initramfs, as far as its log tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Initramfs {
    #[default]
    Absent,
    Given,
}

/// The step of an emergency shell: something failed before it, mostly with a better message.
const EMERGENCY: &str = "emergency shell";

/// What is known of failures so far.
#[derive(Debug, Clone, Default)]
pub struct Troubles {
    token: Option<String>,
    kernel_started: bool,
    initramfs: Initramfs,
    worst: Option<Trouble>,
}

impl Troubles {
    /// None so far.
    pub fn new(expectation: &Expectation) -> Self {
        let token = expectation.token().map(str::to_owned);
        Troubles { token, ..Troubles::default() }
    }

    /// The most telling failure, if there is one.
    pub fn worst(&self) -> Option<&Trouble> {
        self.worst.as_ref()
    }

    /// Takes the next line.
    pub fn observe(&mut self, line: &Line) {
        let message = line.message();
        match milestone::of_message(message) {
            // Whoever handed off to the next one had not failed after all.
            Some(Milestone::KernelStarted) if !self.kernel_started => {
                self.kernel_started = true;
                self.worst = None;
            }
            Some(Milestone::InitramfsUnpacking | Milestone::InitramfsUnpacked)
                if self.initramfs == Initramfs::Absent =>
            {
                self.initramfs = Initramfs::Given;
            }
            Some(Milestone::LoaderRunning) if self.is_firmware_only() => self.worst = None,
            _ => {}
        }
        if let Some(next) = self.handoff(line).or_else(|| self.sign(line)) {
            self.keep(next);
        }
    }

    fn is_firmware_only(&self) -> bool {
        self.worst.as_ref().is_some_and(|worst| worst.kind == Kind::NoLoader)
    }

    fn handoff(&self, line: &Line) -> Option<Trouble> {
        let said = handoff::Parsed::find(line.text())?;
        let own = self.token.as_deref() == Some(said.token);
        (own && said.milestone == handoff::Milestone::Failed).then_some(())?;
        let failed = FailedStep::read(&said);
        let kind = match failed.step {
            // Not finding the root device is the one failure that has an outcome of its own.
            Some(Step::RootArgument | Step::RootWait) => Kind::Root,
            _ => Kind::Init { step: failed.word.clone(), errno: failed.errno },
        };
        Some(Trouble { text: failed.to_string(), ..trouble(kind, line, true) })
    }

    fn sign(&self, line: &Line) -> Option<Trouble> {
        let message = line.message();
        // The kernel's last words hold the cause, so the table's later signs are more specific.
        let (_, sign, is_final) = SIGNS.iter().rev().find(|(text, ..)| message.contains(text))?;
        let kind = match sign {
            Sign::NoLoader | Sign::Loader if self.kernel_started => return None,
            Sign::Loader if !loader_error(message) => return None,
            Sign::NoLoader => Kind::NoLoader,
            Sign::Loader => Kind::Loader,
            Sign::Panic => Kind::Panic,
            Sign::RootGone if !message.contains("does not exist") => return None,
            Sign::Root if message.contains("VFS: ") => self.root_of_kernel(),
            Sign::Root | Sign::RootGone => Kind::Root,
            Sign::Shell => init(EMERGENCY, None),
            Sign::Unpack => init("unpack the initramfs", None),
            Sign::Execute => init("exec init", parenthesised(message)),
            Sign::Killed => init("run init", None),
        };
        Some(trouble(kind, line, *is_final))
    }

    /// With an initramfs, the kernel only looks for a root filesystem itself where it found no
    /// `/init`: then that is what failed.
    fn root_of_kernel(&self) -> Kind {
        match self.initramfs {
            Initramfs::Absent => Kind::Root,
            Initramfs::Given => init("find /init in the initramfs", None),
        }
    }

    /// The first of a kind tells more than what follows from it; a more telling kind replaces it.
    fn keep(&mut self, next: Trouble) {
        match &mut self.worst {
            Some(worst) if rank(&worst.kind) >= rank(&next.kind) => worst.is_final |= next.is_final,
            Some(worst) => {
                let is_final = worst.is_final || next.is_final;
                *worst = Trouble { is_final, ..next };
            }
            None => self.worst = Some(next),
        }
    }
}

fn rank(kind: &Kind) -> u8 {
    match kind {
        Kind::NoLoader => 0,
        Kind::Loader => 1,
        Kind::Panic => 2,
        Kind::Root => 3,
        Kind::Init { step, .. } if step == EMERGENCY => 1,
        Kind::Init { .. } => 4,
    }
}

fn init(step: &str, errno: Option<i32>) -> Kind {
    Kind::Init { step: step.into(), errno }
}

fn trouble(kind: Kind, line: &Line, is_final: bool) -> Trouble {
    Trouble { kind, line: line.number, text: line.message().trim().to_owned(), is_final }
}

/// `error: ` is GRUB's only where it starts a message; GRUB 2.12 puts the source file after it.
fn loader_error(message: &str) -> bool {
    !message.contains("error: ") || message.starts_with("error: ")
}

/// The number of `(error -13)`, `failed: -2` or `error -6`.
fn parenthesised(message: &str) -> Option<i32> {
    let at = message.find('-')?;
    let digits: String = message[at + 1..].chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::log::Log;

    fn worst(text: &str) -> Option<Trouble> {
        let mut troubles = Troubles::new(&Expectation::Handoff { token: "abc".into() });
        Log::from_bytes(text.as_bytes()).lines().for_each(|line| troubles.observe(line));
        troubles.worst().cloned()
    }

    #[test]
    fn the_most_telling_line_wins() {
        let panic = "Failed to execute /init (error -13)\nRun /sbin/init as init process\nKernel panic - not syncing: No working init found.\n";
        let found = worst(panic).expect("there is trouble");
        assert_eq!(found.kind, Kind::Init { step: "exec init".into(), errno: Some(13) });
        assert_eq!((found.line, found.is_final), (1, true));
    }

    #[test]
    fn a_kernel_that_mounts_root_itself_found_no_init_in_its_initramfs() {
        let text = "Unpacking initramfs...\nFreeing initrd memory: 4K\nVFS: Cannot open root device \"vda2\"\n";
        let kind = worst(text).map(|trouble| trouble.kind);
        assert_eq!(kind, Some(init("find /init in the initramfs", None)));
        let kind = worst("VFS: Cannot open root device \"vda2\"\n").map(|trouble| trouble.kind);
        assert_eq!(kind, Some(Kind::Root));
    }

    #[test]
    fn a_broken_initramfs_is_the_cause_of_what_follows() {
        let text =
            "Initramfs unpacking failed: junk\nhandoff: 1 abc failed step=root-wait errno=ENODEV\n";
        let found = worst(text).expect("there is trouble");
        assert_eq!(found.kind, init("unpack the initramfs", None));
        assert_eq!((found.line, found.is_final), (1, true));
    }

    #[test]
    fn a_later_handoff_pardons_the_loader() {
        assert_eq!(worst("error: file `/x' not found.\n[    0.000000] Linux version 6\n"), None);
        assert_eq!(worst("UEFI Interactive Shell v2.2\nWelcome to GRUB!\n"), None);
    }

    #[test]
    fn only_our_own_failed_line_counts() {
        let line = |token| format!("handoff: 1 {token} failed step=root-mount errno=ENODEV\n");
        assert_eq!(worst(&line("other")), None);
        let kind = worst(&line("abc")).expect("there is trouble").kind;
        assert_eq!(kind, Kind::Init { step: "root-mount".into(), errno: Some(19) });
        let kind = worst("handoff: 1 abc failed step=root-wait errno=ENODEV root=PARTLABEL%3Dx\n")
            .map(|t| t.kind);
        assert_eq!(kind, Some(Kind::Root));
    }
}
