//! The descriptor: a text of keys and values inside the file.

use super::{DESCRIPTOR_SECTORS, SECTOR};
use crate::format::convert::Identity;

/// The parent's content id of a disk that has no parent.
const NO_PARENT: &str = "ffffffff";

/// The value of a key, without its quotes.
pub(super) fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let pairs = text.lines().filter_map(|line| line.split_once('='));
    let mut values = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case(key));
    values.next().map(|(_, value)| value.trim().trim_matches('"'))
}

/// Whether it says that the image stands on another one.
pub(super) fn has_parent(text: &str) -> bool {
    value(text, "parentCID").is_some_and(|id| !id.eq_ignore_ascii_case(NO_PARENT))
}

/// The descriptor of an image of ours, padded to its sectors.
///
/// The name of the extent is not the file's: readers of an embedded descriptor know which file they read,
/// and the same disk is to have the same bytes under every name.
pub(super) fn encode(sectors: u64, kind: &str, identity: &Identity) -> Vec<u8> {
    let bits = u128::from_be_bytes(identity.guid("vmdk").to_bytes());
    // All bits set means none.
    let id = ((bits >> 96) as u32).min(u32::MAX - 1);
    let (heads, track) = (255, 63);
    let cylinders = (sectors / (heads * track)).min(65535);
    let text = format!(
        "# Disk DescriptorFile
version=1
CID={id:08x}
parentCID={NO_PARENT}
createType=\"{kind}\"

# Extent description
RW {sectors} SPARSE \"disk.vmdk\"

# The Disk Data Base
#DDB

ddb.virtualHWVersion = \"10\"
ddb.geometry.cylinders = \"{cylinders}\"
ddb.geometry.heads = \"{heads}\"
ddb.geometry.sectors = \"{track}\"
ddb.adapterType = \"lsilogic\"
"
    );
    let mut bytes = text.into_bytes();
    bytes.resize((DESCRIPTOR_SECTORS * SECTOR) as usize, 0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_and_parents_seen() {
        let text =
            "# comment\nCID=fffffffe\nparentCID = 1234abcd\ncreateType=\"monolithicSparse\"\n";
        assert_eq!(value(text, "createType"), Some("monolithicSparse"));
        assert!(has_parent(text));
        assert!(!has_parent("parentCID=FFFFFFFF"));
        assert!(!has_parent(""));
    }
}
