//! Filesystems without room: one clear sentence, exit code 2, and everything as it was.
//!
//! They are tmpfs of a few KiB in a mount namespace of an ordinary user's own; a host may forbid those.

use std::fs;

use bootwright::assets::Need;
use bootwright::command::{Command, Output};

use crate::formats::names;
use crate::growth::{JUDGES, is_grown, is_whole};
use crate::workbench::{copy_of_demo, is_ready, run, scratch, stderr, text};

/// Runs a shell script in an empty filesystem of this size; `None` where the host lets nobody mount one.
/// The script has `$try`, which runs the program and then prints its exit code and the names that are there.
fn on_a_filesystem_of(size: &str, script: &str) -> Option<Output> {
    let unshare = |script: &str| Command::new("unshare").args(["-Urm", "sh", "-ec", script]);
    if !unshare("mount -t tmpfs none /mnt").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: this host has no user namespaces for everybody");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_bootwright");
    let script = format!(
        "mount -t tmpfs -o size={size} none /mnt; cd /mnt\n\
         try() {{ '{program}' \"$@\" >&2 && code=0 || code=$?; echo exit $code: $(ls -A); }}\n{script}"
    );
    let output = run(&unshare(&script));
    assert!(output.status.success(), "{}", stderr(&output));
    Some(output)
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Bytes that no hole has.
fn noise(len: u32) -> Vec<u8> {
    (0..len).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect()
}

#[test]
fn what_does_not_fit_is_not_begun_under_its_name() {
    let folder = scratch();
    let disk = folder.path().join("disk.img");
    fs::write(&disk, noise(4 << 20)).expect("written");
    let cases = [
        (
            "1m",
            format!("disk convert --format qcow2 '{}' out", text(&disk)),
            "no space left on device",
        ),
        (
            "3m",
            format!("disk convert --format vhdx '{}' out", text(&disk)),
            "no space left on device",
        ),
        (
            "64k",
            format!("disk convert --format ova '{}' out", text(&disk)),
            "no space left on device",
        ),
        ("8k", "seed --output out --hostname a".to_owned(), "is too full"),
        ("8k", "seed --output out --format iso --hostname a".to_owned(), "is too full"),
        ("8k", format!("overlay '{}' a --sandboxes .", text(&disk)), "no space left on device"),
    ];
    for (size, verb, why) in cases {
        let Some(output) =
            on_a_filesystem_of(size, &format!("echo good > out\ntry {verb}\nhead -c 5 out"))
        else {
            return;
        };
        assert_eq!(said(&output), "exit 2: out\ngood\n", "{verb}: {}", stderr(&output));
        let lines = stderr(&output);
        let errors: Vec<_> = lines.lines().filter(|line| line.starts_with("error: ")).collect();
        assert!(matches!(errors[..], [one] if one.contains(why)), "{verb}: {lines}");
    }
}

/// Room for so many KiB is left in the filesystem, and none more.
const FILL: &str = "dd if=/dev/zero of=filler bs=4k status=none 2>/dev/null || true; truncate -s -";

#[test]
fn a_growth_without_room_leaves_an_image_that_grows_when_there_is_some() {
    if !is_ready(Need::IMAGE, &JUDGES) {
        return;
    }
    let folder = scratch();
    let image = copy_of_demo(folder.path());
    let at = |name: &str| folder.path().join(name);
    for free in ["4k", "16k", "64k"] {
        let script = format!(
            "cp --sparse=always '{}' disk.img; {FILL}{free} filler\n\
             try disk grow disk.img +20G; cp --sparse=always disk.img '{}'\n\
             rm filler; try disk grow disk.img; cp --sparse=always disk.img '{}'",
            text(&image),
            text(&at("stopped.img")),
            text(&at("grown.img")),
        );
        let Some(output) = on_a_filesystem_of("40m", &script) else { return };
        assert_eq!(
            said(&output),
            "exit 2: disk.img filler\nexit 0: disk.img\n",
            "{}",
            stderr(&output)
        );
        assert!(stderr(&output).contains("no space left on device"), "{}", stderr(&output));
        is_whole(&at("stopped.img"), free);
        is_grown(&at("grown.img"));
    }
}

#[test]
fn a_commit_without_room_is_completed_when_there_is_some() {
    if !is_ready(&[], &["qemu-img"]) {
        return;
    }
    let folder = scratch();
    let (want, boxes) = (folder.path().join("want.img"), folder.path().join("boxes"));
    fs::write(&want, noise(8 << 20)).expect("written");
    let boxes = text(&boxes);
    let script = format!(
        "truncate -s 8M base.img; try overlay base.img a --sandboxes '{boxes}'\n\
         qemu-img convert -n -O qcow2 '{want}' '{boxes}/a/disk.qcow2'\n\
         try overlay commit a --sandboxes '{boxes}'; mount -o remount,size=16m /mnt\n\
         try overlay commit a --sandboxes '{boxes}'; cmp base.img '{want}'",
        want = text(&want),
    );
    let Some(output) = on_a_filesystem_of("4m", &script) else { return };
    let answers = "exit 0: base.img\nexit 2: base.img\nexit 0: base.img\n";
    assert_eq!(said(&output), answers, "{}", stderr(&output));
    assert!(stderr(&output).contains("no space left on device"), "{}", stderr(&output));
}

#[test]
fn a_limit_on_files_leaves_nothing() {
    let folder = scratch();
    let at = |name: &str| folder.path().join(name);
    let noise: Vec<u8> =
        (0..4u32 << 20).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    fs::write(at("disk.img"), noise).expect("written");
    fs::write(at("out.vdi"), "good").expect("written");
    for limit in [0, 1, 600, 3000, 7000] {
        // A limit of the shell's, in KiB, ends writing as a full disk does.
        let program = env!("CARGO_BIN_EXE_bootwright");
        let script = format!(
            "trap '' XFSZ; ulimit -f {}; exec '{program}' disk convert '{}' '{}'",
            limit * 1024 / 512,
            text(&at("disk.img")),
            text(&at("out.vdi")),
        );
        let output = run(&Command::new("sh").args(["-c", &script]));
        let is_whole = limit > 4096;
        assert_eq!(output.status.code(), Some(if is_whole { 0 } else { 2 }), "{}", stderr(&output));
        let bytes = fs::read(at("out.vdi")).expect("there");
        assert_eq!(bytes == b"good", !is_whole, "{limit}");
        assert_eq!(names(folder.path()), ["disk.img", "out.vdi"]);
    }
}
