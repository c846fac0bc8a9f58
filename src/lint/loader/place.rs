//! Where GRUB's devices, `search` and `$root` lead on a disk.

use super::run;
use crate::grub::script::Command;
use crate::image::{Image, Partition};
use crate::lint::files::Files;
use crate::lint::subject::{Config, Subject};

/// The partition in `hd0,gpt2` or `(hd0,gpt2)/boot`: its number, where the disk is the first.
pub(super) fn device(text: &str) -> Option<(u32, Option<u32>)> {
    let inner = text.strip_prefix('(').map_or(text, |t| t.split(')').next().unwrap_or_default());
    let (disk, partition) = inner.split_once(',').map_or((inner, None), |(d, p)| (d, Some(p)));
    let disk = disk.strip_prefix("hd")?.parse().ok()?;
    let digits = partition.map(|p| p.trim_start_matches(|c: char| c.is_ascii_alphabetic()));
    Some((disk, digits.and_then(|digits| digits.parse().ok())))
}

pub(super) fn partition(image: &Image, number: u32) -> Option<usize> {
    image.partitions().iter().position(|partition| partition.number == Some(number))
}

/// What a `search` looks for.
pub(super) enum Wanted<'a> {
    Uuid(&'a str),
    Label(&'a str),
    File(&'a str),
}

/// The words of a `search`: what it looks for.
pub(super) fn wanted(command: &Command) -> Option<Wanted<'_>> {
    let words = &command.plain()[1..];
    let named = match command.name() {
        "search.fs_uuid" => Some("-u"),
        "search.fs_label" => Some("-l"),
        "search.file" => Some("-f"),
        _ => None,
    };
    if let Some(kind) = named {
        let name = words.first()?;
        return (!name.contains('$')).then(|| kind_of(kind, name)).flatten();
    }
    let kind = words.iter().find_map(|word| match word.as_str() {
        "-u" | "--fs-uuid" => Some("-u"),
        "-l" | "--label" | "--fs-label" => Some("-l"),
        "-f" | "--file" => Some("-f"),
        _ => None,
    })?;
    // `--set root` takes its value as the next word where there is no `=` only in some versions: the
    // name is the last word that is no option.
    let name = words.iter().rfind(|word| !word.starts_with('-') && *word != "root")?;
    (!name.contains('$')).then(|| kind_of(kind, name)).flatten()
}

fn kind_of<'a>(kind: &str, name: &'a str) -> Option<Wanted<'a>> {
    match kind {
        "-u" => Some(Wanted::Uuid(name)),
        "-l" => Some(Wanted::Label(name)),
        "-f" => Some(Wanted::File(name)),
        _ => None,
    }
}

impl Wanted<'_> {
    /// Whether a partition is what is looked for.
    pub(super) fn is(&self, partition: &Partition) -> bool {
        let superblock = || partition.superblock().unwrap_or_default();
        match self {
            Wanted::Uuid(id) => superblock().uuid.eq_ignore_ascii_case(id),
            Wanted::Label(label) => superblock().label == *label,
            Wanted::File(path) => exists(partition, path),
        }
    }
}

/// The partition that a `search` finds; `Err` where it finds none for certain.
pub(super) fn found(image: &Image, wanted: &Wanted<'_>) -> Result<usize, ()> {
    image.partitions().iter().position(|partition| wanted.is(partition)).ok_or(())
}

pub(super) fn exists(partition: &Partition, path: &str) -> bool {
    let files = partition.filesystem().ok().flatten().map(Files::Disk);
    files.is_some_and(|files| files.has(path.as_bytes()))
}

/// Where `$root` leads while a configuration runs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Partition(usize),
    Unknown,
}

/// Runs over the commands that set `root`, and tells for each command where it leads before it.
pub(super) fn places<'a>(subject: &Subject, config: &'a Config) -> Vec<(&'a Command, Place)> {
    let mut place = Place::Partition(config.partition);
    let mut places = Vec::new();
    for command in run(config) {
        places.push((command, place));
        let words = command.plain();
        let sets = words.get(1).and_then(|word| word.strip_prefix("root="));
        let searches = command.name().starts_with("search")
            && words.iter().any(|w| w == "--set=root" || w == "--set" || w == "root" || w == "-s");
        let Some(image) = &subject.image else { continue };
        if let ("set", Some(value)) = (words[0].as_str(), sets) {
            place = match device(value) {
                Some((0, Some(number))) => {
                    partition(image, number).map_or(Place::Unknown, Place::Partition)
                }
                _ => Place::Unknown,
            };
        } else if searches {
            place = match wanted(command).map(|wanted| found(image, &wanted)) {
                Some(Ok(index)) => Place::Partition(index),
                // It fails, and `root` stays as it was.
                Some(Err(())) => place,
                None => Place::Unknown,
            };
        }
    }
    places
}
