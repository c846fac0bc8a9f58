//! Lints of the root filesystem: can it be mounted, and is there an init on it that runs?

use bootwright_init::errno;

use super::early_words::{has_systemd, not_mounted, switch_failed};
use super::files::{FileKind, Files, Lost};
use super::init::DEFAULT_INITS;
use super::program::{self, Fault, Unrunnable};
use super::root_argument::root_of;
use super::subject::{Early, Kernel, Root};
use super::{Lint, Sight, Subject, encryption};
use crate::bytes::le32;
use crate::kernel::config::Answer;

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "root-unformatted",
        "the root partition holds a filesystem",
        &[],
        "make a filesystem on the root partition, or name another in root=",
        |subject| match &subject.root {
            Some(root) if root.superblock.is_none() => {
                vec![sight(root, "it holds no filesystem that is known", not_mounted(subject))]
            }
            _ => Vec::new(),
        },
    ),
    Lint::error(
        "root-is-encrypted",
        "somebody opens an encrypted root",
        &[],
        "put cryptsetup into the initramfs, and name the opened device in root=",
        encryption::unopened,
    ),
    Lint::error(
        "rootfstype-wrong",
        "rootfstype= names the filesystem that is there",
        &[],
        "drop rootfstype=, or name the right one",
        wrong_fstype,
    ),
    Lint::error(
        "ext4-corrupt",
        "the structures of the root filesystem are sound",
        &[],
        "run e2fsck on the partition from another system",
        corrupt,
    ),
    Lint::error(
        "ext4-unsupported-feature",
        "the kernel knows every feature of the root filesystem",
        &["Couldn't mount because of unsupported optional features ("],
        "make the filesystem without it (`mkfs.ext4 -O ^FEATURE`), or use a newer kernel",
        unsupported,
    ),
    Lint::error(
        "rootfs-larger-than-partition",
        "the root filesystem fits its partition",
        &[],
        "grow the partition, or copy the whole image",
        too_large,
    ),
    Lint::error(
        "rootfs-unclean",
        "the root filesystem was unmounted without errors",
        &[],
        "run e2fsck on the partition from another system",
        unclean,
    )
    .caused_by("fsck-failed")
    .warning(),
    Lint::error(
        "rootfs-no-init",
        "the root filesystem has an init where somebody looks for it",
        &[],
        "install an init as /sbin/init, or name one with init=",
        no_init,
    ),
    Lint::error(
        "init-param-missing",
        "the program that init= names is on the root filesystem",
        &[],
        "correct init=, or install the program",
        |subject| named(subject, |fault| matches!(fault, Fault::Lost(_))),
    ),
    Lint::error(
        "init-param-not-executable",
        "the program that init= names is executable",
        &[],
        "`chmod +x` it",
        |subject| named(subject, |f| matches!(f, Fault::NotExecutable(_) | Fault::NotAFile(_))),
    ),
    Lint::error(
        "rootfs-init-broken",
        "the init of the root filesystem starts: right machine, interpreter and libraries there",
        &[],
        "install what it lacks on the root filesystem",
        broken,
    )
    .caused_by("init-interpreter-missing"),
    Lint::error(
        "rootfs-no-dev",
        "the root filesystem has the folders that others are mounted on",
        &[],
        "mkdir dev proc sys run in the root filesystem",
        no_folders,
    )
    .warning(),
    Lint::error(
        "systemd-no-default-target",
        "systemd has a default target",
        &["default", "Falling back to rescue"],
        "`systemctl set-default multi-user.target`, or a link to it as default.target",
        no_target,
    ),
];

pub(super) fn sight(root: &Root, saw: impl Into<String>, console: Vec<String>) -> Sight {
    Sight::new(format!("root filesystem ({})", root.partition.title()), saw).with_all(console)
}

pub(super) fn fstype(root: &Root) -> &str {
    root.superblock.as_ref().map_or("", |superblock| superblock.fstype)
}

fn wrong_fstype(subject: &Subject) -> Vec<Sight> {
    let Some(list) = subject.argument("rootfstype").filter(|list| !list.is_empty()) else {
        return Vec::new();
    };
    let Some(root) = subject.root.as_ref().filter(|root| root.superblock.is_some()) else {
        return Vec::new();
    };
    let ext = |name: &str| ["ext2", "ext3", "ext4"].contains(&name);
    let found = fstype(root);
    let fits = |name: &str| name == found || name == "auto" || (ext(name) && ext(found));
    match list.split(',').any(fits) {
        true => Vec::new(),
        false => {
            let saw = format!("it is {found}, and the command line says rootfstype={list}");
            vec![sight(root, saw, not_mounted(subject))]
        }
    }
}

fn corrupt(subject: &Subject) -> Vec<Sight> {
    let Some(root) = &subject.root else { return Vec::new() };
    // Too large for its partition, or of unknown features: said elsewhere, and no damage.
    match &root.files {
        Some(Err(why)) if why.contains("corrupt") && too_large(subject).is_empty() => {
            vec![sight(root, format!("it is damaged: {why}"), not_mounted(subject))]
        }
        _ => Vec::new(),
    }
}

