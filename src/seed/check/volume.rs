//! Checks of the volume: does cloud-init look into it, and does it find the files?

use super::{Check, Look, Severity, Sight};
use crate::seed::volume::Found;
use crate::seed::{LABEL, Part};

/// What files are called that were meant for a seed.
const STEMS: [&str; 4] = ["user-data", "meta-data", "network-config", "vendor-data"];

const fn error(
    id: &'static str,
    proves: &'static str,
    remedy: &'static str,
    look: fn(&Found) -> Vec<Sight>,
) -> Check {
    Check { id, severity: Severity::Error, proves, remedy, look: Look::Volume(look) }
}

pub(super) const CHECKS: &[Check] = &[
    error(
        "volume-label",
        "the volume has the label by which cloud-init finds it",
        "label it cidata, or CIDATA",
        |found| match &found.label {
            Some(label) if label != LABEL && *label != LABEL.to_ascii_uppercase() => {
                vec![Sight::anywhere(format!(
                    "its label is `{}`: cloud-init passes over it",
                    label.escape_debug()
                ))]
            }
            _ => Vec::new(),
        },
    ),
    error(
        "volume-filesystem",
        "the volume is of a kind that cloud-init looks into",
        "use vfat or ISO 9660",
        |found| match found.fstype {
            Some(fstype) if !["vfat", "iso9660"].contains(&fstype) => {
                vec![Sight::anywhere(format!(
                    "it is {fstype}: cloud-init looks into vfat and iso9660"
                ))]
            }
            _ => Vec::new(),
        },
    ),
    error(
        "file-missing",
        "the files without which cloud-init ignores the seed are there",
        "add the file; it may be almost empty",
        |found| {
            let is_there = |part: &Part| found.files.iter().any(|file| file.part == *part);
            let missing = Part::ALL.iter().filter(|part| part.is_required() && !is_there(part));
            let says = |part: &Part| {
                let name = part.name();
                Sight::anywhere(format!("there is no {name}, so cloud-init ignores the whole seed"))
            };
            missing.map(says).collect()
        },
    ),
    error(
        "file-name",
        "files have the names that cloud-init opens",
        "call it user-data, meta-data, network-config or vendor-data, without an extension",
        |found| {
            let other = |name: &&String| is_meant(name);
            let says = |name: &String| {
                Sight::anywhere(format!(
                    "`{}` is a name that cloud-init never opens",
                    name.escape_debug()
                ))
            };
            found.others.iter().filter(other).map(says).collect()
        },
    ),
];

/// Whether a name is almost one of a seed's.
fn is_meant(name: &str) -> bool {
    let plain = name.to_ascii_lowercase().replace('_', "-");
    STEMS
        .iter()
        .any(|stem| plain.starts_with(stem) || plain.replace('-', "") == stem.replace('-', ""))
}
