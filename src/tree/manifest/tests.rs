//! Manifests that are read, refused, written and read again.

use proptest::prelude::*;

use super::*;
use crate::tree::samples::path;

fn refusal(text: &str) -> String {
    read(text.as_bytes(), Path::new("/"), Time::EPOCH).expect_err("refused").to_string()
}

#[test]
fn every_kind_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("init"), "#!/bin/sh\n").expect("written");
    let text = "# a comment\n\ndir /dev 0755 0 0\n\tnod /dev/console 0600 0 5 c 5 1\n\
                nod /dev/sda 660 0 6 b 8 0\nslink /bin usr/bin 0777 0 0\npipe /p 0600 1 2\n\
                sock /s 0600 0 0\nfile /init init 0755 0 0 /sbin/init /linuxrc\n";
    let tree = read(text.as_bytes(), folder.path(), Time::from_seconds(9)).expect("reads");
    let node = |p: &str| tree.get(&path(p)).expect("there");
    assert!(matches!(node("dev/console").kind, Kind::CharDevice { major: 5, minor: 1 }));
    assert!(matches!(node("dev/sda").kind, Kind::BlockDevice { major: 8, minor: 0 }));
    assert!(matches!(&node("bin").kind, Kind::Symlink(t) if t == b"usr/bin"));
    assert_eq!((node("p").metadata.uid, node("p").metadata.gid), (1, 2));
    assert_eq!(node("s").metadata.mtime, Time::from_seconds(9));
    assert!(node("init").metadata.mtime > Time::from_seconds(9), "the file's own");
    let links = tree.iter().filter(|e| matches!(e.node.kind, Kind::File(_)));
    assert_eq!(links.map(|e| e.id).collect::<std::collections::BTreeSet<_>>().len(), 1);
}

#[test]
fn the_first_entry_tells_what_it_is() {
    assert!(is_manifest(b"# of a build\n\n  dir /dev 0755 0 0\n"));
    assert!(!is_manifest(b"directory of texts\n") && !is_manifest(b"# only a comment\n"));
}

#[test]
fn a_bad_line_is_named() {
    for (text, error) in [
        ("\nfoo /x", "line 2: `foo` is no kind of entry"),
        ("dir /x 0755 0", "line 1: write `dir NAME MODE UID GID`"),
        ("dir /x 0799 0 0", "line 1: `0799` is not an octal mode"),
        ("dir /x 0755 root 0", "line 1: `root` is not a user's number"),
        ("nod /x 0755 0 0 x 1 1", "line 1: `x` is not `b` or `c`"),
        ("dir /a/../../x 0755 0 0", "line 1: `/a/../../x` has a `..`"),
        ("slink /a b 0777 0 0\npipe /a/b 0600 0 0", "line 2: `/a` cannot hold entries"),
        ("file /x ${X}/y 0755 0 0", "line 1: variables such as `${X}/y` are not replaced"),
        ("file /x nowhere 0755 0 0", "line 1: reading /nowhere: "),
    ] {
        assert!(refusal(text).starts_with(error), "{}", refusal(text));
    }
}

#[test]
fn what_cannot_be_written_is_an_error_or_told() {
    let written = |tree: &Tree| manifest(tree, Path::new("/"), |_| PathBuf::new());
    let mut tree = Tree::new(Time::EPOCH);
    tree.insert(path("a b"), Node::directory(0o755, Time::EPOCH)).expect("free");
    let error = written(&tree).expect_err("white space");
    assert!(error.to_string().contains("`/a b` has white space"), "{error}");
    let mut node = Node::directory(0o755, Time::EPOCH);
    node.metadata.xattrs.insert(b"user.x".to_vec(), vec![1]);
    let mut tree = Tree::new(Time::EPOCH);
    tree.insert(path("a"), node).expect("free");
    let notices = written(&tree).expect("fits").notices;
    assert_eq!(notices, [Notice::Lost(path("a"), "its attribute user.x".into())]);
    tree.insert(path("b"), Node::directory(0o755, Time::from_seconds(1))).expect("free");
    let notices = written(&tree).expect("fits").notices;
    assert_eq!(notices[0], Notice::Advice(NO_TIMES));
}

