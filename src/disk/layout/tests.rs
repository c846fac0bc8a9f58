//! What a plan promises, for partitions of every size and order.

use proptest::prelude::*;

use super::*;
use crate::arch::{SD_GPT_ESP, X86_64};
use crate::disk::map::Glyphs;
use crate::size::KIB;

fn spec(name: &str, guid: u128, size: PartitionSize, used: u64) -> PartitionSpec {
    PartitionSpec {
        name: name.into(),
        type_guid: SD_GPT_ESP,
        unique_guid: Guid::new(guid),
        attributes: Attributes::NONE,
        number: None,
        size,
        used,
        filesystem: "FAT16".into(),
    }
}

fn exact(name: &str, guid: u128, size: u64) -> PartitionSpec {
    spec(name, guid, PartitionSize::Exact(size), 0)
}

fn options(size: Option<u64>) -> Options {
    let size = size.map_or(DiskSize::Auto, |bytes| DiskSize::Exact(Size(bytes)));
    Options { size, ..Options::new(Guid::new(99)) }
}

fn demo() -> Layout {
    let esp = spec("EFI System", 1, PartitionSize::Exact(64 * MIB), 40 * MIB);
    let root = PartitionSpec {
        type_guid: X86_64.root_type,
        attributes: Attributes::LEGACY_BIOS_BOOTABLE,
        filesystem: "ext4".into(),
        ..spec("slim-rootfs", 2, PartitionSize::Exact(16 * MIB), 16 * MIB)
    };
    Layout::plan(&[esp, root], &options(None)).expect("it fits")
}

#[test]
fn partitions_are_aligned_and_the_disk_is_as_long_as_it_must_be() {
    let layout = demo();
    let places: Vec<_> = layout.partitions().iter().map(|p| (p.offset, p.size)).collect();
    assert_eq!(places, [(MIB, 64 * MIB), (65 * MIB, 16 * MIB)]);
    assert_eq!(layout.size(), 82 * MIB);
    assert_eq!(layout.usable_blocks(), (34, 82 * 2048 - 34));
}

#[test]
fn the_rest_is_all_that_others_leave_wherever_it_stands() {
    let rest = |used| spec("rest", 1, PartitionSize::Rest, used);
    let specs = [exact("a", 2, MIB), rest(5 * MIB), exact("b", 3, 3 * MIB)];
    let layout = Layout::plan(&specs, &options(Some(100 * MIB))).expect("it fits");
    let places: Vec<_> = layout.partitions().iter().map(|p| (p.offset, p.size)).collect();
    assert_eq!(places, [(MIB, MIB), (2 * MIB, 94 * MIB), (96 * MIB, 3 * MIB)]);
    let error = Layout::plan(&specs, &options(Some(10 * MIB))).expect_err("too small");
    let needs = 10 * MIB + 33 * 512;
    assert_eq!(error, LayoutError::DiskTooSmall { needs, has: 10 * MIB });
    assert_eq!(
        error.to_string(),
        "the disk is too small: the partitions need 10502656 bytes (10.0 MiB), it has 10485760 \
         (10 MiB), 16896 too few"
    );
}

#[test]
fn a_disk_of_exactly_the_need_is_enough_and_a_sector_less_is_not() {
    let specs = [exact("a", 1, MIB + 512)];
    let needs = 2 * MIB + 512 + 33 * 512;
    assert!(Layout::plan(&specs, &options(Some(needs))).is_ok());
    let error = Layout::plan(&specs, &options(Some(needs - 512))).expect_err("too small");
    assert_eq!(error, LayoutError::DiskTooSmall { needs, has: needs - 512 });
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    use LayoutError as E;
    let numbered = |number, guid| PartitionSpec { number: Some(number), ..exact("n", guid, MIB) };
    let typeless = PartitionSpec { type_guid: Guid::default(), ..exact("z", 1, MIB) };
    let long = "ä".repeat(37);
    let rest = |guid| spec("r", guid, PartitionSize::Rest, 0);
    let full = spec("f", 1, PartitionSize::Exact(MIB), MIB + 1);
    let n = || String::from("n");
    for (specs, expected) in [
        (vec![exact("n", 1, 0)], E::Empty(n())),
        (vec![exact("n", 1, 7)], E::NotSectors { name: n(), size: 7, sector: 512 }),
        (vec![exact(&long, 1, MIB)], E::NameTooLong(long.clone(), 37)),
        (vec![exact("a\0", 1, MIB)], E::NameNul("a\0".into())),
        (vec![typeless], E::ZeroGuid("z".into())),
        (vec![exact("n", 0, MIB)], E::ZeroGuid(n())),
        (vec![exact("n", 5, MIB), exact("m", 5, MIB)], E::SameGuid(n(), "m".into(), Guid::new(5))),
        (vec![exact("n", 99, MIB)], E::SameGuid("the disk".into(), n(), Guid::new(99))),
        (vec![numbered(0, 1)], E::Number { name: n(), number: 0 }),
        (vec![numbered(129, 1)], E::Number { name: n(), number: 129 }),
        (vec![exact("a", 1, MIB), numbered(1, 2)], E::SameNumber("a".into(), n(), 1)),
        (vec![rest(1)], E::RestOfAuto("r".into())),
        (vec![rest(1), rest(2)], E::TwoRests("r".into(), "r".into())),
        (vec![full], E::PartitionTooSmall { name: "f".into(), needs: MIB + 1, has: MIB }),
        (vec![exact("n", 1, 1 << 63)], E::TooLarge),
        (vec![exact("n", 1, u64::MAX - 511)], E::TooLarge),
        (vec![exact("n", 1, MIB); 129], E::TooMany(129)),
    ] {
        assert_eq!(Layout::plan(&specs, &options(None)).err(), Some(expected));
    }
}

