//! Archives: compressed streams, tar, Debian packages, container images, newc, whole initramfs.

use std::io::Read;

use bootwright::compress::{Ahead, Format, compress as pack};
use bootwright::initramfs::index::Index;
use bootwright::initramfs::newc::{self, Reader};
use bootwright::initramfs::{unpack, weight};
use bootwright::tree::{
    Content, Node, Section, Spool, Time, Tree, TreePath, deb as package, oci as container,
    tar as archive,
};
use bootwright::volume::Window;
use sha2::{Digest, Sha256};

/// How much is unpacked of a stream, which may be a bomb.
const UNPACKED_MAX: u64 = 4 << 20;

/// A small tree with one of everything.
pub(super) fn tree() -> Tree {
    let mut tree = Tree::new(Time::EPOCH);
    let path = |name: &str| TreePath::new(name.as_bytes()).expect("a path");
    let mut put = |name: &str, node: Node| tree.insert(path(name), node).expect("free");
    let file = |text: &str| Node::file(0o755, Time::EPOCH, Content::from(text.as_bytes().to_vec()));
    put("init", file("#!/bin/sh\n"));
    put("bin/busybox", file("\x7fELF"));
    put("bin/sh", Node::symlink(b"busybox".to_vec(), Time::EPOCH));
    put("etc/hostname", file("guest\n"));
    put("dev/console", Node::char_device(0o600, Time::EPOCH, 5, 1));
    put(&format!("long/{}", "name".repeat(40)), file(&"text ".repeat(200)));
    tree.link(path("bin/ls"), &path("bin/busybox")).expect("free");
    tree
}

/// The tree as bytes of a format.
fn written(write_fn: impl Fn(&Tree, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_fn(&tree(), &mut bytes);
    bytes
}

pub(super) fn cpio() -> Vec<u8> {
    written(|tree, bytes| assert!(newc::write(tree, bytes).is_ok()))
}

fn tarball() -> Vec<u8> {
    written(|tree, bytes| assert!(archive::write(tree, bytes).is_ok()))
}

/// In every compression, and plain.
fn in_every_format(bytes: &[u8]) -> Vec<Vec<u8>> {
    let packed = |format: &Format| pack(*format, 1, bytes).expect("the level is one");
    Format::ALL.iter().map(packed).chain([bytes.to_vec()]).collect()
}

/// Bytes as a file that can be read anywhere.
fn section(bytes: &[u8]) -> Option<Section> {
    Spool::new().and_then(|mut spool| spool.add(bytes)).ok()
}

pub(super) fn compress(input: &[u8]) {
    let read = |stream: Box<dyn Read + '_>| {
        std::io::copy(&mut stream.take(UNPACKED_MAX), &mut std::io::sink()).is_ok()
    };
    let mut ahead = Ahead::new(input);
    if let Some(format) = Format::sniff(input) {
        let _ = format.member_reader(&mut ahead).map(read);
    }
    let _ = bootwright::compress::reader(input).map(read);
}

pub(super) fn compress_seeds() -> Vec<Vec<u8>> {
    in_every_format(&cpio())
}

pub(super) fn tar(input: &[u8]) {
    let Some(section) = section(input) else { return };
    let _ = archive::entries(&section).take_while(Result::is_ok).count();
    let _ = archive::read_stream(input);
}

pub(super) fn tar_seeds() -> Vec<Vec<u8>> {
    vec![tarball(), pack(Format::Gzip, 6, &tarball()).expect("the level is one")]
}

pub(super) fn deb(input: &[u8]) {
    let Some(section) = section(input) else { return };
    let _ = package::package_of(&section, &mut None, &|_| ());
}

pub(super) fn deb_seeds() -> Vec<Vec<u8>> {
    let mut tree = Tree::new(Time::EPOCH);
    let control =
        b"Package: small\nVersion: 1\nArchitecture: amd64\nReplaces: big (<< 2)\n".to_vec();
    let path = TreePath::new(b"control").expect("a path");
    tree.insert(path, Node::file(0o644, Time::EPOCH, Content::from(control))).expect("free");
    let mut control = Vec::new();
    archive::write(&tree, &mut control).expect("it fits");
    let package = |control: &[u8], data: &[u8]| {
        let member = |name: &str, bytes: &[u8]| {
            let mut member = format!("{name:<16}{:<32}{:<10}`\n", "0", bytes.len()).into_bytes();
            member.extend(bytes);
            member.resize(member.len().next_multiple_of(2), b'\n');
            member
        };
        let parts = [
            b"!<arch>\n".to_vec(),
            member("debian-binary", b"2.0\n"),
            member("control.tar", control),
            member("data.tar", data),
        ];
        parts.concat()
    };
    let xz = |bytes: &[u8]| pack(Format::Xz, 1, bytes).expect("the level is one");
    vec![package(&control, &tarball()), package(&xz(&control), &xz(&tarball()))]
}

