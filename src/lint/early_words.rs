//! What the console shows when whoever looks for the root filesystem cannot go on, in the words of each.

use super::Subject;
use super::root_argument::root_of;
use super::subject::Early;

/// How long the kernel waits for its root device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wait {
    /// Not at all; so does an older kernel that is told a limit, which it does not understand.
    No,
    /// As many seconds as this says.
    Seconds(String),
    /// Without end.
    Forever,
}

impl Wait {
    /// The first kernel that has a limit.
    const LIMITED: (u32, u32) = (6, 6);

    /// What `rootwait` comes to.
    pub(super) fn of(subject: &Subject) -> Wait {
        match subject.argument("rootwait") {
            None => Wait::No,
            Some(value) if value.is_empty() => Wait::Forever,
            Some(_) if subject.is_before(Self::LIMITED) => Wait::No,
            Some(value) => Wait::Seconds(value),
        }
    }
}

/// What the console shows when the kernel itself does not find a root device.
pub(super) fn unable(root: &str) -> Vec<String> {
    let name = root.strip_prefix("/dev/").unwrap_or(root);
    vec![
        "VFS: Cannot open root device".into(),
        name.into(),
        "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)".into(),
    ]
}

/// What the console shows when the root device is not found.
pub(super) fn not_found(subject: &Subject) -> Vec<String> {
    let root = root_of(subject).unwrap_or_default();
    match subject.early() {
        Some(Early::Kernel) if Wait::of(subject) != Wait::No => {
            vec!["Waiting for root device".into()]
        }
        Some(Early::Kernel) => unable(&root),
        Some(Early::Bootwright) => vec!["failed step=root-wait".into()],
        Some(Early::InitramfsTools) => {
            vec![
                "Gave up waiting for root file system device.".into(),
                format!("ALERT!  {root} does not exist.  Dropping to a shell!"),
            ]
        }
        Some(Early::Dracut) => vec!["does not exist".into()],
        Some(Early::Other) | None => Vec::new(),
    }
}

/// What the console shows when the root device is there and cannot be mounted.
pub(super) fn not_mounted(subject: &Subject) -> Vec<String> {
    match subject.early() {
        Some(Early::Kernel) => {
            vec![
                "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(".into(),
            ]
        }
        Some(Early::Bootwright) => vec!["failed step=root-mount".into()],
        Some(Early::InitramfsTools) => vec!["as root file system.".into()],
        Some(Early::Dracut) => vec!["Failed to mount".into()],
        Some(Early::Other) | None => Vec::new(),
    }
}

/// What the console shows when systemd in the initramfs cannot go over to the root.
pub(super) fn switch_failed() -> Vec<String> {
    vec!["Failed to start".into(), "Switch Root".into()]
}

/// Whether the initramfs is started by systemd.
pub(super) fn has_systemd(subject: &Subject) -> bool {
    subject.early_files().is_some_and(|files| files.has(b"usr/lib/systemd/systemd"))
}
