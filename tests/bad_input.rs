//! Bad input: one clear sentence with the path and the cause, exit code 2, the previous image as it
//! was, and nothing left behind.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use bootwright::assets::{Assets, Need, Options};
use bootwright::command::Command;

use crate::workbench::{bootwright, image, init, is_ready, run, scratch, stderr, text};

/// Arguments that cannot do, and what the sentence says.
struct Case {
    args: &'static [&'static str],
    says: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case { args: &["--kernel", "none"], says: &["none", "no such file or directory"] },
    Case { args: &["--kernel", "empty", "--modules", "."], says: &["empty"] },
    Case { args: &["--kernel", "cut", "--modules", "."], says: &["cut", "bytes"] },
    Case {
        args: &["--kernel", "program", "--modules", "."],
        says: &["program", "an ELF file, as vmlinux is"],
    },
    Case { args: &["--init", "none"], says: &["none", "no such file or directory"] },
    Case { args: &["--init", "program"], says: &["program", "/lib64/ld-linux-x86-64.so.2"] },
    Case { args: &["--init", "text"], says: &["text", "script"] },
    Case { args: &["--initramfs", "none"], says: &["none", "no such file or directory"] },
    Case { args: &["--busybox", "program"], says: &["program", "dynamically linked"] },
    Case { args: &["--grub-modules", "."], says: &["normal.mod"] },
    Case { args: &["--grub-modules", "grub"], says: &["grub/kernel.img", "not an ELF file"] },
    Case { args: &["--esp-size", "4M"], says: &["EFI System Partition", "4 MiB"] },
    Case { args: &["--root-size", "1M"], says: &["root filesystem", "1 MiB"] },
    Case { args: &["--size", "16M"], says: &["laying out the disk", "16 MiB"] },
    Case { args: &["--append", "a=\"b"], says: &["kernel arguments", "not closed"] },
];

/// A folder with a good image from before, and files that are not what they are given for.
fn prepared() -> tempfile::TempDir {
    let folder = scratch();
    let write =
        |name: &str, bytes: &[u8]| fs::write(folder.path().join(name), bytes).expect("written");
    write("previous.img", b"the previous image");
    write("empty", b"");
    write("text", b"#!/bin/sh\n");
    fs::create_dir(folder.path().join("grub")).expect("made");
    write("grub/normal.mod", b"");
    write("grub/kernel.img", b"GRUB");
    let options = Options { offline: true, ..Options::default() };
    let assets =
        Assets::resolve(&[Need::Kernel], &options, &mut |_| {}).expect("is_ready has looked");
    let kernel = fs::read(&assets.kernel().expect("resolved").vmlinuz).expect("readable");
    write("cut", &kernel[..100_000]);
    fs::copy(env!("CARGO_BIN_EXE_bootwright"), folder.path().join("program")).expect("copied");
    folder
}

/// Runs in the folder, so that paths are as short as in the table.
fn run_in(folder: &Path, command: &Command) -> bootwright::command::Output {
    let script = "cd \"$1\" && shift && exec \"$@\"";
    let shell = Command::new("sh").args(["-c", script, "sh"]).arg(folder).arg(command.program());
    run(&shell.args(command.arguments().iter().cloned()))
}

#[test]
fn each_mistake_is_one_sentence_and_costs_nothing() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = prepared();
    let before = names(folder.path());
    for case in CASES {
        let mut command = bootwright(&["image", "--offline", "--output", "previous.img"]);
        if !case.args.contains(&"--init") {
            command = command.arg("--init").arg(init());
        }
        let output = run_in(folder.path(), &command.args(case.args.iter().copied()));
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{:?}: {said}", case.args);
        let sentence = said.lines().next().unwrap_or_default();
        assert!(sentence.starts_with("error: "), "{:?}: {said}", case.args);
        for part in case.says {
            assert!(sentence.contains(part), "{:?}: no `{part}` in: {said}", case.args);
        }
        assert_eq!(
            fs::read(folder.path().join("previous.img")).expect("there"),
            b"the previous image"
        );
        assert_eq!(names(folder.path()), before, "{:?} left something", case.args);
    }
}

fn names(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> =
        fs::read_dir(folder).expect("there").flatten().map(|e| e.file_name()).collect();
    names.sort();
    names
}

#[test]
fn outputs_that_cannot_be_written_are_named() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    for output in ["/proc/image.img", "missing/image.img", "."] {
        let said = run(&image(&folder.path().join(output), &[]));
        assert_eq!(said.status.code(), Some(2));
        let sentence = stderr(&said);
        assert!(sentence.starts_with("error: writing "), "{sentence}");
    }
    assert_eq!(fs::read_dir(folder.path()).expect("there").count(), 0);
}

#[test]
fn odd_names_are_names() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    for name in [&b"a b.img"[..], b"new\nline.img", b"\xff\xfe.img", b"comma,=.img"] {
        let path = folder.path().join(OsStr::from_bytes(name));
        let output = run(&image(&path, &[]));
        assert!(output.status.success(), "{}", stderr(&output));
        assert!(path.is_file());
    }
}

