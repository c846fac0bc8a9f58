//! What GRUB's configuration looks for on the disks: filesystems by `search`, partitions by name.

use super::place::{Place, Wanted, device, found, partition, places, wanted};
use super::{
    Config, INITRAMFS, KERNEL, NEEDS_KERNEL, Sight, Subject, grub, has_module, missing_files,
    module_of, parts, run,
};
use crate::grub::script::Script;
use crate::image::root::has_opaque;

/// The filesystem that a `search` looks for is on the disk, or is not needed: where it is not found,
/// `$root` stays, and the kernel may be there.
pub(super) fn filesystem_is_there(subject: &Subject) -> Vec<Sight> {
    let (Some((_, grub, config)), Some(image)) = (parts(subject), &subject.image) else {
        return Vec::new();
    };
    let mut sights = Vec::new();
    if finds_its_files(subject, config) {
        return sights;
    }
    for command in run(config).filter(|c| c.name().starts_with("search")) {
        // Without the command nothing is looked for, which another lint tells.
        let module = module_of(command.name());
        if module.is_some_and(|module| !has_module(subject, grub, module)) {
            continue;
        }
        let Some(wanted) = wanted(command) else { continue };
        let (kind, name) = match wanted {
            Wanted::Uuid(id) => ("UUID", id),
            Wanted::Label(label) => ("label", label),
            // No image holds every file that a configuration asks for.
            Wanted::File(_) => continue,
        };
        if found(image, &wanted).is_err() && !has_opaque(image) {
            let saw =
                format!("line {} looks for {kind} {name}, which is not on the disk", command.line);
            let line = format!("error: no such device: {name}.");
            sights.push(Sight::new(&config.path, saw).with(line));
        }
    }
    sights
}

/// What the configuration inside of GRUB itself looks for is on the disk: it leads to all the others, as
/// `grub-install` writes it.
pub(super) fn embedded_is_there(subject: &Subject) -> Vec<Sight> {
    let (Some((loader, grub)), Some(image)) = (grub(subject), &subject.image) else {
        return Vec::new();
    };
    let text = grub.config.as_deref().unwrap_or_default();
    // What is tested may be missing on purpose.
    if has_opaque(image) || text.split_whitespace().any(|word| word == "if") {
        return Vec::new();
    }
    let (script, volume) = (Script::parse(text), image.volume());
    let searches = script.commands.iter().filter(|command| command.name().starts_with("search"));
    let missing = searches.filter_map(|command| Some((command.line, wanted(command)?)));
    let missing = missing.filter(|(_, wanted)| {
        found(image, wanted).is_err() && !volume.as_ref().is_some_and(|volume| wanted.is(volume))
    });
    let sight = |(line, wanted): (usize, Wanted<'_>)| {
        let (Wanted::Uuid(name) | Wanted::Label(name) | Wanted::File(name)) = wanted;
        let saw = format!(
            "line {line} of the configuration in it looks for {name}, which is not on the disk"
        );
        Sight::new(&loader.path, saw).with(format!("error: no such device: {name}."))
    };
    missing.map(sight).collect()
}

/// The disk and partition that `root` is set to are there.
pub(super) fn disk_is_there(subject: &Subject) -> Vec<Sight> {
    let (Some((_, _, config)), Some(image)) = (parts(subject), &subject.image) else {
        return Vec::new();
    };
    let searched = run(config).any(|command| command.name().starts_with("search"));
    let mut sights = Vec::new();
    for command in run(config).filter(|command| command.name() == "set" && !searched) {
        let value = command.plain().get(1).and_then(|word| word.strip_prefix("root="));
        let saw = match value.and_then(|value| Some((value, device(value)?))) {
            Some((value, (0, Some(number)))) if partition(image, number).is_none() => {
                format!(
                    "line {} sets root={value}, and there is no partition {number}",
                    command.line
                )
            }
            Some((value, (disk, _))) if disk > 0 => {
                format!("line {} sets root={value}, and the machine has one disk", command.line)
            }
            _ => continue,
        };
        sights.push(Sight::new(&config.path, saw).with("not found.").with(NEEDS_KERNEL));
    }
    sights
}

/// Whether kernel and initramfs of the entry are where `$root` leads at last.
fn finds_its_files(subject: &Subject, config: &Config) -> bool {
    let is_kernel = |name: &str| KERNEL.contains(&name);
    let known = places(subject, config).into_iter().any(|(command, place)| {
        is_kernel(command.name())
            && command.entry == Some(config.default)
            && matches!(place, Place::Partition(_))
    });
    known && [KERNEL, INITRAMFS].iter().all(|names| missing_files(subject, names).is_empty())
}