#[test]
fn a_disk_that_cannot_be_is_refused() {
    let plan = |options: Options| Layout::plan(&[], &options).err();
    let with = |sector, alignment| Options { sector, alignment, ..options(None) };
    assert_eq!(plan(with(520, MIB)), Some(LayoutError::Sector(520)));
    assert_eq!(plan(with(4096, 512)), Some(LayoutError::Alignment(512, 4096)));
    assert_eq!(plan(with(512, 0)), Some(LayoutError::Alignment(0, 512)));
    assert_eq!(plan(options(Some(1000))), Some(LayoutError::DiskNotSectors(1000, 512)));
    let needs = 67 * 512;
    assert_eq!(plan(options(Some(512))), Some(LayoutError::DiskTooSmall { needs, has: 512 }));
}

#[test]
fn the_map_is_for_people() {
    let map = "\
GPT 00000000-0000-0000-0000-000000000063, 82 MiB, 512-byte sectors
#  name         type                                        filesystem  offset    size    used
1  EFI System   EFI System                                  FAT16        1 MiB  64 MiB  40 MiB  ▕██████░░░░▏
2  slim-rootfs  Linux root (x86-64) [legacy-bios-bootable]  ext4        65 MiB  16 MiB  16 MiB  ▕██████████▏
";
    assert_eq!(demo().to_string(), map);
    let ascii = demo().map(Glyphs::Ascii).to_string();
    assert!(ascii.is_ascii() && ascii.contains("[######....]"), "{ascii}");
}

#[test]
fn json_has_texts_for_guids_and_numbers_for_sizes() {
    let json = serde_json::to_value(demo()).expect("it serializes");
    assert_eq!(json["partitions"][1]["type"], "4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
    assert_eq!(json["partitions"][1]["attributes"], "legacy-bios-bootable");
    assert_eq!(json["partitions"][0]["offset"], MIB);
    assert_eq!(json["size"], 82 * MIB);
}

proptest! {
    #[test]
    fn whatever_is_planned_is_aligned_apart_and_inside(
        sizes in prop::collection::vec((1u64..5000, 0u64..6000), 0..20),
        rest in prop::option::of(0usize..20),
        disk in prop::option::of(1u64..100_000),
        large in any::<bool>(),
    ) {
        let sector = if large { 4096 } else { 512 };
        let specs: Vec<_> = sizes.iter().enumerate().map(|(i, &(size, used))| {
            let size = match rest == Some(i) {
                true => PartitionSize::Rest,
                false => PartitionSize::Exact(size * sector),
            };
            spec(&i.to_string(), i as u128 + 1, size, used * sector)
        }).collect();
        let options = Options {
            sector,
            alignment: 64 * KIB,
            ..options(disk.map(|sectors| sectors * sector))
        };
        if let Ok(layout) = Layout::plan(&specs, &options) {
            let (first, last) = layout.usable_blocks();
            let mut end = first * sector;
            for p in layout.partitions() {
                prop_assert!(p.offset >= end && p.offset.is_multiple_of(64 * KIB));
                prop_assert!(p.size > 0 && p.used <= p.size && p.size.is_multiple_of(sector));
                end = p.offset + p.size;
            }
            prop_assert!(end <= (last + 1) * sector);
            prop_assert!(disk.is_none_or(|sectors| sectors * sector == layout.size()));
        }
    }
}