/// A feature without which a filesystem cannot be mounted (`s_feature_incompat`), its name, and the
/// first Linux that has it.
const INCOMPATIBLE: [(u32, &str, (u32, u32)); 15] = [
    (0x1, "compression", (u32::MAX, 0)),
    (0x2, "filetype", (2, 6)),
    (0x4, "needs_recovery", (2, 6)),
    (0x8, "journal_dev", (u32::MAX, 0)),
    (0x10, "meta_bg", (2, 6)),
    (0x40, "extent", (2, 6)),
    (0x80, "64bit", (2, 6)),
    (0x100, "mmp", (3, 0)),
    (0x200, "flex_bg", (2, 6)),
    (0x400, "ea_inode", (4, 13)),
    (0x2000, "metadata_csum_seed", (4, 4)),
    (0x4000, "large_dir", (4, 13)),
    (0x8000, "inline_data", (3, 8)),
    (0x10000, "encrypt", (4, 1)),
    (0x20000, "casefold", (5, 2)),
];

/// The `s_feature_incompat` of an ext4.
fn features(root: &Root) -> Option<u32> {
    ["ext2", "ext3", "ext4"].contains(&fstype(root)).then_some(())?;
    le32(&root.partition.window.bytes(1024, 1024).ok()?, 0x60)
}

fn unsupported(subject: &Subject) -> Vec<Sight> {
    let Some((root, features)) = subject.root.as_ref().and_then(|r| Some((r, features(r)?))) else {
        return Vec::new();
    };
    let version = subject.kernel.as_ref().and_then(Kernel::version);
    // Without a version only what no kernel has is told.
    let has = |first: (u32, u32)| first <= version.unwrap_or((u32::MAX - 1, 0));
    let known = INCOMPATIBLE.iter().filter(|(_, _, first)| has(*first));
    let lacking = features & !known.fold(0, |bits, (bit, _, _)| bits | bit);
    if lacking == 0 {
        return Vec::new();
    }
    let names: Vec<_> = INCOMPATIBLE.iter().filter(|(bit, ..)| lacking & bit != 0).collect();
    let names: Vec<_> = names.iter().map(|(_, name, _)| *name).collect();
    let saw = format!("it has features that this kernel lacks: {lacking:x} {}", names.join(" "));
    let line = format!("Couldn't mount because of unsupported optional features ({lacking:x})");
    vec![sight(root, saw.trim_end(), vec![line])]
}

fn too_large(subject: &Subject) -> Vec<Sight> {
    let Some(root) = &subject.root else { return Vec::new() };
    let Some(size) = root.superblock.as_ref().and_then(|superblock| superblock.size) else {
        return Vec::new();
    };
    // squashfs is padded to whole blocks only on disk.
    match size > root.partition.len {
        true => {
            let saw = format!("it has {size} bytes, its partition {}", root.partition.len);
            vec![sight(root, saw, not_mounted(subject))]
        }
        false => Vec::new(),
    }
}

fn unclean(subject: &Subject) -> Vec<Sight> {
    let Some(root) = &subject.root else { return Vec::new() };
    let facts = root.superblock.iter().flat_map(|superblock| &superblock.facts);
    match facts.into_iter().any(|(name, value)| *name == "state" && value == "has errors") {
        true => vec![sight(root, "its superblock says that it has errors", Vec::new())],
        false => Vec::new(),
    }
}

/// The root filesystem's files, where it is certain that its init is started.
pub(super) fn files(subject: &Subject) -> Option<(&Root, &Files)> {
    // An initramfs of somebody else may do something quite different.
    matches!(
        subject.early()?,
        Early::Kernel | Early::Bootwright | Early::InitramfsTools | Early::Dracut
    )
    .then_some(())?;
    root_of(subject)?;
    let root = subject.root.as_ref()?;
    Some((root, root.files()?))
}

/// What the console shows when there is no init: whoever looks for it says so.
fn without_init(subject: &Subject) -> Vec<String> {
    let line = match subject.early() {
        Some(Early::Kernel) => "Kernel panic - not syncing: No working init found.",
        Some(Early::Bootwright) => "failed step=find-init",
        Some(Early::InitramfsTools) => "No init found. Try passing init= bootarg.",
        Some(Early::Dracut) if has_systemd(subject) => return switch_failed(),
        Some(Early::Dracut) => "Cannot find init!",
        _ => return Vec::new(),
    };
    vec![line.into()]
}

/// `init=`, where it is given.
fn init_argument(subject: &Subject) -> Option<String> {
    subject.argument("init").filter(|path| path.starts_with('/'))
}

fn no_init(subject: &Subject) -> Vec<Sight> {
    let Some((root, files)) = files(subject).filter(|_| init_argument(subject).is_none()) else {
        return Vec::new();
    };
    match DEFAULT_INITS.iter().any(|path| leads_somewhere(files, path)) {
        true => Vec::new(),
        false => {
            let saw = format!("it has none of {}", DEFAULT_INITS.join(", "));
            vec![sight(root, saw, without_init(subject))]
        }
    }
}

