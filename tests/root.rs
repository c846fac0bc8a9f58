//! Root filesystems from every source: the same bytes whatever a tree came from, a spec as good as flags,
//! and a program that is all of userspace.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;
use bootwright::compress::{Format, compress};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::workbench::{bootwright, image, init, is_ready, judge, run, scratch, stderr, text};

/// A system as a directory: a program, a link, a hard link, and a file that is not everybody's.
fn system(folder: &Path) -> PathBuf {
    let root = folder.join("system");
    fs::create_dir_all(root.join("sbin")).expect("made");
    fs::create_dir_all(root.join("etc/empty")).expect("made");
    fs::copy(init(), root.join("sbin/init")).expect("copied");
    fs::write(root.join("etc/motd"), "hello\n").expect("written");
    fs::hard_link(root.join("etc/motd"), root.join("etc/issue")).expect("linked");
    symlink("../etc/motd", root.join("sbin/link")).expect("linked");
    shell(
        &root,
        "chmod -R u=rwX,go=rX . && chmod 640 etc/motd && find . -exec touch -h -d @1234567890 {} +",
    );
    root
}

fn shell(folder: &Path, script: &str) {
    let script = format!("cd \"$1\" && {script}");
    Command::new("sh").args(["-ec", &script, "sh"]).arg(folder).run().expect("it works");
}

