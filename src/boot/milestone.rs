//! The points that a healthy boot passes, and the console lines that prove each.
//!
//! The strongest proof is a `handoff:` line with this boot's token, which only our `/init` writes.
//! Lines of firmware, loaders, kernels and other people's userspace are proofs too, but anything can
//! print them: they are marked [`Proof::Console`].

use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use bootwright_init::handoff;
use serde::Serialize;

/// The parts of a boot, each of which hands off to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// From power-on until a loader runs.
    Firmware,
    /// GRUB, systemd-boot, U-Boot, the EFI stub.
    Loader,
    /// From the kernel's first line until it runs an init.
    Kernel,
    /// The initramfs, up to switch_root.
    EarlyUserspace,
    /// Init on the root filesystem.
    Userspace,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 5] =
        [Stage::Firmware, Stage::Loader, Stage::Kernel, Stage::EarlyUserspace, Stage::Userspace];

    /// As people read it.
    pub const fn name(self) -> &'static str {
        match self {
            Stage::Firmware => "firmware",
            Stage::Loader => "loader",
            Stage::Kernel => "kernel",
            Stage::EarlyUserspace => "early userspace",
            Stage::Userspace => "userspace",
        }
    }
}

/// A point that a healthy boot passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Milestone {
    /// The firmware speaks.
    FirmwareStarted,
    /// A boot loader speaks.
    LoaderRunning,
    /// The kernel was entered through its EFI stub.
    EfiStub,
    /// The kernel's first line.
    KernelStarted,
    /// The kernel has its command line.
    CommandLine,
    /// The kernel began to unpack the initramfs.
    InitramfsUnpacking,
    /// The kernel gave the initramfs's memory back, and had not said that unpacking failed.
    InitramfsUnpacked,
    /// The kernel runs an init.
    InitRun,
    /// That init speaks.
    InitAlive,
    /// The initramfs has loaded its kernel modules.
    ModulesLoaded,
    /// The root device is there.
    RootFound,
    /// A root filesystem is mounted.
    RootMounted,
    /// The root filesystem becomes `/`.
    SwitchRoot,
    /// An init on the root filesystem speaks.
    UserspaceStarted,
    /// Userspace is up.
    UserspaceReady,
    /// The guest powers off, reboots or halts in good order.
    PoweredDown,
}

impl Milestone {
    /// As people read it.
    pub const fn title(self) -> &'static str {
        match self {
            Milestone::FirmwareStarted => "firmware started",
            Milestone::LoaderRunning => "loader running",
            Milestone::EfiStub => "EFI stub",
            Milestone::KernelStarted => "kernel started",
            Milestone::CommandLine => "command line seen",
            Milestone::InitramfsUnpacking => "unpacking initramfs",
            Milestone::InitramfsUnpacked => "initramfs unpacked",
            Milestone::InitRun => "init run",
            Milestone::InitAlive => "init alive",
            Milestone::ModulesLoaded => "modules loaded",
            Milestone::RootFound => "root found",
            Milestone::RootMounted => "root mounted",
            Milestone::SwitchRoot => "switch_root",
            Milestone::UserspaceStarted => "userspace started",
            Milestone::UserspaceReady => "userspace ready",
            Milestone::PoweredDown => "powered down",
        }
    }

    /// The part of the boot that this milestone belongs to: the first of each part begins it.
    pub const fn stage(self) -> Stage {
        match self {
            Milestone::FirmwareStarted => Stage::Firmware,
            Milestone::LoaderRunning | Milestone::EfiStub => Stage::Loader,
            Milestone::KernelStarted
            | Milestone::CommandLine
            | Milestone::InitramfsUnpacking
            | Milestone::InitramfsUnpacked => Stage::Kernel,
            Milestone::InitRun
            | Milestone::InitAlive
            | Milestone::ModulesLoaded
            | Milestone::RootFound
            | Milestone::RootMounted => Stage::EarlyUserspace,
            Milestone::SwitchRoot
            | Milestone::UserspaceStarted
            | Milestone::UserspaceReady
            | Milestone::PoweredDown => Stage::Userspace,
        }
    }

    /// The milestone that a line of the handoff protocol proves; `Failed` proves none.
    pub const fn of_handoff(said: handoff::Milestone) -> Option<Milestone> {
        match said {
            handoff::Milestone::InitAlive => Some(Milestone::InitAlive),
            handoff::Milestone::ModulesLoaded => Some(Milestone::ModulesLoaded),
            handoff::Milestone::RootFound => Some(Milestone::RootFound),
            handoff::Milestone::RootMounted => Some(Milestone::RootMounted),
            handoff::Milestone::SwitchRoot => Some(Milestone::SwitchRoot),
            handoff::Milestone::UserspaceReady => Some(Milestone::UserspaceReady),
            handoff::Milestone::Failed => None,
        }
    }
}