/// A link into what is mounted later leads somewhere as far as can be told.
fn leads_somewhere(files: &Files, path: &str) -> bool {
    match files.resolve(path.as_bytes()) {
        Ok(_) => true,
        Err(Lost::Dangling { target, .. }) => {
            target.starts_with(b"/nix") || target.starts_with(b"/run")
        }
        Err(_) => false,
    }
}

fn named(subject: &Subject, is: impl Fn(&Fault) -> bool) -> Vec<Sight> {
    let (Some((root, files)), Some(path)) = (files(subject), init_argument(subject)) else {
        return Vec::new();
    };
    let Err(bad) = program::check(files, path.as_bytes(), subject.arch()) else {
        return Vec::new();
    };
    if !is(&bad.fault) || bad.file != path.as_bytes() || leads_outside(&bad.fault) {
        return Vec::new();
    }
    let console = match (subject.early(), bad.fault.errno()) {
        (Some(Early::Kernel), Some(errno)) => vec![format!(
            "Kernel panic - not syncing: Requested init {path} failed (error -{errno})."
        )],
        (Some(Early::InitramfsTools), _) => {
            vec![format!("Target filesystem doesn't have requested {path}.")]
        }
        _ => without_init(subject),
    };
    vec![sight(root, format!("{bad}, and init= names it"), console)]
}

fn leads_outside(fault: &Fault) -> bool {
    let outside = |target: &[u8]| target.starts_with(b"/nix") || target.starts_with(b"/run");
    matches!(fault, Fault::Lost(Lost::Dangling { target, .. }) if outside(target))
}

fn broken(subject: &Subject) -> Vec<Sight> {
    let Some((root, files)) = files(subject) else { return Vec::new() };
    let argument = init_argument(subject);
    let default = || DEFAULT_INITS.iter().find(|path| files.has(path.as_bytes()));
    let Some(path) = argument.clone().or_else(|| default().map(|path| (*path).to_owned())) else {
        return Vec::new();
    };
    let Err(bad) = program::check(files, path.as_bytes(), subject.arch()) else {
        return Vec::new();
    };
    let Unrunnable { file, fault } = &bad;
    let is_named = argument.is_some() && *file == path.as_bytes();
    let elsewhere =
        is_named && matches!(fault, Fault::Lost(_) | Fault::NotExecutable(_) | Fault::NotAFile(_));
    if elsewhere || *fault == Fault::Is32Bit || leads_outside(fault) {
        return Vec::new();
    }
    let console = match (subject.early(), fault.errno()) {
        (Some(Early::Kernel), Some(errno)) if argument.is_some() => vec![format!(
            "Kernel panic - not syncing: Requested init {path} failed (error -{errno})."
        )],
        (Some(Early::Bootwright), Some(errno)) if *file == path.as_bytes() => {
            vec![format!("failed step=exec-init errno={}", errno::name(errno))]
        }
        _ => Vec::new(),
    };
    vec![sight(root, bad.to_string(), console).caused_by(fault.cause())]
}

fn no_folders(subject: &Subject) -> Vec<Sight> {
    let Some((root, files)) = files(subject) else { return Vec::new() };
    let is_folder = |name: &&str| {
        files.followed(name.as_bytes()).is_some_and(|status| status.kind == FileKind::Directory)
    };
    let lacks: Vec<_> =
        ["dev", "proc", "sys"].into_iter().filter(|name| !is_folder(name)).collect();
    if lacks.is_empty() {
        return Vec::new();
    }
    let found = sight(root, format!("it has no folder {}", lacks.join(", ")), Vec::new());
    // Whoever else mounts the root filesystem makes do without a word.
    let says = lacks.contains(&"dev")
        && subject.early() == Some(Early::Kernel)
        && subject.option("DEVTMPFS_MOUNT") == Some(&Answer::Yes);
    vec![if says { found.with("devtmpfs: error mounting -2") } else { found }]
}

/// Whether the root filesystem's init is systemd.
pub(super) fn is_systemd(subject: &Subject) -> bool {
    let Some((_, files)) = files(subject) else { return false };
    let path = init_argument(subject).unwrap_or_else(|| "/sbin/init".into());
    files.resolve(path.as_bytes()).is_ok_and(|path| path.ends_with(b"/systemd"))
}

fn no_target(subject: &Subject) -> Vec<Sight> {
    let Some((root, files)) = files(subject).filter(|_| is_systemd(subject)) else {
        return Vec::new();
    };
    let folders: [&[u8]; 4] = [
        b"etc/systemd/system",
        b"run/systemd/system",
        b"usr/lib/systemd/system",
        b"lib/systemd/system",
    ];
    let unit = |folder: &&[u8]| [folder, &b"/default.target"[..]].concat();
    // The first link decides, also where it leads nowhere.
    let first = folders.iter().map(unit).find(|path| files.status(path).is_some());
    let chosen = subject.argument("systemd.unit").is_some();
    match !chosen && !first.is_some_and(|path| files.has(&path)) {
        true => {
            let saw = "it boots systemd, and default.target leads nowhere";
            vec![sight(root, saw, Vec::new())]
        }
        false => Vec::new(),
    }
}