/// A container image of one layer, as an archive.
fn container(folder: &Path, layer: &Path, config: &Value) -> PathBuf {
    let layout = folder.join("layout");
    let blobs = layout.join("blobs/sha256");
    fs::create_dir_all(&blobs).expect("made");
    let blob = |bytes: &[u8]| {
        let hex: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
        fs::write(blobs.join(&hex), bytes).expect("written");
        json!({ "digest": format!("sha256:{hex}"), "size": bytes.len() })
    };
    let layer = blob(&fs::read(layer).expect("there"));
    let config = json!({
        "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": { "type": "layers", "diff_ids": [layer["digest"]] },
    });
    let config = blob(config.to_string().as_bytes());
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    let manifest = blob(manifest.to_string().as_bytes());
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(layout.join("index.json"), index.to_string()).expect("written");
    fs::write(layout.join("oci-layout"), r#"{"imageLayoutVersion": "1.0.0"}"#).expect("written");
    shell(&layout, "tar -cf ../container.tar *");
    folder.join("container.tar")
}

#[test]
fn the_same_tree_gives_the_same_image_whatever_it_came_from() {
    if !is_ready(Need::IMAGE, &["tar", "cpio", "e2fsck"]) {
        return;
    }
    let folder = scratch();
    let root = system(folder.path());
    shell(&root, "tar --numeric-owner --owner 0 --group 0 -czf ../system.tar.gz .");
    shell(&root, "tar --numeric-owner --owner 0 --group 0 -cf ../system.tar .");
    shell(&root, "find . | LC_ALL=C sort -r | cpio --quiet -o -H newc -R 0:0 > ../system.cpio");
    let container = container(folder.path(), &folder.path().join("system.tar"), &json!({}));
    let at = |name: &str| folder.path().join(name);
    let build = |source: &Path| {
        let path = at("x.img");
        let args = ["--root", text(source), "--root-init", "/sbin/init", "--json"];
        let said = image(&path, &args).run().expect("it builds");
        let said: Value = serde_json::from_slice(&said).expect("JSON");
        assert_eq!(said["root"]["userspace"], "its own /sbin/init");
        assert_eq!(said["root"]["added"], json!(["/dev", "/proc", "/run", "/sys", "/tmp"]));
        fs::read(&path).expect("written")
    };
    let first = build(&root);
    for source in [at("system.tar.gz"), at("system.cpio"), container] {
        assert!(build(&source) == first, "{} gives other bytes", text(&source));
    }
    let partition = at("root.ext4");
    crate::workbench::partition(&at("x.img"), 2, &partition);
    judge("e2fsck", &["-fn", text(&partition)]);
    let stat = judge("debugfs", &["-R", "stat /etc/motd", text(&partition)]);
    assert!(stat.contains("Mode:  0640") && stat.contains("Links: 2"), "{stat}");
    // A manifest has no times but those of its files.
    shell(&root, "find . -exec touch -h -d @0 {} +");
    let manifest = at("system.manifest");
    bootwright(&["tree", "convert", text(&root), text(&manifest)]).run().expect("written");
    assert!(build(&manifest) == build(&root), "a manifest gives other bytes");
}

/// The archive of a Debian package (ar(5)) of these members.
fn package(path: &Path, members: &[(&str, Vec<u8>)]) {
    let mut bytes = b"!<arch>\n".to_vec();
    for (name, content) in members {
        let len = content.len();
        bytes.extend(format!("{name:16}{:12}{:6}{:6}{:8}{len:<10}`\n", 0, 0, 0, 100_644).bytes());
        bytes.extend(content);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
    }
    fs::write(path, bytes).expect("written");
}

/// The archive that `docker save` makes of an image of one layer.
fn docker(folder: &Path) {
    let manifest = json!([{ "Config": "config.json", "RepoTags": [], "Layers": ["system.tar"] }]);
    fs::write(folder.join("manifest.json"), manifest.to_string()).expect("written");
    let config = json!({ "architecture": "amd64", "os": "linux", "config": {} });
    fs::write(folder.join("config.json"), config.to_string()).expect("written");
    shell(folder, "tar -cf docker.tar manifest.json config.json system.tar");
}

#[test]
fn every_source_that_keeps_times_gives_the_same_filesystems() {
    if !is_ready(&[], &["tar", "gzip", "xz", "bzip2", "mksquashfs", "mkfs.erofs", "mke2fs"]) {
        return;
    }
    let folder = scratch();
    let root = system(folder.path());
    // With holes, and zeros that are none.
    shell(
        &root,
        "truncate -s 1M etc/holes; printf x >> etc/holes; cp --sparse=never etc/holes etc/zeros",
    );
    shell(&root, "find . -exec touch -h -d @1234567890 {} +");
    let tar = "tar --numeric-owner --owner 0 --group 0";
    for (letter, end) in [("", ""), ("z", ".gz"), ("J", ".xz"), ("j", ".bz2")] {
        shell(&root, &format!("{tar} -S -c{letter}f ../system.tar{end} ."));
    }
    shell(&root, &format!("{tar} --format=posix -cf ../system-pax.tar ."));
    shell(&root, "mksquashfs . ../theirs.squashfs -all-root -no-progress -quiet");
    shell(&root, "mkfs.erofs --quiet --all-root ../theirs.erofs .");
    let at = |name: &str| folder.path().join(name);
    let layer = fs::read(at("system.tar")).expect("there");
    let packed = compress(Format::Zstd, 3, &layer).expect("the level is one");
    fs::write(at("system.tar.zst"), packed).expect("written");
    docker(folder.path());
    fs::rename(container(folder.path(), &at("system.tar"), &json!({})), at("oci.tar"))
        .expect("moved");
    shell(folder.path(), "printf 'Package: x\\n' > control && tar -czf control.tar.gz control");
    let control = fs::read(at("control.tar.gz")).expect("there");
    let members =
        [("debian-binary", b"2.0\n".to_vec()), ("control.tar.gz", control), ("data.tar", layer)];
    package(&at("x.deb"), &members);
    for ours in ["ours.tar", "ours.ext4", "ours.squashfs", "ours.erofs"] {
        bootwright(&["tree", "convert", text(&root), text(&at(ours))]).run().expect("written");
    }
    for end in ["ext4", "squashfs", "erofs", "tar"] {
        let target = at("target").with_extension(end);
        let convert = |source: &Path| {
            let mut convert = bootwright(&["tree", "convert", text(source), text(&target)]);
            if source.extension().is_some_and(|end| end == "deb") {
                // It is merged into /usr otherwise, as Debian is.
                convert = convert.arg("--split-usr");
            }
            convert.run().expect("written");
            fs::read(&target).expect("there")
        };
        let first = convert(&root);
        for source in [
            "system.tar",
            "system.tar.gz",
            "system.tar.xz",
            "system.tar.bz2",
            "system.tar.zst",
            "system-pax.tar",
            "oci.tar",
            "layout",
            "docker.tar",
            "x.deb",
            "theirs.squashfs",
            "theirs.erofs",
            "ours.tar",
            "ours.ext4",
            "ours.squashfs",
            "ours.erofs",
        ] {
            assert!(convert(&at(source)) == first, "{source} gives another {end}");
        }
    }
}

#[test]
fn the_spec_of_the_manual_is_built_and_is_what_the_flags_say() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let manual = Path::new(env!("CARGO_MANIFEST_DIR")).join("doc/spec.md");
    let manual = fs::read_to_string(manual).expect("there");
    let example = manual.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
    let folder = scratch();
    let root = system(folder.path());
    fs::create_dir(folder.path().join("overlay")).expect("made");
    fs::write(folder.path().join("overlay/app"), "#!/sbin/init\n").expect("written");
    shell(folder.path(), "chmod 755 overlay overlay/app; touch -d @1234567890 overlay overlay/app");
    shell(&root, "tar -cf ../debian.tar .");
    fs::copy(init(), folder.path().join("bootwright-init")).expect("copied");
    let spec = folder.path().join("image.toml");
    fs::write(&spec, example.expect("the manual has an example")).expect("written");
    let output = run(&bootwright(&["build", "--offline", "--no-lint"]).arg(&spec));
    assert!(output.status.success(), "{}", stderr(&output));
    let by_flags = folder.path().join("flags.img");
    let at = |name: &str| text(&folder.path().join(name)).to_owned();
    let (tar, overlay) = (at("debian.tar"), at("overlay"));
    let args = [
        "--no-lint",
        "--size",
        "96M",
        "--esp-size",
        "auto+4M",
        "--seed",
        "lab",
        "--root",
        &tar,
        "--root",
        &overlay,
        "--on-conflict",
        "replace",
        "--exclude",
        ".git",
        "--root-run",
        "/app --verbose",
        "--root-size",
        "auto+32M",
        "--write",
        "/etc/hostname:lab",
        "--chmod",
        "0644:/etc/motd",
        "--remove",
        "/sbin/link",
        "--append",
        "quiet",
        "--append",
        "panic=10",
        "--menu-timeout",
        "1",
    ];
    image(&by_flags, &args).run().expect("it builds");
    let by_spec = fs::read(folder.path().join("lab.img")).expect("where the spec says");
    assert!(by_spec == fs::read(&by_flags).expect("written"), "the images differ");
}