/// An input is texts with a NUL between them: the index, then blobs. A blob is named by `@` and its
/// number, in place of the digest that nobody could guess.
pub(super) fn oci(input: &[u8]) {
    let mut parts: Vec<Vec<u8>> = input.split(|&b| b == 0).take(10).map(<[u8]>::to_vec).collect();
    let mut layout = Tree::new(Time::EPOCH);
    let mut put = |name: &str, bytes: Vec<u8>| {
        let node = Node::file(0o644, Time::EPOCH, Content::from(bytes));
        TreePath::new(name.as_bytes()).map(|path| layout.insert(path, node)).is_ok()
    };
    for number in (0..parts.len()).rev() {
        let bytes = parts[number].clone();
        let digest = Sha256::digest(&bytes);
        let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let name = match number {
            0 => "index.json".to_owned(),
            _ => format!("blobs/sha256/{digest}"),
        };
        put(&name, bytes);
        for part in &mut parts[..number] {
            *part = replaced(part, format!("@{number}").as_bytes(), digest.as_bytes());
        }
    }
    put("oci-layout", b"{\"imageLayoutVersion\":\"1.0.0\"}".to_vec());
    put("manifest.json", parts.first().cloned().unwrap_or_default());
    let _ = container::is_layout(&layout);
    let _ = container::read(&layout, &container::Options::default(), &|_| ());
}

fn replaced(text: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(what.len()).position(|window| window == what) {
        Some(at) => [&text[..at], with, &text[at + what.len()..]].concat(),
        None => text.to_vec(),
    }
}

pub(super) fn oci_seeds() -> Vec<Vec<u8>> {
    let index = r#"{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:@1","size":262,"platform":{"architecture":"amd64","os":"linux"}}]}"#;
    let manifest = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:@2","size":126},"layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"sha256:@3","size":0}]}"#;
    let config = r#"{"architecture":"amd64","os":"linux","config":{"Entrypoint":["/init"],"Env":["A=b"]},"rootfs":{"type":"layers","diff_ids":["sha256:@3"]}}"#;
    let saved = r#"[{"Config":"blobs/sha256/@1","RepoTags":["a:b"],"Layers":["blobs/sha256/@2"]}]"#;
    let join = |parts: &[&str]| parts.join("\0").into_bytes();
    vec![join(&[index, manifest, config, ""]), join(&[saved, config, ""])]
}

pub(super) fn newc(input: &[u8]) {
    let mut reader = Reader::new(input);
    let mut wants_all = true;
    while let Ok(Some(entry)) = reader.next_entry() {
        let _ = match wants_all {
            true => reader.data(&entry),
            false => reader.head(16),
        };
        wants_all = !wants_all;
    }
    let _ = newc::unpack(input);
}

pub(super) fn newc_seeds() -> Vec<Vec<u8>> {
    vec![cpio(), Vec::new()]
}

pub(super) fn initramfs(input: &[u8]) {
    let window = Window::from(input.to_vec());
    let _ = unpack(&window);
    let Ok(index) = Index::with_digests(&window) else { return };
    let _ = (weight::weigh(&index), weight::largest(&index, 3), index.find(b"bin/sh"));
    let _ = weight::compare(&index, &index);
    for member in 0..index.members.len().min(4) {
        let _ = index.copy(&window, index.carrier(member), &mut std::io::sink());
    }
}

pub(super) fn initramfs_seeds() -> Vec<Vec<u8>> {
    let mut seeds = in_every_format(&cpio());
    seeds.push(
        [cpio(), vec![0; 8], pack(Format::Zstd, 1, &cpio()).expect("the level is one")].concat(),
    );
    seeds
}
