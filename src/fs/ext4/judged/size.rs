//! Sizes, refusals and growth.

use super::*;
use crate::size::{GIB, KIB, MIB};

#[test]
fn an_empty_tree_of_every_block_size_is_clean() {
    for block_size in [1024, 2048, 4096] {
        let options = Options { block_size, ..options() };
        let tree = Tree::new(TIME);
        write(&tree, &options).is_clean();
        for size in [1 << 20, 8 << 20, 100 << 20, 3 << 30] {
            write(&tree, &Options { size: Size::Fixed(size), ..options.clone() }).is_clean();
        }
    }
}

/// A file of so many bytes, none of which is zero.
fn filled(size: u64) -> Tree {
    let mut tree = Tree::new(TIME);
    tree.insert(path("file"), file(vec![b'x'; size as usize])).expect("free");
    tree
}

fn fixed(size: u64) -> Options {
    Options { size: Size::Fixed(size), ..options() }
}

#[test]
fn an_automatic_size_is_the_smallest_that_fits() {
    for size in [0, 5 * MIB, 9 * MIB, 140 * MIB] {
        let tree = filled(size);
        let auto = plan(&tree, &options()).expect("it fits").size();
        assert!(plan(&tree, &fixed(auto)).is_ok());
        let refused = plan(&tree, &fixed(auto - 4 * KIB)).expect_err("a block less");
        let expected = Refusal::TooSmall {
            needed: crate::size::Size(auto),
            given: crate::size::Size(auto - 4 * KIB),
        };
        assert_eq!(refused.downcast_ref(), Some(&expected), "{refused}");
        write(&tree, &options()).is_clean();
    }
}

#[test]
fn a_reserve_is_free_in_the_end() {
    let options = Options { size: Size::Auto { reserve: 64 * MIB }, ..options() };
    let tree = filled(MIB);
    let plan = plan(&tree, &options).expect("it fits");
    let free = plan.size() - plan.used();
    assert!((64 * MIB..65 * MIB).contains(&free), "{free}");
}

#[test]
fn what_cannot_be_is_refused_with_its_path() {
    let one = |at: &str, node| {
        let mut tree = Tree::new(TIME);
        tree.insert(path(at), node).expect("free");
        tree
    };
    let refusal = |tree: &Tree, options: &Options| {
        let error = plan(tree, options).expect_err("it is impossible");
        error.downcast_ref::<Refusal>().unwrap_or_else(|| panic!("{error}")).clone()
    };
    let long = "n".repeat(256);
    assert_eq!(
        refusal(&one(&format!("d/{long}"), file("")), &options()),
        Refusal::NameTooLong(path(&format!("d/{long}")), 256)
    );
    for target in [vec![], vec![b'x'; 4096], b"a\0b".to_vec()] {
        let tree = one("link", Node::symlink(target, TIME));
        assert_eq!(refusal(&tree, &options()), Refusal::LinkTarget(path("link"), 4095));
    }
    assert_eq!(
        refusal(&one("dev", Node::char_device(0, TIME, 4096, 1)), &options()),
        Refusal::Device(path("dev"), 4096, 1)
    );
    assert_eq!(refusal(&one("lost+found", file("")), &options()), Refusal::LostAndFound("file"));
    let mut tree = one("x/0", file(""));
    for i in 1..=65_000 {
        tree.link(path(&format!("x/{i}")), &path("x/0")).expect("free");
    }
    assert_eq!(refusal(&tree, &options()), Refusal::TooManyLinks(path("x/0"), 65_001));
    tree.remove(&path("x/65000"));
    write(&tree, &options()).is_clean();
    let empty = Tree::new(TIME);
    let few = Options { inodes: Inodes::Count(10), ..options() };
    assert_eq!(refusal(&empty, &few), Refusal::TooFewInodes { needed: 11, given: 10 });
    let odd = Options { block_size: 512, ..options() };
    assert_eq!(refusal(&empty, &odd), Refusal::BlockSize(512));
    let huge = fixed(u64::MAX);
    assert!(matches!(refusal(&empty, &huge), Refusal::TooLarge(_)));
    let huge = Options { size: Size::Auto { reserve: u64::MAX }, ..options() };
    assert!(matches!(refusal(&empty, &huge), Refusal::TooLarge(_)));
    assert!(matches!(refusal(&empty, &fixed(0)), Refusal::TooSmall { .. }));
}

#[test]
fn unusual_numbers_are_clean() {
    let tree = filled(2 * MIB);
    let base = fixed(200 * MIB);
    for options in [
        Options { journal: Journal::Off, ..base.clone() },
        Options { journal: Journal::Size(64 * MIB), ..base.clone() },
        Options { growable: false, ..base.clone() },
        Options { inodes: Inodes::Count(60_000), ..base.clone() },
        Options { inodes: Inodes::Ratio(1), block_size: 1024, ..base.clone() },
        Options { inodes: Inodes::Count(12), block_size: 1024, ..base.clone() },
        Options { label: b"sixteen bytes...".to_vec(), reserved_percent: 50, ..base.clone() },
        Options { hash_seed: Guid::new(0), time: Time::from_seconds(-1), ..base.clone() },
        // Last groups of every length that is odd.
        fixed(128 * MIB + 4 * KIB),
        fixed(128 * MIB + 5 * MIB),
        fixed(256 * MIB - 4 * KIB),
        fixed(40 * GIB + 12345),
        // More than 2^32 blocks of 1 KiB cannot be; 300 GiB of 4 KiB have 2400 groups.
        fixed(300 * GIB),
        Options { block_size: 1024, ..fixed(20 * GIB) },
    ] {
        write(&tree, &options).is_clean();
    }
}

#[test]
fn metadata_that_nothing_uses_is_not_written() {
    use std::os::unix::fs::MetadataExt;
    let image = write(&filled(MIB), &fixed(300 * GIB));
    let written = image.path.metadata().expect("there").blocks() * 512;
    assert!(written < 10 * MIB, "{written} bytes");
}

#[test]
fn resize2fs_grows_it_and_shrinks_it() {
    let Some(resize2fs) = tool("resize2fs") else { return };
    let tree = sample();
    for (block_size, growable) in [(1024, true), (4096, true), (4096, false)] {
        let options = Options { block_size, growable, ..options() };
        let image = write(&tree, &options);
        for size in ["100M", "1G", "3000M", "200M"] {
            Command::new(&resize2fs).arg("-f").arg(&image.path).arg(size).run().expect("resized");
            image.is_clean();
        }
        assert_same(&image, &tree);
    }
}
