//! Which of the entries that an image has starts by itself.
//!
//! GRUB's is the one that `default` names. Among those of UAPI.1 (systemd-boot) `loader.conf` chooses;
//! where it does not, and there are several, none is judged: which of them is best is for their loader
//! to know. Fedora's GRUB shows them by `blscfg`, and its environment block chooses.

use crate::grub::script::Script;
use crate::image::{Boot, BootEntry, Image, Origin};
use crate::lint::files::Files;
use crate::lint::subject::Subject;

/// The entry that starts by itself, where that can be told.
pub(in crate::lint) fn chosen<'a>(
    image: &Image,
    boot: &'a Boot,
    subject: &Subject,
) -> Option<&'a BootEntry> {
    let config = subject.started().and_then(|loader| loader.config.here());
    if let Some(config) = config
        && let Some(entry) = config.script.entries().get(config.default)
    {
        let path = config.path.trim_start_matches('/');
        let found = boot.entries.iter().find(|candidate| match candidate.origin {
            Origin::Grub { config: index, line } => {
                let file = &boot.configs[index];
                line == entry.line
                    && file.partition == config.partition
                    && file.path.eq_ignore_ascii_case(path)
            }
            _ => false,
        });
        if found.is_some() {
            return found;
        }
    }
    // A configuration without entries hands on to another one.
    of_grub(boot).or_else(|| of_blscfg(boot)).or_else(|| of_the_specification(image, boot, subject))
}

/// Of those that GRUB's `blscfg` shows, the one that the environment names, else that of the last version.
fn of_blscfg(boot: &Boot) -> Option<&BootEntry> {
    let file = |entry: &BootEntry| match entry.origin {
        Origin::Bls { config } => Some(boot.configs[config].path.as_str()),
        _ => None,
    };
    let mut entries: Vec<_> = boot.entries.iter().filter(|entry| file(entry).is_some()).collect();
    entries.retain(|_| boot.has_blscfg());
    let saved = boot.environment.get("saved_entry");
    let name = |entry: &BootEntry| file(entry).and_then(|path| path.rsplit('/').next());
    let is_saved =
        |entry: &&&BootEntry| name(entry).zip(saved).is_some_and(|(file, saved)| fits(saved, file));
    let named = entries.iter().find(is_saved).copied();
    named.or_else(|| entries.into_iter().max_by_key(|entry| name(entry).map(version)))
}

/// A file name such that a later version is greater: its runs of digits count as numbers.
fn version(name: &str) -> Vec<(u64, String)> {
    let is_digit = |c: char| c.is_ascii_digit();
    let mut parts = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let digits = rest.find(|c| !is_digit(c)).unwrap_or(rest.len());
        let words = rest[digits..].find(is_digit).map_or(rest.len(), |words| digits + words);
        parts.push((rest[..digits].parse().unwrap_or(0), rest[digits..words].to_owned()));
        rest = &rest[words..];
    }
    parts
}

/// The default of the first `grub.cfg` that has entries.
fn of_grub(boot: &Boot) -> Option<&BootEntry> {
    let config = |entry: &BootEntry| match entry.origin {
        Origin::Grub { config, .. } => Some(config),
        _ => None,
    };
    let first = boot.entries.iter().find_map(config)?;
    let script = boot.configs[first].script.as_ref()?;
    let line = script.entries().get(default(script))?.line;
    let of_first = || boot.entries.iter().filter(|entry| config(entry) == Some(first));
    let is =
        |entry: &&BootEntry| matches!(entry.origin, Origin::Grub { line: at, .. } if at == line);
    // What stands at `default` may start no kernel.
    of_first().find(is).or_else(|| of_first().next())
}

/// Of Type #1 and Type #2 entries the only one, or that which `loader.conf` names.
fn of_the_specification<'a>(
    image: &Image,
    boot: &'a Boot,
    subject: &Subject,
) -> Option<&'a BootEntry> {
    if let [only] = &boot.entries[..] {
        return Some(only);
    }
    let text =
        subject.esp.here()?.files.as_ref().ok()?.read(b"loader/loader.conf").or_else(|| {
            let systems = image.partitions().iter().filter_map(|p| p.filesystem().ok()?);
            systems.map(Files::Disk).find_map(|files| files.read(b"loader/loader.conf"))
        })?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let named = text.lines().filter_map(|line| line.trim().strip_prefix("default"));
    let pattern = named.map(str::trim).next_back()?.to_owned();
    let mut matching = boot.entries.iter().filter(|entry| {
        let file = match entry.origin {
            Origin::Bls { config } => boot.configs[config].path.as_str(),
            _ => entry.title.as_str(),
        };
        fits(&pattern, file.rsplit('/').next().unwrap_or_default())
    });
    let first = matching.next();
    first.filter(|_| matching.next().is_none())
}

/// Whether a file is meant by `default`: its name, with or without `.conf`, or the start of it.
fn fits(pattern: &str, file: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) => file.starts_with(start),
        None => file == pattern || file.strip_suffix(".conf") == Some(pattern),
    }
}

/// The index of the entry that `default` names; the first where it does not say.
pub(super) fn default(script: &Script) -> usize {
    let values = script.named("set").filter(|command| command.entry.is_none());
    let values = values.filter_map(|c| c.plain().get(1)?.strip_prefix("default="));
    let Some(value) = values.last() else { return 0 };
    let entries = script.entries();
    let by_title = || entries.iter().position(|entry| entry.title == value);
    value.parse().ok().or_else(by_title).filter(|&index| index < entries.len()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_default_is_a_name_or_the_start_of_one() {
        assert!(fits("debian-6.1.conf", "debian-6.1.conf"));
        assert!(fits("debian-6.1", "debian-6.1.conf"));
        assert!(fits("debian-*", "debian-6.1.conf"));
        assert!(!fits("debian", "debian-6.1.conf"));
    }

    #[test]
    fn a_later_version_is_greater() {
        assert!(version("id-6.10.1-200.fc40.conf") > version("id-6.9.12-200.fc40.conf"));
        assert!(version("id-6.1.0-12.conf") > version("id-6.1.0-9.conf"));
    }
}
