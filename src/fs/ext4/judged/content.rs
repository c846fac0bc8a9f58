//! What is in the tree is in the image.

use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn holes_of_the_source_do_not_matter() {
    let source = tempfile::NamedTempFile::new().expect("a file");
    source.as_file().set_len(700_000).expect("extended");
    source.as_file().write_all_at(b"island", 300_000).expect("written");
    let with = |content: Content| {
        let mut tree = Tree::new(TIME);
        tree.insert(path("f"), Node::file(0o644, TIME, content)).expect("free");
        let image = write(&tree, &options());
        image.is_clean();
        std::fs::read(&image.path).expect("there")
    };
    let sparse = Content::host(source.path()).expect("there");
    let dense = Content::from(sparse.read().expect("readable"));
    assert!(with(sparse) == with(dense));
}

#[test]
fn an_identity_of_the_contents_is_that_of_a_clean_filesystem() {
    let write = |text: &str| {
        let mut tree = sample();
        tree.insert(path("text"), file(text)).expect("free");
        let plan = plan(&tree, &options()).expect("it fits");
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("image");
        let file = File::options().create_new(true).read(true).write(true).open(&path);
        let file = file.expect("new");
        file.set_len(plan.size()).expect("room");
        let volume = Volume::new(&file, 0, plan.size());
        let uuid = plan.write_identified(&volume, &|_| ()).expect("written");
        let image = Image { folder, path };
        assert_same(&image, &tree);
        uuid
    };
    let one = write("one");
    assert_ne!(one, options().uuid);
    assert_eq!(one, write("one"));
    assert_ne!(one, write("two"));
}

