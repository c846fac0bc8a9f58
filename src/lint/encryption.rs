//! An encrypted root: does anybody open it? LUKS only, and of initramfs-tools what tells it to.

use super::early_words::not_mounted;
use super::rootfs::{fstype, sight};
use super::subject::Early;
use super::{Sight, Subject};

/// A root that is encrypted, and that nobody opens.
pub(super) fn unopened(subject: &Subject) -> Vec<Sight> {
    let Some(root) = subject.root.as_ref().filter(|root| fstype(root) == "crypto_LUKS") else {
        return Vec::new();
    };
    let why = match subject.early_files() {
        None if subject.early().is_none() => return Vec::new(),
        Some(files) if OPENERS.iter().any(|path| files.has(path)) => match asks_for_it(subject) {
            true => return Vec::new(),
            false => "neither cryptopts= nor the initramfs's cryptroot/crypttab says to open it",
        },
        _ => "nobody opens it",
    };
    vec![sight(root, format!("it is encrypted (LUKS), and {why}"), not_mounted(subject))]
}

/// Programs of an initramfs that open what is encrypted.
const OPENERS: [&[u8]; 3] =
    [b"sbin/cryptsetup", b"usr/sbin/cryptsetup", b"usr/lib/systemd/systemd-cryptsetup"];

/// Whether the initramfs is told to open a volume; only of Debian's own is it known how.
fn asks_for_it(subject: &Subject) -> bool {
    let table = || subject.early_files().and_then(|files| files.read(b"cryptroot/crypttab"));
    let is_listed = || table().is_some_and(|text| !text.trim_ascii().is_empty());
    subject.early() != Some(Early::InitramfsTools)
        || subject.argument("cryptopts").is_some()
        || is_listed()
}
