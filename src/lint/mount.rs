//! Lints of what is mounted: the options of the root filesystem, the image in it that is one, and `/etc/fstab` of a system that
//! systemd starts, which stops at the first that it misses.
//!
//! Sources: the table of `fs/ext4/super.c`, fstab(5), systemd.mount(5). Entries of another root than
//! that of this image's one disk are not judged: another disk may bring them where nothing is known.

use super::early_words::not_mounted;
use super::rootfs::{self, sight};
use super::subject::Root;
use super::{Lint, Sight, Subject};
use crate::image::root::{self, Target};
use crate::kernel::modules::for_filesystem;

pub(super) const LINTS: &[Lint] = &[
    Lint::error(
        "root-image-unusable",
        "the image that rootimage= names is on the root device, and a filesystem",
        &["failed step=root-image"],
        "correct rootimage=, or write the ISO again",
        unusable_image,
    )
    .without_cause(),
    Lint::error(
        "rootflags-invalid",
        "rootflags= has only options that the root filesystem knows",
        &["Unknown parameter"],
        "correct rootflags=",
        unknown_option,
    ),
    Lint::error(
        "fstab-device-missing",
        "every filesystem that /etc/fstab wants is on the disk",
        &["Timed out waiting for device"],
        "correct /etc/fstab, add `nofail`, or attach the other disk",
        |subject| fstab(subject, missing),
    )
    .caused_by("systemd-device-timeout")
    .warning(),
    Lint::error(
        "fstab-type-wrong",
        "every filesystem in /etc/fstab is of the type that stands there",
        &["Failed to mount"],
        "correct the type in /etc/fstab, or write `auto`",
        |subject| fstab(subject, mistyped),
    )
    .caused_by("systemd-mount-failed"),
];

fn unusable_image(subject: &Subject) -> Vec<Sight> {
    match (&subject.root, subject.argument("rootimage")) {
        (Some(root @ Root { files: Some(Err(why)), .. }), Some(_)) => {
            vec![sight(root, why.clone(), Vec::new())]
        }
        _ => Vec::new(),
    }
}

/// Options that ext4 takes, without their values.
const EXT4_OPTIONS: &str = "abort acl auto_da_alloc barrier block_validity bsddf bsdgroups commit dax \
    data data_err debug debug_want_extra_isize delalloc dioread_lock dioread_nolock discard dots \
    errors fc_debug_force fc_debug_max_replay grpid grpjquota grpquota i_version \
    init_itable inlinecrypt inode_readahead_blks jqfmt journal_async_commit journal_checksum \
    journal_dev journal_ioprio journal_path lazytime max_batch_time max_dir_size_kb mb_optimize_scan \
    mblk_io_submit min_batch_time minixdf nobarrier nobh bh noacl noauto_da_alloc noblock_validity \
    nodelalloc nodiscard nodots nogrpid noinit_itable nojournal_checksum nolazytime noload \
    nomblk_io_submit nombcache no_mbcache no_prefetch_block_bitmaps norecovery noquota nouid32 \
    nouser_xattr oldalloc orlov prefetch_block_bitmaps prjquota quota removed resgid resuid sb \
    stripe sysvgroups test_dummy_encryption usrjquota usrquota user_xattr warn_on_error \
    nowarn_on_error async atime defaults dev diratime dirsync exec iversion mand noatime nodev \
    nodiratime noexec noiversion nomand norelatime nostrictatime nosuid relatime ro rw silent \
    loud strictatime suid sync context defcontext fscontext rootcontext seclabel";

fn unknown_option(subject: &Subject) -> Vec<Sight> {
    let Some(flags) = subject.argument("rootflags") else { return Vec::new() };
    let Some(root) = &subject.root else { return Vec::new() };
    if root.superblock.as_ref().is_none_or(|found| found.fstype != "ext4") {
        return Vec::new();
    }
    let name = |option: &str| option.split('=').next().unwrap_or_default().to_owned();
    // An option of userspace (`x-systemd.device-timeout=`) is dropped before the kernel sees it.
    let known = |name: &str| {
        name.is_empty()
            || name.starts_with("x-")
            || EXT4_OPTIONS.split_whitespace().any(|o| o == name)
    };
    let unknown = flags.split(',').map(name).find(|name| !known(name));
    let Some(unknown) = unknown else { return Vec::new() };
    let saw = format!("rootflags={flags}, and ext4 knows no option {unknown}");
    let words = [format!("ext4: Unknown parameter '{unknown}'")].into_iter();
    vec![sight(root, saw, words.chain(not_mounted(subject)).collect())]
}

/// A line of `/etc/fstab`.
struct Entry<'a> {
    number: usize,
    source: &'a str,
    target: &'a str,
    fstype: &'a str,
}

/// What is wrong with a line, if anything.
type Judge = fn(&Subject, &Entry<'_>) -> Option<String>;

/// Judges the lines that systemd waits for.
fn fstab(subject: &Subject, judge: Judge) -> Vec<Sight> {
    let Some((root, files)) = rootfs::files(subject).filter(|_| rootfs::is_systemd(subject)) else {
        return Vec::new();
    };
    let text = files.read(b"etc/fstab").unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    let bad = text.lines().enumerate().find_map(|(index, line)| {
        let words: Vec<_> = line.split_whitespace().collect();
        let &[source, target, fstype, ref more @ ..] = &words[..] else { return None };
        let options = more.first().copied().unwrap_or_default();
        let is_awaited = |option: &str| !["noauto", "nofail"].contains(&option);
        // The root is mounted already, and a network may bring the others.
        let is_ours = !source.starts_with('#') && target != "/" && !options.contains("_netdev");
        if !is_ours || !options.split(',').all(is_awaited) {
            return None;
        }
        judge(subject, &Entry { number: index + 1, source, target, fstype })
    });
    bad.map(|saw| sight(root, saw, Vec::new())).into_iter().collect()
}

fn missing(subject: &Subject, entry: &Entry<'_>) -> Option<String> {
    let &Entry { number, source, target, .. } = entry;
    let found = root::resolve(subject.image.as_ref()?, source);
    matches!(found, Target::Nothing(_)).then(|| {
        format!(
            "line {number} of its /etc/fstab mounts {source} on {target}, and it is not on the disk"
        )
    })
}

fn mistyped(subject: &Subject, entry: &Entry<'_>) -> Option<String> {
    let &Entry { number, source, target, fstype } = entry;
    let image = subject.image.as_ref()?;
    let Target::Partition(index) = root::resolve(image, source) else { return None };
    let found = image.partitions()[index].fstype()?;
    let ext = |name: &str| ["ext2", "ext3", "ext4"].contains(&name);
    let fits = fstype == found || (ext(fstype) && ext(found));
    // What is not known by its name may be a driver in userspace.
    let is_known = for_filesystem(fstype).is_some() || ext(fstype);
    (is_known && !fits).then(|| {
        format!("line {number} of its /etc/fstab mounts {source} on {target} as {fstype}, and it is {found}")
    })
}
