//! What is special about some trees.

use std::os::unix::fs::FileExt;

use super::*;

#[test]
fn holes_and_equal_files_take_no_room() {
    let source = tempfile::NamedTempFile::new().expect("a file");
    let size = (5u64 << 30) + 12345;
    source.as_file().set_len(size).expect("extended");
    for at in [0, 1 << 30, size - 5] {
        source.as_file().write_all_at(b"island", at).expect("written");
    }
    let noise: Vec<u8> =
        (0..100_000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    let mut tree = Tree::new(TIME);
    let mut add = |at: &str, node| tree.insert(path(at), node).expect("free");
    let sparse = Content::host(source.path()).expect("there");
    add("sparse", Node::file(0o644, TIME, sparse));
    add("zeros", file(vec![0; 1 << 20]));
    add("first", file(&noise[..]));
    add("second", file(&noise[..]));
    add("other", file(noise.iter().rev().copied().collect::<Vec<_>>()));
    add("short", file(&noise[..5000]));
    add("short-too", file(&noise[..5000]));
    let image = write(&tree, &options(Compressor::Zstd));
    let len = image.path.metadata().expect("there").len();
    assert!(len < 900_000, "{len}: the noise is 400,000 bytes, twice, and 5,000");
    let listed = image.unsquashfs(&["-lln"]).unwrap_or_default();
    assert!(listed.is_empty() || listed.contains(&(size + 1).to_string()), "{listed}");
    for (at, bytes) in
        [("first", &noise[..]), ("second", &noise[..]), ("short-too", &noise[..5000])]
    {
        let Some(tool) = tool("unsquashfs") else { return };
        let run = Command::new(tool).arg("-cat").arg(&image.path).arg(at);
        assert!(run.run().expect("runs") == bytes, "{at}");
    }
}

#[test]
fn a_directory_of_100_000_entries_is_whole() {
    let mut tree = Tree::new(TIME);
    for i in 0..100_000 {
        tree.insert(path(&format!("many/entry-{i}")), file("")).expect("free");
    }
    // More than 2^15 numbers lie between this and its neighbour.
    tree.insert(path("next"), file("")).expect("free");
    let Some(listed) = write(&tree, &options(Compressor::Lz4)).unsquashfs(&["-l"]) else { return };
    assert_eq!(listed.matches("/many/entry-").count(), 100_000);
    assert!(listed.contains("squashfs-root/next"));
}

#[test]
fn attributes_are_counted_once_for_equal_sets() {
    let mut tree = Tree::new(TIME);
    for i in 0..3000 {
        let mut node = file(format!("{i}"));
        node.metadata.xattrs.insert(b"user.number".to_vec(), format!("{}", i / 2).into());
        node.metadata.xattrs.insert(b"user.large".to_vec(), vec![7; 500]);
        tree.insert(path(&format!("f{i}")), node).expect("free");
    }
    let image = write(&tree, &options(Compressor::Gzip));
    assert_same(&image, &tree);
    let Some(said) = image.unsquashfs(&["-s"]) else { return };
    assert!(said.contains("Number of xattr ids 1500"), "{said}");
}

#[test]
fn what_is_lost_is_said_and_what_is_impossible_refused() {
    let mut tree = Tree::new(TIME);
    let mut node = file("");
    node.metadata.xattrs.insert(b"system.posix_acl_access".to_vec(), vec![2, 0, 0, 0]);
    node.metadata.mtime = Time::from_seconds(-5);
    tree.insert(path("f"), node).expect("free");
    let options = options(Compressor::Zstd);
    let said: Vec<_> =
        plan(&tree, &options).expect("possible").notices.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "`/f` loses the attribute system.posix_acl_access",
            "`/f` loses its time -5: squashfs has 1970 to 2106"
        ]
    );
    assert_same(&write(&tree, &options), &tree);

    let refused = |options: &Options, node: Node| {
        let mut tree = Tree::new(TIME);
        tree.insert(path("f"), node).expect("free");
        plan(&tree, options).expect_err("not possible").to_string()
    };
    let with = |block_size, level| Options { block_size, level, ..options.clone() };
    assert_eq!(
        refused(&with(5000, 3), file("")),
        "5000 is no block size: powers of two from 4096 to 1048576 are"
    );
    assert_eq!(refused(&with(4096, 99), file("")), "zstd has the levels 1 to 22, not 99");
    assert_eq!(
        refused(&options, Node::symlink("", TIME)),
        "`/f`: a link's target has 1 to 4095 bytes and no NUL"
    );
    assert_eq!(
        refused(&options, node_of_device(4096)),
        "`/f`: there is no device 4096:0, majors end at 4095 and minors at 1048575"
    );
}

fn node_of_device(major: u32) -> Node {
    node(0o600, Kind::CharDevice { major, minor: 0 })
}

#[test]
fn a_volume_that_is_too_small_is_an_error() {
    let disk = tempfile::tempfile().expect("a file");
    let tree = sample();
    let options = options(Compressor::Lz4);
    let plan = plan(&tree, &options).expect("possible");
    assert!(plan.write(&Volume::new(&disk, 0, 1 << 16), &|_| ()).is_err());
}
