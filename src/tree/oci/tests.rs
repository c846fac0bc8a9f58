//! Images that the tests write: layers, whiteouts, and layouts of both kinds.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Config, LayoutError, Options, is_layout, read};
use crate::compress::gzip;
use crate::tree::samples::{file, path};
use crate::tree::{Content, Kind, Node, Time, Tree, dir, tar};

fn directory() -> Node {
    Node::directory(0o755, Time::EPOCH)
}

fn tar_of(nodes: &[(&str, Node)]) -> Vec<u8> {
    let mut tree = Tree::new(Time::EPOCH);
    for (name, node) in nodes {
        tree.insert(path(name), node.clone()).expect("free");
    }
    bytes_of(&tree)
}

fn bytes_of(tree: &Tree) -> Vec<u8> {
    let mut bytes = Vec::new();
    tar::write(tree, &mut bytes).expect("writes");
    bytes
}

fn digest(bytes: &[u8]) -> String {
    let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

fn put(tree: &mut Tree, name: &str, bytes: &[u8]) {
    let node = Node::file(0o644, Time::EPOCH, Content::from(bytes.to_vec()));
    tree.replace(path(name), node).expect("free");
}

fn blob(tree: &mut Tree, bytes: &[u8]) -> Value {
    let digest = digest(bytes);
    put(tree, &format!("blobs/{}", digest.replace(':', "/")), bytes);
    json!({ "mediaType": "x", "digest": digest, "size": bytes.len() })
}

fn config(layers: &[Vec<u8>]) -> Vec<u8> {
    let ids: Vec<_> = layers.iter().map(|layer| digest(layer)).collect();
    let config = json!({
        "User": "1000:100", "Env": ["A=b"], "Entrypoint": ["/init"], "Cmd": null, "WorkingDir": "/w",
    });
    let all = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": ids },
    });
    all.to_string().into_bytes()
}

/// An OCI layout with these uncompressed layers, every second one compressed.
fn layout(layers: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    put(&mut tree, "oci-layout", br#"{"imageLayoutVersion": "1.0.0"}"#);
    let mut described = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let stored = if index % 2 == 1 { gzip(6, layer) } else { layer.clone() };
        described.push(blob(&mut tree, &stored));
    }
    let config = blob(&mut tree, &config(layers));
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": described });
    let mut manifest = blob(&mut tree, manifest.to_string().as_bytes());
    manifest["annotations"] = json!({ "org.opencontainers.image.ref.name": "latest" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    put(&mut tree, "index.json", index.to_string().as_bytes());
    tree
}

/// What `docker save` once wrote.
fn saved(layers: &[Vec<u8>]) -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    let mut names = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        put(&mut tree, &format!("{index}/layer.tar"), layer);
        names.push(format!("{index}/layer.tar"));
    }
    put(&mut tree, "config.json", &config(layers));
    let manifest = json!([{ "Config": "config.json", "RepoTags": ["d:12"], "Layers": names }]);
    put(&mut tree, "manifest.json", manifest.to_string().as_bytes());
    tree
}

fn names(tree: &Tree) -> Vec<String> {
    tree.iter().skip(1).map(|e| e.path.to_string()).collect()
}

#[test]
fn layers_are_applied_in_order_with_whiteouts() {
    let base = tar_of(&[
        ("a", file("a")),
        ("d/x", file("x")),
        ("d/y", file("y")),
        ("gone", file("")),
        ("usr/lib", directory()),
        ("lib", Node::symlink("usr/lib", Time::EPOCH)),
    ]);
    // Written by hand: a member for `lib` would replace the link.
    let top = tar::tests::archive(&[
        ("d/z", b'0', "", b"z"),
        (".wh.gone", b'0', "", b""),
        ("a/", b'5', "", b""),
        ("a/now-a-directory", b'0', "", b""),
        ("d/.wh..wh..opq", b'0', "", b""),
        ("lib/merged", b'0', "", b""),
        (".wh..wh.plnk/", b'5', "", b""),
    ]);
    let layers = [base, top];
    let wanted = ["a", "a/now-a-directory", "d", "d/z", "lib", "usr", "usr/lib", "usr/lib/merged"];
    for layout in [layout(&layers), saved(&layers)] {
        assert!(is_layout(&layout));
        let image = read(&layout, &Options::default(), &|_| ()).expect("reads");
        assert_eq!(names(&image.source.tree), wanted);
        assert_eq!(image.platform.architecture, "amd64");
        let expected = Config {
            user: "1000:100".into(),
            env: vec!["A=b".into()],
            entrypoint: vec!["/init".into()],
            working_dir: "/w".into(),
            ..Config::default()
        };
        assert_eq!(image.config, expected);
    }
}

