//! `bootwright image --format`: the same disk in several formats, side by side, all of them or none.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::build::ingredients::Kind;
use crate::cli::disk::PackageArgs;
use crate::cli::progress::ByteBar;
use crate::cli::terminal::say;
use crate::disk::output::OutputFile;
use crate::error::{Context, Error, Result, shown};
use crate::format::convert::Target;
use crate::format::{Disk, Format};
use crate::package::Export;
use crate::size::Size;
use crate::volume::Window;

/// A file that is made: what it is, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) export: Export,
    pub(super) path: PathBuf,
}

impl Place {
    /// What it is of.
    pub(super) fn kind(&self) -> Kind {
        if self.export == Export::Iso { Kind::Iso } else { Kind::Disk }
    }
}

/// Where each format goes: one alone where the image was to be, several beside it under endings of their
/// own, raw where the image was to be.
///
/// # Errors
/// Where a format is named twice, or two have the same path.
pub(super) fn places(output: &Path, formats: &[Export]) -> Result<Vec<Place>> {
    const RAW: Export = Export::Image(Target::Raw);
    let place = |&export: &Export| match (formats, export) {
        ([_], _) | (_, RAW) => Place { export, path: output.into() },
        _ => Place { export, path: output.with_extension(export.ending()) },
    };
    let places: Vec<_> = match formats {
        [] => vec![Place { export: RAW, path: output.into() }],
        formats => formats.iter().map(place).collect(),
    };
    let mut seen = BTreeSet::new();
    match places.iter().find(|place| !seen.insert(&place.path)) {
        None => Ok(places),
        Some(twice) => Err(Error::new(format!("two formats would be {}", shown(&twice.path)))
            .hint("name each format once, and give --output another ending")),
    }
}

/// What is built: a disk, an ISO, or both of the same ingredients.
pub(super) fn kinds(places: &[Place]) -> Vec<Kind> {
    let mut kinds: Vec<_> = places.iter().map(Place::kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

/// The first that QEMU boots, where there is one.
pub(super) fn bootable(places: &[Place]) -> Result<&Path> {
    let is_image =
        |place: &&Place| matches!(place.export, Export::Image(_) | Export::Ami | Export::Iso);
    let place = places.iter().find(is_image);
    place.map(|place| &*place.path).ok_or_else(|| {
        Error::new("QEMU boots no package").hint("--format qcow2 beside it gives what it boots")
    })
}

/// Writes a disk that has no name yet in every format; none of the files has its name yet.
///
/// # Errors
/// Where one cannot be written.
pub(super) fn write(
    image: OutputFile,
    places: &[Place],
    package: &PackageArgs,
) -> Result<Vec<OutputFile>> {
    let file = image.as_file().try_clone().context(|| "reading the image back")?;
    let len = file.metadata().context(|| "reading the image back")?.len();
    let disk = Disk::without_backing(image.path(), Window::new(file, len), Some(Format::Raw))?;
    let mut outputs = Vec::new();
    for Place { export, path } in places {
        if !matches!(export, Export::Image(Target::Raw) | Export::Iso) {
            let bar = ByteBar::new(len);
            let hardware = package.hardware(path);
            outputs.extend(export.write(&disk, path, &hardware, &|done| bar.set(done))?);
        }
    }
    drop(disk);
    let is_raw = places.iter().any(|place| place.export == Export::Image(Target::Raw));
    outputs.extend(is_raw.then_some(image));
    Ok(outputs)
}

/// A line for each file.
///
/// # Errors
/// Where it cannot be said, or a file is not there after all.
pub(super) fn report(places: &[Place], disk: u64, took: f64) -> Result<()> {
    for Place { export, path } in places {
        let name = shown(path);
        let metadata = path.metadata().context(|| format!("reading {name}"))?;
        let (size, allocated) = (Size(disk), Size(metadata.blocks() * 512));
        let kind = match export {
            Export::Image(Target::Raw) => String::new(),
            Export::Iso => String::new(),
            export => format!(" ({export})"),
        };
        say(format_args!("wrote {name}{kind}: {size}, {allocated} on disk, in {took:.2} s"))?;
    }
    Ok(())
}

pub(super) fn as_json(places: &[Place]) -> Value {
    let file = |place: &Place| json!({ "format": place.export.name(), "path": shown(&place.path) });
    places.iter().map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(formats: &[&str]) -> Result<Vec<String>> {
        let formats: Vec<_> = formats.iter().map(|name| name.parse().expect("known")).collect();
        let places = places(Path::new("out/demo.img"), &formats)?;
        Ok(places.iter().map(|place| place.path.display().to_string()).collect())
    }

    #[test]
    fn one_format_is_where_it_was_wanted_and_several_stand_side_by_side() {
        assert_eq!(paths(&[]).expect("raw"), ["out/demo.img"]);
        assert_eq!(paths(&["qcow2"]).expect("alone"), ["out/demo.img"]);
        let several = paths(&["qcow2-zstd", "raw", "ova"]).expect("several");
        assert_eq!(several, ["out/demo.zstd.qcow2", "out/demo.img", "out/demo.ova"]);
        assert_eq!(paths(&["raw", "iso"]).expect("both"), ["out/demo.img", "out/demo.iso"]);
        let text = paths(&["vhdx", "vhdx"]).expect_err("twice").to_string();
        assert_eq!(text, "two formats would be out/demo.vhdx");
    }

    #[test]
    fn a_package_is_nothing_to_boot() {
        let of = |names: &[&str]| {
            let formats: Vec<_> = names.iter().map(|name| name.parse().expect("known")).collect();
            places(Path::new("a.img"), &formats).expect("distinct")
        };
        assert!(bootable(&of(&["ova"])).is_err());
        assert_eq!(kinds(&of(&["iso", "ova", "vdi"])), [Kind::Disk, Kind::Iso]);
        assert_eq!(bootable(&of(&["ova", "vdi"])).expect("vdi"), Path::new("a.vdi"));
    }
}
