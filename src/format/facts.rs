//! What an image says about itself, as names and values.

use super::disk::Map;
use super::{Disk, Format};
use crate::error::shown_bytes;

/// What is known of an image besides its contents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormatInfo {
    /// The format.
    pub format: Format,
    /// Bytes of the disk that the guest sees.
    pub virtual_size: u64,
    /// More that is worth knowing: a name and a value each.
    pub facts: Vec<(&'static str, String)>,
}

impl FormatInfo {
    /// What an image says; of its backing file, what it is called.
    pub fn of(disk: &Disk) -> FormatInfo {
        let facts = match disk.map() {
            Map::Raw => Vec::new(),
            Map::Qcow2(map) => qcow2(map.header()),
            Map::Vhd(map) => {
                let footer = map.footer();
                let creator = shown_bytes(&footer.creator).trim().to_owned();
                vec![
                    ("kind", footer.kind.name().into()),
                    ("creator", creator),
                    ("id", footer.id.to_string()),
                ]
            }
            Map::Vhdx(map) => vec![
                ("kind", kind(map.is_fixed())),
                ("block size", map.block().to_string()),
                ("id", map.id().to_string()),
            ],
            Map::Vmdk(map) => vec![("kind", map.kind().into())],
            Map::Vdi(map) => vec![("kind", kind(map.is_fixed)), ("id", map.id.to_string())],
        };
        FormatInfo { format: disk.format(), virtual_size: disk.size(), facts }
    }
}

fn kind(is_fixed: bool) -> String {
    if is_fixed { "fixed" } else { "dynamic" }.into()
}

fn qcow2(header: &super::qcow2::Header) -> Vec<(&'static str, String)> {
    let mut facts = vec![
        ("version", header.version.to_string()),
        ("cluster size", header.cluster().to_string()),
        ("compression", header.compression.name().into()),
    ];
    if let Some(backing) = &header.backing {
        facts.push(("backing file", shown_bytes(&backing.path)));
        let recorded = backing.format.clone();
        facts.push(("backing format", recorded.unwrap_or_else(|| "not recorded".into())));
    }
    if header.snapshots > 0 {
        facts.push(("snapshots", header.snapshots.to_string()));
    }
    let states = [
        (header.has_extended_l2(), "extended L2 entries"),
        (header.is_dirty(), "not closed"),
        (header.is_corrupt(), "corrupt"),
    ];
    let said = states.into_iter().filter(|(is_so, _)| *is_so);
    facts.extend(said.map(|(_, name)| (name, "yes".into())));
    facts
}
