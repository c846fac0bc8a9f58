//! Roots that are packed, and roots that fill a disk: what is on the partition, and that it boots.

use std::fs;
use std::path::Path;

use bootwright::assets::Need;
use serde_json::Value;

use crate::workbench::{image, is_ready, judge, partition, scratch, text};

/// Builds an image, and returns what is said of it.
fn built(path: &Path, args: &[&str]) -> Value {
    let args = [args, &["--json"]].concat();
    serde_json::from_slice(&image(path, &args).run().expect("it builds")).expect("JSON")
}

#[test]
fn a_packed_root_is_what_its_own_tool_reads() {
    if !is_ready(Need::IMAGE, &["unsquashfs", "fsck.erofs", "sgdisk"]) {
        return;
    }
    let folder = scratch();
    let (path, root) = (folder.path().join("x.img"), folder.path().join("root"));
    let judges: [(&str, &str, &[&str]); 2] =
        [("squashfs", "unsquashfs", &["-lln"]), ("erofs", "fsck.erofs", &[])];
    for (kind, name, args) in judges {
        let said = built(&path, &["--root-fs", kind]);
        assert_eq!(said["layout"]["partitions"][1]["filesystem"], kind);
        let arguments = said["arguments"].as_str().expect("a text");
        let wanted = format!("rootfstype={kind} ro systemd.volatile=overlay");
        assert!(arguments.contains(&wanted), "{arguments}");
        let modules = said["modules"].to_string();
        assert!(modules.contains(kind) && modules.contains("overlay"), "{modules}");
        assert!(judge("sgdisk", &["-v", text(&path)]).contains("No problems found"));
        partition(&path, 2, &root);
        judge(name, &[args, &[text(&root)]].concat());
    }
}

#[test]
fn an_iso_has_the_packed_root_that_is_asked_for() {
    if !is_ready(Need::IMAGE, &["xorriso"]) {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.iso");
    // The lints, which look for what GRUB looks for, let it pass.
    let said = built(&path, &["--format", "iso", "--no-bios", "--root-fs", "erofs"]);
    let arguments = said["arguments"].as_str().expect("a text");
    assert!(arguments.contains("rootimage=/boot/root.erofs"), "{arguments}");
    assert_eq!(said["lint"]["findings"], serde_json::json!([]));
    let listing = judge("xorriso", &["-no_rc", "-indev", text(&path), "-find", "/boot"]);
    assert!(listing.contains("'/boot/root.erofs'"), "{listing}");
}

#[test]
fn a_root_fills_a_disk_of_known_size_and_a_packed_one_does_not() {
    if !is_ready(Need::IMAGE, &["e2fsck", "sgdisk"]) {
        return;
    }
    let folder = scratch();
    let (path, root) = (folder.path().join("x.img"), folder.path().join("root"));
    let (whole, mib) = (200 << 20, 1 << 20);
    let rest = |said: &Value| {
        let root = &said["layout"]["partitions"][1];
        let end = root["offset"].as_u64().expect("there") + root["size"].as_u64().expect("there");
        whole - end
    };
    let said = built(&path, &["--size", "200M"]);
    assert_eq!(said["layout"]["size"], whole);
    assert!(rest(&said) <= mib, "{said}");
    assert!(judge("sgdisk", &["-v", text(&path)]).contains("No problems found"));
    partition(&path, 2, &root);
    judge("e2fsck", &["-fn", text(&root)]);
    for args in [&["--root-size", "auto+8M"][..], &["--root-fs", "erofs"]] {
        let said = built(&path, &[&["--size", "200M"], args].concat());
        assert!(rest(&said) > 100 * mib, "{said}");
    }
}

#[test]
fn a_disk_and_an_iso_share_a_root_from_standard_input() {
    if !is_ready(&[Need::IMAGE, Need::ISO].concat(), &["tar", "unsquashfs", "xorriso"]) {
        return;
    }
    let folder = scratch();
    let system = folder.path().join("system");
    fs::create_dir_all(system.join("sbin")).expect("made");
    fs::copy(crate::workbench::init(), system.join("sbin/init")).expect("copied");
    fs::write(system.join("motd"), "hello\n").expect("written");
    let tar = folder.path().join("system.tar");
    judge("tar", &["-C", text(&system), "-cf", text(&tar), "."]);
    let path = folder.path().join("x.img");
    let command = image(&path, &["--root", "-", "--format", "raw", "--format", "iso"]);
    command.run_with_input(&fs::read(&tar).expect("there")).expect("both are built");
    let (iso, packed) = (folder.path().join("x.iso"), folder.path().join("root.squashfs"));
    let extract = ["-osirrox", "on", "-indev", text(&iso), "-extract", "/boot/root.squashfs"];
    judge("xorriso", &[&["-no_rc"], &extract[..], &[text(&packed)]].concat());
    assert_eq!(judge("unsquashfs", &["-cat", text(&packed), "motd"]), "hello\n");
    let root = folder.path().join("root");
    partition(&path, 2, &root);
    assert_eq!(judge("debugfs", &["-R", "cat /motd", text(&root)]), "hello\n");
}