/// How far a milestone is to be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// A `handoff:` line with this boot's token.
    Handoff,
    /// A line that looks as it does in a healthy boot; good evidence, but no proof of this boot.
    Console,
}

/// Where in a message a sign has to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Start,
    Anywhere,
    /// At the end of the line, as a prompt does.
    End,
}

use Milestone::*;
use Place::{Anywhere, End, Start};

/// The signs. Sources: the format strings of EDK II (BdsDxe), SeaBIOS, GRUB, U-Boot, Linux
/// (`init/main.c`, `init/do_mounts.c`, `init/initramfs.c`, `kernel/reboot.c`, `drivers/firmware/efi`,
/// `fs/*`), systemd, OpenRC, sysvinit, BusyBox, runit and agetty.
const SIGNS: &[(&str, Place, Milestone)] = &[
    ("BdsDxe: ", Start, FirmwareStarted),
    ("SeaBIOS (version", Anywhere, FirmwareStarted),
    ("UEFI firmware (version", Start, FirmwareStarted),
    ("UEFI Interactive Shell", Start, FirmwareStarted),
    ("Booting from Hard Disk", Start, FirmwareStarted),
    ("Booting from ROM", Start, FirmwareStarted),
    ("OpenSBI v", Start, FirmwareStarted),
    ("SLOF **", Start, FirmwareStarted),
    ("Welcome to GRUB!", Anywhere, LoaderRunning),
    ("GRUB loading", Start, LoaderRunning),
    ("GNU GRUB  version", Anywhere, LoaderRunning),
    ("grub> ", End, LoaderRunning),
    ("grub rescue> ", End, LoaderRunning),
    ("  Booting `", Anywhere, LoaderRunning),
    ("Loading Linux ", Start, LoaderRunning),
    ("U-Boot 20", Start, LoaderRunning),
    ("U-Boot SPL 20", Start, LoaderRunning),
    ("Starting kernel ...", Start, LoaderRunning),
    ("ISOLINUX ", Start, LoaderRunning),
    ("SYSLINUX ", Start, LoaderRunning),
    ("systemd-boot ", Start, LoaderRunning),
    ("iPXE initialising devices", Start, LoaderRunning),
    ("EFI stub: ", Anywhere, EfiStub),
    // GRUB before 2.12 enters the kernel through the handover protocol, which prints nothing.
    ("efi: EFI v", Start, EfiStub),
    ("EFI v", Start, EfiStub),
    ("Linux version ", Anywhere, KernelStarted),
    ("Booting Linux on physical CPU", Start, KernelStarted),
    ("Kernel command line: ", Start, CommandLine),
    ("Command line: ", Start, CommandLine),
    ("Unpacking initramfs...", Start, InitramfsUnpacking),
    ("Trying to unpack rootfs image as initramfs", Start, InitramfsUnpacking),
    ("checking if image is initramfs", Start, InitramfsUnpacking),
    ("Freeing initrd memory", Start, InitramfsUnpacked),
    (" as init process", Anywhere, InitRun),
    ("Loading, please wait...", Anywhere, InitAlive),
    ("Starting systemd-udevd version", Anywhere, InitAlive),
    (" running in system mode", Anywhere, InitAlive),
    ("dracut: dracut-", Anywhere, InitAlive),
    (":: running early hook", Anywhere, InitAlive),
    ("Begin: Running /scripts/init-top", Start, InitAlive),
    ("VFS: Mounted root (", Start, RootMounted),
    ("): mounted filesystem", Anywhere, RootMounted),
    ("dracut: Mounted root filesystem", Anywhere, RootMounted),
    ("Begin: Running /scripts/local-bottom", Start, RootMounted),
    ("Mounted /sysroot", Anywhere, RootMounted),
    ("Mounted sysroot.mount", Anywhere, RootMounted),
    ("Initrd Root File System.", Anywhere, RootMounted),
    ("dracut: Switching root", Anywhere, SwitchRoot),
    ("Switching root.", Anywhere, SwitchRoot),
    ("Starting initrd-switch-root.service", Anywhere, SwitchRoot),
    ("Starting Switch Root...", Anywhere, SwitchRoot),
    ("INIT: version ", Anywhere, UserspaceStarted),
    ("init started: BusyBox", Anywhere, UserspaceStarted),
    (" is starting up Linux", Anywhere, UserspaceStarted),
    ("- runit: $Id: ", Start, UserspaceStarted),
    ("procd: - init", Start, UserspaceStarted),
    ("Please press Enter to activate this console", Anywhere, UserspaceReady),
    ("Multi-User System.", Anywhere, UserspaceReady),
    ("Graphical Interface.", Anywhere, UserspaceReady),
    ("Startup finished in ", Anywhere, UserspaceReady),
    (" login:", Anywhere, UserspaceReady),
    ("Last login: ", Start, UserspaceReady),
    ("Cloud-init v. ", Anywhere, UserspaceReady),
    ("reboot: Power down", Start, PoweredDown),
    ("reboot: Restarting system", Start, PoweredDown),
    ("reboot: System halted", Start, PoweredDown),
    ("Power down.", Start, PoweredDown),
    ("Restarting system.", Start, PoweredDown),
];

