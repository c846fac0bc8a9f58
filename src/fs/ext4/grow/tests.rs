//! Growing, judged by e2fsprogs: of filesystems of ours and of mke2fs, and after every write that an
//! interruption can follow.

mod crash;
mod judge;

use super::*;
use crate::bytes::Guid;
use crate::fs::ext4::{self, Journal, Options};
use crate::size::{GIB, MIB};
use crate::tree::{Content, Node, Time, Tree, TreePath};
use judge::Image;

const TIME: Time = Time { seconds: 1_700_000_000, nanoseconds: 0 };

fn tree() -> Tree {
    let mut tree = Tree::new(TIME);
    for n in 0..20u8 {
        let path = TreePath::new(format!("dir/{n}").as_bytes()).expect("a path");
        let content = Content::from(vec![n; 100_000 + usize::from(n)]);
        tree.insert(path, Node::file(0o644, TIME, content)).expect("free");
    }
    tree
}

fn options() -> Options {
    Options::new(Guid::new(7), Guid::new(9), TIME)
}

/// What mke2fs is told, the size in KiB, and the size in MiB that it is to have afterwards.
const MADE: &[(&str, u64, u64)] = &[
    // Debian's defaults: blocks of 1 KiB, then of 4 KiB.
    ("", 20 << 10, 300),
    ("-b 4096", 100 << 10, 140),
    ("-b 4096", 100 << 10, 3 << 10),
    ("-b 4096", 300 << 10, 22 << 10),
    ("-b 4096", (2 << 20) + 4, 22 << 10),
    // Within the last group.
    ("-b 4096", 200 << 10, 250),
    // What older mke2fs made: descriptors of 32 bytes with a CRC-16, or without any checksum.
    ("-O ^metadata_csum,^64bit,uninit_bg -b 4096", 500 << 10, 9 << 10),
    ("-O ^metadata_csum,uninit_bg -b 1024", 30 << 10, 200),
    ("-O ^metadata_csum,^64bit,^uninit_bg -b 4096", 200 << 10, 3 << 10),
    ("-O metadata_csum,^64bit -b 2048", 70 << 10, 900),
    ("-O ^flex_bg -b 4096", 200 << 10, 2 << 10),
    ("-O metadata_csum_seed -b 4096 -I 512", 200 << 10, 2 << 10),
    ("-O ^has_journal -b 4096", 200 << 10, 5 << 10),
    ("-O ^resize_inode -b 4096", 200 << 10, 5 << 10),
    ("-O project,inline_data,encrypt,orphan_file -b 4096", 200 << 10, 2 << 10),
    ("-G 4 -i 4096 -b 1024", 30 << 10, 400),
    ("-t ext3 -b 4096", 200 << 10, 2 << 10),
    ("-t ext2 -b 4096", 200 << 10, 2 << 10),
];

#[test]
fn filesystems_of_mke2fs_grow() {
    for &(arguments, kib, mib) in MADE {
        let Some(image) = Image::made(arguments, kib) else { return };
        image.populate();
        let before = image.files();
        let Some(growth) = image.grow(mib * MIB) else { panic!("{arguments}: it can grow") };
        assert!(growth.sizes().1 <= mib * MIB, "{arguments}");
        image.is_clean(arguments);
        image.has_nothing_to_grow(arguments);
        assert_eq!(image.files(), before, "{arguments}");
    }
}

#[test]
fn filesystems_of_ours_grow() {
    for (journal, from, to) in [
        (Journal::Auto, 15 * MIB, 40 * GIB),
        (Journal::Auto, 300 * MIB, 20 * GIB),
        (Journal::Off, 15 * MIB, GIB),
    ] {
        let options = Options { size: ext4::Size::Fixed(from), journal, ..options() };
        let image = Image::ours(&tree(), &options);
        let before = image.files();
        let growth = image.grow(to).expect("it can grow");
        assert_eq!(growth.is_journaled(), journal == Journal::Auto);
        image.is_clean("ours");
        image.has_nothing_to_grow("ours");
        assert_eq!(image.files(), before);
    }
}

