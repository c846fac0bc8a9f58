//! What `root=` can say, and whether a block device is what it says.
//!
//! The forms of the kernel (`Documentation/admin-guide/kernel-parameters.txt`) and the two of
//! initramfs tools, `LABEL=` and `UUID=`. The links that udev would make under `/dev/disk` are
//! understood too, because there is no udev here. Left out: `PARTUUID=…/PARTNROFF=`, NFS, CIFS,
//! MTD, and udev's escapes in link names.

use crate::partition::Partition;
use crate::superblock::Superblock;

/// A device, described in one of these ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RootSpec<'a> {
    /// The path of a device node.
    Path(&'a [u8]),
    /// Major and minor number.
    Number(u32, u32),
    /// The unique id of a partition: a GUID, or `ssssssss-pp` of an MBR.
    PartUuid(&'a [u8]),
    /// The name of a GPT partition.
    PartLabel(&'a [u8]),
    /// The id of a filesystem.
    Uuid(&'a [u8]),
    /// The label of a filesystem.
    Label(&'a [u8]),
}

/// How a form starts, and what the rest is then.
type Form = (&'static [u8], for<'a> fn(&'a [u8]) -> RootSpec<'a>);

const FORMS: [Form; 8] = [
    (b"PARTUUID=", |rest| RootSpec::PartUuid(rest)),
    (b"PARTLABEL=", |rest| RootSpec::PartLabel(rest)),
    (b"UUID=", |rest| RootSpec::Uuid(rest)),
    (b"LABEL=", |rest| RootSpec::Label(rest)),
    (b"/dev/disk/by-partuuid/", |rest| RootSpec::PartUuid(rest)),
    (b"/dev/disk/by-partlabel/", |rest| RootSpec::PartLabel(rest)),
    (b"/dev/disk/by-uuid/", |rest| RootSpec::Uuid(rest)),
    (b"/dev/disk/by-label/", |rest| RootSpec::Label(rest)),
];

impl<'a> RootSpec<'a> {
    /// Understands the value of `root=`; `None` for a form that there is not.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        for (start, form) in FORMS {
            if let Some(rest) = value.strip_prefix(start) {
                return (!rest.is_empty()).then(|| form(rest));
            }
        }
        match value.starts_with(b"/") {
            true => Some(RootSpec::Path(value)),
            false => numbers(value),
        }
    }

    /// Whether a device with this partition entry and this superblock is meant. Ids compare without
    /// regard to case, names and labels exactly; a path or a number says nothing about content.
    pub fn describes(
        &self,
        partition: Option<&Partition>,
        superblock: Option<&Superblock>,
    ) -> bool {
        match *self {
            RootSpec::Path(_) | RootSpec::Number(..) => false,
            RootSpec::PartUuid(id) => {
                partition.is_some_and(|p| p.uuid.as_bytes().eq_ignore_ascii_case(id))
            }
            RootSpec::PartLabel(name) => partition.is_some_and(|p| p.name.as_bytes() == name),
            RootSpec::Uuid(id) => {
                superblock.is_some_and(|s| s.uuid.as_bytes().eq_ignore_ascii_case(id))
            }
            RootSpec::Label(label) => superblock.is_some_and(|s| s.label.as_bytes() == label),
        }
    }
}

/// `254:1`.
fn numbers(value: &[u8]) -> Option<RootSpec<'_>> {
    let (major, minor) = str::from_utf8(value).ok()?.split_once(':')?;
    Some(RootSpec::Number(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use crate::text::Text;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn every_form_is_understood() {
        let cases: [(&[u8], Option<RootSpec<'_>>); 9] = [
            (b"/dev/vda2", Some(RootSpec::Path(b"/dev/vda2"))),
            (b"254:2", Some(RootSpec::Number(254, 2))),
            (b"PARTUUID=ab-01", Some(RootSpec::PartUuid(b"ab-01"))),
            (b"PARTLABEL=slim rootfs", Some(RootSpec::PartLabel(b"slim rootfs"))),
            (b"UUID=1234-ABCD", Some(RootSpec::Uuid(b"1234-ABCD"))),
            (b"LABEL=root", Some(RootSpec::Label(b"root"))),
            (b"/dev/disk/by-label/root", Some(RootSpec::Label(b"root"))),
            (b"LABEL=", None),
            (b"vda2", None),
        ];
        for (value, expected) in cases {
            assert_eq!(RootSpec::parse(value), expected, "{}", value.escape_ascii());
        }
    }

    #[test]
    fn ids_ignore_case_and_labels_do_not() {
        let partition = Partition { uuid: Text::from(b"ab-cd".as_slice()), name: Text::new() };
        let superblock = Superblock {
            fstype: "vfat",
            uuid: Text::from(b"1234-ABCD".as_slice()),
            label: Text::from(b"ROOT".as_slice()),
        };
        let describes = |value: &'static [u8]| {
            let spec = RootSpec::parse(value).expect("it is a form");
            spec.describes(Some(&partition), Some(&superblock))
        };
        assert!(describes(b"PARTUUID=AB-CD") && describes(b"UUID=1234-abcd"));
        assert!(describes(b"LABEL=ROOT") && !describes(b"LABEL=root"));
        assert!(!describes(b"PARTLABEL=ROOT"));
        assert!(!RootSpec::Label(b"x").describes(None, None));
    }

    proptest! {
        #[test]
        fn any_value_is_read(value: Vec<u8>) {
            RootSpec::parse(&value);
        }
    }
}
