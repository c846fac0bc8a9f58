//! Real boots under TCG: the demo as far as `userspace-ready`, and images that are broken in one way
//! each, which must end in the right outcome well before the time is up.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bootwright::assets::Need;
use bootwright::command::{Command, Output};
use serde_json::Value;

use crate::workbench::{
    bootwright, copy_of_demo, demo, image, is_ready, judge, partition, run, scratch, stderr, text,
};

/// Long enough for a busy machine; what a broken image may take is a third of it.
const TIMEOUT: Duration = Duration::from_secs(300);

fn is_bootable() -> bool {
    is_ready(&[Need::IMAGE, Need::BOOT].concat(), &["mcopy", "mdel", "cpio", "e2fsck"])
}

fn boot(image: &Path, run: &Path, args: &[&str]) -> Command {
    bootwright(&["boot", "--offline", "--accel", "tcg", "--json"])
        .args(["--timeout", &TIMEOUT.as_secs().to_string()])
        .arg("--run-dir")
        .arg(run)
        .arg(image)
        .args(args.iter().copied())
}

fn report_of(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stdout);
    serde_json::from_str(&said)
        .unwrap_or_else(|e| panic!("no JSON ({e}): {said}{}", stderr(output)))
}

/// The report of a boot, with how to repeat it should the test fail.
fn report(output: &Output) -> Value {
    let report = report_of(output);
    eprintln!("by hand: {}", report["command"].as_str().unwrap_or_default());
    report
}

#[test]
fn the_demo_boots_to_userspace_and_stays_as_it_is() {
    if !is_bootable() {
        return;
    }
    let (folder, before) = (scratch(), fs::read(demo()).expect("built"));
    let output = run(&boot(demo(), folder.path(), &[]));
    let report = report(&output);
    assert_eq!(report["verdict"]["outcome"], "booted", "{report:#}");
    assert_eq!(output.status.code(), Some(0));
    let milestones = report["timeline"]["milestones"].as_array().expect("a list");
    let names: Vec<_> = milestones.iter().filter_map(|m| m["milestone"].as_str()).collect();
    for name in [
        "firmware-started",
        "loader-running",
        "efi-stub",
        "kernel-started",
        "initramfs-unpacked",
        "init-run",
        "root-mounted",
        "switch-root",
        "userspace-ready",
    ] {
        assert!(names.contains(&name), "no {name} in {names:?}");
    }
    assert!(folder.path().join("serial.log").is_file());
    assert!(fs::read(demo()).expect("there") == before, "the boot changed the image");
}

#[test]
fn an_image_that_keeps_its_writes_boots_twice() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let copy = copy_of_demo(folder.path());
    for _ in 0..2 {
        let output = run(&boot(&copy, &folder.path().join("run"), &["--persist"]));
        assert_eq!(report(&output)["verdict"]["outcome"], "booted");
    }
    assert!(
        fs::read(&copy).expect("there") != fs::read(demo()).expect("there"),
        "nothing was kept"
    );
    let root = folder.path().join("root");
    partition(&copy, 2, &root);
    judge("e2fsck", &["-fn", text(&root)]);
}

/// Boots an image that must not boot; the report, which names the outcome.
fn fails(image: &Path, folder: &Path, outcome: &str) -> Value {
    let started = Instant::now();
    let output = run(&boot(image, &folder.join("run"), &[]));
    let report = report(&output);
    assert_eq!(report["verdict"]["outcome"], outcome, "{report:#}");
    assert_eq!(output.status.code(), Some(1));
    assert!(started.elapsed() < TIMEOUT / 3, "it took {:?}", started.elapsed());
    report
}

#[test]
fn without_a_loader_the_firmware_finds_none() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let copy = copy_of_demo(folder.path());
    judge("mdel", &["-i", &format!("{}@@1M", text(&copy)), "::/EFI/BOOT/BOOTX64.EFI"]);
    fails(&copy, folder.path(), "no-loader");
}

#[test]
fn without_a_kernel_the_loader_fails() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let copy = copy_of_demo(folder.path());
    judge("mdel", &["-i", &format!("{}@@1M", text(&copy)), "::/EFI/BOOT/vmlinuz"]);
    let report = fails(&copy, folder.path(), "loader-failed");
    assert_eq!(report["explanation"]["findings"][0]["id"], "grub-kernel-not-found");
    let message = report["verdict"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("/EFI/BOOT/vmlinuz") && message.contains("not found"), "{message}");
}