#[test]
fn what_is_too_little_for_a_group_stays_unused() {
    let Some(image) = Image::made("-b 4096", 128 << 10) else { return };
    assert!(image.grow(129 * MIB).is_none());
    image.is_clean("as it was");
}

#[test]
fn growing_twice_is_as_good_as_once() {
    let options = Options { size: ext4::Size::Fixed(15 * MIB), ..options() };
    let image = Image::ours(&tree(), &options);
    for size in [100 * MIB, 200 * MIB, 201 * MIB, 3 * GIB] {
        image.grow(size).expect("it can grow");
        image.is_clean("again");
    }
    assert!(image.grow(3 * GIB).is_none(), "nothing is left to do");
}

#[test]
fn what_cannot_grow_is_refused_with_its_reason_and_nothing_is_written() {
    // What debugfs makes of a good filesystem, the size wanted in MiB, and the reason.
    for (made, request, mib, why) in [
        ("-b 4096", "feature needs_recovery", 300, "its journal has to be replayed first"),
        ("-b 4096", "ssv state 2", 300, "marked as having errors"),
        ("-b 4096", "ssv state 0", 300, "not unmounted cleanly"),
        ("-b 4096", "ssv last_orphan 12", 300, "wait to be deleted"),
        ("-b 4096", "ssv inodes_per_group 8", 300, "do not belong together"),
        ("-b 4096", "show_super_stats -h", 20, "104857600 bytes, more than the 20971520"),
        ("-b 1024", "show_super_stats -h", 900 << 10, "room kept for its group descriptors"),
        ("-b 4096 -O ^64bit", "show_super_stats -h", 17 << 20, "more blocks than"),
        ("-b 4096 -O bigalloc", "show_super_stats -h", 300, "not grown here: bigalloc"),
        ("-b 4096 -O meta_bg,^resize_inode", "show_super_stats -h", 300, "here: meta_bg"),
    ] {
        let Some(image) = Image::made(made, 100 << 10) else { return };
        image.debugfs(request);
        let before = image.bytes();
        let refused = image.try_grow(mib * MIB).expect_err("it is refused");
        let text = refused.into_error().to_string();
        assert!(text.contains(why), "{request}: {text}");
        assert!(image.bytes() == before, "{request}");
    }
    let nothing = vec![0; 1 << 20];
    assert!(matches!(plan(&Volume::new(&nothing, 0, 1 << 20)), Err(GrowRefusal::NoExt4)));
}

#[test]
fn damaged_filesystems_are_refused_or_grown_and_never_panic() {
    let options = Options { size: ext4::Size::Fixed(9 * MIB), ..options() };
    let image = Image::ours(&tree(), &options);
    let good = image.bytes();
    let mut seed = 1u64;
    for _ in 0..2000 {
        let mut bytes = good.clone();
        for _ in 0..3 {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            // Superblock, descriptors, or the journal with the inodes before it.
            let at =
                [1024 + (seed >> 33) % 1024, 4096 + (seed >> 33) % 256, (seed >> 33) % (1 << 17)];
            let at = at[(seed >> 20) as usize % 3] as usize;
            bytes[at] = (seed >> 50) as u8;
        }
        // The superblock's checksum would stop most.
        let checksum = ext4::checksum::Checksum::START.with(&bytes[1024..1024 + 0x3fc]).value();
        bytes[1024 + 0x3fc..2048].copy_from_slice(&checksum.to_le_bytes());
        let memory = crash::Memory::new(bytes);
        let volume = Volume::new(&memory, 0, 64 * MIB);
        let _ = finish(&volume);
        if let Ok(Some(growth)) = plan(&volume) {
            let _ = growth.apply(&volume);
        }
    }
}