#[test]
fn a_spec_that_is_wrong_is_refused_with_line_and_column() {
    let folder = scratch();
    let spec = folder.path().join("image.toml");
    fs::write(&spec, "[root]\nsource = [\"x\"]\n").expect("written");
    let output = run(&bootwright(&["build", "--offline"]).arg(&spec));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("image.toml: line 2, column 1: unknown field `source`"), "{said}");
}

#[test]
fn a_root_on_which_nothing_can_run_is_refused() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    let root = folder.path().join("root");
    fs::create_dir(&root).expect("made");
    let path = folder.path().join("x.img");
    let output = run(&image(&path, &["--root", text(&root)]));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("has no init") && said.contains("--root-init"), "{said}");
    assert!(!path.exists());
}

#[test]
fn a_container_boots_as_its_user_in_its_folder() {
    if !is_ready(&[Need::IMAGE, Need::BOOT].concat(), &["tar"]) {
        return;
    }
    let options = Options { offline: true, ..Options::default() };
    let assets = Assets::resolve(Need::IMAGE, &options, &mut |_| {}).expect("is_ready has looked");
    let folder = scratch();
    let root = folder.path().join("root");
    fs::create_dir_all(root.join("bin")).expect("made");
    fs::create_dir(root.join("etc")).expect("made");
    fs::copy(assets.busybox().expect("resolved"), root.join("bin/busybox")).expect("copied");
    symlink("busybox", root.join("bin/sh")).expect("linked");
    fs::write(root.join("etc/passwd"), "web:x:33:34::/srv:/bin/sh\n").expect("written");
    fs::write(root.join("etc/group"), "web:x:34:\nlogs:x:4:web\n").expect("written");
    fs::write(root.join("etc/hostname"), "crate\n").expect("written");
    shell(&root, "tar --numeric-owner --owner 0 --group 0 -cf ../layer.tar .");
    let script = "echo \"I am $(busybox id -u):$(busybox id -G | busybox tr ' ' +) in $PWD on \
                  $(busybox hostname), $GREETING\"; exit 7";
    let config = json!({
        "User": "web", "WorkingDir": "/srv/data", "Env": ["GREETING=hello", "PATH=/bin"],
        "Entrypoint": ["sh", "-c"], "Cmd": [script],
    });
    let container = container(folder.path(), &folder.path().join("layer.tar"), &config);
    let path = folder.path().join("x.img");
    let args = ["--root", text(&container), "--boot", "--accel", "tcg", "--json"];
    let output = run(&image(&path, &args));
    let said: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|e| panic!("no JSON ({e}): {}", stderr(&output)));
    assert_eq!(said["boot"]["verdict"]["outcome"], "booted", "{said:#}");
    let log = fs::read(folder.path().join("x.img.boot/serial.log")).expect("kept");
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("I am 33:34+4 in /srv/data on crate, hello"), "{log}");
    assert!(log.contains("/bin/sh has ended with status 7"), "{log}");
}
