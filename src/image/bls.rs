//! Type #1 entries (UAPI.1), a key and a value a line: as systemd-boot reads them, and as the `blscfg` of Fedora's
//! GRUB does, which puts its variables into them.

use std::collections::BTreeMap;

use super::boot::{BootEntry, Located, Origin};
use crate::grub::environment::expanded;

/// Reads an entry; `initrd` and `options` may come several times.
pub(super) fn entry(
    text: &str,
    config: usize,
    variables: &BTreeMap<String, String>,
    locate_fn: &dyn Fn(&str) -> Located,
) -> BootEntry {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs: Vec<(&str, String)> = lines
        .filter_map(|line| line.split_once(char::is_whitespace))
        .map(|(key, value)| (key, with(variables, value.trim())))
        .collect();
    let all = |key: &str| -> Vec<&str> {
        pairs.iter().filter(|(k, _)| *k == key).map(|(_, value)| value.as_str()).collect()
    };
    let kernel = all("linux").first().or(all("uki").first()).or(all("efi").first()).copied();
    // `initrd /initramfs.img $tuned_initrd` is one line of files.
    let initramfs = all("initrd").into_iter().flat_map(str::split_whitespace);
    BootEntry {
        title: all("title").first().copied().unwrap_or_default().into(),
        origin: Origin::Bls { config },
        kernel: kernel.map(locate_fn),
        initramfs: initramfs.map(locate_fn).collect(),
        arguments: all("options").join(" "),
    }
}

/// Without an environment block nobody knows what a variable stands for.
fn with(variables: &BTreeMap<String, String>, value: &str) -> String {
    match variables.is_empty() {
        true => value.to_owned(),
        false => expanded(value, variables),
    }
}