static NEEDLES: LazyLock<Option<AhoCorasick>> = LazyLock::new(|| {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(AhoCorasickKind::DFA))
        .build(SIGNS.iter().map(|(text, ..)| text.trim_start()))
        .ok()
});

/// The words of all signs: a message without any of them proves nothing.
pub(crate) fn needles() -> impl Iterator<Item = &'static str> {
    SIGNS.iter().map(|(text, ..)| text.trim_start()).chain([handoff::MARKER])
}

/// The milestone that a message proves, the furthest one where it has signs of several.
pub fn of_message(message: &str) -> Option<Milestone> {
    let needles = NEEDLES.as_ref()?;
    let hits = needles.find_overlapping_iter(message).filter_map(|hit| {
        let (text, place, milestone) = SIGNS[hit.pattern().as_usize()];
        let stands = match place {
            Start => hit.start() == 0,
            End => message[hit.end()..].trim().is_empty(),
            Anywhere => hit.start() >= text.len() - text.trim_start().len() || hit.start() == 0,
        };
        (stands && confirmed(milestone, message)).then_some(milestone)
    });
    hits.max()
}

/// Signs that are ordinary words need company to count.
fn confirmed(milestone: Milestone, message: &str) -> bool {
    match milestone {
        InitRun => message.starts_with("Run /") || message.contains("Run "),
        // Behind a loader's unfinished line, it has to be the kernel's own, which names its compiler.
        KernelStarted if message.contains("Linux version") => {
            message.starts_with("Linux version ")
                || message.contains("(gcc")
                || message.contains("gcc version")
        }
        // A login prompt is a host name and nothing else before it.
        UserspaceReady if message.contains(" login:") && !message.starts_with("Last login: ") => {
            is_login_prompt(message)
        }
        UserspaceReady if message.contains("Cloud-init") => message.contains(" finished at "),
        UserspaceReady if ["Multi-User", "Graphical"].iter().any(|t| message.contains(t)) => {
            message.contains("Reached target")
        }
        RootMounted if message.contains("Initrd Root File System") => {
            message.contains("Reached target")
        }
        EfiStub if message.starts_with("EFI v") => message.contains(" by "),
        _ => true,
    }
}

/// The host's name, the word, and at most the user's name.
fn is_login_prompt(message: &str) -> bool {
    let mut words = message.split_whitespace();
    words.next().is_some_and(|host| !host.ends_with(':'))
        && words.next() == Some("login:")
        && words.nth(1).is_none()
}

/// What of a message is worth showing beside the milestone's name.
pub fn detail(milestone: Milestone, message: &str) -> String {
    let words = |n: usize| message.split_whitespace().take(n).collect::<Vec<_>>().join(" ");
    match (milestone, message.find(handoff::MARKER)) {
        (_, Some(at)) => {
            let said = handoff::Parsed::find(&message[at..]);
            said.map(|said| said.fields.to_owned()).unwrap_or_default()
        }
        (KernelStarted, _) => words(3),
        _ => shortened(message.trim(), 72),
    }
}

fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_each_milestone_are_known() {
        for (message, milestone) in [
            ("BdsDxe: loading Boot0002 \"UEFI Misc Device\"", Some(FirmwareStarted)),
            ("Welcome to GRUB!", Some(LoaderRunning)),
            ("  Booting `lab'", Some(LoaderRunning)),
            ("efi: EFI v2.70 by EDK II", Some(EfiStub)),
            ("EFI stub: Loaded initrd from LINUX_EFI_INITRD_MEDIA_GUID", Some(EfiStub)),
            ("Linux version 6.1.0", Some(KernelStarted)),
            ("systemd says Linux version 6.1.0", None),
            ("Run /init as init process", Some(InitRun)),
            ("EXT4-fs (vda2): mounted filesystem with ordered data mode.", Some(RootMounted)),
            (
                "[  OK  ] Reached target multi-user.target - Multi-User System.",
                Some(UserspaceReady),
            ),
            ("labvm login: ", Some(UserspaceReady)),
            ("labvm login: root", Some(UserspaceReady)),
            ("Last failed login: Mon", None),
            ("systemd: user login: denied for root", None),
            ("reboot: Power down", Some(PoweredDown)),
            ("nothing of interest", None),
        ] {
            assert_eq!(of_message(message), milestone, "{message}");
        }
    }

    #[test]
    fn details_are_short() {
        let line = "Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) (gcc)";
        assert_eq!(detail(KernelStarted, line), "Linux version 6.1.0-56-cloud-amd64");
        assert_eq!(detail(RootMounted, "handoff: 1 abc root-mounted fstype=ext4"), "fstype=ext4");
    }
}
