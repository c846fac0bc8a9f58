//! Random trees, each judged by e2fsck and compared by debugfs.

use proptest::prelude::*;

use super::*;
use crate::fs::sample_trees::{deepest, random};

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_tree_comes_back_as_it_was(
        tree in random(),
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
        let image = write(&tree, &options);
        assert_same(&image, &tree);
        super::reading::is_read_back(&image, &tree);
    }
}

#[test]
fn the_longest_paths_come_back() {
    let tree = deepest();
    let image = write(&tree, &options());
    // debugfs cannot dump them: its own folder would stand before them.
    image.is_clean();
    super::reading::is_read_back(&image, &tree);
}