#[test]
fn a_truncated_kernel_is_the_loaders_failure() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let copy = copy_of_demo(folder.path());
    let disk = format!("{}@@1M", text(&copy));
    let kernel = folder.path().join("vmlinuz");
    judge("mcopy", &["-n", "-i", &disk, "::/EFI/BOOT/vmlinuz", text(&kernel)]);
    let bytes = fs::read(&kernel).expect("copied out");
    fs::write(&kernel, &bytes[..10_000]).expect("written");
    judge("mcopy", &["-o", "-i", &disk, text(&kernel), "::/EFI/BOOT/vmlinuz"]);
    fails(&copy, folder.path(), "loader-failed");
}

#[test]
fn a_wrong_root_is_not_found_and_those_that_exist_are_listed() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("wrong.img");
    image(&path, &["--no-lint", "--append", "root=PARTLABEL=nowhere"]).run().expect("it builds");
    let report = fails(&path, folder.path(), "root-not-found");
    assert_eq!(report["explanation"]["findings"][0]["id"], "initramfs-root-not-found");
    let log = fs::read(folder.path().join("run/serial.log")).expect("kept");
    let log = String::from_utf8_lossy(&log);
    assert!(log.contains("slim-rootfs"), "the partitions that exist are not listed:\n{log}");
}

/// An image whose initramfs holds just this, as cpio packs it.
fn image_with_initramfs(folder: &Path, init_mode: Option<&str>) -> std::path::PathBuf {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("dev")).expect("created");
    if let Some(mode) = init_mode {
        fs::copy(crate::workbench::init(), tree.join("init")).expect("copied");
        Command::new("chmod").arg(mode).arg(tree.join("init")).run().expect("chmod");
    }
    let (archive, path) = (folder.join("initramfs.img"), folder.join("bad.img"));
    let script = "cd \"$1\" && find . | cpio --quiet -o -H newc | gzip > \"$2\"";
    Command::new("sh").args(["-c", script, "sh"]).arg(&tree).arg(&archive).run().expect("packed");
    image(&path, &["--no-lint", "--initramfs", text(&archive)]).run().expect("it builds");
    path
}

#[test]
fn an_initramfs_without_init_fails() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = image_with_initramfs(folder.path(), None);
    let report = fails(&path, folder.path(), "init-failed");
    let log = fs::read(folder.path().join("run/serial.log")).expect("kept");
    assert!(String::from_utf8_lossy(&log).contains("Kernel panic - not syncing"), "{report:#}");
}

#[test]
fn an_init_that_is_not_executable_fails() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = image_with_initramfs(folder.path(), Some("644"));
    let report = fails(&path, folder.path(), "init-failed");
    assert_eq!(report["verdict"]["errno"], 13, "{report:#}");
}

#[test]
fn a_qemu_that_cannot_start_is_no_answer() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let output = run(&boot(demo(), folder.path(), &["--memory", "900P"]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn an_interrupt_that_reaches_qemu_too_is_no_verdict() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    // As Ctrl-C on a terminal, `timeout` signals the whole process group; TCG's firmware takes longer.
    let timeout = Command::new("timeout").args(["--preserve-status", "-s", "INT", "1"]);
    let command = boot(demo(), folder.path(), &[]);
    let output = run(&timeout.arg(command.program()).args(command.arguments().iter().cloned()));
    assert_eq!(report(&output)["verdict"]["outcome"], "interrupted");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_folder_of_a_run_that_goes_on_is_not_written_into() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let lock = fs::File::open(folder.path()).expect("there");
    lock.lock().expect("locked");
    let output = run(&boot(demo(), folder.path(), &[]));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("another boot is using it"), "{}", stderr(&output));
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
}

#[test]
fn an_image_and_its_boot_are_one_json_object() {
    if !is_bootable() {
        return;
    }
    let folder = scratch();
    let path = folder.path().join("x.img");
    let output = run(&image(&path, &["--json", "--boot", "--accel", "tcg"]));
    let report = report_of(&output);
    assert_eq!(report["written"], true);
    assert_eq!(report["boot"]["verdict"]["outcome"], "booted", "{report:#}");
    // What it was booted with is left beside it.
    assert!(folder.path().join("x.img.boot/qemu.sh").is_file());
}