#[test]
fn a_location_with_white_space_is_written_as_seen_from_the_manifest() {
    let node = Node::file(0o644, Time::EPOCH, Content::from(vec![1]));
    let mut tree = Tree::new(Time::EPOCH);
    tree.insert(path("a"), node).expect("free");
    for (location, line) in [
        ("/my folder/x/a", Some("file /a x/a 0644 0 0\n")),
        ("/folder/x/a", Some("file /a /folder/x/a 0644 0 0\n")),
        ("/my folder/my x/a", None),
        ("/other folder/a", None),
    ] {
        let written = manifest(&tree, Path::new("/my folder"), |_| location.into());
        let text = written.ok().map(|m| String::from_utf8(m.text).expect("UTF-8"));
        assert_eq!(text.as_deref(), line, "{location}");
    }
}

#[test]
fn contents_in_the_folder_that_is_replaced_are_written_again() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut tree = Tree::new(Time::EPOCH);
    for name in ["inside/a", "outside"] {
        let place = folder.path().join(name);
        std::fs::create_dir_all(place.parent().expect("a parent")).expect("made");
        std::fs::write(&place, name).expect("written");
        let content = Content::host(place).expect("there");
        tree.insert(path(name), Node::file(0o644, Time::EPOCH, content)).expect("free");
    }
    let link = path("link");
    tree.link(link, &path("inside/a")).expect("free");
    let found = loose(&tree, &folder.path().join("inside"));
    assert_eq!(found.iter().map(|e| e.path.to_string()).collect::<Vec<_>>(), ["inside/a"]);
    assert!(loose(&tree, Path::new("/nowhere")).is_empty());
}

proptest! {
    #[test]
    fn what_is_written_reads_the_same(
        entries in proptest::collection::vec(
            ("[a-c#.ä]{1,3}(/[a-c]){0,2}", 0..6u8, 0..0o10000u16, any::<u32>()), 0..12,
        ),
    ) {
        let time = Time::from_seconds(5);
        let mut tree = Tree::new(time);
        for (name, kind, mode, number) in entries {
            let Ok(at) = TreePath::new(name.as_bytes()) else { continue };
            let mut node = Node::directory(mode, time);
            (node.metadata.uid, node.metadata.gid) = (number, number / 3);
            node.kind = match kind {
                0 => Kind::Directory,
                1 => Kind::File(Content::from(name.into_bytes())),
                2 => {
                    node.metadata.mode = 0o777;
                    Kind::Symlink(b"../to".to_vec())
                }
                3 => Kind::CharDevice { major: 1, minor: number },
                4 => Kind::Fifo,
                _ => Kind::Socket,
            };
            // What does not fit stays out.
            if tree.insert(at.clone(), node).is_ok() && kind == 1 {
                let _ = tree.link(path("links").join(at.name()).expect("good"), &at);
            }
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let found = loose(&tree, folder.path());
        let place = |id| {
            let index = found.iter().position(|e| e.id == id).expect("a file of no host");
            folder.path().join(index.to_string())
        };
        for entry in &found {
            let Kind::File(content) = &entry.node.kind else { panic!("it is a file") };
            write_content(content, entry.node.metadata.mtime, &place(entry.id)).expect("new");
        }
        let written = manifest(&tree, Path::new("/"), |entry| place(entry.id)).expect("fits");
        let back = read(&written.text, Path::new("/nowhere"), time).expect("reads");
        prop_assert_eq!(back.digest().expect("reads"), tree.digest().expect("in memory"));
    }

    #[test]
    fn any_text_is_read_or_refused(
        text in "((dir|file|nod|slink|pipe|sock|#)( [/a.0-9c-]{0,6}){0,8}\n?){0,6}",
    ) {
        let _ = read(text.as_bytes(), Path::new("/nowhere"), Time::EPOCH);
    }
}