#[test]
fn a_full_disk_is_refused_with_the_numbers() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = scratch();
    let script = "mount -t tmpfs -o size=6m none \"$1\" || exit 77; echo old > \"$1/x.img\"; shift; \
                  \"$@\"; code=$?; ls -A \"${7%/*}\" >&2; exit $code";
    let path = folder.path().join("x.img");
    let command = image(&path, &[]);
    let shell = Command::new("unshare").args(["-rm", "sh", "-c", script, "sh"]).arg(folder.path());
    let output = run(&shell.arg(command.program()).args(command.arguments().iter().cloned()));
    let said = stderr(&output);
    if output.status.code() == Some(77) || said.contains("unshare failed") {
        eprintln!("skipped: this host has no user namespaces: {said}");
        return;
    }
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.starts_with("error: writing ") && said.contains("MiB"), "{said}");
    assert!(said.trim_end().ends_with("\nx.img"), "something was left: {said}");
}

#[test]
fn an_interrupt_leaves_the_previous_image_and_nothing_else() {
    if !is_ready(Need::IMAGE, &[]) {
        return;
    }
    let folder = prepared();
    let before = names(folder.path());
    let path = folder.path().join("previous.img");
    let whole = fs::read(crate::workbench::demo()).expect("built");
    for (signal, codes) in [("INT", [2, 130]), ("TERM", [2, 143]), ("KILL", [137, 137])] {
        let mut interrupted = 0;
        for centiseconds in 1..20 {
            let command = image(&path, &[]);
            let seconds = format!("0.{centiseconds:02}");
            let timeout =
                Command::new("timeout").args(["--preserve-status", "-s", signal, &seconds]);
            let args = command.arguments().iter().cloned();
            let output = run(&timeout.arg(command.program()).args(args));
            // SIGKILL can come while a finished image has its second name; the next build removes it.
            let left = names(folder.path());
            assert!(left == before || signal == "KILL", "SIG{signal} after {seconds} s: {left:?}");
            if output.status.success() {
                break;
            }
            interrupted += 1;
            // Before the handler is there, the signal ends the process by itself.
            let code = output.status.code().unwrap_or(137);
            assert!(codes.contains(&code), "SIG{signal}: {code}: {}", stderr(&output));
            // The signal may come when the image just has its name: then it is whole.
            let left = fs::read(&path).expect("there");
            assert!(
                left == b"the previous image" || left == whole,
                "SIG{signal} after {seconds} s"
            );
        }
        assert!(interrupted > 0, "the build is done within a hundredth of a second");
        assert!(run(&image(&path, &[])).status.success());
        assert_eq!(names(folder.path()), before, "the next build leaves what SIG{signal} left");
        fs::write(&path, b"the previous image").expect("written");
    }
}

#[test]
fn a_truncated_firmware_is_named() {
    if !is_ready(&[Need::IMAGE, Need::BOOT].concat(), &[]) {
        return;
    }
    let folder = prepared();
    let (empty, demo) = (folder.path().join("empty"), crate::workbench::demo());
    let output = run(&bootwright(&["boot", "--offline", text(demo)])
        .args(["--ovmf-code", text(&empty), "--ovmf-vars", text(&empty)])
        .arg("--run-dir")
        .arg(folder.path().join("run")));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("empty"), "{}", stderr(&output));
}

#[test]
fn a_pipe_is_no_image_and_nobody_waits_for_it() {
    let folder = scratch();
    let pipe = folder.path().join("pipe");
    Command::new("mkfifo").arg(&pipe).run().expect("made");
    for verb in [
        &["disk", "info"][..],
        &["disk", "grow"],
        &["lint"],
        &["inspect"],
        &["initramfs", "ls"],
        &["tree", "ls"],
    ] {
        let program = env!("CARGO_BIN_EXE_bootwright");
        let limited = Command::new("timeout").args(["120", program]).args(verb.iter().copied());
        let output = run(&limited.arg(&pipe));
        assert_eq!(output.status.code(), Some(2), "{verb:?}: {}", stderr(&output));
        let why = "pipe: it is neither a regular file nor a block device\n";
        assert!(stderr(&output).contains(why), "{verb:?}: {}", stderr(&output));
    }
}

#[test]
fn an_image_that_is_not_there_costs_no_download() {
    let folder = scratch();
    let store = folder.path().join("store");
    let output = run(&bootwright(&["boot", "none.img"]).arg("--store").arg(&store));
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).starts_with("error: reading none.img: "), "{}", stderr(&output));
    assert!(!store.exists());
}

/// Runs with this as standard output.
fn run_to(command: &Command, stdout: Stdio) -> (Option<i32>, String) {
    let child = command.spawn(Stdio::null(), stdout, Stdio::piped()).expect("the program starts");
    let output = child.wait_with_output().expect("it ends");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_reader_that_leaves_early_is_no_reason_to_fail() {
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let doctor = bootwright(&["doctor", "--offline"]);
    assert_eq!(run_to(&doctor, writer.into()), (Some(0), String::new()));
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let full = fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let (code, said) = run_to(&bootwright(&["doctor", "--offline"]), full.into());
    assert_eq!(code, Some(2));
    assert_eq!(said, "error: writing to standard output: no space left on device\n");
}