#[test]
fn everything_comes_back_as_it_was() {
    let tree = sample();
    for block_size in [1024, 2048, 4096] {
        let options = Options { block_size, ..options() };
        assert_same(&write(&tree, &options), &tree);
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes() {
    let read = |image: Image| std::fs::read(&image.path).expect("there");
    assert!(read(write(&sample(), &options())) == read(write(&sample(), &options())));
}

#[test]
fn attributes_come_back() {
    let mut tree = Tree::new(TIME);
    // Where an entry has no id, debugfs shows 0, and the kernel -1.
    let acl = [2, 0, 0, 0, 1, 0, 6, 0, 0, 0, 0, 0, 2, 0, 4, 0, 232, 3, 0, 0];
    let capability = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let all: [(&str, &[u8]); 7] = [
        ("user.small", b"value"),
        ("user.empty", b""),
        ("user.large", &[7; 500]),
        ("trusted.overlay.opaque", b"y"),
        ("security.capability", &capability),
        ("security.selinux", b"system_u:object_r:bin_t:s0\0"),
        ("system.posix_acl_access", &acl),
    ];
    let mut nodes = vec![
        ("file", file("content")),
        ("directory", Node::directory(0o755, TIME)),
        ("fast", Node::symlink("target", TIME)),
        ("slow", Node::symlink(vec![b's'; 300], TIME)),
        ("null", Node::char_device(0o666, TIME, 1, 3)),
    ];
    for (i, (name, value)) in all.iter().enumerate() {
        for (_, node) in &mut nodes[..5 - i % 3] {
            node.metadata.xattrs.insert(name.as_bytes().to_vec(), value.to_vec());
        }
    }
    for (at, node) in nodes {
        tree.insert(path(at), node).expect("free");
    }
    for block_size in [1024, 4096] {
        let image = write(&tree, &Options { block_size, ..options() });
        assert_same(&image, &tree);
        for entry in tree.iter() {
            for (name, value) in &entry.node.metadata.xattrs {
                let out = image.folder.path().join("value");
                let name = String::from_utf8_lossy(name);
                let request = format!("ea_get -f {} /{} {name}", out.display(), entry.path);
                if image.debugfs(&request).is_none() {
                    return;
                }
                let seen = std::fs::read(&out).expect("debugfs wrote it");
                assert_eq!(&seen, value, "{name} of {}", entry.path);
                std::fs::remove_file(&out).expect("removed");
            }
        }
    }
}

#[test]
fn holes_stay_holes_and_sizes_over_4_gib_are_exact() {
    let source = tempfile::NamedTempFile::new().expect("a file");
    let size = (5u64 << 30) + 12345;
    source.as_file().set_len(size).expect("extended");
    // Enough islands for an extent tree of two levels in 1 KiB blocks.
    let islands: Vec<_> = (0..600).map(|i| i * (8 << 20) + i * 1000).chain([size - 5]).collect();
    for at in &islands {
        source.as_file().write_all_at(b"island", *at).expect("written");
    }
    let size = source.as_file().metadata().expect("there").len();
    let mut tree = Tree::new(TIME);
    let content = Content::host(source.path()).expect("there");
    tree.insert(path("sparse"), Node::file(0o644, TIME, content)).expect("free");
    for block_size in [1024, 4096] {
        let options = Options { block_size, ..options() };
        let image = write(&tree, &options);
        assert!(plan(&tree, &options).expect("fits").size() < 64 << 20);
        image.is_clean();
        let Some(text) = image.debugfs("stat /sparse") else { return };
        assert_eq!(stat(&String::from_utf8_lossy(&text), "Size:"), size.to_string());
        // Where debugfs finds the block of each island, the island is.
        let block_size = u64::from(block_size);
        let requests = islands.iter().map(|at| format!("bmap /sparse {}\n", at / block_size));
        let written = File::open(&image.path).expect("there");
        for (at, physical) in islands.iter().zip(image.script(requests)) {
            let block: u64 = physical.trim().parse().expect("a block");
            let mut bytes = [0; 2];
            let offset = block * block_size + at % block_size;
            written.read_exact_at(&mut bytes, offset).expect("there");
            assert_eq!(&bytes, b"is", "at {at}, in block {block}");
        }
    }
}

#[test]
fn a_directory_of_100_000_entries_is_a_tree_that_e2fsck_likes() {
    let mut tree = Tree::new(TIME);
    for i in 0..100_000 {
        tree.insert(path(&format!("many/entry-{i}")), file("")).expect("free");
    }
    for block_size in [1024, 4096] {
        let image = write(&tree, &Options { block_size, ..options() });
        image.is_clean();
        let Some(listed) = image.debugfs("ls -p /many") else { return };
        let listed = String::from_utf8_lossy(&listed).into_owned();
        assert_eq!(listed.matches("/entry-").count(), 100_000);
    }
}

#[test]
fn more_directories_than_links_can_count_are_clean() {
    let mut tree = Tree::new(TIME);
    for i in 0..65_010 {
        tree.insert(path(&format!("d/{i}")), Node::directory(0o755, TIME)).expect("free");
    }
    write(&tree, &options()).is_clean();
}

#[test]
fn lost_and_found_of_the_tree_is_the_one() {
    let mut tree = Tree::new(TIME);
    tree.insert(path("lost+found"), Node::directory(0o711, TIME)).expect("free");
    for i in 0..300 {
        tree.insert(path(&format!("lost+found/#{i:020}")), file("")).expect("free");
    }
    let image = write(&tree, &options());
    assert_same(&image, &tree);
}

#[test]
fn directories_of_every_size_around_a_block_are_clean() {
    let mut tree = Tree::new(TIME);
    for count in (55..70).chain(120..135) {
        for i in 0..count {
            tree.insert(path(&format!("{count}/name{i:04}")), file("")).expect("free");
        }
    }
    write(&tree, &Options { block_size: 1024, ..options() }).is_clean();
}

#[test]
fn leaves_that_part_names_of_one_hash_are_clean() {
    use super::super::hash::half_md4;
    let seed = options().hash_seed;
    let name = |i: usize| format!("{}{i}", "n".repeat(245));
    let mut hashes: Vec<_> =
        (0..200_000).map(|i| (half_md4(name(i).as_bytes(), seed), i)).collect();
    hashes.sort_unstable();
    let mut tree = Tree::new(TIME);
    let pairs = hashes.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    let colliding: Vec<_> = pairs.flat_map(|pair| [pair[0].1, pair[1].1]).collect();
    assert!(colliding.len() >= 8, "{colliding:?}");
    for i in colliding {
        tree.insert(path(&format!("d/{}", name(i))), file(format!("{i}"))).expect("free");
    }
    // Three of these names fit into a leaf, so every second leaf ends between two of one hash.
    let options = Options { block_size: 1024, ..options() };
    assert_same(&write(&tree, &options), &tree);
}

#[test]
fn a_file_that_changes_between_plan_and_write_is_an_error() {
    let source = tempfile::NamedTempFile::new().expect("a file");
    for len in [10, 1 << 20] {
        source.as_file().set_len(len).expect("resized");
        let mut tree = Tree::new(TIME);
        let content = Content::host(source.path()).expect("there");
        tree.insert(path("file"), Node::file(0o644, TIME, content)).expect("free");
        let options = options();
        let plan = plan(&tree, &options).expect("it fits");
        std::fs::write(source.path(), "changed").expect("written");
        let target = tempfile::tempfile().expect("a file");
        let volume = Volume::new(&target, 0, plan.size());
        let error = plan.write(&volume).expect_err("it changed").to_string();
        assert!(error.ends_with("it changed while it was being read"), "{error}");
    }
}

#[test]
fn a_partition_gets_the_bytes_that_an_image_gets() {
    let tree = sample();
    let plain = std::fs::read(write(&tree, &options()).path).expect("there");
    let options = options();
    let plan = plan(&tree, &options).expect("it fits");
    let disk = tempfile::tempfile().expect("a file");
    let offset = 1 << 20;
    disk.set_len(offset + plan.size() + offset).expect("room");
    plan.write(&Volume::new(&disk, offset, plan.size())).expect("written");
    let mut seen = vec![0; plain.len()];
    disk.read_exact_at(&mut seen, offset).expect("there");
    assert!(seen == plain);
    let short = Volume::new(&disk, 0, plan.size() - 1);
    assert!(plan.write(&short).is_err());
}
