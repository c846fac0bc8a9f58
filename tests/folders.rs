//! Folders and manifests appear whole or not at all: after a failure, an interrupt, a second try.

use std::fs;
use std::path::Path;

use bootwright::command::Command;

use crate::workbench::{bootwright, run, scratch, stderr, text};

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("there").flatten();
    let mut names: Vec<_> = entries.map(|e| e.file_name().to_string_lossy().into()).collect();
    names.sort();
    names
}

/// An initramfs of many files, of folders that nobody may write, and of these.
fn initramfs(folder: &Path, files: &[&str]) {
    let source = scratch();
    for number in 0..1500 {
        let place = source.path().join(format!("{}/{number}", number % 40));
        fs::create_dir_all(place.parent().expect("a parent")).expect("made");
        fs::write(place, vec![b'x'; 5000]).expect("written");
    }
    for file in files {
        fs::write(source.path().join(file), file).expect("written");
    }
    let pack = bootwright(&["tree", "convert", text(source.path())]);
    let output = run(&pack.arg(folder.join("initramfs.cpio")));
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The verbs that write folders, run in this one.
fn writers(folder: &Path) -> [Command; 3] {
    let archive = folder.join("initramfs.cpio");
    [
        bootwright(&["tree", "convert", text(&archive)]).arg(folder.join("out/")),
        bootwright(&["tree", "convert", text(&archive)]).arg(folder.join("out.manifest")),
        bootwright(&["initramfs", "unpack", text(&archive)]).arg(folder.join("out")),
    ]
}

#[test]
fn an_interrupt_leaves_no_half_of_a_folder() {
    let folder = scratch();
    initramfs(folder.path(), &[]);
    for command in writers(folder.path()) {
        let mut interrupted = 0;
        for centiseconds in [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 50, 80] {
            let seconds = format!("0.{centiseconds:02}");
            let timeout =
                Command::new("timeout").args(["--preserve-status", "-s", "INT", &seconds]);
            let arguments = command.arguments().iter().cloned();
            let output = run(&timeout.arg(command.program()).args(arguments));
            if output.status.success() {
                break;
            }
            let said = stderr(&output);
            assert!(matches!(output.status.code(), Some(2 | 130)), "{seconds}: {said}");
            let left = names(folder.path());
            // An interrupt of the last moment says that everything is there.
            let is_whole = said.contains("just written");
            assert!(is_whole || left == ["initramfs.cpio"], "{seconds}: {left:?}: {said}");
            interrupted += 1;
            for name in left.iter().filter(|name| *name != "initramfs.cpio") {
                let place = folder.path().join(name);
                let _ = fs::remove_dir_all(&place).or_else(|_| fs::remove_file(place));
            }
        }
        assert!(interrupted > 0, "it is done within a hundredth of a second");
        for name in names(folder.path()).iter().filter(|name| *name != "initramfs.cpio") {
            let place = folder.path().join(name);
            fs::remove_dir_all(&place).or_else(|_| fs::remove_file(place)).expect("removed");
        }
    }
}

#[test]
fn a_limit_of_the_size_of_files_is_a_sentence() {
    let folder = scratch();
    initramfs(folder.path(), &[]);
    let archive = folder.path().join("initramfs.cpio");
    let bytes = fs::read(&archive).expect("packed");
    for target in ["out.tar", "out.ext4", "out.squashfs", "out.cpio.gz"] {
        let script = "ulimit -f 8 && exec \"$@\"";
        let shell = Command::new("sh").args(["-c", script, "sh", env!("CARGO_BIN_EXE_bootwright")]);
        let command = shell.args(["tree", "convert", text(&archive)]);
        let output = run(&command.arg(folder.path().join(target)));
        assert_eq!(output.status.code(), Some(2), "{target}: {:?}", output.status);
        assert!(stderr(&output).contains("file too large"), "{}", stderr(&output));
        assert_eq!(names(folder.path()), ["initramfs.cpio"], "{target}");
    }
    assert_eq!(fs::read(&archive).expect("there"), bytes);
}

#[test]
fn a_name_with_white_space_is_refused_before_anything_is_written() {
    let folder = scratch();
    initramfs(folder.path(), &["a b"]);
    let [_, convert, unpack] = writers(folder.path());
    for command in [convert, unpack] {
        let output = run(&command);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("`/a b` has white space"), "{}", stderr(&output));
        assert_eq!(names(folder.path()), ["initramfs.cpio"]);
    }
}

#[test]
fn a_folder_around_may_have_white_space() {
    let around = scratch();
    let folder = around.path().join("my folder");
    fs::create_dir(&folder).expect("made");
    initramfs(&folder, &["file"]);
    for command in writers(&folder).into_iter().skip(1) {
        let output = run(&command);
        assert!(output.status.success(), "{}", stderr(&output));
        let packed = folder.join("again.cpio");
        let pack = bootwright(&["tree", "convert", text(&folder.join("out.manifest"))]);
        assert!(run(&pack.arg(&packed)).status.success());
        let same = bootwright(&["tree", "diff", text(&packed), "--ignore-times"]);
        let same = run(&same.arg(folder.join("initramfs.cpio")));
        assert!(same.status.success(), "{}", String::from_utf8_lossy(&same.stdout));
    }
    assert_eq!(names(&folder).len(), 5, "{:?}", names(&folder));
}

#[test]
fn a_manifest_that_cannot_be_written_leaves_no_folder() {
    let folder = scratch();
    initramfs(folder.path(), &[]);
    let [.., unpack] = writers(folder.path());
    let output = run(&unpack.args(["--manifest", "/proc/manifest"]));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert_eq!(names(folder.path()), ["initramfs.cpio"]);
}

#[test]
fn a_manifest_is_replaced_with_its_contents() {
    let folder = scratch();
    initramfs(folder.path(), &["file"]);
    let [_, convert, _] = writers(folder.path());
    assert!(run(&convert).status.success());
    assert!(run(&convert).status.success(), "a second time");
    // Onto itself: its contents are in the folder that is replaced.
    let manifest = folder.path().join("out.manifest");
    let onto = bootwright(&["tree", "convert", text(&manifest), text(&manifest)]);
    let output = run(&onto.args(["--write", "/added:text"]));
    assert!(output.status.success(), "{}", stderr(&output));
    let listed = run(&bootwright(&["tree", "diff", text(&manifest), "--ignore-times"])
        .arg(folder.path().join("initramfs.cpio")));
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert!(listed.contains("added"), "{listed}");
}
