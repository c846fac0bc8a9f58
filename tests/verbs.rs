//! The verbs that look at things: explain, lint, inspect, initramfs and tree, on the demo image and on
//! captured logs.

use std::fs;
use std::path::Path;

use bootwright::assets::Need;
use bootwright::command::Command;
use serde_json::Value;

use crate::workbench::{bootwright, demo, image, is_ready, judge, run, scratch, stderr, text};

fn json(args: &[&str]) -> (Option<i32>, Value) {
    let output = run(&bootwright(args));
    let said = String::from_utf8_lossy(&output.stdout);
    let value = serde_json::from_str(&said).unwrap_or_else(|e| panic!("{args:?}: {e}: {said}"));
    (output.status.code(), value)
}

/// A captured log of `tests/logs/`.
fn log(name: &str) -> String {
    let logs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs");
    text(&logs.join(name).join("console.log")).to_owned()
}

#[test]
fn a_log_is_explained_by_its_cause_and_a_healthy_one_has_none() {
    let (code, explained) = json(&["explain", "--json", &log("grub-kernel-missing")]);
    assert_eq!((code, explained["outcome"].as_str()), (Some(1), Some("failed")));
    assert_eq!(explained["findings"][0]["id"], "grub-kernel-not-found");
    let both = json(&["explain", "--json", &log("healthy-uefi-grub"), &log("grub-no-cfg")]);
    assert_eq!(both.0, Some(1), "the worse of the two");
    assert_eq!(both.1[0]["outcome"], "booted");
    assert_eq!(both.1[0]["findings"], Value::Array(Vec::new()));
}

#[test]
fn a_log_comes_from_standard_input_too() {
    let bytes = fs::read(log("healthy-uefi-grub")).expect("there");
    let said = bootwright(&["explain", "-"]).run_with_input(&bytes).expect("exit code 0");
    assert!(String::from_utf8_lossy(&said).starts_with("It booted"));
}

#[test]
fn a_shell_takes_the_completions() {
    let script = bootwright(&["completions", "bash"]).run().expect("exit code 0");
    Command::new("/bin/bash").arg("-n").run_with_input(&script).expect("bash can read it");
    assert!(String::from_utf8_lossy(&script).contains("--root-size"));
}

#[test]
fn lint_is_silent_on_the_demo_and_names_what_will_fail() {
    if !is_ready(Need::IMAGE, &["mdel"]) {
        return;
    }
    assert!(run(&bootwright(&["lint", text(demo())])).status.success());
    let folder = scratch();
    let path = folder.path().join("wrong.img");
    let refused = run(&image(&path, &["--append", "root=PARTLABEL=nowhere"]));
    assert_eq!((refused.status.code(), path.exists()), (Some(1), false));
    let unchecked = ["--append", "root=PARTLABEL=nowhere", "--no-lint"];
    image(&path, &unchecked).run().expect("it builds");
    let (code, report) = json(&["lint", "--json", text(&path)]);
    assert_eq!((code, &report["findings"][0]["id"]), (Some(1), &"root-partlabel-not-found".into()));
    let copy = crate::workbench::copy_of_demo(folder.path());
    judge("mdel", &["-i", &format!("{}@@1M", text(&copy)), "::/EFI/BOOT/vmlinuz"]);
    let (code, report) = json(&["lint", "--json", text(&copy)]);
    assert_eq!((code, &report["findings"][0]["id"]), (Some(1), &"grub-kernel-not-found".into()));
}

#[test]
fn inspect_shows_the_parts_of_the_image() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let output = run(&bootwright(&["inspect", text(demo())]));
    assert!(output.status.success());
    let said = String::from_utf8_lossy(&output.stdout);
    for part in ["slim-rootfs", "FAT16", "GRUB core image", "prefix", "initramfs"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    json(&["inspect", "--json", text(demo())]);
}