#[test]
fn a_layout_is_read_from_a_directory_and_from_a_tar() {
    let layers = [tar_of(&[("a", file("a"))]), tar_of(&[("b", file("b"))])];
    let layout = layout(&layers);
    let whole = read(&layout, &Options::default(), &|_| ()).expect("reads").source.tree;
    let folder = tempfile::tempdir().expect("a temporary folder");
    dir::write(&layout, &folder.path().join("layout"), &|_| ()).expect("writes");
    let of_dir = dir::read(&folder.path().join("layout"), &dir::Options::default()).expect("reads");
    let of_tar = tar::read_stream(&gzip(1, &bytes_of(&layout))[..]).expect("reads");
    for source in [of_dir, of_tar] {
        let image = read(&source.tree, &Options::default(), &|_| ()).expect("reads");
        let tree = image.source.tree;
        assert_eq!(tree.digest().expect("reads"), whole.digest().expect("reads"));
    }
}

#[test]
fn the_same_tree_gives_the_same_bytes_from_every_source() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("usr/bin")).expect("made");
    std::fs::write(at("usr/bin/x"), "x").expect("written");
    std::fs::hard_link(at("usr/bin/x"), at("usr/bin/y")).expect("linked");
    std::os::unix::fs::symlink("usr/bin", at("bin")).expect("linked");
    let of_dir = dir::read(folder.path(), &dir::Options::default()).expect("reads").tree;
    let bytes = bytes_of(&of_dir);
    let of_tar = tar::read_stream(&bytes[..]).expect("reads").tree;
    let of_oci = read(&layout(std::slice::from_ref(&bytes)), &Options::default(), &|_| ())
        .expect("reads")
        .source
        .tree;
    for tree in [of_tar, of_oci] {
        assert_eq!(bytes_of(&tree), bytes);
        assert_eq!(tree.digest().expect("reads"), of_dir.digest().expect("reads"));
    }
}

fn refusal(layout: &Tree, options: &Options) -> LayoutError {
    let error = read(layout, options, &|_| ()).expect_err("refused");
    error.downcast_ref::<LayoutError>().expect("of layouts").clone()
}

#[test]
fn what_was_altered_or_is_missing_is_named() {
    let layer = tar_of(&[("a", file("a"))]);
    let name = digest(&layer);
    let place = format!("blobs/{}", name.replace(':', "/"));
    let mut altered = layout(std::slice::from_ref(&layer));
    let mut other = layer.clone();
    other[600] ^= 1;
    put(&mut altered, &place, &other);
    assert_eq!(refusal(&altered, &Options::default()), LayoutError::Altered(name.clone()));
    put(&mut altered, &place, b"short");
    let length = LayoutError::Length(name, 5, layer.len() as u64);
    assert_eq!(refusal(&altered, &Options::default()), length);
    altered.remove(&path(&place));
    assert_eq!(refusal(&altered, &Options::default()), LayoutError::Missing(place));
    assert_eq!(refusal(&Tree::new(Time::EPOCH), &Options::default()), LayoutError::NoIndex);
    let other = Options { name: Some("other".into()), architecture: None };
    let one = layout(std::slice::from_ref(&layer));
    assert_eq!(refusal(&one, &other), LayoutError::None("latest".into()));
    let right = Options { name: Some("latest".into()), architecture: Some("amd64".into()) };
    assert!(read(&one, &right, &|_| ()).is_ok());
}

#[test]
fn a_hostile_layer_is_refused_by_name() {
    for (nodes, wanted) in [
        (vec![(".wh.", file(""))], "`.wh.` is a whiteout of nothing"),
        (vec![("d/.wh..", file(""))], "`d/.wh..` is a whiteout of nothing"),
        (vec![("d/.wh...", file(""))], "`d/..` has a `..`"),
    ] {
        let error =
            read(&layout(&[tar_of(&nodes)]), &Options::default(), &|_| ()).expect_err("refused");
        assert!(error.to_string().contains(wanted), "{error}");
    }
    let out = tar_of(&[("l", Node::symlink("../../..", Time::EPOCH))]);
    let through = tar::tests::archive(&[("l/etc/passwd", b'0', "", b"x")]);
    let image = read(&layout(&[out, through]), &Options::default(), &|_| ()).expect("stays inside");
    assert_eq!(names(&image.source.tree), ["etc", "etc/passwd", "l"]);
    assert!(matches!(image.source.tree.get(&path("l")).map(|n| &n.kind), Some(Kind::Symlink(_))));
}

#[test]
fn random_json_is_read_or_refused() {
    for text in ["", "{}", "[]", "[{}]", "null", r#"{"manifests": null}"#, r#"{"manifests": []}"#] {
        for name in ["index.json", "manifest.json"] {
            let mut tree = Tree::new(Time::EPOCH);
            put(&mut tree, name, text.as_bytes());
            assert!(read(&tree, &Options::default(), &|_| ()).is_err());
        }
    }
}
