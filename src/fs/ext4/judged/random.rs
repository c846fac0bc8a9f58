//! Random trees, each judged by e2fsck and compared by debugfs.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

/// Names up to 255 bytes; few letters, so that parents are shared.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[abc]",
        4 => "[a-z]{1,12}",
        2 => "[a-zé]{20,120}",
        1 => "[xyz]{255}",
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let bytes = prop_oneof![0..100usize, 4000..4200usize, 0..100_000usize];
    prop_oneof![
        6 => bytes.prop_map(|len| Kind::File(vec![b'x'; len].into())),
        2 => Just(Kind::Directory),
        2 => vec(1..=255u8, 1..1000).prop_map(Kind::Symlink),
        1 => (0..4096u32, 0..0x10_0000u32).prop_map(|(major, minor)| Kind::CharDevice { major, minor }),
        1 => (0..300u32, 0..300u32).prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
        1 => Just(Kind::Fifo),
        1 => Just(Kind::Socket),
    ]
}

fn metadata() -> impl Strategy<Value = crate::tree::Metadata> {
    let time = (-(1i64 << 31)..1 << 33, 0..1_000_000_000u32)
        .prop_map(|(seconds, nanoseconds)| Time { seconds, nanoseconds });
    let xattrs = btree_map(
        "(user|trusted|security)\\.[a-z]{1,20}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..60),
        0..8,
    );
    // Whoever runs the test must be able to read what debugfs dumps.
    ((0..0o10000u16).prop_map(|mode| mode | 0o700), any::<u32>(), any::<u32>(), time, xattrs)
        .prop_map(|(mode, uid, gid, mtime, xattrs)| crate::tree::Metadata {
            mode,
            uid,
            gid,
            mtime,
            xattrs,
        })
}

/// Entries in no order, many of which cannot be placed; then hard links.
fn tree() -> impl Strategy<Value = Tree> {
    let at = || vec(name(), 1..6).prop_map(|names| names.join("/"));
    let node = (metadata(), kind()).prop_map(|(metadata, kind)| Node { metadata, kind });
    (vec((at(), node), 0..120), vec((at(), any::<prop::sample::Index>()), 0..10)).prop_map(
        |(entries, links)| {
            let mut tree = Tree::new(TIME);
            let mut placed = Vec::new();
            for (at, node) in entries {
                if tree.insert(path(&at), node).is_ok() {
                    placed.push(path(&at));
                }
            }
            for (at, existing) in links {
                if !placed.is_empty() {
                    // A directory, or a place that is taken: no link then.
                    let _ = tree.link(path(&at), existing.get(&placed));
                }
            }
            tree
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_as_it_was(
        tree in tree(),
        block_size in prop::sample::select(vec![1024, 2048, 4096]),
        reserve in 0..40_000_000u64,
        seed: u128,
    ) {
        let options = Options {
            block_size,
            size: Size::Auto { reserve },
            hash_seed: Guid::new(seed),
            ..options()
        };
        assert_same(&write(&tree, &options), &tree);
    }
}