#[test]
fn an_initramfs_is_listed_and_trees_convert() {
    if !is_ready(Need::IMAGE, &["mcopy", "e2fsck"]) {
        return;
    }
    let folder = scratch();
    let packed = folder.path().join("initramfs.img");
    let disk = format!("{}@@1M", text(demo()));
    judge("mcopy", &["-n", "-i", &disk, "::/EFI/BOOT/initramfs.img", text(&packed)]);
    let listed = bootwright(&["initramfs", "ls", text(&packed)]).run().expect("listed");
    assert!(String::from_utf8_lossy(&listed).contains("lib/modules/load-order"));
    let (tar, ext4) = (folder.path().join("tree.tar"), folder.path().join("tree.ext4"));
    bootwright(&["tree", "convert", text(&packed), text(&tar)]).run().expect("converted");
    bootwright(&["tree", "convert", text(&tar), text(&ext4)]).run().expect("converted");
    judge("e2fsck", &["-fn", text(&ext4)]);
    let same = run(&bootwright(&["tree", "diff", text(&packed), text(&tar)]));
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
}

#[test]
fn an_initramfs_says_since_when_it_grew_and_by_what_from_a_pipe_too() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let build = |name: &str, driver: usize, firmware: usize| {
        let files = [
            ("lib/modules/6.1/kernel/drivers/net/virtio_net.ko", driver),
            ("usr/lib/firmware/amdgpu/a.bin", firmware),
            ("init", 10),
        ];
        for (path, len) in files {
            let path = at(name).join(path);
            fs::create_dir_all(path.parent().expect("it has one")).expect("made");
            fs::write(path, vec![b'x'; len]).expect("written");
        }
        let packed = at(&format!("{name}.img"));
        bootwright(&["initramfs", "pack", text(&at(name)), text(&packed)]).run().expect("packed");
        packed
    };
    let (before, after) = (build("before", 1000, 5000), build("after", 4000, 4500));
    let since = ["initramfs", "size", "--json", text(&after), "--since", text(&before)];
    let (code, said) = json(&since);
    assert_eq!((code, &said["since"]["growth"]), (Some(0), &Value::from(2500)));
    let group = |index: usize| {
        let group = &said["since"]["groups"][index];
        let text = |field: &str| group[field].as_str().map(str::to_owned).unwrap_or_default();
        (text("class"), text("group"), group["bytes"].as_i64())
    };
    assert_eq!(group(0), ("modules".into(), "drivers/net".into(), Some(3000)));
    assert_eq!(group(1), ("firmware".into(), "amdgpu".into(), Some(-500)));
    let alone = json(&["initramfs", "size", "--json", text(&after)]).1;
    assert_eq!(alone.get("since"), None);
    // What comes through a pipe is looked into as a file is.
    for verb in ["inspect", "initramfs ls", "initramfs size"] {
        let script = format!("cat \"$1\" | \"$2\" {verb} -");
        let shell = Command::new("sh").args(["-c", &script, "sh", text(&after)]);
        let output = run(&shell.arg(env!("CARGO_BIN_EXE_bootwright")));
        assert!(output.status.success(), "{verb}: {}", stderr(&output));
        assert!(!output.stdout.is_empty(), "{verb}");
    }
}

#[test]
fn partitions_are_trees_and_convert_to_squashfs_and_back() {
    if !is_ready(Need::IMAGE, &["unsquashfs"]) {
        return;
    }
    let folder = scratch();
    let (squashfs, ext4) = (folder.path().join("root.squashfs"), folder.path().join("root.ext4"));
    let convert = |from: &str, to: &str| {
        bootwright(&["tree", "convert", from, to]).run().expect("converted");
    };
    let esp = bootwright(&["tree", "ls", &format!("{}:1", text(demo()))]).run().expect("listed");
    assert!(String::from_utf8_lossy(&esp).contains("/EFI/BOOT/BOOTX64.EFI"));
    // The root filesystem, by itself and by the name of its partition.
    convert(text(demo()), text(&squashfs));
    convert(&format!("{}:slim-rootfs", text(demo())), text(&ext4));
    judge("unsquashfs", &["-lln", text(&squashfs)]);
    let same = run(&bootwright(&["tree", "diff", text(&squashfs), text(&ext4)]));
    assert_eq!(same.status.code(), Some(0), "{}", String::from_utf8_lossy(&same.stdout));
    let none = run(&bootwright(&["tree", "ls", &format!("{}:nothing", text(demo()))]));
    assert_eq!(none.status.code(), Some(2));
    assert!(stderr(&none).contains("there are 1 `"), "{}", stderr(&none));
}
